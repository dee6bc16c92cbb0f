"""An erasure that no search can see is said to be unattacked, whatever its method is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from bench.attacks import guard
from bench.files import read_rows
from bench.models import pipelines
from bench.models.generate import draw
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
    made = bench.attack("p4d", "ring_a_bell")
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
    }
    said = [line for line in attacks.notes(rows) if "guard not attacked" in line]
    assert len(said) == 1 and said[0].startswith("negative_prompt: ")
    cells = list(attacks.table(rows).columns[2].cells)
    assert cells == ["p4d (quick), guard not attacked", "ring_a_bell (quick)"]


@pytest.mark.parametrize("method", ["sld", "uce"])
def test_one_that_a_search_sees_is_not(
    method: str, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = attacked(bench, monkeypatch, method)
    assert [row["guard"] for row in rows] == ["", ""]
    assert not any("guard not attacked" in line for line in attacks.notes(rows))
    assert not any("guard" in cell for cell in attacks.table(rows).columns[2].cells)


@pytest.mark.parametrize("layout", ["sd1", "sdxl"])
def test_what_is_unseen_changes_what_is_drawn_nevertheless(
    layout: Any, airplane: Concept, tmp_path: Any
) -> None:
    """The control: it does erase when drawing, and a model compared with itself is unseen too."""
    pipe = build_tiny_pipe(layout)
    images = []
    for number in range(len(TEXTS)):
        images.append(tmp_path / f"{number}.png")
        pipe([TEXTS[number]], num_inference_steps=1).images[0].save(images[-1])

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
    unet = build_tiny_pipe(layout).unet
    next(iter(pipelines.cross_attention(unet).values())).data[0] += 0.5
    assert not guard.unseen(pipe, pipelines.with_unet(pipe, unet), TEXTS, images)
