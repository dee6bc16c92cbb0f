"""Who may import whom, read from the sources: the layers that ARCHITECTURE.md draws."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted(path for folder in ("bench", "methods") for path in (ROOT / folder).rglob("*.py"))
HEAVY = {"torch", "diffusers", "transformers", "open_clip"}
MAY_IMPORT_TORCH = (
    "bench.pipelines",
    "bench.generate",
    "bench.edits",
    "bench.metrics",
    "bench.attacks",
    "bench.mini",
    "bench.contract",
    "methods",
)
MAX_LINES = 300


def module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def ours() -> set[str]:
    return {module(path) for path in FILES}


def inside(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def statements(tree: ast.AST, *, lazy: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield import statements; those inside functions only if lazy; never those for types only."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield from statements(other, lazy=lazy)
        elif lazy or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from statements(node, lazy=lazy)


def imports(path: Path, *, lazy: bool = True) -> set[str]:
    """Return the modules a file imports; `from bench import x` is bench.x if that is a module."""
    found: set[str] = set()
    known = ours()
    for node in statements(ast.parse(path.read_text(encoding="utf-8")), lazy=lazy):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        else:
            parts = [*path.relative_to(ROOT).parent.parts] if node.level else []
            above = parts[: len(parts) + 1 - node.level]
            base = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                full = f"{base}.{alias.name}"
                found.add(full if full in known else base)
    return found


def of(*packages: str) -> list[Path]:
    chosen = [path for path in FILES if inside(module(path), *packages)]
    assert chosen, packages
    return chosen


def project(names: set[str]) -> set[str]:
    return {name for name in names if inside(name, "bench", "methods")}


def test_the_reader_of_imports_sees_what_it_should(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text(
        "import a.b\nfrom bench import types\nfrom typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import c\nclass K:\n    import d\n"
        "def f():\n    import e\n"
    )
    assert imports(path, lazy=False) == {"a.b", "bench.types", "typing", "d"}
    assert imports(path) == {"a.b", "bench.types", "typing", "d", "e"}


def test_types_and_names_know_nothing_else() -> None:
    for path in of("bench.types"):
        assert {name.split(".")[0] for name in imports(path)} <= sys.stdlib_module_names
    for path in of("bench.names"):
        assert project(imports(path)) == {"bench.types"}


def test_only_the_main_module_imports_the_command_line() -> None:
    users = {module(path) for path in FILES if "bench.cli" in imports(path)}
    assert users == {"bench.__main__"}


def test_only_the_command_line_imports_the_commands() -> None:
    users = {module(path) for path in FILES if "bench.commands" in imports(path)}
    assert {name for name in users if not inside(name, "bench.commands")} == {"bench.cli"}


def test_methods_see_types_pipelines_and_what_they_share() -> None:
    for path in of("methods"):
        for name in project(imports(path)) - {"bench.types", "bench.pipelines"}:
            assert name.startswith("methods._"), f"{module(path)} imports {name}"


LAYERS = {
    "bench.adversarial": ("bench.types", "bench.adversarial"),
    "bench.prompts": ("bench.types", "bench.names", "bench.adversarial", "bench.prompts"),
    "bench.importers": (
        *("bench.types", "bench.names", "bench.store", "bench.adversarial", "bench.prompts"),
        *("bench.registry", "bench.authority", "bench.importers"),
    ),
    "bench.pictures": (),
    "bench.reference": ("bench.types", "bench.pictures"),
    "bench.pipelines": ("bench.types", "bench.names", "bench.mini"),
    "bench.stats": ("bench.types",),
    "bench.store": ("bench.types",),
    "bench.imports": (),
    "bench.digests": (),
    "bench.places": ("bench.types", "bench.digests", "bench.pipelines", "bench.sources"),
    "bench.folders": ("bench.types", "bench.store", "bench.prompts", "bench.content"),
    "bench.sources": ("bench.types", "bench.names", "bench.imports"),
    "bench.registry": ("bench.types", "bench.names", "bench.digests", "bench.sources"),
    "bench.scaffold": ("bench.types", "bench.registry"),
    "bench.contract": (
        *("bench.types", "bench.registry", "bench.edits", "bench.pipelines", "bench.contract"),
        "bench.mini.train.tokenizer",
    ),
    "bench.attacks": ("bench.types", "bench.pictures", "bench.pipelines", "bench.attacks"),
    "bench.trials": (
        *("bench.types", "bench.names", "bench.registry", "bench.pipelines", "bench.prompts"),
        *("bench.attacks", "bench.metrics", "bench.edits", "bench.generate", "bench.store"),
        *("bench.authority", "bench.measure"),
        *("bench.stats", "bench.paired", "bench.content", "bench.plan", "bench.runner"),
        *("bench.meter", "bench.provenance", "bench.imports", "bench.folders", "bench.digests"),
        "bench.trials",
    ),
    "bench.metrics": (
        *("bench.types", "bench.names", "bench.pictures", "bench.metrics", "bench.mini"),
    ),
    "bench.paired": ("bench.stats",),
    "bench.effects": ("bench.stats",),
    "bench.propagation": ("bench.stats",),
    "bench.protocol": ("bench.types",),
    "bench.calibration": ("bench.stats", "bench.propagation"),
    "bench.kept": ("bench.types", "bench.store", "bench.registry", "bench.calibration"),
    "bench.scores": ("bench.types", "bench.stats", "bench.metrics"),
    "bench.authority": ("bench.types", "bench.metrics"),
    "bench.confirmation": ("bench.types", "bench.stats", "bench.authority", "bench.metrics"),
    "bench.headlines": (
        *("bench.types", "bench.stats", "bench.effects", "bench.propagation"),
        *("bench.authority", "bench.scores"),
        *("bench.metrics", "bench.headlines"),
    ),
    "bench.report": (
        *("bench.types", "bench.names", "bench.store", "bench.stats", "bench.paired"),
        *("bench.confirmation", "bench.headlines"),
        *("bench.protocol", "bench.scores", "bench.calibration", "bench.kept", "bench.registry"),
        "bench.metrics",
        "bench.effects",
        *("bench.prompts", "bench.pictures", "bench.pipelines", "bench.report"),
    ),
    "bench.mini.world": ("bench.types", "bench.names", "bench.mini"),
}


@pytest.mark.parametrize("package", LAYERS)
def test_layers_look_down_only(package: str) -> None:
    for path in of(package):
        for name in project(imports(path)):
            assert inside(name, *LAYERS[package]), f"{module(path)} imports {name}"


def test_nothing_below_the_runner_imports_it() -> None:
    users = {module(path) for path in FILES if "bench.runner" in imports(path)}
    assert users <= {"bench.commands.run", "bench.trials.attack"}


def test_reports_never_import_torch() -> None:
    for path in of("bench.report"):
        assert not {name.split(".")[0] for name in imports(path)} & HEAVY, path


def test_heavy_imports_at_the_top_stay_where_tensors_are() -> None:
    for path in FILES:
        heavy = {name.split(".")[0] for name in imports(path, lazy=False)} & HEAVY
        if heavy:
            assert inside(module(path), *MAY_IMPORT_TORCH), f"{module(path)} imports {heavy}"


def test_one_reader_opens_all_pictures() -> None:
    users = {module(path) for path in FILES if "Image.open(" in path.read_text(encoding="utf-8")}
    assert users == {"bench.pictures"}


def test_files_are_small() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert not {path: count for path, count in lengths.items() if count > MAX_LINES}
