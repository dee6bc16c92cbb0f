from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from bench import files
from bench.results import store
from bench.results.store import RunFolder
from bench.types import InputError, RunRecord, RunSpec, Sampler, Score

SPEC = RunSpec("m", {"a": 1.5}, "mini", "objects", "1", ("airplane",), "quick", Sampler(2, 4.0), 0)
SCORE = Score("m", "mini", "objects", "airplane", "judge", "share", "far", "", 0.5, 0.25, 0.75, 4)
RECORD = RunRecord(SPEC, {"commit": None}, {"erase": 1.5}, (SCORE,))


def records(root: Path) -> list[RunRecord]:
    return [run.record for run in store.load(root).runs]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path, SPEC.run_id)
    folder.create(SPEC)
    return folder


def test_create_says_whether_there_is_something_to_resume(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, SPEC.run_id)
    assert [folder.create(SPEC), folder.create(SPEC)] == [False, False]
    folder.write_scores([SCORE])
    assert folder.create(SPEC) is True


def test_a_kill_while_the_spec_is_written_does_not_block_the_next_attempt(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, SPEC.run_id)
    folder.path.mkdir()
    (folder.path / "spec.json.0badcafe.tmp").write_text('{"met')
    assert folder.create(SPEC) is False
    assert {path.name for path in folder.path.iterdir()} == {"spec.json", "SHA256SUMS"}


@pytest.mark.parametrize("name", ["../other", "images/../../other", "{}/other"])
def test_checksums_name_no_file_outside_the_folder(folder: RunFolder, name: str) -> None:
    name = name.format(folder.path.parent)
    with folder.sums.path.open("a") as file:
        file.write(f"{'0' * 64}  {name}\n{'0' * 64}  images/gone.png\n")
    assert [path.name for path in folder.sums.wrong()] == ["gone.png"]


def test_a_folder_of_other_files_is_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, SPEC.run_id)
    folder.path.mkdir()
    (folder.path / "scores.csv").write_text("x\n")
    with pytest.raises(InputError, match=r"holds scores\.csv but no spec\.json"):
        folder.create(SPEC)


@pytest.mark.parametrize("damage", [b"", b'{"method": "m"', b"[]", b'{"method": "m"}', b"\xff"])
def test_a_damaged_spec_is_refused_in_one_line(folder: RunFolder, damage: bytes) -> None:
    folder.spec_path.write_bytes(damage)
    with pytest.raises(InputError, match="truncated or damaged") as error:
        folder.create(SPEC)
    assert "\n" not in str(error.value)


def test_the_folder_of_another_run_is_refused(folder: RunFolder) -> None:
    with pytest.raises(InputError, match="belongs to another run"):
        folder.create(replace(SPEC, seed=1))


def test_an_output_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write to"):
        RunFolder(tmp_path / "file", SPEC.run_id).create(SPEC)


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    files.write_bytes(path, b"old")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        files.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"


def test_rows_with_commas_quotes_and_new_lines_are_read_back(tmp_path: Path) -> None:
    rows = [{"text": 'a "red", cat\r\nnull', "n": ""}, {"text": "null", "n": "1"}]
    files.write_rows(tmp_path / "a.csv", ["text", "n"], rows)
    assert files.read_rows(tmp_path / "a.csv") == rows


@pytest.mark.parametrize("text", ["", "a,b\n1\n", "a,b\n1,2", 'a,b\n1,"2\n', "\xff"])
def test_a_damaged_csv_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match="is damaged"):
        files.read_rows(tmp_path / "a.csv")


def test_a_record_is_read_back(folder: RunFolder) -> None:
    assert not folder.is_done()
    folder.write_record(RECORD)
    assert folder.is_done()
    assert folder.read_record() == RECORD


def test_nan_is_null_in_the_record_and_nan_again_when_read(folder: RunFolder) -> None:
    folder.write_record(replace(RECORD, scores=(replace(SCORE, value=math.nan),)))
    assert "NaN" not in folder.record_path.read_text()
    assert math.isnan(folder.read_record().scores[0].value)


def test_scores_are_read_back(folder: RunFolder) -> None:
    folder.write_scores([SCORE])
    header = folder.scores_path.read_text().splitlines()[0]
    assert header == "method,model,suite,case,metric,measure,role,tag,value,low,high,n"
    assert folder.read_scores() == [SCORE]


def test_scores_of_other_columns_are_another_versions(folder: RunFolder) -> None:
    said = "was written by another version, whose scores differ in measure, tag"
    folder.write_record(RECORD)
    data = json.loads(folder.record_path.read_text())
    for score in data["scores"]:
        del score["measure"], score["tag"]
    folder.record_path.write_text(json.dumps(data))
    with pytest.raises(InputError, match=rf"record\.json {said}; the command that made"):
        folder.read_record()
    (problem,) = store.read([folder.path]).problems
    assert said in problem
    folder.scores_path.write_text(
        "method,model,suite,case,metric,role,value,low,high,n\n"
        "m,mini,objects,airplane,judge_leak,far,0.5,0.25,0.75,4\n"
    )
    with pytest.raises(InputError, match=rf"scores\.csv {said}$"):
        folder.read_scores()


@pytest.mark.parametrize("damage", ['{"spec"', "{}", "[1]", '{"spec": {}, "scores": []}'])
def test_a_damaged_record_is_refused_and_does_not_count_as_finished(
    folder: RunFolder, damage: str
) -> None:
    folder.record_path.write_text(damage)
    with pytest.raises(InputError, match=r"record\.json is damaged"):
        folder.read_record()
    assert records(folder.path.parent) == []


def test_runs_lists_finished_runs_only(folder: RunFolder) -> None:
    other = RunFolder(folder.path.parent, replace(SPEC, seed=1).run_id)
    other.create(replace(SPEC, seed=1))
    folder.write_record(RECORD)
    assert records(folder.path.parent) == [RECORD]


def test_runs_of_a_folder_that_is_not_there_are_none(tmp_path: Path) -> None:
    assert records(tmp_path / "nowhere") == []


def test_a_record_that_cannot_be_read_is_named_and_stops_no_other(folder: RunFolder) -> None:
    folder.write_record(replace(RECORD, flags=("far images are lost",)))
    other = folder.path.parent / "of-another-version"
    other.mkdir()
    (other / "record.json").write_text('{"spec": {}}')
    results = store.load(folder.path.parent)
    assert [run.record.flags for run in results.runs] == [("far images are lost",)]
    (problem,) = results.problems
    assert str(other) in problem


@pytest.mark.parametrize("text", ["a\rb", "\r", "a\r\nb", "a\nb", 'a "b", c', ""])
def test_rows_come_back_with_every_kind_of_line_break(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rows.csv"
    files.write_rows(path, ("a", "b"), [{"a": text, "b": "1"}, {"a": "x", "b": text}])
    assert files.read_rows(path) == [{"a": text, "b": "1"}, {"a": "x", "b": text}]
    assert path.read_bytes().startswith(b"a,b\n") and path.read_bytes().endswith(b"\n")


FORMULAS = ("=1+1", "+1;2", "-x", "@sum(a1)", "\t=1", "\r=1", "=HYPERLINK(1)", "'=1", "''-x", "-")


@pytest.mark.parametrize("text", FORMULAS)
def test_a_spreadsheet_computes_no_text_and_it_comes_back(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rows.csv"
    files.write_rows(path, ("a", text), [{"a": text, text: "b"}])
    header, row = csv.reader(io.StringIO(path.read_bytes().decode(), newline=""))
    assert header[1] == row[0] == f"'{text}"
    assert files.read_rows(path, ("a", text)) == [{"a": text, text: "b"}]
    assert files.csv_bytes(("a",), [{"a": text}], exact=True).decode().count("'") == text.count("'")


@pytest.mark.parametrize(
    "cell", ["-0.5", "+1", "-1e-05", "-inf", "nan", -2, -0.5, "a=b", "'a'", ""]
)
def test_numbers_and_other_texts_stand_as_they_are(tmp_path: Path, cell: object) -> None:
    path = tmp_path / "rows.csv"
    files.write_rows(path, ("a", "b"), [{"a": cell, "b": "x"}])
    assert path.read_text() == f"a,b\n{cell},x\n"
    assert files.read_rows(path) == [{"a": str(cell), "b": "x"}]


def test_a_truth_value_is_no_count() -> None:
    with pytest.raises(TypeError, match="n of judge share, far is True, no count"):
        replace(SCORE, n=True)


def test_a_truth_value_does_not_get_into_a_csv_file(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="column shown holds True"):
        files.write_rows(tmp_path / "a.csv", ("shown",), [{"shown": True}])
    assert not (tmp_path / "a.csv").exists()


@pytest.mark.parametrize("name", ["n", "value"])
def test_a_truth_value_in_a_file_is_damage(folder: RunFolder, name: str) -> None:
    folder.write_scores([SCORE])
    text = folder.scores_path.read_text()
    cell = {"n": ",4\n", "value": ",0.5,"}[name]
    assert cell in text
    folder.scores_path.write_text(text.replace(cell, cell[0] + "True" + cell[-1]))
    with pytest.raises(InputError, match=r"scores\.csv is damaged .*True"):
        folder.read_scores()
    folder.write_record(RECORD)
    data = json.loads(folder.record_path.read_text())
    data["scores"][0][name] = True
    folder.record_path.write_text(json.dumps(data))
    with pytest.raises(InputError, match=r"record\.json is damaged .*True"):
        folder.read_record()
