"""Trials: which prompts, before and after, batch by batch, and nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from safetensors.torch import load_file

from bench import pipelines
from bench.attacks.speaking import Speaking
from bench.edits import apply_edit
from bench.generate import generate
from bench.stats import wilson
from bench.store import read_rows
from bench.trials import trial
from bench.trials.folder import collect
from bench.types import InputError, RunRecord, Score

from .conftest import SMALL, Bench


def test_success_before_and_after_is_that_of_the_prompts_whose_original_shows_it(
    bench: Bench,
) -> None:
    first, second, third, fourth = bench.ids
    bench.eye.blind_to = {second}
    bench.eye.before = {first, second}
    bench.eye.brought = {f"{first}-2", f"{second}-0", f"{third}-0", f"{third}-1"}
    (row,) = bench.attack("seed_search")
    assert [
        (each["id"], each["before"], each["after"], each["hits"], each["first"])
        for each in bench.results("seed_search")
    ] == [(first, "1", "1", "1", "2"), (third, "0", "1", "2", "0"), (fourth, "0", "0", "0", "")]
    assert (row["n"], row["left_out"], row["images"], row["metric"]) == ("3", "1", "3", "eye")
    assert (row["role"], row["kind"], row["case"]) == ("attack.seed_search", "transfer", "airplane")
    for moment, hits in {"before": 1, "after": 2}.items():
        made = [float(row[moment + end]) for end in ("", "_low", "_high")]
        assert made == pytest.approx(wilson(hits, 3), abs=1e-5)
    assert read_rows(bench.folder.path / "attacks.csv") == [row]
    (listed,) = bench.out.glob("original-*/attacks/airplane/quick.csv")
    assert [each["shown"] for each in read_rows(listed)] == ["1", "0", "1", "1"]


@pytest.mark.parametrize("name", SMALL)
def test_every_attack_goes_through_and_only_adaptive_ones_get_the_erased_model(
    name: str, bench: Bench
) -> None:
    (row,) = bench.attack(name)
    assert row["convention"] == ("" if name == "seed_search" else "quick")
    # A word is learnt once for all prompts, the others are searched for two prompts at a time.
    assert len(bench.seen) == (1 if name == "inversion" else 2)
    for problem in bench.seen:
        assert (problem.erased is None) == (problem.eye is None) == (row["kind"] == "transfer")
        assert len(problem.prompts) == len(problem.pictures) == 4 // len(bench.seen)
        assert len(problem.examples) == (3 if name == "inversion" else 0)
    rows = bench.results(name)
    assert len(rows) == 4 and all(each["found"] for each in rows)
    cost = {"p4d": 3, "unlearndiffatk": 2, "inversion": 1}.get(name, 0)
    assert {float(each["evaluations"]) for each in rows} == {float(cost)}
    assert float(row["evaluations"]) == cost
    assert {each["candidates"] for each in rows} == {"3"}
    (path,) = bench.trials(name)
    assert len(list((path / "images").glob("*.png"))) == 12


def test_candidates_are_the_same_seeds_whatever_the_attack(bench: Bench) -> None:
    """The first is the prompt's own, so seed search's first candidate is the erased picture."""
    bench.attack("seed_search", "ring_a_bell")
    (floor,), (searched,) = bench.trials("seed_search"), bench.trials("ring_a_bell")
    names = {path.name for path in (floor / "images").iterdir()}
    assert names == {path.name for path in (searched / "images").iterdir()}
    unattacked = bench.folder.path / "attacks" / "airplane" / "unattacked"
    for name in bench.ids:
        same = (floor / "images" / f"{name}-0.png").read_bytes()
        assert same == (unattacked / f"{name}.png").read_bytes()
        assert same != (floor / "images" / f"{name}-1.png").read_bytes()


def test_a_finished_trial_is_read_and_nothing_is_loaded(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bench.attack("p4d", "seed_search")

    def forbidden(*args: Any, **more: Any) -> None:
        raise AssertionError("loaded, erased or looked at something")

    monkeypatch.setattr(pipelines, "shared", forbidden)
    monkeypatch.setattr(bench.eye, "shows", forbidden)
    monkeypatch.setattr(trial.runner, "erase", forbidden)
    assert bench.attack("p4d", "seed_search") == made
    assert len(bench.seen) == 4
    with pytest.raises(AssertionError, match="loaded"):
        bench.attack("p4d", steps=3)


def test_the_command_answers_for_finished_trials_without_torch(alone: Any, bench: Bench) -> None:
    (row,) = bench.attack("seed_search")
    words = ["attack", "--method", f"{bench.eraser}:Halver", "--concept", "airplane"]
    words += ["--steps", "1", "--attack", "seed_search", "--out", str(bench.out)]
    budget = "from bench.attacks import BUDGETS, Budget\nBUDGETS['quick'] = Budget(4, 3, 2)\n"
    done = alone(*words, before=budget)
    assert done.status == 0 and not {"torch", "diffusers"} & done.packages
    assert row["method"] in done.out and "seed_search" in done.out


def test_other_options_are_another_trial(bench: Bench) -> None:
    bench.attack("p4d")
    bench.attack("p4d", steps=3)
    assert len(bench.trials("p4d")) == 2
    assert len(read_rows(bench.folder.path / "attacks.csv")) == 2


def test_trials_of_an_edit_that_is_no_longer_there_are_not_listed(bench: Bench) -> None:
    bench.attack("ring_a_bell")
    bench.folder.edit_path("airplane").unlink()
    bench.eraser.write_text(bench.eraser.read_text().replace("self.factor", "self.factor / 2"))
    bench.attack("seed_search")
    (row,) = read_rows(bench.folder.path / "attacks.csv")
    assert row["role"] == "attack.seed_search"


def comparable(bench: Bench, name: str) -> list[dict[str, str]]:
    return [{key: row[key] for key in row if key != "seconds"} for row in bench.results(name)]


def test_a_stopped_trial_goes_on_in_the_batch_it_stopped_in(
    bench: Bench, another: Callable[[], None]
) -> None:
    bench.eye.brought = {f"{bench.ids[0]}-0", f"{bench.ids[3]}-1"}
    bench.stop_at = 1
    with pytest.raises(KeyboardInterrupt):
        bench.attack("unlearndiffatk")
    assert [bool(row["after"]) for row in bench.results("unlearndiffatk")] == [True] * 2 + [
        False
    ] * 2
    assert not (bench.trials("unlearndiffatk")[0] / "summary.csv").exists()
    bench.stop_at = None
    (resumed,) = bench.attack("unlearndiffatk")
    assert [[p.id for p in each.prompts] for each in bench.seen] == [bench.ids[:2], bench.ids[2:]]
    rows = comparable(bench, "unlearndiffatk")
    another()
    (whole,) = bench.attack("unlearndiffatk")
    assert len(bench.seen) == 2
    assert rows == comparable(bench, "unlearndiffatk")
    # The file of the edit says how long erasing took, so its hash differs.
    both = [{**row, "seconds": "", "edit": ""} for row in (resumed, whole)]
    assert both[0] == both[1]


def test_what_was_found_is_kept_before_it_is_drawn(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop while drawing does not search again, and draws with the word that was learnt."""
    with monkeypatch.context() as patch:

        def stopped(*args: Any, **more: Any) -> Any:
            if "images" in str(args[2]):
                raise KeyboardInterrupt
            return generate(*args, **more)

        patch.setattr(trial, "generate", stopped)
        with pytest.raises(KeyboardInterrupt):
            bench.attack("inversion")
    assert len(bench.seen) == 1
    (path,) = bench.trials("inversion")
    words = load_file(path / "embeddings" / "0.safetensors")
    assert list(words) == ["<airplane>"]
    bench.attack("inversion")
    assert len(bench.seen) == 1
    row = bench.results("inversion")[0]
    assert "<airplane>" in row["found"] and row["embedding"] == "0.safetensors"


def test_candidates_are_drawn_with_the_learnt_word_by_the_erased_model(
    bench: Bench, tiny_pipe: Any, tmp_path: Any
) -> None:
    bench.attack("inversion", learning_rate=0.5)
    (path,) = bench.trials("inversion")
    rows = bench.results("inversion")
    erased = apply_edit(tiny_pipe, bench.folder.edit_path("airplane"))
    prompts = [
        candidate
        for row, asked in zip(rows, bench.seen[0].prompts, strict=True)
        for candidate in candidates(bench, asked, row["found"])
    ]
    words = load_file(path / "embeddings" / "0.safetensors")
    sampler = bench.specs()[1].sampler
    drawn = generate(Speaking(erased, words), prompts, tmp_path / "again", sampler)
    plain = generate(erased, prompts, tmp_path / "plain", sampler)
    for image, other in zip(drawn, plain, strict=True):
        assert image.read_bytes() == (path / "images" / image.name).read_bytes()
        assert image.read_bytes() != other.read_bytes()


def candidates(bench: Bench, asked: Any, text: str) -> Any:
    from bench import registry
    from bench.trials.plan import Attempt

    entry = registry.attacks()["inversion"]
    made = trial.Trial(bench.specs()[1], bench.folder, None, Attempt(entry, {}, "quick"))  # type: ignore[arg-type]
    return made.candidates(asked, text)


def test_nothing_is_erased_when_no_prompt_draws_the_concept(bench: Bench) -> None:
    bench.eye.blind_to = set(bench.ids)
    with pytest.raises(InputError, match="draws the concept of none of the 4 prompts"):
        bench.attack("seed_search")
    assert not bench.folder.edit_path("airplane").exists()


def test_nothing_is_erased_when_a_prompt_does_not_fit(bench: Bench) -> None:
    with pytest.raises(InputError, match="with 30 more it must have at most 30"):
        bench.attack("p4d", tokens=30)
    assert not bench.folder.edit_path("airplane").exists()


def test_damaged_results_are_refused_with_the_way_out(bench: Bench) -> None:
    bench.attack("seed_search")
    (path,) = bench.trials("seed_search")
    (path / "summary.csv").unlink()
    text = (path / "results.csv").read_text().splitlines()
    (path / "results.csv").write_text("\n".join(text[:-1]) + "\n")
    with pytest.raises(InputError, match="does not list this trial's prompts; delete"):
        bench.attack("seed_search")


def test_success_after_an_attack_is_among_a_finished_runs_scores(bench: Bench) -> None:
    first, *_ = bench.ids
    bench.eye.brought = {f"{first}-0"}
    bench.attack("seed_search")
    assert not bench.folder.is_done()
    spec = bench.specs()[1]
    far = Score("Halver", "mini", "objects", "airplane", "eye", "far", 1.0, 0.9, 1.0, 9)
    bench.folder.write_record(RunRecord(spec, {}, {}, (far,)))
    for _ in range(2):
        collect(bench.folder)
        kept, found = bench.folder.read_record().scores
        assert kept == far
        assert (found.role, found.metric, found.value, found.n) == (
            *("attack.seed_search", "eye"),
            *(0.25, 4),
        )
    assert [score.role for score in bench.folder.read_scores()] == ["far", "attack.seed_search"]
