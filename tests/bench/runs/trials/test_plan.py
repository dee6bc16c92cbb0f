"""What an attack refuses, and that it does so before any work and without torch."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench import cli, registry
from bench.cli.commands import run
from bench.results import Results
from bench.runs import capacity, sweep
from bench.runs import plan as common
from bench.runs.plan import specs
from bench.runs.resolved import Resolved
from bench.runs.schedule import Setup
from bench.runs.trials import attack, plan
from bench.runs.trials.folder import NUMBERS
from bench.types import InputError

ESD = ["--method", "esd", "--size", "smoke"]
P4D = ["--attack", "p4d", "--plan", "--attack-set"]
START = ["--attack", "image_guided", "--plan", "--attack-set"]


@pytest.mark.parametrize("command", ["attack", "run"])
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([*ESD, "--attack", "p4"], "unknown attack: 'p4'; nearest: p4d; choices: "),
        ([*ESD, "--attack", "all", "--budget", "quik"], "unknown budget: 'quik'; nearest: quick"),
        (["--method", "original", "--attack", "all"], "original erases nothing; name another"),
        (["--attack", "all"], "run needs --method"),
        ([*ESD, "--attack-set", "steps=3"], "attack needs --attack; choices: "),
        ([*ESD, *P4D, "step=3"], "unknown option of p4d: 'step'; nearest: steps"),
        ([*ESD, *P4D, "steps"], "--attack-set got 'steps', must be name=value"),
        ([*ESD, *P4D, "steps=x"], "--attack-set steps=x: p4d's option steps must be an integer"),
        (
            [*ESD, *P4D, "convention=fast"],
            "value of p4d's option convention: 'fast'; choices: official, quick",
        ),
        ([*ESD, *P4D, "look_every=3"], "look_every has no meaning with convention=quick"),
        ([*ESD, *P4D, "steps=0"], "option steps is 0, allowed is 1 or more"),
        ([*ESD, *START, "strength=2"], "option strength is 2.0, allowed is 0 to 1"),
        ([*ESD, *START, "strenth=1"], "unknown option of image_guided: 'strenth'; nearest: stren"),
        (
            [*ESD, *START, "said=nothing"],
            "value of image_guided's option said: 'nothing'; choices: neutral, original",
        ),
        (
            [*ESD, "--attack", "latent_invertion"],
            "unknown attack: 'latent_invertion'; nearest: latent_inversion",
        ),
        (["--method", "esdd", "--attack", "all"], "unknown method: 'esdd'; nearest: esd"),
    ],
)
def test_bad_input_is_refused_before_any_work(
    command: str,
    words: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "runs"
    assert cli.main([command, *words, "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("python -m bench: error: ") and error.count("\n") == 1
    assert message in error
    assert not out.exists()


def test_an_attack_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["attack", *ESD]) == 2
    assert "attack needs --attack; choices: " in capsys.readouterr().err


def test_attacks_are_tried_in_the_order_of_the_list_and_once() -> None:
    known = list(registry.attacks())
    assert [each.entry.name for each in plan.attempts(["all", "p4d"], "quick", "mini")] == known
    named = [each.entry.name for each in plan.attempts(["seed_search", "p4d"], "full", "sd")]
    assert named == ["p4d", "seed_search"]
    assert {each.kind for each in plan.attempts(["all"], "full", "mini")} == {
        "adaptive",
        "transfer",
    }


PLANNED = {
    "p4d": "1,296 U-Net evaluations",
    "unlearndiffatk": "1,280 U-Net evaluations",
    "inversion": "3,200 U-Net evaluations, 25 images of the concept drawn apart",
    "ring_a_bell": "0 U-Net evaluations",
    "seed_search": "0 U-Net evaluations",
    "latent_inversion": "640 U-Net evaluations, 16 images of the concept drawn apart",
    "image_guided": "0 U-Net evaluations, 16 images of the concept drawn apart",
}
"""What the quick convention may spend on the four prompts of size smoke."""


@pytest.mark.parametrize("command", ["attack", "run"])
def test_the_plan_says_what_may_be_spent_without_torch(
    alone: Any, command: str, tmp_path: Path
) -> None:
    done = alone(command, *ESD, "--attack", "all", "--plan", "--out", str(tmp_path / "runs"))
    assert done.status == 0 and not {"torch", "diffusers"} & done.packages
    for name, entry in registry.attacks().items():
        line = next(x for x in done.out.splitlines() if x.startswith(f"attack {name} ("))
        has = any(option.name == "convention" for option in entry.options)
        convention = "convention quick, " if has else ""
        kind = "adaptive" if entry.adaptive else "transfer"
        assert f"({convention}{kind}, budget quick) on esd" in line
        spent = PLANNED[name]
        assert line.endswith(f"4 prompts, at most {spent}, then 4 images each")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(("guidance", "image"), [("4", 40), ("1", 20)])
def test_the_plan_counts_what_a_search_draws(
    guidance: str, image: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """51 images a prompt of 20 steps, with and without the text where that is guided."""
    words = ["attack", *ESD, "--attack", "unlearndiffatk", "--plan", "--guidance", guidance]
    words += ["--attack-set", "convention=official", "--out", str(tmp_path / "runs")]
    assert cli.main(words) == 0
    drawn = 4 * 51 * image
    assert (
        f"(convention official, adaptive, budget quick) on esd, case airplane: 4 prompts, at most "
        f"{4 * 2000 + drawn:,} U-Net evaluations ({drawn:,} of them to draw 204 images)"
    ) in capsys.readouterr().out


def test_real_models_are_attacked_as_the_released_codes_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["attack", *ESD, "--model", "sd14", "--attack", "all", "--plan"]
    assert cli.main([*words, "--out", str(tmp_path / "runs")]) == 0
    printed = capsys.readouterr().out
    assert printed.count("(convention official, ") == 4 and "convention quick" not in printed


def test_a_setting_goes_to_every_attack_that_has_it() -> None:
    chosen = plan.attempts(["all"], "quick", "mini", ["convention=official", "tokens=4"])
    assert {each.entry.name: each.convention for each in chosen} == {
        **dict.fromkeys(["inversion", "p4d", "ring_a_bell", "unlearndiffatk"], "official"),
        **dict.fromkeys(["seed_search", "latent_inversion", "image_guided"], ""),
    }
    tokens = {each.entry.name: each.options.get("tokens") for each in chosen}
    assert tokens["p4d"] == tokens["ring_a_bell"] == 4 and tokens["inversion"] is None


def ran(specs: Any) -> Any:
    """Return results of runs of which nothing but what was asked for is known."""
    runs = [SimpleNamespace(record=SimpleNamespace(spec=spec)) for spec in specs]
    return SimpleNamespace(runs=tuple(runs), again=lambda: Results((), ()))


def test_run_attacks_what_it_has_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The order: erase, draw and measure first, then the attacks, on the same runs."""
    order: list[tuple[str, Any]] = []
    row = dict.fromkeys(NUMBERS, "nan") | {
        **{"method": "esd", "case": "airplane", "attack": "p4d", "kind": "adaptive"},
        **{"n": "10", "left_out": "2", "evaluations": "324", "seconds": "9.0"},
        **{"convention": "quick", "guard": "", "note": ""},
        **{"pre_asr": "0.1", "pre_asr_low": "0.02", "pre_asr_high": "0.4"},
        **{"asr": "0.4", "asr_low": "0.17", "asr_high": "0.69"},
        **{"matched_before": "0", "matched_before_low": "0", "matched_before_high": "0.3"},
    }

    def tried(runs: Any, chosen: Any, out: Path, setup: Any, _: Any) -> list[dict[str, str]]:
        order.append(("attack", ([spec.run_id for spec in runs], chosen[0].entry.name, out)))
        assert (setup.device, setup.workers, setup.threads) == ("cpu", 3, 1)
        return [row]

    def carried_out(runs: Any, out: Path, **more: Any) -> Any:
        order.append(("run", runs[1].run_id))
        return ran(runs)

    monkeypatch.setattr(sweep, "carry_out", carried_out)
    monkeypatch.setattr(run, "_compare", lambda *_: None)
    monkeypatch.setattr(attack, "attack", tried)
    words = ["run", *ESD, "--attack", "p4d", "--device", "cpu", "--out", str(tmp_path)]
    shared = ["--workers", "3", "--threads", "1"]
    assert cli.main([*words, *shared]) == 0
    (first, run_id), (second, (ids, name, out)) = order
    assert (first, second, name, out) == ("run", "attack", "p4d", tmp_path)
    assert ids[1] == run_id
    printed = capsys.readouterr().out
    assert "p4d" in printed and "0.40" in printed
    assert "airplane: 2 prompts left out" in printed
    order.clear()
    assert cli.main(["run", *ESD, "--device", "cpu", "--out", str(tmp_path)]) == 0
    assert [name for name, _ in order] == ["run"]


def test_attack_hands_on_by_how_many_it_is_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Setup] = []

    class Stopped(Exception):
        pass

    def tried(runs: Any, chosen: Any, out: Path, setup: Setup, _: Any) -> None:
        asked.append(setup)
        raise Stopped

    monkeypatch.setattr(common, "check_erasers", lambda *_: None)
    monkeypatch.setattr(attack, "attack", tried)
    words = ["attack", *ESD, "--attack", "p4d", "--device", "cpu", "--out", str(tmp_path)]
    with pytest.raises(Stopped):
        cli.main([*words, "--workers", "3", "--threads", "2"])
    assert [(each.workers, each.threads) for each in asked] == [(3, 2)]


@pytest.mark.parametrize("command", ["attack", "run"])
def test_the_plan_says_by_how_many_it_is_shared(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Erasures count once, images of runs and attacks together, searches by their batches."""
    monkeypatch.setattr(capacity, "cores", lambda: 1)
    words = [command, *ESD, "--attack", "p4d", "--attack", "seed_search", "--plan"]
    assert cli.main([*words, "--out", str(tmp_path)]) == 0
    # Four prompts: their un-erased images, 16 before and twice 16 after; a run of both models.
    batches = 1 + 1 + 2 + (0 if command == "attack" else 2 * 2)
    said = f"batches of images {batches}"
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("by ")]
    assert line.startswith("by 1 worker of 1 thread (1 usable core; to do: ")
    assert said in line and "erasures 1" in line and "searches 2" in line
    assert cli.main([*words, "--out", str(tmp_path), "--workers", "5"]) == 0
    assert "by 5 workers of 1 thread (as asked)" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["attack", "run"])
def test_images_that_nothing_can_judge_are_refused_before_any_work(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Resolved, "metrics", [registry.metric("change")])
    words = [command, *ESD, "--attack", "p4d", "--plan", "--out", str(tmp_path / "runs")]
    assert cli.main(words) == 2
    assert (
        "no metric of suite objects (change) tells whether images of mini show airplane"
        in capsys.readouterr().err
    )


def test_a_case_without_target_prompts_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    made = specs(["esd"], model="mini", suite="objects", size="smoke")
    chosen = plan.attempts(["p4d"], "quick", "mini")
    plan.check(made, chosen)
    monkeypatch.setattr(plan, "targets", lambda *args: [])
    with pytest.raises(InputError, match="no target prompts for case airplane"):
        plan.check(made, chosen)
