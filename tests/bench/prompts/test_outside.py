"""Suites that a user writes: a folder with suite.toml and prompt files."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import prompts
from bench.types import InputError

from ..conftest import without_waiting

SUITE = """
version = "3"
kind = "object"
prompt_files = ["prompts.csv"]
metrics = ["clip"]
summary = "Mine."
adversarial = ["typo"]

[cases]
wyvern = ["wyvern"]
both = ["wyvern", "cat"]

[sizes.smoke]
images = { target = 2, adversarial = 1, near = 1 }
cases = ["wyvern"]

[concepts.wyvern]
kind = "object"
anchor = "a rock"
near = ["bird"]
"""
ROWS = """id,concept,role,text,seed
a,wyvern,target,a wyvern,1
b,cat,target,a cat,2
c,bird,near,a bird,3
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "suite.toml").write_text(SUITE)
    (tmp_path / "mine" / "prompts.csv").write_text(ROWS)
    return tmp_path / "mine"


def test_a_suite_brings_concepts_along_and_uses_those_there_are(folder: Path) -> None:
    suite = prompts.suite(str(folder))
    known = prompts.known_concepts(suite)
    assert known["wyvern"].near == ("bird",) and "cat" in known
    assert "wyvern" not in prompts.concepts()
    wyvern, both = suite.cases
    rows = prompts.select(suite, wyvern, suite.sizes[0])
    assert [(row.role, row.concept) for row in rows] == [
        ("target", "wyvern"),
        ("adversarial", "wyvern"),
        ("near", "bird"),
    ]
    assert {row.concept for row in prompts.select(suite, both, suite.sizes[0])} == {
        *("wyvern", "cat", "bird"),
    }


def test_its_name_is_the_folders_and_its_version_changes_with_any_file(folder: Path) -> None:
    first = prompts.suite(str(folder))
    assert first.name == "mine" and re.fullmatch(r"3-[0-9a-f]{8}", first.version)
    assert prompts.suite(f"{folder}/") == prompts.suite(str(folder))
    for name in ("suite.toml", "prompts.csv"):
        path = folder / name
        path.write_text(path.read_text().replace("a rock", "a cliff").replace("a bird", "birds"))
        assert prompts.suite(str(folder)).version != first.version
        first = prompts.suite(str(folder))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('version = "3"\n', "", "'version' is missing"),
        ('version = "3"', "version = 3", "version is 3"),
        ('kind = "object"\nprompt', 'kind = "objet"\nprompt', "'objet'; nearest: object"),
        ("summary", "sumary", "'summary' is missing"),
        ("[sizes.smoke]", "[sizes.smoke]\nimage = 1", "unknown key of sizes.smoke: 'image'"),
        ("target = 2", "targt = 2", "'targt'; nearest: target"),
        ('both = ["wyvern", "cat"]', 'both = ["wyvern", "cta"]', "'cta'; nearest: cat"),
        ('both = ["wyvern", "cat"]', "both = []", "every case a concept"),
        ('near = ["bird"]', 'near = ["birdd"]', "'birdd'; nearest: bird"),
        ('anchor = "a rock"', 'anchor = " "', "anchor is empty"),
        ('cases = ["wyvern"]', 'cases = ["wivern"]', "'wivern'; nearest: wyvern"),
        ('adversarial = ["typo"]', 'adversarial = ["typos"]', "'typos'; nearest: typo"),
        ("[cases]", "[cases", "not valid TOML"),
        ("wyvern = [", "'../../x' = [", "../../x names files, but has '/', which must not"),
        ("wyvern = [", "'a\\b' = [", "names files, but has '\\\\', which must not"),
        ("wyvern = [", '"a\\u0007" = [', "names files, but has '\\x07', which must not"),
        ("wyvern = [", "CON = [", "names files, but is 'CON', which Windows keeps for a device"),
        ("wyvern = [", f"{'x' * 200} = [", "names files, but has 200 bytes, must have at most 150"),
        ("wyvern = [", "all = [", "all names files, but is all, which means all cases"),
        ("wyvern = [", "unerased = [", "is unerased, which is the folder of the un-erased model's"),
        ("wyvern = [", "Original = [", "is original, which is the method that erases nothing"),
        ("wyvern = [", "'..' = [", "begins or ends with a dot or space"),
        ("wyvern = [", "'/tmp/x' = [", "has '/', which must not"),
        ("wyvern = [", "'x ' = [", "begins or ends with a dot or space"),
        ("wyvern = [", '"\\u202Eexe" = [', "has '\\u202e', which must not"),
        ("wyvern = [", "'' = [", "names files, but is empty"),
        (
            "both = [",
            '"e\\u0301" = ["cat"]\n"\u00c9" = [',
            "two cases are called '\u00e9', but for",
        ),
        ('["prompts.csv"]', '["../prompts.csv"]', "names ../prompts.csv, which lies outside its"),
        ('["prompts.csv"]', '["/etc/passwd"]', "names /etc/passwd, which lies outside its folder"),
        ('["prompts.csv"]', '["prompts.csv"]\nfamily_files = { sd = ["../a.csv"] }', "names ../a"),
        ("both = [", "Wyvern = [", "two cases are called 'wyvern', but for small letters"),
        ("[sizes.smoke]", "[sizes.'a/../b']", "names files, but has '/', which must not"),
        ('["prompts.csv"]', '["a\\u0000b"]', "prompt_files.0 must be at most 1000 characters"),
        ('["prompts.csv"]', '["prompts.csv", "prompts.csv"]', "has 'prompts.csv' twice"),
        ('["wyvern", "cat"]', '["cat", "cat"]', "both has 'cat' twice"),
        ('["clip"]', '["clip", "clip"]', "metrics has 'clip' twice"),
        ('version = "3"', 'version = "3\\u0007"', "none of them a control character"),
        ('version = "3"', f'version = "{"3" * 2000}"', "version must be at most 1000 characters"),
        ('version = "3"', 'version = "3"\nname = "../x"', "names files, but has '/'"),
        ('version = "3"', 'version = "3"\nname = "aux"', "which Windows keeps for a device"),
        ("target = 2", f"target = {'9' * 30}", "less than or equal to 1000000000"),
        ("target = 2, adversarial = 1, near = 1", "target = 0", "every size a case and images"),
        ('cases = ["wyvern"]', "cases = []", "every size a case and images"),
        ("[cases]", "x = " + "[" * 100_000 + "\n[cases]", "not valid TOML (maximum recursion"),
    ],
)
def test_a_slip_is_named_with_the_file(folder: Path, old: str, new: str, message: str) -> None:
    assert SUITE.count(old) >= 1
    (folder / "suite.toml").write_text(SUITE.replace(old, new, 1))
    with pytest.raises(InputError, match=re.escape(message)) as error:
        prompts.suite(str(folder))
    assert "suite.toml" in str(error.value)


def test_a_suite_of_no_size_is_refused_and_a_byte_order_mark_is_no_text(folder: Path) -> None:
    (folder / "suite.toml").write_text("\ufeff" + SUITE)
    assert prompts.suite(str(folder)).name == "mine"
    start, end = SUITE.index("[sizes.smoke]"), SUITE.index("[concepts.")
    (folder / "suite.toml").write_text(SUITE[:start] + "[sizes]\n" + SUITE[end:])
    with pytest.raises(InputError, match="every suite needs a size"):
        prompts.suite(str(folder))


@pytest.mark.parametrize("name", ["suite.toml", "prompts.csv"])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_file_is_refused_unread(folder: Path, name: str, kind: str) -> None:
    (folder / name).unlink()
    make: dict[str, Callable[[Path], object]] = {
        "pipe": os.mkfifo,
        "device": lambda path: path.symlink_to("/dev/null"),
        "folder": Path.mkdir,
    }
    make[kind](folder / name)
    with without_waiting(), pytest.raises(InputError, match=re.escape(str(folder))):
        prompts.suite(str(folder))


def test_a_table_that_is_too_large_is_refused_unread(folder: Path) -> None:
    with (folder / "suite.toml").open("wb") as file:
        file.truncate(2**33)
    with pytest.raises(InputError, match=r"suite\.toml has 8,589,934,592 bytes"):
        prompts.suite(str(folder))


def test_a_prompt_file_is_no_suite_and_the_way_to_one_is_named(folder: Path) -> None:
    with pytest.raises(InputError, match="import-prompts makes one of a prompt file"):
        prompts.suite(str(folder / "prompts.csv"))


def test_a_row_of_an_unknown_concept_names_the_nearest(folder: Path) -> None:
    (folder / "prompts.csv").write_text(ROWS.replace(",wyvern,", ",wyvren,"))
    with pytest.raises(InputError, match="'wyvren'; nearest: wyvern"):
        prompts.rows(prompts.suite(str(folder)))


def test_what_is_no_suite_is_refused(folder: Path) -> None:
    (folder / "suite.toml").unlink()
    with pytest.raises(InputError, match=r"has no suite\.toml"):
        prompts.suite(str(folder))
    with pytest.raises(InputError, match=r"choices: objects, .* a folder with a suite\.toml"):
        prompts.suite(str(folder / "gone"))


def test_a_missing_prompt_file_is_named(folder: Path) -> None:
    (folder / "prompts.csv").unlink()
    with pytest.raises(InputError, match=r"prompts\.csv: cannot be read"):
        prompts.suite(str(folder))


@pytest.mark.parametrize("name", ["nul", "a\nb", "x" * 160, "a\u202eb"])
def test_a_folder_whose_name_is_hostile_is_refused_unless_the_suite_has_its_own(
    folder: Path, name: str
) -> None:
    other = folder.rename(folder.with_name(name))
    with pytest.raises(InputError, match=r"called by its folder, whose name .*; give it a name"):
        prompts.suite(str(other))
    (other / "suite.toml").write_text(f'name = "mine"\n{SUITE}')
    assert prompts.suite(str(other)).name == "mine"


def test_a_link_leads_to_no_file_outside_the_folder(folder: Path) -> None:
    other = (folder / "prompts.csv").rename(folder.parent / "other.csv")
    (folder / "prompts.csv").symlink_to(other)
    with pytest.raises(InputError, match=r"names prompts\.csv, which lies outside its folder"):
        prompts.suite(str(folder))
    (folder / "prompts.csv").unlink()
    (folder / "in").mkdir()
    other.rename(folder / "in" / "other.csv")
    (folder / "prompts.csv").symlink_to("in/other.csv")
    assert len(prompts.rows(prompts.suite(str(folder)))) == 3


@pytest.mark.parametrize("name", ["é", "a+b (2)", "дракон", "龙", "🐉", "a dragon's"])
def test_a_case_is_called_in_any_script(folder: Path, name: str) -> None:
    text = SUITE.replace("wyvern = [", f'"{name}" = [').replace(
        'cases = ["wyvern"]', f'cases = ["{name}"]'
    )
    (folder / "suite.toml").write_text(text)
    assert prompts.suite(str(folder)).cases[0].name == name
