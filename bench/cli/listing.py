"""What there is to choose from, as lines of text; nothing here imports torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING

from bench import prompts, registry
from bench.attacks import BUDGETS, EVERY, KINDS
from bench.cli import brought, kinds, protocols
from bench.cli.suites import sizes
from bench.families import FAMILIES
from bench.metrics import OF_CASES, STATISTICS
from bench.metrics._clip import NONE_TEXTS
from bench.models.recognition import MODELS
from bench.names import find, typed
from bench.runs.tuning.space import described
from bench.types import Form

LEAVES: Mapping[Form, str] = {
    "weights": "weights, which load into any diffusers pipeline",
    "adapter": "adapter: tensors that it adds to the model",
    "inference": "inference: another way to draw, with the weights as they were",
}
"""What an erasure of each form is."""
EMPTY = '""'
"""How an empty text is shown."""

if TYPE_CHECKING:
    from bench.metrics import Measure


def listing(what: str, verbose: bool, kind: str | None = None) -> Iterator[str]:
    """Return the lines that list methods, models, suites, metrics, attacks or protocols.

    Args:
        what: Which of them.
        verbose: Whether options and sources are listed too.
        kind: Only those of this kind, where they have kinds.

    Raises:
        InputError: there is no such list, or it has no such kind.
    """
    kinds.check(find("thing to list", what, LISTS), kind)
    if kind is None:
        return chain(LISTS[what](verbose, None), brought.lines(what))
    return LISTS[what](verbose, kind)


def _methods(verbose: bool, kind: str | None) -> Iterator[str]:
    known = kinds.entries("methods", kind)
    if verbose:
        for entry in known.values():
            yield from _entry(entry, f"  leaves  {LEAVES[entry.form]}")
    else:
        yield from _columns(
            (name, f"{entry.form:<9}  {entry.summary}") for name, entry in known.items()
        )


def _metrics(verbose: bool, kind: str | None) -> Iterator[str]:
    entries = registry.metrics()
    if not verbose:
        yield from _entries(entries, verbose)
        return
    from bench.results.stats.axes import AXES, OVERALL
    from bench.results.stats.headlines import HEADLINES

    for entry in entries.values():
        yield from brought.guarded(entry, _metric(entry))
    yield "headlines, of several cases the mean of the cases' own; n is the images behind it"
    for kind, headlines in HEADLINES.items():
        yield f"  {kind:<7} {', '.join(headline.name for headline in headlines)}"
    yield f"  {'every':<7} {OVERALL}, harmonic mean of the axes that a suite has roles for:"
    for axis in AXES:
        yield f"      {axis.name}: {', '.join(axis.roles)}"


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


def _attacks(verbose: bool, kind: str | None) -> Iterator[str]:
    known = kinds.entries("attacks", kind)
    for entry in known.values() if verbose else ():
        yield from brought.guarded(entry, _attack(entry))
    if not verbose:
        width = max(map(len, known), default=0)
        for name, entry in known.items():
            yield f"{name:<{width}}  {KINDS[entry.adaptive]:<8}  {entry.summary}"
    yield "budgets"
    for name, budget in BUDGETS.items():
        many = "all" if budget.prompts == EVERY else budget.prompts
        yield f"  {name:<9}  {many} prompts a case, {budget.candidates} candidate images of each"


def _attack(entry: registry.Entry) -> Iterator[str]:
    yield from _entry(entry)
    for choice in _conventions(entry):
        values = registry.options(entry, "", [f"convention={choice}"] if choice else [])
        attack = registry.load_attack(entry, values)
        one, two = (attack.cost(count, BUDGETS["quick"].candidates) for count in (1, 2))
        shared = " for all prompts" if attack.together and one == two else " a prompt"
        drawn = f", {one.drawn} images drawn to look at" if one.drawn else ""
        drawn += f", {one.inversions} images inverted" if one.inversions else ""
        name = f" {choice}" if choice else ""
        yield f"  cost{name}   at most {one.evaluations:,} U-Net evaluations{drawn}{shared}"
    if entry.reading:
        yield f"  reading {entry.reading}"


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
    for setting, repos in entry.networks.items():
        yield f"  {setting} needs {' and '.join(repos)}"
    for searched in described(entry.space):
        yield f"  tuned   {searched}"
    yield from _options(entry)


def _options(entry: registry.Entry) -> Iterator[str]:
    for option in entry.options:
        yield f"  {option.name}={defaults(entry, option)}   {registry.allowed(option)}"
        if option.doc:
            yield f"      {option.doc}"


def defaults(entry: registry.Entry, option: registry.OptionInfo) -> str:
    """Return an option's default, and what each preset has in its place.

    Args:
        entry: Whose option it is.
        option: One of its options.
    """
    if option.name in entry.needs:
        return "(must be given)"
    own = (
        f"; {name} {registry.written(preset[option.name]) or EMPTY}"
        for name, preset in entry.presets.items()
        if option.name in preset
    )
    return (registry.written(option.default) or EMPTY) + "".join(own)


def _models(verbose: bool, kind: str | None) -> Iterator[str]:
    rows = []
    for name, (family, source) in MODELS.items():
        sampler = FAMILIES[family].sampler
        detail = f"   family {family}, {sampler.steps} steps, guidance {sampler.guidance:g}"
        rows.append((name, (source or "comes with the package") + detail * verbose))
    yield from _columns(rows)
    yield "or any Stable Diffusion 1, 2 or XL: a Hugging Face Hub id or a diffusers folder"


def _suites(verbose: bool, kind: str | None) -> Iterator[str]:
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
        yield from (f"  {line}" for line in sizes(suite))
    yield f"or {prompts.A_FOLDER}, as `{typed('import-prompts')}` makes one"


def _protocols(verbose: bool, kind: str | None) -> Iterator[str]:
    known = protocols.protocols()
    if not verbose:
        yield from _columns((name, each.summary) for name, each in known.items())
        return
    for each in known.values():
        yield f"{each.name}: {each.summary}"
        if each.made_by:
            yield f"  first     {typed(each.made_by)}"
            yield f"  FILE      {each.file}"
        yield f"  command   {typed(each.words)}"
        if each.then:
            yield f"  then      {typed(each.then)}"
        yield f"  measures  {each.measures}"
        yield f"  source    {each.paper}"
        yield from (f"  differs   {what}" for what in each.differs)


LISTS: dict[str, Callable[[bool, str | None], Iterator[str]]] = {
    "methods": _methods,
    "models": _models,
    "suites": _suites,
    "metrics": _metrics,
    "attacks": _attacks,
    "protocols": _protocols,
}


def _columns(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield the rows with their first column padded to one width."""
    table = list(rows)
    width = max((len(first) for first, _ in table), default=0)
    for first, second in table:
        yield f"{first:<{width}}  {second}"
