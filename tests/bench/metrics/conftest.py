from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch_fidelity import feature_extractor_inceptionv3 as inception


def blended(paths: Sequence[Path], share: float, folder: Path) -> list[Path]:
    """Write the images with a share of noise blended in."""
    rng, found = np.random.default_rng(0), []
    for path in paths:
        pixels = np.asarray(Image.open(path), dtype=float)
        mixed = (1 - share) * pixels + share * rng.integers(0, 256, pixels.shape)
        found.append(folder / f"{share}-{path.name}")
        Image.fromarray(mixed.astype(np.uint8)).save(found[-1])
    return found


@pytest.fixture(scope="session")
def weights() -> dict[str, torch.Tensor]:
    """Random weights of torch-fidelity's InceptionV3, such that its features are of order 1."""
    patch = pytest.MonkeyPatch()
    with torch.random.fork_rng(devices=[]), patch.context() as patched:
        torch.manual_seed(0)
        patched.setattr(inception, "load_state_dict_from_url", lambda *_, **__: {})
        patched.setattr(inception.FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        network = inception.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"])
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    return dict(network.state_dict())


@pytest.fixture
def untrained(weights: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """torch-fidelity's InceptionV3 itself; the metric loads one of the same random weights."""
    from bench.metrics import fidelity

    monkeypatch.setattr(inception, "load_state_dict_from_url", lambda *_, **__: weights)
    fidelity._network.cache_clear()
    yield inception.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"])
    fidelity._network.cache_clear()
