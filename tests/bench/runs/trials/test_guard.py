"""An erasure that no search can see is said to be unattacked, whatever its method is called."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from bench.attacks import _latents, guard
from bench.files import read_rows
from bench.models import pipelines
from bench.models.generate import draw
from bench.models.prediction import condition
from bench.models.steering import Predict, Rows, steered
from bench.models.tiny import build_tiny_pipe
from bench.results.report import attacks
from bench.runs import plan
from bench.types import Concept, Sampler
from methods.negative_prompt import NegativePrompt
from methods.sld import Sld

from .conftest import Bench

TEXTS = ("a photo of an airplane", "an airplane in the desert")


def attacked(bench: Bench, patch: pytest.MonkeyPatch, method: str) -> list[Mapping[str, str]]:
    """Return the rows of attacks on a built-in method's erasure, as attacks.csv has them."""
    specs = plan.specs(
        *([method],),
        model="mini",
        suite="objects",
        size="quick",
        concepts=["airplane"],
        steps=1,
    )
    patch.setattr(bench, "specs", lambda: specs)
    made = bench.attack("image_guided", "latent_inversion", "p4d", "ring_a_bell")
    assert read_rows(bench.folder.path / "attacks.csv") == made
    return made


def test_a_guard_that_acts_in_guidance_only_is_said_to_be_unattacked(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = attacked(bench, monkeypatch, "negative_prompt")
    # A transfer attack searches on no erased model, whatever the erasure is.
    assert {row["attack"]: row["guard"] for row in rows} == {
        "p4d": "not attacked",
        "ring_a_bell": "",
        # They go through guidance as drawing does.
        "latent_inversion": "",
        "image_guided": "",
    }
    said = [line for line in attacks.notes(rows) if "guard not attacked" in line]
    assert len(said) == 1 and said[0].startswith("negative_prompt: ")
    cells = list(attacks.table(rows).columns[2].cells)
    guarded = [cell for cell in cells if cell.endswith(", guard not attacked")]
    assert len(cells) == 4 and guarded == ["p4d (quick), guard not attacked"]


@pytest.mark.parametrize("method", ["sld", "uce"])
def test_one_that_a_search_sees_is_not(
    method: str, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = attacked(bench, monkeypatch, method)
    assert [row["guard"] for row in rows] == [""] * 4
    assert not any("guard not attacked" in line for line in attacks.notes(rows))
    assert not any("guard" in cell for cell in attacks.table(rows).columns[2].cells)


@pytest.fixture(params=["sd1", "sdxl"])
def pipe(request: pytest.FixtureRequest) -> Any:
    """A pipeline of either layout."""
    return build_tiny_pipe(request.param)


@pytest.fixture
def images(pipe: Any, tmp_path: Path) -> list[Path]:
    """What it draws of each text."""
    paths = [tmp_path / f"{number}.png" for number in range(len(TEXTS))]
    for text, path in zip(TEXTS, paths, strict=True):
        pipe([text], num_inference_steps=1).images[0].save(path)
    return paths


def test_a_guard_that_knows_an_image_or_a_text_is_seen_by_these_alone(
    pipe: Any, tmp_path: Path
) -> None:
    """Each prompt is looked at with its own image, with little noise too."""
    images = [tmp_path / f"{name}.png" for name in ("black", "white")]
    for path in images:
        Image.new("RGB", (64, 64), path.stem).save(path)
    # So that noise does not hide which image it is.
    pipe.vae.register_to_config(scaling_factor=5.0)
    clean = _latents.clean(pipe, images)
    texts = condition(pipe, TEXTS).states

    def watching(image: int, text: int) -> Any:
        """Return the pipeline with a guard that acts on one image with one text only."""

        def guide(predict: Predict, rows: Rows) -> torch.Tensor:
            alphas = pipe.scheduler.alphas_cumprod[rows.timesteps][:, None, None, None]
            noise = rows.latents - alphas.sqrt() * clean[image]
            spread = noise.flatten(1).std(dim=1) / (1 - alphas.flatten()).sqrt()
            there = (spread < 1.1) & (alphas.flatten() > 0.5)
            told = (rows.text.states - texts[text]).flatten(1).norm(dim=1) < 1e-3
            return predict(rows) + (there & told)[:, None, None, None]

        return steered(pipe, guide)

    for number in range(len(TEXTS)):
        assert not guard.unseen(pipe, watching(number, number), TEXTS, images)
        assert guard.unseen(pipe, watching(number, 1 - number), TEXTS, images)
        other = [images[1 - number]] * 2
        assert guard.unseen(pipe, watching(number, number), TEXTS, other)


def test_what_is_unseen_changes_what_is_drawn_nevertheless(
    pipe: Any, images: list[Path], airplane: Concept
) -> None:
    """The control: it does erase when drawing, and a model compared with itself is unseen too."""

    def drawn(of: Any) -> torch.Tensor:
        made: torch.Tensor = draw(of, TEXTS, [0, 1], Sampler(2, 4.0), "latent")
        return made

    hidden = NegativePrompt().erase(pipe, [airplane], seed=0)
    assert guard.unseen(pipe, hidden, TEXTS, images)
    assert not torch.allclose(drawn(hidden), drawn(pipe), atol=1e-2)
    assert guard.unseen(pipe, pipe, TEXTS, images)
    # Steering in its last tenth alone is seen too, and so is one changed number.
    for seen in (Sld(), Sld(warmup=0.8)):
        assert not guard.unseen(pipe, seen.erase(pipe, [airplane], seed=0), TEXTS, images)
    unet = copy.deepcopy(pipe.unet)
    next(iter(pipelines.cross_attention(unet).values())).data[0] += 0.5
    assert not guard.unseen(pipe, pipelines.with_unet(pipe, unet), TEXTS, images)
