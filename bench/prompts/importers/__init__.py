"""Imports prompt files of other benchmarks as suites of one's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import prompts
from bench.names import find, typed
from bench.prompts.importers import formats, records, suite
from bench.prompts.importers.normalise import Asked, Outcome, normalise
from bench.prompts.window import too_long, windows
from bench.types import ROLES, InputError

SHOWN = 8
"""Rows that are named of those dropped for one reason."""


@dataclass(frozen=True)
class Imported:
    """What an import read, kept and dropped."""

    source: Path
    format: str
    rows: int
    outcome: Outcome
    draft: suite.Draft


def import_file(
    path: Path,
    out: Path,
    *,
    format: str = formats.AUTO,
    concept: str = "",
    role: str = "",
    tag: str = "",
    anchor: str = "",
    columns: Sequence[str] = (),
    encoding: str = "utf-8",
    trusted: suite.Trusted,
) -> Imported:
    """Read a prompt file of any known format and write it as a suite.

    Args:
        path: The file.
        out: Folder to make; it must not be there yet.
        format: A format's name, or `auto` to tell it by the columns.
        concept: What the prompts show, where the file does not say.
        role: Their role, where it is another than the format's.
        tag: Of adversarial and remainder prompts without one.
        anchor: What a concept that is new is mapped to.
        columns: The columns' names, for a file without a header.
        encoding: Of the file.
        trusted: Names the metrics that can tell whether images show what is erased.

    Raises:
        InputError: the file cannot be read, none of its rows can be used, or nothing says what is
            erased; nothing has been written then.
    """
    suite.check_new(out)
    known = prompts.suites()
    if out.name in known:
        raise InputError(f"--out {out}: suite {out.name} comes with the package; name it otherwise")
    if role:
        find("role", role, ROLES)
    names = [records.column(name) for name in columns]
    table = records.read(path, columns=names, encoding=encoding)
    name = formats.choose(format, table.columns)
    module = formats.found()[name]
    outcome = normalise(table.records, module.draft, Asked(concept, role, tag))
    if not outcome.prompts:
        why = "; ".join(_dropped(outcome)) or "it has no rows"
        raise InputError(f"{path}: no row can be used as {name}: {why}")
    draft = suite.draft(
        outcome.prompts,
        outcome.kinds,
        prompts.concepts(),
        known,
        asked=concept,
        anchor=anchor,
        together=getattr(module, "TOGETHER", False),
        source=path.name,
        trusted=trusted,
    )
    suite.write(out, draft, outcome.prompts)
    return Imported(path, name, len(table.records), outcome, draft)


def report(done: Imported, out: Path) -> Iterator[str]:
    """Yield, line by line, what was read, kept, dropped and why, and what can be done with it.

    Args:
        done: What the import came to.
        out: The new suite's folder.
    """
    kept = done.outcome.prompts
    roles = Counter(prompt.role for prompt in kept)
    yield f"read      {done.rows} rows of {done.source.name} as {done.format}"
    yield f"kept      {len(kept)}: {', '.join(f'{role} {n}' for role, n in roles.items())}"
    yield f"dropped   {sum(map(len, done.outcome.dropped.values()))}"
    yield from (f"  {line}" for line in _dropped(done.outcome))
    if done.outcome.derived:
        yield (
            f"seeds     {done.outcome.derived} rows have none; each got one that its text decides"
        )
    for family, window in windows().items():
        if not done.draft.families or family in done.draft.families:
            cut = set(too_long((prompt.text for prompt in kept), family))
            if cut:
                ids = [prompt.id for prompt in kept if prompt.text in cut]
                yield (
                    f"cut       {len(ids)} prompts have more than the {window} tokens that "
                    f"{family} reads; kept, their ends go unread: {_some(ids)}"
                )
    for concept in done.draft.concepts:
        yield f"concept   {concept.name}: {concept.kind}, anchor {concept.anchor}"
    yield f"wrote     {out / 'suite.toml'} and prompts.csv"
    yield f"next: {typed(f'show suite {out}')}, then {typed(f'run --suite {out}')} --method realera"


def _dropped(outcome: Outcome) -> Iterator[str]:
    for why, places in outcome.dropped.items():
        yield f"{len(places)} {why} (row {_some(places)})"


def _some(items: Sequence[object]) -> str:
    """Name the first few of many."""
    more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return ", ".join(map(str, items[:SHOWN])) + more
