"""FID and KID of what mini itself draws: against other seeds, and against noise blended in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bench.metrics import SetScore, Setting, View
from bench.metrics.fidelity import FEATURES, Fidelity
from bench.models import loading
from bench.models.generate import generate, image_path
from bench.runs import plan
from bench.runs.resolved import Resolved

from .conftest import blended

COUNT = 240
SHARES = (0.0, 0.1, 0.25, 0.5, 1.0)
"""Of noise, blended into the images."""
OTHER = 1_000_003
"""Added to a prompt's seed for another image of it."""


def scores(images: Sequence[Path], unerased: Sequence[Path]) -> dict[str, SetScore]:
    view = View({"far": images}, {"far": unerased}, Setting((), (), "mini", "cpu"))
    return {each.measure: each for each in Fidelity().of_run(view) if each.role == "far"}


@pytest.mark.slow
def test_other_seeds_are_nearer_than_any_noise_and_more_noise_is_farther(tmp_path: Path) -> None:
    (spec,) = plan.specs(["original"], model="mini", suite="objects", size="full")
    rows = [row for row in Resolved(spec).prompts["airplane"] if row.role in ("near", "far")]
    rows = rows[:: len(rows) // COUNT][:COUNT]
    assert len(rows) > FEATURES["rendered"].width
    others = [replace(row, seed=row.seed + OTHER) for row in rows]
    for name, some in (("own", rows), ("other", others)):
        generate(loading.shared("mini", "cpu"), some, tmp_path / name, spec.sampler)
    own, other = ([image_path(tmp_path / n, row) for row in rows] for n in ("own", "other"))
    floor = scores(other, own)
    for name in ("fid_judge", "kid_judge"):
        rising = [scores(blended(own, share, tmp_path), own)[name].value for share in SHARES]
        assert rising == sorted(rising), name
        # The same prompts drawn anew are what no erasure can do better than.
        assert rising[0] < floor[name].value < rising[2], name
        assert rising[-1] > 10 * floor[name].value, name
