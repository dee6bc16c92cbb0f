"""How a run draws its images: what was asked for, else what the model's family has."""

from __future__ import annotations

from bench.drawing import SCHEDULERS, SIDES
from bench.families import FAMILIES
from bench.names import find
from bench.types import InputError, Sampler


def sampler(
    family: str,
    steps: int | None,
    guidance: float | None,
    scheduler: str,
    width: int | None,
    height: int | None,
    negative_prompt: str,
) -> Sampler:
    """Return how images are drawn: as asked, else as the family's are.

    Args:
        family: The model's.
        steps: Sampling steps; None for the family's.
        guidance: Guidance scale; None for the family's.
        scheduler: A sampler's name, in any case.
        width: Of images in pixels; None for the model's own.
        height: Of images in pixels; None for the model's own.
        negative_prompt: What guidance leads away from; "" for nothing.

    Raises:
        InputError: no images are drawn so.
    """
    own, known = FAMILIES[family], {name.casefold(): name for name in SCHEDULERS}
    named = known.get(scheduler.casefold()) or find("scheduler", scheduler, SCHEDULERS)
    found = Sampler(
        own.sampler.steps if steps is None else steps,
        own.sampler.guidance if guidance is None else guidance,
        named,
        width,
        height,
        negative_prompt,
    )
    if (width is None) != (height is None):
        raise InputError("--width and --height go together; one of them is missing")
    for name, side in (("width", width), ("height", height)):
        if side is not None and side not in SIDES:
            raise InputError(
                f"got --{name} {side}, must be {SIDES[0]} to {SIDES[-1]} pixels in steps of "
                f"{SIDES.step}"
            )
    if width is not None and not own.resizable:
        raise InputError(f"models of the family {family} draw images of their own size only")
    if negative_prompt and found.guidance <= 1:
        raise InputError(
            f"--negative-prompt needs guidance above 1, got {found.guidance:g}: without guidance "
            "nothing is led away from it"
        )
    return found
