"""Files are whole or absent: with other writers, full disks and whatever umask."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.cli import main
from bench.files import TEMPORARY, aside, folder_aside, sweep, write_bytes
from bench.models import erasures
from bench.results import report
from bench.types import InputError

LARGE = 200_000


def test_writers_of_one_file_tear_nothing(tmp_path: Path) -> None:
    path, errors = tmp_path / "file", []
    contents = {bytes([number]) * LARGE for number in range(4)}

    def write(data: bytes) -> None:
        try:
            for _ in range(20):
                write_bytes(path, data)
                assert path.read_bytes() in contents
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(data,)) for data in contents]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert errors == []
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_who_fails_leaves_what_was_there(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"before")
    kind = InputError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(kind) as told, aside(path) as temporary:
        temporary.write_bytes(b"half")
        raise error
    if isinstance(error, OSError):
        assert str(told.value) == f"cannot write to {path}: No space left on device"
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("file", b"before")]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(self: Path, data: bytes) -> int:
        with open("/dev/full", "wb", buffering=0) as device:  # noqa: PTH123
            return device.write(data)

    monkeypatch.setattr(Path, "write_bytes", full)
    words = ["run", "-q", "--method", "original", "--size", "smoke", "--out"]
    assert main([*words, str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1 and said[0].endswith("No space left on device")
    left = {each.name for each in (tmp_path / "out").rglob("*") if each.is_file()}
    assert left <= {".lock", "SHA256SUMS"}


def test_a_place_without_permission_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def denied(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "glob", denied)
    assert main(["compare", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.strip().endswith(f"error: {tmp_path}: Permission denied")


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_who_may_read_is_what_the_umask_says(
    tmp_path: Path, tiny_pipe: Any, umask: int, mode: int
) -> None:
    before = os.umask(umask)
    try:
        write_bytes(tmp_path / "table", b"")
        facts: dict[str, Any] = {"method": "m", "options": {}, "concepts": ["c"], "seconds": 1.0}
        tensors = {"a": torch.ones(2)}
        erasures.save(tiny_pipe, tensors, tmp_path / "edit", form="adapter", **facts)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()} == {mode}


def test_what_killed_writers_of_a_folder_left_goes_and_what_is_being_written_stays(
    tmp_path: Path,
) -> None:
    killed = tmp_path / f".mine.0badcafe{TEMPORARY}"
    (killed / "mine").mkdir(parents=True)
    (killed / "mine" / "prompts.csv").write_text("half")
    other = tmp_path / f".mine2.0badcafe{TEMPORARY}"
    other.mkdir()
    with folder_aside(tmp_path / "mine") as first:
        assert not killed.exists() and other.exists()
        first.mkdir()
        (first / "a").write_text("first")
        with folder_aside(tmp_path / "mine") as second:
            assert (first / "a").exists(), "somebody writes there"
            second.mkdir()
        assert (tmp_path / "mine").is_dir()
    assert {each.name for each in tmp_path.iterdir()} == {"mine", other.name}
    assert [each.name for each in (tmp_path / "mine").iterdir()] == ["a"]


def test_what_killed_writers_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    left, other = f"a.csv.0badcafe{TEMPORARY}", f"b.csv.0badcafe{TEMPORARY}"
    stay = (f"notes{TEMPORARY}", "a.csv", f"c.csv.0badcafe{TEMPORARY}")
    for name in (left, other, *stay):
        (tmp_path / name).write_text("half")
        if name != stay[-1]:
            os.utime(tmp_path / name, (0, 0))
    (tmp_path / f"folder.0badcafe{TEMPORARY}").mkdir()
    sweep(tmp_path, "a.csv")
    assert {left, other} & {each.name for each in tmp_path.iterdir()} == {other}
    sweep(tmp_path)
    # The last may be of somebody who writes at this moment.
    assert {each.name for each in tmp_path.iterdir() if each.is_file()} == set(stay)
    assert (tmp_path / f"folder.0badcafe{TEMPORARY}").is_dir()


def test_a_comparison_sweeps_the_folder_of_the_runs(tmp_path: Path) -> None:
    left = [tmp_path / f"{name}.0badcafe{TEMPORARY}" for name in ("axes.csv", "report/images/a")]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("half")
        os.utime(path, (0, 0))
    report.write_comparison([], tmp_path)
    assert [path.exists() for path in left] == [False, True]
    report.write_site([], tmp_path)
    assert not left[1].exists()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_folder_is_whole_or_absent(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), folder_aside(tmp_path / "mine") as made:
        made.mkdir()
        raise error
    assert list(tmp_path.iterdir()) == []
