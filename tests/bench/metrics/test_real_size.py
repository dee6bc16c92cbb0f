"""FID and KID of sets of real size, 2,060 by 2,048 features, measured by a suite."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric

from bench import cli, prompts
from bench.metrics import fidelity
from bench.models.mini import known
from bench.results import store
from bench.results.stats import collapse

COUNT = 2060


def captions(path: Path, count: int) -> Path:
    """Write a file as COCO's captions come, with texts of our own."""
    rows = prompts.rows(prompts.suite("general"))[:count]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("caption", "image_id", "evaluation_seed"))
        writer.writerows((row.text, row.id, row.seed) for row in rows)
    return path


def run(suite: Path, out: Path, model: Path, *more: object) -> list[store.Finished]:
    """Erase from a tiny model, draw all captions before and after, and measure sets alone."""
    table = suite / "suite.toml"
    lines = table.read_text().splitlines()
    metrics = next(number for number, line in enumerate(lines) if line.startswith("metrics"))
    assert '"fidelity"' in lines[metrics]
    lines[metrics] = 'metrics = ["fidelity"]'
    table.write_text("\n".join([*lines, ""]))
    words = ["run", "--method", "uce", "--suite", suite, "--size", "full", "--model", model]
    # What stands in for the network stands in this process alone.
    words += ["--steps", "1", "--device", "cpu", "--workers", "1", "--out", out, *more]
    assert cli.main([str(word) for word in words]) == 0
    results = store.load(out)
    assert len(results.runs) == 2 and not results.problems
    return list(results.runs)


def of(found: Sequence[store.Finished], method: str) -> dict[tuple[str, str], tuple[float, int]]:
    (record,) = (each.record for each in found if each.record.spec.method == method)
    return {(s.measure, s.role): (s.value, s.n) for s in record.scores}


def test_few_captions_have_a_kid_and_no_fid(
    untrained: Any, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fidelity, "LEAST_KID", 12)
    source, suite = captions(tmp_path / "coco.csv", 12), tmp_path / "suite"
    words = ["import-prompts", str(source), "--concept", "zebra", "--out", str(suite)]
    assert cli.main(words) == 0
    scores = of(run(suite, tmp_path / "runs", tiny_folder), "uce")
    kid, n = scores["kid", "general"]
    assert n == 12 and kid == scores["kid", "all"][0] and abs(kid) < 1
    fid, n = scores["fid", "general"]
    assert n == 12 and fid != fid


def projection(device: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a random layer as wide as InceptionV3's features, in its place."""
    generator = torch.Generator().manual_seed(0)
    width = fidelity.FEATURES["photographs"].width
    matrix = torch.randn(768, width, generator=generator) / 768**0.5

    def network(pixels: torch.Tensor) -> torch.Tensor:
        small = torch.nn.functional.adaptive_avg_pool2d(pixels.float() / 255, 16)
        return (small.flatten(1) @ matrix).relu()

    return network


@pytest.mark.slow
@pytest.mark.parametrize("network", ["projection", "inception"])
def test_a_suite_of_real_size_measures_fid_and_kid(
    network: str,
    untrained: Any,
    tiny_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """InceptionV3 with random weights reads 10,000 images, an hour on one thread; a layer, one
    or two minutes."""
    if network == "projection":
        monkeypatch.setattr(fidelity, "_inception", projection)
    seen: dict[Path, torch.Tensor] = {}
    features = fidelity._features

    def remembered(paths: Sequence[Path], *more: Any) -> torch.Tensor:
        found = seen[paths[0].parent] = features(paths, *more)
        return found

    monkeypatch.setattr(fidelity, "_features", remembered)
    suite, real = tmp_path / "suite", tmp_path / "real"
    source = captions(tmp_path / "coco.csv", COUNT)
    words = ["import-prompts", str(source), "--concept", "zebra", "--format", "coco"]
    assert cli.main([*words, "--out", str(suite)]) == 0
    real.mkdir()
    for number, (image, _) in enumerate(known.images("object", 188)):
        image.save(real / f"{number}.png")
    found = run(suite, tmp_path / "runs", tiny_folder, "--reference-images", real)
    before, after = of(found, "original"), of(found, "uce")
    print({key: value for key, value in after.items() if key[1] == "general"})
    print({key: value for key, value in before.items() if key[1] == "general"})
    theirs, ours = (
        next(rows for path, rows in seen.items() if name in str(path)).double()
        for name in ("original-", "uce-")
    )
    assert ours.shape == theirs.shape == (COUNT, fidelity.FEATURES["photographs"].width)
    both = [fid_features_to_statistics(rows) for rows in (ours, theirs)]
    fid = fid_statistics_to_metric(*both, verbose=False)["frechet_inception_distance"]
    kid = kid_features_to_metric(ours, theirs, kid_subsets=1, kid_subset_size=COUNT, verbose=False)[
        "kernel_inception_distance_mean"
    ]
    print(f"torch-fidelity: FID {fid!r}, KID {kid!r}")
    assert after["fid", "general"] == (pytest.approx(fid, rel=1e-6, abs=1e-9), COUNT)
    assert after["kid", "general"] == (pytest.approx(kid, rel=1e-6, abs=1e-9), COUNT)
    assert before["fid", "general"][0] == pytest.approx(0, abs=1e-6 * fid)
    for name in ("fid", "kid", "fid_reference"):
        assert after[name, "all"] == after[name, "general"]
    assert after["fid_reference", "all"][0] > after["fid", "all"][0]
    # The guard reads these very scores.
    limits = {limit.measure for limit in collapse.LIMITS["photographs"]}
    assert limits <= {name for name, _ in after}
