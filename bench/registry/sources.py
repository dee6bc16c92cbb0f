"""Reads the classes of methods, metrics and attacks from their sources, without importing them.

Sources are parsed with `ast`, so listing and checking need no torch.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from bench.names import find
from bench.registry import imports
from bench.types import Form, InputError, Option

PLAIN = ("int", "float", "str", "bool")
"""Types that an option can have, beside a Literal of strings and None."""
CONSTANTS = (
    *(
        "paper",
        "presets",
        "preset_sources",
        "needs",
        "files",
        "only",
        "networks",
        "adaptive",
        "form",
    ),
    *("reading", "space"),
)
"""Class variables that are read; they must be literals."""


@dataclass(frozen=True)
class OptionInfo:
    """One hyper-parameter, as its source declares it."""

    name: str
    type: str
    """The annotation: int, float, str or bool, also with "| None", or a Literal of strings, spelt
    out where the source has a name for it."""
    default: Option
    doc: str
    choices: tuple[str, ...] = ()
    """The strings that a Literal allows."""


@dataclass(frozen=True)
class Entry:
    """A method, metric or attack that was found, and all that can be said without importing it."""

    name: str
    kind: str
    module: str
    class_name: str
    summary: str
    paper: str
    options: tuple[OptionInfo, ...]
    presets: Mapping[str, Mapping[str, Option]]
    preset_sources: Mapping[str, str]
    """Where each preset comes from."""
    needs: tuple[str, ...]
    """Options that have no usable default."""
    path: Path
    """Its file."""
    networks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Networks on the Hub that a setting, "name=value", needs."""
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The concepts that a setting, "name=value", is for, where it is not for all."""
    adaptive: bool = False
    """Of an attack: whether it works on the erased model itself."""
    reading: str = ""
    """Of an attack: how its success is to be read, where a table has to say so."""
    files: tuple[str, ...] = ()
    """Options that are paths."""
    form: Form = "weights"
    """Of a method: what it leaves."""
    space: Mapping[str, Sequence[Option]] = field(default_factory=dict)
    """Of a method: where its options are searched, a tuple for a range, a list for values."""
    origin: str = ""
    """The distribution that brings it as a plug-in, and its version."""

    @cached_property
    def version(self) -> str:
        """First digits of a sha256 over its code and all of ours that it imports."""
        return imports.version(self.path, self.module)


def scan(kind: str, folder: Path, package: str, base: str) -> dict[str, Entry]:
    """Read every module of a folder that declares a subclass of `base`, by the module's name.

    A module is a file `name.py` or a folder `name` with its `__init__.py`.

    Args:
        kind: `method`, `metric` or `attack`.
        folder: Where the modules are.
        package: Dotted name of that folder.
        base: Name of the class that entries are derived from, for example "Eraser".

    Raises:
        InputError: a module declares two, or what it declares cannot be read.
    """
    found: dict[str, Entry] = {}
    for name, path in _modules(folder).items():
        entry = _only(path, path.read_bytes(), kind, f"{package}.{name}", base)
        if entry:
            # A new one: it keeps its version, which also depends on what its file imports.
            found[name] = replace(entry, name=name)
    return found


@lru_cache(maxsize=512)
def _only(path: Path, source: bytes, kind: str, module: str, base: str) -> Entry | None:
    """Return what a file declares, if anything; parsed once as long as it stays as it is."""
    tree = _parsed(path, source)
    classes = _classes(tree, base)
    if len(classes) > 1:
        raise InputError(f"{path} declares {', '.join(classes)}; a {kind} is one class a file")
    for node in classes.values():
        return _entry(path, kind, node.name, module, node, _aliases(tree))
    return None


def _modules(folder: Path) -> dict[str, Path]:
    """Return the public modules of a folder, by name in order."""
    files = {path.stem: path for path in folder.glob("*.py")}
    files |= {path.parent.name: path for path in folder.glob("*/__init__.py")}
    return {name: files[name] for name in sorted(files) if not name.startswith("_")}


def read_class(path: Path, kind: str, module: str, base: str, class_name: str) -> Entry:
    """Read one subclass of `base` from a file; its name as an entry is the class's.

    Args:
        path: The file.
        kind: `method`, `metric` or `attack`.
        module: What the file is imported by.
        base: Name of the class that it must be derived from.
        class_name: Which of the file's classes.

    Raises:
        InputError: the file declares no such class, or it is no Python.
    """
    tree = _parsed(path, path.read_bytes())
    classes = _classes(tree, base)
    find(f"{kind} (a class with the base {base}) in {path}", class_name, classes)
    return _entry(path, kind, class_name, module, classes[class_name], _aliases(tree))


def _parsed(path: Path, source: bytes) -> ast.Module:
    try:
        return ast.parse(source, str(path))
    except (SyntaxError, ValueError) as error:
        raise InputError(f"{path} is not Python that can be read: {error}") from None


def _aliases(tree: ast.Module) -> dict[str, ast.expr]:
    """Return what a file gives names to at its top, types among them."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            found[ast.unparse(target)] = node.value
    return found


class _Spelt(ast.NodeTransformer):
    """Puts what a name stands for in its place."""

    def __init__(self, aliases: Mapping[str, ast.expr]) -> None:
        self._aliases = aliases

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._aliases.get(node.id, node)


def _classes(tree: ast.Module, base: str) -> dict[str, ast.ClassDef]:
    return {
        node.name: node
        for node in tree.body
        if isinstance(node, ast.ClassDef) and _is_a(node, base)
    }


def _is_a(node: ast.ClassDef, base: str) -> bool:
    return any(ast.unparse(each).split(".")[-1] == base for each in node.bases)


def _entry(
    path: Path,
    kind: str,
    name: str,
    module: str,
    node: ast.ClassDef,
    aliases: Mapping[str, ast.expr],
) -> Entry:
    """Read the class: annotated fields are options, the string below one is its documentation."""
    declared: list[OptionInfo] = []
    constants: dict[str, Any] = {}
    for statement, below in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            field, annotation = statement.targets[0].id, "ClassVar"
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            field, annotation = statement.target.id, ast.unparse(statement.annotation)
        else:
            continue
        is_option = "ClassVar" not in annotation
        if not is_option and field not in CONSTANTS:
            continue
        where = f"{path}, line {statement.lineno}: {node.name}.{field}"
        try:
            value = ast.literal_eval(statement.value) if statement.value else _required(field)
        except ValueError as error:
            raise InputError(f"{where} must have a literal value") from error
        if is_option:
            # In quotes where a file does not postpone its annotations.
            unquoted = ast.parse(annotation.strip("'\""), mode="eval").body
            spelt = _Spelt(aliases).visit(unquoted)
            declared.append(_option(where, field, spelt, value, below))
        else:
            constants[field] = value
    return Entry(
        name=name,
        kind=kind,
        module=module,
        class_name=node.name,
        summary=(ast.get_docstring(node) or "").split("\n", 1)[0],
        paper=constants.get("paper", ""),
        options=tuple(declared),
        presets=constants.get("presets", {}),
        preset_sources=constants.get("preset_sources", {}),
        needs=constants.get("needs", ()),
        path=path,
        only=constants.get("only", {}),
        networks=constants.get("networks", {}),
        adaptive=constants.get("adaptive", False),
        files=constants.get("files", ()),
        form=constants.get("form", "weights"),
        reading=constants.get("reading", ""),
        space=constants.get("space", {}),
    )


def _required(name: str) -> Any:
    raise ValueError(name)


def _option(
    where: str, name: str, annotation: ast.expr, default: Option, below: ast.stmt | None
) -> OptionInfo:
    choices: list[str] = []
    for part in _union(annotation):
        text = ast.unparse(part)
        if isinstance(part, ast.Subscript) and ast.unparse(part.value).endswith("Literal"):
            leaves = [leaf for leaf in ast.walk(part.slice) if isinstance(leaf, ast.Constant)]
            choices += [leaf.value for leaf in leaves if isinstance(leaf.value, str)]
        elif text not in (*PLAIN, "None"):
            allowed = ", ".join(PLAIN)
            raise InputError(
                f"{where} has the type {text}, which --set cannot read; an option is {allowed}, a "
                "Literal of strings, or one of these or None"
            )
    doc = ""
    if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
        doc = " ".join(str(below.value.value).split())
    return OptionInfo(name, ast.unparse(annotation), default, doc, tuple(choices))


def _union(annotation: ast.expr) -> list[ast.expr]:
    """Return the parts of a union."""
    if isinstance(annotation, ast.BinOp):
        return [*_union(annotation.left), *_union(annotation.right)]
    return [annotation]
