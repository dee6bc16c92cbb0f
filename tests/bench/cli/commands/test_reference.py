"""--reference-images through the command line: run, its plan, and score, on mini.

Of the judge's features only the first are taken, so that few images are enough for FID.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from bench import cli, files
from bench.metrics import fidelity
from bench.metrics._images import read_images, square
from bench.models.mini import judge, known
from bench.results import protocol, store
from bench.types import RunRecord

from ...conftest import WriteSuite

WIDTH = 4
NAME = "fid_reference_judge"


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Make features narrow, and return how many images each batch had."""
    seen: list[int] = []
    whole = fidelity._network

    @functools.lru_cache
    def network(family: str, device: str) -> tuple[Any, Callable[[Any], Any]]:
        transform, inner = whole(family, device)

        def first(pixels: torch.Tensor) -> torch.Tensor:
            seen.append(len(pixels))
            return inner(pixels)[:, :WIDTH]

        return transform, first

    monkeypatch.setattr(fidelity, "_network", network)
    narrower = replace(fidelity.FEATURES["rendered"], width=WIDTH)
    monkeypatch.setitem(fidelity.FEATURES, "rendered", narrower)
    fidelity._REAL.clear()
    return seen


@pytest.fixture(scope="module")
def suite(write_suite: WriteSuite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [f"g-{n},,general,a photo of the {p},{n},{p}" for n, p in enumerate(["sea", "snow"] * 5)]
    rows += ["a,airplane,target,an airplane,90,", "b,bird,target,a bird,91,"]
    both = ("airplane", "bird")
    return write_suite(
        tmp_path_factory.mktemp("suite"),
        rows=rows,
        columns="id,concept,role,text,seed,tag",
        concepts=both,
        cases=both,
        images={"target": 1, "general": 9},
        metrics=("judge", "fidelity"),
    )


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real")
    for number, (image, _) in enumerate(known.images("object", 1)):
        image.save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def made(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs without real images."""
    out = tmp_path_factory.mktemp("made")
    assert cli.main(words(suite, out)) == 0
    return out


def words(suite: Path, out: Path, *more: object) -> list[str]:
    some = ["run", "--method", "uce", "--suite", suite, "--size", "tiny", "--steps", "2"]
    return [str(word) for word in (*some, "--device", "cpu", "--out", out, *more)]


def records(out: Path) -> dict[str, RunRecord]:
    results = store.load(out)
    assert not results.problems
    return {each.record.spec.method: each.record for each in results.runs}


def of(record: RunRecord, name: str = NAME) -> dict[tuple[str, str], tuple[float, int]]:
    return {(s.case, s.role): (s.value, s.n) for s in record.scores if s.measure == name}


def features(paths: list[Path]) -> torch.Tensor:
    tensors, _ = read_images(paths, square(64))
    with torch.inference_mode():
        return judge.load().network.features(torch.stack(tensors) * 2 - 1)[:, :WIDTH].double()


def test_a_run_is_compared_with_real_images_once_for_all_cases(
    suite: Path, real: Path, tmp_path: Path, narrow: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fidelity, "BATCH", 4)
    assert cli.main(words(suite, tmp_path, "--reference-images", real)) == 0
    images = len(list(real.iterdir()))
    # Two runs of two cases: real images once; own general ones each time, and un-erased ones
    # for the run that is not itself un-erased.
    assert sum(narrow) == images + 2 * 9 + 2 * (9 + 9) and max(narrow) == 4
    for record in records(tmp_path).values():
        scores = of(record)
        assert set(scores) == {
            (c, r) for c in ("airplane", "bird", "all") for r in ("general", "all")
        }
        folder = store.RunFolder(tmp_path, record.spec.run_id)
        rows = [r for r in folder.read_per_image() if (r["case"], r["role"]) == ("bird", "general")]
        one = features([folder.path / row["image"] for row in rows])
        two = features(sorted(real.iterdir()))
        from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

        both = [fid_features_to_statistics(each) for each in (one, two)]
        wanted = fid_statistics_to_metric(*both, verbose=False)["frechet_inception_distance"]
        assert scores["bird", "general"] == (pytest.approx(wanted, rel=1e-5), 9)
        assert scores["bird", "all"] == scores["bird", "general"]
    before, after = records(tmp_path)["original"], records(tmp_path)["uce"]
    assert of(before, "fid_judge")["bird", "general"][0] == pytest.approx(0, abs=1e-6)
    assert of(after) != of(before)
    assert protocol.of_record(before)["reference_images_sha256"] is not None
    assert not protocol.differences(before, after)


def test_finished_runs_are_measured_again_and_nothing_is_drawn(
    suite: Path,
    made: Path,
    real: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "runs"
    shutil.copytree(made, out)
    plain = records(out)
    assert not any(of(record) for record in plain.values())
    monkeypatch.setattr("bench.runs.units.generate", lambda *_, **__: pytest.fail("drew"))
    assert cli.main(words(suite, out, "--reference-images", real, "--plan")) == 0
    assert capsys.readouterr().out.count("(finished, to be compared with the reference") == 2
    assert cli.main(words(suite, out, "--reference-images", real)) == 0
    first = records(out)
    assert all(of(record) for record in first.values())
    assert protocol.differences(plain["uce"], first["uce"])[0].startswith("reference_images_sha256")
    # Without them what is there stays; with other images it is measured anew.
    assert cli.main(words(suite, out)) == 0
    assert repr(records(out)) == repr(first)
    fewer = tmp_path / "fewer"
    shutil.copytree(real, fewer)
    next(fewer.iterdir()).unlink()
    assert cli.main(words(suite, out, "--reference-images", fewer)) == 0
    second = records(out)
    assert of(second["uce"]) != of(first["uce"])
    assert "reference_images_sha256" in protocol.differences(first["uce"], second["uce"])[0]


def test_scoring_again_asks_for_the_images_it_was_compared_with(
    suite: Path, made: Path, real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, own = tmp_path / "runs", tmp_path / "own"
    shutil.copytree(made, out)
    shutil.copytree(real, own)
    (run,) = out.glob("uce-*")
    score = ["score", str(run), "--metric", "fidelity", "--device", "cpu"]
    assert cli.main([*score, "--reference-images", str(own)]) == 0
    assert NAME in capsys.readouterr().out
    first = of(records(out)["uce"])
    assert first and cli.main(score) == 0
    assert of(records(out)["uce"]) == first
    next(own.iterdir()).unlink()
    assert cli.main(score) != 0
    assert "holds other images than those" in capsys.readouterr().err
    assert of(records(out)["uce"]) == first
    shutil.rmtree(own)
    assert cli.main(score) != 0
    assert "there is no such folder" in capsys.readouterr().err
    judged = ["score", str(run), "--metric", "judge", "--device", "cpu"]
    assert cli.main([*judged, "--reference-images", str(real)]) != 0
    assert "measured are judge" in capsys.readouterr().err
    assert cli.main(judged) == 0
    assert of(records(out)["uce"]) == first


@pytest.mark.parametrize("more", [(), ("--plan",)])
def test_a_folder_that_cannot_be_used_is_refused_before_anything_is_made(
    suite: Path, tmp_path: Path, more: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    out, folder = tmp_path / "out", tmp_path / "few"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"")
    assert cli.main(words(suite, out, "--reference-images", folder, *more)) != 0
    assert f"has 1 images, must have {WIDTH + 1} or more" in capsys.readouterr().err
    for number in range(WIDTH):
        (folder / f"{number}.png").write_bytes(b"\x89PNG")
    assert cli.main(words(suite, out, "--reference-images", folder, *more)) != 0
    assert "0.png cannot be read as an image" in capsys.readouterr().err
    assert not out.exists()


def test_a_plan_says_what_is_compared_with(
    suite: Path, real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words(suite, tmp_path / "out", "--reference-images", real, "--plan")) == 0
    assert f"reference {len(list(real.iterdir()))} images of {real}" in capsys.readouterr().out


def test_images_made_elsewhere_are_compared_with_real_ones(
    real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    rows = ["id,concept,role,text,seed"]
    for number, (image, concept) in enumerate(known.images("object", 1)):
        image.save(images / f"{number}.png")
        rows.append(f"{number},,general,a {concept or 'scene'},{number}")
    (images / "0.png").write_bytes(b"")
    (tmp_path / "p.csv").write_text("\n".join([*rows, ""]))
    score = ["score", "--images", str(images), "--prompts", str(tmp_path / "p.csv")]
    score += ["--erased", "airplane", "--model", "mini", "--device", "cpu"]
    assert cli.main([*score, "--to", str(tmp_path / "a"), "--reference-images", str(real)]) == 0
    found = {
        r["measure"]: r
        for r in files.read_rows(tmp_path / "a" / "scores.csv")
        if r["role"] == "general"
    }
    assert int(found[NAME]["n"]) == len(rows) - 2
    assert 0 < float(found[NAME]["value"]) < 100 and "fid_judge" not in found
    assert cli.main([*score, "--to", str(tmp_path / "b"), "--metric", "fidelity"]) != 0
    assert "fidelity" in capsys.readouterr().err
