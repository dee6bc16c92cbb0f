"""What tests of runs share: a suite of a few prompts, written where a test wants it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

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
