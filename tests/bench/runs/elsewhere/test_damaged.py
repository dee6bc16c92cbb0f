"""Damaged and odd images among those made elsewhere: read as a viewer would, or named."""

from __future__ import annotations

import io
import os
import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, features

from bench import cli, data, files
from bench.models.mini import known

COUNT = 200


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, format=form, **options)
    return data.getvalue()


def truncated(image: Image.Image, chance: random.Random) -> bytes:
    whole = saved(image, chance.choice(["PNG", "JPEG", "WEBP"]))
    return whole[: chance.randrange(1, len(whole) // 2)]


def bomb(image: Image.Image, chance: random.Random) -> bytes:
    """Claim a hundred thousand pixels a side."""
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    crc = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + crc + b"\0" * 40


def noise(image: Image.Image, chance: random.Random) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chance.randbytes(chance.randrange(200))


LOST: tuple[Callable[[Image.Image, random.Random], bytes], ...] = (
    truncated,
    bomb,
    noise,
    lambda image, chance: b"",
    lambda image, chance: b"<!DOCTYPE html><title>404</title>",
    lambda image, chance: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    lambda image, chance: b"\xff\xd8\xff\xe0" + chance.randbytes(64),
)
READ: tuple[Callable[[Image.Image, random.Random], bytes], ...] = (
    lambda image, chance: saved(image, "JPEG", quality=95),
    lambda image, chance: saved(image, "WEBP", lossless=True),
    lambda image, chance: saved(image.convert("CMYK"), "JPEG", quality=95),
    lambda image, chance: saved(image.quantize(128), "PNG"),
    lambda image, chance: saved(image.convert("RGBA"), "PNG"),
    lambda image, chance: saved(image, "PNG", save_all=True, append_images=[image.rotate(90)]),
    lambda image, chance: saved(image.resize((96, 96)), "BMP"),
)
"""What is called .png whatever it is, as downloads are, and yet shows the image."""


@pytest.mark.skipif(not features.check("webp"), reason="Pillow without WebP")
def test_each_is_read_right_or_named_and_none_stops_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(0)
    drawn = [(image.convert("RGB"), name) for image, name in known.images("object", 3) if name]
    folder = tmp_path / "mine"
    folder.mkdir()
    lines, lost = ["id,concept,role,text,seed"], set()
    for number in range(COUNT):
        image, name = drawn[number % len(drawn)]
        kinds = LOST if number % 2 else READ
        (folder / f"i{number:03d}.png").write_bytes(chance.choice(kinds)(image, chance))
        if number % 2:
            lost.add(f"i{number:03d}.png")
        role = "target" if name == "airplane" else "far"
        lines.append(f"i{number:03d},{name},{role},a photo of a {name},{number}")
    (tmp_path / "prompts.csv").write_text("\n".join(lines) + "\n")
    words = ["score", "--images", str(folder), "--prompts", str(tmp_path / "prompts.csv")]
    words += ["--erased", "airplane", "--model", "mini", "--metric", "judge", "--device", "cpu"]
    assert cli.main([*words, "--to", str(tmp_path / "out"), "--json"]) == 0
    told = capsys.readouterr().out
    rows = {Path(row["image"]).name: row for row in files.read_rows(tmp_path / "out/per_image.csv")}
    assert {name for name, row in rows.items() if not row["judge_label"]} == lost
    assert all(f'"{name}"' in told for name in lost)
    right = [row["judge_label"] == row["concept"] for name, row in rows.items() if name not in lost]
    assert len(right) == COUNT // 2 and sum(right) / len(right) > 0.9


SCRIPT = """
import resource, sys
from bench import cli
assert cli.main(sys.argv[1:]) == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_a_thousand_images_need_no_more_memory_than_a_hundred(tmp_path: Path) -> None:
    """As people have them: sub-folders, three formats, five samples a prompt, no ids or roles."""
    drawn = [(image.convert("RGB"), name) for image, name in known.images("object", 1) if name]
    peaks = {}
    for count in (100, 1000):
        folder = tmp_path / str(count)
        lines = ["case_number,prompt,class"]
        for number in range(count // 5):
            image, name = drawn[number % len(drawn)]
            lines.append(f"{number},a photo of a {name},{name}")
            (folder / "images" / name).mkdir(parents=True, exist_ok=True)
            for sample in range(5):
                ending = ("png", "jpg", "webp")[sample % 3]
                path = folder / "images" / name / f"{number}_{sample}.{ending}"
                image.resize((512, 512)).save(path)
        (folder / "prompts.csv").write_text("\n".join(lines) + "\n")
        words = ["score", "--images", str(folder / "images"), "--prompts"]
        words += [str(folder / "prompts.csv"), "--erased", "airplane", "--model", "mini"]
        words += ["--metric", "judge", "--device", "cpu", "--to", str(folder / "out"), "-q"]
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, *words],
            env=os.environ | {"PYTHONPATH": str(data.ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert len(files.read_rows(folder / "out" / "per_image.csv")) == count
        peaks[count] = int(done.stdout.split()[-1]) / 1024
    # Megabytes; the images alone are 750.
    assert peaks[1000] < peaks[100] + 50
