"""Picks the prompts of a case, evenly over concepts, tags and texts; pure."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from bench.prompts import adversarial
from bench.types import ROLES, Case, Concept, Prompt, Role, Size, Suite

OWN_ROLES: tuple[Role, ...] = (
    *("target", "synonym", "hyponym", "related", "adversarial", "remainder"),
)
"""Roles whose rows are written for the erased concept; near and far are other concepts' targets."""
_OF_OTHERS: tuple[Role, ...] = ("target", "near", "far")
"""Roles whose rows, where they are another concept's, are near or far by what is erased."""

_FAR: tuple[Role, ...] = ("target", "far")
"""Those whose rows are far where their concept is no look-alike."""


def choose(
    suite: Suite,
    case: Case,
    size: Size,
    rows: Sequence[Prompt],
    known: Mapping[str, Concept],
    window: int,
) -> tuple[Prompt, ...]:
    """Return the prompts of a case, role by role in the order of `size.images`.

    Args:
        suite: The suite.
        case: One of its cases.
        size: One of its sizes; says how many rows of each role.
        rows: All rows of its prompt files.
        known: Concepts by name.
        window: Words that a text may have, so that no model's encoder cuts it.
    """
    chosen: list[Prompt] = []
    for role, count in size.images.items():
        found = _of_role(role, suite, case, rows, known, window if count else 0)
        spread = in_turn(found, lambda r: r.concept, lambda r: r.tag, lambda r: r.text)
        chosen += (replace(row, role=role) for row in islice(spread, count))  # type: ignore[arg-type]
    return tuple(chosen)


def _of_role(
    role: str,
    suite: Suite,
    case: Case,
    rows: Sequence[Prompt],
    known: Mapping[str, Concept],
    window: int,
) -> list[Prompt]:
    """Return every row that serves the role in this case."""
    own = set(case.concepts)
    written = [row for row in rows if row.role == role]
    if role == "general":
        return written
    if role == "adversarial":
        direct = [row for row in rows if row.concept in own and row.role == "target"]
        spread = tuple(in_turn(direct, lambda row: row.concept, lambda row: row.text))
        derived = _derived(spread, suite.adversarial, window) if window else ()
        return [*derived, *(row for row in written if row.concept in own)]
    if role in OWN_ROLES:
        return [row for row in written if row.concept in own]
    near = {name for concept in own for name in known[concept].near} - own
    if role == "near":
        return [row for row in rows if row.concept in near and row.role in _OF_OTHERS]
    others = set(suite.erased) - own - near
    direct = [row for row in rows if row.concept in others and row.role == "target"]
    return [*direct, *(row for row in written if row.concept not in own | near)]


def available(
    cases: Sequence[Case], rows: Sequence[Prompt], known: Mapping[str, Concept]
) -> dict[str, int]:
    """Return how many rows the case that has most of a role has, for each role that any case has.

    Args:
        cases: All of a suite.
        rows: All of its prompt files.
        known: Concepts by name.
    """
    of = Counter((row.role, row.concept) for row in rows)
    roles = Counter[str](row.role for row in rows)
    most = Counter({"general": roles["general"]})
    for case in cases:
        own = set(case.concepts)
        near = {name for concept in own for name in known[concept].near} - own
        others = (roles[role] - sum(of[role, name] for name in own | near) for role in _FAR)
        most |= Counter(
            {role: sum(of[role, name] for name in own) for role in OWN_ROLES}
            | {"near": sum(of[role, name] for role in _OF_OTHERS for name in near)}
            | {"far": sum(others)}
        )
    return {role: most[role] for role in ROLES if most[role]}


def of_erasure(
    rows: Sequence[Prompt], erased: Sequence[str], known: Mapping[str, Concept]
) -> tuple[Prompt, ...]:
    """Return, in their order, the rows that say something of an erasure, in their roles there.

    As in a run: what is written for another concept alone, its synonyms for example, does not, and
    its targets are near or far. Look-alikes are those of the concepts' tables, and what the rows
    call near unless it is another concept's.

    Args:
        rows: A prompt file.
        erased: Names of the concepts that are erased together.
        known: The concepts by name.
    """
    shown = dict.fromkeys([*erased, *(row.concept for row in rows if row.role == "target")])
    theirs = {look for name in shown if name not in erased for look in known[name].near}
    said = {row.concept for row in rows if row.role == "near"} - theirs
    known = dict(known) | {
        name: replace(known[name], near=(*known[name].near, *sorted(said))) for name in erased
    }
    suite = Suite(
        name="",
        version="",
        kind=known[erased[0]].kind,
        cases=tuple(Case(name, (name,)) for name in shown),
        sizes=(),
        prompt_files=(),
        metrics=(),
        summary="",
    )
    size = Size("all", dict.fromkeys(ROLES, len(rows)), ())
    chosen = choose(suite, Case("", tuple(erased)), size, rows, known, window=0)
    by_id = {row.id: row for row in chosen}
    return tuple(by_id[row.id] for row in rows if row.id in by_id)


@functools.lru_cache(maxsize=64)
def _derived(
    prompts: tuple[Prompt, ...], kinds: tuple[str, ...], window: int
) -> tuple[Prompt, ...]:
    """Derive once what every method of a run, and its plan, ask for again."""
    return tuple(adversarial.derive(prompts, kinds, window))


def in_turn(rows: Sequence[Prompt], *keys: Callable[[Prompt], str]) -> Iterator[Prompt]:
    """Yield rows alternating over the groups of the first key, and within them over the next.

    Args:
        rows: In file order, which holds within a group.
        *keys: What groups rows, the outermost first.
    """
    if not keys:
        yield from rows
        return
    groups: dict[str, list[Prompt]] = {}
    for row in rows:
        groups.setdefault(keys[0](row), []).append(row)
    waiting = [in_turn(group, *keys[1:]) for group in groups.values()]
    while waiting:
        remaining = []
        for group in waiting:
            for row in islice(group, 1):
                yield row
                remaining.append(group)
        waiting = remaining
