"""Turns names into complete RunSpecs, with every check that needs no torch, and describes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import prompts, registry
from bench.drawing import DDIM
from bench.models import loading, recognition
from bench.models.recognition import MODELS
from bench.prompts import sizes
from bench.results.store import RunFolder
from bench.runs import asked, places
from bench.runs.resolved import Resolved, cases_of
from bench.runs.sampling import sampler
from bench.types import (
    ORIGINAL,
    Case,
    InputError,
    Option,
    Precision,
    RunSpec,
    Suite,
)


def specs(
    methods: Sequence[str],
    *,
    seed: int = 0,
    settings: Sequence[str] = (),
    preset: str | None = None,
    **frame: Any,
) -> list[RunSpec]:
    """Return the runs to make: the un-erased model's first, then one a method.

    Args:
        methods: Names, or "all".
        seed: Of the erasures; prompts have seeds of their own.
        settings: "name=value" for every method that has such an option; one of them must.
        preset: For every method that has one of that name, and one of them must; the others, and
            all where it is None, have the model family's.
        frame: What is drawn by which model, as `unerased` takes it.

    Raises:
        InputError: a name, an option or the prompt file cannot be used, or a metric of the suite
            cannot read what its images show.
    """
    found = asked.methods(methods, settings)
    first = unerased(**frame)
    return erased(first, found, seed=seed, settings=settings, preset=preset)


def unerased(
    *,
    model: str,
    suite: str,
    size: str,
    concepts: Sequence[str] = (),
    together: bool = False,
    steps: int | None = None,
    guidance: float | None = None,
    scheduler: str = DDIM,
    width: int | None = None,
    height: int | None = None,
    negative_prompt: str = "",
    limit: int | None = None,
    roles: Sequence[str] = (),
    precision: Precision = "fp32",
) -> Resolved:
    """Return the run of the un-erased model, which those of all methods stand beside.

    Args:
        model: Name of the model, or its folder.
        suite: Name of the suite, or its folder.
        size: Name of one of the suite's sizes.
        concepts: Names of the suite's cases, or "all"; empty for those of the size.
        together: Whether one erasure removes all of these, instead of one each.
        steps: Sampling steps; None for the model family's.
        guidance: Guidance scale; None for the model family's.
        scheduler: Name of a sampler, in any case.
        width: Of images in pixels, with the height; None for the model's own.
        height: Of images in pixels, with the width.
        negative_prompt: What guidance leads away from in prompts that say nothing of it.
        limit: Images of each role and case at most, the first ones; None for the size's.
        roles: Those that are drawn; empty for all of the size.
        precision: What the model computes in.

    Raises:
        InputError: as `specs`.
    """
    chosen = prompts.suite(suite)
    recognition.check(model)
    family = recognition.family(model)
    model_name, model_place = places.model(model)
    size = sizes.cut(size, limit, roles)
    resolved = Resolved(
        RunSpec(
            method=ORIGINAL,
            options={},
            model=model_name,
            suite=chosen.name,
            suite_version=chosen.version,
            cases=cases_of(chosen, size, concepts, together=together),
            size=size,
            sampler=sampler(family, steps, guidance, scheduler, width, height, negative_prompt),
            # It has no use for a seed: whatever the seed, its images are shared.
            seed=0,
            method_version=registry.method(ORIGINAL).version,
            precision=precision,
            family=family,
            places=places.suite(chosen) | model_place,
        )
    )
    _check_family(chosen, family, model)
    _check_prompts(resolved)
    resolved.check(resolved.metrics)
    return resolved


def erased(
    first: Resolved,
    found: Mapping[str, registry.Entry],
    *,
    seed: int,
    settings: Sequence[str] = (),
    preset: str | None = None,
) -> list[RunSpec]:
    """Return the un-erased model's run and, beside it, one of each method.

    Args:
        first: The un-erased model's.
        found: Methods by the name that was typed, as `asked.methods` returns them.
        seed: As in `specs`.
        settings: As in `specs`.
        preset: As in `specs`.

    Raises:
        InputError: an option or a preset is unknown, or is not for these concepts.
    """
    given = registry.shared_settings(list(found.values()), settings)
    presets = asked.presets(found.values(), first.family, preset)
    runs = {first.spec.run_id: first.spec}
    for name, entry in found.items():
        values = registry.options(entry, presets[entry.name], given[entry.name])
        _check_concepts(entry, values, first.cases)
        if name != ORIGINAL:
            # One method may have been typed in two ways.
            spec = _erased(first.spec, name, entry, values, seed)
            runs[spec.run_id] = spec
    return list(runs.values())


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
