"""The file of --config: the options of a command, as TOML, under their own names.

A method or a suite may be a table with options of its own. What is typed on the command line counts
more than the file; of its methods and suites it picks those that are named.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.names import find, typed
from bench.types import ALL, InputError

if TYPE_CHECKING:
    from bench.runs.grid import Methods

OF_THE_CALL = frozenset({"config", "help", "plan", "measure", "json", "quiet", "plain"})
"""What is said of one call alone, so never in a file."""
OF_ALL = frozenset({"suite", "out", "device", "workers", "threads", "executor", "address"})
"""What all suites of a file share."""
OF_METHODS = ("name", "set", "preset", "seed")
"""What the table of a method may hold."""
SETTINGS = ("set", "attack_set")
"""Options by name that are merged by these names: those typed with those of the file."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --config, for a command whose options may stand in a file."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE|NAME",
        help="TOML with these options, by their names, or a published protocol, see "
        f"`{typed('list protocols')}`; what is typed beside it counts more",
    )
    parser.set_defaults(parser=parser)


def lines(args: argparse.Namespace) -> list[argparse.Namespace]:
    """Return what was asked for as if it had been typed: the arguments, for each suite of a file.

    Args:
        args: The command's arguments, whose parser declared --config.

    Raises:
        InputError: the file cannot be read, or holds what the command cannot be told.
    """
    if args.config is None:
        return [args]
    # Prompts and their schema, which no call without a file needs.
    from bench.cli import protocols
    from bench.prompts import tables

    path = protocols.found(args.config)
    table = tables.toml(path)
    said = protocols.of(path, table)
    own = {key: value for key, value in table.items() if key != protocols.TABLE}
    lines = list(_File(path, protocols.base(path), args).lines(own))
    if said and "suite" not in args.typed:
        for line in lines:
            said.check(line.suite)
    return lines


class _File:
    """A file beside what was typed."""

    def __init__(self, path: Path, base: Path, args: argparse.Namespace) -> None:
        """Name them.

        Args:
            path: The file.
            base: The folder that its relative paths start from.
            args: What was typed.
        """
        self.path, self.base, self.args = path, base, args
        self.actions = {
            text.removeprefix("--"): action
            for text, action in args.parser._option_string_actions.items()
            if text.startswith("--") and text.removeprefix("--") not in OF_THE_CALL
        }

    def lines(self, table: Mapping[str, Any]) -> Iterator[argparse.Namespace]:
        """Yield the arguments of each suite that the file names, or of the only one."""
        tables = _tables(table.get("suite")) if "suite" in self.actions else []
        if not tables:
            yield self._filled(self._read(table))
            return
        shared = {key: value for key, value in table.items() if key != "suite"}
        known = {key: each for key, each in self.actions.items() if each.dest not in OF_ALL}
        for each in tables:
            for key in each:
                find(f"key of suite {each.get('name')} in {self.path}", key, ["name", *known])
        names = [self._name(each, "suite") for each in tables]
        typed = self.args.suite if "suite" in self.args.typed else None
        if typed not in (None, *names):
            yield self._filled(self._read(shared))
        for name, own in zip(names, tables, strict=True):
            if typed in (None, name):
                rest = {key: value for key, value in own.items() if key != "name"}
                found = self._filled(self._read(shared | rest))
                found.suite = self._named(name, "suite")
                yield found

    def _read(self, table: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of a table by the name that the parser gives them."""
        found: dict[str, Any] = {}
        for key, value in table.items():
            action = self.actions[find(f"key of {self.path}", key, self.actions)]
            if key == "method" and "set" in self.actions:
                found["method"] = self._methods(value)
            elif action.dest in SETTINGS:
                found[action.dest] = self._settings(value, key)
            else:
                found[action.dest] = self._value(action, key, value)
        return found

    def _value(self, action: argparse.Action, key: str, value: Any) -> Any:
        """Return a value as the parser would have read it."""
        if action.nargs == 0:
            if isinstance(value, bool):
                return value
            raise self._wrong(key, value, "true or false")
        if isinstance(action, argparse._AppendAction):
            return [self._one(action, key, each) for each in _listed(value)]
        return self._one(action, key, value)

    def _one(self, action: argparse.Action, key: str, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self._wrong(key, value, "a text or a number")
        read: Any = action.type or str
        try:
            found = read(str(value))
        except argparse.ArgumentTypeError as error:
            raise InputError(f"{self.path}: {key}: {error}") from None
        if isinstance(found, Path):
            return self.base / found.expanduser()
        return self._named(found, key)

    def _methods(self, value: Any) -> list[str | Methods]:
        """Return methods, those of a table with what is for them alone."""
        from bench.runs.grid import Methods

        found: list[str | Methods] = []
        for table in _tables(value):
            for key in table:
                find(f"key of method {table.get('name')} in {self.path}", key, OF_METHODS)
            name = self._named(self._name(table, "method"), "method")
            if set(table) == {"name"}:
                found.append(name)
                continue
            preset = table.get("preset")
            if preset is not None and not isinstance(preset, str):
                raise self._wrong(f"preset of {name}", preset, "a name")
            seeds = self._value(self.actions["seed"], f"seed of {name}", table.get("seed", []))
            settings = self._settings(table.get("set", {}), f"set of {name}", [name])
            typed = self.args.typed
            found.append(
                Methods(
                    (name,),
                    tuple(_other(settings, self.args.set)),
                    None if "preset" in typed else preset,
                    () if "seed" in typed else tuple(seeds),
                )
            )
        return found

    def _settings(self, value: Any, key: str, methods: Sequence[str] = ()) -> list[str]:
        """Return options as they would have been typed: a table of them, or texts "name=value"."""
        from bench.registry import split, written

        if isinstance(value, Mapping):
            pairs = [(name, each) for name, some in value.items() for each in _listed(some)]
        else:
            pairs = [split(str(each), f"{self.path}: {key}") for each in _listed(value)]
        found = []
        for name, each in pairs:
            if each is not None and not isinstance(each, str | int | float):
                raise self._wrong(f"{key} {name}", each, "a text, a number, true or false")
            text = written(each)
            found.append(f"{name}={self._beside(text) if name in _files(methods) else text}")
        return found

    def _filled(self, said: Mapping[str, Any]) -> argparse.Namespace:
        """Return the arguments with what the file says of those that were not typed."""
        found = argparse.Namespace(**vars(self.args))
        for name, value in said.items():
            typed = getattr(self.args, name)
            if name in SETTINGS:
                setattr(found, name, [*typed, *_other(value, typed)])
            elif name == "method" and "method" in self.args.typed:
                own = [each for each in value if set(_names(each)) & set(typed)]
                there = {each for some in own for each in _names(some)}
                found.method = [*own, *(each for each in typed if each not in there)]
            elif name not in self.args.typed:
                setattr(found, name, value)
        return found

    def _name(self, table: Mapping[str, Any], what: str) -> str:
        name = table.get("name")
        if not isinstance(name, str):
            raise self._wrong(f"name of a {what}", name, "a text")
        return name

    def _named(self, value: Any, key: str) -> Any:
        """Return what a name means: of a folder or a file beside the config, its path."""
        if key not in ("model", "suite", "method") or value in _known(key):
            return value
        path, colon, name = value.rpartition(":") if key == "method" else (value, "", "")
        return self._beside(path) + colon + name if path else value

    def _beside(self, text: str) -> str:
        there = self.base / Path(text).expanduser()
        # Never what merely lies where the command was typed.
        return str(there) if there.exists() or Path(text).exists() else text

    def _wrong(self, key: str, value: Any, must: str) -> InputError:
        return InputError(f"{self.path}: {key}: got {value!r}, must be {must}")


def _tables(value: Any) -> list[Mapping[str, Any]]:
    """Return the tables of methods or suites, where a text stands for one with a name alone."""
    some = [] if value is None else _listed(value)
    return [each if isinstance(each, Mapping) else {"name": each} for each in some]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _names(asked: str | Methods) -> tuple[str, ...]:
    return (asked,) if isinstance(asked, str) else asked.names


def _other(settings: Iterable[str], than: Sequence[str]) -> list[str]:
    """Return the settings of options that others do not set."""
    names = {each.partition("=")[0].strip() for each in than}
    return [each for each in settings if each.partition("=")[0].strip() not in names]


def _files(methods: Sequence[str]) -> set[str]:
    """Return the options of methods, or of all, that are paths."""
    from bench import registry

    some = [registry.method(name, [ALL]) for name in methods] or registry.methods().values()
    return {name for entry in some for name in entry.files}


def _known(key: str) -> Iterable[str]:
    """Return the names of what comes with the package, before which no folder counts."""
    if key == "model":
        from bench.models.recognition import MODELS

        return MODELS
    from bench import prompts, registry

    return {*registry.methods(), ALL} if key == "method" else prompts.suites()
