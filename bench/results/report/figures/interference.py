"""The interference matrix: what erasing one concept does to images of each other; pure.

It is read image by image from target, near and far prompts: the share of images of the asked
concept that show it. Where that is an erased one the share should be low, elsewhere high.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.results.report.figures.reading import cases, series
from bench.results.report.figures.shapes import Matrix, Row
from bench.results.report.groups import Group
from bench.results.stats.intervals import Interval, wilson
from bench.results.store import Finished
from bench.types import InputError

if TYPE_CHECKING:
    from bench.metrics import Measure

ROLES = ("target", "near", "far")
"""Roles whose prompts ask for a concept by its name."""
Key = tuple[str, str]
"""Case and asked concept."""


def interference(group: Group) -> Matrix | None:
    """Return the share of images that show what was asked, by erased and asked concept.

    Args:
        group: Runs of one protocol.

    Returns:
        None where no prompt asks for another concept than the erased one, or no metric decides
        image by image.
    """
    main = group.metrics[group.main].measures()[0]
    if main.value is None or main.statistic != "share":
        return None
    found = {run.record.spec.run_id: _shown(run, main) for run in group.runs}
    asked = list(dict.fromkeys(name for each in found.values() for _, name in each))
    rows = tuple(
        Row(
            series(group, run),
            case,
            concepts,
            tuple(_share(shown.get((case, name), ())) for name in asked),
            tuple(len(shown.get((case, name), ())) for name in asked),
        )
        for run, erased in cases(group)
        if (shown := found[run.record.spec.run_id])
        for case, concepts in erased.items()
    )
    if not any(set(asked) - set(row.concepts) for row in rows):
        return None
    title = f"Interference: images that show the concept that was asked for ({group.main})"
    return Matrix(title, tuple(asked), rows)


def _shown(run: Finished, main: Measure) -> dict[Key, list[bool]]:
    """Return whether each image shows what was asked, by case and concept."""
    found: dict[Key, list[bool]] = {}
    assert main.value is not None
    try:
        for row in run.images:
            if row["role"] in ROLES and row["concept"]:
                value = main.value(row)
                if not math.isnan(value):
                    found.setdefault((row["case"], row["concept"]), []).append(value == 1)
    except (InputError, KeyError, ValueError):
        return {}
    return found


def _share(shown: Sequence[bool]) -> Interval | None:
    return wilson(sum(shown), len(shown)) if shown else None
