"""The words every other module speaks: concepts, prompts, suites, scores and runs.

Standard library only, so that listing, planning and every input error stay instant.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Literal, get_args

from bench.drawing import AS_RUN, Drawing
from bench.drawing import Sampler as Sampler

Role = Literal[
    "target",
    "synonym",
    "hyponym",
    "related",
    "adversarial",
    "near",
    "far",
    "remainder",
    "general",
]
ROLES: tuple[Role, ...] = get_args(Role)
ERASED_ROLES: frozenset[Role] = frozenset(
    {"target", "synonym", "hyponym", "related", "adversarial"}
)
"""Roles whose images should no longer show the erased concept."""

ORIGINAL = "original"
"""The method that erases nothing: its run is the un-erased model's."""

ALL = "all"
"""Every method, attack or case, where they are asked for; the case of pooled cases, and the role
of a score over all roles."""
KEPT = "kept"
"""The role of scores over near and far images together, the others that are to stay."""
ATTACK = "attack"
"""The role of scores of images that attacks draw: how often the concept is there."""
SCORE_ROLES: tuple[str, ...] = (*ROLES, KEPT, ALL, ATTACK)
"""The roles that a score can have."""

Kind = Literal["object", "style", "person", "explicit"]
Form = Literal["weights", "adapter", "inference"]
"""How an erasure acts: by other weights, by tensors added to them, or by how images are drawn."""
Precision = Literal["fp32", "bf16", "fp16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
"""The floating-point formats that a model can compute in."""
Option = int | float | str | bool | None
Progress = Callable[[str, int, int], None]
"""Called as progress(what, done, total) while something long is under way."""


def silent(what: str, done: int, total: int) -> None:
    """Report no progress.

    Args:
        what: The work under way.
        done: Steps finished.
        total: Steps altogether.
    """


class InputError(ValueError):
    """What the user gave cannot be used; the message says what is allowed and the nearest match."""


class WorkerDiedError(RuntimeError):
    """A worker process died; the message says at what, and how to go on."""


@dataclass(frozen=True)
class Concept:
    """A concept to erase: an object, a style, a person; and what to draw in its place."""

    name: str
    kind: Kind
    anchor: str
    """What the erased concept is mapped to, for example "the sky" for an airplane."""
    synonyms: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    """Names of the concepts that look alike and must stay."""


@dataclass(frozen=True)
class Prompt:
    """A text and a seed, which make one image; one row of a prompt file."""

    id: str
    text: str
    seed: int
    role: Role
    concept: str
    """The concept that the un-erased model is expected to draw for this prompt; a general prompt
    may have none, which is ""."""
    tag: str = ""
    """What tells prompts of a role apart: for `adversarial` the kind of change or the attack, for
    `remainder` what beside the concept must survive, for example "desert"."""
    drawing: Drawing = AS_RUN
    """How it is drawn where its row says it."""


@dataclass(frozen=True)
class Case:
    """The concepts that one erasure removes together, and the name of that erasure."""

    name: str
    concepts: tuple[str, ...]


@dataclass(frozen=True)
class Size:
    """How many of a suite's cases and prompts a run uses, for example `smoke` or `full`."""

    name: str
    images: Mapping[str, int]
    """Images per role and case: the first rows of the prompt file, spread over its texts."""
    cases: tuple[str, ...]
    """The cases that run unless others are asked for."""


@dataclass(frozen=True)
class Suite:
    """What is tested: cases to erase, prompts to draw, and the metrics that score the images.

    Suites have versions: a corrected prompt file gets a new one.
    """

    name: str
    version: str
    kind: Kind
    cases: tuple[Case, ...]
    sizes: tuple[Size, ...]
    prompt_files: tuple[str, ...]
    metrics: tuple[str, ...]
    summary: str
    family_files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Prompt files that only some model families can read, for example other languages."""
    families: tuple[str, ...] = ()
    """Model families the suite is for; empty for all."""
    adversarial: tuple[str, ...] = ()
    """Kinds of `adversarial` prompts to derive from the target rows."""
    concepts: tuple[Concept, ...] = ()
    """Concepts that the suite brings along, beside those of concepts.toml."""
    folder: str = ""
    """Where its files are, as an absolute path; empty for the suites that come with the package."""
    closed: bool = False
    """Whether a verdict chooses between its concepts alone, as a published protocol has it."""

    @property
    def erased(self) -> tuple[str, ...]:
        """The names of the concepts that its cases erase, in their order, each once."""
        return tuple(dict.fromkeys(name for case in self.cases for name in case.concepts))


@dataclass(frozen=True)
class Score:
    """One number of a run with its 95 % interval: a measure, on one case and role.

    What was not measured is NaN and does not count in `n`.
    """

    method: str
    model: str
    suite: str
    case: str
    """Name of the case, `ALL` for several together."""
    metric: str
    """Name of the metric that measured, with a threshold that decides it: `nudity@0.6`."""
    measure: str
    """What of it this is: one of the metric's own measures, `corrected` or `unread`, a headline or
    an effect that comes from it, or of an attack `pre_asr` or `asr`."""
    role: str
    """One of `SCORE_ROLES`."""
    tag: str
    """The kind of adversarial prompt, or the attack, that it is of alone; "" for all of a role."""
    value: float
    low: float
    high: float
    n: int

    def __post_init__(self) -> None:
        """Refuse a count that is a truth value, which files would hold as "True".

        Raises:
            TypeError: if `n` is no count.
        """
        if isinstance(self.n, bool) or not isinstance(self.n, int):
            raise TypeError(
                f"n of {self.metric} {self.measure}, {self.role} is {self.n!r}, no count"
            )

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What tells it from the other scores of its run."""
        return self.case, self.metric, self.measure, self.role, self.tag


@dataclass(frozen=True)
class RunSpec:
    """What a run is to do: method, model, suite, cases, sampler and seed.

    It is everything that decides the result, and complete before any work starts.
    """

    method: str
    options: Mapping[str, Option]
    model: str
    suite: str
    suite_version: str
    cases: tuple[str, ...]
    size: str
    sampler: Sampler
    seed: int
    method_version: str = ""
    """First digits of a sha256 over the method's code and all of ours that it imports: a changed
    method is another run."""
    precision: Precision = "fp32"
    """What the model computes in, and its erasures are stored in."""
    family: str = ""
    """The model's family; empty where the model's name says it."""
    places: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """Where on this machine is what the spec names by its content, the parts of which are `suite`,
    `model`, `method` and `option.<name>`. No part of the run: a place decides no result."""

    @property
    def method_name(self) -> str:
        """The method's name; of one from outside, `file.py:Class`, the class's."""
        return self.method.rpartition(":")[2]

    def place(self, part: str) -> str:
        """Return where a part of the spec lies, or its name if that is enough to find it."""
        return self.places.get(part) or str(getattr(self, part))

    def to_json(self) -> dict[str, Any]:
        """Return the spec as JSON-serialisable data."""
        data = {each.name: getattr(self, each.name) for each in fields(self) if each.compare}
        return data | {
            "options": dict(self.options),
            "cases": list(self.cases),
            "sampler": self.sampler.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RunSpec:
        """Rebuild a spec from `to_json`.

        Raises:
            InputError: it is that of another version.
            ValueError: it is none.
        """
        odd = {each.name for each in fields(cls)} ^ {*data, "places"}
        if not {"method", "model", "suite", "cases", "sampler"} <= set(data):
            raise ValueError("it holds no run")
        if odd:
            raise InputError(
                f"was written by another version, whose runs differ in {', '.join(sorted(odd))}"
            )
        sampler = Sampler(**data["sampler"])
        return cls(**{**data, "cases": tuple(data["cases"]), "sampler": sampler})

    @cached_property
    def run_id(self) -> str:
        """Name the run's folder: method-suite-model-size and a hash of all fields."""
        text = json.dumps(self.to_json(), sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        suite, model = (name.rstrip("/").rsplit("/", 1)[-1] for name in (self.suite, self.model))
        return f"{self.method_name}-{suite}-{model}-{self.size}-{digest}"


@dataclass(frozen=True)
class RunRecord:
    """A finished run: its spec, where and how it was made, how long it took, and its scores.

    Its file is written last, so its presence means that the run is done.
    """

    spec: RunSpec
    provenance: Mapping[str, Any]
    """Commit, dirty flag, package versions, device, and hashes of weights and prompts."""
    seconds: Mapping[str, float]
    """Wall-clock seconds per step, added up over the workers of the command that finished the run:
    two workers spend two seconds in one. But `erase` is the mean over the cases, whichever command
    erased them; `image` is what one of the images took the worker that drew it, absent where none
    was drawn; and `total` passed on the clock from the run's first piece of work to its record."""
    scores: tuple[Score, ...]
    flags: tuple[str, ...] = ()
    """Why the run must not be ranked, in words; none for an honest one."""
    unconfirmed: Mapping[str, str] = field(default_factory=dict)
    """The concepts of which nothing can be said, and why: whatever the erasure did, no independent
    metric saw the un-erased model draw them. They take no part in headlines and effects."""
