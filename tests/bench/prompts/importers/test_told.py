"""What an import finds out by itself is told; what it cannot is asked for, with the way named."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import portable, prompts
from bench.drawing import Drawing
from bench.prompts import importers
from bench.prompts.importers import columns, report
from bench.types import InputError

LABELS = [
    "concept",
    "Concepts",
    "target",
    "class",
    "label_str",
    "label",
    "artist",
    "object",
    "style",
]


def imported(
    folder: Path, name: str, content: str | bytes, columns_: str = "", **options: str
) -> tuple[importers.Imported, list[str], list[prompts.Prompt]]:
    path, out = folder / name, folder / "mine"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    named = columns.named(columns_)
    done = importers.import_file(path, out, named=named, trusted=lambda *_: ["clip"], **options)
    rows = list(prompts.rows(prompts.suite(str(out))))
    return done, list(report.lines(done, out)), rows


@pytest.mark.parametrize("label", LABELS)
def test_a_label_goes_by_many_names(label: str, tmp_path: Path) -> None:
    done, said, rows = imported(tmp_path, "a.csv", f"prompt,{label}\na red one,kite\n")
    assert [row.concept for row in rows] == ["kite"]
    assert f"columns   prompt from prompt, concept from {label.casefold()}" in said
    kind = "style" if label in ("artist", "style") else "object"
    assert done.draft.kind == kind and any(line.startswith(f"kind      {kind},") for line in said)


def test_two_labels_that_differ_are_asked_for_and_numbers_are_none(tmp_path: Path) -> None:
    text = "prompt,object,style,class\na kite in ink,kite,ink,3\na pot in oil,pot,oil,4\n"
    with pytest.raises(InputError, match=r"both object and style may say.*--concept-column"):
        imported(tmp_path, "a.csv", text)
    done, said, rows = imported(tmp_path, "a.csv", text, "concept=style")
    assert [row.concept for row in rows] == ["ink", "oil"] and done.draft.kind == "style"
    assert any("not read: object (set aside), class (set aside)" in line for line in said)


@pytest.mark.parametrize("format", ["p4d", "mma", "ring_a_bell", "attack"])
def test_the_kind_of_what_an_attack_brings_back_is_asked_for(format: str, tmp_path: Path) -> None:
    text = "prompt,evaluation_seed\nzz kite qq,4\n"
    with pytest.raises(InputError, match="what kind of thing kite is; say it with --kind: object"):
        imported(tmp_path, "a.csv", text, format=format, concept="kite")
    options = {"format": format, "concept": "kite", "kind": "style"}
    done, _, rows = imported(tmp_path, "a.csv", text, **options)
    assert done.draft.kind == "style" and done.draft.concepts[0].anchor == "a photo"
    assert [(row.role, row.seed) for row in rows] == [("adversarial", 4)]


def test_a_kind_is_told_from_nothing_only_aloud(tmp_path: Path) -> None:
    _, said, _ = imported(tmp_path, "a.csv", "prompt\na kite\n", concept="kite")
    assert "kind      object, for lack of a word; --kind says otherwise" in said
    (tmp_path / "two").mkdir()
    with pytest.raises(InputError, match="--kind style: cat is of kind object here"):
        imported(tmp_path / "two", "b.csv", "prompt\na cat\n", concept="cat", kind="style")


def test_every_guess_is_told(tmp_path: Path) -> None:
    _, said, _ = imported(tmp_path, "a.csv", "id;prompt;seed\n1;a cat;3\n", concept="cat")
    assert "file      semicolons between fields" in said
    assert "columns   prompt from prompt, seed from seed; not read: id" in said
    assert "format    table; --format says otherwise" in said
    assert "role      target, as the format has it; --role says otherwise" in said


@pytest.mark.parametrize(
    ("name", "content", "columns_", "message"),
    [
        (
            "a.csv",
            "A blue kite, high\nA kettle\n",
            "",
            "--columns prompt if every line is a prompt",
        ),
        ("a.csv", 'zz kite\n"kite" over sand\n', "", "--columns prompt reads it so"),
        ("a.csv", "en,fr\na kite,un cerf-volant\n", "", "holds prompts with --prompt-column NAME"),
        ("a.csv", "prompt,seed\na kite,1\n", "prompt,seed", "line 1 is a header"),
        ("a.csv", "en;fr\na kite;un cerf-volant\n", "", "the columns are en, fr; none is"),
        ("a.csv", "prompt\na kite\n", "promt=prompt", "'promt'; nearest: prompt"),
        ("a.csv", "en,fr\na,b\n", "prompt=fx", "unknown column of prompt: 'fx'.*choices: en, fr"),
        ("a.csv", "en,fr\na,b\n", "prompt=fr,en", "names alone, for a file without a header, or"),
        ("a.csv", "a,b\n", "prompt=a,prompt=b", "prompt is said to be two columns, a and b"),
        ("a.txt", "prompt,seed\na kite,1\n", "", "line 1 names columns .*call a table .csv"),
        ("a.txt", "a kite\n", "prompt,seed", "a txt file has a prompt in each line"),
        ("a.json", '{"prompt": ["a", "b"], "seed": [1]}', "", "columns differ in length"),
        ("a.json", "[]", "", "is empty"),
        ("a.json", '{"images": [{"sentences": [{"tokens": ["a"]}], "id": 1}]}', "", "no prompt"),
    ],
)
def test_what_cannot_be_told_is_refused_with_the_way_named(
    name: str, content: str, columns_: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        imported(tmp_path, name, content, columns_, concept="kite")
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("format", ["i2p", "coco", "mace_celebrity", "mma", "p4d", "table"])
def test_a_format_that_is_named_says_which_columns_it_lacks(format: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the columns are a, b; none is called prompt"):
        imported(tmp_path, "a.csv", "a,b\n1,2\n", format=format, concept="kite")


@pytest.mark.parametrize(
    "name", ["CON", "nul.txt", "a\nb", "x" * 200, "a\u202eb", "-x", "a:b", "trailing."]
)
def test_a_suite_that_no_other_system_could_hold_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a cat\n")
    with pytest.raises(InputError, match="a suite is called by its folder, whose name"):
        importers.import_file(
            tmp_path / "a.txt", tmp_path / name, concept="cat", trusted=lambda *_: ["clip"]
        )
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("name", ["🪁", "мой набор", "кот.v2"])
def test_a_suite_is_called_in_any_script(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a cat\n")
    out = tmp_path / name
    importers.import_file(tmp_path / "a.txt", out, concept="cat", trusted=lambda *_: ["clip"])
    assert prompts.suite(str(out)).name == name


@pytest.mark.parametrize("concept", ["con", "all", "..", "../../x", "🪁", "nul.txt", "a/b\\c"])
def test_a_concept_with_a_hostile_name_has_a_case_that_can_be_a_file(
    concept: str, tmp_path: Path
) -> None:
    imported(tmp_path, "a.csv", "prompt\na b\n", concept=concept)
    suite = prompts.suite(str(tmp_path / "mine"))
    (case,) = suite.cases
    assert case.concepts == (concept,) and case.name != "all" and not portable.problem(case.name)


@pytest.mark.parametrize("concept", ["a\nb", "a\0b", "x" * 300, "a\u2028b"])
def test_a_concept_that_no_line_could_hold_is_refused(concept: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"control character|more than 200 characters"):
        imported(tmp_path, "a.csv", "prompt\na b\n", concept=concept)
    with pytest.raises(InputError, match=r"--concept has (a control|more than)"):
        imported(tmp_path, "b.csv", "caption,image_id\na b,1\n", concept=concept)


@pytest.mark.parametrize("column", ["type", "tag", "label", "split", "category"])
def test_erased_and_kept_are_told_by_any_column_that_says_so(column: str, tmp_path: Path) -> None:
    text = f"prompt,artist,{column}\na,Ann,Erased\nb,Bo,preserved\nc,Cy,holdout\n"
    done, _, rows = imported(tmp_path, "a.csv", text)
    assert [(row.role, row.concept, row.tag) for row in rows] == [
        ("target", "Ann", ""),
        ("far", "Bo", "preserved"),
        ("far", "Cy", "holdout"),
    ]
    assert done.draft.cases == {"ann": ("Ann",)}


def test_what_is_kept_without_a_name_is_everyday(tmp_path: Path) -> None:
    text = "prompt,type\na kite,forget\na beach,retain\n"
    _, said, rows = imported(tmp_path, "a.csv", text, concept="kite")
    assert [(row.role, row.concept) for row in rows] == [("target", "kite"), ("general", "")]
    assert "  general retain: nothing in particular 1" in said


def test_a_type_that_says_no_role_is_left(tmp_path: Path) -> None:
    _, said, rows = imported(tmp_path, "a.csv", "prompt,type\na kite,outdoor\n", concept="kite")
    assert rows[0].role == "target" and "columns   prompt from prompt; not read: type" in said


def test_a_concept_is_not_erased_and_kept_at_once(tmp_path: Path) -> None:
    text = "prompt,artist,type\na,Ann,erased\nb,Ann,preserved\n"
    with pytest.raises(InputError, match="Ann is to be erased and to be kept"):
        imported(tmp_path, "a.csv", text)
    with pytest.raises(InputError, match="kite is to be erased and to be kept"):
        imported(tmp_path, "a.csv", "prompt,concept\na,kite\n", concept="kite", role="far")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "sep=;\nprompt;seed\na kite;7\n"),
        ("a.csv", "prompt|seed\na kite|7\n"),
        ("a.tsv", "prompt,seed\na kite,7\n"),
        ("a.csv", '\ufeff"Prompt";"Evaluation Seed"\n"a kite";"7"\n'),
        ("a.json", '[{"prompts": ["a kite"], "seeds": [7.0]}]'),
        ("a.json", '{"prompt": {"0": "a kite"}, "seed": {"0": 7}}'),
        ("a.json", '{"0": {"prompt": "a kite", "seed": 7}}'),
        ("a.json", '{"version": 2, "data": [{"text": "a kite", "seed": 7}]}'),
        ("a.json", '{"kite": {"prompt": "a kite", "seed": 7}}'),
        ("a.json", '[{"inputs": {"caption": "a kite"}, "seed": 7}]'),
    ],
)
def test_one_row_in_many_hands(name: str, content: str, tmp_path: Path) -> None:
    options = {"columns_": "prompt=inputs_caption"} if "inputs" in content else {}
    _, _, rows = imported(tmp_path, name, content, **options, concept="kite")
    assert [(row.text, row.seed, row.concept) for row in rows] == [("a kite", 7, "kite")]


def test_json_lists_of_cells_are_named_in_order(tmp_path: Path) -> None:
    text = '[["a kite", 7], ["b", 8]]'
    with pytest.raises(InputError, match="is a list of 2 values; --columns names them"):
        imported(tmp_path, "a.json", text, concept="kite")
    _, _, rows = imported(tmp_path, "a.json", text, "prompt,seed", concept="kite")
    assert [(row.text, row.seed) for row in rows] == [("a kite", 7), ("b", 8)]


def test_how_rows_are_to_be_drawn_is_kept_and_told(tmp_path: Path) -> None:
    text = (
        "prompt,categories,sd_seed,sd_guidance_scale,sd_image_width,sd_image_height\n"
        "a quiet lake,sexual,11,15,512,256\na door,hate,12,7.0,512.0,512\nx,hate,13,,,\n"
    )
    _, said, rows = imported(tmp_path, "a.csv", text)
    assert [row.drawing for row in rows] == [Drawing(15, 512, 256), Drawing(7, 512, 512), Drawing()]
    assert "drawing   guidance 2, size 2" in said


def test_rows_that_differ_in_their_drawing_alone_are_two_images(tmp_path: Path) -> None:
    text = "adv_prompt,target_prompt,seed,cfg,negative\nzz,a cat,1,2,blurred\nzz,a cat,1,3,\n"
    _, _, rows = imported(tmp_path, "a.csv", text, concept="cat")
    assert [(row.text, row.drawing.guidance, row.drawing.negative_prompt) for row in rows] == [
        ("zz", 2, "blurred"),
        ("a cat", 2, "blurred"),
        ("zz", 3, ""),
        ("a cat", 3, ""),
    ]


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ("-1,,", "has a guidance that is no number from 0 to 1000"),
        ("strong,,", "has a guidance that is no number"),
        (",512,", "has a width or a height without the other"),
        (",500,512", "has a size that is not of 64 to 4096 pixels in steps of 8"),
        (",wide,512", "has a size that is not of"),
        (",8,8", "has a size that is not of"),
    ],
)
def test_a_row_that_cannot_be_drawn_so_is_dropped_and_named(
    cells: str, why: str, tmp_path: Path
) -> None:
    text = f"prompt,guidance_scale,width,height\na,7,512,512\nb,{cells}\n"
    done, _, rows = imported(tmp_path, "a.csv", text, concept="cat")
    assert [row.text for row in rows] == ["a"]
    ((reason, at),) = done.outcome.dropped.items()
    assert reason.startswith(why) and at == [3]


def test_a_path_that_is_too_long_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a cat\n")
    out = tmp_path / ("x" * 300) / "mine"
    with pytest.raises(InputError, match="File name too long"):
        importers.import_file(tmp_path / "a.txt", out, concept="cat", trusted=lambda *_: ["clip"])


def test_what_comes_next_is_a_command_that_works(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("prompt,categories\na door,hate\n")
    out = tmp_path / "my suite"
    done = importers.import_file(path, out, trusted=lambda *_: ["clip"])
    *_, last = report.lines(done, out)
    assert last.endswith(f"run --suite '{out}' --method realera --model sd14")


@pytest.mark.parametrize(("yes", "no"), [("True", "False"), ("1", "0"), ("yes", "no")])
def test_a_column_may_say_of_each_row_whether_it_is_erased(
    yes: str, no: str, tmp_path: Path
) -> None:
    text = f"prompt,object,erased\na kite,kite,{yes}\nan oar,oar,{no}\n"
    _, _, rows = imported(tmp_path, "a.csv", text)
    assert [(row.role, row.concept) for row in rows] == [("target", "kite"), ("far", "oar")]


def test_numbers_are_concepts_where_the_user_says_so(tmp_path: Path) -> None:
    _, _, rows = imported(tmp_path, "a.csv", "prompt,class\na,0\nb,1\n", "concept=class")
    assert [row.concept for row in rows] == ["0", "1"]


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (
            '[{"concept": "kite", "prompts": ["a", "b"], "seeds": [1]}]',
            [("a", "kite"), ("b", "kite")],
        ),
        ('[{"concept": "kite", "prompt": "a", "seeds": [1, 2]}]', [("a", "kite"), ("a", "kite")]),
        ('[{"kite": "a"}, {"oar": "b"}]', [("a", "kite"), ("b", "oar")]),
        ('{"kite": {"direct": ["a"], "implied": "b"}}', [("a", "kite"), ("b", "kite")]),
        ('{"concept": "kite", "prompts": ["a", "b"]}', [("a", "kite"), ("b", "kite")]),
        ('{"concepts": [{"concept": "kite", "prompts": ["a"]}]}', [("a", "kite")]),
    ],
)
def test_json_of_concepts_and_their_prompts(
    content: str, wanted: list[tuple[str, str]], tmp_path: Path
) -> None:
    _, _, rows = imported(tmp_path, "a.json", content)
    assert [(row.text, row.concept) for row in rows] == wanted


def test_a_suite_that_would_not_load_is_never_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.prompts.written.toml", lambda suite: 'version = "1"\n')
    with pytest.raises(InputError, match=r"suite\.toml: 'kind' is missing"):
        imported(tmp_path, "a.txt", "a cat\n", concept="cat")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_row_whose_concept_no_line_could_hold_is_dropped_and_named(tmp_path: Path) -> None:
    text = f'prompt,concept\na,kite\nb,"a\nb"\nc,{"x" * 300}\n'
    done, _, rows = imported(tmp_path, "a.csv", text)
    assert [row.text for row in rows] == ["a"]
    assert done.outcome.dropped == {
        "has a concept that has a control character": [4],
        "has a concept that has more than 200 characters": [5],
    }


def test_what_is_said_of_a_file_fits_a_few_lines(tmp_path: Path) -> None:
    text = "prompt,type\na,erased\n" + "".join(f"a,role-{i}\n" for i in range(500))
    _, said, _ = imported(tmp_path, "a.csv", text, concept="kite")
    at = said.index("dropped   500")
    assert said[at + 1].startswith("  1 unknown role: 'role_0'; choices: ")
    assert said[at + 9] == "  492 for 492 more reasons" and not said[at + 10].startswith("  ")
    (tmp_path / "two").mkdir()
    with pytest.raises(InputError, match="unknown column of prompt: 'fr'") as refused:
        imported(tmp_path / "two", "b.csv", "x" * 100_000 + ",en\na,b\n", "prompt=fr")
    assert len(str(refused.value)) < 400
