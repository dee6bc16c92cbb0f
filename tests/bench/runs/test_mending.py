"""More than thirty kinds of damage to a run's files: each is found, and made again as it was."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.cli import main
from bench.files import LOCK
from bench.portable import UNERASED
from bench.results import store, sums
from bench.results.store import RunFolder
from bench.runs import folders, plan, runner
from bench.runs.mending import mend
from bench.runs.schedule import Setup
from bench.types import InputError, RunSpec

from ..conftest import Faults, WriteSuite
from ..damage import cut, empty, gone

Damage = Callable[[Path], None]


@pytest.fixture(scope="module")
def made(
    write_suite: WriteSuite, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[RunSpec], Path]:
    """Two finished runs, the un-erased model's and UCE's."""
    place = tmp_path_factory.mktemp("mending")
    suite = write_suite(place / "suite")
    specs = plan.specs(["uce"], model="mini", suite=str(suite), size="tiny", steps=1)
    list(runner.execute(specs, place / "out", Setup()))
    return specs, place / "out"


@pytest.fixture
def runs(made: tuple[list[RunSpec], Path], tmp_path: Path) -> tuple[RunFolder, RunFolder]:
    """A copy of their folders, to be damaged: un-erased and erased."""
    specs, out = made
    shutil.copytree(out, tmp_path / "out")
    original, erased = (RunFolder(tmp_path / "out", spec.run_id) for spec in specs)
    return original, erased


def contents(out: Path) -> dict[str, bytes]:
    """Return what must be the same again: all but times and what holds them."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file()
        and path.suffix != ".safetensors"
        and path.name not in ("record.json", sums.NAME, "scores.csv")
    }


def scores(folder: RunFolder) -> list[tuple[object, ...]]:
    """Return the scores but for those of times."""
    found = folder.read_record().scores
    return [(each.key, repr(each.value), each.n) for each in found if each.metric != "cost"]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[random.Random(1).randrange(len(data) // 2, len(data))] ^= 1
    path.write_bytes(data)


def longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def swap(path: Path) -> None:
    other = next(each for each in sorted(path.parent.iterdir()) if each != path)
    mine, theirs = path.read_bytes(), other.read_bytes()
    path.write_bytes(theirs)
    other.write_bytes(mine)


def folder_gone(path: Path) -> None:
    shutil.rmtree(path.parent)


def edited(path: Path) -> None:
    """Change a label, or a score, to another valid one."""
    text = path.read_text()
    before = next(word for word in ("airplane,0", "airplane", "uce", "judge") if word in text)
    path.write_text(text.replace(before, before[::-1]))


def row_gone(path: Path) -> None:
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]))


def null(path: Path) -> None:
    path.write_text("null")


def deep(path: Path) -> None:
    path.write_text("[" * 100_000)


def of_another_version(path: Path) -> None:
    """Give each score a column more, with a checksum, as another version would have."""
    data = json.loads(path.read_text())
    data["scores"] = [score | {"new": 1} for score in data["scores"]]
    path.write_text(json.dumps(data))
    sums.Sums(path.parent).note([path])


def without_provenance(path: Path) -> None:
    """Null it, and note the checksum: nothing but its form can tell."""
    path.write_text(json.dumps(json.loads(path.read_text()) | {"provenance": None}))
    sums.Sums(path.parent).note([path])


IMAGE, UNERASED_IMAGE = "images/airplane/a-0.png", f"images/{UNERASED}/a-0.png"
EDIT = "erasures/airplane.safetensors"
DAMAGES: list[tuple[int, str, Damage]] = [
    *((1, IMAGE, each) for each in (cut, empty, flip, longer, gone, swap, folder_gone)),
    *((0, UNERASED_IMAGE, each) for each in (cut, empty, flip, gone, swap, folder_gone)),
    *((1, EDIT, each) for each in (cut, empty, flip, gone)),
    *((1, "per_image.csv", each) for each in (cut, empty, edited, row_gone, gone)),
    (0, "per_image.csv", gone),
    *((1, "scores.csv", each) for each in (cut, row_gone, gone)),
    *((1, "record.json", each) for each in (cut, empty, edited, null, deep)),
    *((1, "record.json", each) for each in (of_another_version, without_provenance)),
    *((1, "spec.json", each) for each in (cut, null, deep, gone)),
    *((1, "suite/prompts.csv", each) for each in (edited, gone)),
    (1, "suite/suite.toml", gone),
]


WORDS = {
    "cut": "halved",
    "empty": "emptied",
    "flip": "a bit flipped",
    "longer": "a byte added",
    "gone": "deleted",
    "swap": "exchanged with another",
    "folder_gone": "its folder deleted",
    "edited": "a label changed",
    "row_gone": "the last row deleted",
    "null": "replaced by null",
    "deep": "too deeply nested",
    "of_another_version": "of another version's columns",
    "without_provenance": "without provenance",
}
CALLED = {IMAGE: "image", UNERASED_IMAGE: "un-erased image", EDIT: "erasure"}


def test_the_documentation_lists_every_damage(faults: Faults) -> None:
    found: dict[str, list[str]] = {}
    for run, name, damage in DAMAGES:
        called = CALLED.get(name, name if run else f"un-erased {name}")
        found.setdefault(called, []).append(WORDS[damage.__name__])
    assert faults("Files of a run") == found


def test_they_are_thirty() -> None:
    assert len(DAMAGES) >= 30


@pytest.mark.parametrize(("run", "name", "damage"), DAMAGES)
def test_damage_is_found_and_made_again(
    runs: tuple[RunFolder, RunFolder],
    made: tuple[list[RunSpec], Path],
    capsys: pytest.CaptureFixture[str],
    run: int,
    name: str,
    damage: Damage,
) -> None:
    folder, out = runs[run], runs[run].path.parent
    whole, told = contents(out), [scores(each) for each in runs]
    damage(folder.path / name)
    assert main(["compare", "--out", str(out), "--verify"]) == 2
    said = capsys.readouterr().err
    # Which file it is; of a folder or of two that were exchanged, one of them.
    assert str(folder.path) in said and Path(name).suffix in said
    list(runner.execute(made[0], out, Setup()))
    (out / "comparison.csv").unlink(missing_ok=True)
    assert contents(out) == whole
    assert [scores(each) for each in runs] == told
    assert main(["compare", "--out", str(out), "--verify"]) == 0


PLACES = ["per_image.csv", "scores.csv", "record.json", "spec.json", IMAGE, EDIT, sums.NAME]


@pytest.mark.parametrize("name", PLACES)
def test_a_folder_in_a_files_place_is_refused_by_name_and_not_removed(
    runs: tuple[RunFolder, RunFolder],
    made: tuple[list[RunSpec], Path],
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    """It is nothing that a run wrote; moved away as the message says, the run is whole again."""
    place, out = runs[1].path / name, runs[1].path.parent
    place.unlink()
    place.mkdir()
    (place / "mine.txt").write_text("mine")
    assert main(["compare", "--out", str(out), "--verify"]) == 2
    assert str(place) in capsys.readouterr().err
    if name == "record.json":
        for words in (["compare"], ["report"]):
            assert main([*words, "--out", str(out), *["--json"] * (words == ["report"])]) == 0
            told = "".join(capsys.readouterr())
            assert f"{place} cannot be read" in told, "it is silently no run"
        assert main(["compare", str(place.parent)]) == 2
        assert f"{place} cannot be read" in capsys.readouterr().err
    assert main(["report", "--out", str(out)]) == 0
    with pytest.raises(InputError, match=r"cannot be read.*move it away, and the same command"):
        list(runner.execute(made[0], out, Setup()))
    assert (place / "mine.txt").read_text() == "mine"
    place.rename(out / "away")
    list(runner.execute(made[0], out, Setup()))
    whole = main(["compare", "--out", str(out), "--verify"]) == 0
    # A lost list cannot be made again of files that nobody saw being written.
    assert whole == (name != sums.NAME)


@pytest.mark.parametrize("name", ["images/airplane", "images", "erasures", "suite"])
def test_a_file_in_a_folders_place_is_refused_by_name_and_not_removed(
    runs: tuple[RunFolder, RunFolder],
    made: tuple[list[RunSpec], Path],
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    place, out = runs[1].path / name, runs[1].path.parent
    shutil.rmtree(place)
    place.write_text("mine")
    assert main(["compare", "--out", str(out), "--verify"]) == 2
    assert f"{place} is a file, must be a folder; move it away" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"is a file, must be a folder; move it away"):
        list(runner.execute(made[0], out, Setup()))
    assert place.read_text() == "mine"
    place.rename(out / "away")
    list(runner.execute(made[0], out, Setup()))
    assert main(["compare", "--out", str(out), "--verify"]) == 0


@pytest.mark.parametrize("name", ["per_image.csv", "record.json"])
def test_without_checksums_a_run_makes_again_what_a_table_leaves_out(
    runs: tuple[RunFolder, RunFolder],
    made: tuple[list[RunSpec], Path],
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    """What `compare` promises, `run` keeps."""
    out, told = runs[1].path.parent, [scores(each) for each in runs]
    runs[1].sums.path.unlink()
    edited(runs[1].path / name) if name == "per_image.csv" else null(runs[1].path / name)
    assert main(["compare", "--out", str(out)]) == 0
    assert "makes it again" in capsys.readouterr().err
    list(runner.execute(made[0], out, Setup()))
    assert [scores(each) for each in runs] == told
    assert main(["compare", "--out", str(out), "--verify"]) == 0


def test_a_list_of_checksums_reaches_no_file_outside_its_folder(
    runs: tuple[RunFolder, RunFolder], made: tuple[list[RunSpec], Path]
) -> None:
    foreign = runs[1].path.parent / "foreign.txt"
    foreign.write_text("mine")
    with runs[1].sums.path.open("a") as stream:
        stream.write(f"{'0' * 64}  ../foreign.txt\n{'0' * 64}  {foreign}\n")
    list(runner.execute(made[0], runs[1].path.parent, Setup()))
    assert foreign.read_text() == "mine"


def test_a_run_is_opened_by_one_look_at_its_checksums_and_sweeps_its_own_alone(
    runs: tuple[RunFolder, RunFolder],
    made: tuple[list[RunSpec], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs[1].record_path.unlink()
    mine, left = runs[1].path / "notes.tmp", runs[1].path / "a.png.0badcafe.tmp"
    for path in (mine, left):
        path.write_text("half")
    looks: list[Path] = []
    known = sums.Sums.known
    monkeypatch.setattr(sums.Sums, "known", lambda self: looks.append(self.folder) or known(self))
    folders.opened(made[0][1], runs[1].path.parent)
    assert looks == [runs[1].path]
    assert mine.exists() and not left.exists()


def test_what_is_whole_is_not_made_again(
    runs: tuple[RunFolder, RunFolder], made: tuple[list[RunSpec], Path]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in runs[0].path.parent.rglob("*")}
    list(runner.execute(made[0], runs[0].path.parent, Setup()))
    assert before == {path: path.stat().st_mtime_ns for path in before}


@pytest.mark.parametrize("name", ["per_image.csv", "record.json"])
@pytest.mark.parametrize("damage", [cut, edited])
def test_a_table_of_damaged_runs_leaves_them_out(
    runs: tuple[RunFolder, RunFolder], name: str, damage: Damage
) -> None:
    damage(runs[1].path / name)
    found = store.load(runs[1].path.parent)
    assert [run.folder.path for run in found.runs] == [runs[0].path]
    assert name in found.problems[0]


@pytest.mark.parametrize("name", ["airplane", UNERASED])
def test_an_image_without_a_checksum_is_drawn_again(
    runs: tuple[RunFolder, RunFolder], made: tuple[list[RunSpec], Path], name: str
) -> None:
    """A kill may come between the two, and what is there may then be of anything."""
    folder = runs[name == "airplane"]
    image = folder.images(name) / "a-0.png"
    before = image.read_bytes()
    shutil.copy(folder.images(name) / "a-1.png", image)
    folder.record_path.unlink()
    lines = folder.sums.path.read_text().splitlines(keepends=True)
    folder.sums.path.write_text("".join(line for line in lines if "a-0.png" not in line))
    list(runner.execute(made[0], folder.path.parent, Setup()))
    assert image.read_bytes() == before


def test_what_an_erasure_drew_goes_with_it(runs: tuple[RunFolder, RunFolder]) -> None:
    """A fit need not end at the same digits, though UCE's does, so its images are drawn again."""
    (runs[1].path / EDIT).unlink()
    assert mend(runs[1]) == [runs[1].path / EDIT]
    assert not runs[1].images("airplane").exists() and not runs[1].per_image_path.exists()
    assert mend(runs[0]) == [] and list(runs[0].images(UNERASED).iterdir())


def test_a_spec_is_compared_with_what_is_asked_and_not_removed(
    runs: tuple[RunFolder, RunFolder],
) -> None:
    """One that says the same in other bytes, as of another version, is as it should be."""
    spec = runs[1].spec_path
    spec.write_text(json.dumps(json.loads(spec.read_text())))
    assert spec in runs[1].sums.wrong()
    assert mend(runs[1]) == [] and spec.exists() and runs[1].is_done()


def test_the_checksums_are_those_of_sha256sum(
    runs: tuple[RunFolder, RunFolder], tmp_path: Path
) -> None:
    def line(path: Path, below: Path) -> str:
        of = hashlib.sha256(path.read_bytes()).hexdigest()
        return f"{of}  {path.relative_to(below).as_posix()}\n"

    folder = runs[1].path
    files = [path for path in folder.rglob("*") if path.is_file()]
    written = [path for path in files if path.name not in (sums.NAME, LOCK)]
    assert {"spec.json", "record.json", "per_image.csv"} < {path.name for path in written}
    # Every file of a finished run, once.
    lines = runs[1].sums.path.read_text().splitlines(keepends=True)
    assert sorted(lines) == sorted(line(path, folder) for path in written)
    # And while it is being made, when a file was written twice.
    first, second = tmp_path / "first", tmp_path / "second"
    listed = sums.Sums(tmp_path)
    listed.announce(first, b"before")
    first.write_bytes(b"before")
    early = line(first, tmp_path)
    for path in (first, second):
        path.write_bytes(path.name.encode())
        listed.note([path])
    late = [line(path, tmp_path) for path in (first, second)]
    assert listed.path.read_text() == "".join([early, *late])
    listed.settle()
    assert listed.path.read_text() == "".join(late)


def test_a_torn_line_of_checksums_costs_one_file(runs: tuple[RunFolder, RunFolder]) -> None:
    sums_ = runs[1].sums
    known = sums_.known()
    last = list(known)[-1]
    sums_.path.write_bytes(sums_.path.read_bytes()[:-9])
    assert set(known) - set(sums_.known()) == {last}
    sums_.note([last])
    assert sums_.known() == known


def test_a_run_without_checksums_is_not_called_verified(
    runs: tuple[RunFolder, RunFolder],
    made: tuple[list[RunSpec], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    runs[1].sums.path.unlink()
    out = str(runs[1].path.parent)
    assert main(["compare", "--out", out]) == 0
    assert main(["compare", "--out", out, "--verify"]) == 2
    said = capsys.readouterr().err
    assert f"no whole SHA256SUMS to be verified by; delete {runs[1].record_path}, and `" in said
    runs[1].record_path.unlink()
    list(runner.execute(made[0], runs[1].path.parent, Setup()))
    assert main(["compare", "--out", out, "--verify"]) == 0


def test_another_record_with_its_checksum_is_believed(runs: tuple[RunFolder, RunFolder]) -> None:
    """The control: it is the checksum that tells."""
    folder = runs[1]
    data = json.loads(folder.record_path.read_text())
    data["flags"] = ["x"]
    folder.record_path.write_text(json.dumps(data))
    folder.sums.note([folder.record_path])
    assert folder.read_record().flags == ("x",)
