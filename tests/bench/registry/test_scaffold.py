from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench import cli, data, registry
from bench.registry import scaffold
from bench.registry.templates import TEMPLATES
from bench.runs import contract
from bench.runs.contract import checks
from bench.types import InputError

REAL = data.ROOT


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout that holds nothing yet but the shared code of methods."""
    (tmp_path / "tests" / "methods").mkdir(parents=True)
    (tmp_path / "methods").mkdir()
    monkeypatch.setattr(data, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize("kind", TEMPLATES)
def test_the_new_method_is_found_and_keeps_to_the_contract(root: Path, kind: str) -> None:
    scaffold.create("my_eraser", kind)
    entry = registry.methods()["my_eraser"]
    assert (entry.class_name, entry.form) == ("MyEraser", kind)
    results = list(contract.check(f"{entry.path}:MyEraser"))
    assert results and not [result for result in results if result.problem]


@pytest.mark.parametrize(
    "kind",
    [
        each if each == "weights" else pytest.param(each, marks=pytest.mark.slow)
        for each in TEMPLATES
    ],
)
def test_its_own_test_passes(root: Path, kind: str) -> None:
    code, test, page = scaffold.create("my_eraser", kind)
    assert "# my_eraser" in page.read_text() and f"| form | {kind} |" in page.read_text()
    # The package `methods` of the project, with the new file in it as well.
    fixtures = (REAL / "tests" / "conftest.py").read_text()
    more = f"import methods; methods.__path__.append({str(code.parent)!r})"
    (root / "conftest.py").write_text(
        fixtures.replace("import pytest\n", f"import pytest\n{more}\n", 1)
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib", "--rootdir", str(root),
         str(test)],
        cwd=REAL,
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("MyEraser", "lower case"),
        ("my-eraser", "lower case"),
        ("../x", "lower case"),
        ("_x", "lower case"),
        ("", "lower case"),
        ("class", "lower case"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused(root: Path, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        scaffold.create(name)
    assert not any(path.is_file() for path in root.rglob("*"))


def test_a_kind_that_is_none_is_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["new-method", "mine", "--kind", "inferense"]) == 2
    assert "nearest: inference" in capsys.readouterr().err
    assert not any(path.is_file() for path in root.rglob("*"))


def test_nothing_is_overwritten(root: Path) -> None:
    (root / "methods" / "mine.md").write_text("notes")
    with pytest.raises(InputError, match="nothing was written"):
        scaffold.create("mine")
    assert [path.name for path in root.rglob("*") if path.is_file()] == ["mine.md"]
    (root / "methods" / "mine.md").unlink()
    scaffold.create("mine")
    with pytest.raises(InputError, match="there is a method mine already"):
        scaffold.create("mine")


def test_outside_a_checkout_the_way_round_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "ROOT", tmp_path)
    with pytest.raises(InputError, match=r"file\.py:Class"):
        scaffold.create("mine")


def test_the_commands(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By two of the checks; the others are run above."""
    few = [words for words in checks.CHECKS if words.startswith(("Says in", "Changes what"))]
    monkeypatch.setattr(checks, "CHECKS", {words: checks.CHECKS[words] for words in few})
    assert cli.main(["new-method", "my_eraser"]) == 0
    path = root / "methods" / "my_eraser.py"
    assert f"wrote {path}" in capsys.readouterr().out
    assert cli.main(["check-method", f"{path}:MyEraser"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "all checks pass"
    path.write_text(path.read_text().replace("if not concepts:", "if len(concepts) < 2:"))
    assert cli.main(["check-method", f"{path}:MyEraser"]) == 1
    out = capsys.readouterr().out
    assert "FAILS  Changes what `touches` names" in out and "checks fail" in out
    assert cli.main(["check-method", "my_erasr"]) == 2
    assert "nearest: my_eraser" in capsys.readouterr().err
