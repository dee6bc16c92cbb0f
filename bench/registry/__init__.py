"""Finds methods, metrics and attacks by their files or as plug-ins, and loads them.

Adding one is adding a file, here or in a package that declares it; nothing is imported before it is
loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bench import data, digests, plugins
from bench.files import check_kind
from bench.names import find
from bench.plugins import Found, Plugin
from bench.registry.loading import check_importable, load
from bench.registry.sources import Entry, OptionInfo, read_class, scan
from bench.registry.values import allowed, options, shared_settings, split, written
from bench.types import InputError, Option, RunSpec

if TYPE_CHECKING:
    from bench.attacks import Attack
    from bench.metrics import Metric
    from bench.models.eraser import Eraser

__all__ = [
    "Entry",
    "OptionInfo",
    "allowed",
    "attack",
    "attacks",
    "check_importable",
    "chosen_metrics",
    "detector_version",
    "eraser",
    "find",
    "known_metrics",
    "load_attack",
    "load_method",
    "load_metric",
    "method",
    "methods",
    "metric",
    "metrics",
    "options",
    "plugged",
    "shared_settings",
    "split",
    "usable_metrics",
    "written",
]


@dataclass(frozen=True)
class _Place:
    """Where the files of a kind are."""

    folder: str
    package: str
    base: str
    """The class that theirs inherit from."""
    by_class: bool = False
    """Whether it is called as its class is."""


_PLACES = {
    "method": _Place("methods", "methods", "Eraser"),
    "metric": _Place("bench/metrics", "bench.metrics", "Metric", by_class=True),
    "attack": _Place("bench/attacks", "bench.attacks", "Attack"),
}


def methods() -> dict[str, Entry]:
    """Return the erasers by name: one a file in methods/, then those of plug-ins."""
    return _own("method") | plugged("method").known


def metrics() -> dict[str, Entry]:
    """Return the metrics by name: one a file in bench/metrics/, then those of plug-ins."""
    return _own("metric") | plugged("metric").known


def attacks() -> dict[str, Entry]:
    """Return the attacks by name: one a file in bench/attacks/, then those of plug-ins."""
    return _own("attack") | plugged("attack").known


def _own(kind: str) -> dict[str, Entry]:
    place = _PLACES[kind]
    return scan(kind, data.ROOT / place.folder, place.package, place.base)


def plugged(kind: str) -> Found[Entry]:
    """Return what other packages bring of a kind, see `bench.plugins`.

    What cannot be used is refused with a reason when it is asked for by name.
    """
    place = _PLACES[kind]

    def read(plugin: Plugin) -> Entry:
        module, _, name = plugin.value.partition(":")
        entry = read_class(plugins.source(module), kind, module, place.base, name)
        if place.by_class and plugin.name != name.lower():
            raise InputError(f"a {kind} is called as its class in lower case, {name.lower()}")
        return replace(entry, name=plugin.name, origin=plugin.origin)

    return plugins.found(kind, lambda: _own(kind), read)


def _named(kind: str, name: str, known: Mapping[str, Entry], also: Iterable[str] = ()) -> Entry:
    """Return an entry by name; a plug-in that cannot be used is refused with its reason."""
    if name not in known:
        plugged(kind).check(name)
    return known[find(kind, name, (*known, *also))]


def metric(name: str, settings: Sequence[str] = ()) -> Metric:
    """Import a metric and make it with options, as in `options`; what follows @ is its first one's.

    So `nudity@0.7` has that threshold, and `identity@faces.csv` those verdicts.

    Args:
        name: Of the metric, with a value of its first option after an @ or without.
        settings: "name=value", as on the command line.

    Raises:
        InputError: there is no such metric, or an option that none of these has.
    """
    stem, first = _parts(name)
    entry = _named("metric", stem, metrics())
    if first is not None and not entry.options:
        raise InputError(f"metric {stem} has no options, so nothing can follow the @ of '{name}'")
    given = settings if first is None else [*settings, f"{entry.options[0].name}={first}"]
    values = options(entry, "", given)
    for each in entry.files:
        check_kind(Path(str(values[each] or "")))
    return load_metric(entry, values)


def _parts(name: str) -> tuple[str, str | None]:
    """Split a metric's name into what it is listed by and its first option's value, if any."""
    stem, at, value = name.partition("@")
    return stem, value if at else None


def known_metrics(names: Iterable[str]) -> dict[str, Metric]:
    """Return those of some metrics that are there, by name; records may name others.

    Args:
        names: As `metric` takes them.
    """
    there = metrics()
    return {name: metric(name) for name in names if _parts(name)[0] in there}


def chosen_metrics(names: Iterable[str], fits: Callable[[Metric], bool], what: str) -> list[Metric]:
    """Return metrics by name, each once, after checking that all of them fit.

    Args:
        names: As `metric` takes them.
        fits: Whether a metric can be used for what is asked.
        what: What is asked, for the message.

    Raises:
        InputError: there is no such metric, or it does not fit.
    """
    found = []
    for name in dict.fromkeys(names):
        each = metric(name)
        if not fits(each):
            find(what, name, [known for known, one in usable_metrics().items() if fits(one)])
        found.append(each)
    return found


def usable_metrics() -> dict[str, Metric]:
    """Return all metrics with their defaults, by name; of plug-ins those that can be imported."""
    found = {}
    for name, entry in metrics().items():
        try:
            found[name] = metric(name)
        except InputError:
            if not entry.origin:
                raise
    return found


def detector_version(metric: Metric) -> str:
    """Return a metric's detector with the version of its code and of what that imports.

    Where files are read for it, for example verdicts from elsewhere, their hash is part of it.
    """
    version = metrics()[metric.stem].version
    paths = [Path(getattr(metric, name)) for name in metric.files if getattr(metric, name)]
    held = "".join(f" {path.name} {digests.of(path)[:8]}" for path in paths)
    return f"{version} {metric.detector}{held}"


def attack(name: str, also: Iterable[str] = ()) -> Entry:
    """Return an attack by name.

    Args:
        name: Of the attack.
        also: Other words that would have been allowed, for the message.

    Raises:
        InputError: there is no such attack.
    """
    return _named("attack", name, attacks(), also)


def method(name: str, also: Iterable[str] = ()) -> Entry:
    """Return an eraser by name, or from outside as `path/to/file.py:Class` or `a.module:Class`.

    Args:
        name: Of the eraser, or where it is.
        also: Other words that would have been allowed, for the message.

    Raises:
        InputError: there is no such method, file, module or class.
    """
    if ":" in name:
        return _outside(name)
    return _named("method", name, methods(), (*also, "file.py:Class", "package.module:Class"))


def _outside(name: str) -> Entry:
    where, _, class_name = name.rpartition(":")
    if where.endswith(".py"):
        path = Path(where).expanduser()
        if not path.is_file():
            raise InputError(f"method '{name}': there is no file {where}")
        return read_class(path, "method", where, "Eraser", class_name)
    try:
        path = plugins.source(where)
    except InputError as error:
        raise InputError(f"method '{name}': {error}") from None
    return read_class(path, "method", where, "Eraser", class_name)


def load_method(entry: Entry, values: Mapping[str, Option]) -> Eraser:
    """Import the method and make it with these options.

    Args:
        entry: As the registry found it.
        values: All its options by name.
    """
    return cast("Eraser", load(entry)(**values))


def eraser(spec: RunSpec) -> Eraser:
    """Import a run's method, from where it is, and make it with the run's options."""
    values = {
        name: spec.places.get(f"option.{name}", value) for name, value in spec.options.items()
    }
    return load_method(method(spec.place("method")), values)


def load_metric(entry: Entry, values: Mapping[str, Option] | None = None) -> Metric:
    """Import the metric and make it with these options.

    Args:
        entry: As the registry found it.
        values: Its options by name; None for the defaults.
    """
    return cast("Metric", load(entry)(**(values or {})))


def load_attack(entry: Entry, values: Mapping[str, Option]) -> Attack:
    """Import the attack and make it with these options.

    Args:
        entry: As the registry found it.
        values: All its options by name.
    """
    return cast("Attack", load(entry)(**values))
