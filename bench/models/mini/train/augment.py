"""Light damage to training images, so that the two eyes also read images a model has drawn."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Shift, blur, shade and roughen a batch of images.

    Args:
        images: (n, 3, h, w) in [-1, 1].
        generator: the only source of chance.

    Returns:
        A tensor of the same shape, clamped to [-1, 1].
    """
    n = len(images)
    dy, dx = torch.randint(-3, 4, (2,), generator=generator).tolist()
    images = F.pad(images, (3, 3, 3, 3), mode="replicate")
    images = images[..., 3 + dy : 67 + dy, 3 + dx : 67 + dx]
    blurred = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    amount = torch.rand(n, 1, 1, 1, generator=generator)
    amount = torch.where(amount > 0.5, 2 * amount - 1, torch.zeros(()))
    images = images.lerp(blurred, amount)
    light = 1 + 0.16 * (torch.rand(n, 1, 1, 1, generator=generator) - 0.5)
    noise = torch.randn(images.shape, generator=generator)
    noise = noise * 0.16 * torch.rand(n, 1, 1, 1, generator=generator).square()
    return (images * light + noise).clamp(-1, 1)
