"""RealEra's second stage: what the student is asked, and what the frozen model answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.models.prediction import Conditioning, joined, predict
from methods import _noise
from methods.realera._surroundings import Surroundings


@dataclass(frozen=True)
class Text:
    """What student and frozen model are told in one training step, with weights."""

    asked: Conditioning
    """What the student is told, n texts."""
    wanted: Conditioning
    """What the frozen model is told, n texts."""
    weights: Tensor
    """Weight of each squared error, (n,)."""
    owner: list[int]
    """Which noisy latent each belongs to."""


def compose(
    around: Surroundings,
    prompts: Sequence[int],
    prior: Conditioning,
    *,
    mu: float,
    prior_mu: float,
    generator: torch.Generator,
) -> Text:
    """Put neighbours towards the anchor, and beyond points and prior captions towards themselves.

    L = mean over neighbours + mu (mean over beyond points) + prior_mu (one prior caption), averaged
    over the noisy latents. That noise predictions are aligned on these points is the paper's; the
    weights are ours.

    Args:
        around: The concept's prompts, their anchors, and the points around them.
        prompts: Index of the prompt of each noisy latent.
        prior: Captions that stay.
        mu: Weight of the beyond term.
        prior_mu: Weight of the prior term.
        generator: Source of all randomness.
    """
    asked, wanted, weights, owner = [], [], [], []
    for index, prompt in enumerate(prompts):
        one, anchor = around.pair.asked[[prompt]], around.pair.wanted[[prompt]]
        near = around.near(prompt, generator)
        moved = one.around(torch.cat([around.pair.concept[[prompt]], near]))
        away = one.around(around.beyond(prompt, generator)) if mu else one[:0]
        choice = torch.randint(len(prior), (1 if prior_mu else 0,), generator=generator)
        kept = prior[choice.tolist()]
        asked += [moved, away, kept]
        wanted += [anchor, around.read_as(prompt, near), away, kept]
        weights += [1 / len(moved)] * len(moved) + [mu / max(len(away), 1)] * len(away)
        weights += [prior_mu] * len(kept)
        owner += [index] * (len(moved) + len(away) + len(kept))
    shares = torch.tensor(weights, device=prior.states.device) / len(prompts)
    return Text(joined(asked), joined(wanted), shares, owner)


def loss(frozen: Any, student: Any, draw: _noise.Draw, text: Text) -> Tensor:
    """Return the weighted mean squared difference of the two predictions.

    Args:
        frozen: The U-Net that sets the target.
        student: The U-Net that is trained.
        draw: Noisy latents and their timesteps.
        text: What each is told, which latent it is of, and its weight.
    """
    latents, timesteps = draw.latents[text.owner], draw.timesteps[text.owner]
    with torch.no_grad():
        target = predict(frozen, latents, timesteps, text.wanted)
    made = predict(student, latents, timesteps, text.asked)
    return (text.weights * (made - target).square().flatten(1).mean(1)).sum()
