"""In what order the units of trials are handed out, and that no order changes what they leave."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.files import read_rows
from bench.runs import folders
from bench.runs.trials import attack
from bench.runs.trials.plan import Attempt
from bench.runs.trials.schedule import Trials
from bench.runs.units import Clock, Kept, Unit
from bench.types import silent

from .conftest import Bench

NAMES = ("inversion", "p4d", "seed_search")


def schedule(bench: Bench, progress: Any = silent) -> Trials:
    """Return what is left of three attacks on one erasure."""
    return schedule_of(bench, [bench.attempt(name) for name in NAMES], progress)


def schedule_of(bench: Bench, chosen: list[Attempt], progress: Any = silent) -> Trials:
    for spec in bench.specs():
        folders.opened(spec, bench.out)
    return Trials(attack._trials(bench.specs(), chosen, bench.out, "cpu"), progress)


def carry_out(
    bench: Bench, take: Callable[[list[Unit]], Unit], progress: Any = silent
) -> list[str]:
    """Perform all units, up to three of which are under way, and return their names as handed out.

    Args:
        bench: Where.
        take: Takes the one that is done first from those that are under way.
        progress: Told what is under way.
    """
    made, kept, names, busy = schedule(bench, progress), Kept(), [], []
    while True:
        while len(busy) < 3 and (unit := made.following()) is not None:
            names.append(unit.name)
            busy.append(unit)
        if not busy:
            return names
        unit = take(busy)
        unit.perform(kept, Clock(), made.tell(unit))
        unit.note()
        made.done()


def left_by(bench: Bench) -> dict[str, Any]:
    """Return all that is left of attacks, without what they took."""
    found: dict[str, Any] = {}
    for path in sorted(bench.out.rglob("attacks/**/*")):
        name = path.relative_to(bench.out).as_posix()
        if path.suffix == ".csv":
            rows = read_rows(path)
            found[name] = [row | {"seconds": ""} for row in rows]
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


def again(bench: Bench) -> None:
    """Forget the trials, but not the erasure, whose file says how long it took."""
    for path in bench.out.glob("*/attacks"):
        shutil.rmtree(path)
    bench.seen.clear()


def test_whatever_is_done_first_the_same_files_are_left(bench: Bench) -> None:
    bench.decider.before = {f"{bench.ids[0]}-1"}
    bench.decider.brought = {f"{bench.ids[2]}-0"}
    names = carry_out(bench, lambda busy: busy.pop(0))
    assert len(set(names)) == len(names)
    first = left_by(bench)
    # Examples and un-erased images, those before, and of three attacks those after.
    assert len([name for name in first if name.endswith(".png")]) == 3 + 4 + 12 + 3 * 12
    assert len([name for name in first if name.endswith("summary.csv")]) == 3
    for take in (list.pop, lambda busy: busy.pop(len(busy) // 2)):
        again(bench)
        assert sorted(carry_out(bench, take)) == sorted(n for n in names if "erasure" not in n)
        assert left_by(bench) == first


def test_a_unit_is_handed_out_once_and_when_what_it_needs_is_there(bench: Bench) -> None:
    made, kept = schedule(bench), Kept()

    def out() -> list[Unit]:
        return list(iter(made.following, None))

    def kinds(units: list[Unit]) -> list[str]:
        return [type(unit).__name__ for unit in units]

    (draw, fit) = out()
    assert kinds([draw, fit]) == ["Batch", "Fit"]
    assert out() == [] and made.done() == [] and out() == []
    fit.perform(kept, Clock(), silent)
    made.done()
    # Which prompts count is not known yet.
    assert out() == []
    draw.perform(kept, Clock(), silent)
    made.done()
    (look,) = out()
    look.perform(kept, Clock(), silent)
    made.done()
    before, examples, *searches = out()
    # The images before, those to learn from; p4d and seed_search, two prompts at a time.
    assert kinds([before, examples]) == ["Batch", "Batch"]
    assert kinds(searches) == ["Search"] * 4
    examples.perform(kept, Clock(), silent)
    made.done()
    (search,) = out()
    assert "what inversion-quick-" in search.name
    for each in searches:
        each.perform(kept, Clock(), silent)
    made.done()
    drawn = out()
    assert kinds(drawn) == ["Candidates"] * 4
    for each in drawn:
        each.perform(kept, Clock(), silent)
    made.done()
    # What is seen before is part of a summary.
    assert out() == []
    before.perform(kept, Clock(), silent)
    made.done()
    (look,) = out()
    look.perform(kept, Clock(), silent)
    made.done()
    assert kinds(out()) == ["Conclude"] * 2


def test_runs_are_returned_when_their_last_trial_is_finished(bench: Bench) -> None:
    made, kept, told = schedule(bench), Kept(), []
    assert made.finished() == []
    while (unit := made.following()) is not None:
        unit.perform(kept, Clock(), silent)
        unit.note()
        told.append([run.path for run in made.done()])
    assert told[-1] == [bench.folder.path] and not any(told[:-1])
    again = schedule(bench)
    assert again.left == 0 and [run.path for run in again.finished()] == [bench.folder.path]


def test_progress_adds_up_and_counts_trials(bench: Bench) -> None:
    told: list[tuple[str, int, int]] = []
    carry_out(bench, lambda busy: busy.pop(0), lambda *said: told.append(said))
    assert [said for said in told if said[0] == "trials"][-1] == ("trials", 3, 3)
    images = [said for said in told if said[0] == "images"]
    assert images[-1] == ("images", 3 + 4 + 12 + 3 * 12, 3 + 4 + 12 + 3 * 12)


def test_where_less_is_learnt_from_the_first_images_are_those_of_the_attack_that_needs_most(
    bench: Bench,
) -> None:
    """Otherwise two searches would draw the same images at once, in different batches."""
    chosen = [bench.attempt("inversion"), bench.attempt("inversion", examples=5)]
    made, kept, drawn = schedule_of(bench, chosen), Kept(), []
    while (unit := made.following()) is not None:
        drawn += [unit] if "examples-" in unit.name else []
        unit.perform(kept, Clock(), silent)
        made.done()
    assert len(drawn) == 1
    first, second = (problem.examples for problem in bench.seen)
    assert len(first) == 3 and len(second) == 5 and second[:3] == first
    assert all(isinstance(path, Path) and path.exists() for path in second)


@pytest.mark.parametrize(("names", "searches"), [(("inversion",), 1), (("p4d", "seed_search"), 4)])
def test_what_is_left_is_known_before_anything_is_loaded(
    names: tuple[str, ...], searches: int, bench: Bench
) -> None:
    chosen = [bench.attempt(name) for name in names]
    # A batch each of un-erased images, of those before, and of each attack.
    wanted = {"searches": searches, "batches of images": 2 + len(names)}
    assert attack.left(bench.specs(), chosen, bench.out) == wanted
    bench.attack(*names)
    assert not any(attack.left(bench.specs(), chosen, bench.out).values())
