"""Finished runs that nobody drew: their tables and records are written as a run writes them."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench import registry
from bench.files import Row
from bench.results.stats.effects import FALLS
from bench.results.store import RunFolder
from bench.runs import folders, record
from bench.runs.per_image import PerImage
from bench.runs.resolved import Resolved
from bench.types import ORIGINAL, RunRecord, RunSpec

METRICS = ("judge", "clip")


def write(out: Path, specs: Sequence[RunSpec], seed: int = 0) -> list[RunFolder]:
    """Write a finished run for each spec, whose images show what chance says they show.

    Args:
        out: Folder that holds the run folders.
        specs: Of one protocol, the un-erased model's run first.
        seed: Of chance.
    """
    made = [_made(out, spec, seed) for spec in specs[:2]]
    return made + [_like(made[1], spec, number, seed) for number, spec in enumerate(specs[2:])]


def _made(out: Path, spec: RunSpec, seed: int) -> RunFolder:
    folder, _ = folders.opened(spec, out)
    per_image = PerImage(Resolved(spec), folder, [registry.metric(name) for name in METRICS])
    rows = [_seen(row, spec, seed) for row in per_image.blank()]
    folder.write_per_image(rows)
    facts = {
        **{"device": "cpu", "weights_sha256": "0" * 64, "own_settings": ""},
        "prompts_sha256": per_image.resolved.prompt_hash,
        "classes": per_image.resolved.choice.to_json(),
        "detectors": per_image.resolved.detectors(METRICS),
        "finished": "2026-01-01T00:00:00+00:00",
    }
    seconds = {"erase": 10.0, "generate": 90.0, "image": 0.2, "measure": 6.62, "total": 105.0}
    found = record.outcome(per_image, rows, seconds, facts)
    record.finish(per_image, found, seconds, facts)
    return folder


def _like(model: RunFolder, spec: RunSpec, number: int, seed: int) -> RunFolder:
    """Write a run beside one of the same protocol, with its scores and rows of its own."""
    known, folder = model.read_record(), RunFolder(model.path.parent, spec.run_id)
    folder.create(spec)
    shutil.copytree(model.suite_path, folder.suite_path)
    folder.write_per_image([_seen(row, spec, seed) for row in model.read_per_image()])
    scores = tuple(replace(each, method=spec.method_name) for each in known.scores)
    facts = {**known.provenance, "finished": f"2026-01-02T{number:08}"}
    whole = record.stamped(folder, spec, facts)
    record.write(folder, RunRecord(spec, whole, known.seconds, scores, (), known.unconfirmed))
    return folder


def _seen(row: Row, spec: RunSpec, seed: int) -> Row:
    """Return a row with verdicts: erased are nine in ten of the images that an erasure should.

    An image has the same whichever cases its run is of.
    """
    case = "" if spec.method == ORIGINAL else row["case"]
    rng = random.Random(f"{seed} {spec.method} {spec.seed} {spec.options} {case} {row['id']}")
    shows = spec.method == ORIGINAL or row["role"] not in FALLS or rng.random() < 0.1
    share = rng.uniform(0.6, 1.0) if shows else rng.uniform(0.0, 0.3)
    label = row["concept"] if shows else "none"
    verdict = {"label": label, "probability": f"{share:.6g}", "erased": str(int(shows))}
    verdict |= {"confidence": f"{share:.6g}", "entropy": f"{rng.random():.6g}"}
    return row | {f"{name}_{what}": cell for name in METRICS for what, cell in verdict.items()}
