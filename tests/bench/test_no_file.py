"""Where a command expects a file or a folder, whatever else is there is one line, at once."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from bench.cli import main

from .conftest import without_waiting

COMMANDS = (
    "run --plan --config {}",
    "run --plan --suite {} --method uce",
    "run --plan --method {}:Mine",
    "run --plan --model {} --method uce",
    "run --plan --method checkpoint --set path={}",
    "check-method {}:Mine",
    "show suite {}",
    "import-prompts {} --out new",
    "score {} --metric judge",
    "score --images {} --suite objects --erased airplane --model mini",
    "score --images . --prompts {} --erased airplane --model mini",
    "score --images . --prompts p.csv --erased airplane --model mini --verdicts {}",
    "score --images . --prompts q.csv --erased Cleopatra --model mini --metric identity@{}",
    "calibrate --suite objects --model mini --images . --prompts {}",
    "compare {}",
    "plot {} --kind tradeoff --to x.svg",
    "gallery {} --to x.png",
    "export {} --to new",
)
LATER = {("checkpoint", "folder"), ("checkpoint", "empty")}
"""What only an eraser can tell, before the first run; see its own tests."""
BLANK = "run --plan --config {}"
"""An empty file says nothing here, which is no fault of the file."""
PLACES: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "socket": lambda path: socket.socket(socket.AF_UNIX).bind(path.name),
    "folder": Path.mkdir,
    "empty": Path.touch,
    "loop": lambda path: path.symlink_to(path.name),
    "missing": lambda path: None,
}


@pytest.mark.parametrize("place", [*PLACES, "long"])
@pytest.mark.parametrize("command", COMMANDS)
def test_it_is_one_line_and_nothing_is_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    place: str,
) -> None:
    if any(word in command and place == there for word, there in LATER):
        return
    monkeypatch.chdir(tmp_path)
    for prompts, concept in (("p.csv", "airplane"), ("q.csv", "Cleopatra")):
        Path(prompts).write_text(f"id,concept,role,text,seed\na,{concept},target,a photo,1\n")
    Image.new("RGB", (8, 8)).save("a.png")
    name = "x" * 300 if place == "long" else "there.csv"
    if place in PLACES:
        PLACES[place](Path(name))
    before = sorted(each.name for each in Path().iterdir())
    with without_waiting():
        status = main(command.format(name).split())
    said = capsys.readouterr().err.strip().splitlines()
    assert (status, len(said)) == (2, 1), said
    assert "error: " in said[0] and len(said[0]) < 1500
    assert name[:40] in said[0] or (command, place) == (BLANK, "empty")
    assert sorted(each.name for each in Path().iterdir()) == before
