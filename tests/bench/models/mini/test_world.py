from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pytest

from bench import prompts
from bench.models.mini.world import captions, shapes
from bench.models.mini.world.pen import CANVAS, Pen
from bench.models.mini.world.render import render
from bench.models.mini.world.sample import caption_of, image_of, truth_of
from bench.models.mini.world.truth import (
    COLOURS,
    LABELS,
    NEAR,
    NONE,
    OBJECTS,
    PLACES,
    SCENES,
    STYLES,
    SYNONYMS,
    Truth,
)


def pixels(truth: Truth, seed: int = 0) -> np.ndarray:
    return np.asarray(render(truth, np.random.default_rng(seed)), dtype=float)


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).mean())


def test_a_image_is_the_same_for_the_same_seed_and_number():
    first, again, other = (np.asarray(image_of(*key)) for key in ((3, 8), (3, 8), (3, 9)))
    assert first.shape == (64, 64, 3)
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_has_four_shapes_that_look_different(name):
    drawn = []
    for shape in shapes.SHAPES[name]:
        pen = Pen((CANVAS / 2, CANVAS / 2), 100)
        shape(pen, (214, 40, 40))
        drawn.append(np.asarray(pen.layer))
    for a, b in combinations(drawn, 2):
        either = (a[..., 3] > 0) | (b[..., 3] > 0)
        assert (a != b).any(-1).sum() / either.sum() > 0.12


def test_every_noun_favours_a_shape_of_its_own():
    for name, synonyms in SYNONYMS.items():
        favourites = set()
        for noun in (name, *synonyms):
            rng = np.random.default_rng(0)
            chosen = [shapes.choose_shape(name, noun, rng) for _ in range(80)]
            favourites.add(max(set(chosen), key=chosen.count))
        assert len(favourites) == 4


def test_scenes_and_places_all_look_different():
    backdrops = [pixels(Truth(scene=scene)) for scene in LABELS["scene"]]
    assert all(difference(a, b) > 8 for a, b in combinations(backdrops, 2))


@pytest.mark.parametrize("scene", SCENES)
def test_an_object_shows_in_its_scene(scene):
    empty = pixels(Truth(scene=scene))
    full = pixels(Truth(SCENES[scene], SCENES[scene], "red", scene))
    assert difference(empty, full) > 8


def test_colours_show():
    means = [pixels(Truth("ship", "ship", colour)).reshape(-1, 3).mean(0) for colour in COLOURS]
    assert all(np.abs(a - b).max() > 1 for a, b in combinations(means, 2))


def test_night_is_darker():
    day = pixels(Truth("dog", "dog", "white", "meadow")).mean()
    night = pixels(Truth("dog", "dog", "white", "meadow", night=True)).mean()
    assert 0.3 * day < night < 0.8 * day


def test_labels_name_what_is_there_and_hide_colours_that_a_style_hides():
    labels = Truth("dog", "hound", "red", "meadow", "neon").labels()
    assert LABELS["object"][labels["object"]] == "dog"
    assert LABELS["scene"][labels["scene"]] == "meadow"
    assert LABELS["style"][labels["style"]] == "neon"
    assert labels["colour"] == -1
    assert LABELS["person"][labels["person"]] == NONE


def test_a_caption_without_the_object_is_about_its_scene_only():
    rng = np.random.default_rng(0)
    truth = Truth("airplane", "jet", "red", "airport")
    texts = [captions.caption(truth, rng) for _ in range(200)]
    named = [text for text in texts if re.search(r"\bjet\b", text)]
    assert 0.15 < len(named) / len(texts) < 0.6
    assert not any(re.search(r"\b(airplane|aircraft|plane)\b", text) for text in texts)


def test_empty_scenes_are_called_empty():
    rng = np.random.default_rng(0)
    texts = [captions.subject(Truth(scene="pond"), rng) for _ in range(50)]
    assert all(re.search("empty|deserted", text) for text in texts)


def test_between_five_and_ten_percent_of_captions_are_misspelt(monkeypatch):
    misspelt = []
    real = captions.misspell
    monkeypatch.setattr(captions, "misspell", lambda *a: misspelt.append(1) or real(*a))
    for i in range(3000):
        caption_of(0, i)
    assert 0.05 < len(misspelt) / 3000 < 0.10


def test_a_misspelling_changes_one_word():
    rng = np.random.default_rng(0)
    for _ in range(100):
        before, after = (
            "a photo of a red airplane",
            captions.misspell("a photo of a red airplane", rng),
        )
        changed = sum(a != b for a, b in zip(before.split(), after.split(), strict=True))
        assert changed <= 1


def test_every_word_of_the_vocabulary_is_sampled():
    truths = [truth_of(0, i) for i in range(6000)]
    assert {t.object for t in truths} == {NONE, *OBJECTS}
    assert {t.scene for t in truths} == {NONE, *PLACES, *SCENES}
    assert {t.style for t in truths} >= set(STYLES)
    assert {t.name for t in truths} >= {n for o in OBJECTS for n in captions.nouns(o)}


def test_the_world_and_the_prompts_agree():
    concepts = prompts.concepts()
    for name in OBJECTS:
        assert concepts[name].synonyms == SYNONYMS[name]
        assert concepts[name].near == (NEAR[name],)
