"""Runs of one model in several precisions, through the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from bench import cli
from bench.results import store

from ..conftest import WriteSuite


@pytest.fixture(scope="module")
def runs(
    write_suite: WriteSuite, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Sequence[store.Finished]]:
    """The un-erased model's run and one of UCE's, by precision."""
    folder = write_suite(tmp_path_factory.mktemp("precision"))
    words = ["run", "--method", "uce", "--suite", str(folder), "--size", "tiny", "--device", "cpu"]
    made: dict[str, Sequence[store.Finished]] = {}
    for name in ("fp32", "bf16"):
        out = folder / name
        assert cli.main([*words, "--out", str(out), "--precision", name]) == 0
        made[name] = store.load(out).runs
    return made


def images(run: store.Finished) -> np.ndarray:
    rows = run.folder.read_per_image()
    return np.stack(
        [np.asarray(Image.open(run.folder.path / row["image"]), dtype=float) for row in rows]
    )


def test_half_precision_draws_nearly_the_same_and_another_run(
    runs: dict[str, Sequence[store.Finished]],
) -> None:
    for full, half in zip(runs["fp32"], runs["bf16"], strict=True):
        assert (full.record.spec.precision, half.record.spec.precision) == ("fp32", "bf16")
        assert full.record.spec.run_id != half.record.spec.run_id
        difference = np.abs(images(full) - images(half)).mean(axis=(1, 2, 3))
        assert 0 < difference.max() < 8


def test_an_edit_is_stored_in_the_precision_of_its_model(
    runs: dict[str, Sequence[store.Finished]],
) -> None:
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        erased = runs[name][-1]
        tensors = load_file(erased.folder.erasure_path("airplane"))
        assert tensors and {tensor.dtype for tensor in tensors.values()} == {dtype}


def test_two_precisions_are_not_compared(
    runs: dict[str, Sequence[store.Finished]], capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(some[-1].folder.path) for some in runs.values()]
    assert cli.main(["compare", *paths]) == 2
    assert "different protocols (precision: fp32 and bf16)" in capsys.readouterr().err
    assert cli.main(["compare", *paths, "--anyway", "--format", "markdown"]) == 0
    text = capsys.readouterr().out
    assert "uce (precision fp32)" in text and "uce (precision bf16)" in text


def test_the_precision_is_the_devices_unless_given_and_part_of_the_spec(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.models.devices.GPUS", ("/dev/null",))
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    words = ["run", "--method", "original", "--plan", "--out", str(tmp_path), "--device"]
    ids = {}
    for more in (
        ["cpu"],
        ["cuda"],
        ["cuda", "--precision", "fp32"],
        ["cpu", "--precision", "fp16"],
    ):
        assert cli.main([*words, *more]) == 0
        text = capsys.readouterr().out
        ids[" ".join(more)] = text.split(" (new)")[0], text.split(", seed 0")[0].split()[-1]
    assert [precision for _, precision in ids.values()] == ["fp32", "fp16", "fp32", "fp16"]
    assert len({run for run, _ in ids.values()}) == 2
    assert cli.main([*words, "cpu", "--precision", "fp61"]) == 2
    assert "unknown precision: 'fp61'; nearest: fp16" in capsys.readouterr().err
