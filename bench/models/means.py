"""By what means a process draws: faster, or with less memory; the same images but for rounding."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.models.pipelines import with_unet


@dataclass(frozen=True)
class Means:
    """What is done beside drawing; none of it is part of a run."""

    offload: bool = False
    """Whether parts of the model that do not compute wait in main memory."""
    compiled: bool = False
    """Whether the U-Net is compiled by torch before it draws."""


PLAIN = Means()


def compiled(pipe: Any) -> Any:
    """Return a pipeline whose U-Net torch compiles when it first draws; all else is shared.

    Args:
        pipe: A diffusers pipeline, which goes on drawing as before.
    """
    import torch

    return with_unet(pipe, torch.compile(pipe.unet))  # type: ignore[arg-type]


@contextmanager
def offloaded(pipe: Any, unerased: Any, device: str) -> Iterator[None]:
    """Keep on a GPU only the part that computes while a pipeline draws; then all is back there.

    Args:
        pipe: A diffusers pipeline.
        unerased: The un-erased one, whose U-Net is not needed if it is another.
        device: The GPU, as torch names it.
    """
    if pipe.unet is not unerased.unet:
        unerased.unet.to("cpu")
    pipe.enable_model_cpu_offload(device=device)
    try:
        yield
    finally:
        pipe.remove_all_hooks()
        pipe.to(device)
        unerased.to(device)
