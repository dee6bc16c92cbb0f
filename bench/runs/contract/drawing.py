"""The checks of what erased pipelines draw; they hold for an eraser of every form."""

from __future__ import annotations

import torch

from bench.runs.contract.subject import AIRPLANE, BIRD, PROMPTS, STEPS, Subject, draw
from bench.runs.contract.violation import Violation
from bench.runs.erasing import compared
from bench.types import ORIGINAL, Sampler

ROUNDING = 1e-3
"""Greatest difference of a channel, in 0 to 1, that batches of other sizes make by rounding."""


def changes_something(subject: Subject) -> None:
    """Changes something: the un-erased model is the method `original`, and no other."""
    if subject.entry.name == ORIGINAL:
        return
    sampler = Sampler(STEPS, 7.5)
    problem, _ = compared(subject.make(), subject.pipe, [AIRPLANE], subject.fit(AIRPLANE), sampler)
    if problem:
        raise Violation(f"it erases nothing: {problem}")


def can_be_saved(subject: Subject) -> None:
    """Can be stored and applied again by another of its kind, and then draws the same."""
    if not torch.equal(draw(subject.saved(AIRPLANE)), draw(subject.erase(AIRPLANE))):
        raise Violation("the stored erasure draws something else; not all of it is in the file")


def applies_twice(subject: Subject) -> None:
    """Applied twice to a pipeline, gives what it gave the first time."""
    eraser, tensors = subject.make(), subject.fit(AIRPLANE)
    first = draw(eraser.apply(subject.pipe, [AIRPLANE], tensors))
    if not torch.equal(first, draw(eraser.apply(subject.pipe, [AIRPLANE], tensors))):
        raise Violation("the second `apply` draws something else; change neither input nor tensors")


def draws_as_before(subject: Subject) -> None:
    """Leaves the pipeline it was given to draw as before, also once the erased one has drawn."""
    before = draw(subject.pipe)
    erased = subject.erase(AIRPLANE)
    for done in ("`apply`", "the erased pipeline has drawn"):
        if not torch.equal(before, draw(subject.pipe)):
            raise Violation(f"the input draws something else after {done}; act on a copy of it")
        draw(erased)


def takes_batches(subject: Subject) -> None:
    """Draws prompts in one batch as it draws each in a batch of its own."""
    erased = subject.erase(AIRPLANE)
    together = draw(erased)
    alone = torch.cat([draw(erased, [text], first=i) for i, text in enumerate(PROMPTS)])
    apart = float((together - alone).abs().max())
    if not apart <= ROUNDING:
        raise Violation(f"an image depends on the others of its batch, by {apart:.3g} of 0 to 1")


def stands_beside_another(subject: Subject) -> None:
    """Draws the same while another erasure of its kind is alive, and draws between."""
    erased = subject.erase(AIRPLANE)
    alone = draw(erased)
    other = subject.erase(BIRD)
    draw(other)
    if not torch.equal(alone, draw(erased)):
        raise Violation("it draws something else once another concept was erased and drawn")


DRAWING = (
    changes_something,
    can_be_saved,
    applies_twice,
    draws_as_before,
    takes_batches,
    stands_beside_another,
)
"""All of them."""
