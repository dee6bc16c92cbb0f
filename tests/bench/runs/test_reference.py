"""Folders of real images: what is refused, and what makes two of them the same."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bench import registry
from bench.images import ReferenceImages
from bench.metrics import Metric
from bench.runs.reference import reference
from bench.types import InputError

FEW = 5


class Needy(Metric):
    """Compares with real images."""

    paper = detector = ""

    def measures(self) -> tuple[()]:
        return ()

    def least_reference(self, family: str) -> int:
        return FEW


def read(folder: Path, metrics: Sequence[Metric] = (Needy(),)) -> ReferenceImages:
    return reference(folder, metrics, "mini")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "real"
    made.mkdir()
    for number in range(FEW):
        Image.new("RGB", (30 + number, 20), (40 * number, 0, 0)).save(made / f"{number}.jpg")
    return made


def test_the_same_images_are_the_same_set_wherever_they_are(folder: Path, tmp_path: Path) -> None:
    first = read(folder)
    other = tmp_path / "other"
    other.mkdir()
    for number, path in enumerate(first.files):
        shutil.copy(path, other / f"{9 - number}.jpeg")
    (other / ".hidden").write_bytes(b"x")
    assert read(other).sha256 == first.sha256 and len(first.files) == FEW
    shutil.copy(first.files[0], other / "again.jpg")
    assert read(other).sha256 != first.sha256


def test_a_changed_folder_is_noticed(folder: Path) -> None:
    found = read(folder)
    found.check()
    Image.new("RGB", (9, 9)).save(folder / "new.png")
    with pytest.raises(InputError, match="have changed since they were checked"):
        found.check()
    found = read(folder)
    Image.new("RGB", (30, 20), (1, 2, 3)).save(folder / "0.jpg")
    with pytest.raises(InputError, match="have changed since they were checked"):
        found.check()
    (folder / "0.jpg").unlink()
    with pytest.raises(InputError, match=r"0\.jpg: cannot be read"):
        found.check()


def test_what_cannot_be_used_is_refused_and_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone: there is no such folder"):
        read(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="has 0 images, must have 5 or more"):
        read(tmp_path / "empty")
    cut = folder / "3.jpg"
    data = cut.read_bytes()
    cut.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"3\.jpg cannot be read as an image; take it out"):
        read(folder)
    cut.unlink()
    with pytest.raises(InputError, match="has 4 images"):
        read(folder)


def test_a_metric_has_to_need_them(folder: Path) -> None:
    metrics: list[Any] = [registry.metric("judge"), registry.metric("cost")]
    with pytest.raises(InputError, match=r"real images, .*; measured are judge, cost"):
        read(folder, metrics)
    assert {
        name: registry.metric(name).least_reference("sd")
        for name in registry.metrics()
        if registry.metric(name).least_reference("sd")
    } == {"fidelity": 2049}
