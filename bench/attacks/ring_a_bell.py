"""Ring-A-Bell: prompts that mean the concept, found without any U-Net.

Source: Tsai et al., Ring-A-Bell. The direction of the concept is the mean difference between
prompts with and without it; a genetic algorithm looks for words near prompt plus direction.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from bench.attacks import Attack, Cost, Found, Problem
from bench.attacks._conventions import settled
from bench.attacks._wordings import PAIRS
from bench.types import Concept, InputError, Option, Progress, Prompt, silent

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from bench.attacks import _text


@dataclass(frozen=True)
class Settings:
    """What a convention does; its defaults are those of the released code."""

    strength: float = 3.0
    tokens: int = 16
    population: int = 200
    generations: int = 3000
    crossover: float = 0.5
    mutation: float = 0.25
    seeded: bool = False
    elitist: bool = False


CONVENTIONS: Mapping[str, Settings] = {
    "official": Settings(),
    "quick": Settings(population=40, generations=100, seeded=True, elitist=True),
}


@dataclass(frozen=True)
class RingABell(Attack):
    """Finds words near the prompt plus the concept's direction in text space, by evolution.

    official: the direction is the mean of thirty-three pairs of prompts. 200 texts of 16 random
    tokens evolve over 3,000 generations; in each the better half by the summed squared distance of
    the whole embedding is kept, every kept text has odds of 0.5 to cross with another at one point,
    which adds both children, and every text, the kept ones included, has odds of 0.25 that one of
    its tokens becomes another. The best text of the last generation is what is found. Differs from
    the released code: pairs are worded anew and not sifted by what they draw, and token 0 may be
    chosen. Of a model with two text encoders (SDXL, of which the code knows nothing) the embedding
    is all that the text tells the U-Net: the states of both and the pooled one.

    quick: 40 texts of words that can be typed, 100 generations, the kept texts do not change, and
    the first generation holds the prompt without the concept's name and synonyms, since a random
    start needs thousands of generations. So in both the name is never given: evolution may find it.
    """

    paper: ClassVar[str] = "Ring-A-Bell!, arXiv 2310.10012 (ICLR 2024)"
    adaptive: ClassVar[bool] = False
    presets: ClassVar[Mapping[str, Mapping[str, Option]]] = {"mini": {"convention": "quick"}}

    convention: Literal["official", "quick"] = "official"
    """The released code's search, or a cheaper one of ours."""
    strength: float | None = None
    """Weight eta of the concept's direction, a factor; 3."""
    tokens: int | None = None
    """Tokens of what is found, a count; 16."""
    population: int | None = None
    """Texts of the first generation, of which half are kept in each, a count; official 200, quick
    40."""
    generations: int | None = None
    """Generations, a count; official 3000, quick 100."""
    crossover: float | None = None
    """Odds that a kept text is crossed with another; 0.5."""
    mutation: float | None = None
    """Odds that a text has one token changed; 0.25."""
    seeded: bool | None = None
    """Whether the prompt without the concept's words is in the first generation; official false,
    quick true."""
    elitist: bool | None = None
    """Whether kept texts stay as they are; official false, quick true."""

    def check(self, pipe: Any, prompts: Sequence[Prompt]) -> None:
        """Refuse texts that are longer than the text encoder reads."""
        from bench.attacks import _text

        _text.check(pipe, [], lambda count: 0)
        _text.check_length(pipe, self._settings().tokens)

    def cost(self, prompts: int, candidates: int) -> Cost:
        """Return a cost of 0: only the text encoder is asked."""
        self._settings()
        return Cost()

    def _settings(self) -> Settings:
        settings = settled(self, CONVENTIONS)
        for name in ("crossover", "mutation"):
            if getattr(settings, name) > 1:
                raise InputError(f"option {name} is {getattr(settings, name)}, allowed is 0 to 1")
        if settings.population < 2:
            raise InputError(f"option population is {settings.population}, allowed is 2 or more")
        return settings

    def search(self, problem: Problem, progress: Progress = silent) -> list[Found]:
        """Return the fittest texts, found with the un-erased model's text encoder alone."""
        import torch

        from bench.attacks import _search, _text

        pipe, settings = problem.original, self._settings()
        self.check(pipe, problem.prompts)
        words = (_text.vocabulary if self.convention == "quick" else _text.every_token)(pipe)
        aims = encoded(pipe, [prompt.text for prompt in problem.prompts])
        aims = aims + settings.strength * direction(pipe, problem.concept)
        found: list[Found] = []
        generators = _search.generators(problem)
        for prompt, aim, generator in zip(problem.prompts, aims, generators, strict=True):
            shape = (settings.population, settings.tokens)
            texts = torch.randint(len(words.ids), shape, generator=generator)
            if settings.seeded:
                rest = without(prompt.text, problem.concept)
                own = known(words, _text.tokens(pipe, rest))[: settings.tokens]
                texts[0, : len(own)] = torch.tensor(own, dtype=texts.dtype)
            for generation in range(settings.generations):
                if generation:
                    texts = bred(texts, len(words.ids), settings, generator)
                fitness = distance(pipe, words, texts, aim)
                order = fitness.argsort()[: settings.population // 2]
                texts, fitness = texts[order], fitness[order]
                done = len(found) * settings.generations + generation + 1
                progress("ring_a_bell", done, len(aims) * settings.generations)
            found.append(Found(words.text(texts[0].tolist()), float(fitness[0])))
        return found


def bred(kept: Tensor, words: int, settings: Settings, generator: torch.Generator) -> Tensor:
    """Return a generation: the kept texts, the children of crossed ones, and mutations in all.

    Args:
        kept: The better half of the last one, (texts, tokens).
        words: Size of the vocabulary.
        settings: Odds of crossing and of mutation, and whether the kept ones are spared.
        generator: Source of chance.
    """
    import torch

    count, tokens = kept.shape
    crossed = torch.rand(count, generator=generator) < settings.crossover
    other = kept[torch.randint(count, (count,), generator=generator)][crossed]
    one = kept[crossed]
    # The point is before any of the tokens, the first one too.
    cut = torch.randint(tokens, (len(one), 1), generator=generator)
    head = torch.arange(tokens) < cut
    children = [torch.where(head, one, other), torch.where(head, other, one)]
    texts = torch.cat([kept, *children])
    mutated = torch.rand(len(texts), generator=generator) < settings.mutation
    if settings.elitist:
        mutated[:count] = False
    place = torch.randint(tokens, (len(texts), 1), generator=generator)
    fresh = torch.randint(words, (len(texts), 1), generator=generator)
    return torch.where(mutated[:, None] & (torch.arange(tokens) == place), fresh, texts)


def encoded(pipe: Any, texts: Sequence[str]) -> Tensor:
    """Return all that texts tell the U-Net, fp32 (texts, numbers).

    Args:
        pipe: The un-erased diffusers pipeline.
        texts: None longer than the text encoder reads.
    """
    from bench.attacks import _text

    return _told(pipe, [_text.tokens(pipe, text) for text in texts])


def _told(pipe: Any, texts: Sequence[Sequence[int]]) -> Tensor:
    import torch

    from bench.attacks import _text

    text = _text.read(pipe, _text.rows(pipe, texts))
    parts = (text.states, text.pooled)
    return torch.cat([each.flatten(1) for each in parts if each is not None], dim=1)


def direction(pipe: Any, concept: Concept) -> Tensor:
    """Return the mean difference of the embeddings of prompts with and without the concept.

    Args:
        pipe: The un-erased diffusers pipeline.
        concept: Its kind decides the pairs of prompts.

    Returns:
        (numbers,), see `encoded`.
    """
    pairs = PAIRS[concept.kind]
    with_it = encoded(pipe, [present.format(concept.name) for present, _ in pairs])
    absent = encoded(pipe, [text for _, text in pairs])
    return (with_it - absent).mean(0)


def without(text: str, concept: Concept) -> str:
    """Return the text without the concept's name and synonyms.

    Args:
        text: A prompt.
        concept: Plural and genitive of its names go too.
    """
    for phrase in sorted((concept.name, *concept.synonyms), key=len, reverse=True):
        text = re.sub(rf"(?i)\b{re.escape(phrase)}(s|es|'s)?\b", " ", text)
    return " ".join(text.split())


def known(words: _text.Vocabulary, ids: Sequence[int]) -> list[int]:
    """Return the indices of those tokens that are words of the vocabulary.

    Args:
        words: The vocabulary that is searched.
        ids: Token ids of a text.

    Returns:
        Indices in the vocabulary, in the order of the text; other tokens are left out.
    """
    index = {token: place for place, token in enumerate(words.ids.tolist())}
    return [index[token] for token in ids if token in index]


def distance(pipe: Any, words: _text.Vocabulary, texts: Tensor, aim: Tensor) -> Tensor:
    """Return each text's squared distance from the aim, (texts,).

    Args:
        pipe: A diffusers pipeline.
        words: The vocabulary.
        texts: Indices of words, (texts, tokens).
        aim: What the text should tell the U-Net, (numbers,).
    """
    made = _told(pipe, words.ids.cpu()[texts].tolist())
    return (made - aim).square().sum(1).cpu()
