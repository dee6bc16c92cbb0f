from __future__ import annotations

import math
from pathlib import Path

import pytest
from PIL import Image

from bench.metrics._classes import verdicts
from bench.metrics._clip import class_text
from bench.metrics._images import read_images, square
from bench.types import Concept, Prompt

CAT, DOG = (Concept(name, "object", "a room") for name in ("cat", "dog"))
PROMPTS = [Prompt(str(i), "a dog", i, "far", "dog") for i in range(3)]


def test_label_probability_of_the_own_concept_and_whether_the_erased_one_shows() -> None:
    found = verdicts([[0.7, 0.3], [0.1, 0.9]], ["cat", "dog"], [True, True], PROMPTS[:2], [CAT])
    entropies = [found[i].pop("entropy") for i in range(2)]
    assert found == [
        {"label": "cat", "probability": 0.3, "erased": 1.0, "confidence": 0.7},
        {"label": "dog", "probability": 0.9, "erased": 0.0, "confidence": 0.9},
    ]
    expected = [-(p * math.log(p) + (1 - p) * math.log(1 - p)) for p in (0.3, 0.9)]
    assert entropies == pytest.approx(expected)


def test_a_label_that_is_not_likely_enough_is_not_given() -> None:
    rows = [[0.8, 0.2], [0.1, 0.9]]
    found = verdicts(rows, ["cat", "dog"], [True, True], PROMPTS[:2], [CAT], least=0.9)
    assert [each["label"] for each in found] == ["unsure", "dog"]
    assert [each["erased"] for each in found] == [0.0, 0.0]
    assert [each["confidence"] for each in found] == [0.8, 0.9]
    assert [each["probability"] for each in found] == [0.2, 0.9]


def test_a_prompt_without_a_concept_has_a_label_and_no_probability() -> None:
    general = [Prompt("0", "a room", 0, "general", "")]
    (found,) = verdicts([[0.7, 0.3]], ["cat", "dog"], [True], general, [CAT])
    assert (found["label"], found["erased"]) == ("cat", 1.0)
    assert math.isnan(float(found["probability"]))


def test_an_unreadable_image_keeps_its_place_and_is_nan() -> None:
    rows = [[0.7, 0.3], [0.1, 0.9]]
    found = verdicts(rows, ["cat", "dog"], [True, False, True], PROMPTS, [CAT])
    assert [each["label"] for each in found] == ["cat", "", "dog"]
    assert math.isnan(float(found[1]["probability"]))
    assert math.isnan(float(found[1]["erased"]))


def test_a_general_prompt_has_no_concept_to_be_read_but_may_show_the_erased_one() -> None:
    general = Prompt("g", "a beach", 0, "general", "")
    (found,) = verdicts([[0.7, 0.3]], ["cat", "dog"], [True], [general], [CAT])
    assert found["label"] == "cat" and found["erased"] == 1.0
    assert math.isnan(float(found["probability"]))


def test_images_are_read_as_shares_of_white_and_broken_ones_left_out(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), (255, 0, 51)).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    (tmp_path / "empty.png").write_bytes(b"")
    Image.new("L", (512, 512), 255).save(tmp_path / "grey.png")
    names = ("a", "cut", "empty", "gone", "grey")
    pixels, readable = read_images([tmp_path / f"{name}.png" for name in names], square(64))
    assert readable == [True, False, False, False, True]
    assert [tuple(each.shape) for each in pixels] == [(3, 64, 64)] * 2
    assert pixels[0][:, 5, 5].tolist() == pytest.approx([1.0, 0.0, 0.2])
    assert pixels[1].min() == 1.0


def test_no_readable_image_at_all(tmp_path: Path) -> None:
    pixels, readable = read_images([tmp_path / "gone.png"], square(64))
    assert (len(pixels), readable) == (0, [False])


def test_class_texts_fit_the_kind() -> None:
    assert class_text(CAT) == "a photo of the cat"
    assert class_text(Concept("Cleopatra", "person", "a person")) == "a photo of Cleopatra"
    assert "style" in class_text(Concept("mosaic", "style", "art"))
