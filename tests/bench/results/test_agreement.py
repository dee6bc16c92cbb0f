from __future__ import annotations

import math
from pathlib import Path

import pytest

from bench import registry
from bench.metrics.raters import Raters
from bench.results import agreement

PUBLISHED = {
    "A": "* * * * * 3 4 1 2 1 1 3 3 * 3",
    "B": "1 * 2 1 3 3 4 3 * * * * * * *",
    "C": "* * 2 1 3 4 4 * 2 1 1 3 3 * 4",
}
"""Krippendorff's own example of three raters and missing verdicts, whose nominal alpha is 0.691."""


def test_alpha_of_the_published_example() -> None:
    columns = zip(*(text.split() for text in PUBLISHED.values()), strict=True)
    units = [
        [(rater, verdict) for rater, verdict in zip(PUBLISHED, each, strict=True) if verdict != "*"]
        for each in columns
    ]
    assert agreement.alpha(units) == pytest.approx(0.691, abs=5e-4)


def test_there_is_no_alpha_without_two_verdicts_on_an_image_or_two_kinds_of_them() -> None:
    assert math.isnan(agreement.alpha([[("a", "yes")], [("b", "no")]]))
    assert math.isnan(agreement.alpha([[("a", "yes"), ("b", "yes")]]))
    assert agreement.alpha([[("a", "y"), ("b", "y")], [("a", "n"), ("b", "n")]]) == 1


def test_raters_among_themselves_and_with_a_detector(tmp_path: Path) -> None:
    """Ten images: the raters' majority sees 6, the detector 5 of these and 1 of the others."""
    file = tmp_path / "people.csv"
    raters = [f"{i},{who},{'yes' if i < 6 else 'no'}" for i in range(10) for who in "abc"]
    # One of three says otherwise of one image.
    raters[0] = "0,a,no"
    file.write_text("\n".join(["id,rater,verdict", *raters]) + "\n")
    seen = [True] * 5 + [False] + [True] + [False] * 3
    metric = registry.metric(f"raters@{file}")
    assert isinstance(metric, Raters)
    judge = registry.metric("judge")
    rows = [
        {
            "id": str(i),
            "image": f"images/{i}.png",
            "concept": "cat",
            "judge_label": "cat" if seen[i] else "none",
            "judge_probability": "0.5",
            f"{metric.name}_shown": "1" if i < 6 else "0",
        }
        for i in range(10)
    ]
    between, detector = agreement.agreements(rows, metric, [metric, judge], tmp_path)
    assert (between.other, between.n, between.agreeing) == (agreement.BETWEEN, 10, 0.9)
    # Of 30 verdicts, 17 yes and 13 no, one coincidence of yes with no: 1 - (30 - 1) o / (17 * 13).
    assert between.alpha == pytest.approx(1 - 29 * 1 / (17 * 13))
    assert math.isnan(between.kappa)
    assert (detector.other, detector.n, detector.agreeing) == ("judge", 10, 0.8)
    assert detector.low < 0.8 < detector.high
    # By chance 0.6 * 0.6 + 0.4 * 0.4 = 0.52.
    assert detector.kappa == pytest.approx((0.8 - 0.52) / (1 - 0.52))
    assert "0.800 [" in detector.words and "Cohen's kappa 0.583" in detector.words
    text = agreement.write(tmp_path, [between, detector]).read_text()
    assert text.startswith("metric,other,n,agreeing,low,high,alpha,kappa\n")
