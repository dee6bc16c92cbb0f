"""Where an exported erasure comes from: the model's and the method's licence, and the command."""

from __future__ import annotations

import shlex
from functools import cache

from bench import data, prompts, registry
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


def command(spec: RunSpec) -> str:
    """Return the command that makes a run again, with every option said.

    What was a folder or a file on the machine that made it stands in capitals.
    """
    known = registry.methods()
    entry = known.get(spec.method)
    words = ["python -m bench run --method", shlex.quote(spec.method)]
    own = spec.model in MODELS or "/" in spec.model
    words += ["--model", spec.model if own else "MODEL"]
    words += ["--suite", spec.suite if spec.suite in prompts.suites() else "SUITE"]
    words += [word for case in spec.cases for word in ("--concept", shlex.quote(case))]
    words += ["--size", spec.size, "--seed", str(spec.seed)]
    words += ["--steps", str(spec.sampler.steps), "--guidance", f"{spec.sampler.guidance:g}"]
    for name in ("scheduler", "width", "height", "negative_prompt"):
        if name in (said := spec.sampler.to_json()):
            words += [f"--{name.replace('_', '-')}", shlex.quote(str(said[name]))]
    words += ["--precision", spec.precision]
    for name, value in spec.options.items():
        place = entry is not None and name in entry.files and value
        text = name.upper() if place else registry.written(value)
        words += ["--set", shlex.quote(f"{name}={text}")]
    return " ".join(words)


def stood_for(spec: RunSpec) -> dict[str, str]:
    """Return what the capitals of `command` stand for, by word."""
    entry = registry.methods().get(spec.method)
    found = {}
    if spec.model not in MODELS and "/" not in spec.model:
        found["MODEL"] = spec.model
    if spec.suite not in prompts.suites():
        found["SUITE"] = f"{spec.suite} {spec.suite_version}, which is in the bundle"
    for name in entry.files if entry else ():
        if spec.options.get(name):
            found[name.upper()] = str(spec.options[name])
    return found
