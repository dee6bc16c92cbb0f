"""Draws texts in which learnt words stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from bench.attacks import _text


class Speaking:
    """A pipeline that also understands learnt words; draws as the pipeline itself does."""

    def __init__(self, pipe: Any, words: Mapping[str, Tensor]) -> None:
        """Keep the words, by name: embeddings (1, width)."""
        self.pipe, self.words = pipe, words

    @property
    def unet(self) -> Any:
        """The pipeline's U-Net."""
        return self.pipe.unet

    def __call__(self, texts: Sequence[str], **settings: Any) -> Any:
        """Draw texts in which learnt words may stand under their names."""
        return self.pipe(prompt_embeds=self.encode(texts), **settings)

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Return what the U-Net attends to, (texts, positions, width)."""
        made = []
        for text in texts:
            word = next((name for name in self.words if name in text), None)
            if word is None:
                made.append(
                    _text.states(self.pipe, _text.rows(self.pipe, [_text.tokens(self.pipe, text)]))
                )
                continue
            ids, where = _text.learnt(self.pipe, [text], word)
            with torch.no_grad():
                made.append(_text.spoken(self.pipe, ids, where, self.words[word]))
        return torch.cat(made).to(self.pipe.text_encoder.dtype)
