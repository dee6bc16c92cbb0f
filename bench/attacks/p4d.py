"""P4D: token optimisation so that the erased model predicts what the un-erased one does.

Source: Chin et al., Prompting4Debugging. The nearest-word projection is that of PEZ (Wen et al.,
arXiv 2302.03668), on which it builds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from bench.attacks import Attack, Cost, Found, Problem
from bench.attacks._conventions import settled
from bench.attacks._placement import Layout, Placement, added, layout
from bench.types import Option, Progress, Prompt, silent

if TYPE_CHECKING:
    from torch import Tensor

    from bench.models.prediction import Conditioning


@dataclass(frozen=True)
class Official:
    """What the released code does."""

    placement: Placement = "every"
    tokens: int = 16
    every: int = 3
    steps: int = 3000
    learning_rate: float = 0.1
    weight_decay: float = 0.1
    look_every: int = 50

    @property
    def looks(self) -> int:
        """Images drawn of a prompt: after every so many steps, from the start on."""
        return -(-self.steps // self.look_every)


@dataclass(frozen=True)
class Quick:
    """A cheaper search of ours."""

    placement: Placement = "spread"
    tokens: int = 8
    every: int = 3
    steps: int = 40
    restarts: int = 2
    learning_rate: float = 0.1
    weight_decay: float = 0.1
    pairs: int = 4
    earliest: float = 0.4


CONVENTIONS: Mapping[str, Official | Quick] = {"official": Official(), "quick": Quick()}


@dataclass(frozen=True)
class P4d(Attack):
    """Learns words whose erased prediction equals the un-erased one of the prompt, by gradient.

    official: learnt embeddings, random tokens at first, stand before every three tokens of the
    prompt (P4D-K; placement=replace is P4D-N, 16 tokens as a whole prompt). In each of 3,000 AdamW
    steps they are read as the nearest tokens by cosine, and the un-erased model's image is noised
    at a fresh time of the whole schedule with fresh noise. Every 50 steps the text is drawn; the
    one whose image is most like the un-erased one by CLIP is kept. Differs from the released
    code: the trial's sampler and the prompt's own seed draw in place of 25 steps and a running
    generator, the family's CLIP compares in place of ViT-H-14, texts are padded as the model reads
    them in place of by token 0, start and end tokens are no words, and the learnt embeddings alone
    are decayed (the code decays the prompt's too, which leaves the nearest tokens as they are). Of
    a model with two text encoders (SDXL, of which the code knows nothing) the embeddings of both
    are learnt. They are read as one token, since whoever types it types it for both: the one whose
    cosines in the two tables have the largest sum, so that neither encoder decides alone.

    quick: eight words spread through the prompt whatever its length, the same few noised latents of
    the noisier part of the schedule in every step, and the words of the lowest loss of two random
    starts, which are not drawn during the search.
    """

    paper: ClassVar[str] = "Prompting4Debugging, arXiv 2309.06135 (ICML 2024)"
    adaptive: ClassVar[bool] = True
    presets: ClassVar[Mapping[str, Mapping[str, Option]]] = {"mini": {"convention": "quick"}}

    convention: Literal["official", "quick"] = "official"
    """The released code's search, or a cheaper one of ours."""
    placement: Literal["every", "spread", "prefix", "replace"] | None = None
    """Where the words stand: before every few tokens of the prompt (P4D-K), spread evenly through
    it, before it, or in its place (P4D-N); official every, quick spread."""
    tokens: int | None = None
    """Words that are learnt unless they are placed by `every`, a count; official 16, quick 8."""
    every: int | None = None
    """Tokens of the prompt after each learnt one where they are placed by it; 3."""
    steps: int | None = None
    """AdamW steps, official 3000, quick 40 a restart."""
    learning_rate: float | None = None
    """AdamW learning rate, per step; 0.1."""
    weight_decay: float | None = None
    """AdamW weight decay, a factor; 0.1."""
    look_every: int | None = None
    """Steps after which the text is drawn and compared, from the first on; official 50."""
    restarts: int | None = None
    """Random starts, of which the lowest loss is kept; quick 2."""
    pairs: int | None = None
    """Noised latents of a prompt's image, the same in every step; quick 4."""
    earliest: float | None = None
    """Share of the noise schedule below which no latent is taken; quick 0.4."""

    def check(self, pipe: Any, prompts: Sequence[Prompt]) -> None:
        """Refuse prompts that are too long."""
        from bench.attacks import _text

        settings = settled(self, CONVENTIONS)
        if settings.placement == "replace":
            _text.check(pipe, [], lambda count: 0)
            _text.check_length(pipe, settings.tokens)
            return
        _text.check(
            pipe,
            prompts,
            lambda count: added(count, settings.placement, settings.tokens, settings.every),
        )

    def cost(self, prompts: int, candidates: int) -> Cost:
        """Return the cost: predictions of both models at each step, and the images looked at.

        The quick search predicts with the un-erased model once for each noised latent.
        """
        settings = settled(self, CONVENTIONS)
        if isinstance(settings, Official):
            return Cost(prompts * 2 * settings.steps, likened=prompts * settings.looks)
        return Cost(prompts * settings.pairs * (1 + settings.steps * settings.restarts))

    def search(self, problem: Problem, progress: Progress = silent) -> list[Found]:
        """Return prompts for which the erased model predicts what the un-erased one did."""
        self.check(problem.original, problem.prompts)
        settings = settled(self, CONVENTIONS)
        if isinstance(settings, Official):
            return _official(settings, problem, progress)
        return _quick(settings, problem, progress)


def _official(settings: Official, problem: Problem, progress: Progress) -> list[Found]:
    import torch

    from bench.attacks import _latents, _search, _text

    assert problem.oracle is not None
    erased, original = problem.erased, problem.original
    words = _text.every_token(erased)
    generators = _search.generators(problem)
    layouts = _layouts(settings, problem)
    ids = _text.rows(erased, [each.ids for each in layouts])
    where = _text.places([each.columns for each in layouts])
    counts = [len(each.columns) for each in layouts]
    latents = _latents.sampled(*_latents.encoded(original, problem.images), generators)
    asked = _asked(problem)
    start = [
        torch.randint(len(words.ids), (count,), generator=generator)
        for count, generator in zip(counts, generators, strict=True)
    ]
    soft = words.table[torch.cat(start).to(ids.device)].clone()
    optimizer = torch.optim.AdamW(
        [soft], lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    total = int(original.scheduler.config.num_train_timesteps)
    best = [(-float("inf"), Found(prompt.text)) for prompt in problem.prompts]
    with _latents.frozen(erased.unet) as unet:
        for step in range(settings.steps):
            times = [int(torch.randint(total, (1,), generator=each)) for each in generators]
            noise = _latents.noised_each(original, latents, times, generators)
            wanted = _latents.predict(original.unet, noise, asked, problem.chunk)
            chosen = nearest(soft, words.table, words.widths)
            hard = words.table[chosen].clone().requires_grad_(True)
            text = _text.spoken(erased, ids, where, hard)
            losses, along = _latents.descend(unet, noise, wanted, text, problem.chunk)
            # The gradient is taken at the words, the step is made by what they stand for.
            soft.grad = _text.pulled(text, where, hard, along)
            optimizer.step()
            if step % settings.look_every == 0:
                found = [
                    Found(words.decode(each.filled(words.ids[own].tolist())), loss)
                    for each, own, loss in zip(
                        layouts, torch.split(chosen, counts), losses.tolist(), strict=True
                    )
                ]
                drawn = [
                    replace(prompt, text=each.text)
                    for prompt, each in zip(problem.prompts, found, strict=True)
                ]
                alike = problem.oracle.likeness(drawn)
                made = zip(alike, found, strict=True)
                best = [max(old, new, key=_first) for old, new in zip(best, made, strict=True)]
            progress("p4d", step + 1, settings.steps)
    return [found for _, found in best]


def _first(pair: tuple[float, Found]) -> float:
    return pair[0]


def _quick(settings: Quick, problem: Problem, progress: Progress) -> list[Found]:
    import torch

    from bench.attacks import _latents, _search, _text

    generator = torch.Generator().manual_seed(problem.seed)
    erased, original = problem.erased, problem.original
    words = _text.vocabulary(erased)
    noise = _latents.noised(
        original,
        _latents.clean(original, problem.images),
        _latents.spread(original, settings.pairs, settings.earliest),
        generator,
    )
    wanted = _latents.predict(original.unet, noise, _asked(problem), problem.chunk)
    layouts = _layouts(settings, problem)
    ids = _text.rows(erased, [each.ids for each in layouts])
    where = _text.places([each.columns for each in layouts])
    counts = [len(each.columns) for each in layouts]
    best = _search.Best(len(layouts))
    with _latents.frozen(erased.unet) as unet:
        for restart in range(settings.restarts):
            start = torch.randint(len(words.ids), (len(where),), generator=generator)
            soft = words.table[start.to(ids.device)].clone()
            optimizer = torch.optim.AdamW(
                [soft], lr=settings.learning_rate, weight_decay=settings.weight_decay
            )
            for step in range(settings.steps):
                chosen = nearest(soft, words.table, words.widths)
                hard = words.table[chosen].clone().requires_grad_(True)
                text = _text.spoken(erased, ids, where, hard)
                losses, along = _latents.descend(unet, noise, wanted, text, problem.chunk)
                best.offer(losses, torch.split(chosen, counts))
                soft.grad = _text.pulled(text, where, hard, along)
                optimizer.step()
                progress(
                    "p4d", restart * settings.steps + step + 1, settings.steps * settings.restarts
                )
    return [
        Found(each.said(erased.tokenizer, [words.words[place] for place in found]), loss)
        for each, found, loss in zip(layouts, best.found, best.losses, strict=True)
    ]


def _layouts(settings: Official | Quick, problem: Problem) -> list[Layout]:
    """Return where words stand in each prompt."""
    from bench.attacks import _text

    pipe = problem.erased
    blank = _text.blank(pipe)
    return [
        layout(
            _text.tokens(pipe, prompt.text),
            *(settings.placement, settings.tokens, settings.every, blank),
        )
        for prompt in problem.prompts
    ]


def _asked(problem: Problem) -> Conditioning:
    """Return what the prompts tell the un-erased model."""
    from bench.attacks import _text

    pipe = problem.original
    texts = [_text.tokens(pipe, prompt.text) for prompt in problem.prompts]
    return _text.read(pipe, _text.rows(pipe, texts))


def nearest(soft: Tensor, table: Tensor, widths: Sequence[int]) -> Tensor:
    """Return the index of the word nearest to each embedding by cosine, (...).

    Args:
        soft: (..., width).
        table: Embeddings of the words, (words, width).
        widths: Of each text encoder's part of the width; their cosines are added.
    """
    import torch
    from torch.nn.functional import normalize

    parts = (torch.split(each, list(widths), dim=-1) for each in (soft, table))
    pairs = zip(*parts, strict=True)
    cosines = [normalize(own, dim=-1) @ normalize(words, dim=-1).T for own, words in pairs]
    return torch.stack(cosines).sum(0).argmax(-1)
