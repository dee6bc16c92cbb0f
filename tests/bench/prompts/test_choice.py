"""What a verdict chooses from: never from one thing alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import prompts
from bench.prompts.choice import choice
from bench.types import Concept, InputError

TEN = prompts.suite("objects").erased
ZEBRA = Concept("zebra", "object", "a plain backdrop")

SUITE = """
version = "1"
kind = "object"
closed = true
prompt_files = ["prompts.csv"]
metrics = ["clip"]
summary = "A few."

[cases]
{cases}

[sizes.tiny]
images = {{ target = 1 }}
cases = ["a"]
"""


def test_one_concept_is_told_from_others_of_its_kind_and_from_none_of_them() -> None:
    found = choice([ZEBRA], prompts.others(), closed=False)
    assert [each.name for each in found.classes] == ["zebra", *TEN]
    assert found.none and found.to_json()[-1] == "(none)"


def test_things_that_are_in_images_of_anything_are_no_others() -> None:
    names = {each.name for some in prompts.others().values() for each in some}
    assert not names & {"conversation", "bridge", "parade"}
    assert {each.kind for each in prompts.others()["person"]} == {"person"}


@pytest.mark.parametrize(
    "own", [Concept("Plane", "object", "x"), Concept("fly", "object", "x", ("jet",))]
)
def test_what_goes_by_the_same_name_is_not_told_from_it(own: Concept) -> None:
    found = choice([own], prompts.others(), closed=False)
    assert [each.name for each in found.classes] == [own.name, *(n for n in TEN if n != "airplane")]


def test_a_closed_suite_has_its_published_choice() -> None:
    found = prompts.classes(prompts.suite("objects"), "sd")
    assert [each.name for each in found.classes] == list(TEN) and not found.none
    people = prompts.classes(prompts.suite("people"))
    assert people.none and len(people.classes) == 8


@pytest.mark.parametrize("cases", ['a = ["airplane"]', 'a = ["airplane"]\nb = ["airplane"]'])
def test_a_closed_suite_needs_something_to_choose_from(cases: str, tmp_path: Path) -> None:
    (tmp_path / "prompts.csv").write_text("id,concept,role,text,seed\na,airplane,target,x,1\n")
    (tmp_path / "suite.toml").write_text(SUITE.format(cases=cases))
    with pytest.raises(InputError, match="needs at least two concepts to choose from"):
        prompts.suite(str(tmp_path))
    (tmp_path / "suite.toml").write_text(SUITE.format(cases='a = ["airplane"]\nb = ["bird"]'))
    assert not prompts.classes(prompts.suite(str(tmp_path))).none


def test_the_suites_of_published_tables_are_closed() -> None:
    """Their figures are a softmax over their own classes alone."""
    import tomllib

    path = Path(prompts.FOLDER).parent / "reports" / "published.toml"
    for table in tomllib.loads(path.read_text(encoding="utf-8"))["table"]:
        if any(column["metric"] == "clip" for column in table["columns"].values()):
            assert prompts.suite(table["protocol"]["suite"]).closed
