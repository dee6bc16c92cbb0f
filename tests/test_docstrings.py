"""Every public function with several arguments says what each of them is.

Where: in its own docstring under Args; or, for a method that overrides one, in that of the class
that it is promised by; or at the head of its module, for a catalogue of functions that are all
called alike, such as drawings.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from bench.data import ROOT

FILES = sorted(path for room in ("bench", "methods") for path in (ROOT / room).rglob("*.py"))
_ARGUMENT = re.compile(r"    \*{0,2}(\w+): \S")


@dataclass(frozen=True)
class Function:
    """A public function of a module, or a public method of a class in it."""

    module: ast.Module
    owner: ast.ClassDef | None
    node: ast.FunctionDef

    @property
    def name(self) -> str:
        return f"{self.owner.name}.{self.node.name}" if self.owner else self.node.name

    @property
    def parameters(self) -> list[str]:
        """Its parameters, but for that of the object or class itself."""
        given = self.node.args
        names = [each.arg for each in (*given.posonlyargs, *given.args)]
        bound = self.owner and "staticmethod" not in map(ast.unparse, self.node.decorator_list)
        rest = (given.vararg, *given.kwonlyargs, given.kwarg)
        return names[bool(bound) :] + [each.arg for each in rest if each]

    @property
    def documented(self) -> list[str]:
        return documented(self.node)

    @property
    def bases(self) -> list[str]:
        """The names of the classes that its class is derived from."""
        bases = self.owner.bases if self.owner else []
        return [ast.unparse(base).rpartition(".")[2].partition("[")[0] for base in bases]


def documented(node: ast.Module | ast.FunctionDef) -> list[str]:
    """Return the names under Args in a docstring, in their order."""
    lines = (ast.get_docstring(node) or "").splitlines()
    start = lines.index("Args:") + 1 if "Args:" in lines else len(lines)
    end = next((i for i in range(start, len(lines)) if lines[i][:1].strip()), len(lines))
    matches = (_ARGUMENT.match(line) for line in lines[start:end])
    return [match[1] for match in matches if match]


def functions(source: str) -> list[Function]:
    """Return the public functions and methods of a module."""
    module = ast.parse(source)
    found = []
    for node in module.body:
        owner = node if isinstance(node, ast.ClassDef) else None
        if owner and owner.name.startswith("_"):
            continue
        found += [
            Function(module, owner, each)
            for each in (owner.body if owner else [node])
            if isinstance(each, ast.FunctionDef) and not each.name.startswith("_")
        ]
    return found


def faults(sources: dict[str, str]) -> Iterator[str]:
    """Yield, function by function, which arguments are not documented, or are not there."""
    found = {file: functions(source) for file, source in sources.items()}
    every = [(each, each.owner) for group in found.values() for each in group if each.owner]
    methods = {each.name: each for each, _ in every}
    parents: dict[str, list[str]] = {}
    for each, owner in every:
        # Two files may have a class of one name.
        parents.setdefault(owner.name, []).extend(each.bases)

    def overridden(owners: list[str], name: str) -> Iterator[Function]:
        """Yield the next method of a name above a class, in each of its lines of descent."""
        for owner in owners:
            if f"{owner}.{name}" in methods:
                yield methods[f"{owner}.{name}"]
            else:
                yield from overridden(parents.get(owner, []), name)

    def promised(function: Function) -> bool:
        return any(
            each.parameters == function.parameters
            and (each.documented == each.parameters or promised(each))
            for each in overridden(function.bases, function.node.name)
        )

    for file, group in found.items():
        for function in group:
            wanted, said = function.parameters, function.documented
            if said == wanted or (not said and len(wanted) < 2):
                continue
            if not said and (promised(function) or set(wanted) <= set(documented(function.module))):
                continue
            yield f"{file}: {function.name}({', '.join(wanted)}) documents {said or 'nothing'}"


def test_arguments_are_documented() -> None:
    sources = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in FILES}
    assert not list(faults(sources))


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ('def f(a, b):\n    """Do."""', "nothing"),
        ('def f(a, b):\n    """Do.\n\n    Args:\n        a: One.\n    """', "['a']"),
        ('def f(a, b):\n    """Do.\n\n    Args:\n        b: One.\n        a: Two.\n    """', "a"),
        ('def f(a):\n    """Do.\n\n    Args:\n        c: One.\n    """', "['c']"),
        ('"""M.\n\nArgs:\n    a: One.\n"""\ndef f(a, *, b):\n    """Do."""', "f(a, b)"),
        ('class C(B):\n    def f(self, a, b):\n        """Do."""', "C.f"),
    ],
)
def test_what_is_not_documented_is_found(source: str, fault: str) -> None:
    assert any(fault in found for found in faults({"m.py": source}))


@pytest.mark.parametrize(
    "source",
    [
        "def _f(a, b): ...",
        "class _C:\n    def f(self, a, b): ...",
        "def f(a): ...",
        'def f(a, *b):\n    """Do.\n\n    Args:\n        a: One.\n        *b: Two.\n    """',
        '"""M.\n\nArgs:\n    a: One.\n    b: Two.\n"""\ndef f(a, b):\n    """Do."""',
        'class B:\n    def f(self, a, b):\n        """D.\n\n        Args:\n            a: One.\n'
        '            b: Two.\n        """\nclass C(B):\n    def f(self, a, b):\n        """Do."""',
    ],
)
def test_what_is_documented_passes(source: str) -> None:
    assert not list(faults({"m.py": source}))
