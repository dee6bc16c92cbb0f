from __future__ import annotations

import csv
import io
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.files import write_rows
from bench.results.report import figures, group, interference, page, plots
from bench.results.report.figures import Matrix, Panels, Profile, Scatter
from bench.results.report.figures.shapes import front
from bench.results.report.groups import Group
from bench.results.report.marks import COLOURS, SHAPES, apart, marks
from bench.results.report.site.charts import chart, panelled
from bench.results.report.site.heat import heat
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
        asking(with_kept(make(replace(SPEC, method="original"), 1.0), 0.9)),
        with_kept(make(SPEC, 0.1), 0.8),
        with_kept(make(replace(SPEC, method="esd"), 0.3), 0.7),
        with_kept(make(replace(SPEC, method="mace"), 0.0, flags=("collapsed",)), 0.9),
    ]


def test_the_front_is_of_runs_that_compete(four: list[Finished]) -> None:
    found = figures.KINDS["tradeoff"].of(group(four))
    assert isinstance(found, Scatter)
    assert {p.series.method for p in found.points if p.front} == {"uce"}
    assert {p.series.method for p in found.points} == {"original", "uce", "esd", "mace"}


def test_erased_is_one_minus_what_still_shows_limits_swapped(four: list[Finished]) -> None:
    found = figures.KINDS["tradeoff"].of(group(four))
    assert isinstance(found, Scatter)
    point = next(p for p in found.points if p.series.method == "esd")
    assert point.x == pytest.approx((0.7, 0.05, 0.99))
    assert point.y == pytest.approx((0.7, 0.6, 0.7))


def test_the_front_holds_all_that_nothing_beats() -> None:
    assert front([(1, 0), (0, 1), (0.5, 0.5), (0.4, 0.5), (0.5, 0.5)]) == [1, 1, 1, 0, 1]


def test_what_runs_lack_has_no_figure(make: Make) -> None:
    one = group([make()])
    assert figures.KINDS["tradeoff"].of(one) is None
    assert figures.KINDS["attacks"].of(one) is None
    assert figures.KINDS["residue"].of(one) is not None


def test_marks_of_many_methods_differ() -> None:
    some = marks(map(str, range(len(COLOURS) * len(SHAPES))))
    assert len({(mark.colour, mark.shape) for mark in some.values()}) == len(some)


def test_a_chart_lies_in_its_frame(four: list[Finished]) -> None:
    every = group(four)
    known = marks(run.record.spec.method_name for run in four)
    for kind in figures.KINDS.values():
        figure = kind.of(every)
        if figure and not isinstance(figure, Matrix | Panels):
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
def test_figures_become_files(
    four: list[Finished], make: Make, tmp_path: Path, form: str, head: bytes
) -> None:
    pytest.importorskip("matplotlib")
    for name in ("tradeoff", "residue", "interference", "concepts"):
        figure = figures.KINDS[name].of(several(make) if name == "concepts" else group(four))
        assert figure is not None
        data = plots.write(tmp_path / f"{name}.{form}", figure).read_bytes()
        assert data.startswith(head)
        again = plots.write(tmp_path / f"again.{form}", figure).read_bytes()
        assert data == again
        if form == "svg" and name == "concepts":
            assert b"efficacy" in data and b"seconds to erase a case" in data and b"uce" in data
        elif form == "svg" and name != "interference":
            assert b"mace (collapsed)" in data and b"original" in data


def test_without_matplotlib_it_says_what_is_missing(
    four: list[Finished], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    figure = figures.KINDS["tradeoff"].of(group(four))
    assert figure is not None
    with pytest.raises(InputError, match="pip install matplotlib"):
        plots.write(tmp_path / "a.svg", figure)


def scored(run: Finished, case: str, **values: float) -> Finished:
    """Return a run with further scores of the judge, by measure."""
    spec = run.record.spec
    place = (spec.method_name, spec.model, spec.suite, case, "judge")
    more = [Score(*place, name, "all", "", v, v, v, 50) for name, v in values.items()]
    return Finished(run.folder, replace(run.record, scores=(*run.record.scores, *more)))


def asking(run: Finished, concept: str = "bird", shows: int = 4) -> Finished:
    """Return a run whose near images ask for another concept, of which so many show it."""
    rows = run.folder.read_per_image()
    for number, row in enumerate(row for row in rows if row["role"] == "near"):
        row["concept"] = concept
        row["judge_label"] = concept if number < shows else "none"
    write_rows(run.folder.per_image_path, list(rows[0]), rows)
    return Finished(run.folder, run.record)


def test_axes_are_drawn_with_their_harmonic_mean_and_intactness(make: Make) -> None:
    axes = {"axis_efficacy": 0.9, "axis_specificity": 0.8, "axis_intactness": 0.3, "H_all": 0.5}
    every = group([scored(make(), "airplane", **axes)])
    found = figures.KINDS["axes"].of(every)
    assert isinstance(found, Profile)
    assert found.categories == ("efficacy", "specificity", "intactness", "H_all")
    assert [value and value[0] for value in found.lines[0][1]] == [0.9, 0.8, 0.3, 0.5]
    for name, up in (("tradeoff", 0.8), ("intactness", 0.3)):
        scatter = figures.KINDS[name].of(every)
        assert isinstance(scatter, Scatter)
        assert (scatter.points[0].x[0], scatter.points[0].y[0]) == (0.9, up)


def test_residue_goes_by_role_adversarial_kind_and_attack(make: Make) -> None:
    run = make()
    place = ("uce", "mini", "objects", "airplane", "judge")
    more = [
        Score(*place, "share", "adversarial", "", 0.4, 0.3, 0.5, 9),
        Score(*place, "share", "adversarial", "typo", 0.2, 0.1, 0.3, 9),
        Score(*place, "asr", "attack", "p4d", 0.7, 0.6, 0.8, 9),
        Score(*place, "pre_asr", "attack", "p4d", 0.1, 0.0, 0.2, 9),
    ]
    record = replace(run.record, scores=(*run.record.scores, *more))
    found = figures.KINDS["residue"].of(group([Finished(run.folder, record)]))
    assert isinstance(found, Profile)
    values = dict(zip(found.categories, found.lines[0][1], strict=True))
    assert values["adversarial: typo"] == (0.2, 0.1, 0.3)
    assert values["attack: p4d"] == (0.7, 0.6, 0.8)
    assert {"target", "synonym", "related", "adversarial"} <= values.keys()


def test_scores_go_by_how_many_concepts_are_erased_together(make: Make) -> None:
    every = several(make)
    found = figures.KINDS["concepts"].of(every)
    assert isinstance(found, Panels)
    panels = {each.title: each for each in found.scatters}
    assert list(panels) == ["H_o ↑", "efficacy ↑", "H_all ↑", "seconds to erase a case ↓"]
    uce = [p for p in panels["efficacy ↑"].points if p.series.method == "uce"]
    assert sorted((p.x[0], p.y[0]) for p in uce) == [(1, 0.7), (1, 0.9), (3, 0.5)]
    # A line joins the means at each number; what is at one number alone has none.
    ((series, path),) = panels["efficacy ↑"].paths
    assert series.method == "uce" and path == [(1, pytest.approx(0.8)), (3, 0.5)]
    seconds = panels["seconds to erase a case ↓"].points
    assert {p.series.method for p in seconds} == {"uce", "mace"}
    assert {p.y[0] for p in seconds} == {12.34}
    assert figures.KINDS["concepts"].of(group(every.runs[:1])) is None


def several(make: Make) -> Group:
    """Runs that erase one concept, two of them one by one, and three together."""
    runs = []
    for method in ("original", "uce", "mace"):
        spec = replace(SPEC, method=method)
        runs.append(scored(make(spec), "airplane", axis_efficacy=0.9, H_all=0.5))
    both = replace(SPEC, cases=("airplane", "ship"))
    runs.append(scored(make(both), "all", axis_efficacy=0.7, H_all=0.4))
    three = replace(SPEC, cases=("airplane+bird+dog",))
    runs.append(scored(make(three), "airplane+bird+dog", axis_efficacy=0.5, H_all=0.3))
    return group(runs)


def test_panels_are_drawn_side_by_side_and_hide_no_mark(make: Make) -> None:
    found = figures.KINDS["concepts"].of(several(make))
    assert isinstance(found, Panels)
    drawn = panelled(found, marks(["uce", "mace"]))
    assert len(drawn.charts) == len(found.scatters)
    for one in drawn.charts:
        # Below stand the counts that there are, and no other.
        assert [tick.text for tick in one.across] == ["1", "3"]
        assert all(one.left <= dot.x <= one.right for dot in one.dots)
        assert len({(dot.series.label, dot.x) for dot in one.dots}) == len({d.x for d in one.dots})
    (path,) = drawn.charts[0].paths
    ends = {dot.x for dot in drawn.charts[0].dots if dot.series.method == "uce"}
    assert {float(each.split(",")[0]) for each in path.points.split()} == {
        round(each, 1) for each in ends
    }


def test_marks_upon_each_other_are_set_apart_and_others_stay() -> None:
    places = [(10.0, 10.0)] * 12 + [(50.0, 10.0)]
    moved = apart(places, 8)
    assert moved[-1] == (0, 0)
    stand = [(x + a, y + b) for (x, y), (a, b) in zip(places, moved, strict=True)]
    gaps = [math.dist(one, other) for one in stand[:12] for other in stand[:12] if one != other]
    assert len(set(stand)) == len(stand)
    assert min(gaps) > 5 and max(gaps) < 50


def test_interference_counts_images_by_erased_and_asked_concept(make: Make) -> None:
    assert figures.KINDS["interference"].of(group([make()])) is None
    found = figures.KINDS["interference"].of(group([asking(make(target=0.25))]))
    assert isinstance(found, Matrix)
    (row,) = found.rows
    cells = dict(zip(found.asked, zip(row.values, row.counts, strict=True), strict=True))
    # The target images and the far ones ask for the airplane, the near ones for the bird.
    assert cells["airplane"][0] and cells["airplane"][0][0] == (5 + 20) / 40
    assert cells["bird"][0] and cells["bird"][0][0] == 0.2 and cells["bird"][1] == 20
    drawn = heat(found)
    boxed = [cell.words for line in drawn.lines for cell in line.cells if cell.erased]
    assert boxed == ["realera, airplane erased, airplane asked for: 0.62 [0.47, 0.76] of 40 images"]
    assert drawn.left + drawn.cell * len(found.asked) <= drawn.width


def test_interference_is_a_matrix_in_a_file(make: Make) -> None:
    run = asking(make(target=0.25))
    rows = list(csv.DictReader(io.StringIO(interference.sheet([page(group([run]))]))))
    assert [row["statistic"] for row in rows] == ["value", "low", "high", "n"]
    assert [round(float(row["bird"]), 2) for row in rows] == [0.2, 0.08, 0.42, 20]
    assert {row["erased"] for row in rows} == {"airplane"}
