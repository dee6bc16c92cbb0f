from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.results import store
from bench.runs import locks, plan, runner, units
from bench.runs.locks import held
from bench.runs.schedule import Setup
from bench.runs.trials import attack
from bench.types import RunRecord

from ..conftest import WriteSuite


def test_who_comes_second_waits_until_the_run_is_let_go(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    came: list[str] = []
    waiting = threading.Event()

    def second() -> None:
        with held(tmp_path, ["b", "a"]):
            came.append("second")

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            waiting.set()

    handler = Told()
    logging.getLogger("bench.runs.locks").addHandler(handler)
    try:
        with caplog.at_level(logging.WARNING), held(tmp_path, ["a", "b"]) as first:
            thread = threading.Thread(target=second)
            thread.start()
            assert waiting.wait(60)
            first.let_go("a")
            came.append("first")
        thread.join(60)
    finally:
        logging.getLogger("bench.runs.locks").removeHandler(handler)
    assert came == ["first", "second"]
    assert "another process works on" in caplog.text


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOLCK, "No locks available"), True),
        (NotImplementedError("no flock"), True),
        (OSError(errno.EACCES, "Permission denied"), False),
    ],
)
def test_a_file_system_without_locks_is_said_once(
    error: Exception,
    said: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(locks.FileLock, "acquire", refuse)
    with caplog.at_level(logging.WARNING), held(tmp_path, ["a", "b"]) as nothing:
        nothing.let_go("a")
    line = f"the file system of {tmp_path} has no locks: two commands that write there"
    assert caplog.text.count(line) == int(said)


def test_two_who_attack_the_same_runs_wait_for_each_other(
    write_suite: WriteSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = write_suite(tmp_path / "suite")
    specs = plan.specs(["uce"], model="mini", suite=str(suite), size="tiny", steps=2)
    inside: list[int] = []
    most: list[int] = []

    def attacked(*_: object) -> list[dict[str, str]]:
        inside.append(1)
        time.sleep(0.1)
        most.append(len(inside))
        inside.pop()
        return []

    monkeypatch.setattr(attack, "_attacked", attacked)
    both = [
        threading.Thread(target=attack.attack, args=(specs, [], tmp_path / "runs", Setup()))
        for _ in range(2)
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(60)
    assert most == [1, 1]


def test_two_who_want_the_same_runs_draw_them_once(
    write_suite: WriteSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = write_suite(tmp_path / "suite")
    (spec,) = plan.specs(["original"], model="mini", suite=str(suite), size="tiny", steps=2)
    drawn: list[str] = []
    generate = units.generate

    def counted(pipe: Any, prompts: Sequence[Any], *others: Any, **more: Any) -> Any:
        drawn.extend(each.id for each in prompts)
        time.sleep(0.2)
        return generate(pipe, prompts, *others, **more)

    monkeypatch.setattr(units, "generate", counted)
    records: list[RunRecord] = []
    both = [
        threading.Thread(target=lambda: records.append(runner.run(spec, tmp_path / "runs")))
        for _ in range(2)
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(300)
    one, two = (repr(each.scores) for each in records)
    assert one == two
    assert sorted(drawn) == sorted(set(drawn))
    assert len(store.load(tmp_path / "runs").runs) == 1
