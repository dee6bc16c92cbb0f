"""Turns the rows of a foreign file into prompts of ours; pure."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from bench.prompts.adversarial import slug
from bench.prompts.importers.drafts import Draft, UnusableError
from bench.prompts.importers.records import Record
from bench.prompts.schema import NEEDS_TAG, is_seed
from bench.types import Kind, Prompt, Role

DERIVED_SEEDS = 10**6
"""Seeds that are given to prompts without one are below this."""
LONGEST = 100_000
"""Characters of a cell; csv itself reads no more than 131,072."""
NO_SEED = ("", "nan", "na", "none", "null")
"""What stands in columns of seeds where there is none."""
_WHOLE = re.compile(r"\s*(\d+)(?:\.0*)?\s*", re.ASCII)


@dataclass(frozen=True)
class Asked:
    """Concept, role and tag that the user named for all rows of a file; "" where none."""

    concept: str = ""
    role: str = ""
    tag: str = ""


@dataclass
class Outcome:
    """The prompts that a file's rows became, and the rows that were dropped."""

    prompts: list[Prompt] = field(default_factory=list)
    kinds: dict[str, Kind] = field(default_factory=dict)
    """Kind of each concept, as the format knows it."""
    dropped: dict[str, list[int]] = field(default_factory=dict)
    """Where the rows are that were dropped, by why."""
    derived: int = 0
    """Prompts that were given a seed, since the file has none for them."""


def normalise(
    records: Iterable[Record], draft: Callable[[Mapping[str, str], str], Draft], asked: Asked
) -> Outcome:
    """Return what becomes of a file's rows: prompts in their order, and what was dropped and why.

    Texts are kept as they are. A row without a seed gets one that its text alone decides, and its
    number among rows of this text, so that importing again gives the same.

    Args:
        records: The file's rows.
        draft: The format's reading of a row, see `formats.Format.draft`.
        asked: What the user said holds for all rows.
    """
    outcome = Outcome()
    numbers: Counter[str] = Counter()
    texts: Counter[str] = Counter()
    seen: set[tuple[str, ...]] = set()
    for record in records:
        try:
            if record.problem:
                raise UnusableError(record.problem)
            found = _completed(draft(record.values, asked.concept), asked)
            texts[found.text] += 1
            seed = _seed(found, texts[found.text])
            key = (found.concept, found.role, found.tag, found.text, str(seed))
            if key in seen:
                raise UnusableError("repeats an earlier row, with its seed")
        except UnusableError as why:
            outcome.dropped.setdefault(str(why), []).append(record.place)
            continue
        seen.add(key)
        outcome.derived += not found.seed
        if found.concept:
            outcome.kinds.setdefault(found.concept, found.kind)
        stem = _stem(found)
        name = f"{stem}-{numbers[stem]:05d}"
        numbers[stem] += 1
        outcome.prompts.append(Prompt(name, found.text, seed, found.role, found.concept, found.tag))
    return outcome


def _completed(found: Draft, asked: Asked) -> Draft:
    """Add what the user said, and refuse what cannot be a prompt."""
    role: Role = asked.role or found.role  # type: ignore[assignment]
    concept = found.concept or ("" if role == "general" else asked.concept)
    tag = found.tag or (asked.tag if role in NEEDS_TAG else "")
    if not found.text.strip():
        raise UnusableError("has no prompt")
    if max(map(len, (found.text, concept, tag))) > LONGEST:
        raise UnusableError(f"has more than {LONGEST:,} characters in one cell")
    try:
        f"{found.text}{concept}{tag}".encode()
    except UnicodeEncodeError:
        raise UnusableError("has half a character that no text can hold") from None
    if not concept and role != "general":
        raise UnusableError("does not say what it shows; --concept does")
    if role in NEEDS_TAG and not tag:
        raise UnusableError(f"has no tag, {NEEDS_TAG[role]}, which role {role} needs; --tag does")
    seed = "" if found.seed.strip().casefold() in NO_SEED else found.seed
    return replace(found, role=role, concept=concept, tag=tag, seed=seed)


def _seed(found: Draft, number: int) -> int:
    """Return a row's seed: the file's, which frames may have written as 7.0, or one of our own."""
    if not found.seed:
        digest = hashlib.sha256(f"{number} {found.text}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % DERIVED_SEEDS
    whole = _WHOLE.fullmatch(found.seed)
    if whole is None or not is_seed(whole[1]):
        raise UnusableError("has a seed that is no integer from 0 to 2^63 - 1")
    return int(whole[1])


def _stem(found: Draft) -> str:
    """Return how the ids of such rows begin."""
    parts = [slug(found.concept)[:80] if found.concept else "all", found.role]
    if found.role == "adversarial":
        parts.append(slug(found.tag)[:60])
    return "-".join(parts)
