"""What tests of remedies share: a command that is refused, and what its message says to type."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

from bench.cli import main
from bench.results.store import RunFolder

from ..conftest import WriteSuite

T = TypeVar("T")
STEPS = ["--steps", "1", "--device", "cpu", "--workers", "1", "--quiet"]


def carries_out(*texts: str) -> Callable[[T], T]:
    """Name the remedies that a test carries out, as `scan.found` spells them."""
    return lambda test: test


class Said(Protocol):
    """Types a command and returns what it said, after looking at how it ended."""

    def __call__(self, words: Sequence[str], status: int = 0) -> str:
        """Return stdout and stderr; a refusal is one line."""


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Commands of this process."""

    def type_(words: Sequence[str], status: int = 0) -> str:
        capsys.readouterr()
        assert main(list(words)) == status, f"{' '.join(words)}\n{capsys.readouterr()}"
        out, err = capsys.readouterr()
        if status:
            assert len(err.splitlines()) == 1 and "error: " in err, err
        return f"{out}{err}"

    return type_


def commands(message: str) -> list[list[str]]:
    """Return the command lines in back quotes that a message holds, without the program."""
    found = re.findall(r"`(?:python -m bench|erasure-bench) ?([^`]*)`", message)
    return [shlex.split(each) for each in found]


@pytest.fixture
def suite(write_suite: WriteSuite, tmp_path: Path) -> Path:
    """A suite of four prompts."""
    return write_suite(tmp_path / "mine")


@pytest.fixture(scope="session")
def drawn(write_suite: WriteSuite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a suite and two finished runs, un-erased and by UCE."""
    folder = tmp_path_factory.mktemp("remedies")
    write_suite(folder / "suite", cases=("airplane", "ship"))
    assert main(words(folder)) == 0
    return folder


@pytest.fixture
def here(drawn: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(drawn, tmp_path / "here"))


def words(here: Path, *more: str, method: str = "uce") -> list[str]:
    """Return the command that made the runs, with other words besides."""
    suite = ["--suite", str(here / "suite"), "--size", "tiny"]
    return ["run", "--method", method, *suite, *STEPS, "--out", str(here / "out"), *more]


def run(here: Path, name: str = "uce") -> RunFolder:
    (path,) = (here / "out").glob(f"{name}-*")
    return RunFolder(path.parent, path.name)


def as_said(message: str, here: Path) -> list[str]:
    """Return the command of a message, with the options that it calls the same."""
    (command,) = commands(message)
    assert command == ["run"], message
    return words(here)
