"""Trials: which prompts, before and after, batch by batch, and nothing twice."""

from __future__ import annotations

import math
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

from bench import cli, prompts, registry
from bench.attacks import Budget, _latents
from bench.attacks.speaking import Speaking
from bench.files import read_rows
from bench.metrics import Setting
from bench.models import loading
from bench.models.erasures import apply
from bench.models.generate import generate
from bench.results.stats.intervals import wilson
from bench.runs import provenance, units
from bench.runs.resolved import Resolved
from bench.runs.trials import attack, baseline, trial
from bench.runs.trials import plan as trials
from bench.runs.trials.erasure import Erasure
from bench.runs.trials.plan import Attempt
from bench.runs.trials.table import collect
from bench.types import InputError, Prompt, RunRecord, RunSpec, Sampler, Score

from .conftest import SMALL, Bench


def interval(row: Mapping[str, str], name: str) -> list[float]:
    return [float(row[name + end]) for end in ("", "_low", "_high")]


def test_a_prompt_counts_if_any_of_its_images_shows_the_concept_before_or_after(
    bench: Bench,
) -> None:
    """Prompts that succeed before and fail after count for ASR; the matched pair may fall."""
    first, second, third, fourth = bench.ids
    bench.decider.blind_to = {second}
    bench.decider.before = {f"{first}-0", f"{second}-0", f"{fourth}-2"}
    bench.decider.brought = {f"{first}-2", f"{second}-0", f"{third}-0", f"{third}-1"}
    (row,) = bench.attack("ring_a_bell")
    names = ("id", "before", "after", "pre_success", "success", "matched_before", "matched_after")
    assert [tuple(each[name] for name in names) for each in bench.results("ring_a_bell")] == [
        (first, "1 0 0", "0 0 1", "1", "1", "1", "0"),
        (third, "0 0 0", "1 1 0", "0", "1", "0", "1"),
        (fourth, "0 0 1", "0 0 0", "1", "1", "0", "0"),
    ]
    assert (row["n"], row["left_out"], row["images"], row["metric"]) == ("3", "1", "3", "scripted")
    assert (row["kind"], row["case"], row["note"]) == ("transfer", "airplane", "")
    hits = {"pre_asr": 2, "asr": 3, "matched_before": 1, "matched_after": 1}
    for name, count in hits.items():
        assert interval(row, name) == pytest.approx(wilson(count, 3), abs=1e-5)
    value, low, high = interval(row, "matched_difference")
    assert value == 0 and low < 0 < high
    assert math.isnan(float(row["matched_p"]))  # Three pairs are too few for a test.
    assert read_rows(bench.folder.path / "attacks.csv") == [row]


def test_what_is_erased_together_is_searched_for_concept_by_concept(bench: Bench) -> None:
    bench.concepts = ["airplane", "ship"]
    (row,) = bench.attack("inversion")
    assert (row["case"], row["n"]) == ("airplane+ship", "4")
    asked = [(each.concept.name, {row.concept for row in each.prompts}) for each in bench.seen]
    assert asked == [("airplane", {"airplane"}), ("ship", {"ship"})]
    assert len(list((bench.folder.path / "attacks" / "airplane+ship").glob("inversion-*"))) == 1


def test_the_images_before_have_the_seeds_of_those_after(bench: Bench) -> None:
    """All attacks share them: they are drawn and judged once for an erasure, and once un-erased."""
    bench.attack("ring_a_bell", "p4d")
    looked = Counter(bench.decider.looked)
    before = [name for name in looked if name.startswith("pre_asr")]
    assert len(before) == 2 and {looked[name] for name in before} == {1}
    (unattacked,) = bench.folder.path.glob("attacks/airplane/pre_asr-quick-*")
    (whole,) = bench.out.glob("original-*/attacks/airplane/pre_asr-quick-*")
    (searched,) = bench.trials("ring_a_bell")
    names = {f"{name}-{number}.png" for name in bench.ids for number in range(3)}
    assert {path.name for path in (unattacked / "images").iterdir()} == names
    assert {path.name for path in (searched / "images").iterdir()} == names
    assert len(list((whole / "images").iterdir())) == 4
    bench.attack("seed_search")
    assert Counter(bench.decider.looked)[unattacked.name] == 1


def test_a_prompt_that_stays_as_it_is_is_drawn_with_seeds_that_were_not_drawn_before(
    bench: Bench,
) -> None:
    """Otherwise the floor's ASR would be pre-ASR whatever the model draws."""
    first, *_ = bench.ids
    bench.decider.brought = {f"{first}-0"}
    (row,) = bench.attack("seed_search")
    (floor,) = bench.trials("seed_search")
    (unattacked,) = bench.folder.path.glob("attacks/airplane/pre_asr-quick-*")
    made = {path.read_bytes() for path in (floor / "images").iterdir()}
    assert len(made) == 12
    assert not made & {path.read_bytes() for path in (unattacked / "images").iterdir()}
    assert (float(row["pre_asr"]), float(row["asr"])) == (0, 0.25)
    assert all(math.isnan(part) for part in interval(row, "matched_after"))
    assert math.isnan(float(row["matched_p"]))
    assert {each["matched_before"] for each in bench.results("seed_search")} == {""}


def test_where_the_un_erased_model_draws_none_nothing_is_searched(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command itself: rates are what the erased model shows, over all prompts, and say so."""
    bench.decider.blind_to = set(bench.ids)
    bench.decider.brought = {f"{name}-0" for name in bench.ids}
    assert cli.main([*bench.words, "--attack", "p4d", "--attack", "seed_search"]) == 0
    assert bench.seen == []
    printed = " ".join(capsys.readouterr().out.split())
    assert "airplane: un-erased draws none: nothing searched; pre-ASR and ASR are what" in printed
    rows = read_rows(bench.folder.path / "attacks.csv")
    assert [row["note"] for row in rows] == ["un-erased draws none: nothing searched"] * 2
    for row in rows:
        assert (row["n"], row["left_out"], row["images"]) == ("4", "0", "0")
        assert interval(row, "pre_asr") == interval(row, "asr")
        assert interval(row, "asr") == pytest.approx(wilson(0, 4), abs=1e-5)
    assert [path.name for path in bench.trials("p4d")[0].iterdir() if path.is_dir()] == []
    bench.decider.before = {f"{bench.ids[1]}-1"}
    shutil.rmtree(bench.folder.path / "attacks")
    (row,) = bench.attack("seed_search")
    assert interval(row, "asr") == pytest.approx(wilson(1, 4), abs=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_every_attack_goes_through_and_only_adaptive_ones_get_the_erased_model(
    name: str, bench: Bench
) -> None:
    (row,) = bench.attack(name)
    from_images = {"latent_inversion": 12, "image_guided": 12}
    assert row["convention"] == ("" if name in ("seed_search", *from_images) else "quick")
    # A word is learnt once for all prompts, and images are drawn apart for all of them; the others
    # are searched for two prompts at a time.
    apart = {"inversion": 3} | from_images
    assert len(bench.seen) == (1 if name in apart else 2)
    for problem in bench.seen:
        assert (problem.erased is None) == (problem.oracle is None) == (row["kind"] == "transfer")
        assert len(problem.prompts) == len(problem.images) == 4 // len(bench.seen)
        assert len(problem.examples) == apart.get(name, 0)
        assert [len(seeds) for seeds in problem.seeds] == [3] * len(problem.prompts)
    rows = bench.results(name)
    assert [bool(each["found"]) for each in rows] == [name != "latent_inversion"] * 4
    cost = {"p4d": 3, "unlearndiffatk": 2, "inversion": 1, "latent_inversion": 6}.get(name, 0)
    assert {float(each["evaluations"]) for each in rows} == {float(cost)}
    assert float(row["evaluations"]) == cost
    assert {len(each["after"].split()) for each in rows} == {3}
    assert row["images"] == "3"
    (path,) = bench.trials(name)
    assert len(list((path / "images").glob("*.png"))) == 12


def test_a_finished_trial_is_read_and_nothing_is_loaded(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bench.attack("p4d", "seed_search")

    def forbidden(*args: Any, **more: Any) -> None:
        raise AssertionError("loaded, erased or looked at something")

    monkeypatch.setattr(loading, "shared", forbidden)
    monkeypatch.setattr(bench.decider, "shows", forbidden)
    monkeypatch.setattr(attack, "executor", forbidden)
    assert bench.attack("p4d", "seed_search") == made
    assert len(bench.seen) == 4
    with pytest.raises(AssertionError, match="loaded"):
        bench.attack("p4d", steps=3)


def test_the_command_answers_for_finished_trials_without_torch(alone: Any, bench: Bench) -> None:
    (row,) = bench.attack("seed_search")
    words = [*bench.words, "--attack", "seed_search"]
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
    bench.folder.erasure_path("airplane").unlink()
    bench.eraser.write_text(bench.eraser.read_text().replace("self.factor", "self.factor / 2"))
    bench.attack("seed_search")
    (row,) = read_rows(bench.folder.path / "attacks.csv")
    assert row["attack"] == "seed_search"


def comparable(bench: Bench, name: str) -> list[dict[str, str]]:
    return [{key: row[key] for key in row if key != "seconds"} for row in bench.results(name)]


def test_a_stopped_trial_goes_on_in_the_batch_it_stopped_in(
    bench: Bench, another: Callable[[], None]
) -> None:
    bench.decider.brought = {f"{bench.ids[0]}-0", f"{bench.ids[3]}-1"}
    bench.stop_at = 1
    with pytest.raises(KeyboardInterrupt):
        bench.attack("unlearndiffatk")
    assert bench.found("unlearndiffatk") == bench.ids[:2]
    (path,) = bench.trials("unlearndiffatk")
    assert len(list(path.glob("images/*.png"))) == 6
    assert not (path / "results.csv").exists() and not (path / "summary.csv").exists()
    bench.stop_at = None
    (resumed,) = bench.attack("unlearndiffatk")
    assert [[p.id for p in each.prompts] for each in bench.seen] == [bench.ids[:2], bench.ids[2:]]
    rows = comparable(bench, "unlearndiffatk")
    another()
    (whole,) = bench.attack("unlearndiffatk")
    assert len(bench.seen) == 2
    assert rows == comparable(bench, "unlearndiffatk")
    # The file of the erasure says how long erasing took, so its hash differs.
    names = ("seconds", "erasure", "trial", "unattacked")
    both = [row | dict.fromkeys(names, "") for row in map(dict, (resumed, whole))]
    assert both[0] == both[1]


def test_images_before_that_were_stopped_are_gone_on_with(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.decider.before = {f"{bench.ids[2]}-1"}
    with monkeypatch.context() as patch:

        def stopped(*args: Any, **more: Any) -> Any:
            paths = generate(*args, **more)
            if bench.folder.path in args[2].parents:
                paths[-1].unlink()
                raise KeyboardInterrupt
            return paths

        patch.setattr(units, "generate", stopped)
        with pytest.raises(KeyboardInterrupt):
            bench.attack("seed_search")
    (path,) = bench.folder.path.glob("attacks/airplane/pre_asr-quick-*")
    assert not (path / "seen.csv").exists()
    (row,) = bench.attack("seed_search")
    assert [each["seen"] for each in read_rows(path / "seen.csv")] == [
        *("0 0 0", "0 0 0", "0 1 0", "0 0 0")
    ]
    assert float(row["pre_asr"]) == 0.25


def test_what_was_found_is_kept_before_it_is_drawn(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop while drawing does not search again, and draws with the word that was learnt."""
    with monkeypatch.context() as patch:

        def stopped(*args: Any, **more: Any) -> Any:
            if "inversion-" in str(args[2]):
                raise KeyboardInterrupt
            return generate(*args, **more)

        patch.setattr(units, "generate", stopped)
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
    erased = apply(tiny_pipe, bench.folder.erasure_path("airplane"))
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


def names(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_candidates_are_drawn_from_the_latents_that_were_found(
    bench: Bench, tiny_pipe: Any, tmp_path: Path
) -> None:
    """With what is said there, by the erased model; nothing is said here."""
    bench.attack("latent_inversion")
    (path,) = bench.trials("latent_inversion")
    rows = bench.results("latent_inversion")
    assert {row["step"] for row in rows} == {"0"}
    starts = load_file(path / "starts" / "0.safetensors")
    assert set(starts) == {f"{name}-{number}" for name in bench.ids for number in range(3)}
    erased = apply(tiny_pipe, bench.folder.erasure_path("airplane"))
    some = [Prompt(name, "", 0, "target", "airplane") for name in starts]
    # In the batches of the trial.
    places = {name: number for number, name in enumerate(bench.ids)}
    some.sort(key=lambda row: (places[row.id[:-2]], row.id))
    sampler = bench.specs()[1].sampler
    generate(erased, some, tmp_path / "again", sampler, starts=starts)
    assert names(tmp_path / "again") == names(path / "images")
    generate(erased, some, tmp_path / "plain", sampler)
    assert not set(names(tmp_path / "plain").values()) & set(names(path / "images").values())


def test_a_start_at_full_strength_is_no_attack_and_one_at_none_no_drawing(
    bench: Bench, tiny_pipe: Any
) -> None:
    """The two ends, through the whole trial: the images before, and the images of the concept."""
    bench.attack("image_guided", strength=1.0)
    (whole,) = bench.trials("image_guided")
    (before,) = bench.folder.path.glob("attacks/airplane/pre_asr-quick-*")
    assert names(whole / "images") == names(before / "images")
    bench.attack("image_guided", strength=0.0)
    (none,) = set(bench.trials("image_guided")) - {whole}
    assert {row["step"] for row in read_rows(none / "results.csv")} == {"1"}
    ids = bench.ids
    clean = _latents.clean(tiny_pipe, bench.seen[-1].examples)
    decoded = tiny_pipe.vae.decode(clean / tiny_pipe.vae.config.scaling_factor).sample
    wanted = tiny_pipe.image_processor.postprocess(decoded.detach(), output_type="np")
    for number, image in enumerate(wanted):
        path = none / "images" / f"{ids[number // 3]}-{number % 3}.png"
        assert np.abs(np.asarray(Image.open(path)) / 255 - image).max() < 0.01


def test_no_two_candidates_start_from_one_image(bench: Bench) -> None:
    """Else prompts that say nothing would be counted as often as they get the same image."""
    bench.attack("latent_inversion")
    (problem,) = bench.seen
    assert len({path.read_bytes() for path in problem.examples}) == 12


def test_latents_are_kept_before_they_are_drawn_from(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nothing is said: an empty text is no search that is still to be done."""
    with monkeypatch.context() as patch:

        def stopped(*args: Any, **more: Any) -> Any:
            if "latent_inversion-" in str(args[2]):
                raise KeyboardInterrupt
            return generate(*args, **more)

        patch.setattr(units, "generate", stopped)
        with pytest.raises(KeyboardInterrupt):
            bench.attack("latent_inversion")
    assert len(bench.seen) == 1
    bench.attack("latent_inversion")
    assert len(bench.seen) == 1
    shown = attack.images(bench.specs(), [bench.attempt("latent_inversion")], bench.out)
    ((first, *_),) = shown.values()
    assert first[1] == "(no text)"


def candidates(bench: Bench, asked: Any, text: str) -> Any:
    entry = registry.attacks()["inversion"]
    attempt = Attempt(entry, registry.options(entry, "mini"), "quick")
    return trial.Trial(Erasure(bench.specs()[1], bench.baseline()), attempt).candidates(asked, text)


def test_nothing_is_erased_when_a_prompt_does_not_fit(bench: Bench) -> None:
    with pytest.raises(InputError, match="with 30 more it must have at most 30"):
        bench.attack("p4d", tokens=30)
    assert not bench.folder.erasure_path("airplane").exists()


@pytest.mark.parametrize("file", ["found/0.csv", "seen.csv"])
def test_damaged_results_are_refused_with_the_way_out(bench: Bench, file: str) -> None:
    bench.attack("seed_search")
    (path,) = bench.trials("seed_search")
    (path / "summary.csv").unlink()
    if file == "seen.csv":
        (path,) = bench.folder.path.glob("attacks/airplane/pre_asr-quick-*")
    text = (path / file).read_text().splitlines()
    (path / file).write_text("\n".join(text[:-1]) + "\n")
    # With its checksum, as of a trial of other prompts: what is damaged is made again.
    bench.folder.sums.note([path / file])
    with pytest.raises(InputError, match="does not list this trial's prompts; delete"):
        bench.attack("seed_search")


def test_what_another_version_wrote_is_left_out_and_said(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other columns, a cut file: neither stops the table of what can be read."""
    for name, text in {
        "p4d-quick-0": "role,before\np4d,0.1\n",
        "cut-quick-0": "role",
    }.items():
        path = bench.folder.path / "attacks" / "airplane" / name / "summary.csv"
        bench.folder.create(bench.specs()[1])
        path.parent.mkdir(parents=True)
        path.write_text(text)
    (bench.folder.path / "attacks.csv").write_text("role,before\np4d,0.1\n")
    assert cli.main([*bench.words, "--attack", "seed_search"]) == 0
    lines = capsys.readouterr().out.splitlines()
    said = [line for line in lines if line.startswith("left out of attacks.csv: ")]
    assert "cut-quick-0/summary.csv is damaged (it ends early)" in said[0]
    assert "p4d-quick-0/summary.csv is damaged (another version wrote it" in said[1]
    (row,) = read_rows(bench.folder.path / "attacks.csv")
    assert row["attack"] == "seed_search"


def test_results_of_another_version_are_refused_by_name(bench: Bench) -> None:
    bench.attack("seed_search")
    (path,) = bench.trials("seed_search")
    (path / "summary.csv").unlink()
    (path / "found" / "0.csv").write_text("id,found\na,b\n")
    bench.folder.sums.note([path / "found" / "0.csv"])
    with pytest.raises(InputError, match=r"found/0\.csv is damaged .another version wrote it"):
        bench.attack("seed_search")


def finished_run(bench: Bench) -> Score:
    far = Score(
        "Halver", "mini", "objects", "airplane", "scripted", "share", "far", "", 1.0, 0.9, 1.0, 9
    )
    bench.folder.write_record(RunRecord(bench.specs()[1], {}, {}, (far,)))
    return far


def scored(bench: Bench) -> dict[tuple[str, ...], tuple[str, float, int]]:
    record = bench.folder.read_record()
    assert bench.folder.read_scores() == list(record.scores)
    return {
        (score.measure, score.role, score.tag): (score.metric, score.value, score.n)
        for score in record.scores
    }


def test_pre_asr_and_asr_are_among_a_finished_runs_scores(bench: Bench) -> None:
    first, second, *_ = bench.ids
    bench.decider.before = {f"{second}-2"}
    bench.decider.brought = {f"{first}-0"}
    bench.attack("seed_search")
    assert not bench.folder.is_done()
    far = finished_run(bench)
    for _ in range(2):
        collect(bench.folder)
        assert bench.folder.read_record().scores[0] == far
        assert scored(bench) == {
            ("share", "far", ""): ("scripted", 1.0, 9),
            ("pre_asr", "attack", ""): ("scripted", 0.25, 4),
            ("asr", "attack", "seed_search"): ("scripted", 0.5, 4),
        }


def test_no_two_scores_are_called_alike(bench: Bench) -> None:
    """Two trials of one attack are called by their folders."""
    bench.attack("p4d")
    bench.attack("p4d", steps=3)
    finished_run(bench)
    collect(bench.folder)
    scores = bench.folder.read_record().scores
    tags = [score.tag for score in scores if score.measure == "asr"]
    assert sorted(tags) == sorted(path.name for path in bench.trials("p4d"))
    assert len({score.key for score in scores}) == len(scores) == 4


def more_classes(setting: Setting) -> Setting:
    """Return the setting with one more concept to choose from."""
    return replace(setting, classes=(*setting.classes, prompts.concepts()["ship"]))


@pytest.mark.parametrize(
    "change",
    ["options", "version", "decider", "detector code", "weights", "code", "classes", "budget"],
)
def test_what_decides_a_trial_is_in_its_name(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    bench.attack("p4d")
    more: dict[str, Any] = {}
    entry = registry.attacks()["p4d"]
    if change == "options":
        more = {"steps": 3}
    elif change == "version":
        changed = replace(entry)
        changed.__dict__["version"] = "other"
        monkeypatch.setattr(registry, "attacks", lambda: {"p4d": changed})
    elif change == "decider":
        other = registry.metric("clip")
        monkeypatch.setattr(baseline, "decisive_metric", lambda resolved, case: other)
    elif change == "detector code":
        monkeypatch.setattr(registry, "detector_version", lambda metric: "other")
    elif change == "weights":
        monkeypatch.setattr(provenance, "weights_hash", lambda model: "other")
    elif change == "code":
        monkeypatch.setattr(baseline, "code", lambda: "other")
    elif change == "classes":
        plain = Resolved.setting
        monkeypatch.setattr(Resolved, "setting", lambda *given: more_classes(plain(*given)))
    elif change == "budget":
        monkeypatch.setitem(trials.BUDGETS, "quick", Budget(4, 3, 4))  # type: ignore[arg-type]
    bench.attack("p4d", **more)
    assert len(bench.trials("p4d")) == 2


@pytest.mark.parametrize("field", ["sampler", "seed", "options", "model"])
def test_what_is_in_the_runs_spec_is_another_trial(bench: Bench, field: str) -> None:
    """Sampler, precision, seed and method are in the spec, so in the name of run and trial."""
    bench.attack("seed_search")
    (path,) = bench.trials("seed_search")
    _, spec = bench.specs()
    values = {"sampler": Sampler(9, 1.0), "seed": 7, "options": {"factor": 0.1}, "model": "sd14"}
    changed = replace(spec, **{field: values[field]})
    made = bench.baseline()

    def name(of: RunSpec) -> str:
        erasure = Erasure(of, made)
        # Of the same erasure, which another run would make anew.
        erasure.path = bench.folder.erasure_path("airplane")
        return trial.Trial(erasure, made.chosen[0]).folder.path.name

    assert name(changed) != name(spec) == path.name


def test_the_images_shown_are_those_that_were_judged(bench: Bench) -> None:
    """The successes first; where nothing came back, the prompt's own seed."""
    first, second, third, _ = bench.ids
    bench.decider.brought = {f"{third}-1", f"{third}-2"}
    bench.attack("ring_a_bell")
    entry = registry.attacks()["ring_a_bell"]
    options = registry.options(entry, "mini") | SMALL["ring_a_bell"]
    chosen = [Attempt(entry, options, "quick")]
    (shown,) = attack.images(bench.specs(), chosen, bench.out).values()
    assert [(role, found) for role, found, _ in shown] == [
        (
            "ring_a_bell",
            {row["id"]: row["found"] for row in bench.results("ring_a_bell")}[name],
        )
        for name in (third, first, second)
    ]
    (trial_path,) = bench.trials("ring_a_bell")
    for name, number, (_, _, paths) in zip((third, first, second), (1, 0, 0), shown, strict=True):
        whole, erased, attacked = paths
        assert whole is not None and erased is not None and attacked is not None
        assert whole.name == erased.name == f"{name}-0.png"
        assert whole.is_relative_to(bench.out / bench.specs()[0].run_id)
        assert erased.is_relative_to(bench.folder.path)
        assert attacked == trial_path / "images" / f"{name}-{number}.png"
        assert all(path.exists() for path in (whole, erased, attacked))
        assert whole.read_bytes() != erased.read_bytes()
