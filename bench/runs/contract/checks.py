"""The checks, each a function that raises `Violation`; their first lines are what a user reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from fnmatch import fnmatchcase
from typing import get_args

import torch

from bench import registry
from bench.models.tiny import build_tiny_pipe
from bench.runs.contract.drawing import DRAWING
from bench.runs.contract.subject import AIRPLANE, BIRD, PROMPTS, Subject, changed, draw, state
from bench.runs.contract.violation import Violation
from bench.types import Concept, InputError, Kind

Check = Callable[[Subject], None]
NAMES = ("zebra", "", "  ", "word " * 300, "飛行機", "самолёт", "a_b/c", "{}", "{0}", "%s")
ANCHORS = ("", "word " * 300, "airplane", "空")
MESSAGE = 300
"""Characters of the longest complaint that is still one clear line."""


def described(subject: Subject) -> None:
    """Says in its docstring what it does, where it was published, and what each option means."""
    entry = subject.entry
    if not entry.summary.endswith("."):
        raise Violation("the class needs a docstring whose first line is a sentence")
    if not entry.paper:
        raise Violation("the class variable `paper` is missing or empty")
    for option in entry.options:
        if len(option.doc) <= 20:
            raise Violation(f"option {option.name} needs a docstring that names unit and source")
    for name in entry.presets:
        registry.options(entry, name)
        if name not in entry.preset_sources:
            raise Violation(f"`preset_sources` does not say where the {name} preset comes from")


def frozen(subject: Subject) -> None:
    """Is frozen, and its options survive JSON."""
    eraser = subject.make()
    again = registry.load_method(subject.entry, json.loads(json.dumps(eraser.options())))
    if again != eraser:
        raise Violation("made again from its options as JSON, it is not equal")
    for name in eraser.options():
        try:
            setattr(eraser, name, getattr(eraser, name))
        except FrozenInstanceError:
            continue
        raise Violation(f"option {name} can be set; use @dataclass(frozen=True)")


def seeded(subject: Subject) -> None:
    """Gives the same erasure for the same seed, whatever the global generator holds."""
    torch.manual_seed(1)
    one = subject.outcome(AIRPLANE, seed=3)
    torch.manual_seed(2)
    differing = changed(one, subject.outcome(AIRPLANE, seed=3))
    if differing:
        raise Violation(f"two erasures with seed 3 differ in {differing[0]}")


def leaves_the_global_generator(subject: Subject) -> None:
    """Draws from a generator of its own and leaves the global one alone."""
    before = torch.get_rng_state()
    subject.erase(AIRPLANE)
    if not torch.equal(torch.get_rng_state(), before):
        raise Violation("the global random state changed; use torch.Generator().manual_seed(seed)")


def leaves_its_input(subject: Subject) -> None:
    """Leaves the pipeline it was given as it was."""
    unet = subject.pipe.unet
    before = state(subject.pipe)
    modes = [module.training for module in unet.modules()]
    learns = [parameter.requires_grad for parameter in unet.parameters()]
    subject.erase(AIRPLANE)
    differing = changed(before, state(subject.pipe))
    if differing:
        raise Violation(f"{differing[0]} of the input changed; work on a copy")
    if subject.pipe.unet is not unet:
        raise Violation("the input has another U-Net now; set it on a copy of the pipeline")
    if [module.training for module in unet.modules()] != modes:
        raise Violation("train() or eval() was called on the input's U-Net")
    if [parameter.requires_grad for parameter in unet.parameters()] != learns:
        raise Violation("requires_grad changed in the input's U-Net")


def touches_what_it_says(subject: Subject) -> None:
    """Changes what `touches` names, nothing else, and only to finite values."""
    patterns = subject.make().touches
    after = state(subject.erase(AIRPLANE))
    moved = changed(state(subject.pipe), after)
    if moved and not patterns:
        raise Violation(f"{moved[0]} changed, and `touches` is empty")
    if patterns and not moved:
        raise Violation(f"nothing changed, and `touches` is {patterns}")
    for name in moved:
        if not any(fnmatchcase(name, pattern) for pattern in patterns):
            raise Violation(f"{name} changed, which `touches` does not name")
        if after[name].is_floating_point() and not torch.isfinite(after[name]).all():
            raise Violation(f"{name} is not finite")


def erases_nothing(subject: Subject) -> None:
    """Changes nothing when there is nothing to erase."""
    differing = changed(state(subject.pipe), state(subject.erase()))
    if differing:
        raise Violation(f"{differing[0]} changed")


def takes_half_precision(subject: Subject) -> None:
    """Erases from a model in half precision, to finite weights and images."""
    for dtype in (torch.bfloat16, torch.float16):
        half = replace(subject, pipe=build_tiny_pipe().to(dtype))
        before = state(half.pipe)
        after = state(half.saved(AIRPLANE))
        moved = changed(before, after)
        if subject.make().touches and not moved:
            raise Violation(f"nothing changed in {dtype}")
        for name in moved:
            if not torch.isfinite(after[name]).all():
                raise Violation(f"{name} is not finite in {dtype}")
        if half.make().form != "weights" and not torch.isfinite(draw(half.saved(AIRPLANE))).all():
            raise Violation(f"the images are not finite in {dtype}")


def takes_several(subject: Subject) -> None:
    """Takes several concepts at once."""
    if not torch.isfinite(draw(subject.erase(AIRPLANE, BIRD))).all():
        raise Violation("two concepts gave a model whose images are not finite")


def takes_every_kind(subject: Subject) -> None:
    """Takes concepts of every kind."""
    for kind in get_args(Kind):
        if not torch.isfinite(draw(subject.erase(Concept("neon", kind, "art")), PROMPTS[:1])).all():
            raise Violation(f"a concept of kind {kind} gave images that are not finite")


def takes_odd_words(subject: Subject) -> None:
    """Answers odd names and anchors with a result, or an InputError of one clear line."""
    odd = [replace(AIRPLANE, name=name) for name in NAMES]
    odd += [replace(AIRPLANE, anchor=anchor) for anchor in ANCHORS]
    for concept in odd:
        words = f"name {concept.name[:20]!r}, anchor {concept.anchor[:20]!r}"
        try:
            edited = subject.erase(concept)
        except InputError as error:
            if "\n" in str(error) or len(str(error)) >= MESSAGE:
                raise Violation(f"{words}: the message is longer than one line") from error
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            raise Violation(f"{words}: {problem}; raise InputError") from error
        else:
            if not torch.isfinite(draw(edited, PROMPTS[:1])).all():
                raise Violation(f"{words}: the images are not finite")


def counts_progress(subject: Subject) -> None:
    """Reports progress that never runs over and ends at its total."""
    told: dict[str, tuple[int, int]] = {}

    def progress(what: str, done: int, total: int) -> None:
        if not 0 <= done <= total:
            raise Violation(f"progress of {what}: {done} of {total}")
        told[what] = done, total

    subject.erase(AIRPLANE, progress=progress)
    for what, (done, total) in told.items():
        if done != total:
            raise Violation(f"progress of {what} ends at {done} of {total}")


def ignores_the_answers(subject: Subject) -> None:
    """Does not use a concept's synonyms and look-alikes, which the evaluation asks for."""
    told = subject.outcome(AIRPLANE)
    other = replace(AIRPLANE, synonyms=("zeppelin",), near=("kite",))
    differing = changed(told, subject.outcome(other))
    if differing:
        raise Violation(f"other synonyms and look-alikes gave another {differing[0]}")


def _words(check: Check) -> str:
    return (check.__doc__ or "").strip()


CHECKS: dict[str, Check] = {
    _words(check): check
    for check in (
        described,
        frozen,
        seeded,
        leaves_the_global_generator,
        leaves_its_input,
        touches_what_it_says,
        erases_nothing,
        *DRAWING,
        takes_half_precision,
        takes_several,
        takes_every_kind,
        takes_odd_words,
        counts_progress,
        ignores_the_answers,
    )
}
"""Every check under its description."""
