"""Published protocols are one command each, over imported files where these cannot be shipped."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench import cli, data, registry
from bench.cli import protocols
from bench.results import load

from . import made_up

NAMES = sorted(path.stem for path in protocols.FOLDER.glob("*.toml"))
IMPORTED = sorted(made_up.LAYOUTS)
PAGE = data.ROOT / "docs" / "pages" / "protocols.md"
Said = Callable[..., dict[str, Any]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], tiny_folder: Path) -> Said:
    """What a protocol's plan says of it on a model of random weights, with other words beside."""

    def plan(name: str, *words: str) -> dict[str, Any]:
        command = protocols.protocols()[name].words.split()
        capsys.readouterr()
        assert cli.main([*command, "--model", str(tiny_folder), *words, "--plan", "--json"]) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return plan


def imported(name: str, count: int) -> None:
    """Import a made-up file by the command that a protocol names, into the current folder."""
    file = made_up.write(Path("made_up.csv"), name, count)
    words = protocols.protocols()[name].made_by.split()
    assert cli.main([str(file) if word == "FILE" else word for word in words]) == 0


def rows_of_page() -> dict[str, list[str]]:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): row[1:] for row in rows}


def number(text: str) -> int:
    return int(text.replace(",", ""))


def test_every_protocol_says_what_it_is() -> None:
    for name, each in protocols.protocols().items():
        assert each.summary and each.measures and each.paper and each.differs, name
        assert each.command in ("run", "attack")
        assert bool(each.made_by) == bool(each.file) == (name in IMPORTED)
    assert set(NAMES) == {*IMPORTED, "objects-mace"}


@pytest.mark.parametrize("name", NAMES)
def test_the_page_says_what_the_plan_says(
    name: str, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    measures, prompts, images, evaluations, method = rows_of_page()[name]
    each = protocols.protocols()[name]
    assert measures == each.measures
    if name in IMPORTED:
        imported(name, number(prompts))
    plan = said(name, "--method", method.strip("`"))
    assert [run["spec"]["method"] for run in plan["runs"]] == ["original", method.strip("`")]
    spent = plan["total"]["evaluations"]
    assert number(evaluations) == (spent["attack"] if each.command == "attack" else spent["draw"])
    assert number(images) == plan["total"]["images"]
    drawn = plan["runs"][1]["images"].values()
    if each.command == "run":
        assert number(prompts) == sum(sum(roles.values()) for roles in drawn)


def test_the_page_has_every_protocol_and_what_it_does_not_follow() -> None:
    page = PAGE.read_text()
    assert sorted(rows_of_page()) == NAMES
    chapters = {part.split("\n", 1)[0]: part for part in page.split("\n## ")[1:]}
    for name, each in protocols.protocols().items():
        text = " ".join(chapters[name].split())
        for what in (f"bench {each.words}", each.made_by, each.then, each.paper, each.file):
            assert what in text, (name, what)
        assert all(what in text for what in each.differs), name


@pytest.mark.parametrize("name", IMPORTED)
def test_what_is_to_be_imported_first_is_said_with_the_command(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    each = protocols.protocols()[name]
    assert cli.main([*each.words.split(), "--plan"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"there is no suite {name} here" in line and f"`python -m bench {each.made_by}`" in line
    assert each.file in line


def test_a_name_that_is_none_is_refused_with_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["run", "--config", "objects-mac", "--plan"]) == 2
    assert "unknown config: 'objects-mac'; nearest: objects-mace" in capsys.readouterr().err
    assert cli.main(["run", "--config", "missing.toml", "--plan"]) == 2
    assert "missing.toml: cannot be read" in capsys.readouterr().err


def test_what_is_typed_counts_more(
    said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = said("i2p-nudity", "--suite", "explicit", "--method", "mace", "--limit", "2")
    assert [run["spec"]["method"] for run in plan["runs"]] == ["original", "mace"]
    assert {run["spec"]["suite"] for run in plan["runs"]} == {"explicit"}
    # One of its methods brings the settings that it has there.
    (_, run) = said("objects-mace", "--method", "esd")["runs"]
    preset = registry.method("esd").presets["objects-mace"]
    assert preset and preset.items() <= run["spec"]["options"].items()


def test_a_file_of_ones_own_says_what_it_is_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.toml"
    words = ["run", "--config", str(file), "--plan"]
    file.write_text('size = "smoke"\nmethod = "uce"\n[protocol]\nsummary = "mine"\n')
    assert cli.main(words) == 0
    file.write_text('size = "smoke"\n[protocol]\nsumary = "mine"\n')
    assert cli.main(words) == 2
    assert "key of protocol in" in capsys.readouterr().err
    file.write_text('size = "smoke"\nprotocol = "mine"\n')
    assert cli.main(words) == 2
    assert "got 'mine', must be a table" in capsys.readouterr().err
    file.write_text('size = "smoke"\n[protocol]\ndiffers = [1]\n')
    assert cli.main(words) == 2
    assert "differs of protocol: got [1], must be text" in capsys.readouterr().err


def test_they_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", "protocols"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == NAMES
    assert cli.main(["list", "protocols", "-v"]) == 0
    text = capsys.readouterr().out
    for each in protocols.protocols().values():
        for what in (each.words, each.made_by, each.then, each.measures, each.paper, *each.differs):
            assert what in text
    assert cli.main(["list", "protocols", "--json"]) == 0
    assert [each["name"] for each in json.loads(capsys.readouterr().out)] == NAMES


def test_objects_end_to_end(tmp_path: Path) -> None:
    words = ["--model", "mini", "--method", "uce", "--limit", "1", "--steps", "1"]
    words += ["--concept", "airplane", "--metric", "judge", "--out", str(tmp_path)]
    assert cli.main(["run", "--config", "objects-mace", *words]) == 0
    runs = {run.record.spec.method: run for run in load(tmp_path).runs}
    assert set(runs) == {"original", "uce"}
    scores = {(s.measure, s.role) for s in runs["uce"].record.scores}
    assert {("probability", "target"), ("share", "kept"), ("H_o", "all")} <= scores
    assert re.match(r"1-", runs["uce"].record.spec.suite_version)


def test_imported_prompts_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_folder: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    imported("i2p-nudity", 4)
    words = ["--model", str(tiny_folder), "--method", "uce", "--limit", "2", "--steps", "1"]
    assert cli.main(["run", "--config", "i2p-nudity", *words, "--no-metrics", "--out", "out"]) == 0
    (run,) = [each for each in load("out").runs if each.record.spec.method == "uce"]
    assert [row["concept"] for row in run.images] == ["nudity", "nudity"]
    assert all((run.folder.path / row["image"]).is_file() for row in run.images)
