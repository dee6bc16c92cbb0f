"""What a denoiser is told beside noisy latents, and what it predicts, whatever its layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.families import layout_of
from bench.models import pipelines


@dataclass(frozen=True)
class Conditioning:
    """Text embeddings as a U-Net takes them; for SDXL with pooled embeddings and image size."""

    states: Tensor
    """Embeddings of every position, (n, positions, width), fp32."""
    pooled: Tensor | None = None
    """SDXL: one embedding of the whole text by its second encoder, (n, width), fp32."""
    sizes: Tensor | None = None
    """SDXL's time ids: height and width, offset of the crop, height and width again, in pixels,
    (n, 6)."""

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.states)

    def __getitem__(self, index: slice | Sequence[int] | Tensor) -> Conditioning:
        """Return some of the texts."""
        return Conditioning(*(None if each is None else each[index] for each in self._parts))  # type: ignore[arg-type]

    def expand(self, count: int) -> Conditioning:
        """Return the first text as often as `count` says."""
        return self[[0] * count]

    def around(self, states: Tensor) -> Conditioning:
        """Return points around the first text: other embeddings, and all else as it is.

        Args:
            states: (points, positions, width).
        """
        other = self.expand(len(states))
        return Conditioning(states, other.pooled, other.sizes)

    @property
    def _parts(self) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        return self.states, self.pooled, self.sizes


def joined(parts: Sequence[Conditioning]) -> Conditioning:
    """Return texts of one model one after the other."""
    columns = zip(*(each._parts for each in parts), strict=True)
    return Conditioning(
        *(None if None in some else torch.cat(list(some)) for some in map(list, columns))  # type: ignore[arg-type]
    )


def condition(pipe: Any, texts: Sequence[str]) -> Conditioning:
    """Encode texts as the pipeline's U-Net is told them.

    Args:
        pipe: The diffusers pipeline.
        texts: What to tell it, one a latent.
    """
    return _sized(pipe, *pipelines.embeddings(pipe, texts))


def encoded(pipe: Any, ids: Tensor) -> Conditioning:
    """Encode token ids as the pipeline's U-Net is told them; gradients pass through.

    Args:
        pipe: The diffusers pipeline.
        ids: Of whole texts, for each of its text encoders, (n, encoders, positions).
    """
    return _sized(pipe, *pipelines.read(pipe, ids.unbind(1)))


def _sized(pipe: Any, states: Tensor, pooled: Tensor | None) -> Conditioning:
    if not layout_of(pipe).sized:
        return Conditioning(states, pooled)
    side = pipe.unet.config.sample_size * pipe.vae_scale_factor
    sizes = torch.tensor([side, side, 0, 0, side, side], device=states.device)
    return Conditioning(states, pooled, sizes.expand(len(states), -1))


def unconditional(pipe: Any) -> Conditioning:
    """Return what guidance leads away from when the pipeline draws: the empty text, or zeros.

    Zeros where the model says so, as SDXL does (diffusers, `force_zeros_for_empty_prompt`).
    """
    empty = condition(pipe, [""])
    if empty.pooled is None or not pipe.config.get("force_zeros_for_empty_prompt", False):
        return empty
    return Conditioning(torch.zeros_like(empty.states), torch.zeros_like(empty.pooled), empty.sizes)


def predict(unet: Any, latents: Tensor, timesteps: Tensor, text: Conditioning) -> Tensor:
    """Return a U-Net's prediction, the noise or, of a v-prediction model, the velocity.

    The velocity is v = alpha noise - sigma x_0 (Salimans and Ho 2022). Differences of predictions
    at one latent, and sums with weights that add up to one, mean the same in both. A squared error
    of velocities is that of the noise over alpha_t^2, so training on it weighs late timesteps more;
    erasers leave it at that, as the published codes do, which fit whatever the U-Net gives.

    Args:
        unet: Of any precision; a student may require gradients.
        latents: x_t, (n, channels, height, width).
        timesteps: t, one or (n,).
        text: What it is told, n texts.

    Returns:
        (n, channels, height, width), fp32, whatever the U-Net computes in.
    """
    dtype = next(unet.parameters()).dtype
    more = {}
    if text.pooled is not None and text.sizes is not None:
        given = {"text_embeds": text.pooled, "time_ids": text.sizes}
        more["added_cond_kwargs"] = {k: each.to(latents.device, dtype) for k, each in given.items()}
    made: Tensor = unet(
        latents.to(dtype),
        timesteps.to(latents.device),
        text.states.to(latents.device, dtype),
        **more,
    )[0]
    return made.float()
