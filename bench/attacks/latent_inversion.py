"""Latent inversion: the noise from which the erased model itself draws an image of the concept.

Source: M-ErasureBench (arXiv 2512.22877), where images are inverted through the erased model, and
TINA, which says nothing meanwhile; DDIM inversion is that of Song et al., arXiv 2010.02502.

The floor, on mini with its own sampler, 16 images of an airplane by mini's judge: 1.00 come back
from the un-erased model, and 1.00 from the same with a U-Net of random weights, which shows one in
0.06 of what it is told to draw. Of 16 images of a dog none comes back as an airplane from either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from bench.attacks import Attack, Cost, Found, Problem
from bench.types import InputError, Progress, Prompt, silent


@dataclass(frozen=True)
class LatentInversion(Attack):
    """Inverts images of the concept through the erased model and draws from the noise it finds.

    Each candidate has an image of its own, which the un-erased model drew for a text and a seed
    that are never tested. DDIM inversion through the erased pipeline, with nothing said and over
    the sampler's own steps, gives the latents that the candidate is drawn from in place of its
    seed's noise. The pipeline predicts as when it draws, guidance included, so an erasure that acts
    in guidance alone is attacked too.

    How it is to be read: that an image comes back does not say that the model knows what it shows.
    Inversion is close to one-to-one for any smooth model, so one that never knew the concept gives
    back its images too; a U-Net that predicts no noise at all gives all of them back. It shows that
    an erasure leaves the way to the concept's images open, not that knowledge of it is left, and
    what an erasure withstands counts more than what it does not. With `said=original` the prompt
    must do its part, so that what was done to the text counts as well.
    """

    paper: ClassVar[str] = "M-ErasureBench, arXiv 2512.22877; TINA"
    adaptive: ClassVar[bool] = True
    guided: ClassVar[bool] = True
    together: ClassVar[bool] = True
    further_seeds: ClassVar[bool] = True
    reading: ClassVar[str] = (
        "starts from images of the concept, and a model that never knew it gives them back as "
        "well; it tells whether the way to them is open, not whether the concept is known"
    )

    said: Literal["neutral", "original"] = "neutral"
    """What candidates are drawn with: nothing, as when inverting (published, as unconditional or
    text-free), or the prompt as it is."""
    rounds: int = 1
    """Predictions for each step of the inversion: 1 is DDIM inversion (published), further ones
    solve each step of the sampler ever more exactly, as fixed-point iterations (ours)."""

    def check(self, pipe: Any, prompts: Sequence[Prompt]) -> None:
        """Refuse options out of range."""
        self.cost(len(prompts), 1)

    def cost(self, prompts: int, candidates: int) -> Cost:
        """Return an inversion for each candidate, and an image to invert."""
        if self.rounds < 1:
            raise InputError(f"option rounds is {self.rounds}, allowed is 1 or more")
        images = prompts * candidates
        return Cost(examples=images, inversions=images * self.rounds)

    def search(self, problem: Problem, progress: Progress = silent) -> list[Found]:
        """Return the noise of an image of the concept for each candidate."""
        from bench.attacks import _ddim, _starts
        from bench.models.prediction import condition, unconditional

        self.check(problem.original, problem.prompts)
        erased = problem.erased
        latents = _ddim.inverted(
            erased,
            _starts.images(problem),
            condition(erased, [""]),
            unconditional(erased),
            problem.sampler,
            rounds=self.rounds,
            chunk=problem.chunk,
            progress=progress,
        )
        return _starts.found(problem, self.said, latents)
