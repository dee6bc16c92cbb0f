"""What tests of commands share: runs of a suite of three prompts, drawn once."""

from __future__ import annotations

from pathlib import Path

import pytest

import bench
from bench.results import store

from ..conftest import WriteSuite

ROWS = (
    "a-0,airplane,target,a photo of an airplane,1",
    "a-1,airplane,target,a red airplane,2",
    "s-0,ship,far,a photo of a ship,4",
)


@pytest.fixture(scope="session")
def place(write_suite: WriteSuite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, images = tmp_path_factory.mktemp("door"), {"target": 2, "far": 1}
    return write_suite(folder, rows=ROWS, concepts=("airplane",), images=images)


@pytest.fixture(scope="session")
def made(place: Path) -> store.Results:
    """Runs of two seeds, two values of an option each, called from Python."""
    return bench.run(
        "uce",
        suite=str(place),
        size="tiny",
        steps=1,
        seed=[0, 1],
        options={"lamb": [1, 5.0]},
        device="cpu",
        out=place / "runs",
    )
