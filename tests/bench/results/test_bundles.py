"""Runs as one folder or archive: what comes back is what went in, and damage is named."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.results import bundles
from bench.results.store import Finished, RunFolder
from bench.types import InputError, RunRecord, RunSpec, Sampler

FORMS = ("folder", "b.zip", "b.tar", "b.tar.gz", "b.tgz")


@pytest.fixture
def run(tmp_path: Path) -> Finished:
    spec = RunSpec(
        *("uce", {}, "mini", "objects", "1", ("airplane",), "tiny", Sampler(20, 4.0), 0),
        places={"suite": "/home/me/suite"},
    )
    folder = RunFolder(tmp_path / "home" / "me" / "runs", spec.run_id)
    folder.create(spec)
    folder.write_per_image([{"id": "a-0", "image": "images/airplane/a-0.png"}])
    folder.write_scores([])
    (folder.suite_path).mkdir()
    folder.suite_table.write_text("x = 1\n")
    (folder.path / "images").mkdir()
    (folder.path / "images" / "a.png").write_bytes(b"png")
    facts = {"places": {"model": "/home/me/model"}, "reference_images": "/home/me/coco"}
    record = RunRecord(spec, facts, {}, ())
    folder.write_record(record)
    return Finished(folder, folder.read_record())


@pytest.mark.parametrize("form", FORMS)
def test_what_comes_back_is_what_went_in(tmp_path: Path, run: Finished, form: str) -> None:
    files = bundles.contents([run])
    bundles.write(files, tmp_path / form)
    found = bundles.found(tmp_path / form)
    assert found == tmp_path / form
    (path,) = bundles.unpacked(bundles.read(found), tmp_path / "elsewhere")
    again = RunFolder(path.parent, path.name)
    assert again.read_record().spec == run.record.spec
    assert again.read_per_image() == run.folder.read_per_image()
    assert again.suite_table.read_text() == "x = 1\n"
    assert not (path / "images").exists()


def test_what_a_kill_left_of_an_archive_goes_with_the_next_of_its_name(
    tmp_path: Path, run: Finished
) -> None:
    left = [tmp_path / f"{name}.0badcafe.tmp" for name in ("b.zip", "another.zip")]
    for path in left:
        path.write_text("half")
        os.utime(path, (0, 0))
    bundles.write(bundles.contents([run]), tmp_path / "b.zip")
    assert [path.exists() for path in left] == [False, True]


def test_no_place_of_the_machine_goes_along(run: Finished, tmp_path: Path) -> None:
    whole = b"".join(bundles.contents([run]).values())
    assert b"/home/me" not in whole and str(tmp_path).encode() not in whole
    assert b'"coco"' in whole


def test_the_same_runs_give_the_same_archive(tmp_path: Path, run: Finished) -> None:
    for form in FORMS[1:]:
        made = []
        for name in ("one", "two"):
            bundles.write(bundles.contents([run]), tmp_path / name / form)
            made.append((tmp_path / name / form).read_bytes())
        assert made[0] == made[1]


@pytest.mark.parametrize("form", FORMS[1:])
def test_an_archive_damaged_anywhere_is_a_clear_line(
    tmp_path: Path, run: Finished, form: str
) -> None:
    path = tmp_path / form
    bundles.write(bundles.contents([run]), path)
    whole = path.read_bytes()
    files = bundles.read(path).files
    for at in range(0, len(whole), max(1, len(whole) // 60)):
        for data in (whole[:at], whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]):
            path.write_bytes(data)
            try:
                # What is of no weight, as padding, may be other.
                assert bundles.read(path).files == files
            except InputError as error:
                assert str(path) in str(error)


Change = Callable[[dict[str, bytes]], None]


def altered(files: dict[str, bytes]) -> None:
    name = next(name for name in files if name.endswith("per_image.csv"))
    files[name] += b"x"


def missing(files: dict[str, bytes]) -> None:
    del files[next(name for name in files if name.endswith("scores.csv"))]


def added(files: dict[str, bytes]) -> None:
    files["more.txt"] = b"x"


def unlisted(files: dict[str, bytes]) -> None:
    files[bundles.INDEX] = b'{"runs": []}'


def broken(files: dict[str, bytes]) -> None:
    files[bundles.INDEX] = b"{"


def odd(files: dict[str, bytes]) -> None:
    files[bundles.INDEX] = b'{"runs": [1], "sha256": {"1/record.json": 2}}'


def outside(files: dict[str, bytes]) -> None:
    listed = json.loads(files[bundles.INDEX])
    files["../../evil"] = b"x"
    listed["sha256"]["../../evil"] = hashlib.sha256(b"x").hexdigest()
    files[bundles.INDEX] = json.dumps(listed).encode()


def recordless(files: dict[str, bytes]) -> None:
    listed = json.loads(files[bundles.INDEX])
    name = next(name for name in files if name.endswith("record.json"))
    del listed["sha256"][name], files[name]
    files[bundles.INDEX] = json.dumps(listed).encode()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (altered, "per_image.csv is not as it was written"),
        (missing, "scores.csv is missing"),
        (added, "more.txt is not on its list"),
        (unlisted, "lists no runs"),
        (broken, "lists no runs"),
        (odd, "lists no runs"),
        (outside, "no file inside it"),
        (recordless, "has no record.json"),
    ],
)
def test_what_is_not_whole_is_named(
    tmp_path: Path, run: Finished, change: Change, says: str
) -> None:
    files = bundles.contents([run])
    change(files)
    bundles.write(files, tmp_path / "b.zip")
    with pytest.raises(InputError, match=says):
        bundles.read(tmp_path / "b.zip")


def test_a_run_that_lacks_its_numbers_is_refused(run: Finished) -> None:
    run.folder.per_image_path.unlink()
    with pytest.raises(InputError, match=r"lacks per_image\.csv"):
        bundles.contents([run])
