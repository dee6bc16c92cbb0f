from __future__ import annotations

import math
import tomllib
from pathlib import Path

import pytest

from bench import prompts
from bench.metrics import STAYING, SetScore, Setting, View, fidelity
from bench.metrics.fidelity import FEATURES, LEAST_KID, Fidelity
from bench.models.mini import known
from bench.results.stats import collapse
from bench.types import Concept, InputError

from .conftest import blended

CAT = Concept("cat", "object", "a room")
SETTING = Setting((CAT,), (CAT,), "mini", "cpu")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("images")
    paths = []
    for number, (image, _) in enumerate(known.images("object", 21)):
        paths.append(folder / f"{number:03d}.png")
        image.save(paths[-1])
    return paths


def scores(images: list[Path], unerased: list[Path]) -> dict[tuple[str, str], SetScore]:
    view = View({"far": images}, {"far": unerased} if unerased else {}, SETTING)
    return {(each.measure, each.role): each for each in Fidelity().of_run(view)}


def test_fid_and_kid_rise_with_the_noise_that_is_blended_in(
    images: list[Path], tmp_path: Path
) -> None:
    assert len(images) > FEATURES["rendered"].width
    fids, kids = [], []
    for share in (0.0, 0.1, 0.25, 0.5, 1.0):
        found = scores(blended(images, share, tmp_path), images)
        fids.append(found["fid_judge", "far"].value)
        kids.append(found["kid_judge", "far"].value)
        assert found["fid_judge", "all"].n == len(images)
    assert fids[0] == pytest.approx(0, abs=1e-6)
    assert fids == sorted(fids) and kids == sorted(kids)
    assert fids[1] > 1 and fids[-1] > 10 * fids[1]


def test_too_few_images_are_not_measured_and_counted(images: list[Path]) -> None:
    found = scores(images[:100], images[100:200])
    assert math.isnan(found["fid_judge", "far"].value)
    assert found["fid_judge", "far"].n == 100
    assert not math.isnan(found["kid_judge", "far"].value)
    assert math.isnan(scores(images[:20], images[:20])["kid_judge", "far"].value)


def test_without_the_un_erased_images_there_is_nothing_to_compare(images: list[Path]) -> None:
    assert all(math.isnan(each.value) for each in scores(images, []).values())


def test_a_pair_of_which_one_cannot_be_read_counts_nowhere(
    images: list[Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG")
    found = scores([broken, *images[1:80]], images[:80])
    assert found["kid_judge", "far"].n == 79


def test_of_sets_of_two_sizes_nothing_is_paired(images: list[Path]) -> None:
    found = scores(images, images[:-1])
    assert all(math.isnan(each.value) and each.n == 0 for each in found.values())


def test_what_is_pooled_is_all_that_should_stay(images: list[Path]) -> None:
    """Neither half has images enough for FID, both together have."""
    roles = {"near": images[:60], "general": images[60:], "target": images[:9]}
    for unerased in (roles, roles | {"near": images[60:120]}):
        found = {(s.measure, s.role): s for s in Fidelity().of_run(View(roles, unerased, SETTING))}
        assert {role for _, role in found} == {"near", "general", "all"}
        assert math.isnan(found["fid_judge", "near"].value)
        assert found["fid_judge", "all"].n == len(images)
        fid = found["fid_judge", "all"].value
        assert (fid > 0.1) is (unerased is not roles)
    # A role without its other side leaves the pool unmeasured, and the rest as they were.
    found = {
        (s.measure, s.role): s
        for s in Fidelity().of_run(View(roles, {"near": images[:60]}, SETTING))
    }
    assert found["kid_judge", "near"].n == 60
    assert found["kid_judge", "all"].n == 0


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


def test_any_real_models_suite_with_has_a_limit_of_a_distance() -> None:
    """KID from 50 images on, so every size but smoke; FID where there are more than 2,048."""
    limits = {limit.measure for limit in collapse.LIMITS["photographs"]}
    assert {"fid", "kid"} <= limits
    most = {}
    for name, suite in prompts.suites().items():
        if "fidelity" in suite.metrics:
            for size in suite.sizes[1:]:
                rows = prompts.select(suite, suite.cases[0], size, "sd")
                kept = most[name, size.name] = sum(row.role in STAYING for row in rows)
                assert kept >= LEAST_KID, (name, size.name)
    assert most["general", "full"] > FEATURES["photographs"].width
