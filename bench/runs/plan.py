"""Turns names into complete RunSpecs, with every check that needs no torch, and describes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bench import prompts, registry
from bench.drawing import DDIM, SCHEDULERS, SIDES
from bench.families import FAMILIES
from bench.models import loading, recognition
from bench.models.recognition import MODELS
from bench.names import find
from bench.prompts import sizes
from bench.results.store import RunFolder
from bench.runs import asked, places
from bench.runs.resolved import Resolved, cases_of
from bench.types import (
    ORIGINAL,
    Case,
    InputError,
    Option,
    Precision,
    RunSpec,
    Sampler,
    Suite,
)


def specs(
    methods: Sequence[str],
    *,
    model: str,
    suite: str,
    size: str,
    concepts: Sequence[str] = (),
    together: bool = False,
    seed: int = 0,
    settings: Sequence[str] = (),
    preset: str | None = None,
    steps: int | None = None,
    guidance: float | None = None,
    scheduler: str = DDIM,
    width: int | None = None,
    height: int | None = None,
    negative_prompt: str = "",
    limit: int | None = None,
    precision: Precision = "fp32",
) -> list[RunSpec]:
    """Return the runs to make: the un-erased model's first, then one a method.

    Args:
        methods: Names, or "all".
        model: Name of the model, or its folder.
        suite: Name of the suite, or its folder.
        size: Name of one of the suite's sizes.
        concepts: Names of the suite's cases, or "all"; empty for those of the size.
        together: Whether one erasure removes all of these, instead of one each.
        seed: Of the erasures; prompts have seeds of their own.
        settings: "name=value" for every method that has such an option; one of them must.
        preset: For every method that has one of that name, and one of them must; the others, and
            all where it is None, have the model family's.
        steps: Sampling steps; None for the model family's.
        guidance: Guidance scale; None for the model family's.
        scheduler: Name of a sampler, in any case.
        width: Of images in pixels, with the height; None for the model's own.
        height: Of images in pixels, with the width.
        negative_prompt: What guidance leads away from in prompts that say nothing of it.
        limit: Images of each role and case at most, the first ones; None for the size's.
        precision: What the model computes in.

    Raises:
        InputError: a name, an option or the prompt file cannot be used, or a metric of the suite
            cannot read what its images show.
    """
    found = asked.methods(methods, settings)
    chosen = prompts.suite(suite)
    recognition.check(model)
    family = recognition.family(model)
    model_name, model_place = places.model(model)
    size = sizes.limited(size, limit)
    first = RunSpec(
        method=ORIGINAL,
        options={},
        model=model_name,
        suite=chosen.name,
        suite_version=chosen.version,
        cases=cases_of(chosen, size, concepts, together=together),
        size=size,
        sampler=_sampler(family, steps, guidance, scheduler, width, height, negative_prompt),
        # The un-erased model has no use for a seed: whatever the seed, its images are shared.
        seed=0,
        method_version=registry.method(ORIGINAL).version,
        precision=precision,
        family=family,
        places=places.suite(chosen) | model_place,
    )
    resolved = Resolved(first)
    _check_family(chosen, family, model)
    given = registry.shared_settings(list(found.values()), settings)
    presets = asked.presets(found.values(), family, preset)
    options = {
        name: registry.options(entry, presets[entry.name], given[entry.name])
        for name, entry in found.items()
    }
    for name, values in options.items():
        _check_concepts(found[name], values, resolved.cases)
    _check_prompts(resolved)
    resolved.check(resolved.metrics)
    erased = [
        _erased(first, name, found[name], values, seed)
        for name, values in options.items()
        if name != ORIGINAL
    ]
    # One method may have been typed in two ways.
    return list({spec.run_id: spec for spec in [first, *erased]}.values())


def _sampler(
    family: str,
    steps: int | None,
    guidance: float | None,
    scheduler: str,
    width: int | None,
    height: int | None,
    negative_prompt: str,
) -> Sampler:
    """Return how images are drawn: as asked, else as the family's are."""
    own, known = FAMILIES[family], {name.casefold(): name for name in SCHEDULERS}
    named = known.get(scheduler.casefold()) or find("scheduler", scheduler, SCHEDULERS)
    found = Sampler(
        own.sampler.steps if steps is None else steps,
        own.sampler.guidance if guidance is None else guidance,
        named,
        width,
        height,
        negative_prompt,
    )
    if (width is None) != (height is None):
        raise InputError("--width and --height go together; one of them is missing")
    for name, side in (("width", width), ("height", height)):
        if side is not None and side not in SIDES:
            raise InputError(
                f"got --{name} {side}, must be {SIDES[0]} to {SIDES[-1]} pixels in steps of "
                f"{SIDES.step}"
            )
    if width is not None and not own.resizable:
        raise InputError(f"models of the family {family} draw images of their own size only")
    if negative_prompt and found.guidance <= 1:
        raise InputError(
            f"--negative-prompt needs guidance above 1, got {found.guidance:g}: without guidance "
            "nothing is led away from it"
        )
    return found


def _erased(
    first: RunSpec, asked: str, entry: registry.Entry, values: Mapping[str, Option], seed: int
) -> RunSpec:
    """Return the run of a method beside the un-erased model's."""
    name, of_method = places.method(asked, entry)
    options, of_options = places.options(entry, values)
    return replace(
        first,
        method=name,
        options=options,
        method_version=entry.version,
        seed=seed,
        places={**first.places, **of_method, **of_options},
    )


def check_erasers(runs: Iterable[RunSpec], out: Path, device: str) -> None:
    """Let each method look at what it is to erase and where; this alone loads the model.

    Args:
        runs: The runs to make.
        out: The folder of all runs; cases that it holds erased are not looked at.
        device: Where the model computes, as torch names it.

    Raises:
        InputError: a method cannot erase a case from this model with these options.
    """
    for spec in runs:
        check_eraser(spec, out, device)


def check_eraser(spec: RunSpec, out: Path, device: str) -> None:
    """Let the method of one run look at what it is to erase; see `check_erasers`.

    Args:
        spec: The run to make.
        out: The folder of all runs.
        device: Where the model computes, as torch names it.
    """
    _check_guess(spec)
    resolved, eraser = Resolved(spec), registry.eraser(spec)
    for case in resolved.cases:
        if not RunFolder(out, spec.run_id).erasure_path(case.name).exists():
            pipe = loading.shared(spec.place("model"), device, spec.precision)
            eraser.check(pipe, resolved.erased(case))


def _check_guess(spec: RunSpec) -> None:
    """Refuse a model of another family than its name said, by a file that is fetched first."""
    model = spec.place("model")
    if not recognition.guessed(model):
        return
    loading.fetched(model)
    if (family := recognition.family(model)) != spec.family:
        raise InputError(
            f"'{model}' is of the family {family} by its files, and was taken for {spec.family} by "
            "its name; they are known now, so the same command again does what it says"
        )


def _check_concepts(
    entry: registry.Entry, values: Mapping[str, Option], cases: Iterable[Case]
) -> None:
    """Refuse a setting that is not for the concepts that are to be erased."""
    for setting, allowed in entry.only.items():
        name, value = registry.split(setting)
        erased = dict.fromkeys(concept for case in cases for concept in case.concepts)
        others = [concept for concept in erased if concept not in allowed]
        if others and registry.written(values[name]) == value:
            raise InputError(
                f"{entry.name}'s {setting} is for {', '.join(allowed)} alone, not for "
                f"{', '.join(others)}; choose with --concept, or set another {name}"
            )


def _check_family(suite: Suite, family: str, model: str) -> None:
    """Refuse a model that cannot draw what the suite is about."""
    if suite.families and family not in suite.families:
        able = [name for name, (own, _) in MODELS.items() if own in suite.families]
        raise InputError(
            f"suite {suite.name} is for models of the families {', '.join(suite.families)}; "
            f"'{model}' is of {family}; choices: {', '.join(able)}, a hub id, a folder"
        )


def _check_prompts(resolved: Resolved) -> None:
    """Refuse a case that lacks the prompts of a role, unless only other families have any."""
    suite, expected = resolved.suite, resolved.expected_roles
    for case, rows in resolved.prompts.items():
        there = {row.role for row in rows}
        # An imported file owes no case every role, but each case some prompt. Of a joint case
        # every look-alike may be erased.
        if (suite.folder or resolved.is_joint(case)) and there:
            continue
        for role in resolved.size.images:
            if role in expected - there:
                files = ", ".join(str(path) for path in prompts.paths(suite, resolved.family))
                raise InputError(f"{files} has no {role} prompts for case {case}")
