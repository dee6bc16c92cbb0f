"""What two runs must share for their numbers to be comparable, and its hash; pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from bench.results import elsewhere
from bench.types import RunRecord, RunSpec

FACTS = (
    *("prompts_sha256", "weights_sha256", "detectors", "decides", "classes"),
    "reference_images_sha256",
)
"""What of a record's provenance belongs to the protocol, beside what its spec says. `decides` is
the metric that headlines come from, `classes` is what a verdict chooses from."""
OF_CASES = ("cases", "prompts_sha256", "classes")
"""Fields that follow from what is erased."""


def of(spec: RunSpec, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return the protocol by field: model, prompts, sampler, detectors; not method or its seed.

    Args:
        spec: The run's.
        provenance: Its record's; None stands where it lacks a fact,
            and for how images were drawn that were made elsewhere.
    """
    return {
        "model": spec.model,
        "suite": spec.suite,
        "suite_version": spec.suite_version,
        "size": spec.size,
        "cases": list(spec.cases),
        **_drawn(spec),
        **{name: provenance.get(name) for name in FACTS},
    }


def _drawn(spec: RunSpec) -> dict[str, Any]:
    """Return how the images were drawn; of those that were made elsewhere nothing is known."""
    found = {
        "sampler": spec.sampler.scheduler,
        "steps": spec.sampler.steps,
        "guidance": spec.sampler.guidance,
        "width": spec.sampler.width,
        "height": spec.sampler.height,
        "negative_prompt": spec.sampler.negative_prompt,
        "precision": spec.precision,
    }
    return dict.fromkeys(found) if elsewhere.made(spec) else found


def digest(fields: Mapping[str, Any]) -> str:
    """Return the first 12 hexadecimal digits of the fields' sha256: equal for equal protocols.

    A model is its weights, whatever it is called; its name counts where their hash is not known.
    """
    unnamed = {name: value for name, value in fields.items() if name != "model"}
    known = fields["weights_sha256"] is not None
    text = json.dumps(unnamed if known else dict(fields), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def apart_from_cases(record: RunRecord) -> str:
    """Return the digest of a run's protocol but for what is erased, and so asked."""
    fields = of_record(record)
    return digest({name: fields[name] for name in fields if name not in OF_CASES})


def but_cases(record: RunRecord) -> str:
    """Return the digest of a run's protocol but for which cases it is of."""
    return digest({**of_record(record), "cases": None})


def of_record(record: RunRecord) -> dict[str, Any]:
    """Return the protocol of a finished run."""
    return of(record.spec, record.provenance)


def differences(one: RunRecord, other: RunRecord, ignoring: Sequence[str] = ()) -> list[str]:
    """Return, for each field in which two runs' protocols differ, "field: this and that".

    Args:
        one: A finished run.
        other: Another.
        ignoring: Fields that may differ.
    """
    left, right = of_record(one), of_record(other)
    if digest(left) == digest(right):
        return []
    if elsewhere.made(one.spec) or elsewhere.made(other.spec):
        left, right = _known(left, right), _known(right, left)
    return [
        f"{name}: {_short(left[name])} and {_short(right[name])}"
        for name in left
        if left[name] != right[name] and name not in ignoring
    ]


def _known(fields: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields, and the detectors, that both of two protocols state."""
    both = {name: value for name, value in fields.items() if None not in (value, others[name])}
    seen = both.get("detectors", {})
    return both | {"detectors": {name: seen[name] for name in seen if name in others["detectors"]}}


def _short(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) if len(value) < 4 else f"{len(value)} of them"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {str(text)[:12]}" for name, text in value.items())
    return str(value)[:12] if isinstance(value, str) and len(value) == 64 else str(value)
