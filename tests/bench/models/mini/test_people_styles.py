"""People and styles of the mini world: seeded, different from each other, right in size."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from bench.models.mini.world.people import PEOPLE, draw_person
from bench.models.mini.world.styles import STYLES, apply_style

GREY = (150, 160, 170)


def _small(image: Image.Image) -> np.ndarray:
    return np.asarray(image.resize((64, 64), Image.Resampling.BOX), dtype=float)


def _bust(name: str, seed: int = 3) -> Image.Image:
    return draw_person(name, np.random.default_rng(seed), GREY)


@pytest.mark.parametrize("name", PEOPLE)
def test_a_bust_depends_on_nothing_but_its_seed(name: str) -> None:
    bust = _bust(name)
    assert (bust.size, bust.mode) == ((256, 256), "RGB")
    assert bust.tobytes() == _bust(name).tobytes()
    assert bust.tobytes() != _bust(name, seed=4).tobytes()


def test_people_look_different_in_the_same_pose() -> None:
    assert len(PEOPLE) == 8
    for one, other in combinations(PEOPLE, 2):
        assert np.abs(_small(_bust(one)) - _small(_bust(other))).mean() > 8, (one, other)


def test_the_background_is_the_one_asked_for() -> None:
    scene = Image.new("RGB", (64, 64), (10, 200, 30))
    bust = draw_person("Charles Darwin", np.random.default_rng(0), scene)
    assert bust.getpixel((1, 1)) == (10, 200, 30)
    assert _bust("Charles Darwin").getpixel((1, 1)) == GREY
    free = {
        draw_person("Charles Darwin", np.random.default_rng(seed), None).getpixel((1, 1))
        for seed in range(5)
    }
    assert len(free) > 1


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError):
        draw_person("Nobody", np.random.default_rng(0), None)
    with pytest.raises(KeyError):
        apply_style("nothing", _bust("Cleopatra"), np.random.default_rng(0))


@pytest.mark.parametrize("style", STYLES)
def test_a_style_changes_masses_and_depends_on_its_seed(style: str) -> None:
    bust = _bust("Napoleon Bonaparte")
    styled = apply_style(style, bust, np.random.default_rng(1))
    assert (styled.size, styled.mode) == ((256, 256), "RGB")
    assert styled.tobytes() == apply_style(style, bust, np.random.default_rng(1)).tobytes()
    assert np.abs(_small(styled) - _small(bust)).mean() > 20


def test_styles_look_different_from_each_other() -> None:
    bust = _bust("Julius Caesar")
    seen = {name: _small(apply_style(name, bust, np.random.default_rng(1))) for name in STYLES}
    assert len(seen) == 8
    for one, other in combinations(STYLES, 2):
        assert np.abs(seen[one] - seen[other]).mean() > 20, (one, other)


@pytest.mark.parametrize("style", STYLES)
def test_a_style_survives_a_blank_image(style: str) -> None:
    blank = Image.new("RGB", (256, 256), GREY)
    assert apply_style(style, blank, np.random.default_rng(1)).size == (256, 256)
