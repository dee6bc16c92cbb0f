"""Damage to the files of a trial: each is found by its checksum, said, and made again as it was."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.files import read_rows
from bench.results.store import RunFolder
from bench.results.verification import check_files
from bench.runs.mending import mend
from bench.types import InputError, RunRecord

from ...conftest import Faults
from ...damage import cut, empty, gone
from .conftest import Bench

Damage = Callable[[Path], None]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)


def edited(path: Path) -> None:
    """Change a verdict or a text to another valid one, which no reader can tell."""
    text = path.read_text()
    line = text.split("\n", 2)[1]
    path.write_text(text.replace(line, line[::-1].replace("0", "1")[::-1].replace("a", "e"), 1))


PRE, SEARCH, TABLE = "pre_asr-quick-*", "{name}-quick-*", "../../attacks.csv"
UNERASED = [
    *((f"{PRE}/seen.csv", each) for each in (cut, edited, gone)),
    *((f"{PRE}/images/*.png", each) for each in (cut, gone)),
]
DAMAGES: list[tuple[str, Damage]] = [
    *((f"{SEARCH}/summary.csv", each) for each in (cut, empty, edited, gone)),
    *((f"{SEARCH}/results.csv", each) for each in (cut, empty, edited, gone)),
    *((f"{SEARCH}/found/0.csv", each) for each in (cut, empty, edited, gone)),
    *((f"{SEARCH}/images/*.png", each) for each in (cut, empty, flip, gone)),
    *((f"{PRE}/seen.csv", each) for each in (cut, empty, edited, gone)),
    *((f"{PRE}/images/*.png", each) for each in (cut, empty, flip, gone)),
    *((TABLE, each) for each in (cut, empty, edited, gone)),
]
LEARNT: list[tuple[str, str, Damage]] = [
    *(("inversion", f"{SEARCH}/embeddings/0.safetensors", each) for each in (cut, flip, gone)),
    *(("latent_inversion", f"{SEARCH}/starts/0.safetensors", each) for each in (cut, flip, gone)),
]


WORDS = {
    "cut": "halved",
    "empty": "emptied",
    "flip": "a bit flipped",
    "edited": "a cell changed",
    "gone": "deleted",
}
CALLED = {
    TABLE: "attacks.csv of the run",
    f"{PRE}/seen.csv": "seen.csv before the attack",
    f"{PRE}/images/*.png": "images before the attack",
    f"{SEARCH}/images/*.png": "images",
    f"{SEARCH}/embeddings/0.safetensors": "embeddings",
    f"{SEARCH}/starts/0.safetensors": "starts",
}


def test_the_documentation_lists_every_damage(faults: Faults) -> None:
    found: dict[str, list[str]] = {}
    erased = [*DAMAGES, *((pattern, damage) for _, pattern, damage in LEARNT)]
    for before, some in (("", erased), ("un-erased ", UNERASED)):
        for pattern, damage in some:
            called = before + CALLED.get(pattern, pattern.removeprefix(f"{SEARCH}/"))
            found.setdefault(called, []).append(WORDS[damage.__name__])
    assert faults("Files of an attack's trial") == found


def contents(bench: Bench) -> dict[str, object]:
    """Return what must be the same again: all but times."""
    found: dict[str, object] = {}
    for path in bench.out.glob("*/attacks/**/*"):
        name = path.relative_to(bench.out).as_posix()
        if path.suffix == ".csv":
            found[name] = [{**row, "seconds": ""} for row in read_rows(path)]
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


def mended(bench: Bench, number: int, name: str, pattern: str, damage: Damage) -> None:
    """Damage a file, see that it is named with the way out, and that the way is one.

    A search and a batch cost time, so of each file the first damage alone is made again: what is
    done about a file is the same whatever its checksum is missed by.
    """
    before, spec = contents(bench), bench.specs()[number]
    folder = RunFolder(bench.out, spec.run_id)
    pattern = pattern.format(name=name)
    path = next(iter(sorted((folder.path / "attacks" / "airplane").glob(pattern)))).resolve()
    whole = path.read_bytes()
    damage(path)
    record = RunRecord(spec, {}, {}, ())
    wrong = folder.sums.wrong()
    assert path in wrong, f"{pattern} {damage.__name__} is not found"
    folder.record_path.write_text("{}")
    folder.sums.note([folder.record_path])
    with pytest.raises(InputError, match=r"bench attack` with the same options makes it again"):
        check_files(folder, record)
    folder.record_path.unlink()
    if damage is not cut:
        path.write_bytes(whole)
        return
    bench.attack(name)
    assert contents(bench) == before, f"{pattern} {damage.__name__} is not made again"


def test_damage_to_a_trial_is_found_and_made_again(bench: Bench) -> None:
    bench.decider.before, bench.decider.brought = {f"{bench.ids[0]}-1"}, {f"{bench.ids[1]}-0"}
    bench.attack("seed_search")
    for pattern, damage in DAMAGES:
        mended(bench, 1, "seed_search", pattern, damage)
    for pattern, damage in UNERASED:
        mended(bench, 0, "seed_search", pattern, damage)


def test_what_cannot_be_read_is_deleted_and_made_again(bench: Bench) -> None:
    """Files whose checksum is of what they are; of others the command makes again unasked."""
    bench.attack("image_guided")
    whole, folder = contents(bench), bench.folder
    (trial,) = bench.trials("image_guided")
    found, summary = trial / "found" / "0.csv", trial / "summary.csv"

    def refused(path: Path, text: str, message: str) -> None:
        path.write_text(text)
        folder.sums.note([path])
        with pytest.raises(InputError, match=message):
            bench.attack("image_guided")

    lines = summary.read_text().splitlines()
    refused(summary, "\n".join([*lines, lines[1], ""]), r"; delete it and the same command makes")
    summary.unlink()
    bench.attack("image_guided")
    for path in (summary, trial / "results.csv"):
        path.unlink()
    lines = found.read_text().splitlines()
    refused(found, "\n".join([*lines[:-1], ""]), f"; delete {trial} and the same command makes")
    shutil.rmtree(trial)
    original = RunFolder(bench.out, bench.specs()[0].run_id)
    image = min(original.path.glob("attacks/airplane/examples-*/*.png"))
    image.write_text("no image")
    original.sums.note([image])
    with pytest.raises(InputError, match=r"cannot be read as an image; delete it to draw it again"):
        bench.attack("image_guided")
    image.unlink()
    bench.attack("image_guided")
    assert contents(bench) == whole


@pytest.mark.parametrize("name", ["inversion", "latent_inversion"])
def test_damage_to_what_was_learnt_is_searched_for_again(bench: Bench, name: str) -> None:
    bench.attack(name)
    for attack, pattern, damage in LEARNT:
        if attack == name:
            mended(bench, 1, name, pattern, damage)
    # The search ends at the same digits here, but need not, so what it drew is drawn again.
    folder = RunFolder(bench.out, bench.specs()[1].run_id)
    (trial,) = (folder.path / "attacks" / "airplane").glob(f"{name}-quick-*")
    next((trial / "found").iterdir()).unlink()
    assert (trial / "images").exists() and mend(folder)
    assert not (trial / "images").exists()
