"""Every circulating kind of file, in small files of our own with their columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import prompts
from bench.prompts import importers
from bench.prompts.importers import formats
from bench.prompts.importers.records import Table
from bench.results import authority
from bench.types import InputError, Prompt

FILES = {
    "i2p": (
        ",prompt,categories,hard,nudity_percentage,sd_seed,sd_guidance_scale\n"
        '0,a quiet lake,"sexual, shocking",0,0.0,11,7\n'
        "1,a wooden door,hate,0,0.0,12,7\n"
    ),
    "coco": "case_number,prompt,evaluation_seed,coco_id\n0,a bus at a stop,5,77\n",
    "table": "case_number,prompt,evaluation_seed,class\n0,Image of french horn,1562,french horn\n",
    "mace_celebrity": (
        ",type,prompt,evaluation_seed\n"
        "0,erased,A portrait of Ann Example,1\n"
        "1,erased,Cy Example in an official photo,2\n"
        "2,others,An image capturing Bob Example at a public event,1\n"
    ),
    "mma": "target_prompt,adv_prompt\na cat,kitt#y fur paw\n",
    "ring_a_bell": "sensitive prompt,normal prompt\nfur whisker zz paw,a beach\n",
    "attack": "adversarial_prompt,prompt,attack\nkitt#y fur paw,a cat,pez\n",
}
ARTISTS = (
    ",type,artist,prompt,evaluation_seed\n"
    "0,0,Ann Example,Art inspired by Ann Example,1\n"
    "1,1,Bob Example,Art inspired by Bob Example,1\n"
)
NAMED = {
    "ring_a_bell": "case_number,prompt,evaluation_seed\n0,fur whisker zz paw,4\n",
    "p4d": "prompt,evaluation_seed\nfur whisker zz paw,4\n",
}
"""Formats whose columns are everybody's, so that they have to be named."""
MUTE = {"coco", "mma", "attack", "ring_a_bell", "p4d"}
"""Formats whose files do not say what they show."""


def written(tmp_path: Path, text: str, name: str = "file.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def imported(tmp_path: Path, text: str, **more: str) -> tuple[importers.Imported, list[Prompt]]:
    done = importers.import_file(
        written(tmp_path, text), tmp_path / "mine", **more, trusted=authority.trusted_names
    )  # type: ignore[arg-type]
    return done, list(prompts.rows(prompts.suite(str(tmp_path / "mine"))))


def test_every_format_is_tried_here() -> None:
    assert set(formats.found()) == set(FILES) | set(NAMED)
    assert all(module.HELP for module in formats.found().values())


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_recognised_by_its_columns(tmp_path: Path, name: str) -> None:
    done, rows = imported(tmp_path, FILES[name], concept="cat" if name in MUTE else "")
    assert done.format == name and rows


@pytest.mark.parametrize("name", NAMED)
def test_a_format_with_everybodys_columns_is_named(tmp_path: Path, name: str) -> None:
    _, (row,) = imported(tmp_path, NAMED[name], format=name, concept="cat")
    assert (row.role, row.tag, row.concept, row.seed) == ("adversarial", name, "cat", 4)


@pytest.mark.parametrize("name", sorted(MUTE - {"coco"}))
def test_a_file_that_does_not_say_what_it_shows_needs_a_concept(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        InputError,
        match=r"does not say what it shows; --concept or --concept-column does \(row 2\)",
    ):
        imported(tmp_path, {**FILES, **NAMED}[name], format=name)
    assert not (tmp_path / "mine").exists()


def test_i2p_has_our_names_of_the_categories_and_runs_on_real_models_alone(tmp_path: Path) -> None:
    done, rows = imported(tmp_path, FILES["i2p"])
    assert [(row.concept, row.seed) for row in rows] == [("nudity", 11), ("hate", 12)]
    assert done.draft.kind == "explicit" and done.draft.families == ("sd", "sdxl")


def test_i2p_keeps_the_category_that_was_asked_for(tmp_path: Path) -> None:
    done, rows = imported(tmp_path, FILES["i2p"], concept="shocking images")
    assert [row.concept for row in rows] == ["shocking images"]
    assert done.outcome.dropped == {"is of other categories than shocking images": [3]}


@pytest.mark.parametrize("concept", ["zebra", "ship", "nudity"])
def test_coco_is_measured_as_a_set_whatever_was_erased(concept: str, tmp_path: Path) -> None:
    done, _ = imported(tmp_path, FILES["coco"], concept=concept)
    assert done.draft.metrics.count("fidelity") == 1


def test_coco_is_general_and_tests_the_erasure_that_was_named(tmp_path: Path) -> None:
    done, (row,) = imported(tmp_path, FILES["coco"], concept="ship")
    assert (row.role, row.concept, row.seed) == ("general", "", 5)
    assert done.draft.cases == {"ship": ("ship",)}
    with pytest.raises(InputError, match="do not say what is to be erased"):
        importers.import_file(
            written(tmp_path, FILES["coco"]), tmp_path / "other", trusted=authority.trusted_names
        )


@pytest.mark.parametrize(
    ("text", "label", "metrics"),
    [
        (FILES["table"], "object", ("clip",)),
        (ARTISTS, "style", ("clip",)),
        (FILES["mace_celebrity"], "person", ("identity", "clip")),
    ],
)
def test_what_is_new_is_defined_by_the_suite(
    tmp_path: Path, text: str, label: str, metrics: tuple[str, ...]
) -> None:
    imported(tmp_path, text)
    suite = prompts.suite(str(tmp_path / "mine"))
    new = {concept.name: concept for concept in suite.concepts}
    assert new and all(c.kind == label and c.anchor for c in new.values())
    assert {row.concept for row in prompts.rows(suite)} == set(new)
    assert suite.metrics == metrics


def test_what_is_explicit_is_seen_by_its_own_detector(tmp_path: Path) -> None:
    text = "case_number,prompt,evaluation_seed,evaluation_guidance\n0,a nude,69922,7.5\n"
    imported(tmp_path, text, concept="nudity")
    assert prompts.suite(str(tmp_path / "mine")).metrics[0] == "nudity"


@pytest.mark.parametrize("text", [ARTISTS, FILES["mace_celebrity"]])
def test_what_mace_erases_together_is_one_case_and_the_others_are_far(
    tmp_path: Path, text: str
) -> None:
    done, rows = imported(tmp_path, text)
    (concepts,) = done.draft.cases.values()
    assert {row.concept for row in rows if row.role == "target"} == set(concepts)
    assert [row.concept for row in rows if row.role == "far"] == ["Bob Example"]


def test_a_celebrity_that_no_wording_names_is_dropped(tmp_path: Path) -> None:
    text = FILES["mace_celebrity"] + "3,others,null,4\n4,foe,A portrait of D E,5\n"
    done, rows = imported(tmp_path, text)
    assert len(rows) == 3 and sorted(done.outcome.dropped.values()) == [[5], [6]]


def test_the_projects_own_files_come_back_as_they_are(tmp_path: Path) -> None:
    source = prompts.FOLDER / "objects-roles.csv"
    importers.import_file(source, tmp_path / "mine", trusted=authority.trusted_names)
    again = prompts.rows(prompts.suite(str(tmp_path / "mine")))
    strip = lambda rows: [(r.text, r.seed, r.role, r.concept, r.tag) for r in rows]  # noqa: E731
    assert strip(again) == strip(prompts.read(source))


def test_known_concepts_are_measured_as_their_suite_does(tmp_path: Path) -> None:
    done, _ = imported(tmp_path, "prompt,seed\na queen,3\n", concept="Cleopatra")
    people = prompts.suites()["people"]
    assert done.draft.metrics == people.metrics and "identity" in people.metrics
    assert done.draft.concepts == ()


def test_near_rows_make_look_alikes(tmp_path: Path) -> None:
    text = "prompt,concept,role\na wyvern,wyvern,target\na lizard,lizard,near\na chair,chair,far\n"
    imported(tmp_path, text)
    suite = prompts.suite(str(tmp_path / "mine"))
    chosen = prompts.select(suite, suite.cases[0], suite.sizes[-1])
    assert [(row.role, row.concept) for row in chosen] == [
        ("target", "wyvern"),
        ("near", "lizard"),
        ("far", "chair"),
    ]


def test_several_cases_are_far_from_each_other(tmp_path: Path) -> None:
    text = "prompt,concept\na wyvern,wyvern\na hydra,hydra\n"
    imported(tmp_path, text)
    suite = prompts.suite(str(tmp_path / "mine"))
    chosen = prompts.select(suite, suite.cases[1], suite.sizes[0])
    assert [(row.role, row.concept) for row in chosen] == [("target", "hydra"), ("far", "wyvern")]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["promt", "seed"], "none is called prompt, .* say which .* --prompt-column NAME"),
        (["a cat", "7"], "name them in order with --columns if the file has no header"),
        (["prompt", "categories", "sd_seed", "coco_id"], "as coco and i2p have them"),
    ],
)
def test_columns_of_nobody_or_of_several_are_refused(columns: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        formats.choose("auto", Table(tuple(columns), ()))


def test_an_unknown_format_lists_the_choices() -> None:
    with pytest.raises(InputError, match="'ipt'; nearest: i2p; choices: auto, attack, coco"):
        formats.choose("ipt", Table(("prompt",), ()))
