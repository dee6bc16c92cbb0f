"""Versions: what they cover, in a copy of the project and in packages made here."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import data
from bench.registry import imports
from bench.registry.sources import scan

Versions = Callable[[], dict[str, str]]
FOLDERS = {
    "method": ("methods", "methods", "Eraser"),
    "attack": ("bench/attacks", "bench.attacks", "Attack"),
    "metric": ("bench/metrics", "bench.metrics", "Metric"),
}


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    for package in ("bench", "methods"):
        shutil.copytree(
            data.ROOT / package,
            folder / package,
            ignore=lambda _, names: [name for name in names if name == "weights"],
        )
    return folder


def versions(root: Path) -> dict[str, str]:
    return {
        f"{kind} {entry.name}": entry.version
        for kind, (folder, package, base) in FOLDERS.items()
        for entry in scan(kind, root / folder, package, base).values()
    }


def changed_by(root: Path, file: str, old: str = "", new: str = "ADDED = 1\n") -> set[str]:
    """Return what has another version after a change of a file, which is then undone."""
    path = root / file
    text, before = path.read_text(), versions(root)
    assert old in text
    path.write_text(text.replace(old, new, 1) if old else text + new)
    after = versions(root)
    path.write_text(text)
    assert versions(root) == before
    return {name for name in before if before[name] != after[name]}


def test_no_module_is_looked_for_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of the project import each other hundreds of times."""
    sought, find = [], imports.Root.find

    def seen(root: imports.Root, parts: tuple[str, ...]) -> Path | None:
        sought.append(parts)
        return find(root, parts)

    monkeypatch.setattr(imports.Root, "find", seen)
    imports.version(data.ROOT / "methods" / "uce.py", "methods.uce")
    assert len(sought) == len(set(sought)) and ("bench", "models", "eraser") in sought


def test_a_copy_of_the_project_has_its_versions(copied: Path) -> None:
    assert versions(copied) == versions(data.ROOT)


@pytest.mark.parametrize(
    ("file", "those"),
    [
        ("methods/uce.py", {"method uce"}),
        ("methods/realera/_neighbors.py", {"method realera"}),
        (
            "methods/_closed_form.py",
            {
                f"method {name}"
                for name in (
                    *("advunlearn", "ca", "esd", "fmn", "hirm", "mace", "realera"),
                    *("rece", "receler", "salun", "speed", "spm", "uce"),
                )
            },
        ),
        ("methods/_lora.py", {"method mace", "method realera"}),
        ("methods/checkpoint/_states.py", {"method checkpoint"}),
        ("bench/results/store.py", set()),
    ],
)
def test_a_change_is_a_change_of_all_who_import_it(
    copied: Path, file: str, those: set[str]
) -> None:
    assert changed_by(copied, file) == those


def test_attacks_change_with_what_they_share_and_not_with_what_others_do(copied: Path) -> None:
    got = changed_by(copied, "bench/attacks/_latents.py")
    assert {"attack p4d", "attack unlearndiffatk"} <= got
    assert "attack seed_search" not in got and not {"method esd", "metric clip"} & got


def test_the_encoding_of_text_is_part_of_all_who_encode(copied: Path) -> None:
    got = changed_by(copied, "bench/models/pipelines.py", "last_hidden_state", "hidden_states[-2]")
    assert {"method uce", "method mace", "method esd", "method realera", "attack p4d"} <= got
    assert "method checkpoint" not in got and "metric nudity" not in got


def test_metrics_change_with_what_they_share_and_not_with_what_others_do(copied: Path) -> None:
    got = changed_by(copied, "bench/metrics/_classes.py")
    assert {"metric clip", "metric judge"} <= got and "metric cost" not in got
    assert "metric judge" in changed_by(copied, "bench/models/mini/judge.py")


def test_documentation_is_no_part_of_a_version(copied: Path) -> None:
    assert not changed_by(
        copied, "bench/types.py", '"""What the erased concept is mapped to', '"""Mapped to'
    )
    assert not changed_by(copied, "methods/_noise.py", '"""Draw (trajectory', '"""One\n\n    more.')
    assert "method esd" in changed_by(copied, "bench/types.py", "anchor: str", "anchor: object")


FORMS = {
    "import pack.other": "pack.other",
    "import pack.sub.deep as d": "pack.sub.deep",
    "from pack import other": "pack.other",
    "from pack.other import name": "pack.other",
    "from . import other": "pack.other",
    "from .other import name": "pack.other",
    "from .sub import deep": "pack.sub.deep",
    "def f():\n    from pack import other": "pack.other",
    "class A:\n    import pack.other": "pack.other",
    "try:\n    import pack.other\nexcept ImportError:\n    pass": "pack.other",
}


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = tmp_path / "pack"
    (folder / "sub").mkdir(parents=True)
    for name in ("__init__", "main", "other", "unused", "sub/__init__", "sub/deep", "sub/up"):
        (folder / f"{name}.py").write_text("")
    (tmp_path / "stranger.py").write_text("")
    return folder


@pytest.mark.parametrize("text", FORMS)
def test_every_form_of_import_is_followed(pack: Path, text: str) -> None:
    (pack / "main.py").write_text(f"{text}\nimport json, stranger, torch\n")
    found = imports.behind(pack / "main.py", "pack.main")
    packages = {"pack.sub"} if ".sub." in FORMS[text] else set()
    assert set(found) == {"pack.main", "pack", FORMS[text]} | packages


def test_packages_are_followed_upwards_and_in_circles(pack: Path) -> None:
    (pack / "__init__.py").write_text("from pack import other\n")
    (pack / "main.py").write_text("from pack.sub import up\n")
    (pack / "sub" / "up.py").write_text("from ..sub import deep\nfrom .. import main\n")
    found = imports.behind(pack / "main.py", "pack.main")
    assert set(found) == {
        "pack",
        *(f"pack.{name}" for name in ["main", "other", "sub", "sub.deep", "sub.up"]),
    }


def test_a_file_from_outside_finds_ours_those_beside_it_and_those_on_the_path(
    pack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pack / "main.py").write_text(
        "import other, stranger, numpy\nfrom pack.sub import deep\nfrom methods import _noise\n"
    )
    main = pack / "main.py"
    assert {"main", "other", "methods._noise", "bench.types"} <= set(
        imports.behind(main, str(main))
    )
    assert not {"stranger", "numpy", "pack.sub"} & set(imports.behind(main, str(main)))
    monkeypatch.syspath_prepend(pack.parent)
    found = set(imports.behind(main, str(main)))
    assert {"stranger", "pack.sub.deep"} <= found and "numpy" not in found


def test_a_strings_neighbours_on_its_line_count(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    seen = set()
    for text in ('x = 1; """a\nb"""; """c"""; y = 1\n', 'x = 1; """d"""; y = 1\n'):
        path.write_text(text)
        seen.add(imports.version(path, "x"))
    path.write_text('x = 1; """d"""; y = 2\n')
    assert imports.version(path, "x") not in seen
    path.write_text("x = 1 #; y = 1\n")
    assert imports.version(path, "x") not in seen


def test_what_is_no_python_has_a_version(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text("def (")
    before = imports.version(path, "x")
    path.write_text("def ((")
    assert imports.version(path, "x") != before


def test_a_file_is_parsed_once(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions(copied)
    monkeypatch.setattr(imports.ast, "parse", lambda *_: pytest.fail("parsed again"))
    assert imports.version(copied / "methods" / "uce.py", "methods.uce")
    assert imports.version(copied / "methods" / "mace" / "__init__.py", "methods.mace")


@pytest.mark.parametrize("words", [["--help"], ["list", "methods"], ["list", "metrics"]])
def test_listing_computes_no_version(words: list[str]) -> None:
    code = (
        "import sys; from bench import cli; from bench.registry import imports;"
        "imports.version = lambda *_: sys.exit('a version was computed');"
        f"cli.main({words!r})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=data.ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and done.stdout, done.stderr


def test_a_package_may_be_a_folder_of_another_name(pack: Path) -> None:
    (pack / "main.py").write_text("from called import other\nfrom .sub import deep\n")
    found = imports.behind(pack / "main.py", "called.main")
    names = ("called.main", "called", "called.other", "called.sub", "called.sub.deep")
    assert set(found) == set(names)
    # What is beside the folder is not in the package.
    (pack.parent / "pack.py").write_text("")
    (pack / "__init__.py").unlink()
    assert "called" not in imports.behind(pack / "main.py", "called.main")
