"""What runs would do and what of it is there already: as lines for people, as data for programs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench import registry
from bench.models import recognition
from bench.models.sources import Source
from bench.portable import UNERASED
from bench.results.store import RunFolder
from bench.runs import needs, reference
from bench.runs.measuring import stale
from bench.runs.resolved import Resolved
from bench.types import ORIGINAL, Case, RunSpec

if TYPE_CHECKING:
    from bench.images import ReferenceImages


def outline(runs: Iterable[RunSpec], out: Path) -> list[dict[str, object]]:
    """Return what each run would do and what of it is there, as JSON-serialisable data.

    Args:
        runs: What would be carried out.
        out: Folder that holds the run folders.
    """
    found: list[dict[str, object]] = []
    for spec in runs:
        resolved, folder = Resolved(spec), RunFolder(out, spec.run_id)
        images = {
            name: Counter(row.role for row in rows) for name, rows in resolved.prompts.items()
        }
        found.append(
            {
                "run_id": spec.run_id,
                "folder": folder.path,
                "state": _state(folder),
                "spec": spec.to_json(),
                "images": images,
            }
        )
    return found


def _state(folder: RunFolder) -> str:
    return "finished" if folder.is_done() else "begun" if folder.path.exists() else "new"


def describe(
    runs: Sequence[RunSpec],
    out: Path,
    real: ReferenceImages | None = None,
    names: tuple[str, ...] | None = None,
) -> Iterator[str]:
    """Yield, line by line, what the runs would do and what of it is there already.

    Args:
        runs: The runs to make.
        out: The folder of all runs.
        real: Real images to compare with, if there are any.
        names: Of the suite's metrics that are to measure; None for all.
    """
    states = Counter(_state(RunFolder(out, spec.run_id)) for spec in runs)
    counted = ", ".join(f"{count} {state}" for state, count in states.items())
    yield f"{len(runs)} run{'s' * (len(runs) > 1)}: {counted}"
    if absent := needs.missing(runs, names):
        yield f"  {absent}"
    for spec in runs:
        resolved = Resolved(spec)
        folder = RunFolder(out, spec.run_id)
        state = _state(folder)
        if folder.is_done():
            record = folder.read_record()
            if not reference.compared(record, real):
                state += ", to be compared with the reference images"
            if again := stale(resolved, record, None, names):
                known = set(again) & set(record.provenance.get("detectors", {}))
                state += f", to be measured {'again ' if known else ''}by {', '.join(again)}"
                state += ": detectors are others now" if known else ""
        yield f"{spec.method} on {spec.model}: {folder.path} ({state})"
        values = " ".join(
            f"{name}={registry.written(value)}" for name, value in spec.options.items()
        )
        yield f"  options   {values or 'none'}"
        yield (
            f"  protocol  suite {spec.suite} version {spec.suite_version}, size {spec.size}, "
            f"{spec.sampler}, {spec.precision}, seed {spec.seed}"
        )
        if recognition.guessed(spec.place("model")):
            yield f"  model     family {spec.family}, guessed by its name; not on this machine yet"
        if found := found_variant(spec):
            yield f"  model     {found}"
        for part, place in spec.places.items():
            yield f"  {part:<8}  {place}"
        if real is not None:
            yield f"  reference {len(real.files)} images of {real.folder}, {real.sha256[:12]}"
        yield from (f"  rows      {line}" for line in own_settings(resolved))
        for case in resolved.cases:
            yield f"  {_case(resolved, case, folder)}"


def found_variant(spec: RunSpec) -> str:
    """Return a line on the variant of the model's weights that nobody asked for; "" if none."""
    model = spec.place("model")
    found = recognition.variant(model)
    if not found or Source.of(model).variant:
        return ""
    return f"its weights are of the variant {found}; there are no plain ones"


def own_settings(resolved: Resolved) -> Iterator[str]:
    """Yield, line by line, what prompts' rows say of how they are drawn, and what is not used.

    Args:
        resolved: What the run's spec names.
    """
    if resolved.own:
        yield f"images that are drawn with settings of their own: {resolved.own}"
    if resolved.resized:
        yield (
            f"{resolved.resized} images have a size of their own, which {resolved.spec.model} "
            "does not draw: they get the model's"
        )


def _case(resolved: Resolved, case: Case, folder: RunFolder) -> str:
    """Return one line on a case: what is erased, how many images a role, how many are there."""
    rows = resolved.prompts[case.name]
    roles = ", ".join(f"{role} {count}" for role, count in Counter(r.role for r in rows).items())
    drawn = (_names(folder.images(name)) for name in (case.name, UNERASED))
    there = max(sum(f"{row.id}.png" in names for row in rows) for names in drawn)
    edited = "there" if folder.erasure_path(case.name).exists() else "to do"
    verb = "keep" if resolved.spec.method == ORIGINAL else "erase"
    return (
        f"case {case.name}: {verb} {', '.join(case.concepts)} ({edited}); "
        f"{len(rows)} images ({there} there): {roles}"
    )


def _names(folder: Path) -> set[str]:
    """Return the names of a folder's files, none of one that is not there."""
    return {entry.name for entry in os.scandir(folder)} if folder.is_dir() else set()
