from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from bench import cli
from bench.models import tensorfiles
from bench.types import InputError

WHOLE = {"a": torch.zeros(4, 4)}


@pytest.mark.parametrize("name", ["x.pt", "x.pth", "x.bin", "x.ckpt", "x.safetensors"])
@pytest.mark.parametrize("old", [False, True])
def test_whole_files_pass_and_cut_ones_do_not(name: str, old: bool, tmp_path: Path) -> None:
    path = tmp_path / name
    if name.endswith(".safetensors"):
        save_file(WHOLE, path)
    else:
        torch.save(WHOLE, path, _use_new_zipfile_serialization=not old)
    tensorfiles.check(path)
    tensorfiles.check(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[:-20] if not old else data[1:])
    if old and name.endswith(".safetensors"):
        path.write_bytes(data[: len(data) // 2])
    for place in (path, tmp_path):
        with pytest.raises(InputError, match=f"{name} is no file of tensors: it is damaged"):
            tensorfiles.check(place)


@pytest.mark.parametrize("name", ["x.pt", "x.ckpt", "x.safetensors"])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "pointer of Git LFS"),
        (b"\n<!DOCTYPE html><title>404</title>", "it is a web page"),
        (b"not tensors at all", "it is damaged"),
    ],
)
def test_what_is_something_else_is_named(
    name: str, data: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=message):
        tensorfiles.check(tmp_path / name)


def test_an_archive_of_something_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.ckpt", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(InputError, match="an archive of something else"):
        tensorfiles.check(tmp_path / "x.ckpt")
    # What does not say that it holds tensors is no matter.
    (tmp_path / "x.ckpt").rename(tmp_path / "x.zip")
    tensorfiles.check(tmp_path)


@pytest.mark.parametrize("method", ["checkpoint", "spm", "receler"])
def test_a_plan_finds_it(method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "esd.pt").write_bytes(b"")
    words = ["run", "--method", method, "--set", f"path={tmp_path / 'esd.pt'}", "--plan"]
    assert cli.main([*words, "--out", str(tmp_path / "runs")]) == 2
    assert "esd.pt is no file of tensors: it is empty" in capsys.readouterr().err
