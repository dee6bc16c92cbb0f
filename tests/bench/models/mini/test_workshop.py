"""A workshop that trains every stage for one step on a few images, and what it exports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline

from bench.models import mini
from bench.models.mini.judge import load_file_into_judge
from bench.models.mini.train import judge, stages
from bench.models.mini.train.data import Draw
from bench.models.mini.train.renewal import Continuation
from bench.models.mini.train.stages import STAGES, Workshop
from bench.models.mini.world.hybrids import hybrid_of, hybrid_truth_of
from bench.models.mini.world.sample import image_of
from bench.types import InputError

IMAGES = 12


def few(folder: Path, seed: int, count: int, *, draw: Draw = image_of, **_: Any) -> np.ndarray:
    return np.stack([np.asarray(draw(seed, i)) for i in range(count)])


def workshop(folder: Path, **settings: Any) -> Workshop:
    return Workshop(folder, images=IMAGES, held_out=4, scale=1e-9, **settings)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The workshop after all its stages, and the folder it exported to."""
    folder = tmp_path_factory.mktemp("workshop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "render_images", few)
        shop = workshop(folder / "work")
        for stage in STAGES.values():
            stage(shop)
        before = {n: p.detach().clone() for n, p in shop.unet.named_parameters()}
        shop.export(folder / "weights")
        yield shop, folder / "weights", before


@pytest.fixture(scope="module")
def drawn(built: Any) -> Any:
    """What plain diffusers makes of the exported folder."""
    pipe = StableDiffusionPipeline.from_pretrained(built[1])
    pipe.set_progress_bar_config(disable=True)
    return pipe


def test_the_export_is_whole_and_leaves_nothing_beside_it(built: Any) -> None:
    _, weights, _ = built
    mini.verify(weights)
    assert {path.name for path in weights.parent.iterdir()} == {"work", "weights"}
    named = {line.split("  ")[1] for line in (weights / mini.SUMS).read_text().splitlines()}
    there = {p.relative_to(weights).as_posix() for p in weights.rglob("*") if p.is_file()}
    assert named == there - {mini.SUMS}


def altered(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "message"), [(Path.unlink, "is missing"), (altered, "is altered")]
)
@pytest.mark.parametrize("name", ["judge/model.safetensors", "tokenizer/tokenizer.json"])
def test_a_damaged_export_is_refused(
    built: Any, name: str, damage: Callable[[Path], None], message: str
) -> None:
    file = built[1] / name
    whole = file.read_bytes()
    try:
        damage(file)
        with pytest.raises(InputError, match=f"{name} {message}") as caught:
            mini.verify(built[1])
    finally:
        file.write_bytes(whole)
    assert "\n" not in str(caught.value)
    mini.verify(built[1])


def test_plain_diffusers_draws_with_it_in_full_precision(drawn: Any) -> None:
    for part in (drawn.unet, drawn.vae, drawn.text_encoder):
        assert {p.dtype for p in part.parameters()} == {torch.float32}
    image = drawn("a dog", num_inference_steps=2, generator=torch.Generator().manual_seed(0))
    assert np.asarray(image.images[0]).shape == (64, 64, 3)


def test_the_export_holds_what_was_trained_rounded_to_half(built: Any, drawn: Any) -> None:
    shop, weights, before = built
    for name, parameter in drawn.unet.named_parameters():
        assert torch.equal(parameter, before[name].half().float()), name
    assert drawn.vae.config.scaling_factor == shop.autoencoder.config.scaling_factor != 0.18215
    assert drawn.tokenizer.get_vocab() == shop.tokenizer.get_vocab()
    exported = load_file_into_judge(weights / "judge" / "model.safetensors")
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        exported.read(image)["object"], shop.judge.read(image)["object"], atol=1e-2, rtol=1e-2
    )


def test_a_second_workshop_takes_up_what_the_first_left(
    built: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, _, _ = built
    monkeypatch.setattr(stages, "render_images", few)
    steps: list[tuple[str, int, int]] = []
    again = workshop(shop.folder, progress=lambda *step: steps.append(step))
    assert again.tokenizer.get_vocab() == shop.tokenizer.get_vocab()
    for ours, theirs in zip(again.clip.parameters(), shop.clip.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert steps == []


def test_the_same_seed_trains_the_same_and_another_does_not(
    built: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, _, _ = built
    monkeypatch.setattr(stages, "render_images", few)
    first = shop.judge.network.state_dict()["heads.object.weight"]
    same = workshop(tmp_path / "same").judge.network.state_dict()["heads.object.weight"]
    other = workshop(tmp_path / "other", seed=1).judge.network.state_dict()["heads.object.weight"]
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_going_on_from_weights_keeps_all_but_the_unet(
    built: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, weights, before = built
    monkeypatch.setattr(stages, "render_images", few)
    further = Continuation(tmp_path, images=IMAGES, held_out=4, scale=1e-9, weights=weights)
    trained = dict(further.unet.named_parameters())
    assert any(not torch.equal(p, before[n].half().float()) for n, p in trained.items())
    # One small step away, not a fresh start.
    apart = max(float((p.detach() - before[n]).abs().max()) for n, p in trained.items())
    assert apart < 0.05
    further.export(tmp_path / "weights")
    for config in (tmp_path / "weights").rglob("*.json"):
        assert str(tmp_path.parent) not in config.read_text(), config
    assert (tmp_path / "weights" / "tokenizer" / "tokenizer.json").read_bytes() == (
        weights / "tokenizer" / "tokenizer.json"
    ).read_bytes()
    for name in ("vae/diffusion_pytorch_model.safetensors", "judge/model.safetensors"):
        assert (tmp_path / "weights" / name).read_bytes() == (weights / name).read_bytes()


def test_a_judge_trained_anew_beside_finished_weights_is_all_that_changes(
    built: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, weights, _ = built
    monkeypatch.setattr(stages, "render_images", few)
    anew = Continuation(
        tmp_path, seed=1, images=IMAGES, scale=1e-9, weights=weights, stages=("judge",)
    )
    anew.export(tmp_path / "weights")
    there = {
        path.relative_to(weights).as_posix(): path.read_bytes()
        for path in weights.rglob("*.safetensors")
    }
    changed = [
        name for name, data in there.items() if (tmp_path / "weights" / name).read_bytes() != data
    ]
    assert changed == ["judge/model.safetensors"]


def test_the_judge_learns_from_hybrids_and_from_what_the_autoencoder_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught: list[Any] = []
    monkeypatch.setattr(stages, "render_images", few)
    monkeypatch.setattr(judge, "train_judge", lambda *given, **_: taught.extend(given[:2]))
    shop = workshop(tmp_path)
    _ = shop.judge
    images, truths = taught
    rendered = IMAGES + round(IMAGES * stages.HYBRIDS)
    assert len(images) == len(truths) == 2 * rendered
    assert (images[IMAGES] == np.asarray(hybrid_of(0, 0))).all()
    assert truths[IMAGES] == hybrid_truth_of(0, 0)
    # Each is learnt a second time, as the autoencoder draws it.
    assert (images[rendered:] == shop.softened(images[:rendered])).all()
    assert truths[rendered:] == truths[:rendered]
