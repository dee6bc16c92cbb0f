"""Code from outside: a plan reads it and runs none of it; what runs it says so before."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import registry
from bench.cli import main
from bench.types import InputError

from ..conftest import WriteSuite

CANARY = 'import logging\nlogging.getLogger("canary").warning("executed %s", __name__)\n'
ERASER = '''
from dataclasses import dataclass
from typing import ClassVar
from bench.models.eraser import Eraser

@dataclass(frozen=True)
class Mine(Eraser):
    """Changes nothing."""

    paper: ClassVar[str] = "none"
    touches: ClassVar[tuple[str, ...]] = ()
    space: ClassVar = {"factor": (0.1, 0.9)}
    presets: ClassVar = {"mini": {"factor": 0.4}}

    factor: float = 0.5
    """Of nothing."""

    def fit(self, pipe, concepts, *, seed, progress=None):
        return {}
'''


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the import path with a file and a package, whose modules tell that they ran."""
    (tmp_path / "foreignkit" / "inner").mkdir(parents=True)
    (tmp_path / "lone.py").write_text(CANARY + ERASER)
    (tmp_path / "foreignkit" / "inner" / "mine.py").write_text(CANARY + ERASER)
    for folder in ("foreignkit", "foreignkit/inner"):
        (tmp_path / folder / "__init__.py").write_text(CANARY)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [each for each in sys.modules if each.startswith(("foreignkit", "bench_outside_"))]:
        del sys.modules[name]


@pytest.mark.parametrize("name", ["{here}/lone.py:Mine", "foreignkit.inner.mine:Mine"])
def test_a_plan_runs_nothing_of_a_method_from_outside(
    here: Path, write_suite: WriteSuite, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    name, suite = name.format(here=here), str(write_suite(here / "s"))
    config = here / "run.toml"
    config.write_text(f'method = "{name}"\nsuite = "{suite}"\nsize = "tiny"\n')
    runs = ["--method", name, "--suite", suite, "--size", "tiny", "--out", str(here / "out")]
    for words, status in (
        (["run", *runs], 0),
        (["run", *runs, "--set", "factor=0.3", "--json"], 0),
        (["run", *runs, "--set", "fator=0.3"], 2),
        (["run", "--config", str(config), "--out", str(here / "out")], 0),
        (["attack", *runs, "--attack", "seed_search"], 0),
        (["tune", "--method", name, "--out", str(here / "logs")], 0),
        (["prefetch", "--model", "mini", "--method", name, "--suite", suite], 0),
    ):
        assert main([*words, "--plan"]) == status, words
        assert "executed" not in caplog.text and "running the code" not in caplog.text, words
    assert not [each for each in sys.modules if each.startswith("foreignkit")]


@pytest.mark.parametrize(
    ("name", "runs"),
    [
        ("{here}/lone.py:Mine", 1),
        ("foreignkit.inner.mine:Mine", 3),
    ],
)
def test_what_runs_code_from_outside_says_so_first_and_once(
    here: Path, name: str, runs: int, caplog: pytest.LogCaptureFixture
) -> None:
    entry = registry.method(name.format(here=here))
    assert caplog.messages == []
    for _ in range(2):
        registry.load_method(entry, {})
    first, *rest = caplog.messages
    assert first == f"running the code of {entry.path}, which method Mine is in"
    assert len(rest) == runs and all(line.startswith("executed ") for line in rest)


@pytest.mark.parametrize(
    "name",
    [
        "{here}/lone.py:Other",
        "{here}/lone.py",
        "{here}/foreignkit:Mine",
        "foreignkit:Mine",
        "foreignkit.inner:Mine",
        "foreignkit.inner.mine:Other",
        "foreignkit.inner.mine",
        "foreignkit.other:Mine",
    ],
)
def test_nothing_runs_for_a_name_that_merely_looks_like_one(
    here: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    name = name.format(here=here)
    with pytest.raises(InputError):
        registry.method(name)
    for words in (["run", "--method", name, "--out", str(here / "out")], ["check-method", name]):
        assert main(words) == 2
    assert caplog.messages == []


def test_of_what_comes_along_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    registry.load_method(registry.method("uce"), {})
    assert caplog.messages == []
