"""What every network, attack and strip sees of a file."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.images import read_image

ORIENTATION = 0x0112
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def corners() -> Image.Image:
    """An image 3 wide and 2 high whose four corners differ."""
    image = Image.new("RGB", (3, 2), WHITE)
    for place, colour in (((0, 0), RED), ((2, 0), GREEN), ((0, 1), BLUE), ((2, 1), (0, 0, 0))):
        image.putpixel(place, colour)
    return image


def read(path: Path) -> Image.Image:
    image = read_image(path)
    assert image is not None and image.mode == "RGB"
    return image


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_sixteen_bits_of_grey_keep_their_greys(suffix: str, tmp_path: Path) -> None:
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    Image.fromarray(ramp).save(tmp_path / f"a.{suffix}")
    found = np.asarray(read(tmp_path / f"a.{suffix}"))
    assert (found == (ramp >> 8)[:, :, None]).all()


def test_sixteen_bits_of_grey_and_of_colour_are_read_alike(tmp_path: Path) -> None:
    import cv2

    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    cv2.imwrite(str(tmp_path / "grey.png"), ramp)
    cv2.imwrite(str(tmp_path / "rgb.png"), np.stack([ramp] * 3, axis=2))
    grey, colour = (np.asarray(read(tmp_path / f"{name}.png")) for name in ("grey", "rgb"))
    assert (grey == colour).all()
    assert (grey == cv2.imread(str(tmp_path / "grey.png"))).all()


def test_numbers_that_do_not_say_what_white_is_are_no_image(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 0.5, np.float32)).save(tmp_path / "a.tif")
    Image.fromarray(np.full((4, 4), 70000, np.int32)).save(tmp_path / "b.tif")
    assert read_image(tmp_path / "a.tif") is read_image(tmp_path / "b.tif") is None


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_a_turned_image_is_set_upright(orientation: int, suffix: str, tmp_path: Path) -> None:
    image, exif = corners().resize((48, 32), Image.Resampling.NEAREST), Image.Exif()
    exif[ORIENTATION] = orientation
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = image.transpose(turns[orientation]) if orientation in turns else image
    options = {"quality": 100, "subsampling": 0} if suffix == "jpg" else {}
    stored.save(tmp_path / f"a.{suffix}", exif=exif, **({"lossless": True} | options))
    found = read(tmp_path / f"a.{suffix}")
    assert found.size == (48, 32)
    # The middles of the corner blocks, which JPEG's ringing does not reach.
    for place in ((8, 8), (40, 8), (8, 24), (40, 24)):
        gap = np.subtract(found.getpixel(place), image.getpixel(place))
        assert abs(gap).max() <= 4, place


def test_broken_exif_turns_nothing(tmp_path: Path) -> None:
    image = corners()
    image.save(tmp_path / "a.png", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff" + b"\xff" * 9)
    assert read(tmp_path / "a.png").tobytes() == image.tobytes()


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    half = Image.new("RGBA", (4, 4), (0, 0, 0, 128))
    grey = Image.new("LA", (4, 4), (0, 0))
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([255, 0, 0, 0, 255, 0])
    for name, image in (("clear", clear), ("half", half), ("grey", grey)):
        image.save(tmp_path / f"{name}.png")
    palette.save(tmp_path / "palette.png", transparency=1)
    Image.new("RGB", (4, 4), BLUE).save(tmp_path / "key.png", transparency=BLUE)
    deep = Image.fromarray(np.full((4, 4), 513, np.uint16))
    deep.save(tmp_path / "deep.png", transparency=513)
    for name in ("clear", "grey", "palette", "key", "deep"):
        assert read(tmp_path / f"{name}.png").getpixel((0, 0)) == WHITE, name
    assert read(tmp_path / "half.png").getpixel((0, 0)) == (127, 127, 127)


def test_other_kinds_of_images_are_read_as_colours(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    Image.new("1", (8, 8), 1).save(tmp_path / "b.png")
    frames = [Image.new("RGB", (8, 8), colour) for colour in (GREEN, RED)]
    frames[0].save(tmp_path / "c.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "d.png", save_all=True, append_images=frames[1:])
    pixels = [read(tmp_path / n).getpixel((1, 1)) for n in ("a.jpg", "b.png", "c.gif", "d.png")]
    assert np.abs(np.subtract(pixels[0], RED)).max() <= 2
    assert pixels[1:] == [WHITE, GREEN, GREEN]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "webp", "tif", "bmp", "ico", "ppm"])
def test_damaged_files_are_none_and_never_an_error(suffix: str, tmp_path: Path) -> None:
    rng, stream, path = np.random.default_rng(0), io.BytesIO(), tmp_path / f"a.{suffix}"
    noise = Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8))
    noise.save(stream, format=Image.registered_extensions()[f".{suffix}"])
    data = stream.getvalue()
    for length in (0, 3, len(data) // 3, 2 * len(data) // 3):
        path.write_bytes(data[:length])
        assert read_image(path) is None, length
    for _ in range(60):
        hurt = bytearray(data)
        for place in rng.integers(0, min(len(data), 400), 4):
            hurt[place] = rng.integers(256)
        path.write_bytes(hurt)
        found = read_image(path)
        assert found is None or found.mode == "RGB"


def test_what_is_no_file_is_none(tmp_path: Path) -> None:
    assert read_image(tmp_path / "gone.png") is read_image(tmp_path) is None
