"""Retrained: the U-Net of a training that never saw the concept, and of no other."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from bench import data
from bench.drawing import Sampler
from bench.metrics._images import square
from bench.models import generate, loading, mini, pipelines
from bench.models.mini import judge
from bench.models.mini.world.truth import LABELS
from bench.types import Concept, InputError
from methods.retrained import Retrained

AIRPLANE = Concept("airplane", "object", "the sky")
SHIP = Concept("ship", "object", "the sea")


def exported(pipe: Any, folder: Path, without: str, factor: float) -> Path:
    """Write weights as a training does that left a concept out, all of them scaled."""
    unet = copy.deepcopy(pipe.unet)
    for weight in unet.parameters():
        weight.data.mul_(factor)
    pipelines.with_unet(pipe, unet).save_pretrained(folder)
    (folder / mini.SETTINGS).write_text(json.dumps({"seed": 0, "without": without}))
    return folder


def same(one: Any, other: Any, factor: float) -> bool:
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(torch.equal(a, factor * b) for a, b in pairs)


def test_the_unet_is_the_retrained_one_and_all_else_stays(tiny_pipe: Any, tmp_path: Path) -> None:
    path = exported(tiny_pipe, tmp_path / "a", "airplane", 0.5)
    made = Retrained(path=str(path)).erase(tiny_pipe, [AIRPLANE], seed=0)
    assert same(made.unet, tiny_pipe.unet, 0.5)
    assert made.text_encoder is tiny_pipe.text_encoder and made.vae is tiny_pipe.vae


def test_each_case_finds_its_own_among_several(tiny_pipe: Any, tmp_path: Path) -> None:
    exported(tiny_pipe, tmp_path / "a", "airplane", 0.5)
    exported(tiny_pipe, tmp_path / "b", "ship", 0.25)
    eraser = Retrained(path=str(tmp_path))
    for concept, factor in ((AIRPLANE, 0.5), (SHIP, 0.25)):
        eraser.check(tiny_pipe, [concept])
        assert same(eraser.erase(tiny_pipe, [concept], seed=0).unet, tiny_pipe.unet, factor)


def test_a_training_without_something_else_is_refused(tiny_pipe: Any, tmp_path: Path) -> None:
    path = exported(tiny_pipe, tmp_path / "a", "airplane", 0.5)
    for concepts in ([SHIP], [AIRPLANE, SHIP]):
        with pytest.raises(InputError, match=r"without ship|airplane and ship") as caught:
            Retrained(path=str(path)).check(tiny_pipe, concepts)
        assert "there is one without: airplane" in str(caught.value)
    # Of every concept, or from before it was noted.
    path = exported(tiny_pipe, tmp_path / "all", "", 0.5)
    for note in ('{"without": ""}', '{"seed": 0}'):
        (path / mini.SETTINGS).write_text(note)
        with pytest.raises(InputError, match="without airplane; there is one without: nothing"):
            Retrained(path=str(path)).check(tiny_pipe, [AIRPLANE])


def test_a_file_is_taken_at_its_word_unless_it_changes_nothing(
    tiny_pipe: Any, tmp_path: Path
) -> None:
    own = {name: each.detach() for name, each in tiny_pipe.unet.state_dict().items()}
    save_file(own, tmp_path / "same.safetensors")
    save_file({name: 2 * each for name, each in own.items()}, tmp_path / "twice.safetensors")
    made = Retrained(path=str(tmp_path / "twice.safetensors")).erase(tiny_pipe, [SHIP], seed=0)
    assert same(made.unet, tiny_pipe.unet, 2)
    with pytest.raises(InputError, match="changes nothing"):
        Retrained(path=str(tmp_path / "same.safetensors")).check(tiny_pipe, [SHIP])


def test_the_one_that_comes_along_never_saw_an_airplane_and_draws_the_rest() -> None:
    """The un-erased model draws them all; one airplane of four by chance is no airplane seen."""
    pipe = loading.shared("mini", "cpu")
    path = str(data.ROOT / "reports" / "retrained")
    without = Retrained(path=path).erase(pipe, [AIRPLANE], seed=0)
    texts = ["a photo of an airplane"] * 4 + ["a photo of a ship", "a photo of a dog"]
    seen = {}
    for name, model in (("before", pipe), ("after", without)):
        images = generate.draw(model, texts, range(6), Sampler(steps=20, guidance=4.0), "pil")
        rows = judge.load().read(torch.stack([square(64)(image) for image in images]))["object"]
        seen[name] = [LABELS["object"][int(row.argmax())] for row in rows]
    assert seen["before"] == ["airplane"] * 4 + ["ship", "dog"]
    assert seen["after"].count("airplane") <= 1 and seen["after"][4:] == ["ship", "dog"]


def test_weights_of_another_model_are_refused(tiny_pipe: Any) -> None:
    file = mini.WEIGHTS / "unet" / "diffusion_pytorch_model.safetensors"
    with pytest.raises(InputError, match="unet has no parameter"):
        Retrained(path=str(file)).check(tiny_pipe, [AIRPLANE])
