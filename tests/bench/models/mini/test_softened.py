"""Images as the autoencoder draws them."""

from __future__ import annotations

import numpy as np
import pytest

from bench.models import loading
from bench.models.mini.train import softened
from bench.models.mini.train.data import Images
from bench.models.mini.train.softened import soften
from bench.models.mini.world.sample import image_of


@pytest.fixture(scope="module")
def images() -> Images:
    return np.stack([np.asarray(image_of(0, i)) for i in range(8)])


def apart(one: Images, other: Images) -> float:
    return float(np.abs(one.astype(float) - other.astype(float)).mean())


def test_a_softened_image_is_the_same_image_drawn_by_the_autoencoder(
    images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    vae = loading.shared("mini", "cpu").vae
    soft = soften(vae, images, seed=0)
    assert soft.shape == images.shape and soft.dtype == np.uint8
    assert (soft == soften(vae, images, seed=0)).all()
    assert (soft != soften(vae, images, seed=1)).any()
    # Another image is further away than it, and noise on its latents adds to the autoencoder's own.
    assert 0 < apart(soft, images) < 0.5 * apart(soft, np.roll(images, 1, axis=0))
    monkeypatch.setattr(softened, "MOST", 0.0)
    assert apart(soften(vae, images, seed=0), images) < apart(soft, images)
