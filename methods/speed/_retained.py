"""What SPEED keeps: texts, those that an edit would disturb, points around them, the empty prompt.

Facts: Ouxiang-Li/SPEED at 6d3df0c.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from bench.models import pipelines
from bench.types import Concept, InputError
from methods import _prompts

Retain = Literal["everyday", "scenes", "empty"]

BATCH = 128
"""Texts encoded together, and vectors whose augmentations are compared with their own mean."""
ROUNDS = 100
"""Rounds of k-means at most."""


def listed(path: str, concepts: Sequence[Concept]) -> list[str]:
    """Return the names in a file, one a line, but those that hold an erased one as whole words.

    Args:
        path: A text file.
        concepts: What is erased.

    Raises:
        InputError: the file cannot be read, or no name is left.
    """
    try:
        lines = Path(path).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"retain_file {path} cannot be read as a list of names") from error
    erased = [rf"\b{re.escape(concept.name.strip())}\b" for concept in concepts]
    names = [
        line.strip()
        for line in lines
        if line.strip() and not any(re.search(each, line, re.IGNORECASE) for each in erased)
    ]
    if not names:
        raise InputError(f"retain_file {path} names nothing that is not erased; allowed is a name")
    return names


def rows(pipe: Any, retain: Retain, names: Sequence[str], concepts: Sequence[Concept]) -> Tensor:
    """Return the embeddings that are to be read as before, (n, d), fp32.

    Args:
        pipe: A diffusers pipeline.
        retain: Prior captions by name, or the empty prompt.
        names: What takes the place of the captions; may be empty.
        concepts: What is erased; captions that share a word with it are left out.
    """
    if retain == "empty" and not names:
        return pipelines.encode(pipe, [""])[0, 1:]
    texts = names or [text for text in _prompts.prior(retain, concepts) if text]
    found = []
    for first in range(0, len(texts), BATCH):
        some = texts[first : first + BATCH]
        last = [pipelines.last_token(pipe, text) for text in some]
        found.append(pipelines.encode(pipe, some)[range(len(some)), last])
    return torch.cat(found)


def disturbed(rows: Tensor, edit: Tensor) -> Tensor:
    """Return the rows that an edit moves by more than their mean; all, where none is above it.

    Source: paper, influence-based prior filtering.

    Args:
        rows: (n, d).
        edit: (out, d).
    """
    moved = (rows.to(edit) @ edit.T).norm(dim=1)
    above = moved > moved.mean()
    return rows[above] if bool(above.any()) else rows


def augmented(
    rows: Tensor, weight: Tensor, edit: Tensor, count: int, generator: torch.Generator
) -> Tensor:
    """Return rows, and points around them that the weight hardly tells from them.

    A point is r + v g, g ~ N(0, 1) and v the right-singular vector of the weight's least singular
    value; of a batch's points those stay that the edit moves by more than their mean. Source:
    paper, directed prior augmentation of rank 1; v v^T z, z ~ N(0, I), has the same law as v g.

    Args:
        rows: (n, d).
        weight: (out, d).
        edit: (out, d).
        count: Points a row.
        generator: Source of all randomness, on the CPU.
    """
    if count == 0:
        return rows
    direction = torch.linalg.svd(weight.double()).Vh[-1]
    kept = [rows.double()]
    for some in torch.split(rows.double(), BATCH):
        steps = torch.randn(len(some), count, dtype=torch.float64, generator=generator)
        points = some[:, None] + steps.to(some)[..., None] * direction
        kept.append(disturbed(points.flatten(0, 1), edit))
    return torch.cat(kept)


def invariants(pipe: Any, clusters: int, generator: torch.Generator) -> Tensor:
    """Return what is read exactly as before: the begin token, and centres of the empty prompt.

    Source: code; the paper has the empty prompt itself.

    Args:
        pipe: The un-erased diffusers pipeline.
        clusters: Number of centres.
        generator: Source of all randomness, on the CPU.

    Returns:
        (d, 1 + clusters) in fp64.
    """
    empty = pipelines.encode(pipe, [""])[0].double()
    return torch.cat([empty[:1], centres(empty[1:], clusters, generator)]).T


def centres(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Return the centres of k-means, (count, d); it starts at rows drawn by squared distance.

    Args:
        rows: (n, d).
        count: Number of centres, at most n.
        generator: Source of all randomness, on the CPU.
    """
    chosen = rows[:1]
    while len(chosen) < count:
        away = torch.cdist(rows, chosen).amin(1).square().cpu()
        odds = away if float(away.sum()) > 0 else torch.ones_like(away)
        pick = int(torch.multinomial(odds, 1, generator=generator))
        chosen = torch.cat([chosen, rows[pick : pick + 1]])
    for _ in range(ROUNDS):
        nearest = torch.cdist(rows, chosen).argmin(1)
        moved = torch.stack(
            [
                rows[nearest == i].mean(0) if bool((nearest == i).any()) else chosen[i]
                for i in range(count)
            ]
        )
        if torch.equal(moved, chosen):
            break
        chosen = moved
    return chosen
