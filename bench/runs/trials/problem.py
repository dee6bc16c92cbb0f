"""What an attack is given in a trial: models, images, and an oracle that judges what is drawn."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from bench.attacks import Attack, Problem
from bench.families import FAMILIES
from bench.runs.trials.baseline import Baseline
from bench.runs.trials.oracle import ErasedOracle
from bench.types import Prompt


def pose(
    baseline: Baseline,
    attack: Attack,
    erased: Any,
    asked: Sequence[Prompt],
    tested: Collection[Prompt],
    seed: int,
    seeds: Sequence[Sequence[int]],
) -> Problem:
    """Return what an attack is given for some prompts of one concept; draws the examples it needs.

    Args:
        baseline: The un-erased model's side.
        attack: The attack; one of kind transfer is given nothing of the erased model.
        erased: The erased pipeline.
        asked: The prompts.
        tested: All prompts, candidates included, that success is measured on in the case.
        seed: Of the search.
        seeds: Of each prompt's candidates.
    """
    cost = attack.cost(len(asked), len(seeds[0]))
    concept = baseline.resolved.concepts[asked[0].concept]
    family = baseline.resolved.family
    oracle = ErasedOracle(
        erased, baseline.spec.sampler, baseline.decider, baseline.images, family, baseline.device
    )
    return Problem(
        original=baseline.pipe,
        erased=erased if attack.adaptive else None,
        concept=concept,
        prompts=tuple(asked),
        images=tuple(baseline.images[row.id] for row in asked),
        seed=seed,
        seeds=tuple(map(tuple, seeds)),
        sampler=baseline.spec.sampler,
        chunk=FAMILIES[family].chunk,
        examples=baseline.examples(concept, tested, cost.examples),
        oracle=oracle if attack.adaptive else None,
    )
