"""MACE: refine cross-attention in closed form, train one LoRA a concept, fuse them in closed form.

Facts on paper and code: arXiv 2403.06135 (CVPR 2024), Shilin-LU/MACE at 057e7a6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from bench.models import pipelines
from bench.models.eraser import Eraser
from bench.models.prediction import condition, unconditional
from bench.models.weights import loaded
from bench.types import Concept, Option, Progress, silent
from methods import _closed_form, _lora, _noise, _options, _prompts, _tokens, _training, _unet
from methods.mace import _attention, _masks
from methods.mace._closed_forms import fuse, refine
from methods.mace._published import COCO, Published, configured

__all__ = ["Mace", "fuse", "refine"]


@dataclass(frozen=True)
class Mace(Eraser):
    """MACE: refines cross-attention in closed form, trains a LoRA per concept and fuses them."""

    paper: ClassVar[str] = "Mass Concept Erasure, arXiv 2403.06135 (CVPR 2024)"
    touches: ClassVar[tuple[str, ...]] = ("unet.*.attn2.to_k.weight", "unet.*.attn2.to_v.weight")
    presets: ClassVar[Mapping[str, Mapping[str, Option]]] = {
        "mini": {"learning_rate": 3e-4, "lamb": 1000.0, "image_steps": 20, "image_guidance": 4.0},
        "objects-mace": {
            "mapping": "official",
            "preserve_scale": 0.0,
            "steps": 50,
            "learning_rate": 1e-5,
            "importance_sampling": True,
            "segmenter": "grounded_sam",
        },
    }
    preset_sources: ClassVar[Mapping[str, str]] = {
        "mini": "tuned on the ship, reports/tuning",
        "objects-mace": "the code's object configurations at 057e7a6, behind the paper's table 1",
    }
    space: ClassVar[Mapping[str, Sequence[Option]]] = {
        "lamb": (1.0, 3000.0),
        "steps": [None, 25, 50, 100, 200],
        "learning_rate": (1e-5, 1e-3),
        "rank": (1, 8),
    }
    networks: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "segmenter=grounded_sam": ("IDEA-Research/grounding-dino-base", "facebook/sam-vit-huge"),
    }
    only: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "mapping=official": ("automobile", "bird", "ship")
    }

    stage: Literal["all", "refine", "lora"] = "all"
    """Stages that run: all three; the closed-form refinement alone; LoRA and fusion without it."""
    mapping: Literal["suite", "official"] = "suite"
    """Anchor and lamb of a concept: the suite's and ours, or its own in the code's configurations,
    which name sky and 100, street and 10, ground and 1000."""
    prompts: int = 30
    """Training prompts per concept, from our templates of styles or, for all else, of objects
    (code: 30 of its own, in the same two lists)."""
    words: Literal["published", "name"] = "published"
    """What nudity is erased by: nudity, naked, erotic and sexual together, a LoRA each (code), or
    its name alone."""
    prior: Literal["everyday", "scenes"] = "scenes"
    """Captions whose keys and values stay (code: MS-COCO's, as downloaded sums)."""
    domain: str = ""
    """Names to preserve besides, `;`-separated (code: downloaded sums of celebrities, artists)."""
    preserve_scale: float | None = None
    """Weight of prior and domain together, for each row; none is what was published for the kind:
    object 0, person and style 1e-4, explicit 7e-7."""
    preserve_weight: float | None = None
    """Weight of the domain against the prior; none is what was published: person 8e3 (of one; up to
    2e5 of 100), style 8e4, else 0."""
    double_scaling: bool = False
    """Apply preserve_scale twice in the refinement, as the code does by mistake."""
    lamb: float | None = None
    """Pull towards the weights as they are, lambda; none is 100 for objects (published: 10 to 1000)
    and 10 for the others (published: 0, which only the downloaded sums make solvable)."""
    rank: int = 1
    """Rank of each LoRA (code)."""
    steps: int | None = None
    """Training steps per concept; none is what was published: 50, explicit 120."""
    learning_rate: float | None = None
    """AdamW learning rate, per step; none is what was published: object and explicit 1e-5, person
    and style 1e-4."""
    loss: Literal["code", "paper"] = "code"
    """Norm of the attention inside the mask, summed over layers: as it is (code) or squared
    (paper)."""
    use_pooler: bool = True
    """Count the end token, and padding where it is the same token, among the concept's (code)."""
    importance_sampling: bool | None = None
    """Draw timesteps mostly from 200 to 400; none is what was published: all but explicit."""
    segmenter: Literal["attention", "grounded_sam", "none"] = "attention"
    """Masks of the object: its own attention maps (ours, needs no download), GroundingDINO and SAM
    (code), or none, every pixel (code, for styles)."""
    images: int = 8
    """Images of each concept that attention is trained on (code)."""
    image_steps: int = 30
    """DDIM steps of these images (code: 30 of DPM-Solver++)."""
    image_guidance: float = 7.5
    """Classifier-free guidance of these images, a factor (code)."""

    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, Tensor]:
        """Refine, train a LoRA a concept, and fuse them."""
        self.check(pipe, concepts)
        if not concepts:
            return {}
        concepts, plan = configured(self, concepts)
        generator = torch.Generator().manual_seed(seed)
        preserved = self._preserved(pipe, concepts, plan)
        refined: dict[str, Tensor] = {}
        if self.stage != "lora":
            progress("refinement", 0, 1)
            refined = _unet.multiplied(pipe, self._refinement(pipe, concepts, preserved, plan))
            progress("refinement", 1, 1)
        if self.stage == "refine":
            return refined
        edited = loaded(pipe, refined)
        loras = [self._trained(pipe, edited, each, plan, generator, progress) for each in concepts]
        return _unet.learned(edited, self._fused(pipe, edited, concepts, loras, preserved, plan))

    def check(self, pipe: Any, concepts: Sequence[Concept]) -> None:
        """Refuse counts, models and concepts that cannot be used.

        Raises:
            InputError: naming the option or concept, and what is allowed.
        """
        concepts, plan = configured(self, concepts)
        _tokens.check(pipe, concepts, self._domain())
        _options.at_least(1, rank=self.rank, steps=plan.steps, prompts=self.prompts)
        _options.at_least(1, images=self.images, image_steps=self.image_steps)
        _options.at_least(0, lamb=plan.lamb)
        if self.segmenter == "grounded_sam" and concepts and self.stage != "refine":
            _masks.load()

    def _domain(self) -> list[str]:
        return [part.strip() for part in self.domain.split(";") if part.strip()]

    def _texts(self, concept: Concept) -> tuple[list[str], list[str]]:
        """Return prompts of a concept and of its anchor, from one of two lists as in the code."""
        templates = _prompts.STYLES if concept.kind == "style" else _prompts.THINGS
        return _prompts.texts(concept, self.prompts, templates)

    def _preserved(self, pipe: Any, concepts: Sequence[Concept], plan: Published) -> Tensor:
        """Return the gram of preserved rows, prior + preserve_weight x domain, (d, d), unscaled."""
        captions = _prompts.prior(self.prior, concepts)
        rows = pipelines.encode(pipe, captions)
        sums = _closed_form.Equations(rows.shape[-1], rows.device)
        sums.keep(rows, COCO / len(captions))
        for name in self._domain():
            texts, _ = self._texts(Concept(name, concepts[0].kind, concepts[0].anchor))
            sums.keep(pipelines.encode(pipe, texts), plan.preserve_weight)
        return sums.gram

    def _refinement(
        self, pipe: Any, concepts: Sequence[Concept], preserved: Tensor, plan: Published
    ) -> Tensor:
        """Stage one: M of W' = W M, which takes the concept out of the words around it."""
        scale = plan.preserve_scale
        return refine(
            _closed_form.identity(preserved),
            *(self._context(pipe, concepts, side) for side in (0, 1)),
            lamb=plan.lamb,
            prior_outer=preserved,
            prior_gram=preserved,
            prior_scale=scale**2 if self.double_scaling else scale,
        )

    def _context(self, pipe: Any, concepts: Sequence[Concept], side: int) -> Iterator[Tensor]:
        """Yield the rows that a concept's prompt (0) and its anchor's (1) share, of one side."""
        for concept in concepts:
            texts = self._texts(concept)
            rows = pipelines.encode(pipe, texts[side])
            for row, one, other in zip(rows, *texts, strict=True):
                ids = _tokens.ids(pipe, one), _tokens.ids(pipe, other)
                yield row[_tokens.context(*ids, len(row))[side]]

    def _trained(
        self,
        pipe: Any,
        edited: Any,
        concept: Concept,
        plan: Published,
        generator: torch.Generator,
        progress: Progress,
    ) -> _lora.Factors:
        """Stage two: train a LoRA until the object's pixels attend to the concept no more."""
        texts, _ = self._texts(concept)
        rows = condition(pipe, texts)
        positions = [
            _tokens.of_concept(pipe, text, concept.name, pooler=self.use_pooler) for text in texts
        ]
        pool = _noise.trajectories(
            pipe,
            rows[:1],
            unconditional(pipe),
            count=self.images,
            steps=self.image_steps,
            guidance=self.image_guidance,
            generator=generator,
            progress=progress,
        )
        own = _tokens.of_concept(pipe, texts[0], concept.name, pooler=False)
        masks = _masks.MAKERS[self.segmenter](
            _masks.Scene(pipe, pool.final, rows[:1], own, concept.name, generator)
        )
        student = _unet.trainable(edited.unet)
        parameters = _lora.attach(student, self.rank, generator)
        odds = _noise.importance(int(pool.scheduler.config.num_train_timesteps))
        _training.fit(
            torch.optim.AdamW(parameters, lr=plan.learning_rate, weight_decay=0.01),
            lambda step: _attention.step_loss(
                student,
                pool,
                rows,
                masks,
                positions,
                odds=odds if plan.importance_sampling else torch.ones_like(odds),
                squared=self.loss == "paper",
                generator=generator,
            ),
            plan.steps,
            what="attention",
            progress=progress,
            clip=1.0,
        )
        return _lora.factors(student)

    def _fused(
        self,
        pipe: Any,
        edited: Any,
        concepts: Sequence[Concept],
        changes: Sequence[_lora.Factors],
        preserved: Tensor,
        plan: Published,
    ) -> dict[str, Tensor]:
        """Stage three; what is preserved is what the un-erased weights make of it."""
        rows = [pipelines.encode(pipe, self._texts(each)[0]) for each in concepts]
        original = pipelines.cross_attention(pipe.unet)
        return _lora.fused(
            pipelines.cross_attention(edited.unet),
            changes,
            rows,
            ridge=plan.lamb,
            prior_gram=preserved,
            prior_outers={n: weight.data.double() @ preserved for n, weight in original.items()},
            prior_scale=plan.preserve_scale,
        )
