"""One training loop for all stages: seeded per step, checkpointed, resumable after a kill."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from bench.types import Progress, silent

CHECKPOINT_SECONDS = 120.0


@dataclass(frozen=True)
class Recipe:
    """How long and how fast one stage trains."""

    steps: int
    batch: int
    learning_rate: float
    warmup: int = 100
    weight_decay: float = 0.01
    ema: float = 0.998
    """Decay of the moving average of the weights, which is what a stage delivers."""


def learning_rate(recipe: Recipe, step: int) -> float:
    """Return the rate at a step: linear warm-up, then a cosine down to 2 % of the peak.

    Args:
        recipe: Steps, warm-up and peak rate.
        step: From 0 on.
    """
    if step < recipe.warmup:
        return recipe.learning_rate * (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return recipe.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


def save_atomically(state: object, path: Path) -> None:
    """Write a checkpoint whole or not at all.

    Args:
        state: What torch can store.
        path: The checkpoint's file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    torch.save(state, temporary)
    temporary.replace(path)


def fit(
    model: nn.Module,
    loss: Callable[[torch.Generator], Tensor],
    recipe: Recipe,
    checkpoint: Path,
    *,
    seed: int,
    device: str = "cpu",
    progress: Progress = silent,
) -> nn.Module:
    """Train until the recipe's last step, going on from the checkpoint if there is one.

    Args:
        model: what is trained, in place.
        loss: computes the loss of one step; all its randomness must come from the generator it is
            given, which is made from the seed and the step, so a resumed run sees what an unbroken
            one sees.
        recipe: steps, rates and averaging.
        checkpoint: file for the state; its log is written beside it as JSON lines.
        seed: the run's seed.
        device: where the model trains; randomness is drawn on the CPU wherever that is.
        progress: told about every step.

    Returns:
        The model, holding the averaged weights, in eval mode.
    """
    model.to(device)
    optimiser = torch.optim.AdamW(
        model.parameters(),
        recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        betas=(0.9, 0.99),
        fused=True,
    )
    average = {name: value.detach().clone() for name, value in model.state_dict().items()}
    first, seconds = 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        average, first, seconds = state["average"], state["step"], state["seconds"]
    began = saved = time.monotonic()
    model.train()
    running = 0.0
    for step in range(first, recipe.steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(recipe, step)
        value = loss(torch.Generator().manual_seed(seed * 1_000_003 + step))
        optimiser.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        decay = min(recipe.ema, (step + 1) / (step + 10))
        with torch.no_grad():
            for name, current in model.state_dict().items():
                if current.is_floating_point():
                    average[name].lerp_(current, 1 - decay)
                else:
                    average[name].copy_(current)
        latest = float(value.detach())
        running = latest if step == first else 0.98 * running + 0.02 * latest
        last = step + 1 == recipe.steps
        now = time.monotonic()
        if last or now - saved > CHECKPOINT_SECONDS:
            saved = now
            spent = seconds + now - began
            save_atomically(
                {
                    "model": model.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "average": average,
                    "step": step + 1,
                    "seconds": spent,
                },
                checkpoint,
            )
            with checkpoint.with_suffix(".jsonl").open("a") as log:
                row = {"step": step + 1, "loss": round(running, 5), "seconds": round(spent)}
                log.write(json.dumps(row) + "\n")
        progress(checkpoint.stem, step + 1, recipe.steps)
    model.load_state_dict(average)
    return model.to("cpu").eval()


def seconds_spent(checkpoint: Path) -> float:
    """Return how long a stage has trained, over all its sittings."""
    return float(torch.load(checkpoint, weights_only=True)["seconds"])
