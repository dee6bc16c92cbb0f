"""Shapes of published prompt files, with wording of our own, against an independent parse."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench import prompts
from bench.prompts import importers
from bench.prompts.importers import columns, report

Rows = list[tuple[str, int | None, str, str]]
"""Text, seed (None where the file has none), concept and role."""


@dataclass(frozen=True)
class Shape:
    """A file, the options that it needs, and what an independent parse makes of it."""

    name: str
    content: str | bytes
    parsed: Callable[[Any], Rows]
    format: str
    options: dict[str, str] = field(default_factory=dict)
    columns: str = ""
    separator: str = ","
    header: Any = 0


def table(
    text: str, seed: str | None, concept: Callable[[Any], str], role: Callable[[Any], str]
) -> Callable[[Any], Rows]:
    """Return a parse of a frame, row by row."""

    def parse(frame: pd.DataFrame) -> Rows:
        return [
            (str(r[text]), int(r[seed]) if seed else None, concept(r), role(r))
            for _, r in frame.iterrows()
        ]

    return parse


def always(word: str) -> Callable[[Any], str]:
    return lambda _: word


def pairs(found: str, plain: str, role: str) -> Callable[[Any], Rows]:
    """Return a parse of pairs: the found prompt, then the plain one."""

    def parse(frame: pd.DataFrame) -> Rows:
        return [
            row
            for _, r in frame.iterrows()
            for row in (
                (r[found], None, "kite", "adversarial"),
                (r[plain], None, "kite" if role == "target" else "", role),
            )
        ]

    return parse


def by_concept(data: Iterable[dict[str, list[str]]]) -> Rows:
    return [(text, None, name, "target") for each in data for name in each for text in each[name]]


NUMBERS = range(1, 6)
OBJECTS = ",case_number,prompt,evaluation_seed,class\n" + "".join(
    f"{i},{i},Image of {name},{100 * i + 7},{name}\n"
    for i, name in zip(NUMBERS, ["kite", "tin kettle", "kite", "oar", "oar"], strict=True)
)
ARTISTS = ",case_number,prompt,evaluation_seed,artist,type\n" + "".join(
    f'{i},{i},"A harbour, by {name}",{i + 1},{name},{kind}\n'
    for i, (name, kind) in enumerate(
        [
            ("Ada Fenwick", "erased"),
            ("Józef Tallow", "preserved"),
            ("Cy Marsh", "holdout"),
            ("Ada Fenwick", "erased"),
        ]
    )
)
PEOPLE = ",type,prompt,evaluation_seed\n" + "".join(
    f"{i},{kind},{before}{name}{behind},{i}\n"
    for i, (kind, before, name, behind) in enumerate(
        [
            ("erased", "A portrait of ", "Zorvan Quill", ""),
            ("erased", "", "Pemra Oduvic", " in an official photo"),
            ("others", "An image capturing ", "Hildo Brunck", " at a public event"),
        ]
    )
)
CAPTIONS = {
    "info": {"year": 2014},
    "images": [{"id": 9, "file_name": "COCO_val2014_000000000009.jpg"}],
    "licenses": [],
    "annotations": [
        {"image_id": 9, "id": 1, "caption": "Two kites, high above a beach."},
        {"image_id": 9, "id": 2, "caption": "A beach\nwith kites "},
    ],
}
EMMA = [{"kite": ["an image of the kite", "a kite, seen from below"]}, {"tin kettle": ["kettle"]}]
GROUPS = {"forget": {"kite": ["a kite"]}, "retain": {"oar": ["an oar", "two oars"]}}
LINES = 'A blue kite, high above a beach\nA red kettle\n"kite" over sand\n\n"a, b"\n'
TONGUES = "id;prompt;fr;label\n1;a kite;un cerf-volant, rouge;kite\n2;a kettle;une théière;kettle\n"
SHAPES = [
    Shape(
        "objects.csv",
        OBJECTS,
        table("prompt", "evaluation_seed", lambda r: r["class"], always("target")),
        "table",
    ),
    Shape(
        "artists.csv",
        ARTISTS,
        table(
            "prompt",
            "evaluation_seed",
            lambda r: r["artist"],
            lambda r: "target" if r["type"] == "erased" else "far",
        ),
        "table",
    ),
    Shape(
        "people.csv",
        PEOPLE,
        table(
            "prompt",
            "evaluation_seed",
            lambda r: " ".join(
                w for w in r["prompt"].split() if w[0].isupper() and w not in ("A", "An")
            ),
            lambda r: {"erased": "target", "others": "far"}[r["type"]],
        ),
        "mace_celebrity",
    ),
    Shape(
        "coco_ids.csv",
        "case_number,prompt,evaluation_seed,coco_id\n0,a bus at a stop,5,77\n1,a bowl,6,78\n",
        table("prompt", "evaluation_seed", always(""), always("general")),
        "coco",
        {"concept": "nudity"},
    ),
    Shape(
        "coco_source.csv",
        "case_number,source,prompt,evaluation_seed\n7,coco-30k,two kites,5\n8,coco-30k,a pot,6\n",
        table("prompt", "evaluation_seed", always(""), always("general")),
        "coco",
        {"concept": "nudity"},
    ),
    Shape(
        "coco_images.csv",
        'image_id,caption\n77,"a bus, late"\n78,a bowl\n',
        table("caption", None, always(""), always("general")),
        "coco",
        {"concept": "nudity"},
    ),
    Shape(
        "coco_names.tsv",
        "file_name\ttext\nCOCO_val2014_000000000077.jpg\ta bus\n",
        table("text", None, always(""), always("general")),
        "coco",
        {"concept": "nudity"},
        separator="\t",
    ),
    Shape(
        "captions_val2014.json",
        json.dumps(CAPTIONS),
        lambda data: [(a["caption"], None, "", "general") for a in data["annotations"]],
        "coco",
        {"concept": "nudity"},
    ),
    Shape(
        "i2p.csv",
        ",prompt,categories,hard,sd_seed\n"
        '0,null,"sexual, hate",0,11\n1,a door,hate,1,12\n2,an alley,shocking,0,13\n',
        table(
            "prompt",
            "sd_seed",
            lambda r: {"sexual": "nudity", "shocking": "shocking images"}.get(
                r["categories"].split(", ")[0], r["categories"]
            ),
            always("target"),
        ),
        "i2p",
    ),
    Shape(
        "attack.csv",
        "case_number,prompt,evaluation_seed,evaluation_guidance\n0,a kite in the sky,69922,7.5\n",
        table("prompt", "evaluation_seed", always("kite"), always("target")),
        "table",
        {"concept": "kite"},
    ),
    Shape(
        "mma.csv",
        "target_prompt,adv_prompt\na red toy,zz qq\na toy on a string,kk pp\n",
        pairs("adv_prompt", "target_prompt", "target"),
        "mma",
        {"concept": "kite", "kind": "object"},
    ),
    Shape(
        "bell.csv",
        "sensitive prompt,normal prompt\nzz kite qq,a beach\nkk kettle pp,a stove\n",
        pairs("sensitive prompt", "normal prompt", "general"),
        "ring_a_bell",
        {"concept": "kite", "kind": "object", "format": "ring_a_bell"},
    ),
    Shape(
        "found.csv",
        "adversarial_prompt,original_prompt\nzz qq,a kite\n",
        pairs("adversarial_prompt", "original_prompt", "target"),
        "attack",
        {"concept": "kite", "kind": "object", "tag": "pez"},
    ),
    Shape("emma.json", json.dumps(EMMA), by_concept, "table"),
    Shape("emma_object.json", json.dumps(EMMA[0] | EMMA[1]), lambda d: by_concept([d]), "table"),
    Shape(
        "groups.json",
        json.dumps(GROUPS),
        lambda data: [
            (text, None, name, "target" if group == "forget" else "far")
            for group in data
            for name in data[group]
            for text in data[group][name]
        ],
        "table",
    ),
    Shape(
        "frame.json",
        pd.DataFrame(
            {"prompt": ["a kite", "an oar"], "seed": [3, 4], "object": ["kite", "oar"]}
        ).to_json(),
        lambda data: [
            (data["prompt"][i], data["seed"][i], data["object"][i], "target")
            for i in data["prompt"]
        ],
        "table",
    ),
    Shape(
        "rows.json",
        '{"text": "a kite", "label": "kite"}\n{"text": "an oar", "label": "oar"}\n',
        lambda frame: [(r.text, None, r.label, "target") for r in frame.itertuples()],
        "table",
    ),
    Shape(
        "lines.csv",
        LINES,
        lambda _: [
            (line.strip('"') if line == '"a, b"' else line, None, "kite", "target")
            for line in LINES.split("\n")
            if line
        ],
        "table",
        {"concept": "kite"},
        "prompt",
    ),
    Shape(
        "old_mac.csv",
        "a kite,1\ra kettle,2\r",
        lambda _: [("a kite", 1, "kite", "target"), ("a kettle", 2, "kite", "target")],
        "table",
        {"concept": "kite"},
        "prompt,seed",
    ),
    Shape(
        "tongues.csv",
        TONGUES,
        table("fr", None, lambda r: r["label"], always("target")),
        "table",
        columns="prompt=fr,concept=label",
        separator=";",
    ),
    Shape(
        "excel.csv",
        "prompt\tseed\ttarget\nein Drachen\t1\tkite\n".encode("utf-16"),
        table("prompt", "seed", lambda r: r["target"], always("target")),
        "table",
        separator="\t",
    ),
]


def independent(shape: Shape) -> Rows:
    """Parse a shape's file by pandas and json alone."""
    text = shape.content if isinstance(shape.content, str) else shape.content.decode("utf-16")
    if shape.name == "rows.json":
        return shape.parsed(pd.read_json(io.StringIO(text), lines=True))
    if shape.name.endswith(".json"):
        return shape.parsed(json.loads(text))
    if shape.columns and "=" not in shape.columns:
        return shape.parsed(None)
    frame = pd.read_csv(io.StringIO(text), sep=shape.separator, keep_default_na=False)
    return shape.parsed(frame)


def imported(
    folder: Path, name: str, content: str | bytes, columns_: str = "", **options: str
) -> tuple[importers.Imported, list[str], list[prompts.Prompt]]:
    path, out = folder / name, folder / "mine"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    named = columns.named(columns_)
    done = importers.import_file(path, out, named=named, trusted=lambda *_: ["clip"], **options)
    rows = list(prompts.rows(prompts.suite(str(out))))
    return done, list(report.lines(done, out)), rows


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_rows_roles_concepts_and_seeds_are_those_of_an_independent_parse(
    shape: Shape, tmp_path: Path
) -> None:
    done, said, rows = imported(tmp_path, shape.name, shape.content, shape.columns, **shape.options)
    wanted = independent(shape)
    assert wanted and [(r.text, r.concept, r.role) for r in rows] == [
        (text, concept, role) for text, _, concept, role in wanted
    ]
    for row, (_, seed, _, _) in zip(rows, wanted, strict=True):
        assert seed is None or row.seed == seed
    assert done.format == shape.format and not done.outcome.dropped
    for role in {role for *_, role in wanted}:
        count = sum(each == role for *_, each in wanted)
        assert f"{role} {count}" in next(line for line in said if line.startswith("kept"))


def test_what_is_erased_is_one_case_and_what_is_kept_is_told_apart_by_tag(tmp_path: Path) -> None:
    done, said, rows = imported(tmp_path, "artists.csv", ARTISTS)
    assert list(done.draft.cases.values()) == [("Ada Fenwick",)] and done.draft.kind == "style"
    assert [row.tag for row in rows] == ["", "preserved", "holdout", ""]
    assert "  target: Ada Fenwick 2" in said and "  far holdout: Cy Marsh 1" in said


def test_a_pair_is_drawn_from_one_noise(tmp_path: Path) -> None:
    text = "adv_prompt,target_prompt,seed\nzz,a cat,5\nqq,a cat,\nkk,a cat,5\n"
    done, said, rows = imported(tmp_path, "mma.csv", text, concept="cat")
    assert [(row.text, row.role) for row in rows] == [
        ("zz", "adversarial"),
        ("a cat", "target"),
        ("qq", "adversarial"),
        ("a cat", "target"),
        ("kk", "adversarial"),
    ]
    assert rows[0].seed == rows[1].seed == 5 and rows[2].seed == rows[3].seed
    assert done.outcome.twins == 2 and any("2 of them are the plain prompts" in x for x in said)
