"""Further shapes of published prompt files against an independent parse; words of our own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import prompts
from bench.drawing import Drawing
from bench.types import InputError

from .test_published import Rows, Shape, always, imported, independent, pairs, table

COCO = {"concept": "nudity"}
KITE = {"concept": "kite", "kind": "object"}


def word(column: str) -> Any:
    return lambda row: row[column]


def said(column: str, erased: object) -> Any:
    return lambda row: "target" if row[column] == erased else "far"


def by_groups(data: Any) -> Rows:
    return [
        (text, None, group["concept"], role)
        for group in data
        for role in group
        if role != "concept"
        for text in group[role]
    ]


SHAPES = [
    Shape(
        "photographs.csv",
        "id,image_id,caption,height,width,coco_url\n"
        '1,9,"A kite, high",480,640,http://a/9.jpg\n2,37,a bowl,427,640,http://a/37.jpg\n',
        table("caption", None, always(""), always("general")),
        "coco",
        COCO,
    ),
    Shape(
        "coco_numbers.csv",
        "idx,prompt,seed\nCOCO_val2014_000000000009.jpg,two kites,5\n"
        "COCO_val2014_000000000037.jpg,a bowl,6\n",
        table("prompt", "seed", always(""), always("general")),
        "coco",
        COCO,
    ),
    Shape(
        "captions_by_image.json",
        json.dumps({"000000000009": ["two kites", "a beach"], "000000000037": ["a bowl"]}),
        lambda data: [(text, None, "", "general") for number in data for text in data[number]],
        "coco",
        COCO,
    ),
    Shape(
        "concept_type.csv",
        "prompt,concept_type,concept,seed\na kite,erase,kite,1\nan oar,preserve,oar,2\n",
        table("prompt", "seed", word("concept"), said("concept_type", "erase")),
        "table",
    ),
    Shape(
        "flags.csv",
        "prompt,is_target,object,seed\na kite,True,kite,1\nan oar,False,oar,2\n",
        table("prompt", "seed", word("object"), said("is_target", True)),
        "table",
    ),
    Shape(
        "kept.csv",
        "prompt,retain,object,seed\na kite,0.0,kite,1\nan oar,1.0,oar,2\n",
        table("prompt", "seed", word("object"), said("retain", 0.0)),
        "table",
    ),
    Shape(
        "originals.csv",
        "original_prompt,prompt\na kite,zz qq\n",
        pairs("prompt", "original_prompt", "target"),
        "attack",
        KITE,
    ),
    Shape(
        "split.json",
        json.dumps({"target_prompts": ["a kite", "two kites"], "retain_prompts": ["a beach"]}),
        lambda data: [
            *((text, None, "kite", "target") for text in data["target_prompts"]),
            *((text, None, "", "general") for text in data["retain_prompts"]),
        ],
        "table",
        KITE,
    ),
    Shape(
        "one_concept.json",
        json.dumps({"target": "kite", "forget": ["a kite"], "retain": ["a beach"]}),
        lambda data: [
            *((text, None, data["target"], "target") for text in data["forget"]),
            *((text, None, "", "general") for text in data["retain"]),
        ],
        "table",
    ),
    Shape(
        "roles_by_concept.json",
        json.dumps(
            [
                {"concept": "kite", "target": ["a kite", "two kites"], "related": ["wind"]},
                {"concept": "oar", "target": ["an oar"], "synonym": ["a paddle"]},
            ]
        ),
        by_groups,
        "table",
    ),
    Shape(
        "pairs_of_lists.json",
        json.dumps([["kite", ["a kite", "two kites"]], ["oar", ["an oar"]]]),
        lambda data: [(text, None, name, "target") for name, texts in data for text in texts],
        "table",
        columns="concept,prompts",
    ),
    Shape(
        "mixed_keys.json",
        json.dumps({"kite": ["a kite"], "retain": ["a beach"]}),
        lambda data: [
            ("a kite", None, "kite", "target"),
            *((text, None, "", "general") for text in data["retain"]),
        ],
        "table",
    ),
    Shape(
        "mute.txt",
        "prompt\na kite, red\n",
        lambda _: [("a kite, red", None, "kite", "target")],
        "table",
        KITE,
    ),
]


SHAPES += [
    Shape(
        "splits.json",
        json.dumps({"train": ["a kite"], "test": [{"prompt": "two kites"}]}),
        lambda data: [
            (data["train"][0], None, "kite", "target"),
            (data["test"][0]["prompt"], None, "kite", "target"),
        ],
        "table",
        KITE,
    ),
    Shape(
        "things.json",
        json.dumps({"train": ["a train"], "boat": ["a boat"]}),
        lambda data: [(text, None, name, "target") for name in data for text in data[name]],
        "table",
    ),
    Shape(
        "about.json",
        json.dumps({"meta": {"version": 1}, "data": {"kite": ["a kite"], "oar": ["an oar"]}}),
        lambda data: [(t, None, name, "target") for name, ts in data["data"].items() for t in ts],
        "table",
    ),
    Shape(
        "perturbed.csv",
        "prompt,prompt_adv\na kite,zz qq\n",
        pairs("prompt_adv", "prompt", "target"),
        "attack",
        KITE,
    ),
]


def parsed(shape: Shape) -> Rows:
    if shape.name.endswith(".json"):
        assert isinstance(shape.content, str)
        return shape.parsed(json.loads(shape.content))
    return independent(shape)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_rows_roles_concepts_and_seeds_are_those_of_an_independent_parse(
    shape: Shape, tmp_path: Path
) -> None:
    done, lines, rows = imported(
        tmp_path, shape.name, shape.content, shape.columns, **shape.options
    )
    wanted = parsed(shape)
    assert [(r.text, r.concept, r.role) for r in rows] == [(t, c, role) for t, _, c, role in wanted]
    for row, (_, seed, _, _) in zip(rows, wanted, strict=True):
        assert seed is None or row.seed == seed
    assert done.format == shape.format and not done.outcome.dropped
    assert all(row.drawing == Drawing() for row in rows)
    assert any(line.startswith("case      ") for line in lines)


DRAWN = """Prompt;Seed;Guidance Scale;Size;Negative Prompt;Concept
"a kite; red";1;7,5;512x768;ugly, flat;kite
a kite;2;;(512, 512);;kite
an oar;3;9;;;oar
"""


def test_spreadsheets_of_other_countries_say_how_rows_are_drawn(tmp_path: Path) -> None:
    _, said, rows = imported(tmp_path, "a.csv", DRAWN)
    assert [(row.text, row.seed, row.concept) for row in rows] == [
        ("a kite; red", 1, "kite"),
        ("a kite", 2, "kite"),
        ("an oar", 3, "oar"),
    ]
    assert [row.drawing for row in rows] == [
        Drawing(7.5, 512, 768, "ugly, flat"),
        Drawing(None, 512, 512),
        Drawing(9),
    ]
    assert "drawing   guidance 2, size 2, negative prompt 1" in said


def test_a_size_in_words_is_none(tmp_path: Path) -> None:
    _, said, rows = imported(tmp_path, "a.csv", "prompt,size\na kite,large\n", **KITE)
    assert rows[0].drawing == Drawing()
    assert "columns   prompt from prompt; not read: size" in said


def test_the_size_of_a_photograph_is_read_as_an_images_where_the_user_says_so(
    tmp_path: Path,
) -> None:
    text = "image_id,caption,width,height\n9,a kite,640,480\n"
    _, _, rows = imported(tmp_path, "a.csv", text, "width=width,height=height", **COCO)
    assert rows[0].drawing == Drawing(None, 640, 480)


@pytest.mark.parametrize("column", ["class", "celebrity", "label"])
def test_a_column_that_is_named_is_read_by_every_format(column: str, tmp_path: Path) -> None:
    text = f"prompt,categories,{column}\na door,hate,kite\n"
    _, _, rows = imported(tmp_path, "a.csv", text, f"concept={column}", format="i2p")
    assert [row.concept for row in rows] == ["kite"]


def test_quotation_marks_that_enclose_no_field_are_text(tmp_path: Path) -> None:
    text = 'prompt\tseed\n"kite" over sand\t1\n"an oar, wet"\t2\n5" of rope\t3\n'
    with pytest.raises(InputError, match="a quotation mark is open or stands alone"):
        imported(tmp_path, "a.tsv", text, **KITE)
    text = text.replace('5" of', "5 of")
    _, said, rows = imported(tmp_path, "a.tsv", text, **KITE)
    assert [row.text for row in rows] == ['"kite" over sand', "an oar, wet", "5 of rope"]
    assert "file      quotation marks that enclose no field are text" in said


def test_a_number_before_the_prompt_is_no_part_of_it(tmp_path: Path) -> None:
    text = "0,a kite,5\n1,an oar,6\n"
    with pytest.raises(InputError, match="2 has 3 fields where the header has 2"):
        imported(tmp_path, "a.csv", text, "prompt,seed", **KITE)
    _, _, rows = imported(tmp_path, "a.csv", text, "number,prompt,seed", **KITE)
    assert [(row.text, row.seed) for row in rows] == [("a kite", 5), ("an oar", 6)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"dataset": "coco", "images": [{"sentences": [{"raw": "a"}]}]}, "'dataset' holds a text"),
        ({"title": "mine", "kite": ["a kite"]}, "'title' holds a text and 'kite' a list"),
        ([{"name": "kite", "prompts": ["a"]}], "--concept or --concept-column does"),
    ],
)
def test_json_of_which_keys_cannot_be_told_from_concepts_is_refused(
    data: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        imported(tmp_path, "a.json", json.dumps(data))


def test_what_is_near_a_concept_is_not_that_concept(tmp_path: Path) -> None:
    data = {"kite": {"target": ["a kite"], "near": ["a bird"], "retain": ["a beach"]}}
    done, _, rows = imported(tmp_path, "a.json", json.dumps(data))
    assert [(row.text, row.concept, row.role) for row in rows] == [
        ("a kite", "kite", "target"),
        ("a beach", "", "general"),
    ]
    assert list(done.outcome.dropped) == [
        "is near and does not say what it shows; --concept-column does"
    ]
    (tmp_path / "two").mkdir()
    with pytest.raises(InputError, match="kite is to be erased and to be kept"):
        imported(tmp_path / "two", "a.csv", "prompt,concept,role\na,kite,target\nb,kite,near\n")


def test_a_concept_written_in_several_ways_is_one_and_ours_where_we_have_it(
    tmp_path: Path,
) -> None:
    text = "prompt,class\na,Airplane\nb,airplane\nc,Tin_Kettle\nd,tin kettle\ne,Van_Gogh\n"
    done, said, rows = imported(tmp_path, "a.csv", text)
    ours = next((name for name in prompts.concepts() if name.casefold() == "van gogh"), "Van_Gogh")
    assert [row.concept for row in rows] == [
        *("airplane", "airplane", "Tin_Kettle", "Tin_Kettle", ours),
    ]
    assert list(done.draft.cases)[:2] == ["airplane", "tin-kettle"]
    (line,) = [line for line in said if line.startswith("spelling")]
    assert "Airplane as airplane, tin kettle as Tin_Kettle" in line
    (tmp_path / "two").mkdir()
    done, _, rows = imported(tmp_path / "two", "a.txt", "a\n", concept="AIRPLANE")
    assert rows[0].concept == "airplane" and not done.draft.concepts


def test_two_labels_that_say_the_same_are_one(tmp_path: Path) -> None:
    text = "prompt,class,label_str\na,tin_kettle,Tin kettle\n"
    _, _, rows = imported(tmp_path, "a.csv", text)
    assert [row.concept for row in rows] == ["tin_kettle"]


def test_a_concept_that_no_row_needs_is_said(tmp_path: Path) -> None:
    _, said, _ = imported(tmp_path, "a.csv", "prompt,class\na,oar\n", **KITE)
    assert "--concept kite is not used; every row says its own" in said


def test_cases_are_told_and_a_joint_one_is_called_as_a_run_calls_it(tmp_path: Path) -> None:
    text = "prompt,class\na kite,kite\nan oar,oar\n"
    done, said, _ = imported(tmp_path, "a.csv", text)
    assert [line for line in said if line.startswith("case")] == [
        "case      kite erases kite",
        "case      oar erases oar",
    ]
    (tmp_path / "both").mkdir()
    done, said, _ = imported(tmp_path / "both", "a.csv", text, together=True)  # type: ignore[arg-type]
    assert done.draft.cases == {"kite+oar": ("kite", "oar")}
    assert "case      kite+oar erases kite, oar by one erasure" in said
    assert prompts.suite(str(tmp_path / "both" / "mine")).cases[0].name == "kite+oar"


def test_many_cases_are_counted_and_a_joint_name_that_is_too_long_is_a_number(
    tmp_path: Path,
) -> None:
    text = "prompt,class\n" + "".join(f"a thing,thing of kind {i}\n" for i in range(40))
    done, said, _ = imported(tmp_path, "a.csv", text)
    assert "case      and 32 more, one for each concept" in said
    assert "concept   and 32 more, in suite.toml" in said
    assert sum(line.startswith("concept") for line in said) == 9
    (tmp_path / "both").mkdir()
    done, said, _ = imported(tmp_path / "both", "a.csv", text, together=True)  # type: ignore[arg-type]
    assert list(done.draft.cases) == ["40-together"]


def test_look_alikes_of_ours_are_drawn_as_near_whatever_the_file_calls_them(
    tmp_path: Path,
) -> None:
    text = "prompt,class,type\na,airplane,erased\nb,bird,preserved\nc,cat,preserved\n"
    _, said, _ = imported(tmp_path, "a.csv", text)
    assert "near      bird: near, not far, where a look-alike is erased" in said
    suite = prompts.suite(str(tmp_path / "mine"))
    chosen = prompts.select(suite, suite.cases[0], suite.sizes[-1])
    assert [(row.text, row.role) for row in chosen] == [
        *(("a", "target"), ("b", "near"), ("c", "far")),
    ]
