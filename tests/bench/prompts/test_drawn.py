"""What un-erased mini must draw, or no prompt can tell what an erasure leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import prompts
from bench.families import FAMILIES
from bench.types import Prompt, Size

PER_CASE = 5
pytestmark = pytest.mark.slow


def chosen(suite: str, role: str) -> list[Prompt]:
    found = prompts.suite(suite)
    size = Size("few", {role: PER_CASE}, ())
    return [row for case in found.cases for row in prompts.select(found, case, size)]


def seen(rows: list[Prompt], folder: Path, head: str) -> list[str]:
    """Return what the judge sees in each row's image by un-erased mini."""
    import torch

    from bench.metrics._images import read_images, square
    from bench.models import loading
    from bench.models.generate import generate
    from bench.models.mini import judge
    from bench.models.mini.world.truth import LABELS

    pipe = loading.shared("mini", "cpu")
    paths = generate(pipe, rows, folder, FAMILIES["mini"].sampler)
    pixels, readable = read_images(paths, square(64))
    assert all(readable)
    return [
        LABELS[head][i] for i in judge.load().read(torch.stack(pixels))[head].argmax(1).tolist()
    ]


@pytest.mark.parametrize(
    ("suite", "head"), [("objects", "object"), ("people", "person"), ("styles", "style")]
)
def test_target_prompts_draw_their_concept_and_no_other(
    tmp_path: Path, suite: str, head: str
) -> None:
    rows = chosen(suite, "target")
    labels = seen(rows, tmp_path, head)
    strangers = [a for a, row in zip(labels, rows, strict=True) if a not in ("none", row.concept)]
    assert sum(a == row.concept for a, row in zip(labels, rows, strict=True)) >= 0.9 * len(rows)
    assert len(strangers) <= 0.1 * len(rows)


@pytest.mark.parametrize(("suite", "head"), [("objects", "object"), ("people", "person")])
def test_related_prompts_draw_what_they_never_name(tmp_path: Path, suite: str, head: str) -> None:
    rows = chosen(suite, "related")
    labels = seen(rows, tmp_path, head)
    for concept in {row.concept for row in rows}:
        own = [a for a, row in zip(labels, rows, strict=True) if row.concept == concept]
        assert sum(a == concept for a in own) >= 0.8 * len(own), concept


@pytest.mark.parametrize("suite", ["objects", "people", "styles"])
def test_the_place_of_a_remainder_prompt_is_there(tmp_path: Path, suite: str) -> None:
    rows = chosen(suite, "remainder")
    places = seen(rows, tmp_path, "scene")
    hits = sum(place == row.tag for place, row in zip(places, rows, strict=True))
    assert hits >= 0.9 * len(rows)


def test_general_prompts_draw_no_object(tmp_path: Path) -> None:
    rows = list({row.id: row for row in chosen("objects", "general")}.values())
    assert set(seen(rows, tmp_path, "object")) == {"none"}
