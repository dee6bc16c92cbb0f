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
GUIDED = '''
"""An eraser that acts while drawing, to break."""
from dataclasses import dataclass
from typing import ClassVar
import copy, torch
from bench.models.eraser import Eraser
from bench.models.prediction import condition
from bench.models.steering import steered
from bench.types import silent

@dataclass(frozen=True)
class Halve(Eraser):
    """Predicts half of the concept for every prompt."""

    form: ClassVar = "inference"
    paper: ClassVar[str] = "none"
    touches: ClassVar[tuple[str, ...]] = ()

    def fit(self, pipe, concepts, *, seed, progress=silent):
        """Learn nothing."""
        return {}

    def apply(self, pipe, concepts, tensors):
        """Steer the pipeline."""
        if not concepts:
            return pipe
        return steered(pipe, Guide(condition(pipe, [concepts[0].name])))

@dataclass
class Guide:
    concept: object

    def __call__(self, predict, rows):
        made = predict(rows)
        return made - 0.5 * predict(rows.reading(self.concept))
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
    "changes_something": (WEIGHT, "pass"),
    "can_be_saved": (
        "return super().apply(pipe, concepts, tensors)",
        "made = copy.copy(super().apply(pipe, concepts, tensors))\n"
        "        made.vae = copy.deepcopy(pipe.vae)\n"
        "        [p.data.mul_(0.5) for p in made.vae.parameters()]; return made",
    ),
    "applies_twice": (
        "return super().apply(pipe, concepts, tensors)",
        "made = super().apply(pipe, concepts, tensors)\n"
        "        [t.data.mul_(0.9) for t in tensors.values()]; return made",
    ),
    "draws_as_before": (
        "return super().apply(pipe, concepts, tensors)",
        "made = super().apply(pipe, concepts, tensors)\n"
        "        pipe.unet.forward = made.unet.forward; return made",
    ),
    "takes_batches": (
        "return super().apply(pipe, concepts, tensors)",
        "made = super().apply(pipe, concepts, tensors)\n"
        "        mean = lambda module, args, out: (out[0] - 0.1 * out[0].mean(0, keepdim=True),)\n"
        "        made.unet.register_forward_hook(mean); return made",
    ),
    "stands_beside_another": (
        "return super().apply(pipe, concepts, tensors)",
        "made = super().apply(pipe, concepts, tensors)\n"
        "        Halve.shared = len(concepts[0].name)\n"
        "        hook = lambda module, args, out: (out[0] * Halve.shared / 8,)\n"
        "        made.unet.register_forward_hook(hook); return made",
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

RETURN = "return steered(pipe, Guide(condition(pipe, [concepts[0].name])))"
HALVED = "[p.data.mul_(0.5) for p in made.vae.parameters()]; return made"
TOLD = RETURN.replace("concepts[0].name", "concepts[0].name if 'told' in vars(self) else 'cat'")
BROKEN_GUIDES: dict[str, tuple[tuple[str, str], ...]] = {
    "touches_what_it_says": (
        (RETURN, f"made = {RETURN[7:]}; made.vae = copy.deepcopy(pipe.vae)\n        {HALVED}"),
    ),
    "changes_something": (("0.5 * predict", "0 * predict"),),
    "can_be_saved": ((RETURN, TOLD), ("return {}", "self.__dict__['told'] = True; return {}")),
    "applies_twice": (
        ("return made - 0.5", "Halve.n = getattr(Halve, 'n', 1) + 1; return made - Halve.n"),
    ),
    "draws_as_before": ((RETURN, f"made = {RETURN[7:]}; pipe.unet = made.unet; return made"),),
    "takes_half_precision": (("return made - 0.5", "return made - 1e6"),),
    "takes_batches": (("predict(rows.reading(self.concept))", "made.mean(0, keepdim=True)"),),
    "stands_beside_another": (
        ("self.concept)", "Halve.shared)"),
        (RETURN, f"Halve.shared = condition(pipe, [concepts[0].name]); {RETURN}"),
    ),
}
"""The same of an eraser that acts while drawing."""


SAID: dict[str, tuple[type[Exception], str]] = {
    "described": (Violation, "option factor needs a docstring"),
    "frozen": (Violation, "option factor can be set"),
    "seeded": (Violation, "two erasures with seed 3 differ in "),
    "leaves_the_global_generator": (Violation, "the global random state changed"),
    "leaves_its_input": (Violation, "of the input changed; work on a copy"),
    "touches_what_it_says": (Violation, "attn2.to_v.weight changed, which `touches` does not name"),
    "erases_nothing": (Violation, " changed$"),
    "changes_something": (Violation, "it erases nothing: it "),
    "can_be_saved": (Violation, "the stored erasure draws something else"),
    "applies_twice": (Violation, "the second `apply` draws something else"),
    "draws_as_before": (Violation, "the input draws something else after"),
    "takes_batches": (Violation, "an image depends on the others of its batch"),
    "stands_beside_another": (Violation, "something else once another concept was erased"),
    "takes_half_precision": (Violation, "is not finite in torch.float16"),
    "takes_several": (ValueError, "^one at a time$"),
    "takes_every_kind": (KeyError, "^'style'$"),
    "takes_odd_words": (Violation, "name '', anchor 'the sky': IndexError"),
    "counts_progress": (Violation, "progress of halving ends at 1 of 2"),
    "ignores_the_answers": (Violation, "other synonyms and look-alikes gave another "),
}
"""How each broken eraser is caught; what it raises itself comes through as it is."""
SAID_OF_GUIDES = {name: SAID[name][1] for name in BROKEN_GUIDES} | {
    "touches_what_it_says": "changed, and `touches` is empty",
    "takes_half_precision": "the images are not finite in torch.",
}


def write(folder: Path, source: str) -> str:
    path = folder / "halve.py"
    path.write_text(source)
    return f"{path}:Halve"


def test_every_check_has_its_breaker() -> None:
    assert list(BROKEN) == [run.__name__ for run in CHECKS.values()]


@pytest.mark.parametrize("source", [PLAIN, GUIDED])
def test_a_plain_eraser_passes(source: str, tmp_path: Path) -> None:
    assert [result for result in check(write(tmp_path, source)) if result.problem] == []


def caught(folder: Path, source: str, name: str, kind: type[Exception], words: str) -> None:
    """Assert that a check catches an eraser, and put the shared pipeline right again."""
    run = next(run for run in CHECKS.values() if run.__name__ == name)
    with subject_of(method(write(folder, source))) as subject:
        unet = subject.pipe.unet
        before = {name: p.detach().clone() for name, p in unet.named_parameters()}
        try:
            with pytest.raises(kind, match=words):
                run(subject)
        finally:
            # Some breakers change the pipeline that all subjects share.
            subject.pipe.unet = unet
            unet.__dict__.pop("forward", None)
            for key, parameter in unet.named_parameters():
                parameter.data.copy_(before[key])


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_eraser_is_caught(name: str, tmp_path: Path) -> None:
    assert BROKEN[name][0] in PLAIN
    caught(tmp_path, PLAIN.replace(*BROKEN[name]), name, *SAID[name])


@pytest.mark.parametrize("name", BROKEN_GUIDES)
def test_a_broken_eraser_that_acts_while_drawing_is_caught(name: str, tmp_path: Path) -> None:
    source = GUIDED
    for old, new in BROKEN_GUIDES[name]:
        assert old in source
        source = source.replace(old, new)
    caught(tmp_path, source, name, Violation, SAID_OF_GUIDES[name])


def test_what_breaks_is_said_and_the_other_checks_go_on(tmp_path: Path) -> None:
    results = list(check(write(tmp_path, PLAIN.replace("if concepts:", "if True:"))))
    assert len(results) == len(CHECKS)
    failed = [result for result in results if result.problem]
    assert [CHECKS[result.check].__name__ for result in failed] == ["erases_nothing"]


def test_no_warning_of_a_library_stands_between_checks() -> None:
    from diffusers.utils import logging

    logging.set_verbosity_warning()
    with subject_of(method("uce")) as subject:
        assert logging.get_verbosity() == logging.ERROR
        assert subject.pipe is not None
