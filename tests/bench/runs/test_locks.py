from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.results import store
from bench.runs import plan, runner, units
from bench.runs.locks import held
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
