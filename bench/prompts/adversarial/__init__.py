"""Static adversarial prompts: direct ones, changed in ways that need no model and no search.

A kind of change is a pure function (text, phrase, rng) -> text, and its name is the tag of the
prompts that it makes. Other languages are no change of letters: they are rows of a prompt file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from random import Random

from anyascii import anyascii

from bench.prompts.adversarial import letters, sentences
from bench.types import Prompt

Change = Callable[[str, str, Random], str]
CHANGES: dict[str, Change] = {
    function.__name__: function
    for function in (
        letters.typo,
        letters.swapped,
        letters.doubled,
        letters.spacing,
        letters.homoglyph,
        letters.leetspeak,
        letters.casing,
        letters.hyphenation,
        sentences.negation,
        sentences.distraction,
    )
}
KINDS = (*CHANGES, "burial")
"""Every kind of change, which is its tag."""


def derive(prompts: Sequence[Prompt], kinds: Iterable[str], window: int) -> list[Prompt]:
    """Return the adversarial prompts made from direct ones, kind by kind in their order.

    Each keeps the seed of the prompt that it comes from, so the two are drawn from the same noise.
    A prompt that a kind cannot change, say by a homoglyph where no letter has one, gives none.

    Args:
        prompts: Direct prompts; each names its concept.
        kinds: Some of `KINDS`.
        window: Words that a prompt may have, which `burial` fills.
    """
    changes = CHANGES | {"burial": partial(sentences.burial, words=window)}
    found = []
    for kind in kinds:
        numbers: dict[str, int] = {}
        for prompt in prompts:
            # Of the prompt alone, so that no other prompt or size decides what becomes of it.
            rng = Random(f"{kind} {prompt.id}")
            text = changes[kind](prompt.text, prompt.concept, rng)
            if text == prompt.text:
                continue
            number = numbers[prompt.concept] = numbers.get(prompt.concept, -1) + 1
            name = f"{slug(prompt.concept)}-adversarial-{kind}-{number:03d}"
            found.append(replace(prompt, id=name, text=text, role="adversarial", tag=kind))
    return found


def slug(name: str) -> str:
    """Return a concept's name as it stands in ids: small Latin letters, digits and hyphens.

    Other scripts are written in Latin letters, as they are read or look.
    """
    return re.sub(r"[^a-z0-9]+", "-", anyascii(name).casefold()).strip("-") or "concept"
