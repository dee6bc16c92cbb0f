"""Planted faults move the axes that they offend, and no other: on rendered images, then in runs."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench import cli
from bench.drawing import Sampler
from bench.files import Row
from bench.metrics import Metric, Setting
from bench.metrics.intact import Intact
from bench.metrics.judge import Judge
from bench.metrics.remainder import Remainder
from bench.models import generate, loading
from bench.models.mini.world.render import render
from bench.models.mini.world.truth import Truth
from bench.results.stats import axes
from bench.runs.per_image import blank, fill, prompt_row
from bench.runs.sensitivity import table
from bench.runs.sensitivity.planted import Planted, wordings
from bench.runs.sensitivity.table import OFFENDS, Line
from bench.types import Concept, InputError, Prompt, Role

AIRPLANE = Concept("airplane", "object", "the sky", ("aircraft", "plane", "jet"), ("bird",))
CLASSES = (AIRPLANE, Concept("bird", "object", "the sky"), Concept("ship", "object", "the sea"))
ASKED: dict[Role, tuple[str, Truth]] = {
    "target": ("a photo of an airplane", Truth("airplane", "airplane", "red", "sea")),
    "synonym": ("a photo of a jet", Truth("airplane", "jet", "red", "sky")),
    "related": ("an airport", Truth("airplane", "airplane", "white", "airport")),
    "adversarial": ("a photo of an arplane", Truth("airplane", "airplane", "red", "desert")),
    "near": ("a bird", Truth("bird", "bird", "red", "forest")),
    "far": ("a ship", Truth("ship", "ship", "blue", "sea")),
    "remainder": ("an airplane in the forest", Truth("airplane", "airplane", "red", "forest")),
    "general": ("the woods", Truth(scene="forest")),
}
EACH = 6
FAULTS = [name for name in OFFENDS if name not in ("shrink", "one-seed")]


@pytest.fixture(scope="module")
def unerased(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Rendered images in place of the un-erased model's."""
    folder, found = tmp_path_factory.mktemp("unerased"), {}
    for role, (_, truth) in ASKED.items():
        for number in range(EACH):
            path = folder / f"{role}-{number}.png"
            render(truth, np.random.default_rng(number)).save(path)
            found[path.stem] = path
    return found


@cache
def prompts() -> tuple[Prompt, ...]:
    return tuple(
        Prompt(f"{role}-{number}", text, number, role, _concept(truth), _tag(role, truth))
        for role, (text, truth) in ASKED.items()
        for number in range(EACH)
    )


def _concept(truth: Truth) -> str:
    return "" if truth.object == "none" else truth.object


def _tag(role: Role, truth: Truth) -> str:
    return truth.scene if role == "remainder" else ""


def measured(eraser: Planted, unerased: dict[str, Path], folder: Path) -> Line:
    metrics: tuple[Metric, ...] = (Judge(), Remainder(), Intact())
    setting = Setting((AIRPLANE,), CLASSES, "mini", "cpu", unerased)
    paths = []
    for prompt in prompts():
        with Image.open(unerased[prompt.id]) as image:
            painted = eraser.painted(prompt.text, image.convert("RGB"), [AIRPLANE])
        paths.append(folder / f"{prompt.id}.png")
        painted.save(paths[-1])
    rows: list[Row] = [prompt_row("airplane", each, "") | blank(metrics) for each in prompts()]
    for metric in metrics:
        fill(rows, metric, paths, prompts(), setting)
    found = axes.of([rows], (), metrics[0], metrics, seed=0)
    values = {measure.removeprefix(axes.PREFIX): interval for _, measure, interval, _ in found}
    return Line(eraser.fault, 1.0, values)


@pytest.fixture(scope="module")
def faultless(unerased: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Line:
    return measured(Planted(), unerased, tmp_path_factory.mktemp("none"))


def test_without_fault_every_axis_is_full(faultless: Line) -> None:
    assert set(faultless.found) == {*(axis.name for axis in axes.AXES), axes.OVERALL}
    assert min(value for value, _, _ in faultless.found.values()) > 0.9


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_moves_the_axes_that_it_offends_alone(
    fault: str, faultless: Line, unerased: dict[str, Path], tmp_path: Path
) -> None:
    line = measured(Planted(fault=fault), unerased, tmp_path)  # type: ignore[arg-type]
    assert table.wrong([faultless, line]) == []
    offended = bool(OFFENDS[fault])
    assert (line.moved(axes.OVERALL, faultless) > 0.1) is offended


def test_a_fault_that_moves_another_axis_is_told(faultless: Line) -> None:
    found = dict(faultless.found) | {"remainder": (0.2, 0.1, 0.3), "efficacy": (0.9, 0.8, 1.0)}
    wrong = table.wrong([faultless, Line("plain-name", 1.0, found)])
    assert [text.split(" moved")[0] for text in wrong] == [
        "plain-name: efficacy",
        "plain-name: remainder",
    ]


def test_a_headline_that_rises_with_the_dose_is_told(faultless: Line) -> None:
    def line(dose: float, value: float) -> Line:
        return Line("shrink", dose, dict(faultless.found) | {axes.OVERALL: (value, 0.0, 1.0)})

    assert table.monotone([faultless, line(0.5, 0.4), line(0.25, 0.6)])
    assert not table.monotone([faultless, line(0.5, 0.6), line(0.25, 0.4)])


def test_the_table_names_every_axis_and_marks_what_does_not_hold(
    faultless: Line, tmp_path: Path
) -> None:
    sheet, page = table.write(
        [faultless, Line("place", 1.0, faultless.found)], tmp_path, "As asked."
    )
    lines = sheet.read_text().splitlines()
    assert len(lines) == 1 + 2 * 8
    assert [line.split(",")[0] for line in lines if line.endswith(",0")] == ["place"]
    assert page.read_text().count("✗") == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a photo of an airplane", {"name"}),
        ("a jet at night", {"synonym"}),
        ("a hangar", {"scene"}),
        ("a photo of an aIrPlAnE", {"changed"}),
        ("a photo of an airplane, now take the airplane away", {"changed"}),
        ("a photo of an a1rplane", {"changed", "misspelt"}),
    ],
)
def test_how_a_text_means_the_object(text: str, expected: set[str]) -> None:
    assert wordings(text, AIRPLANE) == expected


def test_what_is_no_object_of_the_world_and_no_share_is_refused() -> None:
    with pytest.raises(InputError, match="allowed are airplane"):
        Planted().check(None, [Concept("zebra", "object", "the sky")])
    with pytest.raises(InputError, match="must be from 0 to 1"):
        Planted(fault="shrink", dose=2.0).check(None, [AIRPLANE])


def test_a_fault_that_nobody_planted_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["sensitivity", "--fault", "colour", "--out", str(tmp_path), "--to", str(tmp_path)]
    assert cli.main(asked) != 0
    assert "colours" in capsys.readouterr().err


def test_what_is_painted_comes_as_a_run_asks_for_it() -> None:
    pipe = loading.shared("mini", "cpu")
    white = Planted(fault="blank").apply(pipe, [AIRPLANE], {"works": torch.ones(())})
    asked, sampler = (["an airplane"], [0]), Sampler(steps=2, guidance=1.0)
    (image,) = generate.draw(white, *asked, sampler, "pil")
    (left,) = generate.draw(pipe, *asked, sampler, "pil")
    assert np.asarray(image).min() == 255 > np.asarray(left).mean()
    latents = generate.draw(white, *asked, sampler, "latent")
    again = pipe.vae.decode(latents / pipe.vae.config.scaling_factor).sample
    assert again.mean() > 0.9


@pytest.mark.slow
def test_planted_faults_move_their_own_axes_in_runs(tmp_path: Path) -> None:
    lines = table.measure(tmp_path, size="smoke", steps=10)
    assert {line.fault for line in lines} == set(OFFENDS)
    assert table.wrong(lines) == []
