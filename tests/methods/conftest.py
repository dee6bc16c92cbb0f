"""What tests of erasers share: a pipeline that recites given embeddings and has given weights.

So an eraser runs from end to end on arrays that the authors' code was run on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

Texts = Mapping[str, tuple[Tensor, int]]
"""Text -> its embedding (positions, dim), and how many tokens it has, begin and end included."""


class _Tokenizer:
    """Numbers texts where they are encoded; where tokens are counted, all texts begin alike."""

    def __init__(self, texts: Texts, positions: int) -> None:
        self.texts, self.model_max_length = list(texts), positions
        self.lengths = [length for _, length in texts.values()]

    def __call__(
        self,
        texts: str | Sequence[str],
        *,
        add_special_tokens: bool = True,
        return_tensors: str | None = None,
        **_: Any,
    ) -> Any:
        if return_tensors:
            numbers = [[self.texts.index(text)] * self.model_max_length for text in texts]
            return SimpleNamespace(input_ids=torch.tensor(numbers))
        assert isinstance(texts, str)
        length = self.lengths[self.texts.index(texts)] if texts in self.texts else 3
        return SimpleNamespace(input_ids=list(range(length if add_special_tokens else length - 2)))


class _Encoder:
    device = torch.device("cpu")

    def __init__(self, texts: Texts) -> None:
        self.rows = torch.stack([rows for rows, _ in texts.values()])

    def __call__(self, ids: Tensor, **_: Any) -> Any:
        return SimpleNamespace(last_hidden_state=self.rows[ids[:, 0]])


class StableDiffusionPipeline(SimpleNamespace):
    """Named as the layout whose parts it has."""


class Recited:
    """Makes such pipelines, and compares what became of their weights."""

    def unet(self, weights: Mapping[str, Tensor]) -> Any:
        """Return layers `l0`, `l1` ... whose cross-attention has the weights `l0_to_k` ..."""
        made: Any = torch.nn.Module()
        made.config = SimpleNamespace()
        for name, weight in weights.items():
            layer, _, part = name.partition("_")
            if not hasattr(made, layer):
                setattr(made, layer, torch.nn.ModuleDict({"attn2": torch.nn.ModuleDict()}))
            linear = torch.nn.Linear(*reversed(weight.shape), bias=False)
            linear.weight.data.copy_(weight)
            made.get_submodule(f"{layer}.attn2")[part] = linear
        return made

    def pipeline(self, texts: Texts, denoiser: Any, scheduler: Any = None) -> Any:
        """Return a pipeline with this U-Net whose encoder knows these texts."""
        positions = len(next(iter(texts.values()))[0])
        return StableDiffusionPipeline(
            tokenizer=_Tokenizer(texts, positions),
            text_encoder=_Encoder(texts),
            unet=denoiser,
            scheduler=scheduler,
        )

    def weights(self, pipe: Any) -> dict[str, Tensor]:
        """Return the cross-attention weights under the arrays' names."""
        return {
            name.removesuffix(".weight").replace(".attn2.", "_"): weight.detach()
            for name, weight in pipe.unet.named_parameters()
        }

    def arrays(self, case: Any, prefix: str) -> dict[str, Tensor]:
        """Return a case's arrays whose names start with a prefix, by the rest of the name."""
        return {
            name.removeprefix(prefix): torch.from_numpy(case[name])
            for name in case
            if name.startswith(prefix) and name.endswith(("to_k", "to_v"))
        }

    def error(self, got: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> float:
        """Return the greatest relative error of a layer."""
        assert set(got) == set(wanted)
        return max(
            float((got[name].double() - each.double()).norm() / each.double().norm())
            for name, each in wanted.items()
        )


@pytest.fixture(scope="session")
def recited() -> Recited:
    """See the module."""
    return Recited()
