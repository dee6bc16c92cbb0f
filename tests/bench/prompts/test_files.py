from __future__ import annotations

import hashlib
import re
import shutil
from importlib import import_module
from pathlib import Path

import pytest

from bench import prompts
from bench.prompts import tables
from bench.prompts.rows import check_length, concepts_of, read, read_all
from bench.types import InputError, Prompt, Suite

HEADER = "id,concept,role,text,seed\n"


@pytest.fixture(scope="module")
def suite() -> Suite:
    return prompts.suite("objects")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,concept,role,prompt,seed\n", "columns are id,concept,role,prompt,seed, must be id,"),
        ("", "columns are missing"),
        (HEADER + "a,cat,target,a cat,1\na,cat,target,a cat,2\n", "line 3: id 'a' is not unique"),
        (HEADER + "a,cat,target,a cat,1\nA,cat,target,a cat,2\n", "id 'A' is 'a' but for small"),
        (HEADER + "nul,cat,target,a cat,1\n", "and no device of Windows"),
        (HEADER + "a,cat,target,a cat,one\n", "line 2: seed 'one' must be an integer"),
        (HEADER + "a,cat,target,a cat,-1\n", "line 2: seed '-1'"),
        (HEADER + "a,cat,target, ,1\n", "line 2: text is empty"),
        (HEADER + "a,,target,a cat,1\n", "line 2: concept is empty"),
        (HEADER + "a,cat,taget,a cat,1\n", "line 2: unknown role: 'taget'; nearest: target"),
        (HEADER + "a,cat,target,a cat\n", "line 2: has 4 fields, must have 5"),
        (HEADER + "a,cat,target,a cat, black,1\n", "line 2: has 6 fields"),
        (HEADER + "../a,cat,target,a cat,1\n", "line 2: id '../a' names an image file"),
        (HEADER + 'a,cat,target,"a cat,1\n', "cannot be read as a prompt file"),
    ],
)
def test_a_bad_prompt_file_names_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(message)) as error:
        prompts.read(path)
    assert str(path) in str(error.value)


def test_what_is_no_text_or_not_there_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    for name in ("binary.csv", "missing.csv"):
        with pytest.raises(InputError, match=name):
            prompts.read(tmp_path / name)


def test_files_are_read_once_as_long_as_all_of_them_stay_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A suite is looked up dozens of times in a run: its thousands of rows are not read again."""
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for path in paths:
        path.write_text(f"{HEADER}{path.stem},cat,target,{path.stem} cat,1\n")
    seen = []
    monkeypatch.setattr(
        import_module("bench.prompts.rows"), "read", lambda path: seen.append(path) or read(path)
    )
    found = [read_all(paths) for _ in range(3)]
    assert seen == paths and found[0] == found[2] and concepts_of(paths) == ("cat",)
    paths[1].write_text(HEADER + "b,dog,target,a dog,1\n")
    assert concepts_of(paths) == ("cat", "dog")
    assert [row.text for row in read_all(paths)] == ["a cat", "a dog"]
    assert seen == [*paths, *paths]


def test_tables_are_parsed_once_as_long_as_they_stay_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("concepts.toml", "suites.toml"):
        shutil.copy(prompts.FOLDER / name, tmp_path)
    monkeypatch.setattr(prompts, "FOLDER", tmp_path)
    read_all = list(prompts.concepts()), list(prompts.suites())
    with monkeypatch.context() as patch:
        patch.setattr(tables, "parsed", None)
        assert (list(prompts.concepts()), list(prompts.suites())) == read_all
        prompts.concepts().clear()
        assert list(prompts.concepts()) == read_all[0]
    table = tmp_path / "concepts.toml"
    table.write_text(table.read_text().replace('anchor = "the sky"', 'anchor = "the sea"'))
    assert prompts.concepts()["airplane"].anchor == "the sea"
    assert list(prompts.suites()) == read_all[1]


def test_the_prompt_null_stays_text(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(HEADER + "a,cat,target,null,1\n")
    assert prompts.read(tmp_path / "p.csv") == (Prompt("a", "null", 1, "target", "cat"),)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("concepts.toml", 'near = ["bird"]', 'near = ["brd"]', "'brd'; nearest: bird"),
        ("concepts.toml", "anchor =", "ancor =", "'anchor' is missing"),
        ("suites.toml", 'airplane = ["airplane"]', 'airplane = ["airplan"]', "nearest: airplane"),
        ("suites.toml", "target = 4", "targt = 4", "nearest: target"),
        ("suites.toml", "metrics =", "metrics", "not valid TOML"),
        ("suites.toml", "target = 4", "target = -4", "target is -4"),
        ("suites.toml", "target = 4", "target = '4'", "target is '4'"),
        ("suites.toml", '"typo"', '"tpyo"', "'tpyo'; nearest: typo"),
        ("suites.toml", 'families = ["sd"', 'families = ["sdx"', "'sdx'; nearest: sdxl"),
        ("suites.toml", "summary =", "sumary =", "'summary' is missing"),
        ("suites.toml", 'version = "2"', 'version = "2"\ncolour = 1', "unknown key: 'colour'"),
        ("objects.csv", "-000,airplane,", "-000,airplan,", "nearest: airplane"),
    ],
)
def test_a_slip_in_a_table_names_the_nearest(
    suite: Suite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    old: str,
    new: str,
    message: str,
) -> None:
    for path in filter(Path.is_file, prompts.FOLDER.iterdir()):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    text = (tmp_path / name).read_text()
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new))
    monkeypatch.setattr(prompts, "FOLDER", tmp_path)
    with pytest.raises(InputError, match=re.escape(message)):
        prompts.suites()
        prompts.rows(suite)


def test_the_hash_is_that_of_all_files(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "objects.csv").write_bytes(b"a")
    (tmp_path / "objects-roles.csv").write_bytes(b"bc")
    monkeypatch.setattr(prompts, "FOLDER", tmp_path)
    assert prompts.file_hash(suite) == hashlib.sha256(b"abc").hexdigest()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,cat,target,a cat,nan", "line 2: seed 'nan' must be an integer"),
        ("a,cat,target,a cat,9223372036854775808", "line 2: seed '92233"),
        ("a,cat,adversarial,a cat,1", "line 2: a row of role adversarial needs a tag"),
        ("a,cat,remainder,a cat,1", "line 2: a row of role remainder needs a tag"),
        (f"{'a' * 201},cat,target,a cat,1", "line 2: id 'aaa"),
        ("a,cat,target,x,1\nb,cat,target,x,1", "line 3: repeats line 2 under another id"),
    ],
)
def test_a_row_that_does_not_fit_its_role_is_refused(
    tmp_path: Path, row: str, message: str
) -> None:
    (tmp_path / "p.csv").write_text(HEADER + row + "\n")
    with pytest.raises(InputError, match=re.escape(message)):
        prompts.read(tmp_path / "p.csv")


def test_only_a_general_prompt_may_have_no_concept(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(HEADER + "a,,general,the sea,1\n")
    assert prompts.read(tmp_path / "p.csv")[0].concept == ""


def test_a_byte_order_mark_and_bare_carriage_returns_are_read(tmp_path: Path) -> None:
    text = "\ufeff" + HEADER.replace("\n", "\r") + "a,cat,target,a cat,1\rb,cat,target,NA,2\r"
    (tmp_path / "p.csv").write_bytes(text.encode())
    assert [row.text for row in prompts.read(tmp_path / "p.csv")] == ["a cat", "NA"]


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text(HEADER + "a,cat,target,a cat,1\n")
    assert len(prompts.read(path)) == 1
    path.write_text(HEADER + "a,cat,target,a cat,1\nb,cat,target,a cat,2\n")
    assert len(prompts.read(path)) == 2


def test_an_id_in_two_files_is_refused(tmp_path: Path) -> None:
    for name in ("p.csv", "q.csv"):
        (tmp_path / name).write_text(HEADER + "a,cat,target,a cat,1\n")
    with pytest.raises(InputError, match=r"id 'a' is in .*p\.csv too"):
        read_all([tmp_path / "p.csv", tmp_path / "q.csv"])


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(HEADER + "a,cat,target,a cat,1\n")
    check_length(tmp_path / "p.csv", 100)
    with pytest.raises(InputError, match="has 47 bytes, must have at most 40"):
        check_length(tmp_path / "p.csv", 40)
    with (tmp_path / "huge.csv").open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(InputError, match="1,073,741,824 bytes"):
        prompts.read(tmp_path / "huge.csv")
