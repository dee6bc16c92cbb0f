"""The published figures that tables show beside measured ones, and our H_o of them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from bench.metrics.clip import Clip
from bench.results.report import papers
from bench.results.stats import intervals
from bench.results.stats.aggregate import aggregate
from bench.results.stats.headlines import conclude
from bench.types import RunSpec, Sampler

PATH = Path(__file__).resolve().parent.parent / "reports" / "published.csv"
ROWS = list(csv.DictReader(PATH.open(encoding="utf-8")))
MISPRINT = ("airplane", "AC")
"""MACE prints an H_o that its own three accuracies do not give."""
TABLE = {
    (row["concept"], row["method"]): {
        other["metric"]: float(other["value"]) / 100
        for other in ROWS
        if other["source"].startswith("MACE")
        and other["table"] == "Table 1"
        and (other["concept"], other["method"]) == (row["concept"], row["method"])
    }
    for row in ROWS
    if row["source"].startswith("MACE") and row["table"] == "Table 1"
}
COMPLETE = {
    key: cells
    for key, cells in TABLE.items()
    if {"Acc_e", "Acc_s", "Acc_g", "H_o"} <= cells.keys() and "average" not in key[0]
}


def computed(cells: dict[str, float]) -> float:
    return 100 * float(intervals.harmonic_objects(cells["Acc_e"], cells["Acc_s"], cells["Acc_g"]))


def test_every_figure_has_a_source_and_a_unit() -> None:
    assert len(ROWS) == 403
    assert all(row["source"] and row["table"] and row["unit"] for row in ROWS)


@pytest.mark.parametrize("key", [key for key in COMPLETE if key != MISPRINT], ids="-".join)
def test_our_harmonic_mean_is_the_published_one(key: tuple[str, str]) -> None:
    cells = COMPLETE[key]
    assert computed(cells) == pytest.approx(100 * cells["H_o"], abs=0.06)


def test_the_one_misprint_is_none_of_ours() -> None:
    assert abs(computed(COMPLETE[MISPRINT]) - 100 * COMPLETE[MISPRINT]["H_o"]) > 0.06
    assert len(COMPLETE) >= 24


AVERAGES = {method: cells for (concept, method), cells in TABLE.items() if "average" in concept}


@pytest.mark.parametrize("method", [name for name, cells in AVERAGES.items() if "H_o" in cells])
def test_the_printed_average_is_no_h_o_of_averages(method: str) -> None:
    """A mean of harmonic means is below the harmonic mean of the means."""
    assert 100 * AVERAGES[method]["H_o"] < computed(AVERAGES[method])


def test_what_is_averaged_over_classes_is_what_the_table_averages() -> None:
    """Accuracies of each class are averaged, and so is the H_o of each class."""
    case = [TABLE[concept, "UCE"] for concept in ("airplane", "automobile", "bird", "cat")]
    names = {"target": "Acc_e", "far": "Acc_s", "synonym": "Acc_g"}
    spec = RunSpec("uce", {}, "sd14", "objects-mace", "1", tuple("abcd"), "full", Sampler(1, 1), 0)
    rows = [
        {"case": name, "role": role, "concept": name, "tag": "", "clip_label": name}
        | dict.fromkeys(("clip_erased", "clip_confidence", "clip_entropy", "clip_score"), "0")
        | {"clip_probability": str(cells[printed])}
        for name, cells in zip(spec.cases, case, strict=True)
        for role, printed in names.items()
        for _ in range(2 if role == "target" else 3)
    ]
    scores = aggregate(rows, spec, [Clip()], family="sd")
    scores += conclude(rows, spec, [Clip()], "object", decides=Clip())
    (table,) = papers.published()
    for title, column in table.columns.items():
        place = column.metric, column.measure, column.role
        found = {s.case: s.value for s in scores if (s.metric, s.measure, s.role) == place}
        printed = [cells[title] for cells in case]
        assert [found[name] for name in spec.cases] == pytest.approx(printed, abs=6e-4), title
        assert found["all"] == pytest.approx(sum(printed) / 4, abs=6e-4), title
