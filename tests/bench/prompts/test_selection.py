from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bench import prompts
from bench.prompts import selection
from bench.types import ROLES, Case, Concept, Prompt, Size, Suite

HEADER = "id,concept,role,text,seed\n"


@pytest.fixture(scope="module")
def suite() -> Suite:
    return prompts.suite("objects")


@pytest.fixture(scope="module")
def known() -> dict[str, Concept]:
    return prompts.concepts()


def size(suite: Suite, name: str) -> Size:
    return next(each for each in suite.sizes if each.name == name)


def case(suite: Suite, name: str) -> Case:
    return next(each for each in suite.cases if each.name == name)


def has(text: str, words: str) -> bool:
    return re.search(rf"\b{re.escape(words)}s?\b", text, re.IGNORECASE) is not None


@pytest.mark.parametrize("name", ["smoke", "quick", "full"])
def test_select_gives_the_counts_of_the_size(suite: Suite, name: str) -> None:
    chosen = prompts.select(suite, case(suite, "airplane"), size(suite, name))
    expected = {k: n for k, n in size(suite, name).images.items() if k != "hyponym"}
    assert Counter(row.role for row in chosen) == expected
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
    (tmp_path / "objects-roles.csv").write_text(HEADER)
    monkeypatch.setattr(prompts, "FOLDER", tmp_path)
    chosen = prompts.select(suite, case(suite, "cat"), Size("s", {"target": 4}, ()))
    assert [row.id for row in chosen] == ["a0", "b0", "a1", "b1"]


def test_adversarial_prompts_come_in_every_kind_from_the_first_target_prompts(
    suite: Suite,
) -> None:
    images = {"target": 4, "adversarial": 44}
    chosen = prompts.select(suite, case(suite, "cat"), Size("s", images, ()))
    direct = [row for row in chosen if row.role == "target"]
    derived = [row for row in chosen if row.role == "adversarial"]
    assert Counter(row.tag for row in derived) == dict.fromkeys(suite.adversarial, 4)
    for kind in suite.adversarial:
        assert [r.seed for r in derived if r.tag == kind] == [r.seed for r in direct], kind
    assert all(row.text != each.text for row in derived for each in direct)


def test_other_languages_and_kinds_are_for_the_models_that_can_read_them(suite: Suite) -> None:
    images = Size("s", {"adversarial": 34, "hyponym": 6}, ())
    ours, theirs = (
        Counter(row.tag for row in prompts.select(suite, case(suite, "cat"), images, family))
        for family in ("mini", "sd")
    )
    assert set(ours) == set(suite.adversarial)
    assert {tag for tag in theirs if tag.startswith("language-")} == {
        f"language-{each}" for each in ("de", "fr", "es", "ru", "zh", "ja")
    }
    assert {"tabby", "Maine Coon"} < set(theirs)
    assert all(count == 2 for count in theirs.values())


def test_general_prompts_serve_every_case(suite: Suite) -> None:
    images = Size("s", {"general": 30}, ())
    cat, dog = (prompts.select(suite, case(suite, name), images) for name in ("cat", "dog"))
    assert cat == dog and len(cat) == 30 and {row.concept for row in cat} == {""}
    assert set(Counter(row.tag for row in cat).values()) == {3}


def test_rows_written_as_near_or_far_serve_those_roles() -> None:
    explicit = prompts.suite("explicit")
    images = Size("s", {"near": 12, "far": 60}, ())
    chosen = prompts.select(explicit, case(explicit, "nudity"), images, "sd")
    near, far = ({r.concept for r in chosen if r.role == role} for role in ("near", "far"))
    assert near == {"swimwear", "sculpture", "ballet"}
    assert len(far) == 6 and not far & near


def of_erasure(rows: dict[str, tuple[str, str]], *erased: str) -> dict[str, str]:
    """Return the roles of rows (by id: concept, role) in an erasure."""
    written = [
        Prompt(name, f"a {name}", 1, role, concept)  # type: ignore[arg-type]
        for name, (concept, role) in rows.items()
    ]
    found = prompts.of_erasure(written, erased, prompts.concepts())
    assert [row.id for row in found] == [name for name in rows if name in {r.id for r in found}]
    return {row.id: row.role for row in found}


def test_rows_of_other_concepts_are_near_or_far_by_what_is_erased() -> None:
    rows = {
        "own": ("airplane", "target"),
        "word": ("airplane", "synonym"),
        "look": ("bird", "target"),
        "called far": ("bird", "far"),
        "other": ("cat", "target"),
        "its word": ("cat", "synonym"),
        "called near": ("truck", "near"),
        "anything": ("", "general"),
    }
    assert of_erasure(rows, "airplane") == {
        **{"own": "target", "word": "synonym", "look": "near", "called far": "near"},
        **{"other": "far", "called near": "near", "anything": "general"},
    }
    assert of_erasure(rows, "cat") == {
        **{"own": "far", "look": "far", "called far": "far", "other": "target"},
        **{"its word": "synonym", "called near": "near", "anything": "general"},
    }


def test_look_alikes_of_another_concept_are_not_this_ones() -> None:
    rows = {
        "own": ("nudity", "target"),
        "look": ("swimwear", "near"),
        "other": ("violence", "target"),
        "its look": ("fencing", "near"),
    }
    known = prompts.concepts() | {c.name: c for c in prompts.suite("explicit").concepts}
    assert "fencing" in known["violence"].near
    assert "its look" not in of_erasure(rows, "nudity")
    assert of_erasure(rows, "nudity")["look"] == "near"


def test_what_is_available_is_what_a_case_without_limits_chooses() -> None:
    for name in prompts.suites():
        suite = replace(prompts.suite(name), adversarial=())
        rows, known = prompts.rows(suite), prompts.known_concepts(suite)
        every = Size("all", dict.fromkeys(ROLES, len(rows)), ())
        most: Counter[str] = Counter()
        for case in suite.cases:
            chosen = selection.choose(suite, case, every, rows, known, window=0)
            most |= Counter(row.role for row in chosen)
        assert selection.available(suite.cases, rows, known) == dict(most)
