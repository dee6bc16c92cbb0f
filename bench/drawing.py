"""How images are drawn: all of a run's, and a single prompt's where its prompt file says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Drawing:
    """What a prompt's row says of how its image is drawn; all else is the run's sampler's."""

    guidance: float | None = None
    """Classifier-free guidance, a factor; None is the sampler's."""
    width: int | None = None
    """In pixels; None is the model's own."""
    height: int | None = None
    """In pixels; None is the model's own."""
    negative_prompt: str = ""
    """What guidance leads away from; "" is the empty prompt."""

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height in pixels; None for the model's own."""
        if self.width is None or self.height is None:
            return None
        return self.width, self.height

    @property
    def unsized(self) -> Drawing:
        """The same at the model's own size."""
        return replace(self, width=None, height=None)


BATCH = 25
"""Images drawn at once unless told otherwise, or memory runs out."""
DDIM = "DDIM"
"""The sampler of the published protocols."""
SCHEDULERS = {
    DDIM: "DDIMScheduler",
    "DPM++": "DPMSolverMultistepScheduler",
    "Euler": "EulerDiscreteScheduler",
    "Heun": "HeunDiscreteScheduler",
    "PNDM": "PNDMScheduler",
    "UniPC": "UniPCMultistepScheduler",
}
"""Samplers by what a spec calls them, and diffusers' class of each. None draws noise on its way, so
that an image's seed decides it; the grid of timesteps is the published one, evenly from the end."""

FORWARDS: Mapping[str, Callable[[int], int]] = {
    "Heun": lambda steps: 2 * steps - 1,
    "PNDM": lambda steps: steps + 1 if steps > 1 else 1,
}
"""How often samplers call the U-Net, by the number of steps; the others once a step."""


@dataclass(frozen=True)
class Sampler:
    """How a run's images are drawn: steps, classifier-free guidance and, if asked for, the rest."""

    steps: int
    guidance: float
    scheduler: str = DDIM
    """One of `SCHEDULERS`."""
    width: int | None = None
    """In pixels; None is the model's own."""
    height: int | None = None
    """In pixels; None is the model's own."""
    negative_prompt: str = ""
    """What guidance leads away from; "" is the empty prompt."""

    def __str__(self) -> str:
        """Say it in words."""
        size = f", {self.width} x {self.height} pixels" if self.width else ""
        away = f", negative prompt '{self.negative_prompt}'" if self.negative_prompt else ""
        return f"{self.scheduler} {self.steps} steps, guidance {self.guidance:g}{size}{away}"

    @property
    def searched(self) -> bool:
        """Whether attacks can search with it: at the model's own size, on DDIM's path."""
        return replace(self, steps=0, guidance=0.0) == Sampler(0, 0.0)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-serialisable data, without what was not asked for."""
        usual = Sampler(self.steps, self.guidance)
        return {
            name: value
            for name, value in asdict(self).items()
            if name in ("steps", "guidance") or value != getattr(usual, name)
        }

    def of(self, own: Drawing) -> Drawing:
        """Return how a prompt's image is drawn: as its row says, and else as the run.

        Args:
            own: What its row says.
        """
        size = own.size or (self.width, self.height)
        return Drawing(
            self.guidance if own.guidance is None else own.guidance,
            *size,
            own.negative_prompt or self.negative_prompt,
        )

    def evaluations(self, own: Drawing | None = None) -> int:
        """Return the U-Net evaluations of an image, of one latent each.

        Args:
            own: What its row says of how it is drawn; None for nothing.
        """
        # Guided sampling evaluates the U-Net with and without the text.
        guided = (self.of(own or AS_RUN).guidance or 0) > 1
        return FORWARDS.get(self.scheduler, int)(self.steps) * (2 if guided else 1)


SIDES = range(64, 4097, 8)
"""Pixels that a side of an image may have: what an autoencoder of Stable Diffusion takes."""
AS_RUN = Drawing()
"""Nothing of its own: drawn as the run's sampler says."""


def counted(every: Iterable[Drawing]) -> str:
    """Say how many images are drawn by what their rows say; "" where none is.

    Args:
        every: Of each image.
    """
    found: Counter[str] = Counter()
    for each in every:
        found["guidance"] += each.guidance is not None
        found["size"] += each.size is not None
        found["negative prompt"] += bool(each.negative_prompt)
    return ", ".join(f"{what} {count}" for what, count in found.items() if count)
