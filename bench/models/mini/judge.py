"""The judge: a network apart from the generator and from CLIP, which says what an image shows."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from bench.models.mini.world.truth import LABELS

WIDTHS = (64, 128, 224)


class Residual(nn.Module):
    """Two 3 x 3 convolutions around a skip."""

    def __init__(self, width_in: int, width_out: int, stride: int) -> None:
        """Make a block; stride 2 halves the side."""
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width_in, width_out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width_out),
            nn.ReLU(inplace=True),
            nn.Conv2d(width_out, width_out, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width_out),
        )
        same = stride == 1 and width_in == width_out
        self.skip = (
            nn.Identity()
            if same
            else nn.Sequential(nn.AvgPool2d(stride), nn.Conv2d(width_in, width_out, 1, bias=False))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width_in, h, w) to (n, width_out, h / stride, w / stride)."""
        return torch.relu(self.body(x) + self.skip(x))


class JudgeNetwork(nn.Module):
    """A residual network with one linear head for each question."""

    def __init__(self) -> None:
        """Build it untrained."""
        super().__init__()
        first = WIDTHS[0]
        layers: list[nn.Module] = [
            nn.Conv2d(3, 32, 5, 2, 2, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, first, 3, 2, 1, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(inplace=True),
        ]
        for width_in, width_out in zip((first, *WIDTHS), WIDTHS, strict=False):
            stride = 1 if width_in == width_out else 2
            layers += [Residual(width_in, width_out, stride), Residual(width_out, width_out, 1)]
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.heads = nn.ModuleDict(
            {head: nn.Linear(WIDTHS[-1], len(labels)) for head, labels in LABELS.items()}
        )

    def features(self, images: Tensor) -> Tensor:
        """Return (n, 224) features of images (n, 3, 64, 64) in [-1, 1]."""
        features: Tensor = self.body(images)
        return features

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return logits (n, labels) for each head."""
        features = self.features(images)
        return {name: head(features) for name, head in self.heads.items()}


class Judge:
    """A trained judge network, ready to read images."""

    def __init__(self, network: JudgeNetwork) -> None:
        """Wrap a trained network."""
        self.network = network.eval()

    @torch.inference_mode()
    def read(self, images: Tensor) -> dict[str, Tensor]:
        """Say what images show.

        Args:
            images: (n, 3, 64, 64) in [0, 1].

        Returns:
            For each head of `LABELS`, probabilities (n, labels).
        """
        logits = self.network(images.float() * 2 - 1)
        return {head: values.softmax(1) for head, values in logits.items()}


def load_file_into_judge(path: Path) -> Judge:
    """Load a judge from a safetensors file."""
    network = JudgeNetwork()
    state = {name: value.float() for name, value in load_file(path).items()}
    network.load_state_dict(state)
    return Judge(network)


@cache
def load() -> Judge:
    """Load the judge that belongs to mini."""
    from bench.models.mini import path

    return load_file_into_judge(path() / "judge" / "model.safetensors")
