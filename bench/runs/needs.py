"""What runs need on this machine beside the package: the model, detectors, networks of methods."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import shorten

from bench import registry
from bench.models.downloads import Download, transformer
from bench.models.fetching import Model
from bench.names import typed
from bench.results.store import RunFolder
from bench.runs import plan
from bench.runs.resolved import Resolved
from bench.types import ALL, ORIGINAL, InputError, RunSpec

log = logging.getLogger(__name__)


def needed(runs: Sequence[RunSpec], names: Sequence[str] | None = None) -> list[Download]:
    """Return all that runs of one protocol cannot be carried out without; needs no torch.

    Args:
        runs: The runs.
        names: Of the suite's metrics that are to measure; None for all.
    """
    resolved = Resolved(runs[0])
    found: list[Download] = [Model(runs[0].place("model"))]
    for metric in resolved.measuring(names):
        found += metric.downloads(resolved.family)
    for spec in runs:
        for repos in _networks(spec).values():
            found += map(transformer, repos)
    return list(dict.fromkeys(found))


def _networks(spec: RunSpec) -> dict[str, tuple[str, ...]]:
    """Return the networks on the Hub that a run's method needs, by the setting that needs them."""
    found = {}
    for setting, repos in registry.method(spec.place("method")).networks.items():
        name, value = registry.split(setting)
        if registry.written(spec.options[name]) == value:
            found[setting] = repos
    return found


def missing(runs: Sequence[RunSpec], names: Sequence[str] | None = None) -> str:
    """Return a line on all that is not on this machine and what fetches it; "" if nothing is.

    Args:
        runs: The runs, of one protocol.
        names: Of the suite's metrics that are to measure; None for all.
    """
    absent = [each.name for each in needed(runs, names) if not each.here]
    if not absent:
        return ""
    words = ["prefetch", f"--model {runs[0].place('model')}", f"--suite {runs[0].place('suite')}"]
    for spec in runs:
        if settings := _networks(spec):
            words += [f"--method {spec.place('method')}", *(f"--set {each}" for each in settings)]
    command = typed(" ".join(dict.fromkeys(words)))
    return f"not on this machine: {', '.join(absent)}; `{command}` fetches it"


def check(
    runs: Sequence[RunSpec],
    out: Path,
    device: str,
    names: Sequence[str] | None = None,
    asked: Sequence[str] = (),
) -> list[RunSpec]:
    """Load what runs need and let methods look at the model: what any part refuses is said at once.

    Args:
        runs: The runs, of one protocol.
        out: The folder of all runs; what is finished there needs nothing.
        device: Where to compute, as torch names it.
        names: Of the suite's metrics that are to measure; None for all.
        asked: Methods as they were asked for; where "all" is among them, those that were not named
            and refuse this model are left out, which is logged with the reason.

    Returns:
        The runs that can be made.

    Raises:
        InputError: naming everything that cannot be had, or that a method refuses.
    """
    problems: list[str] = []
    able: list[RunSpec] = []
    for spec in runs:
        try:
            plan.check_eraser(spec, out, device)
            able.append(spec)
        except InputError as error:
            method = spec.place("method")
            if ALL in asked and method not in (*asked, ORIGINAL):
                log.warning("%s leaves out %s: %s", ALL, method, error)
                continue
            problems.append(str(error))
            if method == ORIGINAL:
                # Without the model nothing can be said of any method.
                break
    due = [spec for spec in runs if not RunFolder(out, spec.run_id).is_done()]
    resolved = Resolved(runs[0])
    for metric in resolved.measuring(names) if due else ():
        try:
            metric.prepare(resolved.family, device)
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise InputError("; ".join(dict.fromkeys(problems)))
    return able


def fetch(wanted: Iterable[Download]) -> list[str]:
    """Fetch what is not on this machine, and return why what could not be fetched was not.

    Args:
        wanted: What is needed.
    """
    problems = []
    for each in wanted:
        if each.here:
            continue
        try:
            each.fetch()
        except Exception as error:  # clients raise errors of a dozen libraries
            # A message of ours is short, and ends in what helps.
            own = isinstance(error, InputError)
            reason = str(error) if own else shorten(str(error), 160, placeholder=" ...")
            problems.append(f"{each.name} ({reason or type(error).__name__})")
    return problems
