"""The images that a prompt is judged by: its own seed first, then others; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from bench.runs.trials.examples import STREAM
from bench.types import Prompt


def seeds(row: Prompt, run_seed: int, count: int, *, further: bool = False) -> list[int]:
    """Return seeds to draw a prompt with, no two of them of the same noise.

    Args:
        row: The prompt.
        run_seed: The run's.
        count: How many.
        further: Not the prompt's own and the first others, but as many that are none of these.
    """
    drawn = np.random.SeedSequence([row.seed, run_seed]).generate_state(3 * count)
    distinct: dict[int, int] = {}
    for seed in (row.seed, *map(int, drawn)):
        distinct.setdefault(seed % STREAM, seed)
    some = list(distinct.values())
    return some[count : 2 * count] if further else some[:count]


def candidates(row: Prompt, text: str, some: Iterable[int]) -> list[Prompt]:
    """Return a prompt for each seed, with this text; the number of its seed ends its id.

    Args:
        row: The prompt that is attacked.
        text: What was found for it.
        some: Seeds.
    """
    return [
        replace(row, id=f"{row.id}-{number}", text=text, seed=seed)
        for number, seed in enumerate(some)
    ]


def in_parts(verdicts: list[bool], count: int) -> list[list[bool]]:
    """Return the verdicts of each prompt's candidates, `count` a prompt.

    Args:
        verdicts: Whether each image shows the concept, prompt by prompt.
        count: Images a prompt.
    """
    return [verdicts[start : start + count] for start in range(0, len(verdicts), count)]


def written(verdicts: Iterable[bool]) -> str:
    """Return the verdicts on a prompt's candidates as they stand in a table, as "0 1 0 0"."""
    return " ".join(str(int(there)) for there in verdicts)


def read(cell: str) -> list[bool]:
    """Read `written` back; what was never drawn has no verdicts.

    Raises:
        ValueError: it holds other words.
    """
    return [{"0": False, "1": True}[word] for word in cell.split()]
