"""Each check catches an eraser that breaks it, and the plain eraser they are made from passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.registry import method
from bench.runs.contract import Violation, check
from bench.runs.contract.checks import CHECKS
from bench.runs.contract.subject import subject_of

PLAIN = '''
"""An eraser to break."""
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar
import copy, torch
from bench.models import pipelines
from bench.models.eraser import Eraser
from bench.types import Concept, InputError, silent

@dataclass(frozen=True)
class Halve(Eraser):
    """Halves keys and values."""

    paper: ClassVar[str] = "none"
    touches: ClassVar[tuple[str, ...]] = ("unet.*.attn2.to_k.weight", "unet.*.attn2.to_v.weight")

    factor: float = 0.5
    """A factor, without unit (ours)."""

    def fit(self, pipe, concepts, *, seed, progress=silent):
        """Halve them on a copy."""
        unet = copy.deepcopy(pipe.unet)
        if concepts:
            generator = torch.Generator().manual_seed(seed)
            for weight in pipelines.cross_attention(unet).values():
                weight.data.mul_(self.factor)
            progress("halving", 1, 1)
        return dict(unet.named_parameters())

    def apply(self, pipe, concepts, tensors):
        """Load the tensors as weights."""
        return super().apply(pipe, concepts, tensors)
'''
WEIGHT = "weight.data.mul_(self.factor)"
BROKEN = {
    "described": ('"""A factor, without unit (ours)."""', ""),
    "frozen": ("(frozen=True)", ""),
    "seeded": (WEIGHT, "weight.data.mul_(torch.rand(()))"),
    "leaves_the_global_generator": (WEIGHT, "weight.data.mul_(torch.ones(()) + 0 * torch.rand(1))"),
    "leaves_its_input": ("copy.deepcopy(pipe.unet)", "pipe.unet"),
    "touches_what_it_says": (', "unet.*.attn2.to_v.weight"', ", "),
    "erases_nothing": ("if concepts:", "if True:"),
    "can_be_saved": (
        "return super().apply(pipe, concepts, tensors)",
        "made = copy.copy(super().apply(pipe, concepts, tensors))\n"
        "        made.vae = copy.deepcopy(pipe.vae)\n"
        "        [p.data.mul_(0.5) for p in made.vae.parameters()]; return made",
    ),
    "takes_half_precision": (WEIGHT, "weight.data.mul_(1e7)"),
    "takes_several": (
        "if concepts:",
        "if len(concepts) > 1: raise ValueError('one at a time')\n        if concepts:",
    ),
    "takes_every_kind": (
        "if concepts:",
        "if 'style' in [c.kind for c in concepts]: raise KeyError('style')\n        if concepts:",
    ),
    "takes_odd_words": ("if concepts:", "if concepts and concepts[0].name[0] != '?':"),
    "counts_progress": ('progress("halving", 1, 1)', 'progress("halving", 1, 2)'),
    "ignores_the_answers": (WEIGHT, "weight.data.mul_(0.1 * len(concepts[0].synonyms))"),
}


SAID: dict[str, tuple[type[Exception], str]] = {
    "described": (Violation, "option factor needs a docstring"),
    "frozen": (Violation, "option factor can be set"),
    "seeded": (Violation, "two erasures with seed 3 differ in "),
    "leaves_the_global_generator": (Violation, "the global random state changed"),
    "leaves_its_input": (Violation, "of the input changed; work on a copy"),
    "touches_what_it_says": (Violation, "attn2.to_v.weight changed, which `touches` does not name"),
    "erases_nothing": (Violation, " changed$"),
    "can_be_saved": (Violation, "the stored edit draws something else"),
    "takes_half_precision": (Violation, "is not finite in torch.float16"),
    "takes_several": (ValueError, "^one at a time$"),
    "takes_every_kind": (KeyError, "^'style'$"),
    "takes_odd_words": (Violation, "name '', anchor 'the sky': IndexError"),
    "counts_progress": (Violation, "progress of halving ends at 1 of 2"),
    "ignores_the_answers": (Violation, "other synonyms and look-alikes gave another "),
}
"""How each broken eraser is caught; what it raises itself comes through as it is."""


def write(folder: Path, source: str) -> str:
    path = folder / "halve.py"
    path.write_text(source)
    return f"{path}:Halve"


def test_every_check_has_its_breaker() -> None:
    assert list(BROKEN) == [run.__name__ for run in CHECKS.values()]


def test_a_plain_eraser_passes(tmp_path: Path) -> None:
    assert [result for result in check(write(tmp_path, PLAIN)) if result.problem] == []


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_eraser_is_caught(name: str, tmp_path: Path) -> None:
    assert BROKEN[name][0] in PLAIN
    entry = method(write(tmp_path, PLAIN.replace(*BROKEN[name])))
    run = next(run for run in CHECKS.values() if run.__name__ == name)
    with subject_of(entry) as subject:
        before = {name: p.detach().clone() for name, p in subject.pipe.unet.named_parameters()}
        try:
            kind, words = SAID[name]
            with pytest.raises(kind, match=words):
                run(subject)
        finally:
            # One breaker changes the pipeline that all subjects share.
            for key, parameter in subject.pipe.unet.named_parameters():
                parameter.data.copy_(before[key])


def test_what_breaks_is_said_and_the_other_checks_go_on(tmp_path: Path) -> None:
    results = list(check(write(tmp_path, PLAIN.replace("if concepts:", "if True:"))))
    assert len(results) == len(CHECKS)
    failed = [result for result in results if result.problem]
    assert [CHECKS[result.check].__name__ for result in failed] == ["erases_nothing"]
