"""Draws texts in which learnt words stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from bench.attacks import _text
from bench.models.prediction import Conditioning, joined


class Speaking:
    """A pipeline that also understands learnt words; draws as the pipeline itself does."""

    def __init__(self, pipe: Any, words: Mapping[str, Tensor]) -> None:
        """Keep the words, by name: embeddings (1, width), of all text encoders side by side."""
        self.pipe, self.words = pipe, words

    @property
    def unet(self) -> Any:
        """The pipeline's U-Net."""
        return self.pipe.unet

    def __call__(self, texts: Sequence[str], **settings: Any) -> Any:
        """Draw texts in which learnt words may stand under their names."""
        said, dtype = self.encode(texts), self.pipe.text_encoder.dtype
        given = {"prompt_embeds": said.states.to(dtype)}
        if said.pooled is not None:
            given["pooled_prompt_embeds"] = said.pooled.to(dtype)
        return self.pipe(**given, **settings)

    def encode(self, texts: Sequence[str]) -> Conditioning:
        """Return what the U-Net is told by texts, fp32."""
        made = []
        for text in texts:
            word = next((name for name in self.words if name in text), None)
            if word is None:
                ids = _text.rows(self.pipe, [_text.tokens(self.pipe, text)])
                made.append(_text.read(self.pipe, ids))
                continue
            ids, where = _text.learnt(self.pipe, [text], word)
            with torch.no_grad():
                made.append(_text.spoken(self.pipe, ids, where, self.words[word]))
        return joined(made)
