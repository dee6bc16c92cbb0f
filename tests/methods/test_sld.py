"""SLD against its published settings and a calculation of its own in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bench import prompts
from bench.families import FAMILIES
from bench.models import loading, meter
from bench.models.generate import draw, noise
from bench.models.mini import judge
from bench.models.mini.world.truth import LABELS
from bench.models.prediction import condition
from bench.models.steering import Rows, empties
from bench.types import Concept, InputError, Sampler
from methods import sld
from methods.sld import Safety, Sld

SAMPLER = Sampler(5, 4.0)
TEXTS = ("a photo of an airplane", "a dog in the snow")
HALF: dict[str, Any] = {"strength": 3.0, "threshold": 0.05}
"""Settings at which the scale is not 1 everywhere."""


def drawn(pipe: Any, texts: tuple[str, ...] = TEXTS, first: int = 0, steps: int = 5) -> Tensor:
    seeds = range(first, first + len(texts))
    made: Tensor = draw(pipe, texts, seeds, Sampler(steps, SAMPLER.guidance), "latent")
    return made


def by_hand(pipe: Any, text: str, safety: str, seed: int, eraser: Sld) -> Tensor:
    """Draw one image by the published formulas, in numpy, three calls of the U-Net a step."""
    embedded = {"u": empties(pipe)[0], "c": condition(pipe, [text]), "s": condition(pipe, [safety])}
    side = pipe.vae_scale_factor * pipe.unet.config.sample_size
    sizes = torch.tensor([[side, side, 0, 0, side, side]])
    pipe.scheduler.set_timesteps(SAMPLER.steps)
    x, nu = noise(pipe.unet, [seed]), np.zeros(1)
    for i, t in enumerate(pipe.scheduler.timesteps):
        e = {}
        for name, each in embedded.items():
            added = {"text_embeds": each.pooled, "time_ids": sizes}
            with torch.no_grad():
                e[name] = pipe.unet(x, t, each.states, added_cond_kwargs=added).sample.numpy()
        u, c, s = e["u"], e["c"], e["s"]
        phi = np.minimum(np.abs(c - s) * eraser.strength, 1)
        mu = np.where(c - s < eraser.threshold, phi, 0)
        gamma = mu * (s - u) + eraser.momentum_scale * nu
        nu = eraser.momentum_beta * nu + (1 - eraser.momentum_beta) * gamma
        g = (c - u) - (gamma if i >= eraser.warmup * SAMPLER.steps else 0)
        made = torch.from_numpy((u + SAMPLER.guidance * g).astype(np.float32))
        x = pipe.scheduler.step(made, t, x).prev_sample
    return x


@pytest.mark.parametrize("layout", ["tiny_pipe", "tiny_sdxl"])
@pytest.mark.parametrize("options", [HALF, HALF | {"warmup": 0.6, "momentum_scale": 0.5}])
def test_images_are_those_of_the_published_formulas(
    layout: str,
    options: dict[str, Any],
    request: pytest.FixtureRequest,
    airplane: Concept,
    bird: Concept,
) -> None:
    pipe, eraser = request.getfixturevalue(layout), Sld(**options)
    wanted = torch.cat(
        [by_hand(pipe, text, "airplane, bird", seed, eraser) for seed, text in enumerate(TEXTS)]
    )
    found = drawn(eraser.erase(pipe, [airplane, bird], seed=0))
    assert torch.allclose(found, wanted, atol=1e-3)
    assert (found - drawn(pipe)).abs().max() > 0.02


@pytest.mark.parametrize("layout", ["tiny_pipe", "tiny_sdxl"])
@pytest.mark.parametrize("options", [{"strength": 0.0}, {"threshold": -1e9}, {"warmup": 1.0}])
def test_without_any_scale_it_is_the_un_erased_model(
    layout: str, options: dict[str, Any], request: pytest.FixtureRequest, airplane: Concept
) -> None:
    pipe = request.getfixturevalue(layout)
    erased = Sld(**options).erase(pipe, [airplane], seed=0)
    for texts in (TEXTS, TEXTS[:1]):
        assert torch.equal(drawn(erased, texts), drawn(pipe, texts))


def test_three_evaluations_a_step(tiny_pipe: Any, airplane: Concept) -> None:
    erased = Sld().erase(tiny_pipe, [airplane], seed=0)
    with meter.counted() as spent:
        drawn(erased)
    assert spent() == 3 * len(TEXTS) * SAMPLER.steps


def test_images_of_one_batch_are_those_of_two_and_the_momentum_starts_anew(
    tiny_pipe: Any, airplane: Concept
) -> None:
    erased = Sld(**HALF, momentum_scale=0.5, warmup=0.0).erase(tiny_pipe, [airplane], seed=0)
    together = drawn(erased)
    for number, text in enumerate(TEXTS):
        for _ in range(2):
            alone = drawn(erased, (text,), number)
            assert torch.allclose(together[number], alone[0], atol=1e-3)
    assert torch.equal(drawn(erased), together)


def test_three_rows_of_a_batch_are_answered_as_three_calls(
    tiny_pipe: Any, airplane: Concept
) -> None:
    """Whoever asks for prompts without guidance gets what guidance would be given for them."""
    texts = (*TEXTS, "a ship")
    embedded = torch.cat([condition(tiny_pipe, [text]).states for text in texts])
    empty = empties(tiny_pipe)[0].states
    x = noise(tiny_pipe.unet, range(3))

    def ask(latents: Tensor, text: Tensor) -> Tensor:
        # A pipeline of its own for each call: none is a step of the same image.
        unet = Sld(**HALF).erase(tiny_pipe, [airplane], seed=0).unet
        with torch.no_grad():
            made: Tensor = unet(latents, 401, text).sample
        return made

    together = ask(x, embedded)
    for row in range(3):
        mine = slice(row, row + 1)
        assert torch.allclose(together[mine], ask(x[mine], embedded[mine]), atol=1e-4)
        pair = ask(torch.cat([x[mine]] * 2), torch.cat([empty, embedded[mine]]))
        assert torch.allclose(together[mine], pair[1:], atol=1e-4)
    with torch.no_grad():
        assert not torch.allclose(together, tiny_pipe.unet(x, 401, embedded).sample, atol=1e-2)


def test_predictions_that_gradients_are_asked_of_are_steered_and_keep_no_momentum(
    tiny_pipe: Any, airplane: Concept
) -> None:
    """As a search on the erased model asks for them: one text, timestep after timestep."""
    unet = Sld(**HALF, momentum_scale=0.5).erase(tiny_pipe, [airplane], seed=0).unet
    text = condition(tiny_pipe, ["a dog"]).states.requires_grad_(True)
    x = noise(tiny_pipe.unet, [0])
    first = unet(x, 401, text).sample
    for _ in range(2):
        (gradient,) = torch.autograd.grad(unet(x, 301, text).sample.sum(), text)
        assert gradient.abs().max() > 0
    again = unet(x, 401, text).sample
    unet(x, 501, text)
    assert torch.equal(unet(x, 401, text).sample, first) and torch.equal(first, again)


@pytest.mark.parametrize(
    ("preset", "steps", "first"),
    [("weak", 50, 15), ("medium", 50, 10), ("strong", 50, 7), ("max", 50, 0), ("medium", 20, 4)],
)
def test_warm_up_is_a_share_of_the_steps(
    preset: str, steps: int, first: int, tiny_pipe: Any, airplane: Concept
) -> None:
    asked = Rows(noise(tiny_pipe.unet, [0]), torch.tensor([0]), condition(tiny_pipe, ["a dog"]))
    unsteered = torch.linspace(-1, 1, asked.latents.numel()).reshape(asked.latents.shape)
    tiny_pipe.scheduler.set_timesteps(steps)
    guide = tiny_pipe_guide(tiny_pipe, airplane, Sld(**Sld.presets[preset], text="a cat"))

    def predict(rows: Rows) -> Tensor:
        return unsteered * (
            2 if rows.text.states.equal(asked.text.states) else 1 + rows.text.states[0, 1, 0]
        )

    acted = []
    for t in tiny_pipe.scheduler.timesteps:
        made = guide(predict, Rows(asked.latents, t[None], asked.text))
        acted.append(not torch.equal(made, 2 * unsteered))
    assert acted == [number >= first for number in range(steps)]


def tiny_pipe_guide(pipe: Any, concept: Concept, eraser: Sld) -> Safety:
    guide = eraser.erase(pipe, [concept], seed=0).unet._guide
    assert isinstance(guide, Safety)
    return guide


def test_presets_are_the_published_ones() -> None:
    names = ("warmup", "strength", "threshold", "momentum_scale", "momentum_beta")
    found = {name: tuple(each[n] for n in names) for name, each in Sld.presets.items()}
    assert found.pop("mini") == found["max"]
    assert found == {
        "weak": (15 / 50, 200, 0.0, 0, 0),
        "medium": (10 / 50, 1000, 0.01, 0.3, 0.4),
        "strong": (7 / 50, 2000, 0.025, 0.5, 0.7),
        "max": (0, 5000, 1.0, 0.5, 0.7),
    }
    assert Sld() == Sld(**Sld.presets["medium"])


def test_the_safety_text_is_what_is_asked_for(tiny_pipe: Any, airplane: Concept) -> None:
    safe = tiny_pipe_guide(tiny_pipe, airplane, Sld()).safety.states
    assert torch.equal(safe, condition(tiny_pipe, ["airplane"]).states)
    own = tiny_pipe_guide(tiny_pipe, airplane, Sld(text="a jet")).safety.states
    assert torch.equal(own, condition(tiny_pipe, ["a jet"]).states)
    assert len(sld.PUBLISHED.split(", ")) == 20
    with pytest.raises(InputError, match=r"'hate, harassment.* tokens; the encoder reads 30"):
        Sld(safety="published").erase(tiny_pipe, [airplane], seed=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"warmup": 10.0}, "warmup is 10.0, allowed is 0 to 1"),
        ({"momentum_beta": -0.1}, "momentum_beta is -0.1, allowed is 0 to 1"),
        ({"strength": -1.0}, "strength is -1.0, allowed is 0 or more"),
        ({"momentum_scale": -1.0}, "momentum_scale is -1.0, allowed is 0 or more"),
    ],
)
def test_numbers_out_of_range_are_refused(
    tiny_pipe: Any, airplane: Concept, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Sld(**options).check(tiny_pipe, [airplane])


def test_on_mini_it_erases_what_the_un_erased_model_draws() -> None:
    """By mini's own judge, on prompts of the smoke size."""
    pipe, known = loading.shared("mini", "cpu"), prompts.suite("objects")
    ship = prompts.known_concepts(known)["ship"]
    rows = [row for row in prompts.rows(known) if (row.role, row.concept) == ("target", "ship")]
    erased = Sld(**Sld.presets["mini"]).erase(pipe, [ship], seed=0)

    def rate(pipe: Any) -> float:
        some = rows[:4]
        texts, seeds = [row.text for row in some], [row.seed for row in some]
        images = draw(pipe, texts, seeds, FAMILIES["mini"].sampler, "pil")
        pixels = torch.stack([torch.tensor(np.array(each)).permute(2, 0, 1) for each in images])
        seen = judge.load().read(pixels / 255)["object"].argmax(1)
        return float((seen == LABELS["object"].index("ship")).float().mean())

    assert rate(pipe) == 1.0
    assert rate(erased) <= 0.25
