"""FMN: its loss by hand, what it trains, and that attention to the concept falls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.models import meter, prediction
from bench.models.generate import draw, noise
from bench.types import Concept, InputError, Sampler
from methods import _maps, _noise, _tokens, _training
from methods.fmn import Fmn

SMALL: dict[str, Any] = {
    "inversion_steps": 0,
    "steps": 3,
    "images": 2,
    "image_steps": 2,
    "learning_rate": 1e-3,
}
TEXTS = ("a photo of an airplane", "a photo of a bird", "a dog in the snow")


def paid(pipe: Any, text: str, positions: Sequence[int]) -> float:
    """Return the share of all attention that noised images pay to some tokens."""
    told = prediction.condition(pipe, [text]).expand(4)
    with torch.no_grad(), _maps.recorded(pipe.unet) as maps:
        prediction.predict(pipe.unet, noise(pipe.unet, range(4)), torch.tensor(400), told)
    return float(torch.stack([each[..., list(positions)].sum(-1).mean() for each in maps]).mean())


def drawn(pipe: Any) -> Tensor:
    made: Tensor = draw(pipe, TEXTS, (0, 1, 2), Sampler(3, 4.0), "latent")
    return made


@pytest.mark.parametrize("pooler", [True, False])
def test_the_loss_is_one_norm_of_all_attention_to_the_concepts_tokens(
    monkeypatch: pytest.MonkeyPatch, tiny_pipe: Any, airplane: Concept, pooler: bool
) -> None:
    seen: list[float] = []
    fit = _training.fit

    def watched(*given: Any, **more: Any) -> list[float]:
        seen.extend(fit(*given, **more))
        return seen

    monkeypatch.setattr(_training, "fit", watched)
    Fmn(**SMALL, use_pooler=pooler).fit(tiny_pipe, [airplane], seed=0)

    generator = torch.Generator().manual_seed(0)
    told = prediction.condition(tiny_pipe, [TEXTS[0]])
    images = _noise.trajectories(
        tiny_pipe, told, prediction.unconditional(tiny_pipe),
        count=2, steps=2, guidance=7.5, generator=generator,
    )  # fmt: skip
    torch.randint(1, (1,), generator=generator)  # whose turn it is
    image = images.final[torch.randint(2, (1,), generator=generator)]
    t = torch.randint(1000, (1,), generator=generator)
    own = torch.randn(image.shape, generator=generator)
    beta = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    kept = float((1 - beta).cumprod(0)[t])
    with torch.no_grad(), _maps.recorded(tiny_pipe.unet) as maps:
        prediction.predict(tiny_pipe.unet, kept**0.5 * image + (1 - kept) ** 0.5 * own, t, told)
    positions = [5, *range(6, 32)] if pooler else [5]
    squares = sum(float(each[0, :, :, positions].square().sum()) for each in maps)
    assert len(maps) > 2 and seen[0] == pytest.approx(squares**0.5, rel=1e-3)


@pytest.mark.parametrize("options", [{"steps": 0}, {"learning_rate": 0.0}])
def test_without_steps_or_with_a_rate_of_zero_nothing_changes(
    tiny_pipe: Any, airplane: Concept, options: dict[str, Any]
) -> None:
    erased = Fmn(**SMALL | options).erase(tiny_pipe, [airplane], seed=0)
    assert torch.equal(drawn(erased), drawn(tiny_pipe))
    assert not torch.equal(
        drawn(Fmn(**SMALL).erase(tiny_pipe, [airplane], seed=0)), drawn(tiny_pipe)
    )


def test_what_learns_is_cross_attention_or_all(tiny_pipe: Any, airplane: Concept) -> None:
    own = dict(tiny_pipe.unet.named_parameters())

    def moved(**options: Any) -> set[str]:
        fitted = Fmn(**SMALL, **options).fit(tiny_pipe, [airplane], seed=0)
        return {name for name, each in fitted.items() if not torch.equal(each, own[name])}

    only, every = moved(parameters="xattn"), moved()
    assert only and all("attn2." in name for name in only)
    assert only < every and {"conv_in.weight", "time_embedding.linear_1.weight"} <= every
    # What comes after the last cross-attention has no part in the loss.
    assert "conv_out.weight" not in every


def test_attention_to_the_concept_falls_and_goes_elsewhere(
    tiny_pipe: Any, airplane: Concept
) -> None:
    eraser = Fmn(**SMALL | {"steps": 30, "use_pooler": False})
    erased = eraser.erase(tiny_pipe, [airplane], seed=0)
    before, after = (paid(pipe, TEXTS[0], [5]) for pipe in (tiny_pipe, erased))
    assert before > 0.01 and after < 0.5 * before
    assert paid(erased, TEXTS[0], range(32)) == pytest.approx(1.0, abs=1e-4)
    start = [paid(pipe, TEXTS[0], [0]) for pipe in (tiny_pipe, erased)]
    assert start[1] != pytest.approx(start[0], abs=1e-4)


def test_the_end_token_counts_with_the_pooler_alone(tiny_pipe: Any, airplane: Concept) -> None:
    end = _tokens.of_concept(tiny_pipe, TEXTS[0], "airplane", pooler=True)[1:]
    before = paid(tiny_pipe, TEXTS[0], end)
    after = {
        pooler: paid(
            Fmn(**SMALL | {"steps": 20}, use_pooler=pooler).erase(tiny_pipe, [airplane], seed=0),
            TEXTS[0],
            end,
        )
        for pooler in (True, False)
    }
    assert after[True] < 0.8 * before and after[True] < after[False]


def test_several_concepts_take_turns(tiny_pipe: Any, airplane: Concept, bird: Concept) -> None:
    eraser = Fmn(**SMALL | {"steps": 40, "use_pooler": False})
    both = eraser.erase(tiny_pipe, [airplane, bird], seed=0)
    for text in TEXTS[:2]:
        assert paid(both, text, [5]) < 0.6 * paid(tiny_pipe, text, [5])


def test_another_seed_gives_another_erasure(tiny_pipe: Any, airplane: Concept) -> None:
    one, same, other = (Fmn(**SMALL).fit(tiny_pipe, [airplane], seed=s) for s in (0, 0, 1))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_the_defaults_are_those_of_the_code() -> None:
    eraser = Fmn()
    assert (eraser.steps, eraser.learning_rate, eraser.clip) == (35, 2e-6, 1.0)
    assert (eraser.parameters, eraser.use_pooler) == ("full", True)
    inversion = eraser.inversion_steps, eraser.inversion_rate, eraser.inversion_words
    assert inversion == (500, 1e-3, 4)


def test_it_trains_as_the_code_does_on_images_of_the_concept(
    monkeypatch: pytest.MonkeyPatch, tiny_pipe: Any, airplane: Concept
) -> None:
    heard: dict[str, Any] = {}
    trajectories = _noise.trajectories

    def drawn(pipe: Any, rows: Any, null: Any, **more: Any) -> Any:
        heard.update(more, rows=rows, null=null, of=pipe)
        return trajectories(pipe, rows, null, **more)

    def fit(optimizer: Any, loss_at: Any, steps: int, **more: Any) -> list[float]:
        heard.update(more, kind=type(optimizer), train_steps=steps, **optimizer.defaults)
        return []

    monkeypatch.setattr(_noise, "trajectories", drawn)
    monkeypatch.setattr(_training, "fit", fit)
    options = {"steps": 5, "images": 3, "image_steps": 4, "image_guidance": 2.0, "clip": 0.5}
    Fmn(**SMALL | options).fit(tiny_pipe, [airplane], seed=0)
    assert heard["kind"] is torch.optim.AdamW and heard["train_steps"] == 5
    assert (heard["betas"], heard["weight_decay"]) == ((0.9, 0.999), 1e-2)
    assert (heard["lr"], heard["clip"]) == (1e-3, 0.5)
    assert (heard["count"], heard["steps"], heard["guidance"]) == (3, 4, 2.0)
    assert heard["of"] is tiny_pipe
    assert torch.equal(heard["rows"].states, prediction.condition(tiny_pipe, [TEXTS[0]]).states)
    assert torch.equal(heard["null"].states, prediction.unconditional(tiny_pipe).states)


def test_one_noised_image_is_drawn_for_each_step(tiny_pipe: Any, airplane: Concept) -> None:
    """Images, each denoised with guidance, and then one prediction a step."""
    with meter.counted() as spent:
        Fmn(**SMALL | {"steps": 7, "images": 3}).fit(tiny_pipe, [airplane], seed=0)
    assert spent() == 3 * 2 * 2 + 7


def test_sdxl_is_erased(tiny_sdxl: Any, airplane: Concept) -> None:
    erased = Fmn(**SMALL | {"steps": 15, "use_pooler": False}).erase(tiny_sdxl, [airplane], seed=0)
    assert paid(erased, TEXTS[0], [5]) < 0.8 * paid(tiny_sdxl, TEXTS[0], [5])


def test_it_refuses_before_it_works_and_does_nothing_for_no_concept(
    tiny_pipe: Any, airplane: Concept
) -> None:
    with meter.counted() as spent:
        with pytest.raises(InputError, match=r"clip is 0.0, allowed is more than 0"):
            Fmn(**SMALL | {"clip": 0.0}).fit(tiny_pipe, [airplane], seed=0)
        with pytest.raises(InputError, match="a concept to erase needs a name"):
            Fmn(**SMALL).fit(tiny_pipe, [Concept(" ", "object", "the sky")], seed=0)
        assert Fmn(**SMALL).fit(tiny_pipe, [], seed=0) == {}
    assert spent() == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": -1}, "steps is -1, allowed is 0 or more"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0, allowed is 0 or more"),
        ({"clip": 0.0}, "clip is 0.0, allowed is more than 0"),
        ({"images": 0}, "images is 0, allowed is 1 or more"),
        ({"image_guidance": -1.0}, "image_guidance is -1.0, allowed is 0 or more"),
        ({"image_steps": 0}, "image_steps is 0, allowed is 1 or more"),
    ],
)
def test_unusable_options_are_refused(
    tiny_pipe: Any, airplane: Concept, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Fmn(**options).check(tiny_pipe, [airplane])
