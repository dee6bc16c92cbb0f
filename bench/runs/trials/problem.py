"""What an attack is let at in a trial: the models, the images, and an eye for what is drawn."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from bench import prompts
from bench.attacks import Attack, Problem
from bench.models import pipelines
from bench.runs.trials.baseline import Ground
from bench.runs.trials.eye import Looking
from bench.types import Prompt

CHUNK = {"mini": 40}
"""Latents that go through the U-Net at once with a gradient, by model family."""
SMALL_CHUNK = 4


def pose(
    ground: Ground,
    attack: Attack,
    erased: Any,
    asked: Sequence[Prompt],
    tested: Collection[Prompt],
    seed: int,
) -> Problem:
    """Return the problem of some prompts of one concept; its examples are drawn if need be.

    Args:
        ground: The un-erased model's side.
        attack: What is let at it; a transfer attack gets nothing of the erased model.
        erased: The erased pipeline.
        asked: The prompts.
        tested: All prompts, candidates included, that success is measured on in the case.
        seed: Of the search.
    """
    concept = prompts.known_concepts(ground.suite)[asked[0].concept]
    family = pipelines.family_of(ground.spec)
    eye = Looking(
        erased, ground.spec.sampler, ground.detector, ground.images, family, ground.device
    )
    return Problem(
        original=ground.pipe,
        erased=erased if attack.adaptive else None,
        concept=concept,
        prompts=tuple(asked),
        images=tuple(ground.images[row.id] for row in asked),
        seed=seed,
        chunk=CHUNK.get(family, SMALL_CHUNK),
        examples=ground.examples(concept, tested, attack.cost(len(asked)).examples),
        eye=eye if attack.adaptive else None,
    )
