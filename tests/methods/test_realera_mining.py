"""RealEra's neighbours among real words: which are found, where they lie, what becomes of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import CLIPTextModel, CLIPTokenizer

from bench.models import meter, mini, pipelines
from bench.types import Concept, InputError
from methods import _noise, _prompts
from methods.realera import RealEra, _mining
from methods.realera._surroundings import Sampler, Surroundings

SAMPLER = Sampler(2, 0.5, 0.9, 1, 0.5, 1.63, "flattened", True)


@pytest.fixture(scope="module")
def read() -> Any:
    """Mini's tokenizer and text encoder, which know what words mean, and nothing else."""

    class StableDiffusionPipeline(SimpleNamespace):
        pass

    folder = mini.path()
    return StableDiffusionPipeline(
        tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        text_encoder=CLIPTextModel.from_pretrained(folder / "text_encoder").eval(),
    )


def test_words_of_the_vocabulary_are_whole() -> None:
    known = {"<|endoftext|>": 9, "plane</w>": 3, "air": 0, "a</w>": 1, "42</w>": 2, "hangar</w>": 4}
    assert _mining.vocabulary(SimpleNamespace(get_vocab=lambda: known)) == ["plane", "hangar"]


def test_the_nearest_words_mean_the_concept_and_are_not_its_own(
    read: Any, airplane: Concept
) -> None:
    found = _mining.nearest(read, airplane, 40)
    assert {"plane", "aircraft", "jet"} <= set(found.names)
    assert not {"airplane", "sky", "dog", "street"} & set(found.names)
    assert found.shares.tolist() == [1.0] * 40


def test_more_words_than_there_are_is_refused(read: Any, airplane: Concept) -> None:
    with pytest.raises(InputError, match="100000 are asked for"):
        _mining.nearest(read, airplane, 100_000)


def test_points_stand_in_the_concepts_place(read: Any, airplane: Concept) -> None:
    """Of the concept itself they are its own rows; of another word the same tokens' rows."""
    pair = _prompts.pairs(read, airplane, 3)
    words = _mining.Words(("airplane", "plane"), torch.ones(2))
    points = _mining.points(read, airplane, 3, words)
    assert torch.equal(points[:, 0], pair.concept)
    text = _prompts.texts(airplane, 1)[0][0]
    assert torch.allclose(
        points[0, 1], pipelines.encode(read, [text.replace("an airplane", "a plane")])[0], atol=1e-5
    ) is (
        len(read.tokenizer(text).input_ids) == len(read.tokenizer("a photo of a plane").input_ids)
    )


def test_what_rests_of_a_neighbour_is_itself_less_its_share_of_the_concept(
    read: Any, airplane: Concept
) -> None:
    pair = _prompts.pairs(read, airplane, 2)
    near = torch.stack([pair.concept[1], pair.concept[1] + 1, pair.concept[1] + 2])
    rest = Surroundings(pair, SAMPLER, near[None], torch.tensor([1.0, 0.0, 0.5]))
    itself, kept, half = rest.targets(1, near)
    assert torch.allclose(itself, pair.aligned[1], atol=1e-6)
    assert torch.equal(kept, near[1])
    assert torch.allclose(half, near[2] - 0.5 * (pair.concept[1] - pair.aligned[1]), atol=1e-6)
    whole = Surroundings(pair, SAMPLER, near[None])
    assert torch.equal(whole.targets(1, near), pair.aligned[1].expand(3, -1, -1))


def test_an_image_shows_the_concept_where_its_caption_predicts_best(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A model whose prediction is off by a number that the caption gives."""
    pool = _noise.Pool(
        torch.zeros(0, 3, 1, 2, 2),
        torch.zeros(0, dtype=torch.long),
        torch.zeros(3, 1, 2, 2),
        (0, 1, 2),
        SimpleNamespace(
            config=SimpleNamespace(num_train_timesteps=1000, prediction_type="epsilon"),
            add_noise=lambda clean, noise, times: noise,
        ),
    )
    off = torch.tensor([[[2.0]], [[1.0]], [[3.0]]])
    monkeypatch.setattr(
        _mining, "predict", lambda unet, noisy, times, told: noisy + told.states[:, :, :, None]
    )
    generator = torch.Generator().manual_seed(0)
    pipe = SimpleNamespace(unet=None)
    second = _mining._shown(pipe, pool, _mining.Conditioning(off), generator)
    assert second.shape == (3, _mining.TIMES)
    assert not second.any()
    first = _mining._shown(pipe, pool, _mining.Conditioning(off[[1, 0, 2]]), generator)
    assert first.all()


def test_of_words_that_draw_the_concept_the_farthest_come_first(
    tiny_pipe: Any, airplane: Concept, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("plane", "aviator", "hangar", "cloud")
    monkeypatch.setattr(_mining, "nearest", lambda *_: _mining.Words(names, torch.ones(len(names))))
    shown = torch.tensor([[True, True], [True, False], [True, True], [False, False]])
    monkeypatch.setattr(_mining, "_shown", lambda *_: shown)
    found = _mining.drawn(tiny_pipe, airplane, 2, steps=1, guidance=3.0, seed=0)
    assert found.names == ("hangar", "aviator")
    assert found.shares.tolist() == [1.0, 0.5]


def test_that_no_word_draws_the_concept_is_said(
    tiny_pipe: Any, airplane: Concept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        _mining, "nearest", lambda *_: _mining.Words(("cloud", "sun"), torch.ones(2))
    )
    monkeypatch.setattr(_mining, "_shown", lambda *_: torch.zeros(2, 2, dtype=torch.bool))
    with pytest.raises(InputError, match="of the 2 words nearest 'airplane' none"):
        _mining.drawn(tiny_pipe, airplane, 2, steps=1, guidance=3.0, seed=0)


@pytest.mark.parametrize("aim", ["anchor", "rest"])
@pytest.mark.parametrize("reading", ["paper", "crce"])
def test_mined_words_are_moved_and_noted(
    tiny_pipe: Any,
    airplane: Concept,
    monkeypatch: pytest.MonkeyPatch,
    aim: Any,
    reading: Any,
) -> None:
    """Other words give another erasure, and the file says which they were."""
    quick: Any = {"prompts": 2, "neighbors": 2, "beyond": 0, "steps": 1, "crce_steps": 2}
    quick |= {"trajectories": 2, "trajectory_steps": 2, "reading": reading, "aim": aim}
    made = {}
    for names in (("bird", "dog"), ("street", "meadow")):
        monkeypatch.setattr(
            _mining, "nearest", lambda *_, names=names: _mining.Words(names, torch.ones(2))
        )
        with meter.metered("cpu") as cost:
            made[names] = RealEra(mining="vocabulary", **quick).fit(tiny_pipe, [airplane], seed=0)
        assert {f"share of {name}" for name in names} <= set(cost)
    one, other = made.values()
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_stage_one_moves_a_mined_word_nearer_the_anchor(
    tiny_pipe: Any, airplane: Concept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Than random neighbours do."""
    found = _mining.Words(("hangar",), torch.ones(1))
    monkeypatch.setattr(_mining, "nearest", lambda *_: found)
    only: Any = {"neighbors": 1, "beyond": 0, "ridge": 1e-4, "prior_scale": 1e-4, "prompts": 2}
    pair = _prompts.pairs(tiny_pipe, airplane, 2)
    word = _mining.points(tiny_pipe, airplane, 2, found)[:, 0]
    before = next(iter(pipelines.cross_attention(tiny_pipe.unet).values())).detach()
    left: dict[Any, float] = {}
    for mining in ("random", "vocabulary"):
        eraser = RealEra(stage="closed_form", mining=mining, **only)  # type: ignore[arg-type]
        edited = eraser.erase(tiny_pipe, [airplane], seed=0)
        after = next(iter(pipelines.cross_attention(edited.unet).values())).detach()
        left[mining] = float((word @ after.T - pair.aligned @ before.T).norm())
    assert left["vocabulary"] < 0.85 * left["random"]
