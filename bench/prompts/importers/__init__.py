"""Imports prompt files of other benchmarks as suites of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from bench import prompts
from bench.drawing import counted
from bench.names import find
from bench.prompts.importers import columns, formats, reading, roles, suite
from bench.prompts.importers.columns import AS_NAMED, LABELS, Named, plain
from bench.prompts.importers.normalise import (
    SHOWN,
    Asked,
    Outcome,
    normalise,
    odd_concept,
    some,
)
from bench.types import ROLES, Concept, InputError, Kind


@dataclass(frozen=True)
class Imported:
    """What an import read, kept and dropped."""

    source: Path
    format: str
    rows: int
    outcome: Outcome
    draft: suite.Draft
    guesses: Mapping[str, str] = field(default_factory=dict)
    """What the importer found out by itself, in words, by what it is about."""


def import_file(
    path: Path,
    out: Path,
    *,
    format: str = formats.AUTO,
    concept: str = "",
    role: str = "",
    kind: str = "",
    tag: str = "",
    anchor: str = "",
    named: Named = AS_NAMED,
    encoding: str = "",
    together: bool = False,
    trusted: suite.Trusted,
) -> Imported:
    """Read a prompt file of any known format and write it as a suite.

    Args:
        path: The file.
        out: Folder to make; it must not be there yet.
        format: A format's name, or `auto` to tell it by the columns.
        concept: What the prompts show, where the file does not say.
        role: Their role, where it is another than the format's.
        kind: Of concepts that are new, where it is another than the file tells.
        tag: Of adversarial and remainder prompts without one.
        anchor: What a concept that is new is mapped to.
        named: What the user says of the file's columns.
        encoding: Of the file; "" to tell it by its first bytes, or UTF-8.
        together: Whether all concepts are erased together, where the file does not say so.
        trusted: Names the metrics that can tell whether images show what is erased.

    Raises:
        InputError: the file cannot be read, none of its rows can be used, or nothing says what is
            erased; nothing has been written then.
    """
    known_suites = prompts.suites()
    suite.check_name(out, {**known_suites, **prompts.plugged().known})
    suite.check_new(out)
    if role:
        find("role", role, ROLES)
    if kind:
        find("kind", kind, suite.KINDS)
    for option, text in {"concept": concept.strip(), "anchor": anchor}.items():
        if odd := odd_concept(text):
            raise InputError(f"--{option} {odd}: {text[:40]!r}")
    if anchor and not anchor.strip():
        raise InputError("--anchor is empty; name what new concepts are mapped to, or leave it out")
    name, table, layout = reading.read(path, format, named, encoding)
    module = formats.found()[name]
    known = prompts.concepts()
    asked = next((name for name in known if plain(name) == plain(concept)), concept.strip())
    outcome = normalise(table.records, layout, module.draft, Asked(asked, role, tag), known)
    if not outcome.prompts:
        why = "; ".join(outcome.losses()) or "it has no rows"
        raise InputError(f"{path}: no row can be used as {name}: {why}")
    meant, by = _kind(kind, name, layout)
    draft = suite.draft(
        outcome.prompts,
        meant,
        known,
        known_suites,
        asked=asked,
        anchor=anchor,
        together=together or roles.together(table.cells(layout.get("role", ""))),
        source=path.name,
        trusted=trusted,
    )
    if together and len(draft.erased) < 2:
        got = ", ".join(draft.erased) or "none"
        raise InputError(f"--together needs two concepts or more, the file erases {got}")
    for each in draft.erased:
        if kind and each in known and known[each].kind != kind:
            raise InputError(
                f"--kind {kind}: {each} is of kind {known[each].kind} here; call it otherwise"
            )
    suite.write(out, draft, outcome.prompts)
    guesses = {
        "file": "; ".join(table.guesses),
        "columns": columns.told(layout, table.columns, named.meanings),
        "drawing": counted(prompt.drawing for prompt in outcome.prompts),
        "format": f"{name}; --format says otherwise" if format == formats.AUTO else "",
        "role": "" if role or "role" in layout else _mute(outcome),
        "--concept": _unused(asked, outcome, draft),
        "near": _alike(outcome, draft, known),
        "spelling": some([f"{a} as {b}" for a, b in outcome.spelled.items()], SHOWN),
        "kind": f"{meant}, {by}" if any(c.name not in known for c in draft.concepts) else "",
    }
    return Imported(path, name, len(table.records), outcome, draft, guesses)


def _kind(asked: str, format: str, layout: Mapping[str, str]) -> tuple[Kind | None, str]:
    """Return the kind of what is new in a file, None where it is asked for, and who says it."""
    module = formats.found()[format]
    own, label = formats.kind(module), LABELS.get(layout.get("concept", ""))
    if asked:
        return cast(Kind, asked), "by --kind"
    if own:
        return own, f"as {format} has it; --kind says otherwise"
    if label:
        return label, f"by the column {layout['concept']}; --kind says otherwise"
    if formats.neutral(module):
        return None, ""
    return "object", "for lack of a word; --kind says otherwise"


def _unused(asked: str, outcome: Outcome, draft: suite.Draft) -> str:
    """Say that the concept that was named is none of the file's, where every row has its own."""
    shown = {*draft.erased, *(prompt.concept for prompt in outcome.prompts)}
    return "" if asked in {"", *shown} else f"{asked} is not used; every row says its own"


def _alike(outcome: Outcome, draft: suite.Draft, known: Mapping[str, Concept]) -> str:
    """Say which concepts are near what is erased by their tables, whatever the file calls them."""
    every = {**known, **{concept.name: concept for concept in draft.concepts}}
    near = {look for name in draft.erased for look in every[name].near}
    rows = (prompt for prompt in outcome.prompts if prompt.role in ("target", "far"))
    found = list(dict.fromkeys(row.concept for row in rows if row.concept in near))
    return f"{some(found, SHOWN)}: near, not far, where a look-alike is erased" if found else ""


def _mute(outcome: Outcome) -> str:
    """Say what role prompts have of which no column says one."""
    found: Sequence[str] = list(dict.fromkeys(prompt.role for prompt in outcome.prompts))
    return f"{' and '.join(found)}, as the format has it; --role says otherwise"
