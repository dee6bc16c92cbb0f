"""What other installed packages bring, as lines of text; see `bench.plugins`."""

from __future__ import annotations

from collections.abc import Iterator

from bench import prompts, registry
from bench.types import InputError

KINDS = {"methods": "method", "metrics": "metric", "attacks": "attack"}


def lines(what: str) -> Iterator[str]:
    """Yield where each plug-in of a list comes from, and why others cannot be used.

    Args:
        what: methods, metrics, attacks or suites; of anything else there are no plug-ins.
    """
    if what == "suites":
        found = prompts.plugged()
        origins, refused = found.origins, found.refused
    elif what in KINDS:
        entries = registry.plugged(KINDS[what])
        origins, refused = entries.origins, entries.refused
    else:
        return
    for name, origin in origins.items():
        yield f"{name} comes from {origin}"
    for reason in refused.values():
        yield f"left out: {reason}"


def guarded(entry: registry.Entry, told: Iterator[str]) -> Iterator[str]:
    """Yield what is told of an entry; a plug-in that cannot be imported costs its own lines alone.

    Args:
        entry: A method, metric or attack.
        told: Lines about it; reading them may import it.

    Raises:
        InputError: one of the package's own cannot be used.
    """
    try:
        yield from told
    except InputError as error:
        if not entry.origin:
            raise
        yield f"left out: {error}"
