"""FMN's textual inversion: where its words stand, that they learn, and what is trained on them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bench.models import pipelines, prediction
from bench.models.tiny import build_tiny_pipe
from bench.types import Concept, InputError, silent
from methods import _maps, _noise, _training
from methods.fmn import Fmn, _inversion

TEXT = "a photo of an airplane in the sky"


def pooled(pipe: Any) -> _noise.Pool:
    return _noise.trajectories(
        pipe, prediction.condition(pipe, [TEXT]), prediction.unconditional(pipe),
        count=2, steps=4, guidance=3.0, generator=torch.Generator().manual_seed(7), keep=False,
    )  # fmt: skip


def learnt(pipe: Any, **options: Any) -> _inversion.Learnt:
    given = {"words": 1, "steps": 1, "learning_rate": 1e-2, "progress": silent} | options
    generator = torch.Generator().manual_seed(0)
    pool = pooled(pipe)
    return _inversion.learn(pipe, TEXT, "airplane", pool, generator=generator, **given)


def error(pipe: Any, text: prediction.Conditioning) -> float:
    """Return the error of predictions for many noised images of the pool."""
    noised = pooled(pipe).renoise(64, torch.Generator().manual_seed(9))
    told = text.expand(64)
    with torch.no_grad():
        made = prediction.predict(pipe.unet, noised.latents, noised.timesteps, told)
    return float(noised.error(made))


@pytest.mark.parametrize("layout", ["sd1", "sdxl"])
def test_the_words_stand_where_the_name_stood(layout: Any) -> None:
    pipe = build_tiny_pipe(layout)
    plain = pipelines.padded(pipe, [TEXT])[0]
    ids, first = _inversion.placed(pipe, TEXT, "airplane", 3)
    assert first == 5 and ids.shape == plain.shape
    for own, row, tokenizer in zip(plain, ids, pipelines.tokenizers(pipe), strict=True):
        end, pad = tokenizer.eos_token_id, tokenizer.pad_token_id
        begin, *words = own[:9].tolist()  # start, a photo of an airplane in the sky
        assert row[:5].tolist() == [begin, *words[:4]]
        assert row[5:8].tolist() == [begin] * 3
        assert row[8:12].tolist() == [*words[5:], end] and set(row[12:].tolist()) == {pad}
    assert _inversion.placed(pipe, TEXT, "zebra", 2)[1] == 9  # not named: at the end


def test_of_a_name_of_several_tokens_all_give_way(tiny_pipe: Any) -> None:
    text, gone = "a zeppelin in the sky", pipelines.token_count(tiny_pipe, "zeppelin")
    plain = pipelines.padded(tiny_pipe, [text])[0, 0].tolist()
    ids, first = _inversion.placed(tiny_pipe, text, "zeppelin", 1)
    assert gone > 1 and first == 2 and ids.shape == (1, len(plain))
    pads = [tiny_pipe.tokenizer.pad_token_id] * (gone - 1)
    assert ids[0].tolist() == [*plain[:2], plain[0], *plain[2 + gone :], *pads]


def test_words_start_as_the_names_tokens_and_then_at_random(tiny_pipe: Any) -> None:
    table = tiny_pipe.text_encoder.get_input_embeddings().weight.detach()
    made = _inversion.started(table, [7, 9], 400, torch.Generator().manual_seed(0))
    assert torch.equal(made[:2], table[[7, 9]])
    assert float(made[2:].std() / table.std()) == pytest.approx(1.0, abs=0.05)
    cut = _inversion.started(table, [7, 9], 1, torch.Generator().manual_seed(0))
    assert torch.equal(cut, table[[7]])


@pytest.mark.parametrize("layout", ["sd1", "sdxl"])
def test_each_encoder_has_words_of_its_own_that_learn_as_in_the_code(
    monkeypatch: pytest.MonkeyPatch, layout: Any
) -> None:
    """A step of learning and the whole way back: as long as a word is on average."""
    pipe = build_tiny_pipe(layout)
    found: list[Any] = []
    starts: list[torch.Tensor] = []
    fit, start = _training.fit, _inversion.started

    def watched(optimizer: Any, *given: Any, **more: Any) -> list[float]:
        found.append(optimizer)
        return fit(optimizer, *given, **more)

    def begun(table: torch.Tensor, own: list[int], *given: Any) -> torch.Tensor:
        assert own == pipe.tokenizer("airplane", add_special_tokens=False).input_ids
        starts.append(start(table, own, *given).clone())
        return starts[-1].clone()

    monkeypatch.setattr(_training, "fit", watched)
    monkeypatch.setattr(_inversion, "started", begun)
    learnt(pipe, words=2, steps=1, learning_rate=2e-2)
    (optimizer,) = found
    assert type(optimizer) is torch.optim.AdamW
    assert (optimizer.defaults["lr"], optimizer.defaults["weight_decay"]) == (2e-2, 0.1)
    vectors, tables = optimizer.param_groups[0]["params"], [
        each.get_input_embeddings().weight.detach() for each in pipelines.encoders(pipe)
    ]  # fmt: skip
    assert len(vectors) == len(tables) == len(starts)
    for vector, table, before in zip(vectors, tables, starts, strict=True):
        norm = float(table.norm(dim=1).mean())
        assert vector.detach().norm(dim=1).tolist() == pytest.approx([norm] * 2, rel=1e-5)
        assert not torch.allclose(vector / norm, before / before.norm(dim=1, keepdim=True))
    # The un-erased model is not learnt from: no gradient is left in it.
    assert all(each.grad is None for each in pipe.unet.parameters())
    assert all(each.grad is None for own in pipelines.encoders(pipe) for each in own.parameters())


@pytest.mark.parametrize("pooler", [True, False])
def test_options_reach_the_inversion_and_its_words_are_trained_on(
    monkeypatch: pytest.MonkeyPatch, tiny_pipe: Any, airplane: Concept, pooler: bool
) -> None:
    heard: dict[str, Any] = {}
    learn, loss, predict = _inversion.learn, _maps.attention_loss, prediction.predict

    def learning(*given: Any, **more: Any) -> _inversion.Learnt:
        heard.update(more, found=learn(*given, **more))
        made: _inversion.Learnt = heard["found"]
        return made

    def paid(maps: Any, mask: Any, positions: Any, **more: Any) -> Any:
        heard.update(positions=list(positions))
        return loss(maps, mask, positions, **more)

    def told(unet: Any, x: Any, t: Any, text: Any) -> Any:
        heard.update(told=text.states)
        return predict(unet, x, t, text)

    monkeypatch.setattr(_inversion, "learn", learning)
    monkeypatch.setattr(_maps, "attention_loss", paid)
    monkeypatch.setattr(prediction, "predict", told)
    options: dict[str, Any] = {"inversion_words": 3, "inversion_steps": 2, "inversion_rate": 5e-3}
    eraser = Fmn(**options, use_pooler=pooler, steps=1, images=1, image_steps=2)
    eraser.fit(tiny_pipe, [airplane], seed=0)
    assert (heard["words"], heard["steps"], heard["learning_rate"]) == (3, 2, 5e-3)
    assert torch.equal(heard["told"], heard["found"].text.states)
    ends = list(range(8, 32)) if pooler else []
    assert heard["positions"] == [5, 6, 7, *ends]


def test_words_that_have_learnt_nothing_are_the_name(
    monkeypatch: pytest.MonkeyPatch, tiny_pipe: Any
) -> None:
    """So the first step's error is the plain prompt's, by the same random numbers."""
    seen: list[float] = []
    fit = _training.fit

    def watched(*given: Any, **more: Any) -> list[float]:
        seen.extend(fit(*given, **more))
        return seen

    monkeypatch.setattr(_training, "fit", watched)
    learnt(tiny_pipe)
    noised = pooled(tiny_pipe).renoise(1, torch.Generator().manual_seed(0))
    with torch.no_grad():
        made = prediction.predict(
            tiny_pipe.unet, noised.latents, noised.timesteps,
            prediction.condition(tiny_pipe, [TEXT]),
        )  # fmt: skip
    assert seen == [pytest.approx(float(noised.error(made)), rel=1e-4)]


def test_words_learn_to_draw_the_images(tiny_pipe: Any) -> None:
    few, many = (learnt(tiny_pipe, words=4, steps=steps) for steps in (1, 150))
    assert many.words == [5, 6, 7, 8] and many.ends == list(range(12, 32))
    assert error(tiny_pipe, many.text) < error(tiny_pipe, few.text)


def test_words_keep_the_size_of_words(monkeypatch: pytest.MonkeyPatch, tiny_pipe: Any) -> None:
    made: list[torch.Tensor] = []
    start = _inversion.started

    def watched(table: torch.Tensor, *given: Any) -> torch.Tensor:
        made.append(10 * start(table, *given))
        return made[0]

    monkeypatch.setattr(_inversion, "started", watched)
    learnt(tiny_pipe, words=3, steps=60, learning_rate=1e-3)
    typical = float(
        tiny_pipe.text_encoder.get_input_embeddings().weight.detach().norm(dim=1).mean()
    )
    for norm in made[0].detach().norm(dim=1).tolist():
        assert norm == pytest.approx(typical, rel=0.05)  # ten times as much before


def test_attention_to_the_learnt_words_is_trained_away(
    monkeypatch: pytest.MonkeyPatch, tiny_pipe: Any, airplane: Concept
) -> None:
    found: list[_inversion.Learnt] = []
    learn = _inversion.learn

    def watched(*given: Any, **more: Any) -> _inversion.Learnt:
        found.append(learn(*given, **more))
        return found[-1]

    monkeypatch.setattr(_inversion, "learn", watched)
    eraser = Fmn(
        inversion_steps=3, steps=30, learning_rate=1e-3, images=2, image_steps=2, use_pooler=False
    )
    erased = eraser.erase(tiny_pipe, [airplane], seed=0)
    (words,) = found
    x = torch.randn(4, 8, 8, 8, generator=torch.Generator().manual_seed(1))

    def paid(pipe: Any) -> float:
        with torch.no_grad(), _maps.recorded(pipe.unet) as maps:
            prediction.predict(pipe.unet, x, torch.tensor(400), words.text.expand(4))
        return sum(float(each[..., words.words].sum(-1).mean()) for each in maps)

    assert paid(erased) < 0.6 * paid(tiny_pipe)


def test_more_words_than_there_is_room_for_are_refused(tiny_pipe: Any, airplane: Concept) -> None:
    with pytest.raises(InputError, match="inversion_words is 40, allowed is 1 to 26 in"):
        Fmn(inversion_words=40).check(tiny_pipe, [airplane])
    Fmn(inversion_words=26).check(tiny_pipe, [airplane])
    Fmn(inversion_words=40, inversion_steps=0).check(tiny_pipe, [airplane])
    for options, message in (
        ({"inversion_words": 0}, "inversion_words is 0, allowed is 1 or more"),
        ({"inversion_steps": -1}, "inversion_steps is -1, allowed is 0 or more"),
        ({"inversion_rate": 0.0}, "inversion_rate is 0.0, allowed is more than 0"),
    ):
        with pytest.raises(InputError, match=message):
            Fmn(**options).check(tiny_pipe, [airplane])  # type: ignore[arg-type]
