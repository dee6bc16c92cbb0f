from __future__ import annotations

import functools
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench import prompts
from bench.results.store import Finished, RunFolder
from bench.runs import folders
from bench.types import RunRecord, RunSpec, Sampler, Score

ROLES = ("target", "synonym", "related", "near", "far")
SPEC = RunSpec(
    "realera", {"ridge": 1.0}, "mini", "objects", "1", ("airplane",), "quick", Sampler(20, 4.0), 0
)
UNERASED = replace(SPEC, method="original", options={})
IMAGES = 20
"""Images a role."""

Make = Callable[..., Finished]


def record(
    spec: RunSpec,
    target: float,
    finished: str = "2024-01-01",
    flags: tuple[str, ...] = (),
    facts: dict[str, object] | None = None,
) -> RunRecord:
    case = spec.cases[0] if len(spec.cases) == 1 else "all"
    place = (spec.method_name, spec.model, spec.suite, case)
    scores = [
        Score(*place, *what, role, "", target if role == "target" else 0.9, 0.01, 0.95, 50)
        for what in (("judge", "share"), ("judge", "probability"), ("clip", "share"))
        for role in ROLES
    ]
    scores.append(Score(*place, "judge", "leak", "far", "", 0.02, 0.0, 0.1, 90))
    scores.append(Score(*place, "judge", "unread", "all", "", 0.0, 0.0, 0.1, 90))
    scores.append(Score(*place, "judge", "H_o", "all", "", 1 - target, 0.5, 0.7, 190))
    facts = {"finished": finished, **(facts or {})}
    return RunRecord(spec, facts, {"erase": 12.34}, tuple(scores), flags)


def rows(spec: RunSpec, target: float) -> list[dict[str, str]]:
    """Images of which the given share of targets, and all others, show their concept."""
    found = []
    for case in spec.cases:
        for role in ROLES:
            for number in range(IMAGES):
                shows = role != "target" or number < target * IMAGES
                row = {"case": case, "id": f"{role}-{number}", "role": role, "tag": ""}
                row |= {"concept": case, "text": f"a {role}", "seed": str(number), "image": "x.png"}
                for metric in ("judge", "clip"):
                    row[f"{metric}_label"] = case if shows else "none"
                    row[f"{metric}_probability"] = "0.9" if shows else "0.1"
                    row[f"{metric}_erased"] = "0"
                found.append(row)
    return found


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suite as a run keeps it, written once."""
    folder = tmp_path_factory.mktemp("suite")
    run = RunFolder(folder.parent, folder.name)
    folders.keep(prompts.suite("objects"), run)
    return run.suite_path


Write = Callable[..., Finished]


@pytest.fixture(scope="session")
def write(kept: Path) -> Write:
    """Write a finished run under a folder and return it as it is read back."""

    def written(
        out: Path, spec: RunSpec = SPEC, target: float = 0.05, **settings: object
    ) -> Finished:
        folder = RunFolder(out, spec.run_id)
        shutil.copytree(kept, folder.suite_path, dirs_exist_ok=True)
        folder.write_per_image(rows(spec, target))
        folder.write_record(record(spec, target, **settings))  # type: ignore[arg-type]
        return Finished(folder, folder.read_record())

    return written


@pytest.fixture
def make(tmp_path: Path, write: Write) -> Make:
    """Write a finished run under the test's folder."""
    return functools.partial(write, tmp_path / "runs")


def blanked(run: Finished, role: str) -> Finished:
    scores = tuple(
        replace(s, value=math.nan, low=math.nan, high=math.nan) if s.role == role else s
        for s in run.record.scores
    )
    return Finished(run.folder, replace(run.record, scores=scores))
