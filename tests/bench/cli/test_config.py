"""What stands in a file of --config does what the same words on the command line do."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from bench import cli
from bench.cli import config
from bench.cli.commands import _runs
from bench.types import InputError, RunSpec

from ..conftest import WriteSuite

WORDS = """
model = "sd14"
size = "smoke"
steps = 7
limit = 2
role = ["target", "far"]
precision = "fp32"
negative-prompt = "a drawing"
concept = "ship"
seed = [0, 3]
method = "uce"
set = { lamb = [1, 10], expand_prompts = false }
attack = ["seed_search", "p4d"]
attack-set = { convention = "official" }
batch-size = "auto"
no-metrics = true
"""
TYPED = [
    *("--model", "sd14", "--size", "smoke", "--steps", "7", "--limit", "2"),
    *("--role", "target", "--role", "far", "--precision", "fp32"),
    *("--negative-prompt", "a drawing", "--concept", "ship", "--seed", "0", "--seed", "3"),
    *("--method", "uce", "--set", "lamb=1", "--set", "lamb=10", "--set", "expand_prompts=false"),
    *("--attack", "seed_search", "--attack", "p4d", "--attack-set", "convention=official"),
    *("--batch-size", "auto", "--no-metrics"),
]
METHODS = """
model = "sd14"
size = "smoke"
seed = [0, 1]
method = [
  "uce",
  { name = "realera", set = { reading = "paper" } },
  { name = "realera", set = ["reading=crce"], seed = 5 },
  { name = "esd", set = { convention = "code2025" }, preset = "objects-mace" },
]
"""


def asked(folder: Path, text: str, *words: str, command: str = "run") -> list[argparse.Namespace]:
    (folder / "bench.toml").write_text(text)
    said = [command, "--config", str(folder / "bench.toml"), *words]
    return config.lines(cli.full_parser("bench").parse_args(said))


def specs(folder: Path, text: str, *words: str) -> list[RunSpec]:
    return [spec for line in asked(folder, text, *words) for spec in _runs.specs(line)]


def shown(runs: list[RunSpec]) -> list[tuple[object, ...]]:
    """Return what tells the runs of `METHODS` apart."""
    return [
        (each.method, each.options.get("reading") or each.options.get("convention"), each.seed)
        for each in runs
    ]


def test_a_file_is_the_same_runs_as_the_same_words_typed(tmp_path: Path) -> None:
    (line,) = asked(tmp_path, WORDS)
    typed = cli.full_parser("bench").parse_args(["run", *TYPED])
    others = {"config", "typed"}
    assert {k: v for k, v in vars(line).items() if k not in others and k != "parser"} == {
        k: v for k, v in vars(typed).items() if k not in others and k != "parser"
    }
    one, other = (_runs.specs(each) for each in (line, typed))
    assert [each.run_id for each in one] == [each.run_id for each in other]
    assert len(one) == 5, "two seeds and two values beside the un-erased model"


def test_a_method_may_stand_there_more_than_once_with_options_of_its_own(tmp_path: Path) -> None:
    runs = specs(tmp_path, METHODS)
    assert shown(runs) == [
        ("original", None, 0),
        ("uce", None, 0),
        ("uce", None, 1),
        ("realera", "paper", 0),
        ("realera", "paper", 1),
        ("realera", "crce", 5),
        ("esd", "code2025", 0),
        ("esd", "code2025", 1),
    ]
    typed = ["--model", "sd14", "--size", "smoke", "--method", "realera", "--set", "reading=crce"]
    alone = cli.full_parser("bench").parse_args(["run", *typed, "--seed", "5"])
    (crce,) = [each for each in runs if each.options.get("reading") == "crce"]
    assert crce.run_id == _runs.specs(alone)[1].run_id


def test_what_is_typed_counts_more(tmp_path: Path) -> None:
    both = specs(tmp_path, METHODS, "--method", "realera", "--seed", "2", "--limit", "1")
    assert shown(both) == [
        ("original", None, 0),
        ("realera", "paper", 2),
        ("realera", "crce", 2),
    ]
    assert {each.size for each in both} == {"smoke@1"}
    other = specs(tmp_path, METHODS, "--method", "realera", "--method", "mace", "--seed", "0")
    assert [each.method for each in other] == ["original", "realera", "realera", "mace"]
    set_too = specs(tmp_path, METHODS, "--set", "reading=paper", "--method", "realera")
    assert shown(set_too)[1:] == [("realera", "paper", seed) for seed in (0, 1, 5)]
    # Even where it is what would have been without the file.
    (line,) = asked(tmp_path, WORDS, "--model", "mini", "--set", "lamb=3")
    assert line.model == "mini" and line.set == ["lamb=3", "expand_prompts=false"]


def test_a_file_may_have_several_suites_with_words_of_their_own(tmp_path: Path) -> None:
    text = (
        'method = "uce"\nsize = "smoke"\nmodel = "sd14"\n'
        '[[suite]]\nname = "objects"\nconcept = ["bird", "ship"]\n'
        '[[suite]]\nname = "people"\nsize = "quick"\nlimit = 1\nmethod = ["mace", "uce"]\n'
    )
    found = [(each.suite, each.method, each.size) for each in specs(tmp_path, text)]
    objects = [("objects", name, "smoke") for name in ("original", "uce")]
    people = [("people", name, "quick@1") for name in ("original", "mace", "uce")]
    assert found == objects + people
    assert [each.suite for each in asked(tmp_path, text, "--suite", "people")] == ["people"]
    (other,) = asked(tmp_path, text, "--suite", "styles")
    assert (other.suite, other.size, other.limit, other.concept) == ("styles", "smoke", None, [])


def test_relative_paths_are_those_beside_the_file(
    tmp_path: Path, write_suite: WriteSuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        write_suite(folder / "mine")
        (folder / "weights.safetensors").write_bytes(folder.name.encode())
    monkeypatch.chdir(there)
    text = (
        'suite = "mine"\nout = "runs"\nmodel = "mini"\n'
        'method = { name = "checkpoint", set = { path = "weights.safetensors" } }\n'
    )
    (line,) = asked(here, text)
    assert line.suite == str(here / "mine") and line.out == here / "runs" and line.model == "mini"
    assert line.method[0].settings == (f"path={here / 'weights.safetensors'}",)
    # Nothing that merely lies where the command is typed is taken for it.
    (here / "weights.safetensors").unlink()
    assert asked(here, text)[0].method[0].settings == (f"path={here / 'weights.safetensors'}",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("siz = 'smoke'", "unknown key of FILE: 'siz'; nearest: size"),
        ("plan = true", "unknown key of FILE: 'plan'"),
        ("config = 'other.toml'", "unknown key of FILE: 'config'"),
        ("method = 3", "FILE: name of a method: got 3, must be a text"),
        ("method = [{name = 'uce', sed = 3}]", "unknown key of method uce in FILE: 'sed'; nearest"),
        ("method = [{set = {lamb = 3}}]", "FILE: name of a method: got None, must be a text"),
        ("method = [{name = 'uec'}]", "unknown method: 'uec'; nearest: uce"),
        ("method = [{name = 'uce', set = {lam = 3}}]", "unknown option of uce: 'lam'; nearest: la"),
        ("method = [{name = 'uce', preset = 'x'}]", "unknown preset of uce: 'x'"),
        ("method = ['uce', {name = 'esd'}]\npreset = 'x'", "unknown preset of uce, esd: 'x'"),
        ("method = ['uce', 'esd']\nset = {lam = 3}", "unknown option of uce, esd: 'lam'"),
        ("steps = true", "FILE: steps: got True, must be a text or a number"),
        ("steps = 0", "FILE: steps: got '0', must be a whole number from 1"),
        ("seed = [1, 'x']", "FILE: seed: got 'x', must be a whole number"),
        ("together = 1", "FILE: together: got 1, must be true or false"),
        ("set = [3]", "FILE: set got '3', must be name=value"),
        ("set = {lamb = {x = 1}}", "FILE: set lamb: got {'x': 1}, must be"),
        ("suite = [{name = 'objects', out = 'x'}]", "unknown key of suite objects in FILE: 'out'"),
        ("suite = [{nam = 'objects'}]", "'nam'; nearest: name"),
        ("role = 'fra'\nmethod = 'uce'", "unknown role of size quick of suite objects: 'fra'"),
        ("a = ", "is not valid TOML"),
    ],
)
def test_what_a_file_cannot_say_is_refused(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(text)
    assert cli.main(["run", "--config", str(path), "--plan"]) == 2
    said = capsys.readouterr().err
    assert message in said.replace(str(path), "FILE") and said.count("\n") == 1


def test_a_file_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "--config", "none.toml"]) == 2
    assert "none.toml: cannot be read" in capsys.readouterr().err


def test_attack_and_tune_have_files_too(tmp_path: Path) -> None:
    (line,) = asked(tmp_path, 'method = "uce"\nattack = "all"\nbudget = "full"', command="attack")
    assert (line.method, line.attack, line.budget) == (["uce"], ["all"], "full")
    (line,) = asked(tmp_path, 'method = ["uce", "esd"]\ntrials = 3\nseed = 4', command="tune")
    assert (line.method, line.trials, line.seed) == (["uce", "esd"], 3, 4)
    with pytest.raises(InputError, match="'suite'; nearest: size"):
        asked(tmp_path, 'suite = ["objects", "people"]', command="tune")
