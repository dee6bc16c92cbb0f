"""How a single prompt's image is drawn, where its prompt file says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace


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
