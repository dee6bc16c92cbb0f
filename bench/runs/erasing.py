"""One case of a run is erased, and its erasure applied: what asks the method to do either."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import registry
from bench.models import meter
from bench.runs.resolved import Resolved
from bench.types import ORIGINAL, Case, Concept, InputError, Progress, Sampler, silent

if TYPE_CHECKING:
    from torch import Tensor

    from bench.models.eraser import Eraser

STEP = "step_evaluations"
"""The column of the `cost` metric that says what drawing takes."""
SEED = 0
"""Of the image by which an erasure is told from none."""


def fit(
    resolved: Resolved,
    case: Case,
    pipe: Any,
    path: Path,
    *,
    device: str,
    progress: Progress = silent,
) -> None:
    """Let a run's method erase a case, and store what it leaves with what it cost.

    Args:
        resolved: What the run's spec names.
        case: The concepts to erase.
        pipe: The un-erased pipeline, which stays as it was.
        path: File of the erasure.
        device: Where it computes.
        progress: Told what is under way.

    Raises:
        InputError: the method changes nothing, as only `original` may.
    """
    from bench.models import erasures

    spec, eraser = resolved.spec, registry.eraser(resolved.spec)
    concepts = resolved.erased(case)
    start = time.perf_counter()
    with meter.metered(device) as cost:
        tensors = eraser.fit(pipe, concepts, seed=spec.seed, progress=progress)
    seconds = time.perf_counter() - start
    problem, cost[STEP] = compared(eraser, pipe, concepts, tensors, spec.sampler)
    if problem and spec.method != ORIGINAL:
        raise InputError(
            f"{spec.method} changes nothing for case {case.name}: {problem}; allowed is an "
            f"erasure, and the un-erased model is the method {ORIGINAL}"
        )
    erasures.save(
        pipe,
        tensors,
        path,
        form=eraser.form,
        method=spec.method,
        options=spec.options,
        concepts=case.concepts,
        seconds=seconds,
        cost=cost,
    )


def apply(resolved: Resolved, case: Case, pipe: Any, path: Path) -> Any:
    """Return the pipeline that a case's erasure makes of the un-erased one.

    Args:
        resolved: What the run's spec names.
        case: The concepts that are erased.
        pipe: The un-erased pipeline, which stays as it was.
        path: File of the erasure.
    """
    from bench.models import erasures

    eraser = registry.eraser(resolved.spec)
    concepts = resolved.erased(case)
    return erasures.apply(pipe, path, lambda un_erased, t: eraser.apply(un_erased, concepts, t))


def compared(
    eraser: Eraser,
    pipe: Any,
    concepts: Sequence[Concept],
    tensors: Mapping[str, Tensor],
    sampler: Sampler,
) -> tuple[str, float]:
    """Return why an erasure changes nothing, "" if it does change something, and its evaluations.

    Args:
        eraser: What made it.
        pipe: The un-erased pipeline.
        concepts: What is erased; the first is drawn, unless the weights alone tell.
        tensors: What the eraser fitted.
        sampler: How it is drawn.

    Returns:
        The problem, and the U-Net evaluations that one step of one image takes.
    """
    from bench.models.weights import changed

    # Not the name alone: what steers away from a text may leave that very text as it is.
    text = f"a photo of {concepts[0].name}" if concepts else ""
    if eraser.form == "weights":
        problem = "" if changed(pipe, tensors) else "it leaves every weight as it was"
        return problem, _drawn(pipe, text, replace(sampler, steps=1))[1]
    erased = eraser.apply(pipe, concepts, tensors)
    after, evaluations = _drawn(erased, text, sampler)
    if erased is pipe:
        return "its `apply` gives back the pipeline that it was given", evaluations
    same = after.equal(_drawn(pipe, text, sampler)[0])
    return f"it draws '{text}' as the un-erased model does" if same else "", evaluations


def _drawn(pipe: Any, text: str, sampler: Sampler) -> tuple[Tensor, float]:
    """Return the latents of an image, and the evaluations that one step took."""
    from bench.models.generate import draw

    with meter.counted() as spent:
        made = draw(pipe, [text], [SEED], sampler, "latent")
    return made, spent() / sampler.steps
