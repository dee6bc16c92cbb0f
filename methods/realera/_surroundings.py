"""What lies around a concept's prompts: neighbours to be moved, and where to; points that stay."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from bench.models.prediction import Conditioning
from methods._prompts import Pairs
from methods.realera import _neighbors


@dataclass(frozen=True)
class Sampler:
    """How random points around a prompt are drawn; RealEra's options of the same names."""

    neighbors: int
    min_cos: float
    max_cos: float
    beyond: int
    beyond_max_cos: float
    max_distance: float
    sampling: str
    keep_bos: bool

    def near(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Return neighbours of one prompt.

        Args:
            rows: Its embedding, (positions, dim).
            generator: Source of all randomness.

        Returns:
            (neighbors, positions, dim).
        """
        sample = _neighbors.sample_neighbors
        band = partial(sample, min_cos=self.min_cos, max_cos=self.max_cos)
        return self._points(band, rows, self.neighbors, generator)

    def far(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Return points beyond the concept of one prompt.

        Args:
            rows: Its embedding, (positions, dim).
            generator: Source of all randomness.

        Returns:
            (beyond, positions, dim).
        """
        band = partial(_neighbors.sample_beyond, max_cos=self.beyond_max_cos)
        return self._points(band, rows, self.beyond, generator)

    def _points(
        self, sample: _neighbors.Sample, rows: Tensor, n: int, generator: torch.Generator
    ) -> Tensor:
        return _neighbors.around_prompt(
            sample,
            rows,
            n,
            max_distance=self.max_distance,
            by_token=self.sampling == "token",
            keep_first=self.keep_bos,
            generator=generator,
        )


@dataclass(frozen=True)
class Surroundings:
    """Points around each training prompt of one concept."""

    pair: Pairs
    sampler: Sampler
    mined: Tensor | None = None
    """Neighbours that were mined, (prompts, n, positions, dim); None draws them at random."""
    shares: Tensor | None = None
    """How much of the concept is taken out of each neighbour, (n,); None makes them the anchor."""

    def near(self, prompt: int, generator: torch.Generator) -> Tensor:
        """Return the neighbours of a prompt.

        Args:
            prompt: Its index.
            generator: Source of all randomness.

        Returns:
            (n, positions, dim).
        """
        if self.mined is not None:
            return self.mined[prompt]
        return self.sampler.near(self.pair.concept[prompt], generator)

    def beyond(self, prompt: int, generator: torch.Generator) -> Tensor:
        """Return the points around a prompt that stay as they are.

        Args:
            prompt: Its index.
            generator: Source of all randomness.

        Returns:
            (n, positions, dim).
        """
        return self.sampler.far(self.pair.concept[prompt], generator)

    def targets(self, prompt: int, near: Tensor) -> Tensor:
        """Return what neighbours are to read as: the anchor, or themselves less the concept.

        x - share (c - g), row by row: of the concept itself, whose share is 1, that is the anchor.

        Args:
            prompt: Index of the prompt.
            near: Its neighbours x, (n, positions, dim).

        Returns:
            Like `near`.
        """
        concept, anchor = self.pair.concept[prompt], self.pair.aligned[prompt]
        if self.shares is None:
            return anchor.expand_as(near)
        shares = self.shares.to(near)[:, None, None]
        return near - shares * (concept - anchor.to(concept))

    def blocks(self, prompt: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return a prompt's rows and its neighbours', and what stage one maps them to.

        Args:
            prompt: Its index.
            generator: Source of all randomness.

        Returns:
            Two of (1 + n, positions, dim).
        """
        near = self.near(prompt, generator)
        targets = self.targets(prompt, near)
        own, anchor = self.pair.concept[[prompt]], self.pair.aligned[[prompt]]
        return torch.cat([own, near]), torch.cat([anchor, targets])

    def read_as(self, prompt: int, near: Tensor) -> Conditioning:
        """Return what the frozen model is told in place of neighbours.

        The anchor's prompt as it stands, without its tokens being moved to the concept's; or
        `targets`.

        Args:
            prompt: Index of the prompt.
            near: Its neighbours, (n, positions, dim).
        """
        anchor = self.pair.wanted[[prompt]]
        if self.shares is None:
            return anchor.expand(len(near))
        return anchor.around(self.targets(prompt, near))
