"""Finds methods and metrics by their files, and reads their options, without importing them.

Adding one is adding a file: sources are parsed with `ast`, so listing and checking need no torch.
"""

from __future__ import annotations

import ast
import importlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bench.names import find
from bench.types import Eraser, InputError, Option

if TYPE_CHECKING:
    from bench.metrics import Metric

__all__ = [
    "Entry",
    "OptionInfo",
    "find",
    "load_method",
    "load_metric",
    "methods",
    "metrics",
    "options",
]

ROOT = Path(__file__).resolve().parent.parent
_PLAIN = {"int": int, "float": float, "str": str, "bool": bool}
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class OptionInfo:
    """One hyper-parameter, as its source declares it."""

    name: str
    type: str
    """The annotation: int, float, str or bool, also with "| None", or a Literal of strings."""
    default: Option
    doc: str
    choices: tuple[str, ...] = ()
    """The strings that a Literal allows."""


@dataclass(frozen=True)
class Entry:
    """A method or metric that was found, and everything that can be said without importing it."""

    name: str
    kind: str
    module: str
    class_name: str
    summary: str
    paper: str
    options: tuple[OptionInfo, ...]
    presets: Mapping[str, Mapping[str, Option]]


def methods() -> dict[str, Entry]:
    """Return the erasers, one a file in methods/, by name."""
    return _scan("method", "methods", "Eraser")


def metrics() -> dict[str, Entry]:
    """Return the metrics, one a file in bench/metrics/, by name."""
    return _scan("metric", "bench.metrics", "Metric")


def options(entry: Entry, family: str, settings: Sequence[str] = ()) -> dict[str, Option]:
    """Return all options: the defaults, replaced by the family's preset, replaced by the settings.

    Args:
        settings: "name=value", as on the command line.

    Raises:
        InputError: an option is unknown or its value has another type.
    """
    known = {option.name: option for option in entry.options}
    values = {name: _as_declared(option, option.default) for name, option in known.items()}
    for name, value in entry.presets.get(family, {}).items():
        find(f"option in the {family} preset of {entry.name}", name, known)
        values[name] = _as_declared(known[name], value)
    for name, text in map(split, settings):
        find(f"option of {entry.name}", name, known)
        values[name] = _parse(entry, known[name], text)
    return values


def split(setting: str) -> tuple[str, str]:
    """Split "name=value"."""
    name, equals, text = setting.partition("=")
    if not equals or not name.strip():
        raise InputError(f"--set got '{setting}', must be name=value")
    return name.strip(), text.strip()


def load_method(entry: Entry, values: Mapping[str, Option]) -> Eraser:
    """Import the method and make it with these options."""
    return cast(Eraser, _load(entry)(**values))


def load_metric(entry: Entry, values: Mapping[str, Option] | None = None) -> Metric:
    """Import the metric and make it with these options."""
    return cast("Metric", _load(entry)(**(values or {})))


def _load(entry: Entry) -> Any:
    return getattr(importlib.import_module(entry.module), entry.class_name)


def _scan(kind: str, package: str, base: str) -> dict[str, Entry]:
    """Read every file of the package that declares a subclass of `base`."""
    found: dict[str, Entry] = {}
    for path in sorted(ROOT.joinpath(*package.split(".")).glob("*.py")):
        if path.stem.startswith("_"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        classes = [
            node for node in tree.body if isinstance(node, ast.ClassDef) and _is_a(node, base)
        ]
        if len(classes) > 1:
            names = ", ".join(node.name for node in classes)
            raise InputError(f"{path} declares {names}; a {kind} is one class a file")
        for node in classes:
            found[path.stem] = _entry(path, kind, f"{package}.{path.stem}", node)
    return found


def _is_a(node: ast.ClassDef, base: str) -> bool:
    return any(ast.unparse(each).split(".")[-1] == base for each in node.bases)


def _entry(path: Path, kind: str, module: str, node: ast.ClassDef) -> Entry:
    """Read the class: annotated fields are options, the string below one is its documentation."""
    declared: list[OptionInfo] = []
    constants: dict[str, Any] = {}
    for statement, below in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name, annotation = statement.targets[0].id, "ClassVar"
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name, annotation = statement.target.id, ast.unparse(statement.annotation)
        else:
            continue
        is_option = "ClassVar" not in annotation
        if not is_option and name not in ("paper", "presets"):
            continue
        try:
            value = ast.literal_eval(statement.value) if statement.value else _required(name)
        except ValueError as error:
            where = f"{path}, line {statement.lineno}"
            raise InputError(f"{where}: {node.name}.{name} must have a literal value") from error
        if is_option:
            declared.append(_option(name, statement, value, below))
        else:
            constants[name] = value
    return Entry(
        name=path.stem,
        kind=kind,
        module=module,
        class_name=node.name,
        summary=(ast.get_docstring(node) or "").split("\n", 1)[0],
        paper=constants.get("paper", ""),
        options=tuple(declared),
        presets=constants.get("presets", {}),
    )


def _required(name: str) -> Any:
    raise ValueError(name)


def _option(
    name: str, statement: ast.Assign | ast.AnnAssign, default: Option, below: ast.stmt | None
) -> OptionInfo:
    annotation = cast(ast.AnnAssign, statement).annotation
    choices = tuple(
        leaf.value
        for node in ast.walk(annotation)
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("Literal")
        for leaf in ast.walk(node.slice)
        if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
    )
    doc = ""
    if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
        doc = " ".join(str(below.value.value).split())
    return OptionInfo(name, ast.unparse(annotation), default, doc, choices)


def _types(option: OptionInfo) -> list[str]:
    """Return the parts of a union, for example ["float", "None"]."""
    return [part.strip() for part in option.type.split("|")]


def _as_declared(option: OptionInfo, value: Option) -> Option:
    """Make 1 of a float option 1.0, so that equal options are equal in a run's name."""
    if type(value) is int and "float" in _types(option):
        return float(value)
    return value


def _parse(entry: Entry, option: OptionInfo, text: str) -> Option:
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
        f"--set {option.name}={text}: {entry.name}'s option {option.name} must be {allowed(option)}"
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
