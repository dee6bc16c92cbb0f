"""Tries attacks on the erasures of runs, and puts what they found together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench.attacks import Cost
from bench.drawing import BATCH
from bench.files import Row
from bench.runs import folders, provenance
from bench.runs.capacity import BATCHES
from bench.runs.executors import executor
from bench.runs.locks import held
from bench.runs.resolved import Resolved
from bench.runs.schedule import Setup
from bench.runs.trials.baseline import Baseline
from bench.runs.trials.erasure import Erasure
from bench.runs.trials.plan import Attempt, searching
from bench.runs.trials.schedule import Trials
from bench.runs.trials.table import collect
from bench.runs.trials.trial import Shown, Trial
from bench.types import ORIGINAL, Progress, RunSpec, silent


def attack(
    specs: Sequence[RunSpec],
    chosen: Sequence[Attempt],
    out: Path,
    setup: Setup,
    progress: Progress = silent,
) -> list[Row]:
    """Try attacks on the erasures of runs and return one summary row a trial.

    An erasure that is missing is made first, as the run makes it. What is there already is kept: a
    finished trial is read, a stopped one searches for nothing that was found and draws no image
    that is there. What is found depends neither on the number of workers nor on who does what. What
    another process works on is waited for.

    Args:
        specs: The un-erased model's run first, as `bench.runs.plan.specs` returns them.
        chosen: The attacks.
        out: Folder that holds the run folders.
        setup: Where and by whom it is computed.
        progress: Told what is under way, of all workers together.

    Raises:
        InputError: before anything is drawn or erased, if no image can be judged or a prompt does
            not fit.
        WorkerDiedError: a worker process died; the same call resumes.
    """
    with held(out, (spec.run_id for spec in specs)):
        return _attacked(specs, chosen, out, setup, progress)


def _attacked(
    specs: Sequence[RunSpec],
    chosen: Sequence[Attempt],
    out: Path,
    setup: Setup,
    progress: Progress,
) -> list[Row]:
    """Do what `attack` does, while nobody else works on the runs."""
    for spec in specs:
        folders.opened(spec, out)
    trials = _trials(specs, chosen, out, setup.device, setup.batch_size)
    left = [trial.erasure.baseline for trial in trials if trial.finished() is None]
    for baseline in {id(each): each for each in left}.values():
        baseline.prepare(setup.here)
    schedule = Trials(trials, progress)
    for run in schedule.finished():
        collect(run)
    if schedule.left:
        with executor(setup, out) as crew:
            for _ in crew.perform(schedule.following, schedule.tell):
                for run in schedule.done():
                    collect(run)
    rows = [trial.finished() for trial in trials]
    assert all(rows), "nothing is left to do, and yet not every trial is finished"
    return [row for row in rows if row]


def finished(specs: Sequence[RunSpec], chosen: Sequence[Attempt], out: Path) -> list[Row]:
    """Return what `attack` would if nothing is left to do, else nothing; needs no torch.

    Args:
        specs: The runs, the un-erased model's first.
        chosen: The attacks to try.
        out: The folder of all runs.
    """
    rows = [trial.finished() for trial in _trials(specs, chosen, out)]
    done = [row for row in rows if row is not None]
    return done if len(done) == len(rows) else []


def left(
    specs: Sequence[RunSpec], chosen: Sequence[Attempt], out: Path, batch_size: int = BATCH
) -> Counter[str]:
    """Return how many searches, and batches of images, are left at most; needs no torch.

    Args:
        specs: The runs, the un-erased model's first.
        chosen: The attacks to try.
        out: The folder of all runs.
        batch_size: Images drawn at once.
    """
    trials = _left(specs, chosen, out)
    amount = chosen[0].amount
    searches = sum(
        1 if trial.attack.together else -(-len(trial.baseline.asked) // amount.batch)
        for trial in trials
    )
    batches = sum(-(-count // batch_size) for count in _drawn(trials))
    return Counter({BATCHES: batches, "searches": searches})


def evaluations(specs: Sequence[RunSpec], chosen: Sequence[Attempt], out: Path) -> int:
    """Return how many U-Net evaluations are left at most, searching and drawing; needs no torch.

    Args:
        specs: The runs, the un-erased model's first.
        chosen: The attacks to try.
        out: The folder of all runs.
    """
    trials = _left(specs, chosen, out)
    searches = (searching(each.attempt, each.baseline.asked, each.spec) for each in trials)
    return sum(searches) + sum(_drawn(trials)) * Cost(shown=1).total(specs[0].sampler)


def _left(specs: Sequence[RunSpec], chosen: Sequence[Attempt], out: Path) -> list[Trial]:
    return [trial for trial in _trials(specs, chosen, out) if trial.finished() is None]


def _drawn(trials: Sequence[Trial]) -> list[int]:
    """Return how many images trials draw beside their searches, together by what is attacked."""
    erasures = {id(trial.erasure): trial.erasure for trial in trials}.values()
    baselines = {id(each.baseline): each.baseline for each in erasures}.values()
    drawn = [len(each.asked) for each in baselines if not each.looked]
    attacked = [each for each in erasures if not each.looked] + [each.erasure for each in trials]
    return drawn + [len(each.baseline.asked) * each.baseline.amount.candidates for each in attacked]


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
    for trial in _trials(specs, chosen, out):
        if trial.erasure.case.name == specs[0].cases[0] and trial.finished() is not None:
            found.setdefault(trial.spec.run_id, []).extend(trial.images())
    return found


def _trials(
    specs: Sequence[RunSpec],
    chosen: Sequence[Attempt],
    out: Path,
    device: str = "",
    batch_size: int = BATCH,
) -> list[Trial]:
    """Return the attacks on each case of each erasure; nothing is loaded yet."""
    resolved = Resolved(specs[0])
    weights = provenance.weights_hash(specs[0].place("model"))
    baselines = [
        Baseline(resolved, out, weights, case, chosen, device, batch_size)
        for case in resolved.cases
    ]
    return [
        Trial(erasure, attempt)
        for spec in specs
        if spec.method != ORIGINAL
        for erasure in [Erasure(spec, each) for each in baselines]
        for attempt in chosen
    ]
