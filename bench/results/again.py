"""The command that makes a run again."""

from __future__ import annotations

import shlex

from bench import prompts, registry
from bench.models.recognition import MODELS
from bench.models.sources import Source
from bench.types import RunSpec


def command(spec: RunSpec) -> str:
    """Return the command that makes a run again, with every option said.

    What was a folder or a file on the machine that made it stands in capitals.
    """
    known = registry.methods()
    entry = known.get(spec.method)
    words = ["python -m bench run --method", shlex.quote(spec.method)]
    own = _named(spec.model)
    words += ["--model", shlex.quote(spec.model) if own else "MODEL"]
    words += ["--suite", spec.suite if spec.suite in prompts.suites() else "SUITE"]
    words += [word for case in spec.cases for word in ("--concept", shlex.quote(case))]
    words += ["--size", shlex.quote(spec.size), "--seed", str(spec.seed)]
    words += ["--steps", str(spec.sampler.steps), "--guidance", f"{spec.sampler.guidance:g}"]
    said = spec.sampler.to_json()
    for name in ("scheduler", "width", "height", "negative_prompt"):
        if name in said:
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
    if not _named(spec.model):
        found["MODEL"] = spec.model
    if spec.suite not in prompts.suites():
        found["SUITE"] = f"{spec.suite} {spec.suite_version}, which is in the bundle"
    for name in entry.files if entry else ():
        if spec.options.get(name):
            found[name.upper()] = str(spec.options[name])
    return found


def _named(model: str) -> bool:
    """Return whether a model is found by its name alone, wherever the command is typed."""
    name = Source.of(model).name
    return name in MODELS or "/" in name
