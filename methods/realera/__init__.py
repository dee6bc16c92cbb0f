"""RealEra: erase a concept together with the neighbours that random perturbations of it stand for.

Re-implementation from the published description; equations and hyper-parameters are not public.
Sources: PAPER, the authors' words; SUMMARY, summaries with the paper's symbols; THIRD-PARTY, the
re-implementation in CRCE's code (arXiv 2503.14232); CHOICE, ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import tee
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from bench.models import pipelines
from bench.models.eraser import Eraser
from bench.models.prediction import Conditioning, condition, unconditional
from bench.models.weights import loaded
from bench.types import Concept, InputError, Option, Progress, silent
from methods import _closed_form, _lora, _noise, _options, _prompts, _tokens, _training, _unet
from methods.realera import _alignment, _crce, _mining, _neighbors
from methods.realera._first_stage import closed_form
from methods.realera._neighbors import sample_beyond, sample_neighbors
from methods.realera._surroundings import Sampler, Surroundings

__all__ = ["RealEra", "closed_form", "sample_beyond", "sample_neighbors"]


@dataclass(frozen=True)
class RealEra(Eraser):
    """RealEra: erases a concept with its mined neighbours (from the published description)."""

    paper: ClassVar[str] = "RealEra, arXiv 2410.09140 (2024); re-implementation, no code is public"
    touches: ClassVar[tuple[str, ...]] = ("unet.*.attn2.to_k.weight", "unet.*.attn2.to_v.weight")
    presets: ClassVar[Mapping[str, Mapping[str, Option]]] = {
        "mini": {
            "ridge": 2.0,
            "steps": 60,
            "learning_rate": 1e-3,
            "trajectories": 8,
            "trajectory_steps": 20,
            "crce_steps": 60,
            "crce_learning_rate": 1e-4,
        },
    }
    preset_sources: ClassVar[Mapping[str, str]] = {"mini": "tuned on the ship, reports/tuning"}
    space: ClassVar[Mapping[str, Sequence[Option]]] = {
        "neighbors": (0, 10),
        "beyond": (0, 8),
        "beyond_scale": (0.1, 10.0),
        "prior_scale": (0.1, 10.0),
        "ridge": (0.05, 20.0),
        "steps": (20, 200),
        "learning_rate": (1e-4, 3e-3),
    }

    reading: Literal["paper", "crce"] = "paper"
    """Whose method: `paper`, closed form and LoRA (PAPER); `crce`, fine-tuning of cross-attention
    keys and values against ESD's target, neither closed form nor LoRA (THIRD-PARTY)."""
    stage: Literal["both", "closed_form", "lora"] = "both"
    """Stages that the paper's reading runs; both is PAPER, one of them is an ablation."""
    prompts: int = 10
    """Training prompts per concept, from our templates (CHOICE)."""
    mining: Literal["random", "vocabulary", "drawn"] = "random"
    """What neighbours are: `random` points (PAPER), the words of the `vocabulary` that are nearest
    the concept, or of these the farthest that still make the model draw it, `drawn` (CHOICE)."""
    aim: Literal["anchor", "rest"] = "anchor"
    """What neighbours are to read as: the `anchor` (THIRD-PARTY), or the `rest` of each when its
    share of the concept is taken out; the share is measured of drawn words, else 1 (CHOICE)."""
    neighbors: int = 5
    """Neighbours per prompt in stage one, per step in stage two; 0 is an ablation (THIRD-PARTY)."""
    min_cos: float = 0.5
    """Least cosine of a neighbour to the prompt's embedding; the band is SUMMARY, its ends
    THIRD-PARTY."""
    max_cos: float = 0.9
    """Greatest cosine of a neighbour to the prompt's embedding (THIRD-PARTY)."""
    beyond: int = 3
    """Points beyond the concept per prompt and step, which stay; 0 ablates (THIRD-PARTY)."""
    beyond_max_cos: float = 0.5
    """Greatest cosine of a beyond point to the prompt's embedding (THIRD-PARTY)."""
    max_distance: float = 1.63
    """Greatest distance of any point, in norms of what is perturbed; THIRD-PARTY has 400, which is
    1.63 norms of a whole SD v1 prompt."""
    sampling: Literal["flattened", "token"] = "flattened"
    """Perturb the whole prompt as one vector (THIRD-PARTY) or each token by itself (CHOICE)."""
    keep_bos: bool = True
    """Leave the begin token unperturbed: it is the same in every prompt (CHOICE)."""
    beyond_scale: float = 1.0
    """Weight of the beyond points in stage one, lambda 1, against 1 for neighbours (CHOICE)."""
    prior: Literal["everyday", "scenes"] = "scenes"
    """Captions whose keys and values stay: places, colours and media alone, or everyday things too;
    those that name the erased concept are left out (CHOICE)."""
    prior_scale: float = 1.0
    """Weight of the prior captions in stage one, lambda 2; at 1 they weigh together as much as the
    unperturbed training prompts together (CHOICE)."""
    ridge: float = 0.1
    """Pull towards the original weights, lambda 3, per token of the training prompts; 0.83 x
    beyond_scale x beyond is as strong as the beyond points (CHOICE)."""
    rank: int = 4
    """Rank of the LoRA of stage two (CHOICE; a LoRA is PAPER)."""
    steps: int = 300
    """Training steps of stage two, for each concept (CHOICE)."""
    learning_rate: float = 1e-4
    """AdamW learning rate of stage two, per step (CHOICE)."""
    batch: int = 1
    """Noisy latents per step, each with its own neighbours and beyond points (CHOICE)."""
    mu: float = 1.0
    """Weight of the beyond term of stage two; 0 is an ablation (CHOICE; the term is PAPER)."""
    prior_mu: float = 0.0
    """Weight in stage two of one prior caption per step whose prediction stays; 0, as in the loss
    that is known, or an extension (CHOICE)."""
    noise: Literal["trajectory", "renoised"] = "trajectory"
    """Where x_t comes from: partial denoising, as in ESD, or finished images noised to a uniform
    timestep; both from the frozen model (CHOICE)."""
    trajectories: int = 16
    """Denoising trajectories per concept that x_t is drawn from (CHOICE)."""
    trajectory_steps: int = 50
    """DDIM steps of a trajectory (CHOICE, ESD's)."""
    trajectory_guidance: float = 3.0
    """Classifier-free guidance of a trajectory, a factor (CHOICE, ESD's)."""
    fuse_ridge: float = 0.1
    """Pull towards stage one's weights in MACE's fusion, per training token (CHOICE)."""
    crce_steps: int = 200
    """Training steps of the crce reading, all concepts together (THIRD-PARTY)."""
    crce_learning_rate: float = 2e-5
    """Adam learning rate of the crce reading, per step (THIRD-PARTY)."""

    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, Tensor]:
        """Solve stage one, train stage two, and fuse its LoRAs; or fine-tune, as `reading` says."""
        self.check(pipe, concepts)
        if not concepts:
            return {}
        generator = torch.Generator().manual_seed(seed)
        pairs = [_prompts.pairs(pipe, concept, self.prompts) for concept in concepts]
        around = [
            self._around(pipe, concept, pair, seed)
            for concept, pair in zip(concepts, pairs, strict=True)
        ]
        prior = condition(pipe, _prompts.prior(self.prior, concepts))
        if self.reading == "crce":
            return _crce.fine_tuned(
                pipe,
                [pair.asked for pair in pairs],
                pools=[self._pool(pipe, pair.asked, generator, progress) for pair in pairs],
                around=around,
                draw=self._draw,
                steps=self.crce_steps,
                learning_rate=self.crce_learning_rate,
                generator=generator,
                progress=progress,
            )
        weights: dict[str, Tensor] = {}
        if self.stage != "lora":
            progress("closed form", 0, 1)
            weights = _unet.multiplied(pipe, self._matrix(around, prior.states, generator))
            progress("closed form", 1, 1)
        if self.stage != "closed_form":
            edited = loaded(pipe, weights)
            changes = [
                self._trained(pipe, edited, each, prior, generator, progress) for each in around
            ]
            fused = _lora.joined(
                pipelines.cross_attention(edited.unet),
                changes,
                [pair.concept for pair in pairs],
                prior=prior.states,
                prior_scale=self.prior_scale,
                ridge=self.fuse_ridge,
            )
            weights = _unet.learned(edited, fused)
        return weights

    def check(self, pipe: Any, concepts: Sequence[Concept]) -> None:
        """Refuse counts, bands, models and concepts that cannot be used.

        Raises:
            InputError: naming the option or concept, and what is allowed.
        """
        _tokens.check(pipe, concepts)
        counts = "prompts batch rank steps crce_steps trajectories trajectory_steps"
        _options.at_least(1, **{name: getattr(self, name) for name in counts.split()})
        if self.neighbors < 0 or self.beyond < 0:
            raise InputError("neighbors and beyond count points, allowed is 0 or more")
        _neighbors.check_band(self.min_cos, self.max_cos)

    def _around(self, pipe: Any, concept: Concept, pair: _prompts.Pairs, seed: int) -> Surroundings:
        """Return what lies around a concept's prompts, mined or drawn at random.

        Mining has randomness of its own, so that nothing else depends on it.
        """
        sampler = Sampler(
            neighbors=self.neighbors,
            min_cos=self.min_cos,
            max_cos=self.max_cos,
            beyond=self.beyond,
            beyond_max_cos=self.beyond_max_cos,
            max_distance=self.max_distance,
            sampling=self.sampling,
            keep_bos=self.keep_bos,
        )
        if self.mining == "random" or not self.neighbors:
            whole = torch.ones(self.neighbors) if self.aim == "rest" else None
            return Surroundings(pair, sampler, shares=whole)
        if self.mining == "drawn":
            found = _mining.drawn(
                pipe,
                concept,
                self.neighbors,
                steps=self.trajectory_steps,
                guidance=self.trajectory_guidance,
                seed=seed,
            )
        else:
            found = _mining.nearest(pipe, concept, self.neighbors)
        _mining.noted(found)
        return Surroundings(
            pair,
            sampler,
            _mining.points(pipe, concept, self.prompts, found),
            found.shares if self.aim == "rest" else None,
        )

    def _matrix(
        self, around: Sequence[Surroundings], prior: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Stage one: M of W' = W M over every prompt, its neighbours and its beyond points."""
        prompts = [(each, i) for each in around for i in range(len(each.pair.concept))]
        tokens = sum(each.pair.concept[..., 0].numel() for each in around)
        moved, wanted = tee(each.blocks(i, generator) for each, i in prompts)
        return closed_form(
            _closed_form.identity(prior),
            (rows for rows, _ in moved),
            (targets for _, targets in wanted),
            (each.beyond(i, generator) for each, i in prompts),
            beyond_scale=self.beyond_scale,
            ridge=self.ridge * tokens,
            prior=prior,
            prior_scale=self.prior_scale * tokens / prior[..., 0].numel(),
        )

    def _trained(
        self,
        pipe: Any,
        edited: Any,
        around: Surroundings,
        prior: Conditioning,
        generator: torch.Generator,
        progress: Progress,
    ) -> _lora.Factors:
        """Stage two: train a LoRA so that neighbours are predicted as the anchor is."""
        pool = self._pool(pipe, around.pair.asked, generator, progress)
        student = _unet.trainable(edited.unet)
        parameters = _lora.attach(student, self.rank, generator)

        def loss_at(step: int) -> Tensor:
            draw = self._draw(pool, self.batch, generator)
            text = _alignment.compose(
                around,
                draw.prompts,
                prior,
                mu=self.mu,
                prior_mu=self.prior_mu,
                generator=generator,
            )
            return _alignment.loss(pipe.unet, student, draw, text)

        _training.fit(
            torch.optim.AdamW(parameters, lr=self.learning_rate),
            loss_at,
            self.steps,
            what="noise alignment",
            progress=progress,
        )
        return _lora.factors(student)

    def _pool(
        self, pipe: Any, rows: Conditioning, generator: torch.Generator, progress: Progress
    ) -> _noise.Pool:
        return _noise.trajectories(
            pipe,
            rows,
            unconditional(pipe),
            count=self.trajectories,
            steps=self.trajectory_steps,
            guidance=self.trajectory_guidance,
            generator=generator,
            progress=progress,
        )

    def _draw(self, pool: _noise.Pool, count: int, generator: torch.Generator) -> _noise.Draw:
        return (pool.draw if self.noise == "trajectory" else pool.renoise)(count, generator)
