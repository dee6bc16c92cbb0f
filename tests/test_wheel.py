"""A wheel, and an editable install, work from an empty folder with nothing of the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKED = ("bench", "methods", "prompts", "reports", "pyproject.toml", "setup.py", "README.md")
Run = Callable[..., str]
WITHOUT_THE_CHECKOUT = """
import sys
for name in [name for name in sys.modules if name.startswith("__editable___erasure_bench")]:
    del sys.modules[name]
    sys.meta_path[:] = [each for each in sys.meta_path if getattr(each, "__module__", "") != name]
"""
"""A sitecustomize: where the tests run the project may be installed in place, as tox does."""


def copied(folder: Path) -> Path:
    """Copy what a wheel is built from, so that the build leaves nothing in the checkout."""
    unwanted = shutil.ignore_patterns("__pycache__", "runs", "mini", "reference")
    for name in (*PACKED, "LICENSE"):
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, folder / name)
        else:
            ignore = unwanted if name == "reports" else shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    return folder


def pip(*words: str | Path) -> None:
    offline = ("--no-build-isolation", "--no-deps", "--no-index", "--quiet")
    command = [sys.executable, "-m", "pip", "install", *offline, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def environment(tmp_path: Path, *places: Path) -> dict[str, str]:
    """Return an environment in which Python finds the project in these places alone."""
    apart = tmp_path / "apart"
    apart.mkdir(exist_ok=True)
    (apart / "sitecustomize.py").write_text(WITHOUT_THE_CHECKOUT)
    kept = {k: v for k, v in os.environ.items() if k != "XDG_DATA_HOME"}
    return kept | {"PYTHONPATH": os.pathsep.join(map(str, (apart, *places)))}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    pip("--target", target, copied(tmp_path_factory.mktemp("source")))
    return target


@pytest.fixture
def run(installed: Path, tmp_path: Path) -> Run:
    """Run Python in an empty folder, with the wheel's content and what it depends on alone."""
    empty = tmp_path / "empty"
    empty.mkdir()

    def call(*words: str, status: int = 0) -> str:
        env = environment(tmp_path, installed) | {"HOME": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, *words], cwd=empty, env=env, capture_output=True, text=True
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    return call


def test_everything_that_is_read_is_inside(installed: Path) -> None:
    def files(root: Path, *folders: str) -> set[str]:
        found = (path for folder in folders for path in (root / folder).rglob("*"))
        return {
            str(path.relative_to(root))
            for path in found
            if path.is_file() and "__pycache__" not in path.parts
        }

    assert files(ROOT, "bench", "methods") <= files(installed, "bench", "methods")
    shipped = installed / "bench" / "shipped"
    assert files(ROOT, "prompts", "reports/calibration") <= files(shipped, "prompts", "reports")
    assert (shipped / "reports" / "published.csv").exists()
    assert not (installed / "prompts").exists() and not (installed / "reports").exists()


def test_commands_from_an_empty_folder(run: Run, installed: Path) -> None:
    assert "realera" in run("-m", "bench", "list", "methods")
    assert "realera" in run(str(installed / "bin" / "erasure-bench"), "list", "methods")
    assert "objects-mace" in run("-m", "bench", "list", "suites")
    assert "unlearndiffatk" in run("-m", "bench", "list", "protocols")
    words = ("--method", "uce", "--model", "mini", "--concept", "ship", "--plan")
    assert "suite objects-mace" in run("-m", "bench", "run", "--config", "objects-mace", *words)
    assert "objects.csv, 10000 rows" in run("-m", "bench", "show", "suite", "objects")
    plan = run("-m", "bench", "run", "--method", "uce", "--size", "smoke", "--plan")
    assert "erase airplane (to do)" in plan
    assert str(installed / "bench" / "models" / "mini" / "weights") in run(
        "-m", "bench", "mini", "path"
    )
    refusal = run("-m", "bench", "new-method", "mine", status=2)
    assert "is no checkout of the project" in refusal


def test_a_package_that_hides_ours_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty" / "methods").mkdir()
    (tmp_path / "empty" / "methods" / "__init__.py").write_text("")
    words = ("-m", "bench", "run", "--method", "uce", "--size", "smoke")
    for line in (words, (*words, "--plan")):
        said = run(*line, status=2)
        assert f"{tmp_path / 'empty' / 'methods'} hides the benchmark's package methods" in said
    # One of the same name would run in place of ours.
    (tmp_path / "empty" / "methods" / "uce.py").write_text("raise RuntimeError('never run')")
    assert "hides the benchmark's package methods" in run(*words, "--plan", status=2)


def test_figures_and_calibrations_are_read_and_new_ones_kept_where_one_can_write(
    run: Run, tmp_path: Path
) -> None:
    code = """
from bench.results import calibrations
from bench.results.report import papers
from bench.runs import provenance
from bench import data
assert provenance.git_state(data.ROOT) == (None, None)
assert papers.published()[0].figures
(found,) = calibrations.read("mini", "object")
print(calibrations.write(found))
assert len(calibrations.read("mini", "object")) == 2
"""
    kept = tmp_path / ".local" / "share" / "erasure-bench" / "calibration" / "mini-object.json"
    assert run("-c", code).strip() == str(kept) and kept.exists()


@pytest.mark.slow
def test_a_run_from_an_empty_folder(run: Run, tmp_path: Path) -> None:
    run("-m", "bench", "run", "--method", "uce", "--size", "smoke", "--steps", "2")
    assert (tmp_path / "empty" / "reports" / "runs" / "comparison.csv").exists()


def test_an_editable_install_reads_its_checkout(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    pip("--target", target, "-e", copied(source))
    code = f"""
import site
site.addsitedir({str(target)!r})
from bench import cli, data, prompts, registry
assert data.REPORTS.parent == data.ROOT
assert data.own_calibrations() == data.CALIBRATIONS
print(prompts.FOLDER)
assert registry.methods()["uce"].path.parts[-2:] == ("methods", "uce.py")
assert cli.main(["show", "suite", "objects"]) == 0
"""
    env = environment(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=target, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(source / "prompts"))
