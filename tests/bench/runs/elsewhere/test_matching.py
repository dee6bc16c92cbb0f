"""Images as people have them, and the prompts that they were drawn for."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from PIL import Image

from bench.prompts.importers import there
from bench.runs.elsewhere.matching import Row, images, matched
from bench.types import InputError, Prompt

KNOWN = ("airplane", "bird", "ship")


def draw(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = {".png": "PNG", ".webp": "WEBP"}.get(path.suffix.casefold(), "JPEG")
    Image.new("RGB", (8, 8)).save(path, kind)
    return path


def rows(count: int, **more: str) -> list[Row]:
    return [Row(Prompt(f"p-{i}", f"a bird {i}", i, "target", "bird"), **more) for i in range(count)]


def names(folder: Path, some: list[Row]) -> dict[str, str]:
    found = matched(folder, some)
    return {
        prompt.id: path.relative_to(folder).as_posix()
        for prompt in found.prompts
        if (path := found.path(prompt)) is not None
    }


def test_endings_and_sub_folders(tmp_path: Path) -> None:
    for name in ("p-0.PNG", "a/p-1.jpg", "a/b/p-2.JPEG", "c/p-3.webp", "notes.txt", ".x/p-9.png"):
        draw(tmp_path / name) if not name.endswith("txt") else (tmp_path / name).write_text("")
    assert names(tmp_path, rows(4)) == {
        "p-0": "p-0.PNG",
        "p-1": "a/p-1.jpg",
        "p-2": "a/b/p-2.JPEG",
        "p-3": "c/p-3.webp",
    }


def test_the_column_of_files_comes_first(tmp_path: Path) -> None:
    for name in ("x/one.png", "x/two.png", "p-0.png", "p-1.png"):
        draw(tmp_path / name)
    some = rows(3)
    said = [Row(some[0].prompt, file="x/one.png"), Row(some[1].prompt, file="C:\\out\\two.png")]
    said.append(Row(some[2].prompt, file="gone.png"))
    assert names(tmp_path, said) == {"p-0": "x/one.png", "p-1": "x/two.png"}
    assert matched(tmp_path, said).how == "by the column of files"


def test_numbers_and_samples(tmp_path: Path) -> None:
    """As the field's scripts save them: case number and sample, at most 10 before 2 by text."""
    for number in range(12):
        for sample in range(2):
            draw(tmp_path / f"{number}_{sample}.png")
    found = matched(tmp_path, rows(12))
    assert len(found.prompts) == len(found.paths) == 24
    assert found.path(found.prompts[4]) == tmp_path / "2_0.png"
    assert found.prompts[5].id == "p-2.1" and found.prompts[5].text == "a bird 2"
    assert "rows' numbers from 0" in found.how and found.spare == 0


def test_the_files_own_numbers(tmp_path: Path) -> None:
    for name in ("img_107_0.png", "img_9_0.png", "img_8_0.png"):
        draw(tmp_path / name)
    some = [Row(row.prompt, number=str(n)) for row, n in zip(rows(3), (9, 107, 4), strict=True)]
    assert names(tmp_path, some) == {"p-0": "img_9_0.png", "p-1": "img_107_0.png"}
    found = matched(tmp_path, some)
    assert found.spare == 1 and found.path(some[2].prompt) is None


def test_numbers_with_zeros_and_without_samples(tmp_path: Path) -> None:
    for name in ("00000.png", "00001.png", "00010.png"):
        draw(tmp_path / name)
    found = names(tmp_path, rows(11))
    assert found == {"p-0": "00000.png", "p-1": "00001.png", "p-10": "00010.png"}


def test_the_order_in_which_people_count(tmp_path: Path) -> None:
    order = [f"image{i}-final.png" for i in range(11)]
    for name in random.Random(0).sample(order, 11):
        draw(tmp_path / name)
    assert list(names(tmp_path, rows(11)).values()) == order
    assert matched(tmp_path, rows(11)).how.startswith("by their order, image0-final.png for")


def test_what_fits_nothing_says_what_lies_there(tmp_path: Path) -> None:
    for name in ("a.png", "b/b.png", "c.jpg"):
        draw(tmp_path / name)
    (tmp_path / "log.txt").write_text("")
    with pytest.raises(InputError) as refused:
        matched(tmp_path, rows(5))
    for part in ("none of the images of 5 prompts", "2 .png", "a.png, b/b.png", "p-0.png by id"):
        assert part in str(refused.value)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (("p-0.png", "x/p-0.jpg"), "are both called as prompt p-0 is"),
        (("0_0.png", "x/0_0.png"), "are both sample 0 of number 0"),
    ],
)
def test_two_images_of_one_prompt_are_refused(
    tmp_path: Path, files: tuple[str, ...], message: str
) -> None:
    for name in files:
        draw(tmp_path / name)
    with pytest.raises(InputError, match=message):
        matched(tmp_path, rows(3))


def test_links_in_circles_and_folders_called_as_images(tmp_path: Path) -> None:
    draw(tmp_path / "p-0.png")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "p-1.png").mkdir()
    assert images(tmp_path) == [tmp_path / "p-0.png"]


def written(folder: Path, text: str) -> Path:
    path = folder / "prompts.csv"
    path.write_text(text)
    return path


def test_prompt_files_in_any_order_of_columns(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "extra,text,concept,id,file\n1,a bird,bird,b,x.png\n2,a ship,ship,s,y.png\n",
    )
    found = there.read(path, KNOWN)
    assert [row.id for row in found.prompts] == ["b", "s"]
    assert list(found.files) == ["x.png", "y.png"]
    assert [row.role for row in found.prompts] == ["target", "target"]


def test_samples_of_one_prompt_stay(tmp_path: Path) -> None:
    path = written(tmp_path, "prompt,class,case_number\n" + "a ship,ship,3\n" * 5)
    found = there.read(path, KNOWN)
    assert len({row.id for row in found.prompts}) == 5
    assert list(found.numbers) == ["3"] * 5


def test_unknown_concepts_are_named(tmp_path: Path) -> None:
    path = written(tmp_path, "prompt,class\na shp,shp\n")
    with pytest.raises(InputError, match=r"unknown concept in .*'shp'; nearest: ship"):
        there.read(path, KNOWN)
