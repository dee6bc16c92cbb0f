"""Handing out of units and what happens where workers die, by workers that do nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bench.runs.executors.crew import TRIES, Crew, LostError
from bench.runs.executors.processes import Processes, own_device
from bench.runs.schedule import Setup
from bench.runs.units import Unit
from bench.types import WorkerDiedError


@dataclass(frozen=True)
class Named(Unit):
    what: str

    @property
    def name(self) -> str:
        return self.what

    def perform(self, *_: object) -> None:
        raise AssertionError("it is performed nowhere")


@dataclass
class Pretended:
    """Says that it has done what it is given, and dies where its staff wants it to."""

    staff: Staff
    number: int
    unit: Any = None
    news: list[tuple[str, Any]] = field(default_factory=lambda: [("ready", None)])
    ended: bool | None = None

    def send(self, unit: Any) -> None:
        if self.staff.dying(unit.what, "send"):
            raise LostError(f"worker {self.number} is gone")
        self.staff.given.append((self.number, unit.what))
        self.unit = unit
        self.news += [("progress", ("images", 1, 1)), ("done", {"load": 1.0})]

    def receive(self) -> tuple[str, Any]:
        if self.staff.dying("start", "start"):
            raise LostError(f"worker {self.number} did not start")
        if self.unit and self.staff.dying(self.unit.what, "perform"):
            raise LostError(f"worker {self.number} is gone")
        return self.news.pop(0)

    def end(self, *, busy: bool) -> None:
        self.ended = busy


@dataclass
class Staff:
    deaths: dict[str, list[str]]
    """Of each unit, when workers die of it, one after the other."""
    started: list[Pretended] = field(default_factory=list)
    given: list[tuple[int, str]] = field(default_factory=list)
    ended: bool = False

    def dying(self, what: str, when: str) -> bool:
        some = self.deaths.get(what, [])
        return some[:1] == [when] and bool(some.pop(0))

    def start(self, number: int) -> Pretended:
        self.started.append(Pretended(self, number))
        return self.started[-1]

    def heard(self, workers: Sequence[Pretended]) -> Sequence[Pretended]:
        assert all(each.news for each in workers)
        # The last first: nothing may depend on who is heard first.
        return list(workers)[::-1]

    def end(self) -> None:
        self.ended = True


def performed(
    names: str, count: int, deaths: dict[str, list[str]]
) -> tuple[list[str], Staff, list[tuple[str, Any]]]:
    units = [Named(None, Path(), "cpu", name) for name in names]  # type: ignore[arg-type]
    staff, told = Staff(deaths), []

    def tell(unit: Any) -> Callable[..., None]:
        return lambda *said: told.append((unit.what, said))

    crew = Crew(staff, count)
    try:
        following = iter(units)
        done = [unit.name for unit, _ in crew.perform(lambda: next(following, None), tell)]
    finally:
        crew.end()
    return done, staff, told


@pytest.mark.parametrize("count", [1, 2, 5])
def test_each_unit_is_done_once_whatever_the_number_of_workers(count: int) -> None:
    done, staff, told = performed("abcd", count, {})
    assert sorted(done) == list("abcd") == sorted(what for _, what in staff.given)
    assert sorted(told) == [(name, ("images", 1, 1)) for name in "abcd"]
    assert staff.ended and [each.ended for each in staff.started] == [False] * count


@pytest.mark.parametrize("when", ["send", "perform"])
def test_what_a_dead_worker_was_at_is_done_by_another(
    when: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        done, staff, _ = performed("abcd", 2, {"b": [when] * (TRIES - 1)})
    assert sorted(done) == list("abcd")
    assert len(staff.started) == 2 + TRIES - 1
    assert [what for _, what in staff.given].count("a") == 1
    assert "is gone while it made b; another worker takes its place" in caplog.text


def test_a_unit_that_workers_die_of_is_given_up() -> None:
    with pytest.raises(WorkerDiedError, match=r"while it made b, as 2 others did; the same comm"):
        performed("abcd", 2, {"b": ["perform"] * TRIES})


def test_workers_that_do_not_start_are_given_up() -> None:
    done, staff, _ = performed("ab", 1, {"start": ["start"] * (TRIES - 1)})
    assert done == ["a", "b"] and len(staff.started) == TRIES
    with pytest.raises(WorkerDiedError, match="did not start while it made nothing, as 2 others"):
        performed("ab", 1, {"start": ["start"] * TRIES})


def test_of_several_gpus_each_worker_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr(
        "bench.runs.executors.processes.Process", lambda device, *_: started.append(device)
    )
    staff = Processes(Setup("cuda", workers=3))
    for number in (0, 1, 2, 1):
        staff.start(number)
    assert started == ["cuda:0", "cuda:1", "cuda:2", "cuda:1"]
    assert own_device("cpu", 2) == "cpu"
