"""Runs of single cases are one run in a table, with the numbers of one run of all these cases."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bench import cli
from bench.results import joining, load, report
from bench.results.joined import parts
from bench.results.report.groups import Group
from bench.results.store import Finished, RunFolder
from bench.runs import plan, record
from bench.types import Score

from .. import synthetic

Make = Callable[..., list[RunFolder]]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Write the finished runs of a method, and of the un-erased model, on some cases."""

    def made(
        *cases: str, method: str = "uce", out: str = "apart", **changes: object
    ) -> list[RunFolder]:
        specs = plan.specs(
            [method], model="mini", suite="objects", size="smoke", concepts=cases, steps=2
        )
        specs[1] = replace(specs[1], **changes)  # type: ignore[arg-type]
        return synthetic.write(tmp_path / out, specs)

    return made


def groups(out: Path) -> list[Group]:
    return report.groups(load(out).runs)


def named(found: Group) -> dict[str, Finished]:
    return {run.record.spec.method: run for run in found.runs}


def tables(found: Sequence[Group]) -> dict[tuple[str, ...], list[str]]:
    """Methods by the cases of their table."""
    return {each.spec.cases: sorted(run.record.spec.method for run in each.runs) for each in found}


def test_runs_apart_have_the_numbers_of_one_run(make: Make, tmp_path: Path) -> None:
    for cases in (("ship",), ("airplane",), ("cat", "dog")):
        make(*cases)
    make("cat", "airplane", "ship", "dog", out="once")
    (apart,), (once,) = groups(tmp_path / "apart"), groups(tmp_path / "once")
    assert apart.heading == once.heading and "4 cases" in once.heading
    for method, run in named(apart).items():
        other = named(once)[method]
        assert len(parts(run)) == 3 and len(parts(other)) == 1
        assert run.record.spec == other.record.spec
        assert {s.key: repr(s) for s in run.record.scores} == {
            s.key: repr(s) for s in other.record.scores
        }
        assert len({s.case for s in run.record.scores}) == 5
        for fact in ("protocol", "decides", "classes", "detectors"):
            assert run.record.provenance[fact] == other.record.provenance[fact], fact
        assert run.record.flags == other.record.flags
        assert run.record.unconfirmed == other.record.unconfirmed
        assert run.record.seconds["erase"] == other.record.seconds["erase"]
        rows = [[{**row, "image": ""} for row in each.images] for each in (run, other)]
        assert rows[0] == rows[1]


def test_every_file_of_a_comparison_is_that_of_one_run(make: Make, tmp_path: Path) -> None:
    make("airplane"), make("ship"), make("ship", "airplane", out="once")
    for out in ("apart", "once"):
        assert cli.main(["compare", "--out", str(tmp_path / out), "--wide", "--json"]) == 0
    for name in ("comparison", "axes", "interference", "comparison_wide"):
        found = []
        for out in ("apart", "once"):
            with (tmp_path / out / f"{name}.csv").open(newline="") as file:
                found.append(list(csv.DictReader(file)))
        ids = [[row.pop("run_id") for row in rows] for rows in found]
        assert found[0] == found[1] and found[0], name
        assert {len(each.split()) for each in ids[0]} == {2} and {
            len(each.split()) for each in ids[1]
        } == {1}


def test_what_is_said_of_a_case_as_a_whole_is_averaged_as_one_run_does(
    make: Make, tmp_path: Path
) -> None:
    for case, value in (("airplane", 10.0), ("ship", 30.0)):
        _, folder = make(case)
        known = folder.read_record()
        place = (known.spec.method, "mini", "objects", case, "fidelity", "fid_judge", "all", "")
        facts = {"detectors": known.provenance["detectors"] | {"fidelity": "1 a"}}
        scores = (*known.scores, Score(*place, value, value - 1, value + 1, 9))
        provenance = {**known.provenance, **facts}
        record.write(folder, replace(known, scores=scores, provenance=provenance))
    shutil.rmtree(next((tmp_path / "apart").glob("original-*")))
    (found,) = [
        run for group in groups(tmp_path / "apart") for run in group.runs if len(parts(run)) > 1
    ]
    key = ("fidelity", "fid_judge", "all", "")
    every = [found.by_key[case, *key] for case in ("airplane", "ship", "all")]
    assert [(s.value, s.low == s.value - 1, s.n) for s in every] == [
        (10.0, True, 9),
        (30.0, True, 9),
        (20.0, False, 18),
    ]


def test_seeds_of_an_erasure_are_joined_each_by_itself(make: Make, tmp_path: Path) -> None:
    for case in ("airplane", "ship"):
        for seed in (0, 1):
            make(case, seed=seed)
    (found,) = groups(tmp_path / "apart")
    (seeds,) = found.repeats
    assert [run.record.spec.seed for run in seeds] == [0, 1]
    assert [len(parts(run)) for run in found.runs] == [2, 2, 2]


def test_a_method_that_lacks_a_case_stands_beside_others_on_those_that_it_has(
    make: Make, tmp_path: Path
) -> None:
    make("airplane"), make("ship"), make("airplane", method="esd")
    assert tables(groups(tmp_path / "apart")) == {
        ("airplane", "ship"): ["original", "uce"],
        ("airplane",): ["esd", "original", "uce"],
    }
    make("ship", method="esd")
    assert tables(groups(tmp_path / "apart")) == {("airplane", "ship"): ["esd", "original", "uce"]}


def test_runs_that_have_a_case_in_common_are_not_mixed(make: Make, tmp_path: Path) -> None:
    (_, first), (_, second) = make("airplane", "ship"), make("cat", "ship")
    found = groups(tmp_path / "apart")
    assert set(tables(found)) == {("airplane", "ship"), ("cat", "ship")}
    (said,) = {text for each in found for text in report.page(each).notes if "joined" in text}
    ids = [folder.path.name for folder in (first, second)]
    assert " is not joined with " in said and said.endswith(": both have ship.")
    assert all(name in said for name in ids)


def test_other_versions_are_not_mixed_and_said(make: Make, tmp_path: Path) -> None:
    make("airplane"), make("ship", method_version="0123abcd")
    found = groups(tmp_path / "apart")
    assert set(tables(found)) == {("airplane",), ("ship",)}
    for each in found:
        (said,) = [text for text in report.page(each).notes if "joined" in text]
        assert "method_version: " in said and "0123abcd" in said


def test_other_detectors_are_not_mixed_and_said(make: Make, tmp_path: Path) -> None:
    for case in ("airplane", "ship"):
        for folder in make(case):
            known = folder.read_record()
            facts = {**known.provenance, "detectors": {"judge": case, "clip": "1"}}
            record.write(folder, replace(known, provenance=facts))
    found = groups(tmp_path / "apart")
    assert set(tables(found)) == {("airplane",), ("ship",)}
    assert all(any("detectors: judge" in text for text in each.apart) for each in found)


@pytest.mark.parametrize("change", [{"size": "quick"}, {"options": {"lamb": 2.0}}, {"seed": 3}])
def test_what_somebody_typed_differently_is_another_run(
    make: Make, tmp_path: Path, change: dict[str, object]
) -> None:
    make("airplane"), make("ship", **change)
    found = groups(tmp_path / "apart")
    assert all(
        len(parts(run)) == 1
        for each in found
        for run in each.runs
        if run.record.spec.method == "uce"
    )
    assert not any(each.apart for each in found)


def test_a_joint_case_is_never_joined(make: Make, tmp_path: Path) -> None:
    make("cat"), make("airplane")
    specs = plan.specs(
        *(["uce"],),
        **{"model": "mini", "suite": "objects", "size": "smoke", "steps": 2},
        **{"concepts": ["ship", "dog"], "together": True},
    )
    synthetic.write(tmp_path / "apart", specs)
    assert set(tables(groups(tmp_path / "apart"))) == {("airplane", "cat"), ("dog+ship",)}


def elsewhere(folder: RunFolder, out: Path) -> None:
    """Copy a run as one whose images were made elsewhere."""
    known = folder.read_record()
    spec = replace(known.spec, method="made elsewhere:pictures", options={}, method_version="")
    moved = RunFolder(out, spec.run_id)
    shutil.copytree(folder.path, moved.path)
    moved.record_path.unlink()
    record.write(moved, replace(known, spec=spec))


def test_images_made_elsewhere_stand_beside_runs_of_their_cases(make: Make, tmp_path: Path) -> None:
    make("airplane")
    make("ship")
    elsewhere(make("airplane", out="other")[1], tmp_path / "apart")
    assert tables(groups(tmp_path / "apart")) == {
        ("airplane", "ship"): ["original", "uce"],
        ("airplane",): ["made elsewhere:pictures", "original", "uce"],
    }


def test_images_made_elsewhere_are_never_joined(make: Make, tmp_path: Path) -> None:
    # Folders may be called alike, and nothing tells that their images were drawn alike.
    for case in ("airplane", "ship"):
        elsewhere(make(case, out="other")[1], tmp_path / "apart")
    found = tables(groups(tmp_path / "apart"))
    assert found == {(case,): ["made elsewhere:pictures"] for case in ("airplane", "ship")}


def test_a_case_that_has_not_finished_is_named_and_not_joined(
    make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make("airplane"), make("ship")
    _, folder = make("cat")
    folder.record_path.unlink()
    assert cli.main(["compare", "--out", str(tmp_path / "apart"), "--plain"]) == 0
    said = capsys.readouterr()
    assert "airplane, ship" in said.out and f"{folder.path.name} has not finished" in said.err


def test_runs_that_are_named_find_the_un_erased_model_beside(
    make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [make(case)[1].path for case in ("airplane", "ship")]
    assert cli.main(["compare", *map(str, runs), "--plain"]) == 0
    said = capsys.readouterr().out
    assert "effects" in said and "uce (2 runs)" in said
    for path in (tmp_path / "apart").glob("original-*"):
        shutil.rmtree(path)
    assert cli.main(["compare", *map(str, runs), "--plain"]) == 0
    assert "joined without the un-erased model's runs" in " ".join(capsys.readouterr().out.split())


def test_runs_that_are_named_and_cannot_be_one_are_refused(
    make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [make("airplane")[1], make("ship", seed=1)[1]]
    assert cli.main(["compare", *(str(run.path) for run in runs)]) == 2
    said = capsys.readouterr().err
    assert "different protocols (cases: airplane and ship)" in said and "--anyway" in said


def test_figures_are_of_joined_runs(make: Make, tmp_path: Path) -> None:
    runs = [str(make(case)[1].path) for case in ("airplane", "ship")]
    for kind in ("cases", "axes", "interference"):
        file = tmp_path / f"{kind}.svg"
        assert cli.main(["plot", *runs, "--kind", kind, "--to", str(file)]) == 0
        assert file.is_file()


def test_a_page_of_each_run_and_of_all_together(make: Make, tmp_path: Path) -> None:
    single = [make(case)[1].path.name for case in ("airplane", "ship")]
    assert cli.main(["report", "--out", str(tmp_path / "apart")]) == 0
    (found,) = groups(tmp_path / "apart")
    joined = named(found)["uce"].record.spec.run_id
    pages = tmp_path / "apart" / "report"
    text = (pages / f"{joined}.html").read_text()
    for name in single:
        assert (pages / f"{name}.html").is_file() and f'<a href="{name}.html">' in text
    assert f"report/{joined}.html" in (tmp_path / "apart" / "index.html").read_text()


def test_a_suite_that_cannot_be_read_leaves_runs_apart_and_says_so(
    make: Make, tmp_path: Path
) -> None:
    for case in ("airplane", "ship"):
        for folder in make(case):
            shutil.rmtree(folder.suite_path)
    found = groups(tmp_path / "apart")
    assert all(len(parts(run)) == 1 for each in found for run in each.runs)
    assert all(any("are not joined: " in text for text in each.apart) for each in found)


def test_an_image_outside_its_run_is_not_shown(make: Make, tmp_path: Path) -> None:
    _, folder = make("airplane")
    make("ship")
    rows = folder.read_per_image()
    rows[0]["image"] = "../../secret.png"
    folder.write_per_image(rows)
    known = folder.read_record()
    record.write(
        folder, replace(known, provenance=record.stamped(folder, known.spec, known.provenance))
    )
    (found,) = groups(tmp_path / "apart")
    assert named(found)["uce"].images[0]["image"] == ""
    assert named(found)["uce"].images[1]["image"].startswith(f"{folder.path.name}/images/")


def test_runs_of_one_command_are_as_they_were(make: Make, tmp_path: Path) -> None:
    make("airplane", "ship"), make("airplane", "ship", method="esd")
    runs = load(tmp_path / "apart").runs
    assert joining.shown(runs).runs == runs and not joining.shown(runs).notes
