"""What a new eraser starts from: for each form its file and its test, and one page for all.

In each text {name} is the method's name, {title} its class's; other braces are doubled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.registry.templates import adapter, inference, weights
from bench.types import Form

PAGE = """# {name}

One paragraph: what it does, and for whom.

| | |
| --- | --- |
| source | paper, code and commit |
| form | {form} |
| changes | {changes} |

## Equations

Each with its number in the paper and the function here.

## Where this differs

What the paper says, what its code does, what is done here, and why.

## Presets

Where each default comes from.
"""


@dataclass(frozen=True)
class Template:
    """The start of an eraser of one form."""

    method: str
    """Its file."""
    test: str
    """Its test."""
    changes: str
    """What it changes, for its page."""


TEMPLATES: Mapping[Form, Template] = {
    "weights": Template(weights.METHOD, weights.TEST, weights.CHANGES),
    "inference": Template(inference.METHOD, inference.TEST, inference.CHANGES),
    "adapter": Template(adapter.METHOD, adapter.TEST, adapter.CHANGES),
}
"""By form."""
