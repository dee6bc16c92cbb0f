"""Runs on the tiny pipeline with an eraser and a metric made here, so no weights are needed."""

from __future__ import annotations

import copy
import json
import math
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import torch

from bench import prompts, registry
from bench.files import read_rows
from bench.metrics import Measure, Metric, Setting, Verdict, _classes
from bench.metrics._images import read_images, square
from bench.metrics.cost import Cost
from bench.models import loading, meter
from bench.models.eraser import Eraser
from bench.models.erasures import read
from bench.models.weights import loaded
from bench.registry import imports
from bench.results import authority, sums
from bench.results.store import RunFolder
from bench.runs import outline, runner, units
from bench.types import (
    Case,
    Concept,
    Form,
    InputError,
    Progress,
    Prompt,
    RunSpec,
    Sampler,
    Size,
    Suite,
    silent,
)

CONCEPTS = {
    name: Concept(name, "object", "the sky", near=near)
    for name, near in {"airplane": ("bird",), "bird": ("airplane",), "cat": ()}.items()
}
IMAGES = {"target": 2, "synonym": 2, "near": 2, "far": 3}
SUITE = Suite(
    name="toys",
    version="1",
    kind="object",
    cases=tuple(Case(name, (name,)) for name in CONCEPTS),
    sizes=(Size("smoke", IMAGES, ("airplane",)),),
    prompt_files=("toys.csv",),
    metrics=("hue", "other"),
    summary="",
)


@dataclass(frozen=True)
class Doubler(Eraser):
    """Doubles one matrix per case and counts how often it was called."""

    paper: ClassVar[str] = ""
    touches: ClassVar[tuple[str, ...]] = ("unet.*",)
    calls: ClassVar[list[str]] = []

    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, torch.Tensor]:
        self.calls.append(concepts[0].name)
        progress("erase", 0, 1)
        name = "mid_block.attentions.0.transformer_blocks.0.attn2.to_v.weight"
        changed = pipe.unet.get_parameter(name).detach() * (2 + len(concepts[0].name))
        progress("erase", 1, 1)
        return {name: changed}


@dataclass(frozen=True)
class Nothing(Doubler):
    """Erases nothing."""

    def fit(
        self, pipe: Any, concepts: Sequence[Concept], *, seed: int, progress: Progress = silent
    ) -> Mapping[str, torch.Tensor]:
        return {}


@dataclass(frozen=True)
class Idle(Nothing):
    """Erases nothing and says that it does, as another form or by giving back a copy."""

    form: ClassVar[Form] = "inference"

    def apply(self, pipe: Any, concepts: Sequence[Concept], tensors: Any) -> Any:
        return copy.copy(pipe)


@dataclass(frozen=True)
class Same(Idle):
    """Gives back what it was given."""

    def apply(self, pipe: Any, concepts: Sequence[Concept], tensors: Any) -> Any:
        return pipe


@dataclass(frozen=True)
class Drawer(Idle):
    """Fits no tensor and draws otherwise, each concept in its own way."""

    def apply(self, pipe: Any, concepts: Sequence[Concept], tensors: Any) -> Any:
        fitted = Doubler().fit(pipe, concepts, seed=0)
        return loaded(pipe, fitted)


class Hue(Metric):
    """Tells the concepts by which colour is strongest."""

    paper = ""
    detector = "colour"
    columns = _classes.COLUMNS

    def measures(self) -> tuple[Measure, ...]:
        return _classes.measures(self.name)

    def measure(
        self,
        images: Sequence[Path],
        prompts: Sequence[Prompt],
        setting: Setting,
        progress: Progress = silent,
    ) -> list[Verdict]:
        pixels, readable = read_images(images, square(64))
        shares = torch.stack(pixels).mean(dim=(2, 3)).softmax(dim=1).tolist()
        progress("measure", len(images), len(images))
        labels = [concept.name for concept in setting.classes][:3]
        return _classes.verdicts(shares, labels, readable, prompts, setting.erased)


class SdxlOnly(Hue):
    """Cannot read these images."""

    families = frozenset({"sdxl"})


@pytest.fixture(autouse=True)
def world(tiny_pipe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def entry(name: str, kind: str) -> registry.Entry:
        return registry.Entry(name, kind, "", "", "", "", (), {}, {}, (), Path(__file__))

    text = "id,concept,role,text,seed\n" + "".join(
        f"{name}-{role}-{i},{name},{role},a {name} in the {place},{i}\n"
        for name in CONCEPTS
        for role in ("target", "synonym")
        for i, place in enumerate(("sky", "sea", "room"))
    )
    (tmp_path / "toys.csv").write_text(text)
    made = {"doubler": Doubler(), "original": Nothing(), "hue": Hue(), "other": SdxlOnly()}
    monkeypatch.setattr(prompts, "FOLDER", tmp_path)
    monkeypatch.setattr(prompts, "concepts", lambda: CONCEPTS)
    monkeypatch.setattr(prompts, "suites", lambda: {"toys": SUITE})
    monkeypatch.setattr(loading, "load", lambda *_: tiny_pipe)
    made |= {"nothing": Nothing(), "idle": Idle(), "same": Same(), "drawer": Drawer()}
    names = ("doubler", "original", "nothing", "idle", "same", "drawer")
    methods = {name: entry(name, "method") for name in names}
    metrics = {name: entry(name, "metric") for name in ("hue", "other")}
    monkeypatch.setattr(imports, "version", lambda path, module: "")
    monkeypatch.setattr(registry, "methods", lambda: methods)
    monkeypatch.setattr(registry, "metrics", lambda: metrics)
    monkeypatch.setattr(registry, "load_method", lambda entry, options: made[entry.name])
    monkeypatch.setattr(registry, "load_metric", lambda entry, values: made[entry.name])
    Doubler.calls.clear()


@pytest.fixture
def spec(tmp_path: Path) -> RunSpec:
    (tmp_path / "model").mkdir()
    model = str(tmp_path / "model")
    cases = ("airplane", "cat")
    version = prompts.suite("toys").version
    return RunSpec("doubler", {}, model, "toys", version, cases, "smoke", Sampler(1, 2.0), 0)


def go(spec: RunSpec, out: Path, progress: Progress = silent) -> Any:
    return runner.run(spec, out, batch_size=4, progress=progress)


def files(out: Path) -> dict[str, bytes]:
    """Return the contents of every file that must not depend on how a run came about."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file()
        and path.name not in ("record.json", sums.NAME)
        and path.suffix != ".safetensors"
    }


def test_a_run_leaves_its_files_and_a_record(spec: RunSpec, tmp_path: Path) -> None:
    record = go(spec, tmp_path / "out")
    folder = RunFolder(tmp_path / "out", spec.run_id)
    assert folder.read_record() == record
    assert folder.read_scores() == list(record.scores)
    rows = folder.read_per_image()
    assert list(rows[0]) == [
        *("case", "id", "role", "tag", "concept", "text", "seed", "image"),
        *("hue_label", "hue_probability", "hue_erased", "hue_confidence", "hue_entropy"),
    ]
    assert len(rows) == 2 + 2 + 2 + 3 + 2 + 2 + 3  # the cat has no look-alike
    assert all((folder.path / row["image"]).exists() for row in rows)
    assert {score.case for score in record.scores} == {"airplane", "cat", "all"}
    assert set(record.seconds) == {"load", "erase", "generate", "image", "measure", "total"}
    assert record.provenance["prompts_sha256"] == prompts.file_hash(SUITE)
    assert record.provenance["started"] <= record.provenance["finished"]
    assert record.provenance["packages"]["torch"]


def test_erased_images_differ_from_the_un_erased_ones(spec: RunSpec, tmp_path: Path) -> None:
    original = replace(spec, method="original")
    go(spec, tmp_path)
    go(original, tmp_path)
    before = RunFolder(tmp_path, original.run_id).images("unerased") / "airplane-target-0.png"
    after = RunFolder(tmp_path, spec.run_id).images("airplane") / "airplane-target-0.png"
    assert before.read_bytes() != after.read_bytes()


def test_un_erased_images_are_stored_once_for_all_cases(spec: RunSpec, tmp_path: Path) -> None:
    original = replace(spec, method="original")
    go(original, tmp_path)
    folder = RunFolder(tmp_path, original.run_id)
    assert [path.name for path in (folder.path / "images").iterdir()] == ["unerased"]
    rows = folder.read_per_image()
    assert len({row["image"] for row in rows}) < len(rows)


@pytest.mark.parametrize(
    ("method", "problem"),
    [
        ("nothing", "it leaves every weight as it was"),
        ("same", "its `apply` gives back the pipeline that it was given"),
        ("idle", "it draws 'a photo of airplane' as the un-erased model does"),
    ],
)
def test_a_method_that_changes_nothing_is_refused(
    spec: RunSpec, tmp_path: Path, method: str, problem: str
) -> None:
    with pytest.raises(InputError, match=f"{method} changes nothing for case airplane: {problem}"):
        go(replace(spec, method=method), tmp_path)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_an_erasure_without_tensors_is_not_taken_for_the_un_erased_model(
    spec: RunSpec, tmp_path: Path
) -> None:
    record = go(replace(spec, method="drawer"), tmp_path)
    assert record.provenance["form"] == "inference"
    folder = RunFolder(tmp_path, record.spec.run_id)
    assert {path.name for path in (folder.path / "images").iterdir()} == {"airplane", "cat"}
    header = read(folder.erasure_path("cat"))
    assert (header.form, header.method, header.concepts) == ("inference", "drawer", ("cat",))
    assert not header.shapes
    # The same weights by the other way draw the same images.
    other = RunFolder(tmp_path, go(spec, tmp_path).spec.run_id)
    for name in ("airplane", "cat"):
        mine, theirs = (each.images(name) / f"{name}-target-0.png" for each in (folder, other))
        assert mine.read_bytes() == theirs.read_bytes()


def test_a_finished_run_is_returned_without_work(
    spec: RunSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = go(spec, tmp_path)
    monkeypatch.setattr(loading, "load", None)
    assert go(spec, tmp_path) == record
    assert Doubler.calls == ["airplane", "cat"]


def test_a_finished_run_is_measured_again_by_a_detector_that_is_another_now(
    spec: RunSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it and a new run, measured by the new detector, could not stand in one table."""
    before = go(spec, tmp_path)
    monkeypatch.setattr(Hue, "detector", "tint")
    assert "to be measured again by hue" in "\n".join(outline.describe([spec], tmp_path))
    # Nothing is drawn.
    monkeypatch.setattr(loading, "load", None)
    after = go(spec, tmp_path)
    named = [record.provenance["detectors"]["hue"] for record in (before, after)]
    assert ["colour" in named[0], "tint" in named[1]] == [True, True]
    assert after == RunFolder(tmp_path, spec.run_id).read_record()
    assert after.scores == before.scores
    assert "again" not in "\n".join(outline.describe([spec], tmp_path))


@pytest.mark.parametrize("cases", [("airplane", "cat"), ("airplane+cat",)])
def test_killed_at_any_progress_it_resumes_to_the_same_files(
    cases: tuple[str, ...], spec: RunSpec, tmp_path: Path
) -> None:
    spec = replace(spec, cases=cases)
    steps: list[str] = []
    go(spec, tmp_path / "whole", lambda what, done, total: steps.append(what))
    whole = files(tmp_path / "whole")
    assert len(steps) > 6
    for kill in range(len(steps)):
        out = tmp_path / str(kill)
        left = [kill]

        def killer(what: str, done: int, total: int, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            go(spec, out, killer)
        assert not RunFolder(out, spec.run_id).is_done()
        go(spec, out)
        assert files(out) == whole


def test_killed_while_writing_it_resumes_to_the_same_files(
    spec: RunSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(spec, tmp_path / "whole")
    whole = files(tmp_path / "whole")
    replace_file, count = os.replace, [0]

    def half_written(source: Any, target: Any) -> None:
        count[0] -= 1
        if count[0] == 0:
            Path(source).write_bytes(Path(source).read_bytes()[:20])
            raise KeyboardInterrupt
        replace_file(source, target)

    monkeypatch.setattr("os.replace", half_written)
    kill = 1
    while True:
        out = tmp_path / str(kill)
        count[0] = kill
        try:
            go(spec, out)
            break  # more writes survived than a run has
        except KeyboardInterrupt:
            pass
        go(spec, out)
        assert files(out) == whole
        kill += 4
    assert kill > 20


def test_a_file_of_ones_own_is_erased_together(spec: RunSpec, tmp_path: Path) -> None:
    from bench.prompts import importers

    (tmp_path / "mine.csv").write_text(
        "prompt,concept,type\na kite,kite,erased\nan oar,oar,erased\na cat,cat,preserved\n"
    )
    folder = tmp_path / "mine"
    importers.import_file(tmp_path / "mine.csv", folder, trusted=lambda *_: ["hue"])
    table = folder / "suite.toml"
    table.write_text(re.sub("metrics = .*", 'metrics = ["hue"]', table.read_text()))
    found = prompts.suite(str(folder))
    own = replace(
        spec,
        suite="mine",
        suite_version=found.version,
        cases=tuple(case.name for case in found.cases),
        places={"suite": str(folder)},
    )
    record = go(own, tmp_path / "out")
    rows = RunFolder(tmp_path / "out", own.run_id).read_per_image()
    assert [(row["case"], row["role"], row["concept"]) for row in rows] == [
        ("kite+oar", "target", "kite"),
        ("kite+oar", "target", "oar"),
        ("kite+oar", "far", "cat"),
    ]
    assert {score.case for score in record.scores} == {"kite+oar"} and Doubler.calls == ["kite"]


def test_erase_seconds_survive_a_resumed_run(spec: RunSpec, tmp_path: Path) -> None:
    def killer(what: str, done: int, total: int) -> None:
        if what == "measure":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(spec, tmp_path, killer)
    record = go(spec, tmp_path)
    assert Doubler.calls == ["airplane", "cat"]
    assert record.seconds["erase"] > 0
    assert record.provenance["resumed"] is True


@pytest.fixture
def costs(world: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Costs are measured too, on a clock that ticks once for every latent in the U-Net."""
    suite = replace(SUITE, metrics=("hue", "cost"))
    load = registry.load_metric
    entries = registry.metrics() | {"cost": replace(registry.metrics()["hue"], name="cost")}
    monkeypatch.setattr(prompts, "suites", lambda: {"toys": suite})
    monkeypatch.setattr(registry, "metrics", lambda: entries)
    monkeypatch.setattr(
        registry,
        "load_metric",
        lambda entry, values: Cost() if entry.name == "cost" else load(entry, values),
    )
    with meter.counted() as spent:
        clock = SimpleNamespace(perf_counter=lambda: float(spent()))
        monkeypatch.setattr(units, "time", clock)
        yield


def slowdowns(record: Any) -> list[tuple[float, int]]:
    return [(s.value, s.n) for s in record.scores if s.measure == "slowdown"]


@pytest.mark.parametrize("missing", [1, 3, 9])
def test_seconds_an_image_are_those_of_what_was_drawn(
    costs: None, spec: RunSpec, tmp_path: Path, missing: int
) -> None:
    """Of a batch of four in which one image is missing, four are drawn: two latents each."""
    spec = replace(spec, cases=("airplane",))
    go(replace(spec, method="original"), tmp_path)
    whole = go(spec, tmp_path)
    folder = RunFolder(tmp_path, spec.run_id)
    folder.record_path.unlink()
    images = sorted(folder.images("airplane").iterdir())
    assert len(images) == 9
    for path in images[:missing]:
        path.unlink()
    resumed = go(spec, tmp_path)
    assert whole.seconds["image"] == resumed.seconds["image"] == 2
    assert slowdowns(whole) == slowdowns(resumed) == [(1.0, 1)]


def test_what_was_not_drawn_or_drawn_elsewhere_has_no_slowdown(
    costs: None, spec: RunSpec, tmp_path: Path
) -> None:
    spec = replace(spec, cases=("airplane",))
    original = replace(spec, method="original")
    go(original, tmp_path)
    go(spec, tmp_path)
    folder = RunFolder(tmp_path, spec.run_id)
    folder.record_path.unlink()
    record = go(spec, tmp_path)
    assert "image" not in record.seconds
    ((value, n),) = slowdowns(record)
    assert (math.isnan(value), n) == (True, 0)
    shutil.rmtree(folder.path)
    other = RunFolder(tmp_path, original.run_id)
    text = other.record_path.read_text()
    assert '"device": "cpu"' in text
    other.record_path.write_text(text.replace('"device": "cpu"', '"device": "cuda (x)"'))
    other.sums.note([other.record_path])
    ((value, n),) = slowdowns(go(spec, tmp_path))
    assert (math.isnan(value), n) == (True, 0)


def test_every_n_is_a_count_in_the_files(costs: None, spec: RunSpec, tmp_path: Path) -> None:
    go(replace(spec, cases=("airplane",)), tmp_path)
    folder = RunFolder(tmp_path, replace(spec, cases=("airplane",)).run_id)
    rows = read_rows(folder.scores_path)
    assert {row["n"] for row in rows if row["metric"] == "cost"} == {"0", "1"}
    assert all(row["n"].isdigit() for row in rows)
    assert {type(each["n"]) for each in json.loads(folder.record_path.read_text())["scores"]} == {
        int
    }


def test_an_image_that_cannot_be_opened_is_counted_and_never_zero(
    spec: RunSpec, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path, spec.run_id)
    folder.create(spec)
    image = folder.images("airplane") / "airplane-target-0.png"
    image.parent.mkdir(parents=True)
    image.write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    folder.sums.note([image])
    record = go(spec, tmp_path)
    found = {(s.case, s.measure, s.role): s for s in record.scores}
    assert found["airplane", "share", "target"].n == 1
    assert found["airplane", "unread", "all"].value == pytest.approx(1 / 9)
    row = folder.read_per_image()[0]
    assert (row["hue_label"], row["hue_probability"], row["hue_erased"]) == ("", "nan", "nan")


def test_another_spec_is_refused_before_any_erasing(spec: RunSpec, tmp_path: Path) -> None:
    go(spec, tmp_path)
    folder = RunFolder(tmp_path, spec.run_id)
    folder.record_path.unlink()
    folder.erasure_path("airplane").unlink()
    folder.spec_path.write_bytes(folder.spec_path.read_bytes()[:30])
    folder.sums.path.unlink()
    Doubler.calls.clear()
    with pytest.raises(InputError) as error:
        go(spec, tmp_path)
    assert "\n" not in str(error.value)
    assert Doubler.calls == []


def test_measurements_of_other_images_are_refused(spec: RunSpec, tmp_path: Path) -> None:
    go(spec, tmp_path)
    folder = RunFolder(tmp_path, spec.run_id)
    folder.record_path.unlink()
    folder.write_per_image(folder.read_per_image()[1:])
    with pytest.raises(InputError, match="does not list this run's images"):
        go(spec, tmp_path)


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("role", "far", "row 2, role: 'far' instead of 'target'"),
        ("seed", "7", "row 2, seed: '7' instead of '0'"),
        ("hue_probability", "high", "row 2, hue_probability: 'high' is no number"),
    ],
)
def test_a_cell_edited_by_hand_is_named(
    spec: RunSpec, tmp_path: Path, column: str, value: str, problem: str
) -> None:
    go(spec, tmp_path)
    folder = RunFolder(tmp_path, spec.run_id)
    folder.record_path.unlink()
    rows = folder.read_per_image()
    rows[0][column] = value
    folder.write_per_image(rows)
    with pytest.raises(InputError, match=problem):
        go(spec, tmp_path)


def test_the_record_knows_what_per_image_held(spec: RunSpec, tmp_path: Path) -> None:
    record = go(spec, tmp_path)
    folder = RunFolder(tmp_path, spec.run_id)
    before = folder.per_image_hash()
    assert record.provenance["per_image_sha256"] == before
    folder.write_per_image([row | {"tag": "x"} for row in folder.read_per_image()])
    assert folder.per_image_hash() != before


def test_metrics_see_the_unerased_images_of_the_run_beside_it(
    spec: RunSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[str]] = []
    measure = Hue.measure

    def remember(self: Hue, images: Any, prompts: Any, setting: Setting, progress: Any) -> Any:
        there = setting.unerased.items()
        assert all(path.name == f"{name}.png" for name, path in there)
        seen.append({path.parent.parent.parent.name for _, path in there})
        return measure(self, images, prompts, setting, progress)

    monkeypatch.setattr(Hue, "measure", remember)
    spec = replace(spec, cases=("airplane",))
    original = replace(spec, method="original")
    go(spec, tmp_path / "alone")
    go(original, tmp_path / "both")
    go(spec, tmp_path / "both")
    assert seen == [set(), {original.run_id}, {original.run_id}]


def test_a_metric_that_cannot_be_loaded_is_refused_before_any_erasing(
    spec: RunSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(self: Hue, family: str, device: str) -> None:
        raise InputError("no weights")

    monkeypatch.setattr(Hue, "prepare", missing)
    with pytest.raises(InputError, match="no weights"):
        go(spec, tmp_path)
    assert Doubler.calls == []


def test_a_model_that_no_metric_can_read_is_refused(
    spec: RunSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hue, "families", frozenset({"sdxl"}))
    with pytest.raises(InputError, match="no metric of suite toys can read images"):
        go(spec, tmp_path)


def test_unknown_names_are_refused(spec: RunSpec, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="airplane"):
        go(replace(spec, cases=("airplan",)), tmp_path)


def test_a_suite_from_outside_runs_with_its_own_concepts_and_general_prompts(
    spec: RunSpec, tmp_path: Path
) -> None:
    from bench.prompts import importers

    (tmp_path / "mine.csv").write_text(
        "prompt,concept,role\na wyvern,wyvern,target\na chair,chair,far\na rock,,general\n"
    )
    importers.import_file(tmp_path / "mine.csv", tmp_path / "mine", trusted=authority.trusted_names)
    suite = str(tmp_path / "mine")
    # The metric that the import chose reads real images; this test's reads these.
    table = tmp_path / "mine" / "suite.toml"
    table.write_text(re.sub("metrics = .*", 'metrics = ["hue"]', table.read_text()))
    version = prompts.suite(suite).version
    outside = replace(
        spec,
        suite="mine",
        suite_version=version,
        cases=("wyvern",),
        size="full",
        places={"suite": suite},
    )
    record = go(outside, tmp_path / "out")
    assert Doubler.calls == ["wyvern"]
    rows = RunFolder(tmp_path / "out", outside.run_id).read_per_image()
    assert [(row["role"], row["concept"]) for row in rows] == [
        ("target", "wyvern"),
        ("far", "chair"),
        ("general", ""),
    ]
    assert (
        rows[-1]["hue_label"] in ("wyvern", "chair", "airplane")
        and rows[-1]["hue_probability"] == "nan"
    )
    (unread,) = [score for score in record.scores if score.measure == "unread"]
    assert unread.value == 0
    assert record.provenance["prompts_sha256"] == prompts.file_hash(prompts.suite(suite))
