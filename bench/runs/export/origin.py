"""Where an exported erasure comes from: the model's and the method's licence."""

from __future__ import annotations

from functools import cache

from bench import data, registry
from bench.models.recognition import MODELS, hub_id
from bench.types import RunSpec

OTHER = "other"
"""What the Hub calls a licence that is none of its list, or not known."""
LICENCES = {
    "mini": "mit",
    "sd14": "creativeml-openrail-m",
    "sd15": "creativeml-openrail-m",
    "sd21": "openrail++",
    "sdxl": "openrail++",
}
"""Licences of the models that have a name here, as the Hub abbreviates them; an erased model stays
under its own."""


def licence(spec: RunSpec) -> str:
    """Return the licence of a run's model, as the Hub abbreviates it; `other` where unknown."""
    return LICENCES.get(spec.model, OTHER)


def base(spec: RunSpec) -> str:
    """Return the org/name of a run's model on the Hub, "" where it is not known to be there."""
    if spec.model in MODELS:
        return hub_id(spec.model)
    return spec.model if "/" in spec.model else ""


def paper(spec: RunSpec) -> str:
    """Return where a run's method was published, "" for one that is not here."""
    known = registry.methods()
    return known[spec.method].paper if spec.method in known else ""


@cache
def _licences() -> dict[str, str]:
    """Return the licence of each method's original code, from the table of methods/README.md."""
    page = data.ROOT / "methods" / "README.md"
    lines = page.read_text(encoding="utf-8").splitlines() if page.is_file() else []
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| [")]
    return {row[0][1:].partition("]")[0]: row[-1].strip() for row in rows if len(row) > 1}


def method_licence(spec: RunSpec) -> str:
    """Return the licence of the code that a run's method was first published with."""
    return _licences().get(spec.method_name, "not known")
