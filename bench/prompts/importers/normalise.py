"""Turns the rows of a foreign file into prompts of ours; pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bench.drawing import Drawing
from bench.prompts.adversarial import slug
from bench.prompts.importers import drawn
from bench.prompts.importers.columns import NAMES, plain
from bench.prompts.importers.drafts import Draft, Row, UnusableError, check_texts
from bench.prompts.importers.records import Record
from bench.prompts.schema import NEEDS_TAG, is_seed
from bench.prompts.selection import OWN_ROLES
from bench.types import Prompt, Role

DERIVED_SEEDS = 10**6
"""Seeds that are given to prompts without one are below this."""
SHOWN = 8
"""Rows that are named of those dropped for one reason."""
LONGEST_CONCEPT = 200
"""Characters of a concept's name."""
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
    records: list[Record] = field(default_factory=list)
    """Of each prompt the row that it is from."""
    dropped: dict[str, list[int]] = field(default_factory=dict)
    """Where the rows are that were dropped, by why."""
    derived: int = 0
    """Rows that were given a seed, since the file has none for them."""
    spelled: dict[str, str] = field(default_factory=dict)
    """Concepts that are written in several ways, or not as here, and what they are taken for."""
    twins: int = 0
    """Prompts that are the plain ones beside adversarial ones; one that repeats is kept once."""

    def losses(self) -> list[str]:
        """Return why rows were dropped, how many, and which; of many reasons the first few."""
        said = [f"{len(at)} {why} (row {some(at, SHOWN)})" for why, at in self.dropped.items()]
        more = sum(map(len, list(self.dropped.values())[SHOWN:]))
        return [*said[:SHOWN], *([f"{more} for {len(said) - SHOWN} more reasons"] if more else [])]


def some(items: Sequence[object], most: int) -> str:
    """Name the first few of many.

    Args:
        items: All of them.
        most: How many are named.
    """
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(map(str, items[:most])) + more


def normalise(
    records: Iterable[Record],
    layout: Mapping[str, str],
    draft: Callable[[Row, str], Draft],
    asked: Asked,
    known: Iterable[str],
    *,
    repeats: bool = False,
) -> Outcome:
    """Return what becomes of a file's rows: prompts in their order, and what was dropped and why.

    Texts are kept as they are. A row without a seed gets one that its text alone decides, and its
    number among rows of this text, so that importing again gives the same.

    Args:
        records: The file's rows.
        layout: The columns that hold what is read, by what it means.
        draft: The format's reading of a row, see `formats.Format.draft`.
        asked: What the user said holds for all rows.
        known: Names of concepts; one that a row writes otherwise is meant, see `columns.plain`.
        repeats: Whether rows that repeat others are kept and none gets a twin, as where each row
            is an image that is there already.
    """
    outcome = Outcome()
    numbers: Counter[str] = Counter()
    texts: Counter[str] = Counter()
    seen: set[tuple[str | int | Drawing, ...]] = set()
    nothing = dict.fromkeys(NAMES, "")
    names = {plain(name): name for name in known}

    def meant(found: Draft) -> Draft:
        name = names.setdefault(plain(found.concept), found.concept)
        if name != found.concept:
            outcome.spelled[found.concept] = name
        return replace(found, concept=name)

    for record in records:
        try:
            if record.problem:
                raise UnusableError(record.problem)
            row = {meaning: record.values[column] for meaning, column in layout.items()}
            row = nothing | row
            found = meant(_completed(draft(row, asked.concept), asked))
            drawing = drawn.read(row)
            texts[found.text] += 1
            seed = _seed(found, texts[found.text])
            if _key(found, seed, drawing) in seen and not repeats:
                raise UnusableError("repeats an earlier row, with its seed")
            drafts = [found] if repeats else [found, *map(meant, _twins(found, asked))]
        except UnusableError as why:
            outcome.dropped.setdefault(str(why), []).append(record.place)
            continue
        outcome.derived += not found.seed
        for each in drafts:
            if _key(each, seed, drawing) in seen and not repeats:
                continue
            seen.add(_key(each, seed, drawing))
            outcome.twins += each is not found
            stem = _stem(each)
            name = f"{stem}-{numbers[stem]:05d}"
            numbers[stem] += 1
            outcome.records.append(record)
            outcome.prompts.append(
                Prompt(name, each.text, seed, each.role, each.concept, each.tag, drawing)
            )
    return outcome


def _twins(found: Draft, asked: Asked) -> Iterator[Draft]:
    """Yield the plain prompt beside a found one; a role that the user named is the found one's."""
    if found.twin:
        yield _completed(found.twin, replace(asked, role=""))


def _key(found: Draft, seed: int, drawing: Drawing) -> tuple[str | int | Drawing, ...]:
    return found.concept, found.role, found.tag, found.text, seed, drawing


def odd_concept(name: str) -> str:
    """Return why a text cannot name a concept, or what one is mapped to; "" if it can.

    Args:
        name: What is to be the name.
    """
    if len(name) > LONGEST_CONCEPT:
        return f"has more than {LONGEST_CONCEPT} characters"
    control = any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in name)
    return "has a control character" if control else ""


def _completed(found: Draft, asked: Asked) -> Draft:
    """Add what the user said, and refuse what cannot be a prompt."""
    role: Role = asked.role or found.role  # type: ignore[assignment]
    concept = "" if role == "general" else found.concept
    if role in OWN_ROLES:
        concept = concept or asked.concept
    tag = found.tag or (asked.tag if role in NEEDS_TAG else "")
    if not found.text.strip():
        raise UnusableError("has no prompt")
    check_texts(found.text, concept, tag)
    if odd := odd_concept(concept):
        raise UnusableError(f"has a concept that {odd}")
    if not concept and role in OWN_ROLES:
        raise UnusableError("does not say what it shows; --concept or --concept-column does")
    if not concept and role != "general":
        raise UnusableError(f"is {role} and does not say what it shows; --concept-column does")
    if role in NEEDS_TAG and not tag:
        raise UnusableError(f"has no tag, {NEEDS_TAG[role]}, which role {role} needs; --tag does")
    seed = "" if found.seed.strip().casefold() in drawn.NOTHING else found.seed
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
