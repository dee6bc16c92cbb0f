from __future__ import annotations

from dataclasses import replace

import pytest

from bench.results.report import group, page
from bench.results.report.distances import distances
from bench.results.report.groups import Group
from bench.results.store import Finished

from .conftest import ROLES, SPEC, UNERASED, Make

TITLE = "distance from retrained, over the rates of judge target, judge synonym"


@pytest.fixture
def runs(make: Make) -> Group:
    shares = {"original": 1.0, "retrained": 0.0, "realera": 0.0, "uce": 0.5}
    made = [make(replace(SPEC, method=m, options={}), share) for m, share in shares.items()]
    return group(made)


def of(runs: Group, method: str) -> Finished:
    return next(run for run in runs.runs if run.record.spec.method == method)


def test_each_run_stands_so_far_from_the_baseline_as_its_rates_do(runs: Group) -> None:
    table = distances(runs, of(runs, "retrained"))
    assert table is not None and table.title.startswith(TITLE)
    found = {name.text: (far.text, where.text, n.text) for name, far, where, n in table.lines}
    # mini's CLIP is kin to it and counts nowhere; one of five rates differs.
    assert len(ROLES) == 5
    assert found == {
        "original": ("0.20", "judge target +1.00", "5"),
        "realera": ("0.00", "judge target +0.00", "5"),
        "uce": ("0.10", "judge target +0.50", "5"),
    }
    intervals = {line[0].text: line[1].interval for line in table.lines}
    assert intervals["realera"].startswith("[0.00, 0.0") and intervals["uce"] != "[0.10, 0.10]"


def test_a_role_that_one_run_lacks_does_not_count(runs: Group) -> None:
    uce = of(runs, "uce")
    rows = [row for row in uce.folder.read_per_image() if row["role"] in ("target", "far")]
    uce.folder.write_per_image(rows)
    again = group([Finished(run.folder, run.record) for run in runs.runs])
    table = distances(again, of(again, "retrained"))
    assert table is not None
    far = {line[0].text: (line[1].text, line[3].text) for line in table.lines}
    assert far["uce"] == ("0.25", "2") and far["realera"] == ("0.00", "5")


def test_a_page_has_distances_from_whom_it_is_told(runs: Group) -> None:
    def titles(**asked: str) -> list[str]:
        return [table.title for table in page(runs, **asked).tables]

    assert any(title.startswith(TITLE) for title in titles(baseline="retrained"))
    for asked in ({}, {"baseline": "mace"}, {"baseline": "retrained", "metric": "clip"}):
        assert not any("distance from" in title for title in titles(**asked))


def test_a_run_alone_has_no_distance(make: Make) -> None:
    alone = make(UNERASED, 1.0)
    assert distances(group([alone]), alone) is None
