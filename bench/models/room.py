"""Memory: batches and images that it does not hold are drawn in parts, layers computed again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from bench.types import InputError

log = logging.getLogger(__name__)

Made = TypeVar("Made")

SHORT = ("out of memory", "allocate memory", "not enough memory", "alloc_failed")
"""What errors of PyTorch say, in lower case, where memory does not suffice: of CUDA, of a CPU, of
Windows and of cuBLAS."""
SLICED = 256
"""Pixels of a side from which on the images of a batch are decoded one after the other: of the
memory that a batch of Stable Diffusion takes, decoding is nine tenths."""
TILE = 1536
"""Pixels of a side beyond which an image is decoded in tiles of that size, whose seams are blended.
No published model draws images as large unless it is asked to."""


LARGE = 10**8
"""Parameters of a module from which on memory is saved where it learns: what the layers of Stable
Diffusion's U-Net keep of one image for their gradients is as large as its weights."""


def recomputing(module: Any) -> Any:
    """Let a large U-Net compute its blocks again for their gradients, and return it.

    The same numbers, at the cost of time. What is smaller, and any other module, keeps them.

    Args:
        module: Of diffusers or transformers, changed in place.
    """
    if getattr(module, "_supports_gradient_checkpointing", False) and _is_large(module):
        module.enable_gradient_checkpointing()
    return module


def mixed(module: Any, device: str) -> Any:
    """Let a large fp32 module compute in bf16, and return it.

    Its weights, their gradients and what an optimiser keeps of them stay fp32. bf16 has fp32's
    range, so that losses need no scale, which fp16 would. Source: Micikevicius et al., Mixed
    Precision Training, ICLR 2018. What is smaller computes in fp32.

    Args:
        module: Any, changed in place.
        device: Kind of the device where it computes, as torch names it.
    """
    import torch

    if _is_large(module) and torch.amp.is_autocast_available(device):
        # Each weight is used once in a pass, so that kept copies would be a second model.
        half = torch.autocast(device, torch.bfloat16, cache_enabled=False)

        def begin(*_: object) -> None:
            half.__enter__()  # type: ignore[no-untyped-call]

        def end(*_: object) -> None:
            half.__exit__(None, None, None)

        module.register_forward_pre_hook(begin)
        module.register_forward_hook(end, always_call=True)
    return module


def _is_large(module: Any) -> bool:
    return sum(int(each.numel()) for each in module.parameters()) >= LARGE


@contextmanager
def keeping(module: Any) -> Iterator[None]:
    """Let a module keep its layers for gradients meanwhile: what watches them is called once.

    Args:
        module: A U-Net, afterwards as it was.
    """
    again = getattr(module, "is_gradient_checkpointing", False)
    if again:
        module.disable_gradient_checkpointing()
    try:
        yield
    finally:
        if again:
            module.enable_gradient_checkpointing()


class Room:
    """How many images are drawn at once in this process: as asked, until memory has run out."""

    def __init__(self) -> None:
        """Take whatever is asked for."""
        self.most: int | None = None

    def drawn(self, count: int, draw: Callable[[slice], Made]) -> Iterator[tuple[slice, Made]]:
        """Draw a batch, at once or, where memory does not hold it, in parts.

        Args:
            count: Images of the batch.
            draw: Draws those of a slice of it.

        Yields:
            Slices, one after the other, and what was drawn of each.

        Raises:
            InputError: memory does not hold a single image.
        """
        at = 0
        while at < count:
            some = slice(at, at + min(count - at, self.most or count))
            made = self._tried(some, draw)
            if made is not None:
                yield some, made
                at = some.stop

    def _tried(self, some: slice, draw: Callable[[slice], Made]) -> Made | None:
        """Return what was drawn, None where memory ran out and less is to be tried."""
        size = some.stop - some.start
        try:
            return draw(some)
        except (RuntimeError, MemoryError) as error:
            if not is_short(error):
                raise
            reason = " ".join(str(error).split())[:120]
        # Out here, where the error holds no tensors any more.
        _release()
        if size == 1:
            raise InputError(
                f"memory does not hold the drawing of a single image ({reason}); draw smaller "
                "ones, with --precision bf16, or with --offload on a GPU"
            )
        self.most = size // 2
        log.warning(
            "memory does not hold %d images at once: drawing %d from here on", size, size // 2
        )
        return None


ROOM = Room()
"""This process's."""


def is_short(error: BaseException) -> bool:
    """Return whether an error says that memory does not suffice."""
    said = str(error).casefold()
    return isinstance(error, MemoryError) or any(each in said for each in SHORT)


def spare(pipe: Any) -> None:
    """Let a pipeline decode images one by one, and large ones in tiles.

    Args:
        pipe: A diffusers pipeline, whose autoencoder is told so.
    """
    vae, scale = pipe.vae, pipe.vae_scale_factor
    if pipe.unet.config.sample_size * scale >= SLICED:
        vae.enable_slicing()
    vae.enable_tiling()
    vae.tile_sample_min_size, vae.tile_latent_min_size = TILE, TILE // scale


def channels_last(pipe: Any) -> None:
    """Lay out a pipeline's convolutions with channels last, as the tensor cores of a GPU read them.

    Args:
        pipe: A diffusers pipeline; the same numbers, in another order in memory.
    """
    import torch

    for part in (pipe.unet, pipe.vae):
        part.to(memory_format=torch.channels_last)


def _release() -> None:
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
