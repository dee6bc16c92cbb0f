"""Damage to what is no run and no trial: bundles, suites, scores of other images, configs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.cli import main
from bench.prompts import seal

from ..conftest import Faults
from ..damage import cut, empty, gone
from .conftest import Said, run

Damage = Callable[[Path], None]


def null(path: Path) -> None:
    path.write_text("null")


def foreign(path: Path) -> None:
    path.write_text('{"name": "another", "runs": [], "sha256": {}, "spec": {}}')


def deep(path: Path) -> None:
    path.write_text("[" * 100_000)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def swap(path: Path) -> None:
    """Exchange it with another file of its folder."""
    files = (each for each in sorted(path.parent.iterdir()) if each.is_file() and each != path)
    other = next(each for each in files if each.name != "SHA256SUMS")
    mine, theirs = path.read_bytes(), other.read_bytes()
    path.write_bytes(theirs)
    other.write_bytes(mine)


ALL: tuple[Damage, ...] = (cut, empty, null, foreign, deep, flip, folder)
WORDS = {
    "cut": "halved",
    "empty": "emptied",
    "null": "replaced by null",
    "foreign": "replaced by foreign JSON",
    "deep": "too deeply nested",
    "flip": "a bit flipped",
    "folder": "a folder in its place",
    "swap": "exchanged with another",
    "gone": "deleted",
}


@dataclass(frozen=True)
class Thing:
    """What is damaged, the command that reads it, and the one that makes it again."""

    place: Path
    reads: Sequence[str]
    makes: Sequence[str] = ()


def bundle(here: Path, to: str) -> Thing:
    place = here / to
    makes = ["export", str(run(here).path), "--as", "bundle", "--to", str(place)]
    return Thing(place, ["compare", str(place)], makes)


def imported(here: Path) -> Thing:
    file, place = here / "kites.csv", here / "kites"
    file.write_text("prompt,concept,seed\na kite,kite,123\na red kite,kite,456\n")
    makes = ["import-prompts", str(file), "--out", str(place)]
    return Thing(place, ["show", "suite", str(place)], makes)


def scored(here: Path) -> Thing:
    place, images = here / "scored", here / "mine"
    if not images.exists():
        shutil.copytree(run(here).images("airplane"), images)
    makes = ["score", "--images", str(images), "--suite", str(here / "suite"), "--size", "tiny"]
    makes += ["--erased", "airplane", "--model", "mini", "--device", "cpu", "--to", str(place)]
    return Thing(place, ["compare", str(place), "--verify"], makes)


MADE: dict[str, Callable[[Path], Thing]] = {
    "bundle": lambda here: bundle(here, "b"),
    "archive": lambda here: bundle(here, "b.zip"),
    "suite": imported,
    "scores": scored,
}
DAMAGES: list[tuple[str, str, tuple[Damage, ...]]] = [
    ("bundle", "bundle.json", (*ALL, gone)),
    ("bundle", "uce-*/record.json", (*ALL, gone, swap)),
    ("bundle", "uce-*/per_image.csv", (*ALL, gone, swap)),
    ("bundle", "uce-*/suite/prompts.csv", (*ALL, gone, swap)),
    ("archive", "", ALL),
    ("suite", "suite.toml", (*ALL, gone, swap)),
    ("suite", "prompts.csv", (*ALL, gone, swap)),
    ("suite", "SHA256SUMS", (cut, empty, null, foreign, deep, flip)),
    ("scores", "record.json", (*ALL, gone, swap)),
    ("scores", "per_image.csv", (*ALL, gone, swap)),
    ("scores", "scores.csv", (*ALL, gone, swap)),
    ("scores", "suite/prompts.csv", (*ALL, gone, swap)),
]
CALLED = {
    "bundle bundle.json": "bundle.json of a bundle",
    "bundle uce-*/record.json": "record.json of a bundle",
    "bundle uce-*/per_image.csv": "per_image.csv of a bundle",
    "bundle uce-*/suite/prompts.csv": "suite/prompts.csv of a bundle",
    "archive ": "bundle as an archive",
    "suite suite.toml": "suite.toml of an imported suite",
    "suite prompts.csv": "prompts.csv of an imported suite",
    "suite SHA256SUMS": "SHA256SUMS of an imported suite",
    "scores record.json": "record.json of scores of other images",
    "scores per_image.csv": "per_image.csv of scores of other images",
    "scores scores.csv": "scores.csv of scores of other images",
    "scores suite/prompts.csv": "suite/prompts.csv of scores of other images",
}


def test_the_documentation_lists_every_damage(faults: Faults) -> None:
    found = {
        CALLED[f"{what} {pattern}"]: [WORDS[each.__name__] for each in some]
        for what, pattern, some in DAMAGES
    }
    assert faults("Bundles, imported suites and scores of other images") == found


@pytest.mark.parametrize(("what", "pattern", "damages"), DAMAGES)
def test_damage_is_one_line_and_what_is_made_again_is_whole(
    said: Said,
    here: Path,
    what: str,
    pattern: str,
    damages: tuple[Damage, ...],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Refused, or of a suite, which one may edit, at least said."""

    def told_of(words: Sequence[str]) -> str:
        seal._say.cache_clear()
        caplog.clear()
        capsys.readouterr()
        status = main(list(words))
        lines = [*caplog.messages, *capsys.readouterr().err.splitlines()]
        assert (what == "suite" and caplog.messages) or (status, len(lines)) == (2, 1), lines
        return lines[0] if lines else ""

    thing = MADE[what](here)
    said(thing.makes)
    said(thing.reads)
    kept = here / "kept"
    (shutil.copytree if thing.place.is_dir() else shutil.copy)(thing.place, kept)
    for damage in damages:
        (path,) = thing.place.glob(pattern) if pattern else (thing.place,)
        damage(path)
        told = told_of(thing.reads)
        assert thing.place.name in told, f"{damage.__name__}: {told}"
        shutil.rmtree(thing.place) if thing.place.is_dir() else thing.place.unlink()
        (shutil.copytree if kept.is_dir() else shutil.copy)(kept, thing.place)
        caplog.clear()
        said(thing.reads)
        assert caplog.messages == []
    shutil.rmtree(thing.place) if thing.place.is_dir() else thing.place.unlink()
    said(thing.makes)
    said(thing.reads)


@pytest.mark.parametrize("name", ["record.json", "per_image.csv", "scores.csv"])
def test_the_same_command_makes_scores_again_in_place(said: Said, here: Path, name: str) -> None:
    thing = scored(here)
    said(thing.makes)
    for damage in (cut, null, flip, gone):
        damage(thing.place / name)
        told = said(thing.reads, 2)
        said(thing.makes)
        said(thing.reads)
    assert told


@pytest.mark.parametrize("damage", [empty, null, foreign, deep, folder])
def test_a_config_that_is_none_is_one_line(said: Said, here: Path, damage: Damage) -> None:
    config = here / "run.toml"
    config.write_text(f'method = "uce"\nsuite = "{here / "suite"}"\nsize = "tiny"\n')
    plan = ["run", "--config", str(config), "--out", str(here / "another"), "--plan"]
    said(plan)
    damage(config)
    told = said(plan, 2)
    # One that says nothing is as if there were none.
    assert str(config) in told or "run needs --method" in told
