from __future__ import annotations

import math
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from bench.metrics import Measured, Setting, View, fidelity
from bench.metrics.fidelity import FEATURES, Fidelity, frechet, kernel
from bench.mini import known
from bench.types import Concept, InputError

from .conftest import blended

CAT = Concept("cat", "object", "a room")
SETTING = Setting((CAT,), (CAT,), "mini", "cpu")


def features(n: int, shift: float, seed: int, width: int = 6) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, width, generator=generator, dtype=torch.float64) + shift


def test_frechet_agrees_with_an_independent_evaluation() -> None:
    one, two = features(300, 0.0, 0), features(250, 0.5, 1)
    a, b = np.cov(one.numpy().T), np.cov(two.numpy().T)
    root = sqrtm(a @ b).real
    gap = one.numpy().mean(0) - two.numpy().mean(0)
    expected = gap @ gap + np.trace(a + b - 2 * root)
    assert frechet(one, two) == pytest.approx(expected, rel=1e-8)


def test_kernel_agrees_with_an_independent_evaluation() -> None:
    one, two = features(60, 0.0, 0).numpy(), features(60, 0.5, 1).numpy()

    def k(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (x @ y.T / x.shape[1] + 1) ** 3

    n = len(one)
    same = sum((k(x, x).sum() - np.trace(k(x, x))) / (n * (n - 1)) for x in (one, two))
    expected = same - 2 * k(one, two).mean()
    assert kernel(torch.tensor(one), torch.tensor(two)) == pytest.approx(expected, rel=1e-6)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    paths = []
    for number, (picture, _) in enumerate(known.pictures("object", 21)):
        paths.append(folder / f"{number:03d}.png")
        picture.save(paths[-1])
    return paths


def scores(images: list[Path], unerased: list[Path]) -> dict[tuple[str, str], Measured]:
    view = View({"far": images}, {"far": unerased} if unerased else {}, SETTING)
    return {(each.name, each.role): each for each in Fidelity().of_run(view)}


def test_fid_and_kid_rise_with_the_noise_that_is_blended_in(
    pictures: list[Path], tmp_path: Path
) -> None:
    assert len(pictures) > FEATURES["mini"]
    fids, kids = [], []
    for share in (0.0, 0.1, 0.25, 0.5, 1.0):
        found = scores(blended(pictures, share, tmp_path), pictures)
        fids.append(found["fidelity_fid_judge", "far"].value)
        kids.append(found["fidelity_kid_judge", "far"].value)
        assert found["fidelity_fid_judge", "all"].n == len(pictures)
    assert fids[0] == pytest.approx(0, abs=1e-6)
    assert fids == sorted(fids) and kids == sorted(kids)
    assert fids[1] > 1 and fids[-1] > 10 * fids[1]


def test_too_few_pictures_are_not_measured_and_counted(pictures: list[Path]) -> None:
    found = scores(pictures[:100], pictures[100:200])
    assert math.isnan(found["fidelity_fid_judge", "far"].value)
    assert found["fidelity_fid_judge", "far"].n == 100
    assert not math.isnan(found["fidelity_kid_judge", "far"].value)
    assert math.isnan(scores(pictures[:20], pictures[:20])["fidelity_kid_judge", "far"].value)


def test_without_the_un_erased_pictures_there_is_nothing_to_compare(pictures: list[Path]) -> None:
    assert all(math.isnan(each.value) for each in scores(pictures, []).values())


def test_a_pair_of_which_one_cannot_be_read_counts_nowhere(
    pictures: list[Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG")
    found = scores([broken, *pictures[1:80]], pictures[:80])
    assert found["fidelity_kid_judge", "far"].n == 79


def test_the_package_that_inception_needs_is_a_dependency() -> None:
    text = (Path(fidelity.__file__).parents[2] / "pyproject.toml").read_text()
    names = tomllib.loads(text)["project"]["dependencies"]
    assert any(name.startswith("torch-fidelity") for name in names)


def test_offline_it_says_what_to_fetch_and_where_to_put_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from torch_fidelity import feature_extractor_inceptionv3 as inception

    def offline(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(inception, "load_state_dict_from_url", offline)
    fidelity._network.cache_clear()
    with pytest.raises(InputError, match=r"fetch https://.*weights-inception.*put it at "):
        Fidelity().prepare("sd", "cpu")
