"""The model card of an exported erasure: what it is, how it scores, where it comes from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from bench import registry
from bench.results import again
from bench.results.report.markdown import escaped, fenced
from bench.runs.export import origin
from bench.runs.export.plan import LORA, Export
from bench.types import Score

if TYPE_CHECKING:
    from bench.models.published import Layer

MOST = 10
"""Layers of a LoRA that the card lists, the worst first."""
ARROWS = {"lower": " ↓", "higher": " ↑"}
NONE = "–"
"""What stands for a number that is not there."""


def card(
    export: Export,
    parts: Mapping[str, str],
    pipeline: str,
    layers: Sequence[Layer] = (),
    error: float = 0.0,
) -> str:
    """Return a model card as the Hugging Face Hub reads it: YAML, then Markdown.

    Args:
        export: What was exported.
        parts: Class of each part of the pipeline that the erasure changes, by name.
        pipeline: Class of the pipeline.
        layers: Of a LoRA, what it holds of each changed tensor.
        error: Of a LoRA, what it misses of all changes, as a share of their norm.
    """
    assert export.case is not None
    record = export.run.record
    spec, named = record.spec, escaped(", ".join(export.case.concepts))
    model = escaped(record.spec.model)
    lines = [
        *("---", _front(export), "---", ""),
        f"# {model} without {named}",
        "",
        f"{model}, from which {spec.method_name} has erased {named}; scored by erasure-bench.",
        "",
        *_use(export, parts, pipeline),
        *_about(export),
        *(_lora(layers, error) if layers else ()),
        *_warnings(export),
        *_scores(export),
        *_again(export),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _front(export: Export) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    assert export.case is not None
    record = export.run.record
    spec, base = record.spec, origin.base(record.spec)
    decides = str(record.provenance.get("decides", ""))
    known = registry.known_metrics([decides] if decides else [])
    main = known[decides].measures()[0].name if decides in known else ""
    results = [
        EvalResult(
            task_type="text-to-image",
            dataset_type=spec.suite,
            dataset_name=f"{spec.suite} {spec.suite_version}, {spec.size}",
            metric_type=f"{score.metric} {score.measure}",
            metric_value=round(score.value, 6),
            metric_name=f"{score.metric} {score.measure}, {score.role}",
        )
        for score in _shown(export)
        if (score.metric, score.measure) == (decides, main)
    ]
    found = ModelCardData(
        base_model=base or None,
        license=origin.licence(spec),
        library_name="diffusers",
        pipeline_tag="text-to-image",
        tags=["concept-erasure", "erasure-bench", *(["lora"] if export.form == LORA else [])],
        model_name=f"{spec.model} without {export.case.name}",
        eval_results=results or None,
    )
    if base:
        found["base_model_relation"] = "adapter" if export.form == LORA else "finetune"
    return str(found.to_yaml()).rstrip("\n")


def _use(export: Export, parts: Mapping[str, str], pipeline: str) -> Iterator[str]:
    spec = export.run.record.spec
    base = origin.base(spec) or f"the folder of {spec.model}"
    yield "## Use"
    yield ""
    yield "```python"
    if export.whole:
        yield f"from diffusers import {pipeline}"
        yield ""
        yield f'pipe = {pipeline}.from_pretrained("THIS FOLDER OR REPOSITORY")'
    else:
        libraries = {"diffusers": [pipeline], "transformers": []}
        loads = export.form != LORA
        for kind in parts.values() if loads else ():
            libraries["diffusers" if kind.startswith("UNet") else "transformers"].append(kind)
        for library, kinds in libraries.items():
            if kinds:
                yield f"from {library} import {', '.join(sorted(set(kinds)))}"
        yield ""
        yield 'here = "THIS FOLDER OR REPOSITORY"'
        for name, kind in parts.items() if loads else ():
            yield f'{name} = {kind}.from_pretrained(here, subfolder="{name}")'
        given = "".join(f", {name}={name}" for name in parts) if loads else ""
        yield f'pipe = {pipeline}.from_pretrained("{base}"{given})'
        if not loads:
            yield "pipe.load_lora_weights(here)"
    yield "```"
    yield ""
    yield (f"Drawn with {spec.sampler}, {spec.precision}.")
    yield ""


def _about(export: Export) -> Iterator[str]:
    assert export.case is not None
    spec = export.run.record.spec
    paper = origin.paper(spec)
    yield from ("## What it is", "", "| | |", "| --- | --- |")
    yield f"| method | {spec.method_name}{f', {paper}' if paper else ''} |"
    yield f"| version of its code | {spec.method_version or NONE} |"
    for name, value in spec.options.items():
        yield f"| option {name} | {escaped(registry.written(value)) or 'empty'} |"
    yield f"| erased | {', '.join(map(escaped, export.case.concepts))} |"
    yield f"| seed of the erasure | {spec.seed} |"
    yield f"| base model | {origin.base(spec) or escaped(spec.model)} |"
    yield f"| licence of the base model | {origin.licence(spec)}; the erased model stays under it |"
    yield f"| licence of the method's original code | {origin.method_licence(spec)} |"
    yield ""


def _lora(layers: Sequence[Layer], error: float) -> Iterator[str]:
    held = sorted((each for each in layers if each.held), key=lambda each: -each.error)
    lost = [each.tensor for each in layers if not each.held]
    yield from ("## What the LoRA misses", "")
    yield (
        f"It is the nearest of its rank to each weight's change (SVD). Of all changes together it "
        f"misses {error:.3g}, as a share of their Frobenius norm. The worst of {len(held)} layers; "
        "the rest is in lora_errors.csv:"
    )
    yield from ("", "| layer | missed |", "| --- | ---: |")
    yield from (f"| {escaped(each.tensor)} | {each.error:.3g} |" for each in held[:MOST])
    yield ""
    if lost:
        yield (
            "A LoRA cannot change biases, norms and embeddings: these stay as the base model has "
            f"them, and all of their change is missed: {', '.join(lost)}."
        )
        yield ""


def _warnings(export: Export) -> Iterator[str]:
    record = export.run.record
    if not record.flags and not record.unconfirmed:
        return
    yield from ("## Warnings", "")
    yield from (f"- Not to be ranked: {escaped(flag)}" for flag in record.flags)
    yield from (
        f"- Nothing can be said of {escaped(name)}: {escaped(why)}"
        for name, why in record.unconfirmed.items()
    )
    yield ""


def _scores(export: Export) -> Iterator[str]:
    shown = _shown(export)
    unerased = export.unerased.record.scores if export.unerased else ()
    before = {score.key: score for score in unerased}
    known = registry.known_metrics(dict.fromkeys(score.metric for score in shown))
    measures = {
        (name, each.name): each for name, metric in known.items() for each in metric.measures()
    }
    spec = export.run.record.spec
    yield from ("## Scores", "")
    suite = escaped(f"{spec.suite} {spec.suite_version}, size {spec.size}")
    yield (
        f"Suite {suite}; 95 % intervals in brackets, n "
        "the images that count. ↓ lower is better, ↑ higher. What each measures stands below."
    )
    yield from (
        "",
        "| score | role | original | erased | n |",
        "| --- | --- | ---: | ---: | ---: |",
    )
    for score in shown:
        measure = measures.get((score.metric, score.measure))
        arrow = ARROWS.get(measure.better(score.role), "") if measure else ""
        old = before.get(score.key)
        yield (
            f"| {escaped(score.metric)} {score.measure} | {score.role}{arrow} | "
            f"{_number(old) if old else NONE} | {_number(score)} | {score.n} |"
        )
    yield ""
    for key in dict.fromkeys((score.metric, score.measure) for score in shown):
        if key in measures:
            yield f"- {escaped(' '.join(key))}: {measures[key].what} ({measures[key].unit})"
    yield ""


def _again(export: Export) -> Iterator[str]:
    record = export.run.record
    facts, spec = record.provenance, record.spec
    yield from ("## Make it again", "", *fenced(again.command(spec)), "")
    for word, what in again.stood_for(spec).items():
        yield f"{word} is {escaped(what)}."
        yield ""
    packages = facts.get("packages", {})
    versions = ", ".join(f"{name} {text}" for name, text in packages.items() if text)
    dirty = " with uncommitted changes" if facts.get("dirty") else ""
    yield (
        f"Made {str(facts.get('finished', ''))[:10]} by erasure-bench {facts.get('version')}, "
        f"commit {facts.get('commit') or 'unknown'}{dirty}, on {facts.get('device')}, with "
        f"{versions}. Sha256 of the base model's weights {facts.get('weights_sha256') or NONE}, of "
        f"the prompts {facts.get('prompts_sha256')}. Run {spec.run_id}; all its numbers are in "
        "`bundle/`, which `python -m bench compare bundle` reads."
    )


def _shown(export: Export) -> list[Score]:
    """Return the scores of the exported case that tables show, the deciding metric's first."""
    assert export.case is not None
    record = export.run.record
    decides = record.provenance.get("decides", "")
    own = [
        score
        for score in record.scores
        if score.case == export.case.name and not score.tag and _is_shown(score)
    ]
    return sorted(own, key=lambda score: score.metric != decides)


def _is_shown(score: Score) -> bool:
    known = registry.known_metrics([score.metric])
    if score.metric not in known or not math.isfinite(score.value):
        return math.isfinite(score.value)
    hidden = {each.name for each in known[score.metric].measures() if not each.shown}
    return score.measure not in hidden


def _number(score: Score) -> str:
    text = f"{score.value:.3g}"
    if math.isfinite(score.low) and math.isfinite(score.high):
        return f"{text} [{score.low:.3g}, {score.high:.3g}]"
    return text
