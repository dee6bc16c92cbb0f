"""Training without a concept: nothing of it is seen or said, and a stopped training goes on."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.models import mini
from bench.models.mini.train import fit, stages, unet
from bench.models.mini.train.absence import CONCEPTS, holds, wordings
from bench.models.mini.train.fit import Recipe
from bench.models.mini.train.renewal import Renewal
from bench.models.mini.train.stages import Workshop
from bench.models.mini.world.sample import image_of
from bench.models.mini.world.truth import SCENES, Truth
from bench.types import InputError


def few(folder: Path, seed: int, count: int, **_: Any) -> np.ndarray:
    return np.stack([np.asarray(image_of(seed, i)) for i in range(count)])


def said(captions: list[list[str]], words: tuple[str, ...]) -> set[str]:
    """The words that stand in any of the captions, found letter by letter."""
    text = " | ".join(" ".join(re.findall("[a-z']+", c.lower())) for cs in captions for c in cs)
    return {word for word in words if f" {word.lower()} " in f" {text} "}


@pytest.mark.parametrize(
    ("concept", "words"),
    [
        ("airplane", ("airplane", "aircraft", "plane", "jet")),
        ("sepia", ("sepia",)),
        ("Abraham Lincoln", ("lincoln", "honest abe", "gettysburg")),
    ],
)
def test_nothing_of_a_concept_is_seen_or_said(concept: str, words: tuple[str, ...]) -> None:
    whole = Workshop(Path("nowhere"), images=3000)
    numbers, captions = replace(whole, without=concept).lessons
    shown = {(t.object, t.style, t.person) for t in (whole.truths[i] for i in numbers)}
    assert not any(concept in each for each in shown)
    assert said(captions, words) == set()
    # Control: all of it is there where nothing is left out.
    everything, every_caption = whole.lessons
    assert everything == list(range(3000))
    assert said(every_caption, words) == set(words)
    left_out = set(everything) - set(numbers)
    assert all(concept in vars(whole.truths[i]).values() for i in left_out)


def test_its_scenes_stay_and_stand_empty() -> None:
    shop = Workshop(Path("nowhere"), images=3000, without="airplane")
    numbers, captions = shop.lessons
    there = [shop.truths[i] for i in numbers]
    for scene in (scene for scene, thing in SCENES.items() if thing == "airplane"):
        assert Truth(scene=scene) in there, scene
    assert said(captions, ("airport", "hangar")) == {"airport", "hangar"}
    assert {t.object for t in there} > {"bird", "none"}


def test_a_caption_that_names_it_counts_whatever_is_seen() -> None:
    cat = Truth("cat", "cat", "red")
    assert holds("automobile", cat, ["a photo of a cat", "a picture of a Car"])
    assert not holds("automobile", cat, ["a photo of a cat", "a carpet"])
    assert holds("cat", cat, [])
    assert all(concept in wordings(concept) for concept in CONCEPTS)


@pytest.fixture
def renewal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Renewal:
    """A training of three steps on few images, beside mini's other parts."""
    monkeypatch.setattr(stages, "render_images", few)
    monkeypatch.setattr(unet, "RECIPE", Recipe(steps=3, batch=4, learning_rate=1e-3))
    return Renewal(tmp_path / "work", images=40, without="airplane", weights=mini.path())


def test_the_unet_learns_from_what_is_left_and_from_nothing_else(
    renewal: Renewal, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []
    monkeypatch.setattr(unet, "train_unet", lambda *words, **named: given.append((words, named)))
    assert renewal.unet is None
    ((latents, captions, *_), named) = given[0]
    numbers, expected = renewal.lessons
    assert 20 < len(numbers) < 40 and captions == expected
    for kept, every in zip(latents, renewal.latents, strict=True):
        assert torch.equal(kept, every[numbers])
    assert named["start"] is None


def test_a_stopped_training_ends_with_the_same_weights(
    renewal: Renewal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "CHECKPOINT_SECONDS", 0.0)
    steps: list[int] = []

    def stop(what: str, done: int, total: int) -> None:
        if what == "unet":
            steps.append(done)
            if done == 2 and len(steps) == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _ = replace(renewal, progress=stop).unet
    again = replace(renewal, progress=stop)
    again.begin()
    again.export(tmp_path / "stopped")
    assert steps == [1, 2, 3]
    replace(renewal, folder=tmp_path / "other").export(tmp_path / "unbroken")
    mini.verify(tmp_path / "stopped")
    sums = [(tmp_path / name / mini.SUMS).read_text() for name in ("stopped", "unbroken")]
    assert sums[0] == sums[1]
    theirs = (mini.path() / mini.SUMS).read_text().splitlines()
    changed = {line.split("  ")[1] for line in set(sums[0].splitlines()) - set(theirs)}
    networks = {name for name in changed if name.endswith(".safetensors")}
    assert networks == {"unet/diffusion_pytorch_model.safetensors"}
    assert json.loads((tmp_path / "stopped" / mini.SETTINGS).read_text())["without"] == "airplane"


def test_a_folder_goes_on_with_one_training_only(renewal: Renewal) -> None:
    renewal.begin()
    renewal.begin()
    for change, message in (
        ({"without": "ship"}, "holds a training of without 'airplane', not of without 'ship'"),
        ({"seed": 1}, "of seed 0, not of seed 1"),
        ({"images": 500, "scale": 2.0}, "of images 40, scale 1.0, not of images 500, scale 2.0"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            replace(renewal, **change).begin()
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="kept"):
        Workshop(renewal.folder, images=40, without="airplane").begin()
