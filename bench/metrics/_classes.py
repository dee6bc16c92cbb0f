"""What all metrics share that choose between concepts: their columns, verdicts and measures."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from bench.metrics import OWN, Measure, Row, Verdict, column
from bench.types import ROLES, Concept, Prompt

COLUMNS = ("label", "probability", "erased", "confidence", "entropy")
UNSURE = "unsure"
"""The label where no probability reaches what a metric asks for."""
UNREADABLE: Mapping[str, str | float] = {
    "label": "",
    "probability": math.nan,
    "erased": math.nan,
    "confidence": math.nan,
    "entropy": math.nan,
}
"""The verdict on an image that cannot be opened: not measured, never 0."""


def verdicts(
    probabilities: Sequence[Sequence[float]],
    labels: Sequence[str],
    readable: Sequence[bool],
    prompts: Sequence[Prompt],
    erased: Sequence[Concept],
    least: float = 0.0,
) -> list[Verdict]:
    """Turn class probabilities into verdicts.

    Args:
        probabilities: One row for each *readable* image, one column a label.
        labels: Names of the columns.
        readable: For each prompt, whether its image could be opened.
        prompts: One an image.
        erased: The concepts that were erased.
        least: Probability below which the top-1 label is not given: `unsure`.

    Returns:
        `label` (top-1), `probability` (of the prompt's own concept, NaN where it has none or none
        that is a label), `erased` (1 if the top-1 label is an erased concept, else 0), `confidence`
        (the probability of the top-1 label) and `entropy` (of the probabilities, in nats).
    """
    gone = {concept.name for concept in erased}
    rows = iter(probabilities)
    return [
        _verdict(next(rows), labels, prompt, gone, least) if can else dict(UNREADABLE)
        for can, prompt in zip(readable, prompts, strict=True)
    ]


def _verdict(
    row: Sequence[float], labels: Sequence[str], prompt: Prompt, gone: set[str], least: float
) -> Verdict:
    best = max(range(len(labels)), key=lambda i: row[i])
    label = labels[best] if row[best] >= least else UNSURE
    own = float(row[labels.index(prompt.concept)]) if prompt.concept in labels else math.nan
    entropy = -sum(p * math.log(p) for p in row if p > 0)
    return {
        "label": label,
        "probability": own,
        "erased": float(label in gone),
        "confidence": max(row),
        "entropy": entropy,
    }


def measures(metric: str) -> tuple[Measure, ...]:
    """Return the measures that a choice between concepts gives: top-1, probability, leak, entropy.

    Top-1 and probability are read where the prompt has a concept of its own to draw.
    """
    own = "the prompt's own concept"
    return (
        Measure(
            name="share",
            what=f"images whose top-1 concept is {own}",
            direction="by role",
            unit="share of images",
            roles=OWN,
            statistic="share",
            value=top1(metric),
        ),
        Measure(
            name="probability",
            what=f"mean softmax probability of {own}, which MACE's tables call accuracy",
            direction="by role",
            unit="probability",
            roles=OWN,
            value=column(metric, "probability"),
            bounds=(0.0, 1.0),
        ),
        Measure(
            name="leak",
            what="images of other concepts whose top-1 concept is an erased one",
            direction="lower",
            unit="share of images",
            roles=("near", "far"),
            statistic="share",
            value=column(metric, "erased"),
        ),
        Measure(
            name="entropy",
            what="mean entropy of the softmax: high where nothing is recognised",
            direction="none",
            unit="nats",
            roles=ROLES,
            value=column(metric, "entropy"),
            bounds=(0.0, math.inf),
        ),
    )


def top1(metric: str) -> Callable[[Row], float]:
    """Return the reader of whether the top-1 label is the prompt's concept; NaN if unread."""
    probability, label = column(metric, "probability"), f"{metric}_label"

    def value(row: Row) -> float:
        return math.nan if math.isnan(probability(row)) else float(row[label] == row["concept"])

    return value
