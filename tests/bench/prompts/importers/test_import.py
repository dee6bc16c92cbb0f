"""What is wrong with files in the wild, and that nothing is changed, lost or half-written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import cli, prompts
from bench.prompts import importers
from bench.prompts.importers import columns, records, report
from bench.results import authority
from bench.runs import plan
from bench.runs.resolved import cases_of
from bench.types import InputError, Prompt

from ...conftest import without_waiting


def imported(
    path: Path, content: str | bytes, **more: object
) -> tuple[importers.Imported, list[Prompt]]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    out = path.with_name("mine")
    done = importers.import_file(
        path, out, **{"concept": "cat", **more}, trusted=authority.trusted_names
    )  # type: ignore[arg-type]
    return done, list(prompts.rows(prompts.suite(str(out))))


def texts(rows: list[Prompt]) -> list[str]:
    return [row.text for row in rows]


@pytest.mark.parametrize("word", ["null", "NA", "nan", "None", "NaN", "N/A", "true", "1e5"])
@pytest.mark.parametrize("ending", ["csv", "json", "jsonl", "txt"])
def test_a_prompt_that_is_a_word_for_nothing_stays_text(
    tmp_path: Path, word: str, ending: str
) -> None:
    content = {
        "csv": f"prompt,seed\n{word},1\n",
        "json": json.dumps([{"prompt": word, "seed": 1}]),
        "jsonl": json.dumps({"prompt": word, "seed": 1}) + "\n",
        "txt": word + "\n",
    }[ending]
    _, rows = imported(tmp_path / f"file.{ending}", content)
    assert texts(rows) == [word]


def test_ragged_rows_are_dropped_and_named(tmp_path: Path) -> None:
    content = "prompt,concept\na cat,cat\na cat, black,cat\na kitten\nb,cat\n"
    done, rows = imported(tmp_path / "file.csv", content)
    assert texts(rows) == ["a cat", "b"]
    assert done.outcome.dropped == {
        "has 3 fields where the header has 2; an unquoted comma?": [3],
        "has 1 fields where the header has 2; a line break inside?": [4],
    }


def test_a_comma_in_a_prompt_between_numbers_is_read_and_told(tmp_path: Path) -> None:
    content = "case_number,prompt,seed\n0,a cat, black, on a mat,2\n1,a kitten,3\n2,b,4,5\n"
    done, rows = imported(tmp_path / "file.csv", content)
    assert [(row.text, row.seed) for row in rows] == [
        ("a cat, black, on a mat", 2),
        ("a kitten", 3),
    ]
    assert list(done.outcome.dropped.values()) == [[4]]
    assert (
        done.guesses["file"] == "1 rows have an unquoted comma in their prompt; read as one field"
    )


def test_a_carriage_return_inside_a_line_is_text_where_lines_end_otherwise(tmp_path: Path) -> None:
    content = "id,prompt,seed\n0,a cat\rasleep,2\n1,a kitten,3\n"
    _, rows = imported(tmp_path / "file.csv", content)
    assert texts(rows) == ["a cat\rasleep", "a kitten"]
    (tmp_path / "two").mkdir()
    _, rows = imported(tmp_path / "two" / "file.txt", "a cat\rasleep\na kitten\nb\n")
    assert texts(rows) == ["a cat\rasleep", "a kitten", "b"]
    (tmp_path / "mac").mkdir()
    _, rows = imported(tmp_path / "mac" / "file.txt", "a cat\ra kitten\rb\n")
    assert texts(rows) == ["a cat", "a kitten", "b"]


def test_a_file_without_a_header_is_refused_and_read_with_columns(tmp_path: Path) -> None:
    content = "a cat,1\na black cat,2\n"
    with pytest.raises(
        InputError, match="name them in order with --columns if the file has no header"
    ):
        imported(tmp_path / "file.csv", content)
    _, rows = imported(tmp_path / "file.csv", content, named=columns.named("prompt,seed"))
    assert texts(rows) == ["a cat", "a black cat"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_a_byte_order_mark_are_no_text(tmp_path: Path, end: str, mark: str) -> None:
    content = mark + end.join(["prompt,seed", "a cat,1", '"a cat,\rasleep",2', ""])
    _, rows = imported(tmp_path / "file.csv", content)
    assert texts(rows) == ["a cat", "a cat,\rasleep"]


def test_long_texts_texts_with_slashes_and_other_scripts_are_kept(tmp_path: Path) -> None:
    long = "a cat and " * 60 + "a mat"
    kept = [long, "a cat/dog on a /path/", "кошка 🐈 猫", ' "quoted" '.strip()]
    done, rows = imported(tmp_path / "file.json", json.dumps(kept))
    assert texts(rows) == kept and len(long.encode()) > 255
    said = "\n".join(report.lines(done, tmp_path / "mine"))
    assert "1 prompts have more than the 77 tokens that sd reads; kept" in said
    assert rows[0].id in said
    from bench.cli.suites import show_suite

    shown = "\n".join(show_suite(str(tmp_path / "mine")))
    assert "1 texts have more than the 77 tokens that sd reads; first: a cat and a cat" in shown


def test_what_repeats_a_row_with_its_seed_is_dropped_and_named(tmp_path: Path) -> None:
    done, rows = imported(tmp_path / "file.csv", "prompt,seed\na,1\na,2\na,1\n")
    assert [row.seed for row in rows] == [1, 2]
    assert done.outcome.dropped == {"repeats an earlier row, with its seed": [4]}


def test_a_missing_seed_is_derived_the_same_every_time_and_said(tmp_path: Path) -> None:
    done, rows = imported(tmp_path / "a.csv", "prompt,seed\na,\nb,5.0\na,nan\n")
    assert done.outcome.derived == 2 and rows[1].seed == 5
    assert rows[0].seed != rows[2].seed
    assert "2 rows have none" in "\n".join(report.lines(done, tmp_path / "mine"))
    (tmp_path / "two").mkdir()
    _, again = imported(tmp_path / "two" / "a.txt", "c\na\na\n")
    assert [row.seed for row in again[1:]] == [rows[0].seed, rows[2].seed]


@pytest.mark.parametrize("seed", ["-1", "1.5", "x", "9223372036854775808", "1" * 5000])
def test_a_seed_that_is_none_drops_its_row(tmp_path: Path, seed: str) -> None:
    done, rows = imported(tmp_path / "a.csv", f"prompt,seed\na,{seed}\nb,1\n")
    assert texts(rows) == ["b"] and list(done.outcome.dropped.values()) == [[2]]


def test_an_empty_prompt_and_a_null_are_dropped(tmp_path: Path) -> None:
    content = '[{"prompt": null}, {"prompt": " "}, {"prompt": NaN}, {"prompt": "null"}, 7]'
    done, rows = imported(tmp_path / "a.json", content)
    assert texts(rows) == ["null"]
    assert done.outcome.dropped == {
        "has no prompt": [1, 2, 3],
        "is 7, must be an object or text": [5],
    }


def test_a_text_that_no_csv_could_hold_drops_its_row(tmp_path: Path) -> None:
    done, rows = imported(tmp_path / "a.json", json.dumps(["a" * 200_000, "b" * 100_000]))
    assert texts(rows) == ["b" * 100_000]
    assert list(done.outcome.dropped) == ["has more than 100,000 characters in one cell"]


def test_half_a_character_drops_its_row(tmp_path: Path) -> None:
    half = '["a \\ud83d", "b", {"prompt": "c", "negative_prompt": "\\ud83d"}]'
    done, rows = imported(tmp_path / "a.json", half)
    assert texts(rows) == ["b"]
    assert list(done.outcome.dropped) == ["has half a character that no text can hold"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", 'prompt\n"a cat\nb\n', "a quotation mark is open"),
        ("a.csv", b"prompt\nun caf\xe9\n", "is not utf-8 text .* latin-1"),
        ("a.csv", "prompt,prompt\na,b\n", "two columns called 'prompt'"),
        ("a.csv", "", "is empty"),
        ("a.csv", "prompt\n", "no row can be used as table: it has no rows"),
        ("a.csv", "prompt,seed\n" + "a" * 200_000 + ",1\n", "field larger than field limit"),
        ("a.csv", "prompt\n" + "a" * 200_000 + "\n", "more than 100,000 characters in one cell"),
        ("a.json", "{", "Expecting property name"),
        ("a.json", '{"a": 1, "b": 2}', "holds no prompts: 'a' holds 1, must hold prompts"),
        ("a.json", "7", "must be a list of objects or strings"),
        ("a.json", '{"kite": ["a"], "kite": ["b"]}', "has the key 'kite' twice"),
        ("a.jsonl", '{"prompt": "a"}\n{', "Expecting property name"),
        ("a.parquet", b"PAR1", "unknown ending of .*: 'parquet'.*choices: csv, tsv, json"),
    ],
)
def test_what_leaves_the_rows_in_doubt_is_refused_and_nothing_written(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        imported(tmp_path / name, content)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_fault_of_ours_is_not_told_as_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A KeyError is a LookupError, which Python raises of an encoding that it does not know."""
    monkeypatch.setitem(records.READERS, "txt", lambda *_: {}["fault"])
    (tmp_path / "a.txt").write_text("a cat\n")
    with pytest.raises(KeyError, match="fault"):
        records.read(tmp_path / "a.txt")


def test_another_encoding_is_read_when_it_is_named(tmp_path: Path) -> None:
    _, rows = imported(tmp_path / "a.csv", b"prompt\nun caf\xe9\n", encoding="latin-1")
    assert texts(rows) == ["un café"]
    with pytest.raises(InputError, match="which Python does not know"):
        importers.import_file(
            tmp_path / "a.csv", tmp_path / "b", encoding="latin-x", trusted=authority.trusted_names
        )


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("prompt\n" + "a cat\n" * 100)
    assert len(records.read(path, largest=1000).records) == 100
    with pytest.raises(InputError, match="has 607 bytes, must have at most 600; split it"):
        records.read(path, largest=600)
    with path.open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(InputError, match="1,073,741,824 bytes"):
        importers.import_file(
            path, tmp_path / "mine", concept="cat", trusted=authority.trusted_names
        )


@pytest.mark.parametrize("ending", ["csv", "json", "txt"])
def test_a_pipe_or_device_is_refused_unread(tmp_path: Path, ending: str) -> None:
    os.mkfifo(tmp_path / f"pipe.{ending}")
    (tmp_path / f"null.{ending}").symlink_to("/dev/null")
    for name in ("pipe", "null"):
        with (
            without_waiting(),
            pytest.raises(InputError, match="is a device or pipe, must be a file"),
        ):
            importers.import_file(
                tmp_path / f"{name}.{ending}", tmp_path / "mine", trusted=lambda *_: ["clip"]
            )


@pytest.mark.parametrize("anchor", ["a\nb", "\ud800", "x" * 300])
def test_an_anchor_that_no_line_could_hold_is_refused(tmp_path: Path, anchor: str) -> None:
    with pytest.raises(InputError, match="--anchor has"):
        imported(tmp_path / "a.txt", "a kite\n", concept="kite", anchor=anchor)
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_in_too_many_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a cat\n")
    with pytest.raises(InputError, match="cannot write "):
        importers.import_file(
            tmp_path / "a.txt",
            tmp_path.joinpath(*["x"] * 1900),
            concept="cat",
            trusted=lambda *_: ["clip"],
        )


def test_a_folder_that_is_there_is_never_touched(tmp_path: Path) -> None:
    imported(tmp_path / "a.txt", "a cat\n")
    before = {path: path.read_bytes() for path in (tmp_path / "mine").iterdir()}
    with pytest.raises(InputError, match="exists, and is not overwritten"):
        imported(tmp_path / "a.txt", "a dog\n")
    assert {path: path.read_bytes() for path in (tmp_path / "mine").iterdir()} == before


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bench.prompts.importers.suite.write_bytes", full)
    with pytest.raises(InputError, match=r"cannot write .*No space left"):
        imported(tmp_path / "a.txt", "a cat\n")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_name_of_the_package_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a cat\n")
    with pytest.raises(InputError, match="suite objects is there already"):
        importers.import_file(
            tmp_path / "a.txt", tmp_path / "objects", concept="cat", trusted=authority.trusted_names
        )


def test_an_imported_suite_is_planned_by_its_path_and_a_changed_one_is_another_run(
    tmp_path: Path,
) -> None:
    imported(tmp_path / "a.txt", "a cat\na kitten\n")
    name = str(tmp_path / "mine")

    def spec() -> plan.RunSpec:
        return plan.specs(["original"], model="sd14", suite=name, size="full")[0]

    first = spec()
    assert first.run_id.startswith("original-mine-sd14-full-") and first.cases == ("cat",)
    path = tmp_path / "mine" / "prompts.csv"
    path.write_text(path.read_text().replace("kitten", "tomcat"))
    second = spec()
    assert second.run_id != first.run_id
    table = tmp_path / "mine" / "suite.toml"
    table.write_text(table.read_text().replace("target = 2", "target = 1"))
    assert spec().run_id not in (first.run_id, second.run_id)


def test_role_tag_and_anchor_are_taken(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no tag"):
        imported(tmp_path / "a.txt", "a cat\n", role="adversarial")
    more = {"role": "adversarial", "tag": "mine", "anchor": "a rock", "concept": "wyvern"}
    done, (row,) = imported(tmp_path / "a.txt", "a cat\n", **more)
    assert (row.role, row.tag) == ("adversarial", "mine")
    assert done.draft.concepts[0].anchor == "a rock"
    with pytest.raises(InputError, match="unknown role: 'taget'; nearest: target"):
        importers.import_file(
            tmp_path / "a.txt",
            tmp_path / "b",
            concept="cat",
            role="taget",
            trusted=authority.trusted_names,
        )


def test_the_command_says_what_became_of_the_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.csv").write_text("prompt,seed\na cat,1\n,2\n")
    words = ["import-prompts", str(tmp_path / "a.csv"), "--out", str(tmp_path / "mine")]
    assert cli.main([*words, "--concept", "cat"]) == 0
    said = capsys.readouterr().out
    assert "read      2 rows of a.csv as table" in said
    assert "kept      1: target 1" in said and "1 has no prompt (row 3)" in said
    assert cli.main([*words, "--concept", "cat"]) == 2
    assert "is not overwritten" in capsys.readouterr().err


def test_ten_thousand_rows_are_imported_in_a_moment(tmp_path: Path) -> None:
    lines = "".join(f"a cat number {i},{i}\n" for i in range(10_000))
    _, rows = imported(tmp_path / "a.csv", "prompt,seed\n" + lines)
    assert len(rows) == 10_000 and rows[-1].text == "a cat number 9999"


def test_importing_and_showing_need_no_torch(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a cat and " * 60 + "\n")
    out = str(tmp_path / "mine")
    code = (
        "import sys; from bench import cli\n"
        f"assert cli.main(['import-prompts', {str(tmp_path / 'a.txt')!r}, '--out', {out!r}, "
        "'--concept', 'cat']) == 0\n"
        f"assert cli.main(['show', 'suite', {out!r}]) == 0\n"
        f"assert cli.main(['run', '--method', 'original', '--suite', {out!r}, '--plan']) == 0\n"
        "heavy = {'torch', 'transformers', 'open_clip', 'diffusers'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "77 tokens" in done.stdout


def test_concepts_of_any_script_make_cases_that_can_be_read(tmp_path: Path) -> None:
    content = "prompt,concept\nдракон в небе,дракон\n空の龍,龍\na dragon,Dragon\nle dragón,dragón\n"
    _, rows = imported(tmp_path / "scripts.csv", content, concept="", kind="object")
    found = prompts.suite(str(tmp_path / "mine"))
    assert [case.name for case in found.cases] == ["drakon", "long", "dragon", "dragon-2"]
    # By its own name, too.
    assert cases_of(found, "smoke", ["龍", "дракон"]) == ("drakon", "long")
    assert [row.id for row in rows if row.concept == "龍"] == ["long-target-00000"]


@pytest.mark.parametrize("together", [True, False])
def test_all_concepts_of_a_file_can_be_erased_together(tmp_path: Path, together: bool) -> None:
    content = "prompt,concept\na kite,kite\na fan,fan\n"
    more = {"concept": "", "kind": "object", "together": together}
    imported(tmp_path / "two.csv", content, **more)
    cases = [set(case.concepts) for case in prompts.suite(str(tmp_path / "mine")).cases]
    assert cases == ([{"kite", "fan"}] if together else [{"kite"}, {"fan"}])


def test_one_concept_is_not_together(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--together needs two concepts or more, the file erases"):
        imported(tmp_path / "one.csv", "prompt\na kite\n", kind="object", together=True)
    assert not (tmp_path / "mine").exists()
