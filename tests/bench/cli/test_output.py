"""--json and --quiet: one JSON document on stdout and nothing else, for every command."""

from __future__ import annotations

import inspect
import json
import math
from argparse import Namespace
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

import bench
from bench import cli
from bench.cli import output, progress
from bench.cli.arguments import Parser
from bench.cli.commands import run as command
from bench.cli.kinds import KINDS
from bench.results import calibrations, store
from bench.types import InputError


def document(text: str) -> Any:
    """Read JSON as its standard has it: NaN and Infinity are not."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def words(place: Path) -> list[str]:
    """The same runs as a command line."""
    run = ["run", "--method", "uce", "--suite", str(place), "--size", "tiny", "--steps", "1"]
    run += ["--seed", "0", "--seed", "1", "--set", "lamb=1", "--set", "lamb=5", "--device", "cpu"]
    return [*run, "--out", str(place / "runs")]


def said(capsys: pytest.CaptureFixture[str], *line: str) -> Any:
    capsys.readouterr()
    assert cli.main([*line, "--json"]) == 0
    return document(capsys.readouterr().out)


@dataclass(frozen=True)
class Some:
    values: tuple[float, ...]
    names: frozenset[str]
    where: Path


def test_values_become_what_json_has() -> None:
    made = output.plain({1: Some((0.1, math.nan, -math.inf), frozenset("ba"), Path("x"))})
    assert made == {"1": {"values": [0.1, None, None], "names": ["a", "b"], "where": "x"}}
    assert output.plain([True, None, 3]) == [True, None, 3]
    with pytest.raises(TypeError, match="object has no form in JSON"):
        output.plain(object())


def test_one_call_makes_the_runs_of_seeds_and_values(made: store.Results) -> None:
    specs = [run.record.spec for run in made.runs]
    assert specs[0].method == "original"
    asked = [(spec.options["lamb"], spec.seed) for spec in specs[1:]]
    assert asked == [(1.0, 0), (1.0, 1), (5.0, 0), (5.0, 1)]
    assert {score.method for score in made.scores} == {"original", "uce"}


def test_the_command_makes_the_very_same_runs(
    made: store.Results, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = said(capsys, *words(place))
    assert [run["run_id"] for run in found["runs"]] == [run.record.spec.run_id for run in made.runs]
    assert len(store.folders(place / "runs")) == len(made.runs) == 5
    for run, mine in zip(found["runs"], made.runs, strict=True):
        assert run["folder"] == str(mine.folder.path)
        values = [score["value"] for score in run["scores"]]
        assert values == [
            None if math.isnan(score.value) else score.value for score in mine.record.scores
        ]
    assert found["attacks"] == [] and found["left_out"] == []


def test_a_bad_word_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown method: 'uec'; nearest: uce"):
        bench.run("uec", out=tmp_path / "runs")
    with pytest.raises(InputError, match="unknown device: 'cuad'"):
        bench.run("uce", device="cuad", out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_quiet_shows_results_alone(
    made: store.Results, place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*words(place), "--quiet"]) == 0
    out, err = capfd.readouterr()
    assert "mean of seeds 0, 1" in out and err == ""
    assert cli.main(words(place)) == 0
    assert "original, uce on mini: airplane" in capfd.readouterr().err


def test_progress_that_is_not_shown_can_be_told(capfd: pytest.CaptureFixture[str]) -> None:
    for quiet in (True, False):
        with progress.shown("a title", Namespace(quiet=quiet)) as advance:
            advance("images", 1, 2)
        assert ("a title" in capfd.readouterr().err) != quiet


@pytest.mark.parametrize(
    ("plain", "ci", "drawn"), [(False, "", True), (True, "", False), (False, "true", False)]
)
def test_plain_progress_draws_nothing_over(
    plain: bool, ci: str, drawn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal of rich's gets codes that move the cursor; a log, and CI, get none."""

    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("CI", ci)
    with progress.shown("a title", Namespace(quiet=False, plain=plain)) as advance:
        advance("images", 1, 2)
    assert "a title" in terminal.getvalue()
    assert ("\x1b[" in terminal.getvalue()) is drawn
    assert ("━" in terminal.getvalue()) is drawn
    assert ("\n  images: 1 of 2, 0 s\n" in terminal.getvalue()) is not drawn


def test_a_log_says_once_a_minute_how_far_a_thing_is() -> None:
    now, log = [0.0], StringIO()
    told = progress.Lines(log, lambda: now[0])
    for step in range(500, 621):
        told("unet", step, 8000)
        now[0] += 2
    assert log.getvalue().splitlines() == [
        "  unet: 530 of 8000, 2 s each, 4 h 09 min left",
        "  unet: 560 of 8000, 2 s each, 4 h 08 min left",
        "  unet: 590 of 8000, 2 s each, 4 h 07 min left",
        "  unet: 620 of 8000, 2 s each, 4 h 06 min left",
    ]


def test_a_log_starts_anew_with_the_next_case() -> None:
    now, log = [0.0], StringIO()
    told = progress.Lines(log, lambda: now[0])
    for step, seconds in ((1, 0), (9, 10), (1, 20), (2, 90)):
        now[0] = seconds
        told("images", step, 9)
    assert log.getvalue() == "  images: 2 of 9, 70 s each, 8 min left\n"


def test_a_log_says_at_the_end_how_far_each_thing_came() -> None:
    now, log = [0.0], StringIO()
    told = progress.Lines(log, lambda: now[0])
    for what, step, seconds in (("images", 0, 0), ("judge", 1, 5), ("images", 8, 20)):
        now[0] = seconds
        told(what, step, 9)
    told.end()
    assert log.getvalue() == "  images: 8 of 9, 20 s\n  judge: 1 of 9, 0 s\n"


def test_a_comparison_has_the_mean_of_its_seeds(
    made: store.Results, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (page,) = said(capsys, "compare", "--out", str(place / "runs"))["comparisons"]
    share = [s for s in page["scores"] if (s["measure"], s["role"]) == ("share", "target")]
    assert [s["seed"] for s in share] == [0, 0, 1, 0, 1, "0 1", "0 1"]
    assert all(s["sd"] is None for s in share[:5]) and all(s["sd"] == 0 for s in share[5:])
    assert {table["title"].partition(":")[0] for table in page["tables"]} >= {"judge"}


@pytest.mark.parametrize("what", ["methods", "models", "suites", "metrics", "attacks"])
def test_lists(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = said(capsys, "list", what)
    names = [each["name"] for each in found]
    assert len(names) == len(set(names)) >= 3
    capsys.readouterr()
    assert cli.main(["list", what, "--quiet"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in names)


def test_a_list_of_methods_has_their_options(capsys: pytest.CaptureFixture[str]) -> None:
    found = {each["name"]: each for each in said(capsys, "list", "methods")}
    assert found["sld"]["form"] == "inference" and found["checkpoint"]["needs"]
    options = {each["name"]: each for each in found["uce"]["options"]}
    assert options["lamb"]["type"] == "float" and options["lamb"]["doc"]
    metrics = {each["name"]: each for each in said(capsys, "list", "metrics")}
    assert metrics["judge"]["measures"][0]["name"] == "share"


@pytest.mark.parametrize("what", ["methods", "attacks"])
def test_a_list_of_a_kind_has_those_alone(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    """All kinds together are the list without one."""
    word = {"methods": "form", "attacks": "kind"}[what]
    every = [each["name"] for each in said(capsys, "list", what)]
    together = []
    for kind in KINDS[what].choices:
        found = said(capsys, "list", what, "--kind", kind)
        assert {each[word] for each in found} <= {kind}
        together += [each["name"] for each in found]
    assert sorted(together) == sorted(every)


def test_a_suite(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = said(capsys, "show", "suite", str(place))
    (case,) = found["cases"]
    assert case["rows"] == {"target": 2} and found["prompt_files"][0]["rows"] == 3
    assert found["sizes"][0]["images"] == {"target": 2, "far": 1}


def test_plans(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = said(capsys, *words(place), "--plan", "--attack", "seed_search")
    assert len(found["runs"]) == 5
    assert found["runs"][1]["images"] == {"airplane": {"target": 2, "far": 1}}
    assert [each["attack"] for each in found["attacks"]] == ["seed_search"] * 4
    attack = ["attack", *words(place)[1:], "--attack", "seed_search", "--plan"]
    assert said(capsys, *attack)["attacks"] == found["attacks"]


def test_scores_and_attacks(
    made: store.Results,
    place: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = made.runs[1].folder.path
    found = said(capsys, "score", str(folder), "--metric", "judge", "--quiet")
    assert {score["metric"] for score in found["scores"]} == {"judge"}
    attack = ["attack", *words(place)[1:], "--attack", "seed_search", "--quiet"]
    rows = said(capsys, *attack)["attacks"]
    assert {row["attack"] for row in rows} == {"seed_search"} and len(rows) == 4
    assert all(isinstance(row["evaluations"], float) and row["asr_low"] >= 0 for row in rows)
    assert [row["run_id"] for row in rows] == [run.record.spec.run_id for run in made.runs[1:]]
    monkeypatch.setenv("COLUMNS", "100")
    assert cli.main(attack) == 0
    shown = capsys.readouterr().out
    assert all(f"uce (lamb={lamb}, seed {seed})" in shown for lamb in (1.0, 5.0) for seed in (0, 1))


def test_images_made_elsewhere(
    made: store.Results, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = made.runs[1].folder.images("airplane")
    line = ["score", "--images", str(images), "--prompts", str(place / "prompts.csv"), "--quiet"]
    line += ["--erased", "airplane", "--model", "mini", "--to", str(tmp_path), "--device", "cpu"]
    found = said(capsys, *line)
    assert found["images"] == 3 and found["missing"] == found["damaged"] == []
    counts = {s["role"]: s["n"] for s in found["scores"] if s["measure"] == "share"}
    assert (counts["target"], counts["far"], found["left_out"]) == (2, 1, [])


def test_a_calibration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrations, "FOLDERS", (tmp_path,))
    line = ["calibrate", "--metric", "judge", "--each", "1", "--device", "cpu", "--quiet"]
    found = said(capsys, *line)
    (reading,) = found["calibration"]["readings"]
    assert reading["metric"] == "judge" and len(reading["confusion"]) == 11
    assert Path(found["file"]).parent == tmp_path


def test_the_call_has_the_words_and_defaults_of_the_command() -> None:
    parser = Parser()
    command.add_arguments(parser)
    flags = vars(parser.parse_args([]))
    call = inspect.signature(bench.run).parameters
    assert call.keys() - flags.keys() == {"options"}
    for name in call.keys() & flags.keys() - {"method", "concept", "seed", "workers", "role"}:
        asked = flags[name]
        assert call[name].default == (str(asked) if isinstance(asked, Path) else asked), name
    # One, since a worker imports the script that calls.
    assert (call["workers"].default, flags["workers"]) == (1, None)
    assert (call["seed"].default, flags["seed"], call["concept"].default) == (0, None, ())
    assert (call["role"].default, flags["role"]) == ((), [])


def test_the_call_is_documented_with_an_example_that_works(
    made: store.Results, place: Path
) -> None:
    text = inspect.getdoc(bench.run) or ""
    assert all(f"    {name}: " in text for name in inspect.signature(bench.run).parameters)
    example = [line.strip() for line in text.splitlines() if line.startswith("    ")][:3]
    asked = f'size="tiny", suite={str(place)!r}, steps=1, device="cpu", out={str(place / "runs")!r}'
    call = example[-1].replace('size="smoke"', asked)
    assert example[0] == "from bench import run" and call != example[-1]
    known: dict[str, Any] = {}
    exec("\n".join([*example[:-1], f"table = {call}"]), known)
    assert {*known["table"]["method"]} == {"original", "uce"}


def test_an_error_leaves_stdout_empty(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", "methds", "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "nearest: methods" in err
