"""Identity, style, change, remainder and cost, on rendered images whose content is known."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from bench import data, registry
from bench.metrics import STAYING, Setting, View, _perceptual
from bench.metrics.change import Change
from bench.metrics.cost import Cost
from bench.metrics.identity import Identity, read_verdicts
from bench.metrics.remainder import Remainder
from bench.metrics.style import Style
from bench.models.mini.world.render import render
from bench.models.mini.world.truth import Truth
from bench.results.stats.aggregate import aggregate
from bench.results.stats.headlines import conclude
from bench.types import ALL, Concept, InputError, Kind, Prompt, Role, RunSpec, Sampler, silent

ROOT = data.ROOT
LINCOLN = Concept("Abraham Lincoln", "person", "a person")
CLEOPATRA = Concept("Cleopatra", "person", "a person")


def draw(folder: Path, name: str, truth: Truth) -> Path:
    import numpy as np

    path = folder / f"{name}.png"
    render(truth, np.random.default_rng(0)).save(path)
    return path


def prompt(name: str, role: Role, concept: str, tag: str = "", text: str = "") -> Prompt:
    return Prompt(name, text or f"a photo of {concept}", 0, role, concept, tag)


def rows(metric: object, found: list[dict[str, str | float]], prompts: list[Prompt]) -> list:
    name = metric.name  # type: ignore[attr-defined]
    return [
        {"case": "c", "role": p.role, "tag": p.tag, "concept": p.concept}
        | {f"{name}_{key}": str(value) for key, value in verdict.items()}
        for p, verdict in zip(prompts, found, strict=True)
    ]


def scored(metric: object, found: list, prompts: list[Prompt], kind: Kind) -> dict:
    spec = RunSpec("m", {}, "mini", "s", "1", ("c",), "quick", Sampler(1, 1.0), 0)
    made = rows(metric, found, prompts)
    scores = aggregate(made, spec, [metric], family="mini")  # type: ignore[list-item]
    scores += conclude(made, spec, [metric], kind, decides=metric)  # type: ignore[list-item, arg-type]
    return {(s.measure, s.role): s for s in scores}


# --- identity ---------------------------------------------------------------------------------


def test_people_are_told_apart_and_nobody_counts_apart(tmp_path: Path) -> None:
    images = [
        draw(tmp_path, "a", Truth(person="Abraham Lincoln")),
        draw(tmp_path, "b", Truth(person="Cleopatra")),
        draw(tmp_path, "c", Truth(object="ship", name="ship", colour="red", scene="sea")),
        tmp_path / "nowhere.png",
    ]
    prompts = [prompt(str(n), "target", "Abraham Lincoln") for n in range(4)]
    metric = Identity()
    setting = Setting((LINCOLN,), (LINCOLN, CLEOPATRA), "mini", "cpu")
    found = metric.measure(images, prompts, setting)
    assert [v["label"] for v in found] == ["Abraham Lincoln", "Cleopatra", "none", ""]
    scores = scored(metric, found, prompts, "person")
    # The image of nobody is in neither rate, and counted as faceless.
    assert (scores["share", "target"].value, scores["share", "target"].n) == (0.5, 2)
    assert scores["faceless", "target"].value == pytest.approx(1 / 3)
    assert scores["unread", "all"].value == 0.25


def test_verdicts_of_a_face_recogniser_are_read(tmp_path: Path) -> None:
    file = tmp_path / "faces.csv"
    file.write_text("image,label,probability\na.png,Cleopatra,0.9\nb,,\n")
    metric = Identity(str(file))
    prompts = [prompt(str(n), "far", "Cleopatra") for n in range(3)]
    setting = Setting((LINCOLN,), (LINCOLN, CLEOPATRA), "sd", "cpu")
    found = metric.measure([Path("x/a.png"), Path("x/b.png"), Path("x/c.png")], prompts, setting)
    assert [v["label"] for v in found] == ["Cleopatra", "none", ""]
    assert found[0]["probability"] == 0.9 and found[1]["face"] == 0.0
    assert math.isnan(float(found[2]["face"]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("who,image\n", "columns are who, image, must be image, label, probability"),
        ("image,label,probability\na,b,high\n", "cannot be read as verdicts"),
        ("", "columns are missing"),
        ("image,label\na.png,Cleopatra\nb.png\n", "the row of b.png has not 2 columns"),
        ("image,label\na.png,Cleopatra,0.9\n", "the row of a.png has not 2 columns"),
        ("image,label\na.png,Cleopatra\na.png,\n", "line 3: another verdict on a.png"),
        ("image,label,probability\na.png,Cleopatra,90\n", "probability 90 of a.png is not from"),
    ],
)
def test_other_files_are_no_verdicts(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "faces.csv"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        read_verdicts(file)
    with pytest.raises(InputError, match="cannot be read as verdicts"):
        read_verdicts(tmp_path / "nowhere.csv")


@pytest.mark.parametrize("folder", ["", "lincoln/", "images/lincoln/"])
def test_a_recognisers_label_is_the_suites_name_and_its_probability_no_other_persons(
    tmp_path: Path, folder: str
) -> None:
    file = tmp_path / "my_faces.csv"
    file.write_text(
        f"image,label,probability\n{folder}a.png,abraham_lincoln,0.8\nb.png,Cleopatra,0.9\n"
    )
    metric = registry.metric(f"identity@{file}")
    prompts = [prompt(str(n), "target", "Abraham Lincoln") for n in range(2)]
    setting = Setting((LINCOLN,), (LINCOLN, CLEOPATRA), "sd", "cpu")
    images = tmp_path / "images" / "lincoln"
    found = metric.measure([images / "a.png", images / "b.png"], prompts, setting)
    assert [(v["label"], v["erased"]) for v in found] == [("Abraham Lincoln", 1), ("Cleopatra", 0)]
    assert found[0]["probability"] == 0.8 and math.isnan(float(found[1]["probability"]))
    scores = scored(metric, found, prompts, "person")
    assert metric.name == registry.metric(metric.name).name == "identity@my-faces"
    assert scores["share", "target"].value == 0.5
    # Known only of images that are right, a mean would be too good.
    assert ("probability", "target") not in scores
    assert "probability" in {measure.name for measure in Identity().measures()}


# --- style ------------------------------------------------------------------------------------


def test_clip_e_clip_s_and_h_a_are_means_and_their_difference() -> None:
    prompts = [prompt("a", "target", "mosaic"), prompt("b", "near", "neon")]
    prompts += [prompt("c", "far", "sepia"), prompt("d", "target", "mosaic")]
    found: list = [{"clip": c, "distance": 0.1} for c in (20.0, 30.0, 34.0, 24.0)]
    scores = scored(Style(), found, prompts, "style")
    assert scores["CLIP_e", "all"].value == 22.0
    assert scores["CLIP_s", "all"].value == 32.0
    assert scores["H_a", "all"].value == 10.0


def test_a_image_fits_its_own_style_best(tmp_path: Path) -> None:
    image = draw(tmp_path, "a", Truth("ship", "ship", "red", "sea", "mosaic"))
    prompts = [
        prompt(style, "target", style, text=f"a ship in the style of {style}")
        for style in ("mosaic", "neon", "blueprint")
    ]
    setting = Setting((Concept("mosaic", "style", "a photo"),), (), "mini", "cpu")
    own, *others = (v["clip"] for v in Style().measure([image] * 3, prompts, setting))
    assert all(float(own) > float(other) for other in others)


# --- change -----------------------------------------------------------------------------------


def test_the_same_image_has_not_changed_and_another_one_has(tmp_path: Path) -> None:
    ship = draw(tmp_path, "a", Truth(object="ship", name="ship", colour="red", scene="sea"))
    cat = draw(tmp_path, "b", Truth(object="cat", name="cat", colour="blue", scene="room"))
    prompts = [prompt(name, "far", "ship") for name in ("a", "b", "c", "d")]
    reference = {"a": ship, "b": ship, "c": tmp_path / "nowhere.png"}
    setting = Setting((), (), "mini", "cpu", reference)
    same, other, gone, none = Change().measure([ship, cat, ship, ship], prompts, setting)
    assert same["distance"] == pytest.approx(0, abs=1e-6)
    assert same["clip"] == pytest.approx(0, abs=1e-6)
    assert float(other["distance"]) > 0.2 and float(other["clip"]) > 0.05
    assert math.isnan(float(gone["distance"])) and math.isnan(float(none["clip"]))


def test_a_remainder_image_may_change_and_the_others_should_not() -> None:
    assert set(STAYING) == {"near", "far", "general"}
    for measure in Change().measures():
        expected = "lower" if measure.roles == STAYING else "none"
        assert {measure.better(role) for role in measure.roles} == {expected}


def test_the_judge_compares_on_the_cpu_whatever_draws(tmp_path: Path) -> None:
    ship = draw(tmp_path, "a", Truth(object="ship", name="ship", colour="red", scene="sea"))
    setting = Setting((), (), "mini", "meta", {"a": ship})
    (found,) = _perceptual.distances([ship], [prompt("a", "far", "ship")], setting, "", silent)
    assert found == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", ["clip", "style"])
def test_a_clip_score_of_a_remainder_prompt_is_neither_better_high_nor_low(name: str) -> None:
    measures = {measure.name: measure for measure in registry.metric(name).measures()}
    score = measures[{"clip": "score", "style": "clip"}[name]]
    found = [score.better(role) for role in ("target", "adversarial", "remainder", "far")]
    assert found == ["lower", "lower", "none", "higher"]


def test_offline_lpips_says_what_to_fetch_and_where_to_put_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from torchmetrics.image import lpip

    def offline(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(lpip, "LearnedPerceptualImagePatchSimilarity", offline)
    _perceptual._lpips.cache_clear()
    with pytest.raises(InputError, match=r"fetch https://.*alexnet.*put it at .*checkpoints"):
        Change().prepare("sd", "cpu")


# --- remainder --------------------------------------------------------------------------------


def test_the_place_is_seen_with_or_without_the_concept(tmp_path: Path) -> None:
    images = [
        draw(tmp_path, "a", Truth(object="ship", name="ship", colour="red", scene="desert")),
        draw(tmp_path, "b", Truth(scene="desert")),
        draw(tmp_path, "c", Truth(scene="snow")),
        draw(tmp_path, "d", Truth(scene="desert")),
    ]
    prompts = [prompt(str(n), "remainder", "ship", "desert") for n in range(3)]
    prompts.append(prompt("3", "target", "ship"))
    found = Remainder().measure(images, prompts, Setting((), (), "mini", "cpu"))
    assert [v["survives"] for v in found[:3]] == [1.0, 1.0, 0.0]
    assert found[2]["label"] == "snow" and math.isnan(float(found[3]["survives"]))
    scores = scored(Remainder(), found, prompts, "object")
    assert scores["share", "remainder"].value == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("tag", "message"), [("", "has no tag"), ("deserd", "for the judge: 'deserd'; nearest: desert")]
)
def test_a_remainder_prompt_says_what_must_survive(tag: str, message: str, tmp_path: Path) -> None:
    image = draw(tmp_path, "a", Truth(scene="desert"))
    some = [prompt("a", "remainder", "ship", tag)]
    with pytest.raises(InputError, match=message):
        Remainder().measure([image], some, Setting((), (), "mini", "cpu"))


# --- cost and all -----------------------------------------------------------------------------


def test_costs_are_what_is_known_and_the_rest_is_not_measured() -> None:
    view = View({}, {}, Setting((), (), "mini", "cpu"), {"seconds": 3.5, "evaluations": 100.0})
    found = {each.measure: each for each in Cost().of_run(view)}
    assert found["seconds"].value == 3.5 and found["seconds"].role == ALL
    assert found["evaluations"].value == 100.0
    assert math.isnan(found["slowdown"].value) and found["slowdown"].n == 0


@pytest.mark.parametrize("name", registry.metrics())
def test_every_metric_says_what_it_is(name: str) -> None:
    metric = registry.metric(name)
    assert metric.paper and metric.detector and metric.criterion
    names = [(m.name, role, m.families) for m in metric.measures() for role in m.roles]
    assert len(names) == len(set(names))
    assert not any(measure.name.startswith(metric.name) for measure in metric.measures())


def test_metrics_can_be_read_and_listed_without_torch() -> None:
    code = (
        "import sys; from bench import registry\n"
        "for name in registry.metrics(): registry.metric(name).measures()\n"
        "assert not {'torch', 'open_clip', 'nudenet', 'torchmetrics'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_a_tiny_image_is_read_at_the_networks_size(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (7, 300)).save(path)
    setting = Setting((), (), "mini", "cpu", {"a": path})
    (found,) = Change().measure([path], [prompt("a", "far", "ship")], setting)
    assert found["distance"] == pytest.approx(0, abs=1e-6)
