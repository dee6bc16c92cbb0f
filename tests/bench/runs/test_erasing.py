"""Whether an erasure changes anything, and what drawing with it takes."""

from __future__ import annotations

from typing import Any

import pytest

from bench.models.eraser import Eraser
from bench.runs.erasing import compared
from bench.types import Concept, Sampler
from methods.esd import Esd
from methods.negative_prompt import NegativePrompt
from methods.original import Original
from methods.sld import Sld
from methods.uce import Uce

SAMPLER = Sampler(5, 4.0)


def said(eraser: Eraser, pipe: Any, concepts: list[Concept]) -> tuple[str, float]:
    fitted = eraser.fit(pipe, concepts, seed=0)
    return compared(eraser, pipe, concepts, fitted, SAMPLER)


@pytest.mark.parametrize(("eraser", "step"), [(Uce(), 2.0), (NegativePrompt(), 2.0), (Sld(), 3.0)])
def test_an_erasure_takes_its_evaluations_a_step(
    eraser: Eraser, step: float, tiny_pipe: Any, airplane: Concept
) -> None:
    assert said(eraser, tiny_pipe, [airplane]) == ("", step)


@pytest.mark.parametrize(
    ("eraser", "problem"),
    [
        (Original(), "it leaves every weight as it was"),
        (Esd(steps=1, learning_rate=0.0, pool=1, trajectory_steps=1), "it leaves every weight"),
        (NegativePrompt(text=""), "it draws 'a photo of airplane' as the un-erased model does"),
        (Sld(strength=0.0), "it draws 'a photo of airplane' as the un-erased model does"),
        (Sld(warmup=1.0), "it draws 'a photo of airplane' as the un-erased model does"),
    ],
)
def test_an_erasure_that_changes_nothing_is_told(
    eraser: Eraser, problem: str, tiny_pipe: Any, airplane: Concept
) -> None:
    assert said(eraser, tiny_pipe, [airplane])[0].startswith(problem)


def test_without_guidance_a_negative_prompt_changes_nothing(
    tiny_pipe: Any, airplane: Concept
) -> None:
    plain = Sampler(3, 1.0)
    problem, step = compared(NegativePrompt(), tiny_pipe, [airplane], {}, plain)
    assert problem and step == 1.0
    assert compared(Sld(), tiny_pipe, [airplane], {}, plain) == ("", 3.0)
