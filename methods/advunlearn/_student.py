"""A text encoder in training, and what it says of texts with learnt embeddings in front."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bench.models import pipelines, prediction
from bench.models.prediction import Conditioning
from methods import _unet


class Student:
    """A copy of a pipeline's text encoder that learns; the embeddings of tokens stay."""

    def __init__(self, pipe: Any, layers: int) -> None:
        """Copy the text encoder in fp32.

        Args:
            pipe: A pipeline of one text encoder, which stays as it was.
            layers: How many of its first layers learn; 0 is all, and the norm behind them.
        """
        self.encoder = _unet.trainable(pipe.text_encoder)
        self.pipe = pipelines.with_text_encoder(pipe, self.encoder)
        self.weights = _unet.learning(self.encoder, rule(layers))

    def reads(self, ids: Tensor) -> Conditioning:
        """Return what the U-Net is told by token ids, (texts, 1, positions), with gradients."""
        return prediction.encoded(self.pipe, ids)

    def reads_behind(self, prefix: Tensor, ids: Tensor) -> Conditioning:
        """Return what the U-Net is told by a text with embeddings in front, with gradients.

        Args:
            prefix: Token embeddings, fp32 (k, width).
            ids: Of the text, (1, 1, positions), padded by at least k tokens, which give way.
        """
        own, count = ids[0, 0], len(prefix)
        table = self.encoder.get_input_embeddings().weight.detach()
        # The begin token stands for the embeddings, of which only the number counts.
        longer = torch.cat([own[:1].expand(1 + count), own[1:-count]])
        rows = torch.cat([table[own[:1]], prefix, table[own[1:-count]]])
        with pipelines.embedded(self.encoder, rows[None]):
            return self.reads(longer[None, None])

    def some_token(self, count: int, generator: torch.Generator) -> Tensor:
        """Return the embeddings of tokens drawn from the vocabulary, (count, width).

        Args:
            count: Number of tokens.
            generator: Source of all randomness, on the CPU.
        """
        special = set(self.pipe.tokenizer.all_special_ids)
        ordinary = [each for each in range(len(self.pipe.tokenizer)) if each not in special]
        drawn = torch.randint(len(ordinary), (count,), generator=generator).tolist()
        table: Tensor = self.encoder.get_input_embeddings().weight.detach()
        return table[[ordinary[each] for each in drawn]].clone()


def rule(layers: int) -> str:
    """Return what the names of the parameters that learn match; embeddings are none of them.

    Args:
        layers: How many of a text encoder's first layers; 0 is all, and the norm behind them.
    """
    if not layers:
        return r"(^|\.)(encoder\.layers|final_layer_norm)\."
    return rf"(^|\.)encoder\.layers\.({'|'.join(map(str, range(layers)))})\."


def depth(encoder: Any) -> int:
    """Return how many layers a text encoder has."""
    return int(encoder.config.num_hidden_layers)
