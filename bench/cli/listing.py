"""What there is to choose from, as lines of text; nothing here imports torch."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

from bench import prompts, registry
from bench.attacks import BUDGETS, KINDS
from bench.cli import brought
from bench.families import FAMILIES
from bench.metrics import OF_CASES, STATISTICS
from bench.metrics._clip import NONE_TEXTS
from bench.models.recognition import MODELS
from bench.names import find, typed
from bench.prompts.window import too_long, windows
from bench.types import Form, Prompt, Size, Suite

MOST_TAGS = 12
"""Tags of a role that are shown, the most frequent first."""

LEAVES: Mapping[Form, str] = {
    "weights": "weights, which load into any diffusers pipeline",
    "adapter": "adapter: tensors that it adds to the model",
    "inference": "inference: another way to draw, with the weights as they were",
}
"""What an erasure of each form is."""

if TYPE_CHECKING:
    from bench.metrics import Measure


def listing(what: str, verbose: bool) -> Iterator[str]:
    """Return the lines that list methods, models, suites, metrics or attacks.

    Args:
        what: Which of them.
        verbose: Whether options and sources are listed too.

    Raises:
        InputError: there is no such list.
    """
    return chain(LISTS[find("thing to list", what, LISTS)](verbose), brought.lines(what))


def show_suite(name: str) -> Iterator[str]:
    """Yield a suite's cases, prompts per role and tag, sizes and the hash of each prompt file."""
    suite = prompts.suite(name)
    yield f"{suite.name} version {suite.version}: {suite.summary}"
    yield f"metrics   {', '.join(suite.metrics)}"
    yield f"models    {', '.join(suite.families) or 'of every family'}"
    families = ["", *suite.family_files]
    seen: dict[Path, str] = {}
    for family in families:
        for path in prompts.paths(suite, family):
            users = [each for each in families if path in prompts.paths(suite, each)]
            seen.setdefault(path, "every model" if "" in users else f"{', '.join(users)} alone")
    for path, readers in seen.items():
        yield f"prompts   {path.name}, {len(prompts.read(path))} rows, for {readers}"
        yield f"sha256    {hashlib.sha256(path.read_bytes()).hexdigest()}"
    rows = tuple(dict.fromkeys(row for family in families for row in prompts.rows(suite, family)))
    yield from _roles(suite, rows)
    yield from _cut(suite)
    yield "cases"
    for case in suite.cases:
        own = Counter[str](row.role for row in rows if row.concept in case.concepts)
        yield f"  {case.name:<11} erases {', '.join(case.concepts)}; rows: {_counts(own) or 'none'}"
    yield "sizes (images a case)"
    yield from (f"  {line}" for line in _sizes(suite))


def _roles(suite: Suite, rows: Sequence[Prompt]) -> Iterator[str]:
    """Yield rows and texts of each role, and below it of each of its tags."""
    for role in dict.fromkeys(row.role for row in rows):
        own = [row for row in rows if row.role == role]
        yield f"  {role:<11} {len(own)} rows, {len({row.text for row in own})} texts"
        tags = Counter(row.tag for row in own if row.tag)
        if tags:
            shown = dict(tags.most_common(MOST_TAGS))
            more = f" and {len(tags) - MOST_TAGS} more" if len(tags) > MOST_TAGS else ""
            yield f"    by tag    {_counts(shown)}{more}"
    if suite.adversarial:
        yield f"  {'adversarial':<11} derived from target rows: {', '.join(suite.adversarial)}"


def _cut(suite: Suite) -> Iterator[str]:
    """Yield how many texts are longer than a family's text window, and the first of them."""
    for family, window in windows().items():
        if suite.families and family not in suite.families:
            continue
        cut = too_long((row.text for row in prompts.rows(suite, family)), family)
        if cut:
            first = shorten(cut[0], 60, placeholder=" ...")
            yield (
                f"cut       {len(cut)} texts have more than the {window} tokens that {family} "
                f"reads; first: {first}"
            )


def _methods(verbose: bool) -> Iterator[str]:
    known = registry.methods()
    if verbose:
        for entry in known.values():
            yield from _entry(entry, f"  leaves  {LEAVES[entry.form]}")
    else:
        yield from _columns(
            (name, f"{entry.form:<9}  {entry.summary}") for name, entry in known.items()
        )


def _metrics(verbose: bool) -> Iterator[str]:
    entries = registry.metrics()
    if not verbose:
        yield from _entries(entries, verbose)
        return
    from bench.results.stats.headlines import HEADLINES

    for entry in entries.values():
        yield from brought.guarded(entry, _metric(entry))
    yield "headlines, of several cases the mean of the cases' own; n is the images behind it"
    for kind, headlines in HEADLINES.items():
        yield f"  {kind:<7} {', '.join(headline.name for headline in headlines)}"


def _metric(entry: registry.Entry) -> Iterator[str]:
    metric = registry.metric(entry.name)
    yield f"{metric.name}: {entry.summary}"
    families = ", ".join(sorted(metric.families)) if metric.families else "all models"
    kinds = ", ".join(sorted(metric.kinds)) if metric.kinds else "every kind of concept"
    yield f"  reads      {families}; {kinds}"
    yield f"  detector   {metric.detector}"
    yield f"  threshold  {metric.criterion}"
    yield from _choice() if metric.chooses else ()
    yield f"  source     {metric.paper}"
    for measure in metric.measures():
        yield f"  {measure.name}: {measure.what}"
        yield f"      {measure.unit}; {_better(measure)}{_only(measure.families)}"
        yield f"      {STATISTICS[measure.statistic] if measure.value else OF_CASES}"
    yield from _options(entry)


def _choice() -> Iterator[str]:
    """Say what a metric chooses from; the others of each kind are part of the protocol."""
    closed = ", ".join(name for name, suite in prompts.suites().items() if suite.closed)
    known = prompts.others()
    yield f"  classes    the suite's concepts; unless it is closed, as {closed} is, also"
    for kind, texts in NONE_TEXTS.items():
        others = ", ".join(concept.name for concept in known.get(kind, ()))
        yield f"      {kind}: {others}; or none of them: {', '.join(texts)}"


def _better(measure: Measure) -> str:
    """Say which values are better on which roles."""
    groups: dict[str, list[str]] = {}
    for role in measure.roles:
        groups.setdefault(measure.better(role), []).append(role)
    words = {"none": "neither is better"}
    return "; ".join(
        f"{words.get(way, f'{way} is better')} on {', '.join(some)}" for way, some in groups.items()
    )


def _only(families: frozenset[str] | None) -> str:
    return f"; {', '.join(sorted(families))} only" if families else ""


def _attacks(verbose: bool) -> Iterator[str]:
    known = registry.attacks()
    for entry in known.values() if verbose else ():
        yield from brought.guarded(entry, _attack(entry))
    if not verbose:
        width = max(map(len, known))
        for name, entry in known.items():
            yield f"{name:<{width}}  {KINDS[entry.adaptive]:<8}  {entry.summary}"
    yield "budgets"
    for name, budget in BUDGETS.items():
        yield (
            f"  {name:<5}  {budget.prompts} prompts a case, {budget.candidates} candidate images "
            "of each"
        )


def _attack(entry: registry.Entry) -> Iterator[str]:
    yield from _entry(entry)
    for choice in _conventions(entry):
        values = registry.options(entry, "", [f"convention={choice}"] if choice else [])
        attack = registry.load_attack(entry, values)
        one = attack.cost(1)
        shared = " for all prompts" if attack.together else " a prompt"
        drawn = f", {one.drawn} images drawn to look at" if one.drawn else ""
        name = f" {choice}" if choice else ""
        yield f"  cost{name}   at most {one.evaluations:,} U-Net evaluations{drawn}{shared}"


def _conventions(entry: registry.Entry) -> tuple[str, ...]:
    """Return the conventions of an attack, one without a name where it has none."""
    found = (option.choices for option in entry.options if option.name == "convention")
    return next(found, ("",))


def _entries(entries: Mapping[str, registry.Entry], verbose: bool) -> Iterator[str]:
    if verbose:
        for entry in entries.values():
            yield from _entry(entry)
    else:
        yield from _columns((name, entry.summary) for name, entry in entries.items())


def _entry(entry: registry.Entry, *more: str) -> Iterator[str]:
    yield f"{entry.name}: {entry.summary}"
    if entry.paper:
        yield f"  paper   {entry.paper}"
    yield from more
    for preset, source in entry.preset_sources.items():
        yield f"  preset {preset}   {source}"
    for setting, concepts in entry.only.items():
        yield f"  {setting} is for {', '.join(concepts)} alone"
    yield from _options(entry)


def _options(entry: registry.Entry) -> Iterator[str]:
    for option in entry.options:
        yield f"  {option.name}={_defaults(entry, option)}   {registry.allowed(option)}"
        if option.doc:
            yield f"      {option.doc}"


def _defaults(entry: registry.Entry, option: registry.OptionInfo) -> str:
    """Return the default, and what each preset has in its place."""
    if option.name in entry.needs:
        return "(must be given)"
    own = (
        f"; {name} {registry.written(preset[option.name])}"
        for name, preset in entry.presets.items()
        if option.name in preset
    )
    return registry.written(option.default) + "".join(own)


def _models(verbose: bool) -> Iterator[str]:
    rows = []
    for name, (family, source) in MODELS.items():
        sampler = FAMILIES[family].sampler
        detail = f"   family {family}, {sampler.steps} steps, guidance {sampler.guidance:g}"
        rows.append((name, (source or "comes with the package") + detail * verbose))
    yield from _columns(rows)
    yield "or any Stable Diffusion 1, 2 or XL: a Hugging Face Hub id or a diffusers folder"


def _suites(verbose: bool) -> Iterator[str]:
    known = prompts.suites() | prompts.plugged().known
    if not verbose:
        yield from _columns((name, suite.summary) for name, suite in known.items())
        yield f"or {prompts.A_FOLDER}, as `{typed('import-prompts')}` makes one"
        return
    for suite in known.values():
        yield f"{suite.name} version {suite.version}: {suite.summary}"
        yield f"  cases    {', '.join(case.name for case in suite.cases)}"
        yield f"  metrics  {', '.join(suite.metrics)}"
        if suite.families:
            yield f"  models   of the families {', '.join(suite.families)}"
        yield from (f"  {line}" for line in _sizes(suite))
    yield f"or {prompts.A_FOLDER}, as `{typed('import-prompts')}` makes one"


LISTS: dict[str, Callable[[bool], Iterator[str]]] = {
    "methods": _methods,
    "models": _models,
    "suites": _suites,
    "metrics": _metrics,
    "attacks": _attacks,
}


def _sizes(suite: Suite) -> Iterator[str]:
    for size in suite.sizes:
        yield f"{size.name:<6} {_counts(size.images)}; {_default(suite, size)} by default"


def _default(suite: Suite, size: Size) -> str:
    return "all cases" if len(size.cases) == len(suite.cases) else f"case {', '.join(size.cases)}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{role} {count}" for role, count in counts.items())


def _columns(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield the rows with their first column padded to one width."""
    table = list(rows)
    width = max((len(first) for first, _ in table), default=0)
    for first, second in table:
        yield f"{first:<{width}}  {second}"
