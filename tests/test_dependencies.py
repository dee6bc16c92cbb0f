"""What is imported is declared, and the declared floors are those that are tested."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).casefold()


def declared() -> set[str]:
    every = [*PROJECT["dependencies"], *(each for some in EXTRAS.values() for each in some)]
    return {plain(Requirement(each).name) for each in every}


def pinned(name: str) -> dict[str, str]:
    lines = (ROOT / "constraints" / name).read_text().splitlines()
    pairs = (line.split("==") for line in lines if not line.startswith("#"))
    return {plain(name): version for name, version in pairs}


def imported() -> set[str]:
    found: set[str] = set()
    for folder in ("bench", "methods"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {each.name for each in node.names}
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    found.add(str(node.module))
    tops = {name.partition(".")[0] for name in found}
    return tops - set(sys.stdlib_module_names) - {"bench", "methods"}


def test_every_import_of_another_package_is_declared() -> None:
    brings = packages_distributions()
    known = declared()
    missing = {
        name
        for name in imported()
        if not {plain(each) for each in (*brings.get(name, ()), name)} & known
    }
    assert not missing


def test_every_requirement_has_a_floor_and_a_bound() -> None:
    for each in PROJECT["dependencies"]:
        operators = {part.operator for part in Requirement(each).specifier}
        assert operators == {">=", "<"}, each


def test_the_oldest_versions_tested_are_the_floors() -> None:
    floors = {}
    for each in (*PROJECT["dependencies"], *EXTRAS["test"]):
        found = Requirement(each)
        (floor,) = (part.version for part in found.specifier if part.operator == ">=")
        floors[plain(found.name)] = floor
    assert pinned("oldest.txt") == floors


def test_the_tested_versions_are_allowed() -> None:
    tested = pinned("tested.txt")
    for each in map(Requirement, (*PROJECT["dependencies"], *EXTRAS["test"])):
        assert each.specifier.contains(tested[plain(each.name)], prereleases=True), each
