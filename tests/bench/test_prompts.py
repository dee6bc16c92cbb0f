from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from bench import prompts
from bench.types import Case, Concept, InputError, Prompt, Size, Suite

HEADER = "id,concept,role,text,seed\n"
VOWELS = tuple("aeiou")


@pytest.fixture(scope="module")
def suite() -> Suite:
    return prompts.suites()["objects"]


@pytest.fixture(scope="module")
def rows(suite: Suite) -> tuple[Prompt, ...]:
    return prompts.read(prompts.path(suite))


@pytest.fixture(scope="module")
def known() -> dict[str, Concept]:
    return prompts.concepts()


def size(suite: Suite, name: str) -> Size:
    return next(each for each in suite.sizes if each.name == name)


def case(suite: Suite, name: str) -> Case:
    return next(each for each in suite.cases if each.name == name)


# The data that comes with the project.


def test_ten_objects_with_three_synonyms_an_anchor_and_a_look_alike(
    known: dict[str, Concept],
) -> None:
    objects = [concept for concept in known.values() if concept.kind == "object"]
    assert len(objects) == 10
    assert all(len(c.synonyms) == 3 and c.anchor and c.near for c in objects)


def test_rows_per_concept_and_role(rows: tuple[Prompt, ...], known: dict[str, Concept]) -> None:
    counts = Counter((row.concept, row.role) for row in rows)
    expected = {"target": 200, "synonym": 600, "related": 200}
    assert counts == {(c, role): n for c in known for role, n in expected.items()}


def test_texts_are_few_short_and_repeated_with_other_seeds(rows: tuple[Prompt, ...]) -> None:
    texts: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        texts.setdefault((row.concept, row.role), set()).add(row.text)
        assert len(row.text.split()) <= 14
    assert all(10 <= len(some) <= 30 for some in texts.values())
    assert len({row.seed for row in rows}) == len(rows)


def has(text: str, words: str) -> bool:
    return re.search(rf"\b{re.escape(words)}s?\b", text, re.IGNORECASE) is not None


def test_a_text_names_what_its_role_says(
    rows: tuple[Prompt, ...], known: dict[str, Concept]
) -> None:
    for row in rows:
        concept = known[row.concept]
        named = has(row.text, concept.name)
        synonyms = [word for word in concept.synonyms if has(row.text, word)]
        if row.role == "target":
            assert named and not synonyms, row
        elif row.role == "synonym":
            assert not named and len(synonyms) == 1, row
        else:
            assert not named and not synonyms, row


def test_articles_are_right(rows: tuple[Prompt, ...]) -> None:
    for text in {row.text for row in rows}:
        for article, word in re.findall(r"\b(an?) (\w+)", text):
            assert (article == "an") == word.startswith(VOWELS), text


def test_each_synonym_has_two_hundred_rows(
    rows: tuple[Prompt, ...], known: dict[str, Concept]
) -> None:
    for concept in known.values():
        own = [r for r in rows if r.concept == concept.name and r.role == "synonym"]
        assert [sum(has(r.text, word) for r in own) for word in concept.synonyms] == [200] * 3


def test_smoke_and_quick_run_airplane_and_full_runs_all(suite: Suite) -> None:
    everything = tuple(each.name for each in suite.cases)
    assert [each.cases for each in suite.sizes] == [("airplane",), ("airplane",), everything]
    assert all(each.concepts == (each.name,) for each in suite.cases)


# Selection.


@pytest.mark.parametrize("name", ["smoke", "quick", "full"])
def test_select_gives_the_counts_of_the_size(suite: Suite, name: str) -> None:
    chosen = prompts.select(suite, case(suite, "airplane"), size(suite, name))
    assert Counter(row.role for row in chosen) == size(suite, name).images
    assert len({row.id for row in chosen}) == len(chosen)


def test_near_and_far_are_other_concepts_targets(suite: Suite) -> None:
    chosen = prompts.select(suite, case(suite, "airplane"), size(suite, "full"))
    by_role = {role: {r.concept for r in chosen if r.role == role} for role in ("near", "far")}
    assert by_role["near"] == {"bird"}
    assert by_role["far"] == {c.name for c in suite.cases} - {"airplane", "bird"}
    assert all("-target-" in row.id for row in chosen if row.role in by_role)


def test_concepts_erased_together_are_neither_near_nor_far(suite: Suite) -> None:
    both = Case("both", ("airplane", "bird"))
    chosen = prompts.select(suite, both, Size("s", {"target": 10, "near": 10, "far": 16}, ()))
    assert {r.concept for r in chosen if r.role == "target"} == {"airplane", "bird"}
    assert not [r for r in chosen if r.role == "near"]
    assert not {"airplane", "bird"} & {r.concept for r in chosen if r.role == "far"}


def test_every_prefix_covers_texts_and_concepts_evenly(
    suite: Suite, known: dict[str, Concept]
) -> None:
    chosen = prompts.select(suite, case(suite, "airplane"), size(suite, "full"))
    synonyms = known["airplane"].synonyms
    groupings = {
        "target": lambda row: row.text,
        "related": lambda row: row.text,
        "synonym": lambda row: next(word for word in synonyms if has(row.text, word)),
        "far": lambda row: row.concept,
    }
    for role, key in groupings.items():
        own = [key(row) for row in chosen if row.role == role]
        for count in range(1, 121):
            seen = Counter(own[:count])
            least = min(seen.values()) if len(seen) == len(set(own)) else 0
            assert max(seen.values()) - least <= 1, (role, count)


def test_smaller_sizes_are_prefixes(suite: Suite) -> None:
    airplane = case(suite, "airplane")
    small, large = (
        {
            role: [
                r.id for r in prompts.select(suite, airplane, size(suite, name)) if r.role == role
            ]
            for role in size(suite, name).images
        }
        for name in ("smoke", "quick")
    )
    assert all(large[role][: len(ids)] == ids for role, ids in small.items())


def test_select_spreads_an_unordered_file(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("concepts.toml", "suites.toml"):
        (tmp_path / name).write_bytes((prompts.FOLDER / name).read_bytes())
    lines = [f"{t}{i},cat,target,text {t},{i}\n" for t in "ab" for i in range(5)]
    (tmp_path / "objects.csv").write_text(HEADER + "".join(lines))
    monkeypatch.setattr(prompts, "FOLDER", tmp_path)
    chosen = prompts.select(suite, case(suite, "cat"), Size("s", {"target": 4}, ()))
    assert [row.id for row in chosen] == ["a0", "b0", "a1", "b1"]


# Bad files.


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,concept,role,prompt,seed\n", "columns are id,concept,role,prompt,seed, must be id,"),
        ("", "columns are missing"),
        (HEADER + "a,cat,target,a cat,1\na,cat,target,a cat,2\n", "line 3: id 'a' is not unique"),
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
    for file in ("concepts.toml", "suites.toml", "objects.csv"):
        (tmp_path / file).write_bytes((prompts.FOLDER / file).read_bytes())
    text = (tmp_path / name).read_text()
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new))
    monkeypatch.setattr(prompts, "FOLDER", tmp_path)
    with pytest.raises(InputError, match=re.escape(message)):
        prompts.suites()
        prompts.select(suite, case(suite, "airplane"), size(suite, "smoke"))


def test_the_hash_is_that_of_the_file(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "objects.csv").write_bytes(b"")
    monkeypatch.setattr(prompts, "FOLDER", tmp_path)
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert prompts.file_hash(suite) == empty
