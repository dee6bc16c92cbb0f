"""Prompt files whose rows say how they are drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.drawing import AS_RUN, Drawing, counted
from bench.files import write_rows
from bench.prompts.rows import as_rows, read
from bench.types import InputError, Prompt

HEADER = "id,concept,role,text,seed,"


def written(folder: Path, text: str) -> Path:
    path = folder / "prompts.csv"
    path.write_text(text)
    return path


def test_a_row_keeps_what_it_says(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        HEADER + "guidance,width,height,negative_prompt,tag\n"
        "a,cat,target,a cat,1,15,512,256,blurry,\n"
        "b,cat,target,a cat on a mat,2,,,,,\n"
        "c,cat,remainder,a cat in the snow,3,7.5,,,,snow\n",
    )
    first, second, third = read(path)
    assert first.drawing == Drawing(15.0, 512, 256, "blurry")
    assert second.drawing == AS_RUN
    assert (third.drawing, third.tag) == (Drawing(7.5), "snow")


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    some = (
        Prompt("a", "a cat", 1, "target", "cat"),
        Prompt("b", "a cat", 2, "target", "cat", "", Drawing(guidance=12.25)),
        Prompt("c", "a dog", 3, "far", "dog", "x", Drawing(negative_prompt="a, b")),
    )
    columns, rows = as_rows(some)
    assert columns[-2:] == ("guidance", "negative_prompt")
    write_rows(tmp_path / "prompts.csv", columns, rows)
    assert read(tmp_path / "prompts.csv") == some


def test_files_of_plain_rows_have_no_further_columns() -> None:
    columns, _ = as_rows([Prompt("a", "a cat", 1, "target", "cat")])
    assert columns == ("id", "concept", "role", "text", "seed", "tag")


def test_rows_of_other_settings_are_no_repeats(tmp_path: Path) -> None:
    rows = "a,cat,target,a cat,1,5\nb,cat,target,a cat,1,7\n"
    assert len(read(written(tmp_path, f"{HEADER}guidance\n{rows}"))) == 2


@pytest.mark.parametrize(
    ("columns", "cells", "message"),
    [
        ("guidance", "strong", "line 2: guidance 'strong' must be a factor from 0 to 1000"),
        ("guidance", "-1", "line 2: guidance '-1'"),
        ("guidance", "nan", "line 2: guidance 'nan'"),
        ("guidance", "inf", "line 2: guidance 'inf'"),
        ("width,height", "512,", "line 2: width and height go together"),
        ("width,height", "500,512", "line 2: width '500' must be 64 to 4096 pixels in steps of 8"),
        ("width,height", "512,99999999", "line 2: height '99999999'"),
        ("width,height", "512,-8", "line 2: height '-8'"),
        ("guidance,guidance", "1,1", "columns are"),
        ("cfg", "1", "columns are id,concept,role,text,seed,cfg, must be"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    tmp_path: Path, columns: str, cells: str, message: str
) -> None:
    path = written(tmp_path, f"{HEADER}{columns}\na,cat,target,a cat,1,{cells}\n")
    with pytest.raises(InputError) as refused:
        read(path)
    assert message in str(refused.value)


def test_settings_are_counted() -> None:
    some = [AS_RUN, Drawing(guidance=0.0), Drawing(2.0, 64, 64), Drawing(negative_prompt="x")]
    assert counted(some) == "guidance 2, size 1, negative prompt 1"
    assert counted([AS_RUN]) == ""
