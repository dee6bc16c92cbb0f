"""What `import-prompts` says to do about a file: done, it is imported as it should be."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bench import prompts
from bench.prompts.rows import check_length, read_all

from .conftest import Said, carries_out

KITES = "prompt,concept\na kite,kite\na red kite,kite\n"


def imported(
    said: Said, tmp_path: Path, file: str, text: str, *words: str, status: int = 0, out: str = "out"
) -> str:
    """Import a file of this name and content, and return what is said."""
    (tmp_path / file).write_bytes(text.encode("latin-1"))
    return said(
        ["import-prompts", str(tmp_path / file), "--out", str(tmp_path / out), *words], status
    )


CASES = [
    # text of the remedy, file, content, words, words that do what it says, content that does
    (
        "--anchor is empty; name what new concepts are mapped to, or leave it out",
        ("a.csv", KITES, ["--anchor", " "]),
        [["--anchor", "the sky"], []],
        None,
    ),
    (
        "--kind {}: {} is of kind {} here; call it otherwise",
        ("a.csv", KITES.replace("kite", "bird"), ["--kind", "style"]),
        [["--kind", "object"]],
        None,
    ),
    (
        "both {} and {} may say what the prompts show; --concept-column decides",
        ("a.csv", "prompt,category,class\na kite,kite,toy\na dog,dog,pet\n", []),
        [["--concept-column", "category"], ["--concept-column", "class"]],
        None,
    ),
    (
        "line 1 is a header ({}); --columns names columns in its place for a file that has none, "
        "and renames one as MEANING=NAME",
        ("a.csv", "prompt,who\na kite,kite\n", ["--columns", "prompt,concept"]),
        [["--columns", "concept=who"]],
        None,
    ),
    (
        "the columns are {}{}; none is called {}, text, caption or {}: say which holds prompts "
        "with --prompt-column NAME; name them in order with --columns if the file has no header, "
        "--columns prompt if every line is a prompt",
        ("a.csv", "said,concept\na kite,kite\n", []),
        [["--prompt-column", "said"], ["--columns", "prompt,concept"]],
        None,
    ),
    (
        "these prompts do not say what is to be erased; name the erasure that they test with "
        "--concept",
        ("a.csv", "prompt,concept,role\na kite,kite,far\n", []),
        [["--concept", "airplane"]],
        None,
    ),
    (
        "{}: is not {} text ({}); name its own with --encoding, for example latin-1",
        ("a.csv", "prompt,concept\na caf\xe9,caf\xe9\n", []),
        [["--encoding", "latin-1"]],
        None,
    ),
    (
        "a txt file has a prompt in each line and no columns to name; call a table .csv",
        ("a.txt", "a kite,kite\n", ["--columns", "prompt,concept"]),
        [["--columns", "prompt,concept"]],
        "a.csv",
    ),
    (
        "line 1 names columns ({}): call a table .csv; if it is a prompt, --columns prompt",
        ("a.txt", "prompt,concept\na kite,kite\n", []),
        [[]],
        "a.csv",
    ),
    (
        "line 1 names columns ({}): call a table .csv; if it is a prompt, --columns prompt",
        ("a.txt", "prompt,concept\na kite,kite\n", ["--concept", "kite"]),
        [["--concept", "kite", "--columns", "prompt"]],
        None,
    ),
    (
        "its keys name its columns; say what they mean as --columns MEANING=KEY",
        ("a.json", '{"said": ["a kite"], "who": ["kite"]}', ["--columns", "prompt,concept"]),
        [["--columns", "prompt=said,concept=who"]],
        None,
    ),
    (
        "{}, as {} have them; say which with --format",
        ("a.csv", "prompt,categories,image_id\na b,violence,1\n", []),
        [["--format", "i2p"]],
        None,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "given", "ways", "other"), CASES)
def test_what_is_refused_is_read_when_that_is_done(
    said: Said,
    tmp_path: Path,
    text: str,
    given: tuple[str, str, list[str]],
    ways: list[list[str]],
    other: str | None,
) -> None:
    file, content, words = given
    told = imported(said, tmp_path, file, content, *words, status=2)
    assert _fits(text, told), told
    for number, way in enumerate(ways):
        imported(said, tmp_path, other or file, content, *way, out=str(number))
        assert prompts.suite(str(tmp_path / str(number))).cases


def _fits(text: str, told: str) -> bool:
    """Return whether a message is this one, filled in."""
    place = 0
    for part in text.split("{}"):
        place = told.find(part, place)
        if place < 0:
            return False
        place += len(part)
    return True


ROWS = [
    (
        "does not say what it shows; --concept or --concept-column does",
        ("prompt,concept,note\na kite,kite,x\na toy,,y\n", []),
        ["--concept", "toy"],
    ),
    (
        "is {} and does not say what it shows; --concept-column does",
        ("prompt,role,concept,who\na kite,target,kite,kite\na dog,far,,dog\n", []),
        ["--concept-column", "who"],
    ),
    (
        "has no tag, {}, which role {} needs; --tag does",
        ("prompt,role,concept\na kite,target,kite\na k1te,adversarial,kite\n", []),
        ["--tag", "leet"],
    ),
]


@pytest.mark.parametrize(("text", "given", "way"), ROWS)
def test_a_row_that_is_dropped_is_kept_when_that_is_done(
    said: Said, tmp_path: Path, text: str, given: tuple[str, list[str]], way: list[str]
) -> None:
    content, words = given
    told = imported(said, tmp_path, "a.csv", content, *words)
    assert _fits(text, told), told
    again = imported(said, tmp_path, "a.csv", content, *words, *way, out="again")
    assert not _fits(text, again)
    found = [prompts.suite(str(tmp_path / name)) for name in ("out", "again")]
    one, two = (len(read_all(prompts.paths(each, "mini"))) for each in found)
    assert two == one + 1


@carries_out(
    "{}; --format says otherwise",
    "{}, as the format has it; --role says otherwise",
    "for lack of a word; --kind says otherwise",
    "as {} has it; --kind says otherwise",
    "by the column {}; --kind says otherwise",
)
def test_what_was_guessed_is_otherwise_when_it_is_said(said: Said, tmp_path: Path) -> None:
    told = imported(said, tmp_path, "a.csv", KITES)
    assert "format    table; --format says otherwise" in told
    assert "target, as the format has it; --role says otherwise" in told
    assert "object, for lack of a word; --kind says otherwise" in told
    told = imported(said, tmp_path, "a.csv", KITES, "--kind", "style", "--role", "synonym", out="b")
    assert "says otherwise" not in told.replace("--format says otherwise", "")
    made = prompts.suite(str(tmp_path / "b"))
    assert made.kind == "style"
    assert {row.role for row in read_all(prompts.paths(made, "mini"))} == {"synonym"}
    told = imported(said, tmp_path, "a.csv", KITES, "--format", "table", out="c")
    assert "--format says otherwise" not in told
    for number, text in enumerate(("prompt,artist\na b,x y\n", "prompt,categories\na b,gore\n")):
        told = imported(said, tmp_path, "a.csv", text, out=f"d{number}")
        assert "--kind says otherwise" in told, told
        told = imported(said, tmp_path, "a.csv", text, "--kind", "object", out=f"e{number}")
        assert "--kind says otherwise" not in told
        assert prompts.suite(str(tmp_path / f"e{number}")).kind == "object"


@carries_out(
    "{} exists, and is not overwritten; choose another --out",
    "--out {}: suite {} is there already; name it otherwise",
)
def test_a_suite_that_is_there_stays_and_another_name_is_taken(said: Said, tmp_path: Path) -> None:
    imported(said, tmp_path, "a.csv", KITES)
    told = imported(said, tmp_path, "a.csv", KITES, status=2)
    assert "exists, and is not overwritten; choose another --out" in told
    told = imported(said, tmp_path, "a.csv", KITES, status=2, out="objects")
    assert "suite objects is there already; name it otherwise" in told
    imported(said, tmp_path, "a.csv", KITES, out="another")


@carries_out("nothing says what kind of thing {} is; say it with --kind: {}")
def test_the_kind_of_what_nobody_knows_is_said(said: Said, tmp_path: Path) -> None:
    text = "prompt,adv_prompt\n"
    words = ["--format", "attack", "--concept", "kite"]
    text = "prompt\na k1te in the sky\n"
    told = imported(said, tmp_path, "a.csv", text, *words, "--tag", "t", status=2)
    assert "nothing says what kind of thing kite is; say it with --kind" in told, told
    imported(said, tmp_path, "a.csv", text, *words, "--tag", "t", "--kind", "object")


@carries_out(
    "its key '{}' holds a text and '{}' a list, so that keys are not told from concepts; put "
    "prompts by concept into lists, and leave all else out"
)
def test_prompts_by_concept_stand_in_lists_alone(said: Said, tmp_path: Path) -> None:
    data = {"about": "kites", "kite": ["a kite", "a red kite"]}
    told = imported(said, tmp_path, "a.json", json.dumps(data), status=2)
    assert "put prompts by concept into lists, and leave all else out" in told
    del data["about"]
    imported(said, tmp_path, "a.json", json.dumps(data))


@carries_out("is a list of {} values; --columns names them")
def test_lists_of_values_are_named_by_columns(said: Said, tmp_path: Path) -> None:
    text = json.dumps([["a kite", "kite"], ["a dog", "dog"]])
    told = imported(said, tmp_path, "a.json", text, status=2)
    assert "is a list of 2 values; --columns names them" in told
    imported(said, tmp_path, "a.json", text, "--columns", "prompt,concept")


@carries_out("{}: is a device or pipe, must be a file; write it to one first")
def test_a_pipe_is_written_to_a_file_first(said: Said, tmp_path: Path) -> None:
    pipe = tmp_path / "a.csv"
    os.mkfifo(pipe)
    words = ["import-prompts", str(pipe), "--out", str(tmp_path / "out")]
    assert "must be a file; write it to one first" in said(words, 2)
    pipe.unlink()
    pipe.write_text(KITES)
    said(words)


@carries_out("{} has {} bytes, must have at most {}; split it")
def test_a_file_that_is_too_large_is_read_in_parts(
    said: Said, tmp_path: Path, suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_length, "__defaults__", (120,))
    words = ["show", "suite", str(suite)]
    assert "must have at most 120; split it" in said(words, 2)
    header, *lines = (suite / "prompts.csv").read_text().splitlines()
    for number, some in enumerate((lines[:2], lines[2:])):
        (suite / f"{number}.csv").write_text("\n".join([header, *some, ""]))
    table = suite / "suite.toml"
    table.write_text(table.read_text().replace('"prompts.csv"', '"0.csv", "1.csv"'))
    said(words)


@carries_out(
    "{} is not as it was imported; import it again, or delete {} if that is your own doing"
)
def test_a_changed_import_is_imported_again_or_somebodys_own(
    said: Said, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    imported(said, tmp_path, "a.csv", KITES)
    file = tmp_path / "out" / "prompts.csv"
    file.write_text(file.read_text().replace("red", "blue"))

    def told(out: str) -> str:
        caplog.clear()
        said(["show", "suite", str(tmp_path / out)])
        return caplog.text

    line = told("out")
    assert f"{file} is not as it was imported; import it again, or delete" in line
    imported(said, tmp_path, "a.csv", KITES, out="again")
    assert told("again") == ""
    Path(line.split(" delete ")[1].split(" if ")[0]).unlink()
    assert told("out") == ""
