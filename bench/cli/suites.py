"""A suite as lines of text: its cases, its prompts by role and tag, its sizes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import shorten

from bench import prompts
from bench.prompts.window import too_long, windows
from bench.types import Prompt, Size, Suite

MOST_TAGS = 12
"""Tags of a role that are shown, the most frequent first."""


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
    yield from (f"  {line}" for line in sizes(suite))


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


def sizes(suite: Suite) -> Iterator[str]:
    """Yield a line a size: its images by role, and the cases that it has by default."""
    for size in suite.sizes:
        yield f"{size.name:<6} {_counts(size.images)}; {_default(suite, size)} by default"


def _default(suite: Suite, size: Size) -> str:
    return "all cases" if len(size.cases) == len(suite.cases) else f"case {', '.join(size.cases)}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{role} {count}" for role, count in counts.items())
