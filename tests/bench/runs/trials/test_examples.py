"""Images that attacks learn from: none is of a text or seed that success is measured on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from bench.attacks._wordings import PAIRS
from bench.files import read_rows
from bench.models.generate import noise
from bench.runs.trials.examples import STREAM, apart
from bench.types import Concept, Prompt

from .conftest import Bench


def prompt(seed: int, text: str = "x") -> Prompt:
    return Prompt(str(seed), text, seed, "target", "airplane")


@pytest.mark.parametrize("count", [0, 1, 25, 100])
def test_seeds_are_none_of_the_tested_ones_and_each_is_another(
    count: int, airplane: Concept
) -> None:
    plain = apart(airplane, [], count)
    # All that would be chosen is tested, some of it as a seed that draws the same noise.
    taken = [prompt(row.seed + STREAM * (number % 2)) for number, row in enumerate(plain)]
    made = apart(airplane, taken, count)
    assert len({row.seed for row in made}) == len({row.id for row in made}) == len(made) == count
    assert not {row.seed for row in plain} & {row.seed for row in made}
    assert apart(airplane, taken, count) == made
    assert all(0 <= row.seed < STREAM and row.concept == "airplane" for row in made)


def test_seeds_that_are_a_stream_apart_draw_the_same_noise(tiny_pipe: Any) -> None:
    one, other, far = noise(tiny_pipe.unet, [5, 5 + STREAM, 6])
    assert torch.equal(one, other) and not torch.equal(one, far)


def test_texts_are_none_of_the_tested_ones_and_name_the_concept(airplane: Concept) -> None:
    every = {present.format("airplane") for present, _ in PAIRS["object"]}
    assert {row.text for row in apart(airplane, [], 33)} == every
    tested = [prompt(1, text.upper()) for text in sorted(every)[:30]]
    made = apart(airplane, tested, 25)
    assert {row.text for row in made} == set(sorted(every)[30:])
    assert all("airplane" in row.text for row in made)


def test_another_concept_has_other_seeds(airplane: Concept) -> None:
    bird = replace(airplane, name="bird")
    mine, theirs = apart(airplane, [], 25), apart(bird, [], 25)
    assert not {row.seed for row in mine} & {row.seed for row in theirs}


def test_what_a_trial_learns_from_shares_no_text_seed_or_image_with_what_it_tests(
    bench: Bench,
) -> None:
    """Through the real trial: the seeds of every candidate that was drawn, and of every example."""
    bench.attack("inversion")
    (problem,) = bench.seen
    examples = [path.stem for path in problem.examples]
    assert len(examples) == 3
    seeds = {int(name.rpartition("-")[2]) for name in examples}
    spec = bench.specs()[1]
    rows = bench.results("inversion")
    tested = {int(row["seed"]) for row in rows}
    for row in rows:
        others = np.random.SeedSequence([int(row["seed"]), spec.seed]).generate_state(9)
        tested |= {int(seed) for seed in others}
    assert not {seed % STREAM for seed in tested} & seeds
    pixels = {path.read_bytes() for path in (*problem.images, *problem.examples)}
    assert len(pixels) == len(problem.images) + 3
    folder = bench.out / bench.specs()[0].run_id / "attacks" / "airplane"
    (drawn,) = folder.glob("examples-*")
    assert {path.parent for path in problem.examples} == {drawn}
    (listed,) = folder.glob("pre_asr-quick-*/seen.csv")
    texts = {row["text"] for row in read_rows(listed)}
    assert len(texts) > 1 and not texts & {row.text for row in apart(problem.concept, [], 3)}


def test_examples_are_the_unerased_models_and_drawn_once_for_a_case(bench: Bench) -> None:
    bench.attack("inversion")
    before = {path: path.stat().st_mtime_ns for path in bench.seen[0].examples}
    bench.attack("inversion", steps=3)
    assert len(bench.seen) == 2
    assert {path: path.stat().st_mtime_ns for path in bench.seen[1].examples} == before
    original = bench.specs()[0].run_id
    assert all(original in str(path) for path in before)
    # What was drawn apart is no part of what the search spent.
    rows = [row for path in bench.trials("inversion") for row in read_rows(path / "results.csv")]
    assert {float(row["evaluations"]) for row in rows} == {2 * 2 / 4, 2 * 3 / 4}
