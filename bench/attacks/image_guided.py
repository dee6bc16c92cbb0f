"""Image-guided start: draws on from a noised image of the concept, as image-to-image does.

Source: SDEdit (Meng et al., arXiv 2108.01073, section 3), drawn by an erased model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from bench.attacks import Attack, Cost, Found, Problem
from bench.types import InputError, Progress, Prompt, silent


@dataclass(frozen=True)
class ImageGuided(Attack):
    """Lets the erased model draw on from noised images of the concept.

    Each candidate has an image of its own, which the un-erased model drew for a text and a seed
    that are never tested. It is noised, with the noise of the candidate's seed, to where the
    sampler still has the share `strength` of its steps to go; these the erased model draws.

    How it is to be read: at strength 0 nothing is drawn and the image itself comes back, whatever
    the model knows; at strength 1 nothing of it is left and the prompt is drawn as without an
    attack. In between, a model that never knew the concept keeps what is left of the image too. So
    successes are compared at one strength, and what brings the concept back at a high one, where
    little is left to copy, says most.
    """

    paper: ClassVar[str] = "SDEdit, arXiv 2108.01073 (ICLR 2022), drawn by the erased model"
    adaptive: ClassVar[bool] = True
    guided: ClassVar[bool] = True
    together: ClassVar[bool] = True
    reading: ClassVar[str] = (
        "starts from noised images of the concept, of which a model that never knew it leaves "
        "something standing as well; compare at one strength: 0 is the image, 1 no attack"
    )

    strength: float = 0.75
    """Share of the sampler's steps that are drawn, 0 to 1, in whole steps (ours; image-to-image in
    diffusers starts at 0.8)."""
    said: Literal["neutral", "original"] = "original"
    """What candidates are drawn with: the prompt as it is, or nothing."""

    def check(self, pipe: Any, prompts: Sequence[Prompt]) -> None:
        """Refuse options out of range."""
        self.cost(len(prompts), 1)

    def cost(self, prompts: int, candidates: int) -> Cost:
        """Return an image for each candidate; nothing is searched."""
        if not 0 <= self.strength <= 1:
            raise InputError(f"option strength is {self.strength}, allowed is 0 to 1")
        return Cost(examples=prompts * candidates)

    def search(self, problem: Problem, progress: Progress = silent) -> list[Found]:
        """Return a noised image of the concept for each candidate."""
        from bench.attacks import _starts
        from bench.models.generate import noise

        self.check(problem.original, problem.prompts)
        scheduler, steps = problem.erased.scheduler, problem.sampler.steps
        clean = _starts.images(problem)
        lots = [seed for seeds in problem.seeds for seed in seeds]
        latents = noise(problem.erased.unet, lots).to(clean)
        step = steps - round(self.strength * steps)
        if step == steps:
            latents = clean
        elif step:
            scheduler.set_timesteps(steps, device=clean.device)
            time = scheduler.timesteps[step].expand(len(clean))
            latents = scheduler.add_noise(clean, latents, time)
        progress("image_guided", len(problem.prompts), len(problem.prompts))
        return _starts.found(problem, self.said, latents, step)
