"""Every eraser that trains or solves does so in the layouts of SD 1, SD 2 (velocity) and SDXL."""

from __future__ import annotations

import copy
import functools
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.utils.checkpoint

from bench import registry
from bench.models import prediction, room
from bench.models.tiny import LAYOUTS, Layout, build_tiny_pipe
from bench.runs.contract.subject import AIRPLANE, Subject, changed, draw, state
from methods import _noise, _training, _unet, esd
from methods.realera import _alignment

NAMES = {
    **{
        name: {}
        for name in (
            *("ca", "esd", "fmn", "hirm", "mace", "realera"),
            *("rece", "receler", "salun", "speed", "spm", "uce"),
        )
    },
    "realera crce": {"reading": "crce"},
}

built = functools.cache(build_tiny_pipe)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", NAMES)
def test_it_erases_what_it_may_and_draws(name: str, layout: Layout, tmp_path: Path) -> None:
    pipe = built(layout)
    subject = Subject(registry.method(name.partition(" ")[0]), pipe, tmp_path)
    before = state(pipe)
    eraser = subject.make(**NAMES[name])
    tensors = eraser.fit(pipe, [AIRPLANE], seed=0)
    erased = eraser.apply(pipe, [AIRPLANE], tensors)
    assert not changed(before, state(pipe))
    moved = changed(before, state(erased))
    assert moved and all(any(fnmatchcase(each, own) for own in eraser.touches) for each in moved)
    images, plain = draw(erased), draw(pipe)
    assert torch.isfinite(images).all() and not torch.equal(images, plain)


def test_the_layouts_are_what_they_stand_for() -> None:
    """Else erasing in them would show nothing: another prediction, two encoders, pooled text."""
    noise, velocity, large = (built(layout) for layout in LAYOUTS)
    assert noise.scheduler.config.prediction_type == "epsilon"
    assert velocity.scheduler.config.prediction_type == "v_prediction"
    text = prediction.condition(large, ["a bird", "an airplane"])
    assert text.pooled is not None and not torch.equal(*text.pooled)
    assert text.states.shape[-1] == 2 * prediction.condition(noise, ["a"]).states.shape[-1]


def test_of_sdxl_the_pooled_text_and_the_size_are_seen() -> None:
    pipe = built("sdxl")
    text = prediction.condition(pipe, ["a bird"])
    x = torch.randn(1, 8, 8, 8, generator=torch.Generator().manual_seed(0))
    t = torch.tensor(500)
    assert text.pooled is not None and text.sizes is not None
    assert text.sizes.tolist() == [[64, 64, 0, 0, 64, 64]]
    with torch.no_grad():
        plain = prediction.predict(pipe.unet, x, t, text)
        for other in (
            prediction.Conditioning(text.states, text.pooled + 1, text.sizes),
            prediction.Conditioning(text.states, text.pooled, text.sizes * 2),
        ):
            assert not torch.allclose(plain, prediction.predict(pipe.unet, x, t, other))


@pytest.mark.parametrize("convention", ["paper", "code2025"])
@pytest.mark.parametrize("t", [20, 500, 980])
def test_the_target_in_velocities_is_the_target_in_noise(convention: Any, t: int) -> None:
    """v = alpha noise - sigma x_0 and x = alpha x_0 + sigma noise, so noise = alpha v + sigma x."""
    pipe = built("sd2")
    beta = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    kept = (1 - beta).cumprod(0)[t]
    alpha, sigma = float(kept.sqrt()), float((1 - kept).sqrt())
    x = torch.randn(1, 8, 8, 8, generator=torch.Generator().manual_seed(t))
    text = prediction.condition(pipe, ["", "airplane"])
    with torch.no_grad():
        empty, full = (
            prediction.predict(pipe.unet, x, torch.tensor(t), each) for each in (text[:1], text[1:])
        )
    wanted = esd.target(empty, full, negative_guidance=1.5, convention=convention)
    in_noise = esd.target(
        alpha * empty + sigma * x,
        alpha * full + sigma * x,
        negative_guidance=1.5,
        convention=convention,
    )
    torch.testing.assert_close(alpha * wanted + sigma * x, in_noise, rtol=1e-4, atol=1e-5)
    scheduler = pipe.scheduler
    scheduler.set_timesteps(1000)
    step = scheduler.step(full, t, x).pred_original_sample
    torch.testing.assert_close(
        (x - sigma * (alpha * full + sigma * x)) / alpha, step, rtol=1e-3, atol=1e-3
    )


def noise_schedule() -> torch.Tensor:
    """Return alpha_t^2 of the tiny models, written down apart from diffusers."""
    beta = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    return (1 - beta).cumprod(0)


def as_noise(velocity: torch.Tensor, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """Return the noise that a velocity says, alpha v + sigma x."""
    kept = noise_schedule()[t.long()].reshape(-1, 1, 1, 1)
    return kept.sqrt() * velocity.double() + (1 - kept).sqrt() * x.double()


def test_esds_loss_on_velocities_is_the_papers_over_alpha_squared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of noise: ||e - (e(null) - eta (e(c) - e(null)))||^2, with e that of the student."""
    pipe, calls, losses = built("sd2"), [], []
    predict = prediction.predict

    def heard(unet: Any, x: torch.Tensor, t: torch.Tensor, text: Any) -> torch.Tensor:
        calls.append((unet, x, t))
        return predict(unet, x, t, text)

    def once(optimizer: Any, loss_at: Any, *_: Any, **__: Any) -> None:
        with torch.no_grad():
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    parameter.mul_(1.3)
        losses.append(float(loss_at(0).detach()))

    monkeypatch.setattr(prediction, "predict", heard)
    monkeypatch.setattr(_training, "fit", once)
    options = {"steps": 1, "pool": 2, "trajectory_steps": 3, "negative_guidance": 1.5}
    esd.Esd(train_method="x", **options).fit(pipe, [AIRPLANE], seed=0)
    student, x, t = calls[-1]
    assert student is not pipe.unet and x.shape[0] == 1
    null, own = (prediction.condition(pipe, [text]) for text in ("", AIRPLANE.name))
    with torch.no_grad():
        made = as_noise(predict(student, x, t, own), x, t)
        empty, full = (as_noise(predict(pipe.unet, x, t, each), x, t) for each in (null, own))
    paper = (made - (empty - 1.5 * (full - empty))).square().mean()
    assert losses[0] == pytest.approx(float(paper / noise_schedule()[int(t)]), rel=1e-3)


@pytest.mark.parametrize("t", [20, 500, 980])
def test_realeras_loss_on_velocities_is_that_of_noise_over_alpha_squared(t: int) -> None:
    pipe = built("sd2")
    student = copy.deepcopy(pipe.unet)
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.mul_(1.1)
    asked, wanted = (prediction.condition(pipe, [text]) for text in ("airplane", "the sky"))
    x = torch.randn(1, 8, 8, 8, generator=torch.Generator().manual_seed(t))
    times = torch.tensor([t])
    text = _alignment.Text(asked, wanted, torch.ones(1), [0])
    with torch.no_grad():
        loss = float(_alignment.loss(pipe.unet, student, _noise.Draw(x, times, [0]), text))
        made, aim = (
            as_noise(prediction.predict(unet, x, times, each), x, times)
            for unet, each in ((student, asked), (pipe.unet, wanted))
        )
    in_noise = float((made - aim).square().mean())
    assert loss == pytest.approx(in_noise / float(noise_schedule()[t]), rel=1e-3)
    assert loss > in_noise


TRAINED = ("ca", "esd", "fmn", "mace", "realera", "realera crce", "receler", "salun", "spm")


@pytest.mark.parametrize("name", [*TRAINED, "advunlearn"])
def test_layers_computed_again_give_the_same_erasure(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As U-Nets of Stable Diffusion's size do, to save memory."""
    pipe, again = built("sd1"), []
    subject = Subject(registry.method(name.partition(" ")[0]), pipe, tmp_path)
    eraser = subject.make(**NAMES.get(name, {}))
    kept = eraser.fit(pipe, [AIRPLANE], seed=0)
    checkpoint = torch.utils.checkpoint.checkpoint
    monkeypatch.setattr(
        torch.utils.checkpoint,
        "checkpoint",
        lambda *given, **how: again.append(1) or checkpoint(*given, **how),
    )
    monkeypatch.setattr(room, "LARGE", 0)
    found = eraser.fit(pipe, [AIRPLANE], seed=0)
    assert found.keys() == kept.keys()
    for part, value in found.items():
        assert torch.allclose(value, kept[part], rtol=1e-5, atol=1e-6), part
    assert not pipe.unet.is_gradient_checkpointing
    # Where attention is watched, layers are kept for what watches them.
    assert bool(again) == (name not in ("fmn", "mace", "receler"))


@pytest.mark.parametrize("name", [*TRAINED, "advunlearn", "hirm"])
def test_what_trains_a_large_model_in_half_precision_does_so_in_bf16(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe, half = built("sd1"), copy.copy(built("sd1"))
    for part in ("unet", "text_encoder", "vae"):
        setattr(half, part, copy.deepcopy(getattr(pipe, part)).to(torch.bfloat16))
    eraser = Subject(registry.method(name.partition(" ")[0]), pipe, tmp_path).make(
        **NAMES.get(name, {})
    )
    devices: list[str] = []
    mixed = room.mixed
    monkeypatch.setattr(
        _unet, "mixed", lambda module, device: devices.append(device) or mixed(module, device)
    )
    monkeypatch.setattr(room, "LARGE", 0)
    tensors = eraser.fit(half, [AIRPLANE], seed=0)
    assert all(torch.isfinite(each).all() for each in tensors.values())
    assert set(devices) == {"cpu"}
    erased = eraser.apply(half, [AIRPLANE], tensors)
    assert not torch.equal(draw(erased), draw(half))


def test_a_large_unet_alone_computes_again() -> None:
    small = built("sd1")
    assert not room.recomputing(copy.deepcopy(small.unet)).is_gradient_checkpointing
    assert room.LARGE < 860_000_000, "Stable Diffusion's U-Net is large"
