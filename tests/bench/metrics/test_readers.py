"""The metrics on networks made here, so that neither weights nor a download are needed."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from PIL import Image

from bench.metrics import Setting, _clip
from bench.metrics.clip import Clip
from bench.metrics.judge import Judge
from bench.models.mini import clip
from bench.types import Concept, InputError, Prompt

RED, BLUE = (255, 0, 0), (0, 0, 255)
AIRPLANE, BIRD = Concept("airplane", "object", "the sky"), Concept("bird", "object", "the sky")
PROMPTS = [Prompt(str(i), "a bird", i, "near", "bird") for i in range(3)]
SETTING = Setting((AIRPLANE,), (AIRPLANE, BIRD), "mini", "cpu")


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """A red image, one that cannot be opened, and a blue one."""
    for name, colour in (("0", RED), ("2", BLUE)):
        Image.new("RGB", (64, 64), colour).save(tmp_path / f"{name}.png")
    return [tmp_path / f"{i}.png" for i in range(3)]


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge for which red is an airplane and blue a bird."""

    def read(pixels: torch.Tensor) -> dict[str, torch.Tensor]:
        red, _, blue = pixels.mean(dim=(2, 3)).T
        return {"object": torch.stack([torch.zeros_like(red), red, blue], dim=1)}

    judge, truth = (
        ModuleType("bench.models.mini.judge"),
        ModuleType("bench.models.mini.world.truth"),
    )
    judge.load = lambda: SimpleNamespace(read=read)  # type: ignore[attr-defined]
    truth.LABELS = {"object": ("none", "airplane", "bird")}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "bench.models.mini.judge", judge)
    monkeypatch.setattr("bench.models.mini.judge", judge, raising=False)
    monkeypatch.setitem(sys.modules, "bench.models.mini.world.truth", truth)


class Colours(torch.nn.Module):
    """A CLIP whose space is colour: the first text is red, the second blue."""

    logit_scale = torch.tensor(math.log(10.0))

    def encode_text(self, tokens: torch.Tensor, normalize: bool) -> torch.Tensor:
        return torch.eye(3)[tokens]

    def encode_image(self, pixels: torch.Tensor, normalize: bool) -> torch.Tensor:
        return torch.nn.functional.normalize(pixels.mean(dim=(2, 3)) + 1, dim=1)


@pytest.fixture
def clipped(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that CLIP was asked about."""
    asked: list[str] = []

    def tokenizer(texts: list[str]) -> torch.Tensor:
        asked.extend(texts)
        return torch.tensor([2 if "bird" in text else 0 for text in texts])

    reader = _clip.Reader(Colours(), tokenizer, clip.transform())
    monkeypatch.setattr(_clip, "reader", lambda family, device: reader)
    return asked


def test_the_judge_reads_the_head_of_the_kind(judged: None, images: list[Path]) -> None:
    found = Judge().measure(images, PROMPTS, SETTING)
    assert [each["label"] for each in found] == ["airplane", "", "bird"]
    assert [found[0]["probability"], found[2]["probability"]] == [0.0, 1.0]
    assert [found[0]["erased"], found[2]["erased"]] == [1.0, 0.0]


def test_the_judge_refuses_what_it_has_no_label_for(judged: None, images: list[Path]) -> None:
    unknown = [Prompt("0", "x", 0, "target", "zebra")]
    with pytest.raises(InputError, match="for metric judge: 'zebra'; choices: airplane, bird"):
        Judge().measure(images[:1], unknown, SETTING)


def test_clip_chooses_between_the_classes(clipped: list[str], images: list[Path]) -> None:
    found = Clip().measure(images, PROMPTS, SETTING)
    assert clipped == ["a photo of the airplane", "a photo of the bird", "a bird"]
    assert [each["label"] for each in found] == ["airplane", "", "bird"]
    # Two classes, cosines 1 and 0, scale 10.
    assert found[2]["probability"] == pytest.approx(1 / (1 + math.exp(-10)))
    # The prompt is blue, so the red image scores 0 and the blue one 100.
    assert [found[0]["score"], found[2]["score"]] == pytest.approx([0, 100])
    assert math.isnan(float(found[1]["score"]))


def test_openais_clip_has_the_activation_that_its_weights_were_trained_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import open_clip

    asked: dict[str, object] = {}

    def create(name: str, **options: object) -> object:
        asked.update(options, name=name)
        raise OSError("no network")

    monkeypatch.setattr(open_clip, "create_model_and_transforms", create)
    with pytest.raises(InputError, match="cannot load CLIP ViT-B-32 of openai"):
        _clip._openai("cpu")
    trained = open_clip.get_pretrained_cfg(asked["name"], asked["pretrained"])
    assert asked["force_quick_gelu"] is trained["quick_gelu"] is True


def test_batches_change_nothing(
    judged: None, images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Judge().measure(images, PROMPTS, SETTING)
    seen: list[int] = []
    monkeypatch.setattr("bench.metrics.judge.BATCH", 1)
    parts = Judge().measure(images, PROMPTS, SETTING, lambda what, done, total: seen.append(done))
    assert [each["label"] for each in parts] == [each["label"] for each in whole]
    assert seen == [1, 2, 3]
