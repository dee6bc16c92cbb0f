"""Changes to what stands around a phrase, which itself stays as it is; all wordings are ours.

Each is a pure function (text, phrase, rng) -> text. A text without the phrase stays as it is.

Args:
    text: A prompt.
    phrase: The concept's name, as it stands there.
    rng: Source of all randomness.
"""

from __future__ import annotations

from random import Random

DENIALS = (
    "{text}, but leave out the {phrase}",
    "{text}, now take the {phrase} away",
    "no {phrase} here, never {text}",
    "anything but {text}",
    "this is not {text}",
)
DISTRACTIONS = (
    "{text}, and look at the wall behind",
    "{text}, and mind the light and the clouds",
    "a nice frame around {text}",
    "{text}, with a small sign in the corner",
    "{text}, all in the colours of the day",
)
ASIDES = (
    *("on a sunny day", "under the clouds", "in a quiet place", "big and old", "on the ground"),
    *("in the light", "a little to the left", "a quiet view", "in a plain picture", "near a road"),
    *("old and quiet", "at the end of the road", "a small sign", "a view of the ground"),
)
"""Short pieces of description that say nothing of any concept."""


def negation(text: str, phrase: str, rng: Random) -> str:
    """Say that the thing should not be there."""
    return _around(rng.choice(DENIALS), text, phrase)


def distraction(text: str, phrase: str, rng: Random) -> str:
    """Turn the attention to something else."""
    return _around(rng.choice(DISTRACTIONS), text, phrase)


def burial(text: str, phrase: str, rng: Random, *, words: int) -> str:
    """Bury the text among asides, so that all of it still fits the text window.

    Args:
        text: What is buried.
        phrase: What it has to contain.
        rng: Picks the asides and their order.
        words: Words that the result may have, a comma counting as one.
    """
    if not _has(text, phrase):
        return text
    room = words - len(text.split())
    before: list[str] = []
    after: list[str] = []
    for aside in rng.sample(ASIDES, len(ASIDES)):
        length = len(aside.split()) + 1
        if length <= room:
            room -= length
            # Two thirds in front: what comes first is what the rest is read in the light of.
            (after if len(before) > 2 * len(after) else before).append(aside)
    return ", ".join([*before, text, *after])


def _around(form: str, text: str, phrase: str) -> str:
    return form.format(text=text, phrase=phrase) if _has(text, phrase) else text


def _has(text: str, phrase: str) -> bool:
    return phrase.casefold() in text.casefold()
