"""What figures show of a group of runs, before anything decides how they are drawn; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bench.results.report.figures import counts, profiles, scatters
from bench.results.report.figures.interference import interference
from bench.results.report.figures.shapes import (
    Figure,
    Matrix,
    Panels,
    Point,
    Profile,
    Row,
    Scatter,
    Series,
)
from bench.results.report.groups import Group


@dataclass(frozen=True)
class Kind:
    """A figure by what it needs."""

    of: Callable[[Group], Figure | None]
    """Draws it up; None for runs that lack what it shows."""
    needs: str
    """What runs must have, which is said where they lack it."""
    of_cases: bool = False
    """Whether its runs may differ in their cases, which are otherwise part of the protocol."""


KINDS: Mapping[str, Kind] = {
    "axes": Kind(profiles.axes, "the axes, which every run has that a metric of images decides"),
    "tradeoff": Kind(scatters.tradeoff, "images of target and of near or far prompts"),
    "intactness": Kind(scatters.intactness, "the metric intact on near, far or general prompts"),
    "interference": Kind(interference, "near or far prompts, which ask for other concepts"),
    "cases": Kind(profiles.cases, "two concepts or more, erased one by one: --concept twice"),
    "cost": Kind(scatters.cost, "a run of an eraser, whose seconds were taken"),
    "residue": Kind(profiles.residue, "images of prompts for the erased concept"),
    "attacks": Kind(profiles.attacks, "searched attacks: python -m bench attack"),
    "concepts": Kind(
        counts.concepts,
        "runs that erase several concepts at once, --together, beside runs that erase one",
        of_cases=True,
    ),
}
"""Figures by name, in the order of the page: what grows tall late, so that columns end alike."""

__all__ = [
    "KINDS",
    "Figure",
    "Kind",
    "Matrix",
    "Panels",
    "Point",
    "Profile",
    "Row",
    "Scatter",
    "Series",
]
