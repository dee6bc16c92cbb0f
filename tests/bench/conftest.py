"""What tests of runs share: a suite of a few prompts, written where a test wants it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench import data

TABLE = """
version = "1"
kind = "object"
prompt_files = ["prompts.csv"]
metrics = [{metrics}]
summary = "A few."

[cases]
{concepts}

[sizes.tiny]
images = {{ {images} }}
cases = [{cases}]
"""
ROWS = (
    "a-0,airplane,target,a photo of an airplane,1",
    "a-1,airplane,target,a red airplane,2",
    "b-0,bird,target,a photo of a bird,3",
    "s-0,ship,target,a photo of a ship,4",
)
IMAGES = {"target": 2, "near": 1, "far": 1}

WriteSuite = Callable[..., Path]
Faults = Callable[[str], dict[str, list[str]]]


@contextmanager
def without_waiting() -> Iterator[None]:
    """Fail, instead of standing still, where something waits for a pipe that nobody writes."""

    def fail(*_: object) -> None:
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(60)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def faults() -> Faults:
    """Read how each file is broken from the table under a heading of the documentation."""

    def read(heading: str) -> dict[str, list[str]]:
        page = (data.ROOT / "docs" / "pages" / "nothing-lost.md").read_text(encoding="utf-8")
        (chapter,) = (part for part in page.split("\n## ") if part.startswith(f"{heading}\n"))
        rows = [line.split("|") for line in chapter.splitlines() if line.startswith("|")][2:]
        return {name.strip(): ways.strip().split(", ") for _, name, ways, *_ in rows}

    return read


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


@pytest.fixture(scope="session")
def write_suite() -> WriteSuite:
    """Write a suite of four prompts for the judge, or of what a test wants otherwise.

    Each concept is a case; those of its one size, tiny, are `cases`.
    """

    def write(
        folder: Path,
        *,
        rows: Sequence[str] = ROWS,
        columns: str = "id,concept,role,text,seed",
        concepts: Sequence[str] = ("airplane", "bird", "ship"),
        cases: Sequence[str] = ("airplane",),
        images: Mapping[str, int] = IMAGES,
        metrics: Sequence[str] = ("judge",),
    ) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        table = TABLE.format(
            metrics=_quoted(metrics),
            concepts="\n".join(f'{name} = ["{name}"]' for name in concepts),
            images=", ".join(f"{role} = {count}" for role, count in images.items()),
            cases=_quoted(cases),
        )
        (folder / "suite.toml").write_text(table)
        (folder / "prompts.csv").write_text("\n".join([columns, *rows, ""]))
        return folder

    return write
