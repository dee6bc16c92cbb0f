from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.files import write_rows
from bench.results.report import strip
from bench.results.store import Finished, RunFolder
from bench.types import RunRecord, RunSpec, Sampler

COLUMNS = ("case", "id", "role", "text", "image")
RED, BLUE = (200, 0, 0), (0, 0, 200)


def row(role: str, number: int, text: str = "") -> dict[str, str]:
    name = f"{role}-{number}"
    words = text or f"a picture of {name}"
    return dict(zip(COLUMNS, ("airplane", name, role, words, f"images/{name}.png"), strict=True))


def made(folder: Path, colour: tuple[int, int, int]) -> Finished:
    rows = [row(role, i) for role in strip.ROLES_SHOWN for i in range(3)]
    for each in rows:
        path = folder / each["image"]
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64), colour).save(path)
    write_rows(folder / "per_image.csv", COLUMNS, rows)
    spec = RunSpec("m", {}, "mini", "objects", "1", ("airplane",), "quick", Sampler(2, 4.0), 0)
    return Finished(RunFolder(folder.parent, folder.name), RunRecord(spec, {}, {}, ()))


def area(image: Image.Image, colour: tuple[int, int, int]) -> np.ndarray:
    return np.argwhere((np.asarray(image) == colour).all(axis=-1))


def test_un_erased_above_and_erased_below_two_of_each_role(tmp_path: Path) -> None:
    original = made(tmp_path / "original", RED)
    run = made(tmp_path / "run", BLUE)
    rows = [("original", original), ("realera", run)]
    path = strip.write_strip(tmp_path / "strip.png", rows)
    assert path == tmp_path / "strip.png"
    image = Image.open(path).convert("RGB")
    above, below = area(image, RED), area(image, BLUE)
    columns = len(strip.ROLES_SHOWN) * strip.PER_ROLE
    assert len(above) == len(below) == columns * strip.SIDE**2
    assert above[:, 0].max() < below[:, 0].min()
    assert strip.SIDE >= 128


def test_the_un_erased_run_has_one_row(tmp_path: Path) -> None:
    run = made(tmp_path / "run", RED)
    path = strip.write_strip(run.folder.strip_path, [("original", run)])
    rows = np.unique(area(Image.open(path).convert("RGB"), RED)[:, 0])
    assert len(rows) == strip.SIDE


def test_every_method_gets_a_row(tmp_path: Path) -> None:
    runs = [(str(n), made(tmp_path / str(n), colour)) for n, colour in enumerate((RED, BLUE, RED))]
    image = Image.open(strip.write_strip(tmp_path / "s.png", runs)).convert("RGB")
    columns = len(strip.ROLES_SHOWN) * strip.PER_ROLE
    assert len(area(image, RED)) == 2 * len(area(image, BLUE)) == 2 * columns * strip.SIDE**2


def test_a_missing_or_broken_image_is_a_grey_tile(tmp_path: Path) -> None:
    original = made(tmp_path / "original", RED)
    run = made(tmp_path / "run", BLUE)
    (run.folder.path / "images" / "target-0.png").unlink()
    (run.folder.path / "images" / "far-0.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    path = strip.write_strip(run.folder.strip_path, [("original", original), ("realera", run)])
    image = Image.open(path).convert("RGB")
    columns = len(strip.ROLES_SHOWN) * strip.PER_ROLE
    assert len(area(image, BLUE)) == (columns - 2) * strip.SIDE**2


def test_different_texts_are_picked_before_repeats() -> None:
    rows = [row("target", 0, "a"), row("target", 1, "a"), row("target", 2, "b"), row("far", 0)]
    assert [each["id"] for each in strip.pick(rows)] == ["target-0", "target-2", "far-0"]
    assert [each["id"] for each in strip.pick(rows[:2])] == ["target-0", "target-1"]


@pytest.mark.parametrize("text", ["word " * 60, "x" * 400, "null", "naïve 猫 \U0001f600"])
def test_any_prompt_fits_its_column(text: str) -> None:
    one = strip.draw([strip.Panel("target", text, (None,))], ["original"])
    same = strip.draw([strip.Panel("target", "a\nb", (None,))], ["original"])
    assert one.width == same.width
    assert one.height < same.height + 100


def test_no_columns_still_make_a_image() -> None:
    assert strip.draw([], ["original"]).width > 0


def test_a_image_is_shown_upright_and_whole(tmp_path: Path) -> None:
    wide, exif = Image.new("RGB", (64, 32), RED), Image.Exif()
    wide.paste(BLUE, (32, 0, 64, 32))
    exif[0x0112] = 6
    wide.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "a.png", exif=exif)
    found = strip.draw([strip.Panel("target", "a", (tmp_path / "a.png",))], ["original"])
    left, right = area(found, RED), area(found, BLUE)
    assert left[:, 1].max() < right[:, 1].min()
    height = np.unique(left[:, 0])
    assert len(height) == strip.SIDE // 2
