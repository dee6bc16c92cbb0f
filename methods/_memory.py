"""What is known of texts that were encoded, found again by their embeddings when they are drawn."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Generic, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


class Memory(Generic[T]):
    """Keeps something of each of the texts that were encoded last."""

    def __init__(self, room: int) -> None:
        """Remember nothing yet.

        Args:
            room: Least number of texts that are remembered.
        """
        self.room = room
        self.known: OrderedDict[bytes, T] = OrderedDict()

    def keep(self, states: Tensor, values: Sequence[T]) -> None:
        """Keep a value for each embedding.

        Args:
            states: (n, positions, width), of any precision.
            values: One an embedding.
        """
        for one, value in zip(states.detach(), values, strict=True):
            self.known[_key(one)] = value
            self.known.move_to_end(_key(one))
        while len(self.known) > max(self.room, len(states)):
            self.known.popitem(last=False)

    def find(self, states: Tensor) -> list[T | None]:
        """Return what is kept for each embedding (n, positions, width), None where nothing is."""
        return [self.known.get(_key(one)) for one in states.detach()]


def _key(states: Tensor) -> bytes:
    """Return a digest of an embedding in the least precision that it may be drawn in."""
    plain = states.to(torch.bfloat16).cpu().contiguous().view(torch.uint8)
    return hashlib.blake2b(plain.numpy().tobytes(), digest_size=16).digest()
