"""Intact: what was readable un-erased is readable still, on images whose content is known."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench import registry
from bench.metrics import STAYING, Setting, Verdict, _clip, _perceptual
from bench.metrics._images import square
from bench.metrics.intact import LEAST, Intact
from bench.models.mini.world.render import render
from bench.models.mini.world.truth import Truth
from bench.types import Concept, InputError, Prompt, Role

AIRPLANE = Concept("airplane", "object", "the sky")
TRUTH = Truth("bird", "bird", "red", "desert")


def prompt(name: str, role: Role = "near", text: str = "a bird", seed: int = 0) -> Prompt:
    return Prompt(name, text, seed, role, "bird")


def drawn(folder: Path, name: str, truth: Truth) -> Path:
    path = folder / f"{name}.png"
    render(truth, np.random.default_rng(0)).save(path)
    return path


def setting(unerased: dict[str, Path], family: str = "mini") -> Setting:
    return Setting((AIRPLANE,), (AIRPLANE,), family, "cpu", unerased)


def verdict(
    folder: Path, after: Truth, role: Role = "near", metric: Intact | None = None
) -> Verdict:
    before = drawn(folder, "before", TRUTH)
    now = drawn(folder, "after", after)
    (found,) = (metric or Intact()).measure([now], [prompt("x", role)], setting({"x": before}))
    return found


@pytest.mark.parametrize(
    ("head", "change"),
    [
        ("object", {"object": "frog", "name": "frog"}),
        ("scene", {"scene": "sea"}),
        ("colour", {"colour": "blue"}),
        ("style", {"style": "sepia"}),
    ],
)
def test_what_is_lost_is_named(tmp_path: Path, head: str, change: dict[str, str]) -> None:
    found = verdict(tmp_path, replace(TRUTH, **change))  # type: ignore[arg-type]
    assert found["intact"] == 0
    assert head in str(found["lost_label"]).split()


def test_a_person_that_appears_is_a_loss_and_the_same_image_is_intact(tmp_path: Path) -> None:
    appeared = verdict(tmp_path, Truth(person="Cleopatra", scene="desert"))
    assert "person" in str(appeared["lost_label"]).split()
    same = verdict(tmp_path, TRUTH)
    assert same == {"readable": 5, "lost": 0, "lost_label": "", "intact": 1.0}


@pytest.mark.parametrize("role", ["target", "synonym", "related", "adversarial", "remainder"])
def test_what_should_change_says_nothing(tmp_path: Path, role: Role) -> None:
    assert role not in STAYING
    assert math.isnan(float(verdict(tmp_path, TRUTH, role)["intact"]))


def test_what_was_not_readable_cannot_be_lost(tmp_path: Path) -> None:
    found = verdict(tmp_path, replace(TRUTH, scene="sea"), metric=Intact(confidence=1.0))
    assert int(found["readable"]) < 5
    assert "object" not in str(found["lost_label"])
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    noise.save(tmp_path / "noise.png")
    path = tmp_path / "noise.png"
    (nothing,) = Intact(confidence=1.0).measure([path], [prompt("x")], setting({"x": path}))
    assert nothing["readable"] == 0
    assert math.isnan(float(nothing["intact"]))


def test_images_that_are_missing_or_broken_say_nothing(tmp_path: Path) -> None:
    path = drawn(tmp_path, "one", TRUTH)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    prompts = [prompt("a"), prompt("b"), prompt("c")]
    found = Intact().measure([path, path, broken], prompts, setting({"a": path, "c": path}))
    assert found[0]["intact"] == 1
    assert [math.isnan(float(each["intact"])) for each in found] == [False, True, True]


def test_the_confidence_is_part_of_the_name_and_must_be_a_probability() -> None:
    assert Intact().name == "intact@0.9"
    assert registry.metric("intact@0.5").name == "intact@0.5"
    with pytest.raises(InputError, match="must be from 0 to 1"):
        Intact(confidence=2.0)


# --- other models -----------------------------------------------------------------------------


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stand-ins whose distances are those of mean grey levels."""
    look = _perceptual.Network(
        square(64), lambda one, two: (one - two).mean(dim=(1, 2, 3)).abs(), "cpu"
    )

    class Seen:
        def encode_image(self, pixels: torch.Tensor, normalize: bool) -> torch.Tensor:
            angle = pixels.mean(dim=(1, 2, 3))
            return torch.stack([angle.cos(), angle.sin()], dim=1)

    _clip.reader.cache_clear()
    reader = _clip.Reader(Seen(), lambda texts: torch.zeros(len(texts)), square(64))
    monkeypatch.setitem(_perceptual.NETWORKS, "photographs", lambda device: look)
    monkeypatch.setitem(_clip.READERS, "photographs", lambda device: reader)
    yield
    _clip.reader.cache_clear()


def grey(folder: Path, name: str, level: int) -> Path:
    path = folder / f"{name}.png"
    Image.new("RGB", (64, 64), (level, level, level)).save(path)
    return path


def asked(folder: Path, seeds: int) -> tuple[list[Prompt], dict[str, Path]]:
    """Un-erased images of one text, 30 grey levels from one seed to the next."""
    prompts = [prompt(f"p{n}", "far", "a bird", n) for n in range(seeds)]
    return prompts, {p.id: grey(folder, p.id, 60 + 30 * (n % 2)) for n, p in enumerate(prompts)}


@pytest.mark.usefixtures("networks")
@pytest.mark.parametrize(("change", "intact"), [(0, 1.0), (10, 1.0), (60, 0.0)])
def test_a_change_counts_as_loss_from_what_another_seed_gives(
    tmp_path: Path, change: int, intact: float
) -> None:
    prompts, unerased = asked(tmp_path, LEAST + 1)
    images = [
        grey(tmp_path, f"{p.id}-now", 60 + 30 * (n % 2) + change) for n, p in enumerate(prompts)
    ]
    found = Intact().measure(images, prompts, setting(unerased, "sd"))
    assert {each["intact"] for each in found} == {intact}
    assert {each["lost_label"] for each in found} == {"look clip" if change == 60 else ""}


@pytest.mark.usefixtures("networks")
def test_too_few_seeds_of_one_text_say_nothing(tmp_path: Path) -> None:
    prompts, unerased = asked(tmp_path, LEAST)
    found = Intact().measure(list(unerased.values()), prompts, setting(unerased, "sd"))
    assert all(math.isnan(float(each["intact"])) for each in found)
    alone = [replace(each, text=f"a bird {n}") for n, each in enumerate(prompts)]
    found = Intact().measure(list(unerased.values()), alone, setting(unerased, "sd"))
    assert all(math.isnan(float(each["intact"])) for each in found)
