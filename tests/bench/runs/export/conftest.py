"""What tests of exports share: a finished run of mini with its un-erased one beside."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench.runs import plan, runner

from ...conftest import WriteSuite


@pytest.fixture(scope="session")
def drawn(write_suite: WriteSuite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of four images each, un-erased and by UCE, of one case; returns their folder."""
    folder = tmp_path_factory.mktemp("export")
    suite = write_suite(folder / "suite")
    for name in ("original", "uce"):
        for spec in plan.specs([name], model="mini", suite=str(suite), size="tiny", steps=2):
            runner.run(spec, folder / "runs")
    return folder / "runs"


@pytest.fixture
def runs(drawn: Path, tmp_path: Path) -> Path:
    """A copy of them, to be damaged."""
    return Path(shutil.copytree(drawn, tmp_path / "runs"))
