"""SLD, Safe Latent Diffusion: steers each step away from a safety text, where it moves towards it.

Facts on paper and code: arXiv 2211.05105 (CVPR 2023), ml-research/safe-latent-diffusion at a42923c.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from bench.models.eraser import Eraser
from bench.models.prediction import Conditioning, condition
from bench.models.steering import Predict, Rows, empties, steered
from bench.types import Concept, Form, Option, Progress, silent
from methods import _options, _tokens

PUBLISHED = (
    "hate, harassment, violence, suffering, humiliation, harm, suicide, sexual, nudity, bodily "
    "fluids, blood, obscene gestures, illegal activity, drug use, theft, vandalism, weapons, child "
    "abuse, brutality, cruelty"
)
"""The safety text of paper and code."""


@dataclass(frozen=True)
class Sld(Eraser):
    """SLD: steers each step away from the concept where it moves towards it; trains nothing."""

    form: ClassVar[Form] = "inference"
    paper: ClassVar[str] = "Safe Latent Diffusion, arXiv 2211.05105 (CVPR 2023)"
    touches: ClassVar[tuple[str, ...]] = ()
    presets: ClassVar[Mapping[str, Mapping[str, Option]]] = {
        "mini": {
            "warmup": 0.0,
            "strength": 5000.0,
            "threshold": 1.0,
            "momentum_scale": 0.5,
            "momentum_beta": 0.7,
        },
        "weak": {
            "warmup": 0.3,
            "strength": 200.0,
            "threshold": 0.0,
            "momentum_scale": 0.0,
            "momentum_beta": 0.0,
        },
        "medium": {
            "warmup": 0.2,
            "strength": 1000.0,
            "threshold": 0.01,
            "momentum_scale": 0.3,
            "momentum_beta": 0.4,
        },
        "strong": {
            "warmup": 0.14,
            "strength": 2000.0,
            "threshold": 0.025,
            "momentum_scale": 0.5,
            "momentum_beta": 0.7,
        },
        "max": {
            "warmup": 0.0,
            "strength": 5000.0,
            "threshold": 1.0,
            "momentum_scale": 0.5,
            "momentum_beta": 0.7,
        },
    }
    preset_sources: ClassVar[Mapping[str, str]] = {
        "mini": "Hyp-Max, best of six settings on the ship at size quick, methods/sld.md",
        "weak": "Hyp-Weak of paper and code, warm-up 15 of 50 steps",
        "medium": "Hyp-Medium of paper and code, their default, warm-up 10 of 50 steps",
        "strong": "Hyp-Strong of paper and code, warm-up 7 of 50 steps",
        "max": "Hyp-Max of paper and code, no warm-up",
    }
    space: ClassVar[Mapping[str, Sequence[Option]]] = {
        "warmup": (0.0, 0.5),
        "strength": (200.0, 10000.0),
        "threshold": (0.0, 1.0),
        "momentum_scale": (0.0, 0.7),
        "momentum_beta": (0.0, 0.9),
    }

    warmup: float = 0.2
    """Share of the steps before any steering, 0 to 1 (published as a count of 50 steps)."""
    strength: float = 1000.0
    """s_S, factor on the difference between prompt and safety text; cut at 1 (published)."""
    threshold: float = 0.01
    """Steer where the prompt's prediction is less than this above the safety text's, in units of
    the prediction (published)."""
    momentum_scale: float = 0.3
    """s_m, weight of the momentum, a factor (published)."""
    momentum_beta: float = 0.4
    """b_m, share of the momentum that is kept from step to step (published)."""
    safety: Literal["concepts", "published"] = "concepts"
    """Safety text: the concepts' names, joined by ", " (what tables of other concepts do), or the
    published list of twenty words, whatever is erased."""
    text: str = ""
    """A safety text of one's own; empty is what `safety` says."""

    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, Tensor]:
        """Learn nothing."""
        self.check(pipe, concepts)
        return {}

    def apply(self, pipe: Any, concepts: Sequence[Concept], tensors: Mapping[str, Tensor]) -> Any:
        """Return the pipeline with every prediction for a prompt steered."""
        if not concepts:
            return pipe
        total = int(pipe.scheduler.config.num_train_timesteps)
        safety = condition(pipe, [self._safety(concepts)])
        return steered(pipe, Safety(self, empties(pipe), safety, total))

    def check(self, pipe: Any, concepts: Sequence[Concept]) -> None:
        """Refuse numbers out of range, and texts that cannot be read whole.

        Raises:
            InputError: naming the option or concept, and what is allowed.
        """
        _options.within(0, 1, warmup=self.warmup, momentum_beta=self.momentum_beta)
        _options.at_least(0, strength=self.strength, momentum_scale=self.momentum_scale)
        _tokens.check(pipe, concepts)
        _tokens.check_window(pipe, self._safety(concepts))

    def _safety(self, concepts: Sequence[Concept]) -> str:
        names = ", ".join(each.name for each in concepts)
        return self.text or (PUBLISHED if self.safety == "published" else names)


@dataclass
class Safety:
    """Steers predictions, and keeps the momentum of the batch of images that is being drawn."""

    options: Sld
    empty: Sequence[Conditioning]
    safety: Conditioning
    total: int
    """Timesteps of the noise schedule."""
    _asked: Rows | None = field(default=None, init=False)
    _momentum: Tensor | None = field(default=None, init=False)

    def __call__(self, predict: Predict, rows: Rows) -> Tensor:
        """Return the predictions, those for a prompt steered: three evaluations for each."""
        made = predict(rows)
        full, start = self._split(predict, rows, made)
        if not full.any():
            return made
        asked, prompt = rows[full], made[full]
        safe = predict(asked.reading(self.safety))
        before, beta = self._kept(asked), self.options.momentum_beta
        gamma = guidance(start, prompt, safe, before, self.options)
        if not torch.is_grad_enabled():
            self._asked, self._momentum = asked, beta * before + (1 - beta) * gamma
        # Of a grid over the whole schedule, the first steps are those of the highest timesteps.
        acts = asked.timesteps + 1 <= (1 - self.options.warmup) * self.total + 0.5
        away = torch.where(acts[:, None, None, None], gamma, torch.zeros_like(gamma))
        steered = made.clone()
        steered[full] = prompt - away
        return steered

    def _split(self, predict: Predict, rows: Rows, made: Tensor) -> tuple[Tensor, Tensor]:
        """Return which rows are for a prompt, (n,) bool, and the predictions without it."""
        full = ~rows.unprompted(self.empty)
        if rows.paired(self.empty):
            return full, made[: len(rows) // 2]
        # Whoever asks for the prompt alone is answered as guidance would be.
        return full, predict(rows[full].reading(self.empty[0])) if full.any() else made[:0]

    def _kept(self, asked: Rows) -> Tensor:
        """Return the momentum, none when a new batch of images starts.

        Nor is there any for predictions that gradients are asked of: they are no step of an image.
        """
        last = self._asked
        if last is not None and self._momentum is not None and not torch.is_grad_enabled():
            one, other = last.text.states, asked.text.states
            same = one.shape == other.shape and one.equal(other)
            if same and bool((asked.timesteps < last.timesteps).all()):
                return self._momentum
        return torch.zeros_like(asked.latents)


def guidance(start: Tensor, prompt: Tensor, safe: Tensor, momentum: Tensor, options: Sld) -> Tensor:
    """Return what is taken from the prompt's prediction, gamma.

    mu = min(s_S |c - S|, 1) where c - S < threshold, else 0; gamma = mu (S - u) + s_m nu. Source:
    the paper's equations as the code has them, whose scale is at most 1.

    Args:
        start: Predictions without text, u.
        prompt: Predictions for the prompts, c.
        safe: Predictions for the safety text, S.
        momentum: nu, of the steps before.
        options: s_S, threshold and s_m.

    Returns:
        gamma, in the shape of each of them.
    """
    apart = prompt - safe
    scale = (options.strength * apart.abs()).clamp(max=1)
    towards = torch.where(apart < options.threshold, scale, torch.zeros_like(scale))
    return towards * (safe - start) + options.momentum_scale * momentum
