from __future__ import annotations

import copy
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from bench.drawing import Drawing
from bench.models.generate import due_batches, generate, noise
from bench.models.tiny import build_tiny_pipe
from bench.types import InputError, Prompt, Sampler

SAMPLER = Sampler(steps=2, guidance=4.0)
TEXTS = (
    "a photo of a cat",
    "a red airplane in the sky",
    "an empty street",
    "a cat",
    "a dog",
    "snow",
)
PROMPTS = tuple(Prompt(f"p-{i}", text, 100 + i, "target", "cat") for i, text in enumerate(TEXTS))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path), dtype=int)


def test_the_batch_size_moves_pixels_by_rounding_at_most(tiny_pipe: Any, tmp_path: Path) -> None:
    # Not bit for bit: torch's convolutions choose another kernel for another batch size, and a
    # value on the edge of two grey levels may then fall to the other side.
    alone, together = (
        generate(tiny_pipe, PROMPTS, tmp_path / str(size), SAMPLER, batch_size=size)
        for size in (1, 4)
    )
    for one, other in zip(alone, together, strict=True):
        difference = np.abs(pixels(one) - pixels(other))
        assert difference.max() <= 1
        assert (difference > 0).mean() < 0.001


def test_drawing_again_gives_the_same_bytes(tiny_pipe: Any, tmp_path: Path) -> None:
    for name in "ab":
        generate(tiny_pipe, PROMPTS, tmp_path / name, SAMPLER, batch_size=4)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_an_interrupted_folder_ends_with_the_same_bytes(tiny_pipe: Any, tmp_path: Path) -> None:
    # What is missing after a kill is not a whole batch, yet is drawn as in the whole one.
    generate(tiny_pipe, PROMPTS, tmp_path, SAMPLER, batch_size=4)
    whole = contents(tmp_path)
    for name in ("p-2.png", "p-3.png", "p-5.png"):
        (tmp_path / name).unlink()
    generate(tiny_pipe, PROMPTS, tmp_path, SAMPLER, batch_size=4)
    assert contents(tmp_path) == whole


def test_seed_and_text_decide_the_image(tiny_pipe: Any, tmp_path: Path) -> None:
    paths = generate(tiny_pipe, PROMPTS, tmp_path, SAMPLER)
    assert [path.name for path in paths] == [f"p-{i}.png" for i in range(6)]
    assert len({path.read_bytes() for path in paths}) == 6
    assert Image.open(paths[0]).size == (64, 64)
    other = generate(
        tiny_pipe, [Prompt("p-0", "a dog", 100, "target", "cat")], tmp_path / "b", SAMPLER
    )
    assert np.abs(pixels(paths[0]) - pixels(other[0])).max() > 0


def test_what_is_there_is_kept_and_only_the_rest_is_drawn(tiny_pipe: Any, tmp_path: Path) -> None:
    whole = contents(generate(tiny_pipe, PROMPTS, tmp_path / "a", SAMPLER, batch_size=4)[0].parent)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "p-1.png").write_bytes(b"mine")
    generate(tiny_pipe, PROMPTS, tmp_path / "b", SAMPLER, batch_size=4)
    assert contents(tmp_path / "b") == whole | {"p-1.png": b"mine"}


def test_a_finished_folder_needs_no_pipeline(tiny_pipe: Any, tmp_path: Path) -> None:
    generate(tiny_pipe, PROMPTS[:2], tmp_path, SAMPLER)
    assert len(generate(None, PROMPTS[:2], tmp_path, SAMPLER)) == 2


def test_progress_counts_images(tiny_pipe: Any, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    generate(
        tiny_pipe,
        PROMPTS,
        tmp_path,
        SAMPLER,
        batch_size=4,
        progress=lambda what, done, total: seen.append((done, total)),
    )
    assert seen == [(0, 6), (4, 6), (6, 6)]


def test_an_id_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot name a file"):
        generate(None, [Prompt("../x", "a", 1, "target", "cat")], tmp_path, SAMPLER)


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_every_precision_starts_from_the_same_noise(name: str, tiny_pipe: Any) -> None:
    unet = copy.deepcopy(tiny_pipe.unet)
    full = noise(unet, [7, 3])
    half = noise(unet.to(getattr(torch, name)), [7, 3])
    assert full.dtype == torch.float32 and torch.equal(half, full.to(half.dtype))
    alone = torch.randn((1, 8, 8, 8), generator=torch.Generator().manual_seed(3))
    assert torch.equal(full[1:], alone)


def test_the_noise_is_what_the_pipeline_itself_would_draw(tiny_pipe: Any, tmp_path: Path) -> None:
    """The images of a published seed are those that diffusers draws of it."""
    (path,) = generate(tiny_pipe, PROMPTS[:1], tmp_path, SAMPLER)
    own = tiny_pipe(
        TEXTS[0],
        num_inference_steps=SAMPLER.steps,
        guidance_scale=SAMPLER.guidance,
        generator=torch.Generator("cpu").manual_seed(100),
    ).images[0]
    assert np.array_equal(pixels(path), np.asarray(own, dtype=int))


def test_another_precision_draws_nearly_the_same(tiny_pipe: Any, tmp_path: Path) -> None:
    half = build_tiny_pipe().to(torch.bfloat16)
    one = generate(tiny_pipe, PROMPTS, tmp_path / "fp32", SAMPLER)
    other = generate(half, PROMPTS, tmp_path / "bf16", SAMPLER)
    moved = [np.abs(pixels(a) - pixels(b)).mean() for a, b in zip(one, other, strict=True)]
    apart = np.abs(pixels(one[0]) - pixels(one[1])).mean()
    assert 0 < max(moved) < apart / 4


def own(number: int, drawing: Drawing) -> Prompt:
    return Prompt(f"own-{number}", TEXTS[number], 100 + number, "target", "cat", "", drawing)


def plainly(pipe: Any, prompt: Prompt, **settings: Any) -> np.ndarray:
    """Draw one image by the pipeline's own call."""
    size = settings.get("height"), settings.get("width")
    shape = tuple(side // pipe.vae_scale_factor for side in size) if all(size) else None
    made = pipe(
        prompt.text,
        latents=noise(pipe.unet, [prompt.seed], shape),
        num_inference_steps=SAMPLER.steps,
        **{"guidance_scale": SAMPLER.guidance, **settings},
    ).images[0]
    return np.asarray(made, dtype=int)


@pytest.mark.parametrize(
    ("drawing", "settings"),
    [
        (Drawing(guidance=15.0), {"guidance_scale": 15.0}),
        (Drawing(guidance=0.0), {"guidance_scale": 0.0}),
        (Drawing(negative_prompt="a dog"), {"negative_prompt": "a dog"}),
        (Drawing(width=128, height=64), {"width": 128, "height": 64}),
    ],
)
@pytest.mark.parametrize("layout", ["tiny_pipe", "tiny_sdxl"])
def test_a_row_is_drawn_as_it_says(
    layout: str,
    drawing: Drawing,
    settings: dict[str, Any],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    pipe = request.getfixturevalue(layout)
    some = [own(0, drawing), PROMPTS[1], own(2, drawing)]
    paths = generate(pipe, some, tmp_path / "mixed", SAMPLER)
    for prompt, path in zip(some, paths, strict=True):
        wanted = plainly(pipe, prompt, **(settings if prompt.drawing == drawing else {}))
        assert pixels(path).shape == wanted.shape
        assert np.abs(pixels(path) - wanted).max() <= 1
    # What it says makes a difference, so that it cannot have been left out.
    (other,) = generate(pipe, [own(0, Drawing())], tmp_path / "plain", SAMPLER)
    first = pixels(paths[0])
    assert first.shape != pixels(other).shape or np.abs(first - pixels(other)).max() > 1


def test_batches_hold_prompts_that_are_drawn_alike(tmp_path: Path) -> None:
    some = [own(i, Drawing(guidance=float(i % 2))) for i in range(5)]
    batches = due_batches(some, tmp_path, 2)
    assert [[each.id for each in batch] for batch in batches] == [
        ["own-0", "own-2"],
        ["own-4"],
        ["own-1", "own-3"],
    ]


def test_a_batch_is_one_evaluation_a_step_and_its_texts_are_read_once(
    tiny_pipe: Any, tmp_path: Path
) -> None:
    """Guided and unguided predictions are one batch; prompts, and the empty one, one reading."""
    seen: dict[str, list[int]] = {"unet": [], "text_encoder": []}
    handles = [
        getattr(tiny_pipe, part).register_forward_pre_hook(
            lambda module, args, kwargs, found=found: found.append(
                len(args[0] if args else kwargs["sample"])
            ),
            with_kwargs=True,
        )
        for part, found in seen.items()
    ]
    try:
        generate(tiny_pipe, PROMPTS, tmp_path, SAMPLER, batch_size=3)
    finally:
        for handle in handles:
            handle.remove()
    assert seen == {"unet": [2 * 3] * SAMPLER.steps * 2, "text_encoder": [3, 3] * 2}


def test_images_are_encoded_off_the_thread_that_draws(
    tiny_pipe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where: list[int] = []
    save = Image.Image.save

    def noted(*args: Any, **named: Any) -> None:
        where.append(threading.get_ident())
        save(*args, **named)

    monkeypatch.setattr(Image.Image, "save", noted)
    generate(tiny_pipe, PROMPTS, tmp_path, SAMPLER, batch_size=4)
    assert len(where) == len(PROMPTS) and threading.get_ident() not in where


def test_an_image_that_cannot_be_written_is_said(
    tiny_pipe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise InputError("the disk is full")

    monkeypatch.setattr("bench.models.generate.write_bytes", full)
    with pytest.raises(InputError, match="the disk is full"):
        generate(tiny_pipe, PROMPTS, tmp_path, SAMPLER)
