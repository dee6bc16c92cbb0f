"""Who may import whom, read from the sources: the layers that ARCHITECTURE.md draws."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.families import FAMILIES, LAYOUTS
from bench.models.recognition import MODELS

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted(path for folder in ("bench", "methods") for path in (ROOT / folder).rglob("*.py"))
HEAVY = {"torch", "diffusers", "transformers", "open_clip"}
MAY_IMPORT_TORCH = (
    "bench.models",
    "bench.metrics",
    "bench.attacks",
    "bench.runs.contract",
    "bench.runs.card",
    "methods",
)
GROUND = (
    *("bench.types", "bench.names", "bench.files", "bench.data", "bench.digests", "bench.images"),
    *("bench.plugins", "bench.families", "bench.drawing", "bench.portable", "bench.terminal"),
    "bench",
)
"""What everybody may use: the words, and what has to do with files alone."""
ROOMS = (
    {"bench.prompts", "bench.models"},
    {"bench.metrics", "bench.attacks", "methods"},
    {"bench.registry"},
    {"bench.results"},
    {"bench.runs"},
    {"bench.cli"},
)
"""The rooms, in order: nobody imports from a room above, nor from one beside."""
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


def room(name: str) -> str:
    """Return the room that a module is in, "" for the ground."""
    return next((room for row in ROOMS for room in row if inside(name, room)), "")


def test_types_know_nothing_else() -> None:
    for path in (*of("bench.types"), *of("bench.drawing")):
        others = {name for name in imports(path) if not name.startswith("bench.drawing")}
        assert {name.split(".")[0] for name in others} <= sys.stdlib_module_names


def test_every_module_is_in_a_room_or_on_the_ground() -> None:
    outside = {module(path) for path in FILES if not room(module(path))}
    assert outside == {*GROUND, "bench.__main__"}


def test_nobody_imports_from_a_room_above_or_beside() -> None:
    height = {room: number for number, row in enumerate(ROOMS) for room in row}
    for path in FILES:
        mine = room(module(path))
        for name in project(imports(path)):
            theirs = room(name)
            if module(path) != "bench.__main__" and theirs != mine and theirs:
                low = height[theirs] < height.get(mine, -1)
                assert low, f"{module(path)} imports {name}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    arrows = {module(path): project(imports(path)) for path in FILES}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join([*above, name])
        if name not in done:
            for other in sorted(arrows.get(name, set()) - {name}):
                visit(other, (*above, name))
            done.add(name)

    for name in arrows:
        visit(name, ())


def test_only_the_main_module_imports_the_command_line() -> None:
    users = {
        module(path) for path in FILES if any(inside(name, "bench.cli") for name in imports(path))
    }
    assert {name for name in users if not inside(name, "bench.cli")} == {"bench.__main__"}


def test_no_command_imports_another() -> None:
    for path in of("bench.cli.commands"):
        for name in project(imports(path)) - {"bench.cli.commands"}:
            shared = name.startswith("bench.cli.commands._")
            assert shared or not inside(name, "bench.cli.commands"), f"{module(path)}: {name}"


def test_methods_see_types_models_and_what_they_share() -> None:
    for path in of("methods"):
        own = ".".join(module(path).split(".")[:2])
        for name in project(imports(path)) - {"bench.types"}:
            fits = inside(name, "bench.models", own) or name.startswith("methods._")
            assert fits, f"{module(path)} imports {name}"


def test_results_never_import_torch() -> None:
    """But for two readings of calibrations, inside functions."""
    for path in of("bench.results"):
        heavy = {name.split(".")[0] for name in imports(path)} & {*HEAVY, "torchmetrics"}
        assert not heavy or module(path) == "bench.results.stats.calibration", path


def test_heavy_imports_at_the_top_stay_where_tensors_are() -> None:
    for path in FILES:
        heavy = {name.split(".")[0] for name in imports(path, lazy=False)} & HEAVY
        if heavy:
            assert inside(module(path), *MAY_IMPORT_TORCH), f"{module(path)} imports {heavy}"


def family_names(tree: ast.AST) -> Iterator[str]:
    """Yield the families and models that a comparison or a case of a match names."""
    names = {*FAMILIES, *MODELS}
    for node in ast.walk(tree):
        asked: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            asked = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            asked = [node.value]
        for part in asked:
            for each in ast.walk(part):
                if isinstance(each, ast.Constant) and each.value in names:
                    yield f"line {each.lineno}: {each.value}"


def parts_asked_for(tree: ast.AST) -> Iterator[str]:
    """Yield where a pipeline is asked whether it has a part that only some layouts have."""
    parts = {part for layout in LAYOUTS.values() for part in layout.prefixes}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("hasattr", "getattr"):
            found = {each.value for each in node.args if isinstance(each, ast.Constant)}
            yield from (f"line {node.lineno}: {part}" for part in sorted(found & parts))


def test_nobody_compares_a_family_by_name() -> None:
    """What differs from family to family is a column of its row, bench.families."""
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if module(path) != "bench.families":
            assert not list(family_names(tree)), path
            assert not list(parts_asked_for(tree)), path


def test_comparing_a_family_by_name_would_be_seen() -> None:
    for code in (
        "x = 1 if family == 'mini' else 2",
        "if name in ('sd', 'sdxl'): pass",
        "match family:\n    case 'sd14': pass",
    ):
        assert list(family_names(ast.parse(code))), code
    assert not list(family_names(ast.parse("presets = {'mini': {'steps': 1}}")))
    for code in ("hasattr(pipe, 'text_encoder_2')", "getattr(pipe, 'text_encoder_2', None)"):
        assert list(parts_asked_for(ast.parse(code))), code


def test_one_reader_opens_all_images() -> None:
    users = {module(path) for path in FILES if "Image.open(" in path.read_text(encoding="utf-8")}
    assert users == {"bench.images"}


def test_files_are_small() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert not {path: count for path, count in lengths.items() if count > MAX_LINES}


def calls(path: Path) -> set[str]:
    """Return what a file calls, the last word alone: `select` for `prompts.select(...)`."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    called = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
    return {name.rpartition(".")[2] for name in called}


def reads(path: Path) -> set[str]:
    """Return the fields of a suite that a file reads, of `suite.sizes` or `self.suite.cases`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            whose = ast.unparse(node.value).rpartition(".")[2]
            if whose.endswith("suite") or whose == "chosen":
                found.add(node.attr)
    return found


def test_one_module_resolves_what_a_spec_names() -> None:
    above = of("bench.results", "bench.runs", "bench.cli")
    selecting = {module(path) for path in above if calls(path) & {"select", "choose"}}
    # For `resolved`, which alone asks it.
    assert selecting == {"bench.runs.chosen"}
    asking = {module(path) for path in above if calls(path) & {"chosen_once"}}
    assert asking == {"bench.runs.resolved"}
    reading = {module(path) for path in above if reads(path) & {"sizes", "cases"}}
    showing = {name for name in reading if inside(name, "bench.cli")}
    assert reading - showing == {"bench.runs.resolved"}
    # What a suite holds is shown, but nothing of it is chosen there.
    assert showing <= {"bench.cli.listing", "bench.cli.suites", "bench.cli.catalogue"}


def test_one_module_writes_finished_records() -> None:
    writing = {module(path) for path in FILES if "write_record" in calls(path)}
    assert writing == {"bench.runs.record"}
    writing = {module(path) for path in FILES if "write_scores" in calls(path)}
    assert writing == {"bench.runs.record"}


def test_tables_and_frames_read_no_files_of_runs() -> None:
    for path in of("bench.results.report", "bench.results.frames"):
        read = {"read_rows", "read_json", "read_per_image", "read_record", "read_scores"}
        assert not calls(path) & read, path
