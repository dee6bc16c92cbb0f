"""Hybrids: what a judge must not call by the name of anything."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import torch

from bench.metrics import Setting
from bench.metrics.judge import Judge
from bench.models.mini import judge
from bench.models.mini.train.data import HELD_OUT_SEED_OFFSET
from bench.models.mini.world import hybrids
from bench.models.mini.world.hybrids import hybrid_of, hybrid_truth_of
from bench.models.mini.world.sample import image_of, truth_of
from bench.models.mini.world.truth import LABELS, NEAR, NONE, OBJECTS, SCENES
from bench.types import Concept, Prompt

SEED = HELD_OUT_SEED_OFFSET
N = 120


def read(images: list[np.ndarray]) -> dict[str, list[str]]:
    pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2) / 255
    seen = judge.load().read(pixels)
    return {head: [LABELS[head][int(i)] for i in rows.argmax(1)] for head, rows in seen.items()}


def test_a_number_and_a_seed_decide_a_hybrid_and_what_it_shows() -> None:
    first, again, other, foreign = (
        np.asarray(hybrid_of(*key)) for key in ((3, 8), (3, 8), (3, 9), (4, 8))
    )
    assert first.shape == (64, 64, 3)
    assert (first == again).all()
    assert (first != other).any()
    assert (first != foreign).any()
    assert hybrid_truth_of(3, 8) == hybrid_truth_of(3, 8)


def test_hybrids_show_no_object_and_no_person_in_every_scene() -> None:
    truths = [hybrid_truth_of(0, i) for i in range(2000)]
    assert {(truth.object, truth.person) for truth in truths} == {(NONE, NONE)}
    assert {truth.scene for truth in truths} == set(LABELS["scene"])
    related = np.mean([truth.scene in SCENES for truth in truths])
    assert 0.3 < related < 0.6


def test_what_is_crossed_looks_unlike() -> None:
    for seed in range(200):
        rng = np.random.default_rng(seed)
        names = hybrids._unlike(3, rng)
        assert len(set(names)) == 3
        assert set(names) <= set(OBJECTS)
        assert not any(b in (NEAR[a],) or NEAR[b] == a for a, b in combinations(names, 2))


def test_each_of_two_parts_is_of_some_size() -> None:
    whole = np.zeros((256, 256), bool)
    whole[60:200, 40:220] = True
    for seed in range(100):
        mask = hybrids._part([whole, whole], np.random.default_rng(seed))
        assert 0.35 <= (whole & mask).sum() / whole.sum() <= 0.65


def test_the_metric_gives_no_name_that_the_judge_is_not_sure_of(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.png" for i in range(N)]
    for i, path in enumerate(paths):
        hybrid_of(SEED, i).save(path)
    prompts = [Prompt(str(i), "a ship", i, "target", "ship") for i in range(N)]
    ship = Concept("ship", "object", "the sea")
    setting = Setting((ship,), (ship,), "mini", "cpu")
    found = Judge().measure(paths, prompts, setting)
    sure = [float(each["confidence"]) >= 0.75 for each in found]
    assert any(sure) and not all(sure)
    assert [each["label"] != "unsure" for each in found] == sure


def test_the_judge_names_few_hybrids_and_most_objects() -> None:
    named = read([np.asarray(hybrid_of(SEED, i)) for i in range(N)])
    assert np.mean([label != NONE for label in named["object"]]) <= 0.1
    truths = [truth_of(SEED, i) for i in range(2 * N)]
    some = [i for i, truth in enumerate(truths) if truth.object != NONE]
    seen = read([np.asarray(image_of(SEED, i)) for i in some])["object"]
    right = [label == truths[i].object for i, label in zip(some, seen, strict=True)]
    assert np.mean(right) >= 0.97
