"""Trials on the tiny pipeline with a fake detector: bookkeeping, resumption, cache, refusals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from bench import attack_plan, pipelines, plan, prompts, registry, trials
from bench.attack_plan import Attempt
from bench.attacks import BUDGETS, Attack, Budget, Found, Problem
from bench.cli import main
from bench.detector import Detector
from bench.metrics import Measure, Metric, Setting, Verdict
from bench.store import RunFolder, read_rows
from bench.trial_folder import TrialFolder
from bench.types import InputError, Progress, Prompt, RunSpec, Sampler, silent

SPEC = RunSpec("uce", {}, "tiny", "objects", "1", ("airplane",), "smoke", Sampler(1, 2.0), 0)
PLAIN = replace(SPEC, method="original")


@dataclass(frozen=True)
class Fake(Attack):
    """Says a word of its own, or learns one; counts its searches."""

    paper: ClassVar[str] = ""
    adaptive: ClassVar[bool] = True
    learns: bool = False
    searches: ClassVar[list[int]] = []
    seen: ClassVar[list[Problem]] = []

    def search(self, problem: Problem, progress: Progress = silent) -> list[Found]:
        self.searches.append(len(problem.prompts))
        self.seen.append(problem)
        if self.learns:
            vector = torch.ones(1, 32)
            return [Found("a <x>", 0.5, "<x>", vector) for _ in problem.prompts]
        return [Found(f"attacked {prompt.text}", 0.5) for prompt in problem.prompts]

    def evaluations(self) -> int:
        return 0


class Reader(Metric):
    """Sees the airplane un-erased except for one prompt, and erased where it was attacked."""

    paper = detector = "none"
    columns = ("label",)
    fooled: ClassVar[str] = "airplane-target-001"

    def measures(self) -> tuple[Measure, ...]:
        return ()

    def measure(
        self,
        images: Sequence[Path],
        prompts: Sequence[Prompt],
        setting: Setting,
        progress: Progress = silent,
    ) -> list[Verdict]:
        return [{"label": self.see(path, row)} for path, row in zip(images, prompts, strict=True)]

    def see(self, path: Path, row: Prompt) -> str:
        assert path.exists()
        if "original-" in str(path):
            return "bird" if row.id == self.fooled else "airplane"
        hit = "attacked" in row.text or "<x>" in row.text
        return "airplane" if hit and row.id.endswith("-2") else "bird"


@pytest.fixture(autouse=True)
def world(tiny_pipe: Any, erased: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.types import Eraser

    class Halver(Eraser):
        def erase(self, pipe: Any, concepts: Any, *, seed: int, progress: Any = silent) -> Any:
            return erased

    monkeypatch.setattr(pipelines, "shared", lambda name, device: tiny_pipe)
    monkeypatch.setattr(pipelines, "family", lambda name: "mini")
    monkeypatch.setattr(registry, "load_method", lambda entry, options: _halver(Halver))
    monkeypatch.setattr(registry, "load_attack", lambda entry, options: Fake(**options))
    monkeypatch.setattr(registry, "load_metric", lambda entry, values: Reader())
    monkeypatch.setitem(BUDGETS, "quick", Budget(prompts=4, candidates=3, batch=2))  # type: ignore
    Fake.searches.clear()
    Fake.seen.clear()


def _halver(kind: Any) -> Any:
    made = object.__new__(kind)
    made.options = dict
    return made


def attempt(name: str = "p4d", **options: Any) -> Attempt:
    return Attempt(registry.attacks()[name], options, "quick")


def go(out: Path, *chosen: Attempt) -> list[dict[str, str]]:
    return trials.attack([PLAIN, SPEC], chosen or (attempt(),), out)


def trial_folder(out: Path) -> Path:
    (path,) = (RunFolder(out, SPEC.run_id).path / "attacks" / "airplane").glob("p4d-quick-*")
    return path


def test_before_and_after_are_counted_over_usable_prompts_only(tmp_path: Path) -> None:
    (row,) = go(tmp_path)
    assert (row["n"], row["left_out"]) == ("3", "1")
    assert (row["before"], row["after"]) == ("0", "1")
    assert float(row["after_low"]) == pytest.approx(0.4385, abs=1e-3)
    assert row["role"] == "attack.p4d" and row["kind"] == "adaptive"
    assert row["images"] == "3"
    results = read_rows(trial_folder(tmp_path) / "results.csv")
    assert Reader.fooled not in {each["id"] for each in results}
    assert [each["hits"] for each in results] == ["1", "1", "1"]
    assert all(each["found"] == f"attacked {each['text']}" for each in results)
    table = read_rows(RunFolder(tmp_path, SPEC.run_id).path / "attacks.csv")
    assert table == [row]
    asked = read_rows(RunFolder(tmp_path, PLAIN.run_id).path / "attacks" / "airplane" / "quick.csv")
    assert [each["shown"] for each in asked] == ["1", "0", "1", "1"]


def test_an_attack_that_says_nothing_new_brings_nothing_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        Fake, "search", lambda self, problem, progress: [Found(p.text) for p in problem.prompts]
    )
    (row,) = go(tmp_path)
    assert (row["before"], row["after"]) == ("0", "0")


def test_a_finished_trial_is_read_and_another_edit_is_another_trial(tmp_path: Path) -> None:
    first = go(tmp_path)
    assert Fake.searches == [2, 1]
    assert go(tmp_path) == first
    assert Fake.searches == [2, 1]
    edit = RunFolder(tmp_path, SPEC.run_id).edit_path("airplane")
    edit.unlink()
    from bench.edits import save_edit

    save_edit(
        *(Fake.seen[0].original, Fake.seen[0].erased, edit),
        method="",
        options={},
        concepts=[],
        seconds=9.0,
    )
    go(tmp_path)
    assert Fake.searches == [2, 1, 2, 1]


def test_a_stopped_trial_goes_on_at_its_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = go(tmp_path / "whole")
    draw, calls = trials.generate, []

    def stop(*args: Any, **settings: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return draw(*args, **settings)

    monkeypatch.setattr(trials, "generate", stop)
    Fake.searches.clear()
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "cut")
    results = read_rows(trial_folder(tmp_path / "cut") / "results.csv")
    assert [each["after"] for each in results] == ["1", "1", ""]
    assert all(each["found"] for each in results)
    monkeypatch.setattr(trials, "generate", draw)
    again = go(tmp_path / "cut")
    assert Fake.searches == [2, 1]
    keep = ("before", "after", "n", "images", "left_out")
    assert [again[0][key] for key in keep] == [whole[0][key] for key in keep]


def test_transfer_attacks_are_not_given_the_erased_model(tmp_path: Path) -> None:
    go(tmp_path, attempt("p4d"), attempt("ring_a_bell"))
    assert [problem.erased is None for problem in Fake.seen] == [False, False, True, True]


def test_learnt_words_are_stored_and_drawn(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    (row,) = go(tmp_path, attempt(learns=True))
    assert row["after"] == "1"
    words = load_file(trial_folder(tmp_path) / "embeddings" / "0.safetensors")
    assert torch.equal(words["<x>"], torch.ones(1, 32))


def test_candidates_start_with_the_prompts_own_seed_and_are_the_same_for_all(
    tmp_path: Path,
) -> None:
    trial = trials.Trial(SPEC, RunFolder(tmp_path, "x"), Any, attempt())  # type: ignore[arg-type]
    row = Prompt("a", "text", 7, "target", "airplane")
    seeds = [each.seed for each in trial.candidates(row, "one")]
    assert seeds[0] == 7 and len(set(seeds)) == 3
    assert seeds == [each.seed for each in trial.candidates(row, "another")]


def test_nothing_is_erased_where_the_un_erased_model_draws_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Detector, "shows", lambda self, paths, rows, p=None: [False] * len(rows))
    with pytest.raises(InputError, match="draws the concept of none of the 4 prompts"):
        go(tmp_path)
    assert not RunFolder(tmp_path, SPEC.run_id).path.exists()


def test_a_metric_that_cannot_read_is_refused_before_any_erasing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reader, "families", frozenset({"sdxl"}))
    with pytest.raises(InputError, match="no metric of suite objects can read"):
        go(tmp_path)
    assert not RunFolder(tmp_path, SPEC.run_id).path.exists()


def test_results_of_other_prompts_are_refused(tmp_path: Path) -> None:
    folder = TrialFolder(RunFolder(tmp_path, "x"), "airplane", "p4d-quick-0")
    folder.write([dict.fromkeys(("id", "text"), "a")])
    with pytest.raises(InputError, match="does not list this trial's prompts"):
        folder.read(["b"])


def test_what_is_asked_for_is_checked() -> None:
    assert len(attack_plan.attempts(["all"], "quick")) == len(registry.attacks())
    for names, budget, text in (
        (["p4"], "quick", "nearest: p4d"),
        (["p4d"], "quik", "nearest: quick"),
        ([], "quick", "needs --attack"),
    ):
        with pytest.raises(InputError, match=text):
            attack_plan.attempts(names, budget)
    with pytest.raises(InputError, match="original erases nothing"):
        attack_plan.check([PLAIN], [attempt()])


def test_the_plan_says_what_each_attack_may_spend(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attack", "--method", "uce", "--attack", "p4d", "--plan"]) == 0
    assert (
        "attack p4d (adaptive, quick) on uce, case airplane: 4 prompts" in capsys.readouterr().out
    )
    assert main(["run", "--method", "uce", "--attack", "p4d", "--plan"]) == 0
    assert "324 U-Net evaluations and 3 images each" in capsys.readouterr().out
    assert main(["run", "--method", "uce", "--attack", "p4", "--plan"]) == 2
    assert plan.ORIGINAL == "original" and "objects" in prompts.suites()
