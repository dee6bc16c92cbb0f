"""A pipeline that draws another way: through a guide of its U-Net's predictions, or with a twin.

This is how an eraser acts that leaves the weights alone. They are shared with the pipeline that it
was made from, which goes on drawing as before.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor

from bench.models.prediction import Conditioning, condition, unconditional

NEAR = 0.01
"""Greatest distance, as a share of its norm, at which an embedding counts as the same text; batches
of different sizes round differently."""

_NEGATIVE: ContextVar[str] = ContextVar("negative prompt", default="")


@contextmanager
def led_from(negative: str) -> Iterator[None]:
    """Tell what acts while drawing that guidance leads away from a negative prompt inside.

    Args:
        negative: The prompts' own; "" for the empty prompt, which is known by itself.
    """
    before = _NEGATIVE.set(negative)
    try:
        yield
    finally:
        _NEGATIVE.reset(before)


def negative() -> str:
    """Return the negative prompt of the batch that is drawn; "" where it has none of its own."""
    return _NEGATIVE.get()


class Negative:
    """A negative prompt that an eraser has guidance lead away from, with the prompts' own."""

    def __init__(self, pipe: Any, words: str) -> None:
        """Encode the eraser's words.

        Args:
            pipe: Reads them.
            words: What the eraser has guidance lead away from.
        """
        self._pipe, self._words = pipe, words
        self._known = {"": condition(pipe, [words])}

    def text(self) -> Conditioning:
        """Return the eraser's words, and behind them the negative prompt of the batch, if any."""
        own = negative()
        if own not in self._known:
            # One beside the eraser's alone: a batch asks for it at each of its steps.
            self._known = {
                "": self._known[""],
                own: condition(self._pipe, [f"{self._words}, {own}"]),
            }
        return self._known[own]


@dataclass(frozen=True)
class Rows:
    """The input of one U-Net evaluation: noisy latents, each with a timestep and a text."""

    latents: Tensor
    """x_t, (n, channels, height, width)."""
    timesteps: Tensor
    """t of each, (n,)."""
    text: Conditioning
    """What it is told of each, n texts."""

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.latents)

    def __getitem__(self, which: slice | Tensor) -> Rows:
        """Return some of the rows, by slice or mask."""
        return Rows(self.latents[which], self.timesteps[which], self.text[which])

    def reading(self, text: Conditioning, where: Tensor | None = None) -> Rows:
        """Return the same latents with another text, the same for all of them.

        Args:
            text: One text.
            where: The rows that get it, (n,) bool; all by default.
        """
        every = torch.ones_like(self.timesteps, dtype=torch.bool) if where is None else where
        own = self.text
        states = torch.where(every[:, None, None], text.states.to(own.states), own.states)
        pooled = own.pooled
        if pooled is not None and text.pooled is not None:
            pooled = torch.where(every[:, None], text.pooled.to(pooled), pooled)
        return replace(self, text=Conditioning(states, pooled, own.sizes))

    def without(self, empty: Sequence[Conditioning]) -> Tensor:
        """Say of each row whether it has no text, (n,) bool.

        Args:
            empty: What stands for none, as `empties` returns it.
        """
        return without(self.text.states, empty)

    def paired(self, empty: Sequence[Conditioning]) -> bool:
        """Say whether this is a batch of guidance: rows without prompt, then the same for prompts.

        Rows without prompt have no text, or the negative prompt that `led_from` tells of.

        Args:
            empty: What stands for no text, as `empties` returns it.
        """
        half = len(self) // 2
        return halved(self.text.states, empty) and self.latents[:half].equal(self.latents[half:])

    def unprompted(self, empty: Sequence[Conditioning]) -> Tensor:
        """Say of each row whether it stands for no prompt, (n,) bool.

        In a batch of guidance that is the first half, even if a prompt is empty; else what has no
        text.

        Args:
            empty: What stands for no text, as `empties` returns it.
        """
        if not self.paired(empty):
            return self.without(empty)
        return torch.arange(len(self), device=self.timesteps.device) < len(self) // 2


Predict = Callable[[Rows], Tensor]
"""The U-Net as it is: rows to predictions, (n, channels, height, width)."""
Guide = Callable[[Predict, Rows], Tensor]
"""Answers rows with predictions, for which it may ask the U-Net as often as it likes."""


def empties(pipe: Any) -> tuple[Conditioning, ...]:
    """Return what stands for no text: what guidance starts from, and the empty prompt.

    The same but for SDXL, whose guidance starts from zeros.
    """
    return unconditional(pipe), condition(pipe, [""])


def halved(states: Tensor, empty: Sequence[Conditioning]) -> bool:
    """Say whether the first half of some texts is what guidance leads away from.

    Args:
        states: Their embeddings, (n, positions, width).
        empty: What stands for no text, as `empties` returns it.
    """
    half = len(states) // 2
    if len(states) % 2:
        return False
    return bool(negative()) or bool(without(states[:half], empty).all())


def without(states: Tensor, empty: Sequence[Conditioning]) -> Tensor:
    """Say of each text's embedding whether it is that of no text.

    Args:
        states: (n, positions, width).
        empty: What stands for none, as `empties` returns it.

    Returns:
        (n,) bool.
    """
    own = states.float()
    found = torch.zeros(len(own), dtype=torch.bool, device=own.device)
    for text in empty:
        wanted = text.states.to(own)
        found = found | ((own - wanted).flatten(1).norm(dim=1) <= NEAR * wanted.norm())
    return found


def twin(module: Any) -> Any:
    """Return a copy of a module with the same parameters, not copies of them.

    Hooks and further modules that are put into its layers are the twin's alone.

    Args:
        module: A torch module, which stays as it was.
    """
    shared = [*module.parameters(), *module.buffers()]
    return copy.deepcopy(module, {id(each): each for each in shared})


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
            own = rows.text
            added = {"text_embeds": own.pooled, "time_ids": own.sizes}
            some = {"added_cond_kwargs": added if own.pooled is not None else None, **rest}
            found: Tensor = self._inner(
                rows.latents, rows.timesteps, own.states, return_dict=False, **some
            )[0]
            return found

        times = torch.as_tensor(timestep, device=sample.device).expand(len(sample))
        given = added_cond_kwargs or {}
        text = Conditioning(encoder_hidden_states, given.get("text_embeds"), given.get("time_ids"))
        made = self._guide(predict, Rows(sample, times, text))
        return UNet2DConditionOutput(sample=made) if return_dict else (made,)

    return type(f"Steered{kind.__name__}", (kind,), {"forward": forward})
