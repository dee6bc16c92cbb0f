"""Train the judge on rendered images; it never sees a generated one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.models.mini.judge import Judge, JudgeNetwork
from bench.models.mini.train.augment import augment
from bench.models.mini.train.autoencoder import to_tensor
from bench.models.mini.train.data import Images
from bench.models.mini.train.fit import Recipe, fit
from bench.models.mini.world.truth import LABELS, Truth
from bench.types import Progress, silent

RECIPE = Recipe(steps=2400, batch=128, learning_rate=2e-3, weight_decay=0.05, ema=0.995)


def label_table(truths: Sequence[Truth]) -> dict[str, Tensor]:
    """Return the label indices (n,) per head."""
    rows = [truth.labels() for truth in truths]
    return {head: torch.tensor([row[head] for row in rows]) for head in LABELS}


def train_judge(
    images: Images,
    truths: Sequence[Truth],
    folder: Path,
    *,
    seed: int,
    recipe: Recipe = RECIPE,
    device: str = "cpu",
    progress: Progress = silent,
) -> Judge:
    """Train the judge network on damaged copies of rendered images.

    Args:
        images: uint8 (n, 64, 64, 3).
        truths: What each shows.
        folder: Where the checkpoint lives.
        seed: Of all randomness.
        recipe: Steps, batch and rates.
        device: Where to train.
        progress: Told about every step.
    """
    torch.manual_seed(seed)
    network = JudgeNetwork()
    labels = label_table(truths)

    def loss(generator: torch.Generator) -> Tensor:
        picks = torch.randint(len(images), (recipe.batch,), generator=generator)
        batch = augment(to_tensor(images[picks.numpy()]), generator).to(device)
        with torch.autocast(device, torch.bfloat16):
            logits = network(batch)
        losses = [
            F.cross_entropy(logits[head].float(), labels[head][picks].to(device), ignore_index=-1)
            for head in LABELS
        ]
        return torch.stack(losses).sum()

    fit(network, loss, recipe, folder / "judge.pt", seed=seed, device=device, progress=progress)
    return Judge(network)


def accuracy(judge: Judge, images: Images, truths: Sequence[Truth]) -> dict[str, float]:
    """Return the share of images read right per head, over those whose answer is known.

    Args:
        judge: The trained judge.
        images: uint8 (n, 64, 64, 3).
        truths: What each shows.
    """
    labels = label_table(truths)
    probabilities: dict[str, list[Tensor]] = {head: [] for head in LABELS}
    for start in range(0, len(images), 250):
        batch = (to_tensor(images[start : start + 250]) + 1) / 2
        for head, values in judge.read(batch).items():
            probabilities[head].append(values)
    result = {}
    for head in LABELS:
        known = labels[head] >= 0
        right = torch.cat(probabilities[head]).argmax(1) == labels[head]
        result[head] = float(right[known].float().mean())
    return result
