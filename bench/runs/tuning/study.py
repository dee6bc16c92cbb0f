"""Tries settings of a method one after the other, keeps what they came to, and goes on later."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from bench import files
from bench.results import Results
from bench.runs.tuning import journal, objective, space
from bench.runs.tuning.task import CASES, Task
from bench.types import InputError, Option, RunRecord, RunSpec

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import JournalStorage
    from optuna.trial import Trial as AskedTrial

FACTS = "facts"
"""What a log calls the task that it belongs to."""
SPACING = 1_000_003
"""Between the sampler's seeds of two tunings, more than either has trials."""
UNREPLAYED = (KeyError, TypeError, ValueError, IndexError, AttributeError, AssertionError)
"""What Optuna raises of events that do not follow from each other."""
Run = Callable[[Sequence[RunSpec]], Results]
"""Carries out runs, the un-erased model's first."""
Told = Callable[[str], object]


@dataclass(frozen=True)
class Trial:
    """A setting that was tried."""

    number: int
    values: Mapping[str, Option]
    value: float
    """The objective, NaN where the trial does not count."""
    facts: Mapping[str, Any]
    """`cases`, the objective of each; `evaluations`, the most that one erasure took; `why` it does
    not count."""


def log_of(out: Path, method: str) -> Path:
    """Return the file that keeps the trials of a method.

    Args:
        out: The folder of all logs.
        method: Its name.
    """
    return out / f"{method.rpartition(':')[2]}.log"


def trials(task: Task, out: Path) -> list[Trial]:
    """Return the finished trials that a log holds, in their order; none where there is no log.

    Args:
        task: What is tuned.
        out: The folder of all logs.

    Raises:
        InputError: the log is of another task.
    """
    found = _read(task, out, mend=False)
    return [] if found is None else _finished(found)


def best(found: Sequence[Trial]) -> Trial | None:
    """Return the trial of the highest objective, of equals the first; None where none counts."""
    counted = [trial for trial in found if not math.isnan(trial.value)]
    return max(counted, key=lambda trial: trial.value, default=None)


def tune(task: Task, out: Path, run: Run, told: Told = print) -> list[Trial]:
    """Try settings until there are as many as wanted, and return all, those of before among them.

    The first is the preset. The sampler is Optuna's tree of Parzen estimators (Bergstra et al.,
    NeurIPS 2011), seeded by the task's seed and the trial's number, so that a tuning which was
    stopped goes on as if it had not been. A setting that the method refuses, that takes more
    evaluations than the budget, or whose model collapses, does not count.

    Args:
        task: What is tuned.
        out: The folder of logs; the method's trials also go to a table beside it.
        run: Carries out the runs of a trial, and keeps them.
        told: Called with a line on each trial.

    Raises:
        InputError: the log is of another task.
    """
    from optuna.samplers import TPESampler
    from optuna.trial import TrialState

    study = _opened(task, out)
    known = space.distributions(task.entry.space)
    if found := _finished(study):
        _write(task, out, found)
    # One that was stopped is asked for again, since as many are finished.
    for begun in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(begun.number, state=TrialState.FAIL)
    while len(found := _finished(study)) < task.trials:
        waiting = study.get_trials(states=(TrialState.WAITING,))
        if not found and not waiting:
            study.enqueue_trial(task.preset)
        study.sampler = TPESampler(seed=task.seed * SPACING + len(found))
        _try(task, study, study.ask(known), run)
        found = _finished(study)
        told(_line(task, found[-1]))
        _write(task, out, found)
    return found


def _opened(task: Task, out: Path) -> Study:
    """Return the study of a log, begun where there is none."""
    import optuna

    log = log_of(out, task.method)
    log.parent.mkdir(parents=True, exist_ok=True)
    files.sweep(log.parent)
    study = _read(task, out, mend=True)
    if study is None:
        storage = _storage(log)
        study = optuna.create_study(study_name=task.method, storage=storage, direction="maximize")
    if FACTS not in study.user_attrs:
        study.set_user_attr(FACTS, _asked(task))
    return study


def _asked(task: Task) -> Any:
    return json.loads(json.dumps(task.facts))


def _storage(log: Path) -> JournalStorage:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return JournalStorage(JournalFileBackend(str(log)))


def _read(task: Task, out: Path, *, mend: bool) -> Study | None:
    """Return the study that a log holds, None where there is none.

    Raises:
        InputError: the log is of another task, damaged, or says something else than its table.
    """
    log = log_of(out, task.method)
    if not log.exists():
        return None
    journal.check(log, mend=mend)
    # Slow to import, and a plan without a log needs none of it.
    import optuna

    study, found = None, list[Trial]()
    try:
        storage = _storage(log)
        if task.method in optuna.get_all_study_names(storage):
            study = optuna.load_study(study_name=task.method, storage=storage)
            found = _finished(study)
        columns, rows = _table(task, found)
    except UNREPLAYED as error:
        raise InputError(journal.broken(log, f"{type(error).__name__}: {error}"[:80])) from None
    asked, begun = _asked(task), study.user_attrs.get(FACTS) if study else None
    if begun is None and found:
        raise InputError(journal.broken(log, "it does not say what was tuned"))
    if begun not in (None, asked):
        name = next(name for name in {**asked, **begun} if asked.get(name) != begun.get(name))
        raise InputError(
            f"{log} holds trials of {name} {begun.get(name)}, not of {asked.get(name)}; trials of "
            "two kinds cannot be compared: name another --out, or ask for what it holds"
        )
    journal.check_table(log, _table_of(out, task.method), columns, rows, mend=mend)
    return study


def _try(task: Task, study: Study, asked: AskedTrial, run: Run) -> None:
    """Carry a trial out and keep what it came to."""
    from optuna.trial import TrialState

    found = _measured(task, asked.params, run, first=not _finished(study))
    for name, fact in found.items():
        asked.set_user_attr(name, fact)
    if found["why"]:
        study.tell(asked, state=TrialState.PRUNED)
    else:
        study.tell(asked, fmean(found["cases"].values()))


def _measured(task: Task, values: Mapping[str, Option], run: Run, *, first: bool) -> dict[str, Any]:
    """Return the objective of each case, the most evaluations of an erasure, why it is spoilt."""
    cases: dict[str, float] = {}
    evaluations, why = 0.0, ""
    try:
        for specs, names in zip(task.runs(values), CASES.values(), strict=True):
            record = run(specs).runs[-1].record
            cases |= {n: objective.of_case(record.scores, n, task.objective) for n in names}
            spent = [s.value for s in record.scores if s.measure == "evaluations"]
            evaluations = max([evaluations, *(each for each in spent if not math.isnan(each))])
            why = _spoilt(task, record, evaluations, [cases[name] for name in names])
            if why:
                break
    except (InputError, FloatingPointError) as error:
        # What the preset cannot do is no fault of a setting.
        if first:
            raise
        why = str(error)
    # JSON has no NaN.
    known = {name: value for name, value in cases.items() if not math.isnan(value)}
    return {"cases": known, "evaluations": evaluations, "why": why}


def _spoilt(task: Task, record: RunRecord, evaluations: float, values: Sequence[float]) -> str:
    """Return why a trial does not count, nothing if it does."""
    if evaluations > task.budget:
        return f"{evaluations:.0f} U-Net evaluations, more than {task.budget}"
    if record.flags:
        return "; ".join(record.flags)
    unknown = any(map(math.isnan, values))
    return f"{task.objective} was not measured of {record.spec.suite}" if unknown else ""


def _line(task: Task, trial: Trial) -> str:
    shown = trial.facts["why"] or f"{trial.value:.4f}"
    settings = " ".join(f"{name}={value}" for name, value in trial.values.items())
    return f"{task.method} {trial.number + 1}/{task.trials}: {shown}  {settings}"


def _finished(study: Study) -> list[Trial]:
    from optuna.trial import TrialState

    done = study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
    return [
        Trial(number, each.params, math.nan if each.value is None else each.value, each.user_attrs)
        for number, each in enumerate(done)
    ]


def _table_of(out: Path, method: str) -> Path:
    return log_of(out, method).with_suffix(".csv")


def _write(task: Task, out: Path, found: Sequence[Trial]) -> None:
    files.write_rows(_table_of(out, task.method), *_table(task, found))


def _table(task: Task, found: Sequence[Trial]) -> tuple[list[str], list[files.Row]]:
    """Return the trials as a table, one line each: its columns, and its rows."""
    names = list(task.entry.space)
    cases = [case for some in CASES.values() for case in some]
    columns = ["trial", "objective", *cases, "evaluations", *names, "why"]
    rows = [
        {"trial": each.number, "objective": each.value, "why": each.facts["why"]}
        | {"evaluations": each.facts["evaluations"]}
        | {case: each.facts["cases"].get(case, math.nan) for case in cases}
        | {name: str(each.values.get(name)) for name in names}
        for each in found
    ]
    return columns, [{name: str(cell) for name, cell in row.items()} for row in rows]
