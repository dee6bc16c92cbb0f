"""Finds methods, metrics and attacks by their files, completes their options, and loads them.

Adding one is adding a file; nothing is imported before it is loaded.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from bench import data, digests
from bench.names import find
from bench.registry.sources import Entry, OptionInfo, read_class, scan
from bench.types import InputError, Option, RunSpec

if TYPE_CHECKING:
    from bench.attacks import Attack
    from bench.metrics import Metric
    from bench.models.eraser import Eraser

__all__ = [
    "Entry",
    "OptionInfo",
    "attacks",
    "chosen_metrics",
    "detector",
    "eraser",
    "find",
    "load_attack",
    "load_method",
    "load_metric",
    "method",
    "methods",
    "metric",
    "metrics",
    "options",
    "shared_settings",
]

_PLAIN = {"int": int, "float": float, "str": str, "bool": bool}
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def methods() -> dict[str, Entry]:
    """Return the erasers, one a file in methods/, by name."""
    return scan("method", data.ROOT / "methods", "methods", "Eraser")


def metrics() -> dict[str, Entry]:
    """Return the metrics, one a file in bench/metrics/, by name."""
    return scan("metric", data.ROOT / "bench" / "metrics", "bench.metrics", "Metric")


def metric(name: str, settings: Sequence[str] = ()) -> Metric:
    """Import a metric and make it with options, as in `options`; what follows @ is its first one's.

    So `nudity@0.7` has that threshold, and `identity@faces.csv` those verdicts.

    Raises:
        InputError: there is no such metric, or an option that none of these has.
    """
    known = metrics()
    stem, at, value = name.partition("@")
    entry = known[find("metric", stem, known)]
    if at and not entry.options:
        raise InputError(f"metric {stem} has no options, so nothing can follow the @ of '{name}'")
    given = [*settings, f"{entry.options[0].name}={value}"] if at else settings
    return load_metric(entry, options(entry, "", given))


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
            find(what, name, [known for known in metrics() if fits(metric(known))])
        found.append(each)
    return found


def detector(metric: Metric) -> str:
    """Return who measures: its network, and the version of its code and of what that imports.

    Where files are read for it, for example verdicts from elsewhere, their hash is part of it.
    """
    version = metrics()[metric.name.partition("@")[0]].version
    paths = [Path(getattr(metric, name)) for name in metric.files if getattr(metric, name)]
    held = "".join(f" {path.name} {digests.of(path)[:8]}" for path in paths)
    return f"{version} {metric.detector}{held}"


def attacks() -> dict[str, Entry]:
    """Return the attacks, one a file in bench/attacks/, by name."""
    return scan("attack", data.ROOT / "bench" / "attacks", "bench.attacks", "Attack")


def method(name: str, also: Iterable[str] = ()) -> Entry:
    """Return an eraser by name, or from outside as `path/to/file.py:Class` or `a.module:Class`.

    Args:
        also: Other words that would have been allowed, for the message.

    Raises:
        InputError: there is no such method, file, module or class.
    """
    if ":" in name:
        return _outside(name)
    known = methods()
    return known[find("method", name, (*known, *also, "file.py:Class", "package.module:Class"))]


def _outside(name: str) -> Entry:
    where, _, class_name = name.rpartition(":")
    if where.endswith(".py"):
        path = Path(where).expanduser()
        if not path.is_file():
            raise InputError(f"method '{name}': there is no file {where}")
        return read_class(path, "method", where, "Eraser", class_name)
    try:
        spec = importlib.util.find_spec(where)
    except (ImportError, ValueError) as error:
        raise InputError(f"method '{name}': cannot find module '{where}': {error}") from None
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        raise InputError(f"method '{name}': there is no Python module '{where}'")
    return read_class(Path(spec.origin), "method", where, "Eraser", class_name)


def options(
    entry: Entry, preset: str, settings: Sequence[str] = (), flag: str = "--set"
) -> dict[str, Option]:
    """Return all options: the defaults, replaced by a preset, replaced by the settings.

    Args:
        preset: Its name; one that the entry does not have changes nothing.
        settings: "name=value", as on the command line.
        flag: What they follow there, for the message.

    Raises:
        InputError: an option is unknown or its value has another type.
    """
    known = {option.name: option for option in entry.options}
    values = {name: _as_declared(option, option.default) for name, option in known.items()}
    for name, value in entry.presets.get(preset, {}).items():
        find(f"option in the {preset} preset of {entry.name}", name, known)
        values[name] = _as_declared(known[name], value)
    for setting in settings:
        name, text = split(setting, flag)
        find(f"option of {entry.name}", name, known)
        values[name] = _parse(entry, known[name], text, flag)
    return values


def split(setting: str, flag: str = "--set") -> tuple[str, str]:
    """Split "name=value"."""
    name, equals, text = setting.partition("=")
    if not equals or not name.strip():
        raise InputError(f"{flag} got '{setting}', must be name=value")
    return name.strip(), text.strip()


def shared_settings(
    entries: Sequence[Entry], settings: Sequence[str], flag: str = "--set"
) -> dict[str, list[str]]:
    """Return for each entry the settings that it has an option for; each must serve one.

    Args:
        entries: Methods or attacks.
        settings: "name=value", as on the command line.
        flag: What they follow there, for the message.

    Raises:
        InputError: a setting is none of any entry's options.
    """
    given: dict[str, list[str]] = {entry.name: [] for entry in entries}
    for setting in settings:
        name, _ = split(setting, flag)
        takers = [entry for entry in entries if name in {option.name for option in entry.options}]
        for entry in takers:
            given[entry.name].append(setting)
        if not takers:
            every = dict.fromkeys(option.name for entry in entries for option in entry.options)
            find(f"option of {', '.join(given)}", name, every)
    return given


def load_method(entry: Entry, values: Mapping[str, Option]) -> Eraser:
    """Import the method and make it with these options."""
    return cast("Eraser", _load(entry)(**values))


def eraser(spec: RunSpec) -> Eraser:
    """Import a run's method, from where it is, and make it with the run's options."""
    values = {
        name: spec.places.get(f"option.{name}", value) for name, value in spec.options.items()
    }
    return load_method(method(spec.place("method")), values)


def load_metric(entry: Entry, values: Mapping[str, Option] | None = None) -> Metric:
    """Import the metric and make it with these options."""
    return cast("Metric", _load(entry)(**(values or {})))


def load_attack(entry: Entry, values: Mapping[str, Option]) -> Attack:
    """Import the attack and make it with these options."""
    return cast("Attack", _load(entry)(**values))


def _load(entry: Entry) -> Any:
    if entry.module.endswith(".py"):
        return getattr(_import_file(entry), entry.class_name)
    return getattr(importlib.import_module(entry.module), entry.class_name)


def _import_file(entry: Entry) -> ModuleType:
    """Import a file from outside, once per content; a dataclass needs its module in `sys`."""
    name = f"bench_outside_{entry.path.stem}_{entry.version}"
    if name not in sys.modules:
        module = sys.modules[name] = ModuleType(name)
        module.__file__ = str(entry.path)
        try:
            # Not by importlib: its bytecode cache misses a change within one second.
            exec(compile(entry.path.read_bytes(), entry.path, "exec"), module.__dict__)
        except Exception as error:
            del sys.modules[name]
            problem = f"{type(error).__name__}: {error}"
            raise InputError(f"{entry.path} cannot be imported: {problem}") from error
    return sys.modules[name]


def _types(option: OptionInfo) -> list[str]:
    """Return the parts of a union, for example ["float", "None"]."""
    return [part.strip() for part in option.type.split("|")]


def _as_declared(option: OptionInfo, value: Option) -> Option:
    """Make 1 of a float option 1.0, so that equal options are equal in a run's name."""
    if type(value) is int and "float" in _types(option):
        return float(value)
    return value


def _parse(entry: Entry, option: OptionInfo, text: str, flag: str) -> Option:
    """Read a value from the command line as the option's type."""
    kinds = _types(option)
    if "None" in kinds and text.casefold() == "none":
        return None
    plain = [kind for kind in kinds if kind in _PLAIN]
    if option.choices and (text in option.choices or not plain):
        return find(f"value of {entry.name}'s option {option.name}", text, option.choices)
    for kind in plain:
        try:
            return _plain(kind, text)
        except ValueError:
            continue
    raise InputError(
        f"{flag} {option.name}={text}: {entry.name}'s option {option.name} must be "
        f"{allowed(option)}"
    )


def _plain(kind: str, text: str) -> Option:
    if kind == "bool":
        if text.casefold() not in _TRUTH:
            raise ValueError(text)
        return _TRUTH[text.casefold()]
    value = cast(Option, _PLAIN[kind](text))
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(text)
    return value


def allowed(option: OptionInfo) -> str:
    """Say in words what an option can be."""
    words: Iterable[str] = option.choices or (kind for kind in _types(option) if kind != "None")
    names = {"bool": "true or false", "int": "an integer", "float": "a number", "str": "text"}
    text = " or ".join(names.get(word, word) for word in words)
    return f"{text} or none" if "None" in _types(option) else text


def written(value: Option) -> str:
    """Write a value as --set takes it."""
    return str(value).casefold() if value is None or isinstance(value, bool) else str(value)
