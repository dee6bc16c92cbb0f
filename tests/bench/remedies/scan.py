"""Finds what messages tell a user to do, in the sources, as the house writes it.

A remedy is a text that is no documentation and holds a command in back quotes, an order behind a
semicolon, a colon or a comma, or a promise that something is made again.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from bench import data

VERBS = (
    *("accept|ask|call|choose|copy|delete|draw|export|fetch|free|give|import|install|leave|lower"),
    *("|make|merge|move|name|put|raise|reinstall|rename|run|save|say|set|split|take|train|try|use"),
    *("|write",),
)
FIRST = "^(?:choose|delete|put|reinstall) "
ORDER = rf"{FIRST}|[;:,] (?:or |and |then |please |so )?(?:{''.join(VERBS)})\b"
COMMAND = r"`[^`]*\{(?:typed|command)[^`]*`|`(?:hf|git|pip|bench|python) [^`]*`|pip install "
PROMISE = (
    r"same (?:command|options)|makes? (?:it|them|all of it) (?:again|anew)"
    r"|measures? (?:it|them) again"
    r"|says otherwise|see --|; --[\w-]+ |\bdoes it\b|fetches it"
)
ORDERS, COMMANDS = re.compile(f"{ORDER}|{PROMISE}"), re.compile(COMMAND)
QUIET = ("help", "metavar", "description", "epilog")
"""Arguments whose texts explain and refuse nothing."""
NO_MESSAGES = ("bench/registry/templates/", "bench/results/glossary/", "bench/runs/card/")
"""Where texts are files that are written, or definitions."""
NAMES = ("HELP", "EXAMPLES", "ENTRY")


def found() -> dict[str, str]:
    """Return each remedy with {} for what is filled in, and where it stands."""
    texts: dict[str, str] = {}
    for room in ("bench", "methods"):
        for path in sorted((data.ROOT / room).rglob("*.py")):
            place = path.relative_to(data.ROOT).as_posix()
            if not place.startswith(NO_MESSAGES):
                for line, text in said(path):
                    texts.setdefault(text, f"{place}:{line}")
    return texts


def said(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each remedy of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    passed = set(_passed(tree))
    for node in ast.walk(tree):
        if id(node) in passed:
            continue
        if isinstance(node, ast.JoinedStr):
            shown = "".join(_part(part) for part in node.values)
            bare = "".join(_part(part, "") for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            shown = bare = node.value
        else:
            continue
        if " " in shown and (ORDERS.search(bare) or COMMANDS.search(shown)):
            yield node.lineno, bare


def _part(part: ast.expr, filled: str | None = None) -> str:
    """Return a part of a text, of what is filled in the expression, or nothing of it."""
    if isinstance(part, ast.Constant):
        return str(part.value)
    assert isinstance(part, ast.FormattedValue)
    return f"{{{ast.unparse(part.value) if filled is None else filled}}}"


def _passed(tree: ast.AST) -> Iterator[int]:
    """Yield the nodes whose texts are none of their own, or are documentation."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield from (id(each) for each in ast.walk(node) if each is not node)
        elif (isinstance(node, ast.keyword) and node.arg in QUIET) or (
            isinstance(node, ast.Assign)
            and any(isinstance(target, ast.Name) and target.id in NAMES for target in node.targets)
        ):
            yield from map(id, ast.walk(node.value))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield id(node.value)
