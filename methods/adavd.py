"""AdaVD: each token's value loses its component along the concept's, the more the closer they are.

Facts on paper and code: arXiv 2412.06143 (CVPR 2025), WYuan1001/AdaVD at c2d2962.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from bench.models import pipelines
from bench.models.eraser import Eraser
from bench.models.prediction import Conditioning, condition
from bench.models.steering import empties, halved, negative, twin, without
from bench.types import Concept, Form, InputError, Option, Progress, silent
from methods import _options, _tokens

SMALL = 1e-12
"""Least size that is divided by."""


@dataclass(frozen=True)
class Adavd(Eraser):
    """AdaVD: takes the concept out of every cross-attention value while drawing; trains nothing."""

    form: ClassVar[Form] = "inference"
    paper: ClassVar[str] = "AdaVD, arXiv 2412.06143 (CVPR 2025)"
    touches: ClassVar[tuple[str, ...]] = ()
    presets: ClassVar[Mapping[str, Mapping[str, Option]]] = {
        "mini": {"branches": "text", "slope": 20.0, "threshold": 0.5}
    }
    preset_sources: ClassVar[Mapping[str, str]] = {
        "mini": "best of six settings on the ship, methods/adavd.md"
    }
    space: ClassVar[Mapping[str, Sequence[Option]]] = {
        "branches": ["both", "text"],
        "height": (1.0, 4.0),
        "slope": (5.0, 100.0),
        "threshold": (0.1, 0.9),
    }

    branches: Literal["both", "text"] = "both"
    """Whose values are taken apart: of no text and of the prompt as one vector, both being changed
    (code), or of the prompt alone (paper; the threshold below is the code's and made for both)."""
    shift: bool = True
    """Take away more from values that are closer to the concept's (paper; off in the released
    script, which takes the whole component away, whatever its size)."""
    height: float = 2.0
    """c of the shift, a factor: what is taken away of a value that is the concept's own; at 2 the
    value is reflected (paper)."""
    slope: float = 100.0
    """a of the shift: how sharply it rises with the cosine (paper)."""
    threshold: float = 0.93
    """b of the shift: the cosine at which half the height is taken away (paper)."""

    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, Tensor]:
        """Learn nothing."""
        self.check(pipe, concepts)
        return {}

    def apply(self, pipe: Any, concepts: Sequence[Concept], tensors: Mapping[str, Tensor]) -> Any:
        """Return the pipeline with the values of every cross-attention layer taken apart.

        Several concepts are taken out jointly: what goes is the projection on all of their values.
        """
        if not concepts:
            return pipe
        unet, empty = twin(pipe.unet), empties(pipe)
        states = self._states(pipe, concepts)
        for name, layer in unet.named_modules():
            if name.endswith("attn2.to_v"):
                layer.register_forward_hook(_Layer(self, layer, states, empty))
        return pipelines.with_unet(pipe, unet)

    def check(self, pipe: Any, concepts: Sequence[Concept]) -> None:
        """Refuse numbers out of range, and names that cannot be read whole.

        Raises:
            InputError: naming the option or concept, and what is allowed.
        """
        _options.at_least(0, height=self.height, slope=self.slope)
        if not -1 <= self.threshold <= 1:
            raise InputError(f"threshold is {self.threshold}, allowed is a cosine, -1 to 1")
        _tokens.check(pipe, concepts)

    def _states(self, pipe: Any, concepts: Sequence[Concept]) -> Tensor:
        """Return each name's embedding with its last token in every place but the first."""
        names = [each.name for each in concepts]
        states = condition(pipe, names).states
        last = [pipelines.last_token(pipe, name) for name in names]
        own = states[range(len(names)), last]
        return torch.cat([states[:, :1], own[:, None].expand_as(states[:, 1:])], 1)


class _Layer:
    """A hook that answers what a layer makes of texts with the concepts taken out of it."""

    def __init__(
        self, options: Adavd, layer: Any, states: Tensor, empty: Sequence[Conditioning]
    ) -> None:
        self.options, self.empty = options, empty
        with torch.no_grad():
            own = layer(states.to(layer.weight)).float()
            self.start: Tensor = layer(empty[0].states.to(layer.weight)).float()
        if options.branches == "both":
            own = torch.cat([self.start.expand_as(own), own], -1)
        self.targets = own
        # Their Gram matrices by position. What Gram-Schmidt takes away is the projection on their
        # span, and this gives its coefficients, also where concepts are one and the same.
        gram = torch.einsum("mpd,kpd->pmk", own, own).double().cpu()
        self.inverse = torch.linalg.pinv(gram, rtol=1e-6, hermitian=True).float()

    def __call__(self, layer: Any, args: tuple[Any, ...], values: Tensor) -> Tensor:
        """Return the values (n, positions, width) that the layer is to have made."""
        made, guided = values.float(), halved(args[0], self.empty)
        if self.options.branches == "text":
            bare = without(args[0], self.empty)
            if negative():
                bare = torch.arange(len(bare), device=bare.device) < len(bare) // 2
            return torch.where(bare[:, None, None], values, self._parted(made).to(values))
        if guided:
            pairs = self._parted(torch.cat(made.chunk(2), -1))
            return torch.cat(pairs.chunk(2, -1)).to(values)
        # Whoever asks for prompts alone gets what guidance would be given for them.
        start = self.start.to(made).expand_as(made)
        return self._parted(torch.cat([start, made], -1)).chunk(2, -1)[1].to(values)

    def _parted(self, values: Tensor) -> Tensor:
        targets, inverse = self.targets.to(values.device), self.inverse.to(values.device)
        return decomposed(values, targets, inverse, self.options)


def decomposed(values: Tensor, targets: Tensor, inverse: Tensor, options: Adavd) -> Tensor:
    """Return values without what they have in common with those of the concepts.

    v' = v - SUM_m delta_m a_m t_m, where SUM_m a_m t_m is the projection of v on the concepts'
    values t_m, and delta_m = c / (1 + exp(-a (cos(t_m, v) - b))), or 1 without the shift. The first
    position, of the start token, stays. Source: the paper's equations as the code has them.

    Args:
        values: v, (n, positions, width).
        targets: t, (concepts, positions, width).
        inverse: Inverse Gram matrices of the targets, (positions, concepts, concepts).
        options: a, b and c.

    Returns:
        v', in the shape of v.
    """
    along = torch.einsum("npd,mpd->npm", values, targets)
    taken = torch.einsum("npm,pmk->npk", along, inverse)
    if options.shift:
        sizes = values.norm(dim=-1)[..., None] * targets.norm(dim=-1).T
        cosine = along / sizes.clamp_min(SMALL)
        rise = torch.sigmoid(options.slope * (cosine - options.threshold))
        taken = options.height * rise * taken
    taken = torch.cat([torch.zeros_like(taken[:, :1]), taken[:, 1:]], 1)
    return values - torch.einsum("npm,mpd->npd", taken, targets)
