from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.results.report import figures, group, plots
from bench.results.report.figures import Scatter, front
from bench.results.report.marks import COLOURS, SHAPES, marks
from bench.results.report.site.charts import chart
from bench.results.store import Finished
from bench.types import InputError, RunSpec, Sampler, Score

Make = Callable[..., Finished]
SPEC = RunSpec("uce", {}, "mini", "objects", "1", ("airplane",), "quick", Sampler(20, 4.0), 0)


def with_kept(run: Finished, value: float) -> Finished:
    spec = run.record.spec
    place = (spec.method_name, spec.model, spec.suite, "airplane")
    kept = Score(*place, "judge", "share", "kept", "", value, value - 0.1, value, 50)
    return Finished(run.folder, replace(run.record, scores=(*run.record.scores, kept)))


@pytest.fixture
def four(make: Make) -> list[Finished]:
    """Un-erased; good; worse both ways; collapsed, which erased all."""
    return [
        with_kept(make(replace(SPEC, method="original"), 1.0), 0.9),
        with_kept(make(SPEC, 0.1), 0.8),
        with_kept(make(replace(SPEC, method="esd"), 0.3), 0.7),
        with_kept(make(replace(SPEC, method="mace"), 0.0, flags=("collapsed",)), 0.9),
    ]


def test_the_front_is_of_runs_that_compete(four: list[Finished]) -> None:
    found = figures.tradeoff(group(four))
    assert isinstance(found, Scatter)
    assert {p.series.method for p in found.points if p.front} == {"uce"}
    assert {p.series.method for p in found.points} == {"original", "uce", "esd", "mace"}


def test_erased_is_one_minus_what_still_shows_limits_swapped(four: list[Finished]) -> None:
    found = figures.tradeoff(group(four))
    assert isinstance(found, Scatter)
    point = next(p for p in found.points if p.series.method == "esd")
    assert point.x == pytest.approx((0.7, 0.05, 0.99))
    assert point.y == pytest.approx((0.7, 0.6, 0.7))


def test_the_front_holds_all_that_nothing_beats() -> None:
    assert front([(1, 0), (0, 1), (0.5, 0.5), (0.4, 0.5), (0.5, 0.5)]) == [1, 1, 1, 0, 1]


def test_what_runs_lack_has_no_figure(make: Make) -> None:
    one = group([make()])
    assert figures.tradeoff(one) is None
    assert figures.attacks(one) is None
    assert figures.residue(one) is not None


def test_marks_of_many_methods_differ() -> None:
    some = marks(map(str, range(len(COLOURS) * len(SHAPES))))
    assert len({(mark.colour, mark.shape) for mark in some.values()}) == len(some)


def test_a_chart_lies_in_its_frame(four: list[Finished]) -> None:
    every = group(four)
    known = marks(run.record.spec.method_name for run in four)
    for make_figure in figures.KINDS.values():
        figure = make_figure(every)
        if figure:
            made = chart(figure, known)
            assert made.dots
            for dot in made.dots:
                assert made.left <= dot.x <= made.right
                assert made.top <= dot.y <= made.bottom
                assert dot.series.label in dot.words
                assert not any(map(math.isnan, (dot.x, dot.y)))


@pytest.mark.parametrize(
    ("form", "head"), [("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG")]
)
def test_figures_become_files(four: list[Finished], tmp_path: Path, form: str, head: bytes) -> None:
    pytest.importorskip("matplotlib")
    for name in ("tradeoff", "residue"):
        figure = figures.KINDS[name](group(four))
        assert figure is not None
        data = plots.write(tmp_path / f"{name}.{form}", figure).read_bytes()
        assert data.startswith(head)
        again = plots.write(tmp_path / f"again.{form}", figure).read_bytes()
        assert data == again
        if form == "svg":
            assert b"mace (collapsed)" in data and b"un-erased" in data


def test_without_matplotlib_it_says_what_is_missing(
    four: list[Finished], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    figure = figures.tradeoff(group(four))
    assert figure is not None
    with pytest.raises(InputError, match="pip install matplotlib"):
        plots.write(tmp_path / "a.svg", figure)
