"""The version of a piece of code: a hash over its file and all of ours that it imports.

Imports are found by parsing, transitively, so nothing is imported. Those inside functions count.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import decode_source
from pathlib import Path

from bench import data

OURS = frozenset({"bench", "methods"})
"""The project's packages."""
_INSTALLED = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class Root:
    """A folder that modules are looked for in."""

    folder: Path
    names: frozenset[str] | None = None
    """Packages and modules that may be found there; None for all."""
    inside: bool = False
    """Whether the folder is the package itself, whatever the folder is called."""

    def find(self, parts: tuple[str, ...]) -> Path | None:
        """Return a module's file, or a package's __init__.py."""
        if self.names is not None and parts[0] not in self.names:
            return None
        base = self.folder.joinpath(*(parts[1:] if self.inside else parts))
        choices = [base / "__init__.py"]
        if base != self.folder:
            choices.append(base.with_name(f"{base.name}.py"))
        return next((choice for choice in choices if choice.is_file()), None)


def version(path: Path, module: str) -> str:
    """Return the first digits of a sha256 over a file and what it imports of its own project's.

    That is bench and methods; of a module from outside its own package as well, of a file from
    outside the modules beside it and in folders of the import path that hold it. Strings that stand
    alone, documentation, do not count: they are nothing that runs.

    Args:
        path: The file.
        module: Its dotted name, or for a file from outside what it was called by, ending in .py.
    """
    digest = hashlib.sha256()
    for name, file in sorted(behind(path, module).items()):
        code = _read(file).code
        digest.update(f"{name} {len(code)} ".encode() + code)
    return digest.hexdigest()[:12]


def behind(path: Path, module: str) -> dict[str, Path]:
    """Return the files that `version` covers, by the name of their module.

    Args:
        path: The file.
        module: What it is called, as in `version`.
    """
    path = path.resolve()
    outside = module.endswith(".py")
    own = (path.stem,) if outside else tuple(module.split("."))
    roots = _beside(path) if outside else _above(path, own)
    found, sought = {".".join(own): path}, {own}
    waiting = [(own, path)]
    while waiting:
        for parts in _imported(*waiting.pop()):
            if parts in sought:
                continue
            sought.add(parts)
            file = next(filter(None, (root.find(parts) for root in roots)), None)
            if file is not None:
                found[".".join(parts)] = file
                waiting.append((parts, file))
    return found


def _beside(path: Path) -> list[Root]:
    """Return where a file from outside finds modules of its own project."""
    entries = (Path(entry).resolve() for entry in sys.path)
    holders = [
        each for each in entries if path.is_relative_to(each) and each.name not in _INSTALLED
    ]
    return [Root(data.ROOT, OURS), *map(Root, dict.fromkeys([path.parent, *holders]))]


def _above(path: Path, own: tuple[str, ...]) -> list[Root]:
    """Return where a module finds others of its own project: in the folder its package is in."""
    depth = len(own) - (path.stem != "__init__")
    folder = path.parents[depth]
    if own[0] in OURS:
        return [Root(folder, OURS)]
    if depth:
        # Installed in place, a package may be a folder of another name.
        return [Root(data.ROOT, OURS), Root(path.parents[depth - 1], frozenset({own[0]}), True)]
    return [Root(data.ROOT, OURS), Root(folder, frozenset({own[0]}))]


def _imported(own: tuple[str, ...], path: Path) -> Iterator[tuple[str, ...]]:
    """Yield the modules that a file may import, each after the packages that it is in."""
    package = own if path.stem == "__init__" else own[:-1]
    for level, name in _read(path).imports:
        above = package[: len(package) + 1 - level] if level else ()
        parts = (*above, *filter(None, name.split(".")))
        yield from (parts[:length] for length in range(1, len(parts) + 1))


@dataclass(frozen=True)
class _Source:
    code: bytes
    """What runs."""
    imports: tuple[tuple[int, str], ...]
    """Leading dots and dotted name; `from a import b` may be the module a.b."""


def _read(path: Path) -> _Source:
    """Read a file, once per content."""
    stat = path.stat()
    return _parsed(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=1024)
def _parsed(path: Path, changed: int, size: int) -> _Source:
    source = path.read_bytes()
    try:
        text = decode_source(source)
        nodes = list(ast.walk(ast.parse(text, str(path))))
    except (SyntaxError, ValueError):
        # Whoever imports it will be told.
        return _Source(source, ())
    imports: list[tuple[int, str]] = []
    for node in nodes:
        if isinstance(node, ast.Import):
            imports += [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            imports += [(node.level, f"{base}.{alias.name}") for alias in node.names]
    return _Source(_running(text.encode(), nodes), tuple(imports))


def _running(source: bytes, nodes: list[ast.AST]) -> bytes:
    """Return the source without strings that stand alone."""
    alone = [
        node
        for node in nodes
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    lines = source.split(b"\n")
    # From the end, so that places before stay where they are.
    for node in sorted(alone, key=lambda node: (node.lineno, node.col_offset), reverse=True):
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        rest = lines[first][: node.col_offset] + lines[last][node.end_col_offset :]
        lines[first : last + 1] = [rest]
    return b"\n".join(lines)
