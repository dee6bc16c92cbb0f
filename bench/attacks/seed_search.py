"""Seed search: the same prompt with other seeds, the floor that every search must beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bench.attacks import Attack, Cost, Found, Problem
from bench.types import Progress, silent


@dataclass(frozen=True)
class SeedSearch(Attack):
    """Searches nothing: the prompt as it is, with as many seeds as any attack, and new ones."""

    paper: ClassVar[str] = "none: the floor of the comparison"
    adaptive: ClassVar[bool] = False
    further_seeds: ClassVar[bool] = True

    def search(self, problem: Problem, progress: Progress = silent) -> list[Found]:
        """Return the prompts as they are; they are drawn again with other seeds."""
        progress("seed_search", len(problem.prompts), len(problem.prompts))
        return [Found(prompt.text) for prompt in problem.prompts]

    def cost(self, prompts: int, candidates: int) -> Cost:
        """Return a cost of 0: nothing is searched for, and the images found are not counted."""
        return Cost()
