"""Tries attacks on the erasures of runs, erasure by erasure, and puts what they found together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from bench.files import Row
from bench.results.store import RunFolder
from bench.runs import folders, provenance, runner
from bench.runs.resolved import Resolved
from bench.runs.trials.baseline import Baseline
from bench.runs.trials.erasure import Erasure
from bench.runs.trials.plan import Attempt
from bench.runs.trials.table import collect
from bench.runs.trials.trial import Shown, Trial
from bench.types import ORIGINAL, Progress, RunSpec, silent


def attack(
    specs: Sequence[RunSpec],
    chosen: Sequence[Attempt],
    out: Path,
    *,
    device: str = "cpu",
    progress: Progress = silent,
) -> list[Row]:
    """Try attacks on the erasures of runs and return one summary row a trial.

    An erasure that is missing is made first, as the run makes it. What is there already is kept: a
    finished trial is read, a stopped one goes on at the batch it stopped in.

    Args:
        specs: The un-erased model's run first, as `bench.runs.plan.specs` returns them.
        chosen: The attacks.
        out: Folder that holds the run folders.
        device: Where to compute.
        progress: Told what is under way.

    Raises:
        InputError: before any erasing, if no image can be judged or a prompt does not fit.
    """
    folders.opened(specs[0], out)
    trials = _trials(specs, chosen, out, device, progress)
    left = [trial for trial in trials if trial.finished() is None]
    for baseline in {id(trial.baseline): trial.baseline for trial in left}.values():
        baseline.prepare(chosen)
    rows = []
    for _, same in groupby(trials, key=lambda trial: trial.spec.run_id):
        mine = list(same)
        if any(trial in left for trial in mine):
            runner.erase(mine[0].spec, out, device=device, progress=progress)
        for erasure, some in groupby(mine, key=lambda trial: trial.erasure):
            rows += [trial.run() for trial in some]
            erasure.release()
        collect(mine[0].erasure.run_folder)
    return rows


def finished(specs: Sequence[RunSpec], chosen: Sequence[Attempt], out: Path) -> list[Row]:
    """Return what `attack` would if nothing is left to do, else nothing; needs no torch.

    Args:
        specs: The runs, the un-erased model's first.
        chosen: The attacks to try.
        out: The folder of all runs.
    """
    rows = [trial.finished() for trial in _trials(specs, chosen, out, "", silent)]
    done = [row for row in rows if row is not None]
    return done if len(done) == len(rows) else []


def images(
    specs: Sequence[RunSpec], chosen: Sequence[Attempt], out: Path
) -> dict[str, list[Shown]]:
    """Return, by run id, images of the finished trials of the first case; needs no torch.

    Args:
        specs: The runs, the un-erased model's first.
        chosen: The attacks to try.
        out: The folder of all runs.
    """
    found: dict[str, list[Shown]] = {}
    for trial in _trials(specs, chosen, out, "", silent):
        if trial.baseline.case.name == specs[0].cases[0] and trial.finished() is not None:
            found.setdefault(trial.spec.run_id, []).extend(trial.images())
    return found


def _trials(
    specs: Sequence[RunSpec], chosen: Sequence[Attempt], out: Path, device: str, progress: Progress
) -> list[Trial]:
    """Return the attacks on each case of each erasure; nothing is loaded yet."""
    plain = RunFolder(out, specs[0].run_id)
    resolved = Resolved(specs[0])
    weights = provenance.weights_hash(specs[0].place("model"))
    baselines = [
        Baseline(resolved, plain, weights, case, chosen[0], device, progress)
        for case in resolved.cases
    ]
    return [
        Trial(erasure, attempt)
        for spec in specs
        if spec.method != ORIGINAL
        for erasure in [Erasure(spec, RunFolder(out, spec.run_id), each) for each in baselines]
        for attempt in chosen
    ]
