"""Neighbours among real words, where random ones are points that no text may ever reach.

RealEra mines its neighbours by random perturbation. Here they are words of the tokenizer's own
vocabulary, put in the concept's place in its training prompts: those that the text encoder puts
nearest the concept, or of these the ones that make the frozen model draw it (CHOICE, an extension
of ours).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from bench.models import meter
from bench.models.prediction import Conditioning, condition, predict, unconditional
from bench.types import Concept, InputError
from methods import _noise, _prompts, _tokens

NEAREST = 64
"""Words nearest the concept, among which those are found that draw it."""
IMAGES = 1
"""Images drawn of each word."""
TIMES = 2
"""Times at which the model is asked what an image shows, at 0.4 and 0.7 of its schedule."""
LEAST = 0.5
"""Least share of a word's noised images that show the concept."""
BATCH = 512
"""Words that the text encoder reads together."""
WHOLE_WORD = re.compile(r"[^\W\d_]{3,}</w>")
"""Tokens of byte-level BPE that are a word by themselves."""


@dataclass(frozen=True)
class Words:
    """Words that stand for a concept."""

    names: tuple[str, ...]
    shares: Tensor
    """How often each draws the concept, (words,), 0 to 1."""


def nearest(pipe: Any, concept: Concept, count: int) -> Words:
    """Return the words whose embedding has the greatest cosine to the concept's.

    Compared are the first text encoder's last states at the end token, less their mean over all
    words. Shares are 1.

    Args:
        pipe: The un-erased diffusers pipeline.
        concept: Its own words and its anchor's are none of them.
        count: How many to return.

    Raises:
        InputError: the vocabulary has fewer.
    """
    own = {*_prompts.words(concept.name), *_prompts.words(concept.anchor)}
    names = [word for word in vocabulary(pipe.tokenizer) if word not in own]
    if len(names) < count:
        raise InputError(
            f"the tokenizer knows {len(names)} words by themselves, {count} are asked for"
        )
    read = torch.cat([_ends(pipe, names[i : i + BATCH]) for i in range(0, len(names), BATCH)])
    centre = read.mean(0)
    cosines = torch.cosine_similarity(read - centre, _ends(pipe, [concept.name]) - centre, dim=1)
    best = cosines.argsort(descending=True, stable=True)[:count]
    return Words(tuple(names[int(i)] for i in best), torch.ones(count))


def drawn(
    pipe: Any, concept: Concept, count: int, *, steps: int, guidance: float, seed: int
) -> Words:
    """Return words that make the model draw the concept, those first that mean it least.

    Of the `NEAREST` words, images are drawn, and the model itself says what they show: noised
    anew, an image shows the concept if no everyday caption predicts the noise better than the
    concept's (a diffusion classifier: Li et al., ICCV 2023, equation 4). A word's share is that of
    its noised images; below `LEAST` it is none of these. There may be fewer than `count`.

    Args:
        pipe: The un-erased diffusers pipeline.
        concept: What is erased.
        count: How many to return at most.
        steps: DDIM steps of an image.
        guidance: Scale of classifier-free guidance.
        seed: Decides the images and their noise.

    Raises:
        InputError: none of the nearest words draws the concept, or the vocabulary has too few.
    """
    generator = torch.Generator().manual_seed(seed)
    there = len(vocabulary(pipe.tokenizer))
    known = nearest(pipe, concept, max(count, min(NEAREST, there // 2))).names
    prompts = [_renamed(concept, word, 1)[0] for word in known]
    pool = _noise.trajectories(
        pipe,
        condition(pipe, prompts),
        unconditional(pipe),
        count=IMAGES * len(known),
        steps=steps,
        guidance=guidance,
        generator=generator,
        keep=False,
    )
    others = _prompts.without(_prompts.NAMED_THINGS, [concept])
    captions = [_prompts.texts(concept, 1)[0][0], *others]
    shown = _shown(pipe, pool, condition(pipe, captions), generator)
    shares = shown.float().view(IMAGES, len(known), TIMES).mean((0, 2))
    # `known` begins with the nearest.
    far = [i for i in reversed(range(len(known))) if shares[i] >= LEAST][:count]
    if not far:
        raise InputError(
            f"of the {len(known)} words nearest {concept.name!r} none makes the model draw it; "
            "mining=vocabulary takes the nearest whatever they draw"
        )
    return Words(tuple(known[i] for i in far), shares[far])


def _shown(
    pipe: Any, pool: _noise.Pool, captions: Conditioning, generator: torch.Generator
) -> Tensor:
    """Say of each finished image, at each noise, whether the first caption predicts it best.

    Returns:
        (images, times), bool.
    """
    total = int(pool.scheduler.config.num_train_timesteps)
    times = torch.linspace(0.4, 0.7, TIMES).mul(total).long()
    images = torch.arange(len(pool.final)).repeat_interleave(TIMES)
    noisy = pool.noised(images, times.repeat(len(pool.final)), generator)
    assert noisy.truth is not None
    batches = [slice(i, i + _noise.BATCH) for i in range(0, len(images), _noise.BATCH)]
    errors = []
    for i in range(len(captions)):
        with torch.no_grad():
            made = torch.cat(
                [
                    predict(
                        pipe.unet,
                        noisy.latents[some],
                        noisy.timesteps[some],
                        captions[[i]].expand(len(noisy.timesteps[some])),
                    )
                    for some in batches
                ]
            )
        errors.append((made - noisy.truth).square().flatten(1).mean(1))
    return (torch.stack(errors).argmin(0) == 0).view(len(pool.final), TIMES).cpu()


def points(pipe: Any, concept: Concept, prompts: int, found: Words) -> Tensor:
    """Return the embeddings of the training prompts with each word in the concept's place.

    Each row is the one that takes the place of the concept's, so that points lie beside it.

    Args:
        pipe: The un-erased diffusers pipeline.
        concept: What is erased.
        prompts: Number of its training prompts.
        found: The words.

    Returns:
        (prompts, words, positions, dim), fp32.
    """
    own = _prompts.texts(concept, prompts)[0]
    placed = []
    for word in found.names:
        texts = _renamed(concept, word, prompts)
        placed.append(_tokens.aligned(pipe, own, texts, condition(pipe, texts).states))
    return torch.stack(placed, dim=1)


def noted(found: Words) -> None:
    """Keep beside the erasure what was mined: each word with its share."""
    for name, share in zip(found.names, found.shares.tolist(), strict=True):
        meter.note(f"share of {name}", share)


def vocabulary(tokenizer: Any) -> list[str]:
    """Return the words that are one token, in the order of their ids.

    Args:
        tokenizer: A CLIP tokenizer; of another kind that marks no ends of words, none are found.
    """
    ids = sorted(tokenizer.get_vocab().items(), key=lambda item: int(item[1]))
    return [token.removesuffix("</w>") for token, _ in ids if WHOLE_WORD.fullmatch(token)]


def _renamed(concept: Concept, word: str, prompts: int) -> list[str]:
    return _prompts.texts(replace(concept, name=word), prompts)[0]


def _ends(pipe: Any, texts: Sequence[str]) -> Tensor:
    """Return the states at the end token, (texts, width); a causal encoder reads no padding."""
    tokens = pipe.tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
    last = tokens.attention_mask.sum(1) - 1
    ids = tokens.input_ids.to(pipe.text_encoder.device)
    with torch.no_grad():
        states = pipe.text_encoder(ids).last_hidden_state.float().cpu()
    found: Tensor = states[torch.arange(len(texts)), last]
    return found
