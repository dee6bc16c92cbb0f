"""A pipeline that draws another way: every prediction of its U-Net goes through a guide.

This is how an eraser of the form `inference` acts. The weights are shared with the pipeline that it
was made from, which goes on drawing as before.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor

NEAR = 0.01
"""Greatest distance, as a share of its norm, at which an embedding counts as the same text; batches
of different sizes round differently."""


@dataclass(frozen=True)
class Words:
    """A text as the U-Net reads it."""

    text: Tensor
    """Its embedding, (1, positions, width)."""
    pooled: Tensor | None
    """What SDXL reads besides, (1, width)."""


@dataclass(frozen=True)
class Rows:
    """What a U-Net is asked: rows of noisy latents, each at a timestep and with a text."""

    latents: Tensor
    """x_t, (n, channels, height, width)."""
    timesteps: Tensor
    """t of each, (n,)."""
    text: Tensor
    """Embeddings, (n, positions, width)."""
    pooled: Tensor | None = None
    """SDXL's second embedding, (n, width)."""
    sizes: Tensor | None = None
    """SDXL's image sizes and crops, its time ids, (n, 6)."""

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.latents)

    def __getitem__(self, which: Any) -> Rows:
        """Return some of the rows, by slice or mask."""
        parts = (self.latents, self.timesteps, self.text, self.pooled, self.sizes)
        return Rows(*(None if part is None else part[which] for part in parts))  # type: ignore[arg-type]

    def reading(self, words: Words, where: Tensor | None = None) -> Rows:
        """Return the same latents with another text, the same for all of them.

        Args:
            words: The text.
            where: The rows that get it, (n,) bool; all by default.
        """
        every = torch.ones_like(self.timesteps, dtype=torch.bool) if where is None else where
        text = torch.where(every[:, None, None], words.text.to(self.text), self.text)
        pooled = self.pooled
        if pooled is not None and words.pooled is not None:
            pooled = torch.where(every[:, None], words.pooled.to(pooled), pooled)
        return replace(self, text=text, pooled=pooled)

    def without(self, empty: Sequence[Words]) -> Tensor:
        """Say of each row whether it has no text, (n,) bool.

        Args:
            empty: What stands for none, as `empties` returns it.
        """
        found = torch.zeros_like(self.timesteps, dtype=torch.bool)
        for words in empty:
            wanted = words.text.to(self.text).float()
            apart = (self.text.float() - wanted).flatten(1).norm(dim=1)
            found = found | (apart <= NEAR * wanted.norm())
        return found


Predict = Callable[[Rows], Tensor]
"""The U-Net as it is: rows to predictions, (n, channels, height, width)."""
Guide = Callable[[Predict, Rows], Tensor]
"""Answers rows with predictions, for which it may ask the U-Net as often as it likes."""


def words(pipe: Any, text: str) -> Words:
    """Return a text as the pipeline's own call embeds a prompt."""
    return _encoded(pipe, text)[0]


def empties(pipe: Any) -> tuple[Words, ...]:
    """Return what stands for no text: what guidance starts from, and the empty prompt.

    The same but for SDXL, whose guidance starts from zeros.
    """
    prompt, unconditional = _encoded(pipe, "")
    return (unconditional, prompt)


def _encoded(pipe: Any, text: str) -> tuple[Words, Words]:
    with torch.no_grad():
        found = pipe.encode_prompt(
            prompt=text,
            device=pipe.unet.device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=True,
        )
    prompt, unconditional, *pooled = found
    first, second = pooled or (None, None)
    return Words(prompt, first), Words(unconditional, second)


def steered(pipe: Any, guide: Guide) -> Any:
    """Return a pipeline whose U-Net predicts through a guide; all else is shared with `pipe`.

    A batch of classifier-free guidance reaches the guide as the pipeline makes it: first the rows
    without text, then as many with it.

    Args:
        pipe: A diffusers pipeline, which goes on drawing as before.
        guide: Answers each batch; an object that keeps state is the new pipeline's own.
    """
    kind: Any = type(pipe.unet)
    unet = object.__new__(_steered(kind))
    torch.nn.Module.__init__(unet)
    hooks = {name: value for name, value in unet.__dict__.items() if "hook" in name}
    # The same parameters and configuration, hooks of its own.
    unet.__dict__.update(pipe.unet.__dict__ | hooks)
    # Past Module.__setattr__, which would make it a submodule and rename every parameter.
    unet.__dict__.update(_inner=pipe.unet, _guide=guide)
    made = copy.copy(pipe)
    made.unet = unet
    return made


@cache
def _steered(kind: Any) -> Any:
    """Return a subclass of a kind of U-Net that asks its guide; by its name nobody counts it."""

    def forward(
        self: Any,
        sample: Tensor,
        timestep: Any,
        encoder_hidden_states: Tensor,
        *,
        added_cond_kwargs: dict[str, Tensor] | None = None,
        return_dict: bool = True,
        **rest: Any,
    ) -> Any:
        from diffusers.models.unets.unet_2d_condition import UNet2DConditionOutput

        def predict(rows: Rows) -> Tensor:
            added = None
            if rows.pooled is not None:
                added = {"text_embeds": rows.pooled, "time_ids": rows.sizes}
            some = {"added_cond_kwargs": added, "return_dict": False, **rest}
            found: Tensor = self._inner(rows.latents, rows.timesteps, rows.text, **some)[0]
            return found

        times = torch.as_tensor(timestep, device=sample.device).expand(len(sample))
        own = added_cond_kwargs or {}
        pooled, sizes = own.get("text_embeds"), own.get("time_ids")
        made = self._guide(predict, Rows(sample, times, encoder_hidden_states, pooled, sizes))
        return UNet2DConditionOutput(sample=made) if return_dict else (made,)

    return type(f"Steered{kind.__name__}", (kind,), {"forward": forward})
