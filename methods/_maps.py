"""Cross-attention maps of a U-Net, recorded while it runs, and what a concept has of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from bench.models.room import keeping


class _Recorder:
    """An attention processor that computes what the plain one does and keeps the probabilities."""

    def __init__(self, maps: list[Tensor]) -> None:
        self.maps = maps

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Tensor:
        query = attn.head_to_batch_dim(attn.to_q(hidden_states))
        key = attn.head_to_batch_dim(attn.to_k(encoder_hidden_states))
        value = attn.head_to_batch_dim(attn.to_v(encoder_hidden_states))
        probabilities = attn.get_attention_scores(query, key, attention_mask)
        self.maps.append(
            probabilities.unflatten(0, (len(hidden_states), -1))  # batch and heads apart
        )
        mixed = attn.batch_to_head_dim(torch.bmm(probabilities, value))
        out: Tensor = attn.to_out[1](attn.to_out[0](mixed)) / attn.rescale_output_factor
        return out


@contextmanager
def recorded(unet: Any) -> Iterator[list[Tensor]]:
    """Record the maps of every cross-attention layer, in the order they run.

    Args:
        unet: A diffusers U-Net, as it was when this ends.

    Yields:
        A list to which each forward pass appends (batch, heads, pixels, positions), one a layer.
    """
    maps: list[Tensor] = []
    layers = [module for name, module in unet.named_modules() if name.endswith("attn2")]
    plain = [layer.processor for layer in layers]
    for layer in layers:
        layer.processor = _Recorder(maps)
    try:
        # Layers that are computed again would be without these processors.
        with keeping(unet):
            yield maps
    finally:
        for layer, processor in zip(layers, plain, strict=True):
            layer.processor = processor


def resized(mask: Tensor, pixels: int) -> Tensor:
    """Return a mask (height, width) at a square layer's resolution, (pixels,), boolean.

    Args:
        mask: (height, width), 0 or 1.
        pixels: Of the layer, a square number.
    """
    side = round(pixels**0.5)
    small = torch.nn.functional.interpolate(mask[None, None].float(), size=(side, side))
    return small.flatten() > 0.5


def attention_loss(
    maps: Sequence[Tensor], mask: Tensor, positions: Sequence[int], *, squared: bool
) -> Tensor:
    """Return the attention that an object's pixels pay to a concept's tokens.

    SUM over layers || A[heads, pixels in mask, positions] ||_F; MACE's paper squares the norm, its
    code does not. Source: MACE, second stage; the root of the squares' sum is FMN's loss.

    Args:
        maps: (1, heads, pixels, positions) of each layer.
        mask: The object, (height, width), at any resolution.
        positions: Positions of the concept's tokens.
        squared: Square each layer's norm.
    """
    total = maps[0].new_zeros(())
    for layer in maps:
        inside = resized(mask, layer.shape[2]).to(layer.device)
        part = layer[0][:, inside][:, :, list(positions)]
        if part.numel():
            square = part.square().sum()
            # The root has no derivative at zero.
            total = total + (square if squared else (square + 1e-20).sqrt())
    return total
