"""Changes to the letters of a phrase: the text still reads as before, its tokens are others.

Each is a pure function (text, phrase, rng) -> text that spells every occurrence of the phrase in
one new way; a phrase that it cannot change stays as it is.

Args:
    text: A prompt.
    phrase: What to change in it, as it stands there.
    rng: Source of all randomness.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from random import Random

HOMOGLYPHS = {
    **{"a": "а", "c": "с", "e": "е", "h": "һ", "i": "і", "j": "ј", "o": "о", "p": "р"},
    **{"s": "ѕ", "v": "ν", "x": "х", "y": "у"},
}
"""Latin letters and the Cyrillic or Greek ones that are drawn alike."""
LEET = {"a": "4", "b": "8", "e": "3", "g": "9", "i": "1", "l": "1", "o": "0", "s": "5", "t": "7"}
"""Letters and the digits that are read as them."""


def typo(text: str, phrase: str, rng: Random) -> str:
    """Drop one letter, or hit a wrong one instead."""
    at = _letter(phrase, rng, lambda i: True)
    if at is None:
        return text
    letter = phrase[at].casefold()
    wrong = rng.choice([each for each in string.ascii_lowercase if each != letter])
    word_is_long = len(phrase) > 3
    put = "" if word_is_long and rng.random() < 0.5 else wrong
    return _spelt(text, phrase, phrase[:at] + put + phrase[at + 1 :])


def swapped(text: str, phrase: str, rng: Random) -> str:
    """Exchange two neighbouring letters that differ."""
    at = _letter(
        phrase,
        rng,
        lambda i: (
            i + 1 < len(phrase)
            and phrase[i + 1].isalpha()
            and phrase[i + 1].casefold() != phrase[i].casefold()
        ),
    )
    if at is None:
        return text
    return _spelt(text, phrase, phrase[:at] + phrase[at + 1] + phrase[at] + phrase[at + 2 :])


def doubled(text: str, phrase: str, rng: Random) -> str:
    """Write one letter twice."""
    at = _letter(phrase, rng, lambda i: True)
    return text if at is None else _spelt(text, phrase, phrase[:at] + phrase[at] + phrase[at:])


def spacing(text: str, phrase: str, rng: Random) -> str:
    """Break a word in two by a space."""
    return _broken(text, phrase, " ", rng)


def hyphenation(text: str, phrase: str, rng: Random) -> str:
    """Break a word in two by a hyphen."""
    return _broken(text, phrase, "-", rng)


def homoglyph(text: str, phrase: str, rng: Random) -> str:
    """Put one or two letters of another script in the place of those that look the same."""
    return _exchanged(text, phrase, HOMOGLYPHS, rng)


def leetspeak(text: str, phrase: str, rng: Random) -> str:
    """Put digits in the place of one or two letters."""
    return _exchanged(text, phrase, LEET, rng)


def casing(text: str, phrase: str, rng: Random) -> str:
    """Write the phrase in capitals, or in capitals and small letters by turns."""
    if rng.random() < 0.5:
        return _spelt(text, phrase, phrase.upper())
    by_turns = "".join(c.upper() if i % 2 else c.lower() for i, c in enumerate(phrase))
    return _spelt(text, phrase, by_turns)


def _letter(phrase: str, rng: Random, fits: Callable[[int], bool]) -> int | None:
    """Return the place of a letter that fits, no word's first where another fits too."""
    places = [i for i, letter in enumerate(phrase) if letter.isalpha() and fits(i)]
    inner = [i for i in places if i and phrase[i - 1].isalpha()]
    return rng.choice(inner or places) if places else None


def _broken(text: str, phrase: str, by: str, rng: Random) -> str:
    inside = range(1, len(phrase))
    places = [i for i in inside if phrase[i - 1].isalpha() and phrase[i].isalpha()]
    if not places:
        return text
    at = rng.choice(places)
    return _spelt(text, phrase, phrase[:at] + by + phrase[at:])


def _exchanged(text: str, phrase: str, table: dict[str, str], rng: Random) -> str:
    places = [i for i, letter in enumerate(phrase) if letter.lower() in table]
    if not places:
        return text
    chosen = set(rng.sample(places, min(len(places), rng.choice((1, 2)))))
    new = "".join(table[c.lower()] if i in chosen else c for i, c in enumerate(phrase))
    return _spelt(text, phrase, new)


def _spelt(text: str, phrase: str, new: str) -> str:
    """Return the text with every occurrence of the phrase, as whole words, spelt anew."""
    return re.sub(rf"(?<!\w){re.escape(phrase)}(?!\w)", lambda _: new, text, flags=re.IGNORECASE)
