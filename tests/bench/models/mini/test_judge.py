"""The judge network and the light damage its training images get; its weights are not needed."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from bench.models.mini.judge import WIDTHS, Judge, JudgeNetwork, Residual, load_file_into_judge
from bench.models.mini.train.augment import augment
from bench.models.mini.train.export import half_weights
from bench.models.mini.train.judge import accuracy, label_table
from bench.models.mini.world.truth import LABELS, Truth


@pytest.fixture(scope="module")
def judge() -> Judge:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Judge(JudgeNetwork())


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("wide", "stride", "side"), [(8, 1, 16), (12, 1, 16), (12, 2, 8)])
def test_a_block_changes_width_and_side(wide: int, stride: int, side: int) -> None:
    assert Residual(8, wide, stride)(torch.zeros(2, 8, 16, 16)).shape == (2, wide, side, side)


def test_every_head_gives_a_distribution_over_its_labels(
    judge: Judge, images: torch.Tensor
) -> None:
    read = judge.read(images)
    assert {head: tuple(p.shape) for head, p in read.items()} == {
        head: (3, len(labels)) for head, labels in LABELS.items()
    }
    for probabilities in read.values():
        torch.testing.assert_close(probabilities.sum(1), torch.ones(3))
    assert judge.network.features(images).shape == (3, WIDTHS[-1])


def test_a_image_is_read_alike_alone_and_among_others(judge: Judge, images: torch.Tensor) -> None:
    together = judge.read(images)["object"]
    alone = torch.cat([judge.read(image[None])["object"] for image in images])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_a_saved_judge_reads_alike(judge: Judge, images: torch.Tensor, tmp_path) -> None:
    save_file(half_weights(judge.network), tmp_path / "judge.safetensors")
    loaded = load_file_into_judge(tmp_path / "judge.safetensors")
    assert {p.dtype for p in loaded.network.parameters()} == {torch.float32}
    for head, before in judge.read(images).items():
        torch.testing.assert_close(loaded.read(images)[head], before, atol=1e-2, rtol=1e-2)


def test_accuracy_leaves_out_what_the_style_hides(judge: Judge, images: torch.Tensor) -> None:
    rendered = (images * 255).byte().permute(0, 2, 3, 1).numpy()
    known = (torch.from_numpy(rendered).permute(0, 3, 1, 2).float()) / 255
    seen = judge.read(known)["colour"].argmax(1).tolist()
    colours = LABELS["colour"]
    truths = [
        Truth("dog", "dog", colours[seen[0]]),
        Truth("dog", "dog", colours[(seen[1] + 1) % len(colours)]),
        Truth("dog", "dog", colours[(seen[2] + 1) % len(colours)], style="neon"),
    ]
    assert label_table(truths)["colour"][2] == -1
    assert accuracy(judge, rendered, truths)["colour"] == 0.5


def test_damage_is_light_and_repeats() -> None:
    # From black to white, so that what leaves the range is seen, and so is what turns it round.
    images = torch.linspace(-1, 1, 64).expand(4, 3, 64, 64)
    once, again, other = (augment(images, torch.Generator().manual_seed(s)) for s in (2, 2, 3))
    assert torch.equal(once, again) and not torch.equal(once, other)
    assert once.shape == images.shape and once.abs().max() <= 1
    assert 0 < (once - images).abs().mean() < 0.25
