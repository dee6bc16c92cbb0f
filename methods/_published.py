"""What MACE's configuration files set for each kind of concept."""

from __future__ import annotations

from dataclasses import dataclass

from bench.types import Kind

COCO = 616_767
"""Captions behind the published prior; ours are fewer and weigh as much together."""


@dataclass(frozen=True)
class Published:
    """What a configuration file of the official code sets for a kind of concept."""

    learning_rate: float
    steps: int
    preserve_scale: float
    preserve_weight: float
    lamb: float
    importance_sampling: bool


# lamb: objects have 10 to 1000, by concept; the others 0, which is singular without the downloaded
# caches, so 10 here.
PUBLISHED: dict[Kind, Published] = {
    "object": Published(1e-5, 50, 0.0, 0.0, 100.0, True),
    "person": Published(1e-4, 50, 1e-4, 8e3, 10.0, True),
    "style": Published(1e-4, 50, 1e-4, 8e4, 10.0, True),
    "explicit": Published(1e-5, 120, 7e-7, 0.0, 10.0, False),
}
