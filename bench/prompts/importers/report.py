"""Tells what an import read, found out, kept and dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from bench.names import typed
from bench.prompts.importers import Imported
from bench.prompts.importers.normalise import some
from bench.prompts.window import too_long, windows

SHOWN = 8
"""Concepts of a role whose prompts are counted one by one."""
TAGGED = ("adversarial", "near", "far", "general")
"""Roles whose prompts are counted tag by tag: by attack, and by the word for what is kept."""


def lines(done: Imported, out: Path) -> Iterator[str]:
    """Yield, line by line, what was read, kept, dropped and why, and what can be done with it.

    Args:
        done: What the import came to.
        out: The new suite's folder.
    """
    kept = done.outcome.prompts
    roles = Counter(prompt.role for prompt in kept)
    yield f"read      {done.rows} rows of {done.source.name} as {done.format}"
    yield from (f"{about:10}{said}" for about, said in done.guesses.items() if said)
    yield f"kept      {len(kept)}: {', '.join(f'{role} {n}' for role, n in roles.items())}"
    groups: dict[str, Counter[str]] = {}
    for each in kept:
        group = f"{each.role} {each.tag}".strip() if each.role in TAGGED else each.role
        groups.setdefault(group, Counter())[each.concept or "nothing in particular"] += 1
    for group, found in groups.items():
        yield f"  {group}: {some([f'{name} {n}' for name, n in found.items()], SHOWN)}"
    if done.outcome.twins:
        yield f"  {done.outcome.twins} of them are the plain prompts beside adversarial ones"
    yield f"dropped   {sum(map(len, done.outcome.dropped.values()))}"
    yield from (f"  {line}" for line in done.outcome.losses())
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
                    f"{family} reads; kept, their ends go unread: {some(ids, SHOWN)}"
                )
    cases = done.draft.cases
    for name, erased in list(cases.items())[:SHOWN]:
        alone = f"erases {', '.join(erased)}"
        yield f"case      {name} {alone}" + (" by one erasure" if erased[1:] else "")
    if len(cases) > SHOWN:
        yield f"case      and {len(cases) - SHOWN} more, one for each concept"
    new = done.draft.concepts
    for concept in new[:SHOWN]:
        yield f"concept   {concept.name}: {concept.kind}, anchor {concept.anchor}"
    if len(new) > SHOWN:
        yield f"concept   and {len(new) - SHOWN} more, in suite.toml"
    yield f"wrote     {out / 'suite.toml'} and prompts.csv"
    suite = quote(str(out))
    model = " --model sd14" if done.draft.families else ""
    run = typed(f"run --suite {suite} --method realera{model}")
    yield f"next: {typed(f'show suite {suite}')}, then {run}"
