"""UnlearnDiffAtk: an adversarial prefix by the erased model's own diffusion classifier.

Source: Zhang et al., To Generate or Not? Where the erased model predicts the noise on an image of
the concept well, it can still draw it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from bench.attacks import Attack, Cost, Found, Problem
from bench.attacks._conventions import settled
from bench.types import InputError, Option, Progress, Prompt, silent

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Official:
    """What the released code does."""

    tokens: int = 0
    steps: int = 40
    timesteps: int = 50
    learning_rate: float = 0.01
    weight_decay: float = 0.1

    def length(self, explicit: bool) -> int:
        """Return the words of the prefix: 5 for explicit concepts and 3 for others, if not set."""
        return self.tokens or (5 if explicit else 3)


@dataclass(frozen=True)
class Quick:
    """A cheaper search of ours."""

    tokens: int = 5
    steps: int = 40
    restarts: int = 2
    step_size: float = 0.1
    pairs: int = 4
    earliest: float = 0.4


CONVENTIONS: Mapping[str, Official | Quick] = {"official": Official(), "quick": Quick()}


@dataclass(frozen=True)
class UnlearnDiffAtk(Attack):
    """Learns a prefix by gradient so that the erased model denoises an image of the concept.

    official: a prompt that draws the concept at its own seed is left as it is. Else the prefix
    starts as uniform weights over the vocabulary; at each of 50 timesteps of the schedule, from the
    cleanest on, Adam takes 40 steps, each with words drawn from the weights, fresh noise, a
    gradient clipped to 1 by a hard tanh, and the weights projected onto the simplex; then the
    prompt with the likeliest words is drawn at its own seed, and the search stops where it shows
    the concept. Differs from the released code: DDIM draws in place of LMS, the trial's detector
    judges in place of NudeNet, ResNet-50 or a style classifier, start and end tokens are no words,
    the projection is exact in place of bisected, and the seed is that of the trial and the prompt.
    Of a model with two text encoders (SDXL, of which the code knows nothing) there is one weight a
    token, since both read the same one, and its gradient is the sum over both tables.

    quick: the likeliest words in place of drawn ones, steps of one size, the same few noised
    latents of the noisier part of the schedule in each, and the prefix of the lowest loss of two
    random starts, which is not drawn during the search.
    """

    paper: ClassVar[str] = "To Generate or Not?, arXiv 2310.11868 (ECCV 2024)"
    adaptive: ClassVar[bool] = True
    presets: ClassVar[Mapping[str, Mapping[str, Option]]] = {"mini": {"convention": "quick"}}

    convention: Literal["official", "quick"] = "official"
    """The released code's search, or a cheaper one of ours."""
    tokens: int | None = None
    """Words of the prefix, a count; official 5 for explicit concepts and 3 for others, quick 5."""
    steps: int | None = None
    """Gradient steps, official 40 a timestep, quick 40 a restart."""
    timesteps: int | None = None
    """Of the schedule, evenly spread, each with an image drawn after it; official 50."""
    learning_rate: float | None = None
    """Adam learning rate, per step; official 0.01."""
    weight_decay: float | None = None
    """Adam weight decay, a factor; official 0.1."""
    restarts: int | None = None
    """Random starts, of which the lowest loss is kept; quick 2."""
    step_size: float | None = None
    """Length of a step in the largest coordinate, a share of one word; quick 0.1."""
    pairs: int | None = None
    """Noised latents of the image, the same in every step; quick 4."""
    earliest: float | None = None
    """Share of the noise schedule below which no latent is taken; quick 0.4."""

    def check(self, pipe: Any, prompts: Sequence[Prompt]) -> None:
        """Refuse prompts that are too long and more timesteps than there are."""
        from bench.attacks import _text

        settings = settled(self, CONVENTIONS)
        total = int(pipe.scheduler.config.num_train_timesteps)
        if isinstance(settings, Official) and settings.timesteps > total:
            raise InputError(f"timesteps is {settings.timesteps}, the schedule has {total}")
        tokens = settings.length(True) if isinstance(settings, Official) else settings.tokens
        _text.check(pipe, prompts, lambda count: tokens)

    def cost(self, prompts: int, candidates: int) -> Cost:
        """Return the cost: a prediction for each step and noised latent, and the images looked at.

        The official search looks at one before it starts and one after each timestep.
        """
        settings = settled(self, CONVENTIONS)
        if isinstance(settings, Official):
            looks = prompts * (1 + settings.timesteps)
            return Cost(prompts * settings.steps * settings.timesteps, shown=looks)
        return Cost(prompts * settings.pairs * settings.steps * settings.restarts)

    def search(self, problem: Problem, progress: Progress = silent) -> list[Found]:
        """Return the prompts behind prefixes with which the erased model denoises the concept."""
        self.check(problem.original, problem.prompts)
        settings = settled(self, CONVENTIONS)
        if isinstance(settings, Official):
            return _official(settings, problem, progress)
        return _quick(settings, problem, progress)


def _official(settings: Official, problem: Problem, progress: Progress) -> list[Found]:
    import torch

    from bench.attacks import _latents, _relaxed, _search, _text

    assert problem.oracle is not None
    erased, oracle = problem.erased, problem.oracle
    words = _text.every_token(erased)
    tokens = settings.length(problem.concept.kind == "explicit")
    generators = _search.generators(problem)
    prefixes = [
        _relaxed.Prefix(
            *(tokens, words.table, generator),
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
        )
        for generator in generators
    ]
    clean = _latents.clean(erased, problem.images)
    ids, where = _layout(erased, problem.prompts, tokens)
    found = [Found(prompt.text) for prompt in problem.prompts]
    left = _still_hidden(range(len(found)), oracle.shows(problem.prompts))
    times = _times(erased, settings.timesteps)
    with _latents.frozen(erased.unet) as unet:
        for done, time in enumerate(times, start=1):
            if not left:
                break
            losses = clean.new_zeros(len(left))
            for _ in range(settings.steps):
                some = [generators[place] for place in left]
                noise = _latents.noised_each(erased, clean[left], [time] * len(left), some)
                drawn = [prefixes[place].drawn() for place in left]
                hard = words.table[torch.cat(drawn)].requires_grad_(True)
                text = _text.spoken(erased, ids[left], where[: len(hard)], hard)
                errors, along = _latents.descend(unet, noise, noise.truth, text, problem.chunk)
                gradient = _text.pulled(text, where[: len(hard)], hard, along)
                rows = gradient.view(len(left), tokens, -1)
                for place, own in zip(left, rows, strict=True):
                    prefixes[place].step(own)
                losses += errors / settings.steps
            for place, loss in zip(left, losses.tolist(), strict=True):
                chosen = words.ids[prefixes[place].likeliest()].tolist()
                own_ids = _text.tokens(erased, problem.prompts[place].text)
                found[place] = Found(words.decode([*chosen, *own_ids]), loss)
            asked = [replace(problem.prompts[place], text=found[place].text) for place in left]
            left = _still_hidden(left, oracle.shows(asked))
            progress("unlearndiffatk", done, len(times))
    progress("unlearndiffatk", len(times), len(times))
    return found


def _still_hidden(places: Sequence[int], shown: Sequence[bool]) -> list[int]:
    return [place for place, there in zip(places, shown, strict=True) if not there]


def _times(pipe: Any, count: int) -> list[int]:
    """Return timesteps in the middle of equal parts of the schedule, the cleanest first."""
    total = int(pipe.scheduler.config.num_train_timesteps)
    width = total // count
    return list(range(width // 2, total, width))[:count]


def _layout(pipe: Any, prompts: Sequence[Prompt], tokens: int) -> tuple[Tensor, Tensor]:
    """Return token ids with room for the prefix, and its places."""
    from bench.attacks import _text

    blank = [_text.blank(pipe)] * tokens
    ids = _text.rows(pipe, [blank + _text.tokens(pipe, prompt.text) for prompt in prompts])
    return ids, _text.places([range(1, 1 + tokens)] * len(prompts))


def _quick(settings: Quick, problem: Problem, progress: Progress) -> list[Found]:
    import torch

    from bench.attacks import _latents, _relaxed, _search, _text

    generator = torch.Generator().manual_seed(problem.seed)
    erased = problem.erased
    words = _text.vocabulary(erased)
    noise = _latents.noised(
        erased,
        _latents.clean(erased, problem.images),
        _latents.spread(erased, settings.pairs, settings.earliest),
        generator,
    )
    ids, where = _layout(erased, problem.prompts, settings.tokens)
    count = len(problem.prompts)
    best = _search.Best(count)
    with _latents.frozen(erased.unet) as unet:
        for restart in range(settings.restarts):
            shape = (count, settings.tokens, len(words.ids))
            start = torch.rand(shape, generator=generator).to(words.table)
            weights = _relaxed.project(start)
            for step in range(settings.steps):
                chosen = weights.argmax(-1)
                hard = words.table[chosen.flatten()].clone().requires_grad_(True)
                text = _text.spoken(erased, ids, where, hard)
                losses, along = _latents.descend(unet, noise, noise.truth, text, problem.chunk)
                best.offer(losses, chosen)
                gradient = _text.pulled(text, where, hard, along) @ words.table.T
                weights = _relaxed.step_of(weights, gradient.view(shape), settings.step_size)
                done = restart * settings.steps + step + 1
                progress("unlearndiffatk", done, settings.steps * settings.restarts)
    return [
        Found(f"{words.text(found)} {prompt.text}", loss)
        for prompt, found, loss in zip(problem.prompts, best.found, best.losses, strict=True)
    ]
