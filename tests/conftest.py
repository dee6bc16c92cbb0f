"""What many tests share: tiny pipelines, concepts to erase, and commands in their own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from bench.types import Concept

ROOT = Path(__file__).resolve().parent.parent

CHILD = """\
import json, os, runpy, sys
facts, before, words = json.loads(sys.argv[1])
opened, report = [], os.open(facts, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
def hear(event, args):
    if event == "open" and isinstance(args[0], (str, os.PathLike)):
        opened.append(os.fspath(args[0]))
sys.addaudithook(hear)
exec(before)
sys.argv = ["bench", *words]
status = 1
try:
    runpy.run_module("bench", run_name="__main__")
except SystemExit as end:
    status = end.code or 0
finally:
    sys.stdout.flush()
    heard = {"modules": sorted(sys.modules), "opened": opened}
    with os.fdopen(report, "w") as file:
        json.dump(heard, file)
sys.exit(status)
"""
"""Runs a command and then writes what it imported and opened to a file."""


@dataclass(frozen=True)
class Ended:
    """What a command did in a process of its own."""

    status: int
    out: str
    err: str
    modules: frozenset[str]
    """Every module that was imported."""
    opened: tuple[str, ...]
    """Every file that Python opened, in order, as often as it did."""

    @property
    def packages(self) -> frozenset[str]:
        """The top-level packages that were imported."""
        return frozenset(name.partition(".")[0] for name in self.modules)


class Alone(Protocol):
    """Runs `python -m bench WORDS` in a process of its own, from the repository's root."""

    def __call__(
        self, *words: str, before: str = "", environment: Mapping[str, str] | None = None
    ) -> Ended:
        """Return what it did; `before` is Python that runs first."""


@pytest.fixture
def alone(tmp_path_factory: pytest.TempPathFactory) -> Alone:
    """Commands as a user runs them, with their exit status and what they imported and opened."""

    def run(*words: str, before: str = "", environment: Mapping[str, str] | None = None) -> Ended:
        facts = tmp_path_factory.mktemp("alone") / "facts.json"
        done = subprocess.run(
            [sys.executable, "-c", CHILD, json.dumps([str(facts), before, words])],
            cwd=ROOT,
            env=os.environ | dict(environment or {}),
            capture_output=True,
            text=True,
        )
        heard = json.loads(facts.read_text())
        modules, opened = frozenset(heard["modules"]), tuple(heard["opened"])
        return Ended(done.returncode, done.stdout, done.stderr, modules, opened)

    return run


@pytest.fixture(scope="session", autouse=True)
def one_core() -> Iterator[None]:
    """Commands work in this process, however many cores there are: a worker starts torch anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.runs.capacity.cores", lambda: 1)
        yield


@pytest.fixture(scope="session")
def tiny_pipe() -> Any:
    """One pipeline for the whole session: an eraser must leave it as it was."""
    from bench.models.tiny import build_tiny_pipe

    return build_tiny_pipe()


@pytest.fixture(scope="session")
def tiny_sdxl() -> Any:
    """The same in SDXL's layout."""
    from bench.models.tiny import build_tiny_pipe

    return build_tiny_pipe("sdxl")


@pytest.fixture(scope="session")
def tiny_folder(tiny_pipe: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The same pipeline saved in diffusers layout; returns its folder."""
    folder = tmp_path_factory.mktemp("tiny")
    tiny_pipe.save_pretrained(folder, safe_serialization=True)
    return folder


@pytest.fixture
def airplane() -> Concept:
    """The concept most tests erase."""
    return Concept(
        name="airplane",
        kind="object",
        anchor="the sky",
        synonyms=("aircraft", "plane", "jet"),
        near=("bird",),
    )


@pytest.fixture
def bird() -> Concept:
    """A second concept, for erasures of several."""
    return Concept(
        name="bird",
        kind="object",
        anchor="the sky",
        synonyms=("avian", "fowl", "winged creature"),
        near=("airplane",),
    )
