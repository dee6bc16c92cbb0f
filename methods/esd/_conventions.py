"""What ESD's publications set: the script of 2023, behind the paper, and the code of 2025.

Source: the CompVis script of 2023, and rohitgandikota/erasing at 25613d2 (2025).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import torch

from bench.types import Kind

Convention = Literal["paper", "code2025"]
TrainMethod = Literal["x", "x_strict", "u", "all"]
Timesteps = Literal["bucket", "grid"]


@dataclass(frozen=True)
class Published:
    """What was published with a convention."""

    steps: int
    learning_rate: float
    negative_guidance: float
    timesteps: Timesteps


PUBLISHED: dict[Convention, Published] = {
    "paper": Published(1000, 1e-5, 1.0, "bucket"),
    "code2025": Published(200, 5e-5, 2.0, "grid"),
}
TRAINED: dict[Kind, TrainMethod] = {"object": "u", "explicit": "u", "style": "x", "person": "x"}
"""Train method of each kind: the paper's; of persons the authors' advice in their tracker, where u
took other people along."""

RULES: dict[Convention, dict[TrainMethod, str]] = {
    "paper": {
        "x": r"attn2",
        "x_strict": r"attn2\.to_[kv]\.",
        "u": r"^(?!.*attn2)(?!conv_norm_out|conv_out|time_embedding)",
        "all": r"",
    },
    "code2025": {
        "x": r"attn2",
        "x_strict": r"attn2\.to_[kv]\.",
        "u": r"^(?!.*attn2)",
        "all": r"",
    },
}
"""What a parameter's name must match; 2023's `out.` is conv_norm_out and conv_out in diffusers."""


def selected(
    unet: Any, train_method: TrainMethod, convention: Convention
) -> dict[str, torch.nn.Parameter]:
    """Return the parameters that a train method trains, by name.

    paper: by name alone, norms too, as in the 2023 script. code2025: of linear and convolution
    layers.

    Args:
        unet: The diffusers U-Net.
        train_method: `x` is cross-attention, `x_strict` its keys and values, `u` the
            rest, `all` everything.
        convention: Whose rule the names follow: `paper` or `code2025`.
    """
    layers = (torch.nn.Linear, torch.nn.Conv2d) if convention == "code2025" else torch.nn.Module
    return {
        f"{name}.{part}": parameter
        for name, module in unet.named_modules()
        if isinstance(module, layers)
        for part, parameter in module.named_parameters(recurse=False)
        if re.search(RULES[convention][train_method], f"{name}.{part}")
    }
