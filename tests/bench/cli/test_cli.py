from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench import __version__, cli, data
from bench.models import devices, loading, mini
from bench.names import SCRIPT
from bench.runs import needs, runner
from bench.runs.schedule import Setup
from bench.types import InputError, RunRecord, RunSpec, Score

ROOT = data.ROOT
SMOKE = ["run", "--method", "original", "--model", "sd14", "--size", "smoke"]


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    assert "examples, each after" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rnu"], "unknown command of python -m bench: 'rnu'; nearest: run; choices: "),
        (["--plan"], "unknown option of python -m bench: '--plan'"),
        (
            ["run", "--metod", "realera"],
            "unknown option of python -m bench run: '--metod'; nearest: --method",
        ),
        (
            ["run", "--metod=realera"],
            "unknown option of python -m bench run: '--metod'; nearest: --method",
        ),
        (["run", "--siz", "quick"], "'--siz'; nearest: --size"),
        (["run", "--workers", "0"], "--workers: got '0', must be a whole number from 1 to 1024"),
        (["run", "--workers", "-1"], "--workers: got '-1', must be a whole number from 1"),
        (["run", "--workers", "x"], "--workers: got 'x', must be a whole number from 1"),
        (["run", "--threads", "0"], "--threads: got '0', must be a whole number from 1"),
        (["attack", "--workers", "0"], "--workers: got '0', must be a whole number from 1 to 1024"),
        (["run", "realera"], "unexpected argument 'realera'"),
        (["run"], "run needs --method; choices: "),
        (["run", "--method"], "argument --method: expected one argument"),
        ([*SMOKE, "--seed", "-1"], "argument --seed: got '-1', must be a whole number"),
        ([*SMOKE, "--seed", "x"], "argument --seed: got 'x', must be a whole number"),
        ([*SMOKE, "--steps", "0"], "argument --steps: got '0'"),
        ([*SMOKE, "--guidance", "nan"], "argument --guidance: got 'nan'"),
        ([*SMOKE, "--concept", "cta"], "unknown concept: 'cta'; nearest: cat"),
        ([*SMOKE, "--set", "rank=3"], "unknown option of original: 'rank'"),
        (["run", "--method", "realer"], "unknown method: 'realer'"),
        (["list", "method"], "unknown thing to list: 'method'; nearest: methods"),
        (
            ["list", "methods", "--kind", "adaptor"],
            "unknown kind of methods: 'adaptor'; nearest: adapter; choices: weights, adapter, inf",
        ),
        (["list", "attacks", "--kind", "adapt"], "unknown kind of attacks: 'adapt'; nearest: ad"),
        (["list", "attacks", "--kind", "weights"], "choices: adaptive, transfer"),
        (["list", "methods", "--json", "--kind", "wieghts"], "nearest: weights"),
        (["list", "suites", "--kind", "weights"], "suites have no kinds; --kind is for methods"),
        (["list", "methods", "--verbos"], "unknown option of python -m bench list: '--verbos'"),
        (["show", "suit", "objects"], "unknown thing to show: 'suit'; nearest: suite"),
        (["show", "suite", "object"], "unknown suite: 'object'; nearest: objects"),
    ],
)
@pytest.mark.parametrize("plan", [[], ["--plan"]])
def test_bad_input_is_one_line_and_status_two(
    words: list[str], plan: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    planned = [*words, *plan] if words[0] == "run" and words[-1] != "--method" else words
    assert cli.main(planned) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("python -m bench: error: ") and captured.err.count("\n") == 1
    assert message in captured.err


def test_an_out_that_is_no_folder_is_refused_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "execute", lambda *_, **__: pytest.fail("work was begun"))
    (tmp_path / "file").write_text("")
    assert cli.main([*SMOKE, "--out", str(tmp_path / "file" / "runs")]) == 2
    assert "cannot write to" in capsys.readouterr().err


def test_altered_mini_weights_are_refused_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def altered() -> Path:
        raise InputError("unet.safetensors\nis altered")

    monkeypatch.setattr(runner, "execute", lambda *_, **__: pytest.fail("work was begun"))
    monkeypatch.setattr(mini, "path", altered)
    assert cli.main(["run", "--method", "original", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "python -m bench: error: unet.safetensors is altered\n"
    assert not any(tmp_path.iterdir())


def test_a_damaged_later_folder_stops_the_first_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "execute", lambda *_, **__: pytest.fail("work was begun"))
    words = ["run", "--method", "realera", "--model", "sd14", "--out", str(tmp_path)]
    assert cli.main([*words, "--plan"]) == 0
    path = Path(capsys.readouterr().out.split("realera on sd14: ")[1].split(" (new)")[0])
    path.mkdir()
    (path / "scores.csv").write_text("")
    assert cli.main(words) == 2
    assert str(path) in capsys.readouterr().err


def test_a_plan_does_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "execute", lambda *_, **__: pytest.fail("work was begun"))
    out = tmp_path / "runs"
    assert cli.main([*SMOKE, "--plan", "--out", str(out)]) == 0
    assert "case airplane: keep airplane (to do); 38 images (0 there)" in capsys.readouterr().out
    assert not out.exists()


def test_a_run_passes_its_specs_on_and_ends_with_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bench.results import report, store

    ran: list[RunSpec] = []
    strips: list[tuple[Any, ...]] = []

    def execute(
        specs: Sequence[RunSpec], out: Path, setup: Setup, progress: Any
    ) -> Iterator[RunRecord]:
        assert (setup.device, setup.workers, setup.threads) == ("cpu", 3, 2)
        for spec in specs:
            ran.append(spec)
            progress("draw", 1, 2)
            words = (spec.method, spec.model, spec.suite, spec.cases[0])
            scores = (Score(*words, "judge", "share", "target", "", 0.5, 0.4, 0.6, 4),)
            record = RunRecord(spec, {"finished": "now"}, {"erase": 1.0}, scores)
            store.RunFolder(out, spec.run_id).write_record(record)
            yield record

    monkeypatch.setattr(runner, "execute", execute)
    monkeypatch.setattr(needs, "check", lambda specs, *_: specs)
    monkeypatch.setattr(report, "write_strip", lambda *args: strips.append(args))
    words = ["run", "--method", "realera", "--model", "sd14", "--size", "smoke", "--device", "cpu"]
    words += ["--workers", "3", "--threads", "2"]
    assert cli.main([*words, "--out", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    original, realera = (tmp_path / spec.run_id for spec in ran)
    assert [spec.method for spec in ran] == ["original", "realera"]
    shown = [(path, [(name, run.folder.path) for name, run in rows]) for path, rows in strips]
    first, second = ("original", original), ("realera", realera)
    assert shown == [(original / "strip.png", [first]), (realera / "strip.png", [first, second])]
    assert captured.out.splitlines()[-1] == f"results     {realera}"
    assert (tmp_path / "comparison.csv").exists() and (tmp_path / "comparison.md").exists()
    said = "original, realera on sd14: airplane; by 3 workers of 2 threads (as asked)"
    assert said in " ".join(captured.err.split()) and "draw" in captured.err
    assert "draw" not in captured.out


def test_an_interruption_says_how_to_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "execute", interrupted)
    monkeypatch.setattr(needs, "check", lambda specs, *_: specs)
    assert cli.main([*SMOKE, "--device", "cpu", "--out", str(tmp_path)]) == 130
    assert capsys.readouterr().err.endswith("the same command resumes\n")


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--method", "uce", "--plan", "--suite", "LONG"],
        ["run", "--method", "uce", "--plan", "--out", "LONG"],
        ["run", "--method", "uce", "--plan", "--model", "./LONG"],
        ["run", "--method", "LONG.py:A", "--plan"],
        ["run", "--method", "checkpoint", "--plan", "--set", "path=LONG"],
        ["score", "LONG", "--metric", "clip"],
        ["score", "--images", "x", "--prompts", "LONG", "--erased", "airplane"],
        ["compare", "LONG"],
        ["export", "LONG", "--to", "x"],
        ["import-prompts", "LONG.csv", "--out", "x"],
        ["import-prompts", "x.csv", "--out", "LONG"],
    ],
)
def test_a_name_that_no_file_can_have_is_one_line(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([word.replace("LONG", 400 * "x") for word in words]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "error: " in err and "xxx" in err


def test_a_reader_that_stops_early_is_no_error() -> None:
    command = f"{sys.executable} -m bench list methods -v | true"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, check=True)
    assert done.stderr == b""


UNUSABLE = [
    (["uce", "--set", "guide=dog;cat;ship"], "guide has 3 parts for 1 concepts"),
    (["uce", "--set", "preserve=dog;Airplane"], "'Airplane' is both erased and preserved"),
    (["mace", "--set", "domain=airplane"], "'airplane' is both erased and preserved"),
    (["mace", "--set", "rank=0"], "rank is 0, allowed is 1 or more"),
    (["realera", "--set", "steps=0"], "steps is 0, allowed is 1 or more"),
    (["esd", "--set", "pool=0"], "pool is 0, allowed is 1 or more"),
    (["checkpoint", "--set", "path=nowhere.safetensors"], "nowhere.safetensors"),
]


@pytest.mark.parametrize(("words", "message"), UNUSABLE, ids=[" ".join(w) for w, _ in UNUSABLE])
def test_what_a_method_refuses_is_refused_before_any_work(
    words: list[str],
    message: str,
    tmp_path: Path,
    tiny_pipe: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(runner, "execute", lambda *_, **__: pytest.fail("work was begun"))
    monkeypatch.setattr(loading, "shared", lambda *_: tiny_pipe)
    assert cli.main(["run", "--out", str(tmp_path), "--method", *words]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("python -m bench: error: ") and captured.err.count("\n") == 1
    assert message in captured.err
    assert not any(tmp_path.iterdir())


HEAVY = {"torch", "diffusers", "transformers", "pandas", "scipy", "rich"}
INSTANT = [
    (["--help"], 0, "examples, each after"),
    (["run", "--help"], 0, "--method"),
    (["list", "methods", "-v"], 0, "negative_guidance"),
    (["list", "models"], 0, "sdxl"),
    (["list", "suites"], 0, "objects"),
    (["list", "metrics"], 0, "judge"),
    (["show", "suite", "objects"], 0, "sha256"),
    ([*SMOKE, "--plan"], 0, "case airplane"),
    (["run", "--metod", "x"], 2, ""),
    (["lst"], 2, ""),
]


@pytest.mark.parametrize(
    ("words", "status", "said"), INSTANT, ids=[" ".join(w) for w, *_ in INSTANT]
)
def test_no_torch_where_nothing_is_computed(
    alone: Any, words: list[str], status: int, said: str
) -> None:
    done = alone(*words)
    assert done.status == status
    assert bool(done.out) == (status == 0) and bool(done.err) == (status != 0)
    assert said in done.out.casefold()
    assert not HEAVY & done.packages


def test_help_imports_nothing_but_the_standard_library(alone: Any) -> None:
    done = alone("--help")
    assert done.status == 0
    # "_distutils_hack" and its like are the environment's.
    assert {name for name in done.packages if not name.startswith("_")} <= {
        *sys.stdlib_module_names,
        "bench",
    }
    # Each command's own, whose help is listed, and a few that they share.
    commands = len(list((ROOT / "bench" / "cli" / "commands").glob("[!_]*.py")))
    assert len([name for name in done.modules if name.startswith("bench")]) < commands + 25


def test_importing_the_package_costs_nothing_and_has_the_call() -> None:
    code = (
        "import sys, bench\n"
        "print(sorted(name for name in sys.modules if name.startswith('bench')))\n"
        "from bench import run\n"
        "print(run.__module__, callable(run), 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == ["['bench']", "bench.runs.call True False"]


def test_a_list_reads_each_source_only_so_often(alone: Any) -> None:
    done = alone("list", "methods")
    methods = ROOT / "methods"
    reads = Counter(Path(name) for name in done.opened if methods in Path(name).parents)
    assert {*reads} >= {methods / "uce.py", methods / "esd" / "__init__.py"}
    assert max(count for path, count in reads.items() if path.suffix == ".py") <= 2


def test_the_version_is_said_with_the_commit(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert end.value.code == 0
    assert re.match(
        rf"erasure-bench {re.escape(__version__)}( \([0-9a-f]{{12}}.*\))?\n$",
        capsys.readouterr().out,
    )


def test_the_console_script_is_the_same_door() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, name = project["scripts"][SCRIPT].partition(":")
    assert getattr(importlib.import_module(module), name) is cli.main


@pytest.mark.parametrize(
    ("asked", "cards", "said"),
    [
        ("cuda:9", 2, "device cuda:9 is not on this machine; choices: cpu, cuda, cuda:0, cuda:1"),
        ("cuda:1", 1, "device cuda:1 is not on this machine; choices: cpu, cuda, cuda:0"),
        ("cuda", 0, "device cuda is not on this machine; choices: cpu"),
        ("mps", 0, "device mps is not on this machine; choices: cpu"),
        ("cuad", 1, "unknown device: 'cuad'; nearest: cuda; choices: cpu, cuda, cuda:0"),
        ("gpu", 1, "unknown device: 'gpu'; nearest: cpu; choices: cpu, cuda, cuda:0"),
        ("cuda:0,cuda:1", 2, "unknown device: 'cuda:0,cuda:1'"),
    ],
)
def test_a_device_that_is_not_here_is_refused(
    asked: str, cards: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "GPUS", ("/dev/null",))
    monkeypatch.setattr("torch.cuda.device_count", lambda: cards)
    with pytest.raises(InputError) as error:
        devices.device(asked)
    assert str(error.value).startswith(said)


def test_devices_are_called_as_torch_calls_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "GPUS", ("/dev/null",))
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert [devices.device(name) for name in (None, "cpu", "cuda:1")] == ["cuda", "cpu", "cuda:1"]
