from __future__ import annotations

import math
import shutil
from pathlib import Path

import pandas as pd

from bench.results import frames, load, store
from bench.types import RunRecord, RunSpec, Sampler, Score

SPEC = RunSpec("uce", {}, "mini", "objects", "1", ("airplane",), "quick", Sampler(20, 4.0), 3)


def write(out: Path) -> None:
    folder = store.RunFolder(out, SPEC.run_id)
    row = {"case": "airplane", "id": "a", "role": "target", "tag": "", "concept": "airplane"}
    row |= {"text": "null", "seed": "7", "image": "x.png"}
    folder.write_per_image(
        [
            row | {"judge_label": "airplane", "judge_probability": "0.75"},
            row | {"id": "b", "judge_label": "", "judge_probability": "nan"},
        ]
    )
    score = Score(
        "uce", "mini", "objects", "airplane", "judge", "share", "target", "", 0.5, 0.4, 0.6, 2
    )
    folder.write_record(RunRecord(SPEC, {}, {}, (score,)))


def test_scores_of_all_runs_are_one_frame(tmp_path: Path) -> None:
    write(tmp_path)
    frame = frames.scores(tmp_path)
    assert frame.loc[0, "value"] == 0.5 and frame.loc[0, "seed"] == 3
    assert list(frame.columns[:3]) == ["run_id", "seed", "method"]


def test_images_keep_their_texts_and_measured_cells_are_numbers(tmp_path: Path) -> None:
    write(tmp_path)
    frame = frames.images(tmp_path)
    assert list(frame["text"]) == ["null", "null"]
    assert frame["judge_probability"].dtype == float
    assert frame.loc[0, "judge_probability"] == 0.75
    assert math.isnan(frame.loc[1, "judge_probability"]) and frame.loc[1, "judge_label"] == ""
    assert list(frame.columns[:3]) == ["run_id", "method", "run_seed"]


def test_results_are_read_once_and_frames_are_a_view_of_them(tmp_path: Path) -> None:
    write(tmp_path)
    results = load(tmp_path)
    (run,) = results.runs
    assert results.scores == list(run.record.scores) and len(run.images) == 2
    shutil.rmtree(tmp_path)
    assert frames.scores(results).loc[0, "measure"] == "share"
    assert list(frames.images(results)["id"]) == ["a", "b"]


def test_a_folder_without_runs_has_empty_frames(tmp_path: Path) -> None:
    assert isinstance(frames.images(tmp_path), pd.DataFrame) and frames.images(tmp_path).empty
    assert frames.scores(tmp_path).empty and "value" in frames.scores(tmp_path)
