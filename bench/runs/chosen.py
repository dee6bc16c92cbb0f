"""The prompts of a run's cases, chosen once for the runs of all methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from bench import prompts
from bench.families import FAMILIES
from bench.types import Case, Prompt, Size, Suite


@dataclass(frozen=True)
class Selection:
    """What decides which prompts are chosen: the suite, by its content, the rest by its name."""

    key: tuple[object, ...]
    suite: Suite = field(compare=False)
    cases: tuple[Case, ...]
    size: Size = field(compare=False)
    family: str

    @classmethod
    def of(cls, suite: Suite, cases: Sequence[Case], size: Size, family: str) -> Selection:
        """Return what is asked for.

        Args:
            suite: As `prompts.suite` returns it, with its content in its version.
            cases: Of the suite, or joint ones.
            size: Of the suite, maybe cut.
            family: Of the model that draws.
        """
        key = suite.name, suite.version, suite.folder, size.name
        return cls(key, suite, tuple(cases), size, family)


@dataclass(frozen=True)
class Chosen:
    """The prompts of each case, by its name."""

    asked: dict[str, tuple[Prompt, ...]]
    """As their rows are."""
    drawn: dict[str, tuple[Prompt, ...]]
    """As the family draws them: one that draws one size only, without sizes."""


@lru_cache(maxsize=8)
def chosen_once(asked: Selection) -> Chosen:
    """Return the prompts of each case.

    Args:
        asked: What decides them.

    Raises:
        InputError: a prompt file cannot be used.
    """
    rows = {
        case.name: prompts.select(asked.suite, case, asked.size, asked.family)
        for case in asked.cases
    }
    if FAMILIES[asked.family].resizable:
        return Chosen(rows, rows)
    return Chosen(rows, {case: tuple(map(unsized, some)) for case, some in rows.items()})


def unsized(prompt: Prompt) -> Prompt:
    """Return a prompt that is drawn at the model's own size.

    Args:
        prompt: Any; its row may ask for another.
    """
    if prompt.drawing.size is None:
        return prompt
    return replace(prompt, drawing=prompt.drawing.unsized)
