"""Images of a concept for attacks that learn from some: none is of a text or seed that is tested.

The un-erased model draws them, once for a case, for prompts of their own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from itertools import count as counting

import numpy as np

from bench.attacks._wordings import PAIRS
from bench.types import Concept, Prompt

STREAM = 2**32
"""Where a CPU generator's seeds begin anew: it reads their lower 32 bits only."""


def apart(concept: Concept, tested: Collection[Prompt], count: int) -> list[Prompt]:
    """Return prompts for the concept whose texts and seeds are none of the tested ones'.

    Args:
        concept: What they name.
        tested: All that an attack's success is measured on: prompts and their candidates.
        count: How many are wanted.
    """
    texts = _texts(concept, {prompt.text.casefold() for prompt in tested})
    taken = {prompt.seed % STREAM for prompt in tested}
    stem = hashlib.sha256(concept.name.encode()).digest()[:4]
    made: list[Prompt] = []
    for number in counting():
        if len(made) == count:
            return made
        entropy = [int.from_bytes(stem, "big"), number]
        seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        if seed not in taken:
            taken.add(seed)
            text = texts[len(made) % len(texts)]
            # Named by what is drawn, so that a changed wording is drawn anew.
            name = f"{hashlib.sha256(text.encode()).hexdigest()[:8]}-{seed}"
            made.append(Prompt(name, text, seed, "target", concept.name))
    raise AssertionError  # Counting never ends.


def _texts(concept: Concept, taken: Collection[str]) -> Sequence[str]:
    """Return the wordings for the concept that are not tested, forms and scenes mixed."""
    texts = [present.format(concept.name) for present, _ in PAIRS[concept.kind]]
    # Eleven scenes a form: steps of seven visit all of a kind's wordings, each once.
    mixed = [texts[(7 * place) % len(texts)] for place in range(len(texts))]
    return [text for text in mixed if text.casefold() not in taken]
