from __future__ import annotations

import shutil

import pytest
import torch

from bench.models import mini
from bench.models.mini import clip, judge
from bench.models.mini.train.data import HELD_OUT_SEED_OFFSET
from bench.models.mini.train.text import clip_config, new_clip, text_encoder
from bench.models.mini.world.sample import image_of, truth_of
from bench.models.mini.world.truth import LABELS
from bench.types import InputError

N = 200


@pytest.fixture(scope="module")
def held_out():
    import numpy as np

    images = np.stack([np.asarray(image_of(HELD_OUT_SEED_OFFSET, i)) for i in range(N)])
    images = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    return images, [truth_of(HELD_OUT_SEED_OFFSET, i) for i in range(N)]


def copy(folder):
    shutil.copytree(mini.WEIGHTS, folder)
    return folder


def test_the_package_holds_weights_that_are_whole_and_small():
    folder = mini.path()
    assert sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) < 40e6


def test_an_altered_file_is_named(tmp_path):
    folder = copy(tmp_path / "weights")
    file = folder / "judge" / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(InputError, match=r"judge/model.safetensors is altered"):
        mini.verify(folder)


def test_a_missing_file_is_named(tmp_path):
    folder = copy(tmp_path / "weights")
    (folder / "unet" / "config.json").unlink()
    with pytest.raises(InputError, match=r"unet/config.json is missing"):
        mini.verify(folder)


def test_missing_weights_say_how_to_make_them(tmp_path):
    with pytest.raises(InputError, match="bench mini train"):
        mini.verify(tmp_path)


def test_plain_diffusers_loads_it_in_full_precision():
    from diffusers import StableDiffusionPipeline

    pipe = StableDiffusionPipeline.from_pretrained(mini.path())
    for part in (pipe.unet, pipe.vae, pipe.text_encoder):
        assert {p.dtype for p in part.parameters()} == {torch.float32}
    pipe.set_progress_bar_config(disable=True)
    image = pipe("a dog", num_inference_steps=2).images[0]
    assert image.size == (64, 64)


def test_the_pipelines_text_tower_is_the_clips():
    from diffusers import StableDiffusionPipeline

    model, encode = clip.load()
    pipe = StableDiffusionPipeline.from_pretrained(mini.path())
    ids = encode(["a photo of an airplane", "a horse, neon"])
    with torch.inference_mode():
        theirs = pipe.text_encoder(ids).last_hidden_state
        ends = theirs[torch.arange(2), ids.argmax(1)] @ model.text_projection
        ours = model.encode_text(ids)
    torch.testing.assert_close(ends, ours, atol=1e-3, rtol=1e-3)


def test_a_copied_text_tower_gives_the_same_states():
    import open_clip

    torch.manual_seed(0)
    model = new_clip(700).eval()
    assert clip_config(700)["text_cfg"]["vocab_size"] == 700  # type: ignore[index]
    assert isinstance(model, open_clip.CLIP)

    class Words:
        bos_token_id, eos_token_id, pad_token_id = 698, 699, 699

        def __len__(self):
            return 700

    copied = text_encoder(model, Words())  # type: ignore[arg-type]
    ids = torch.tensor([[698, 5, 9, *[699] * 29]])
    with torch.inference_mode():
        states = copied(ids).last_hidden_state
        torch.testing.assert_close(
            states[:, 3] @ model.text_projection, model.encode_text(ids), atol=1e-5, rtol=1e-4
        )


@pytest.mark.parametrize(("head", "least"), [("object", 0.95), ("style", 0.95), ("person", 0.95)])
def test_the_judge_reads_held_out_images(held_out, head, least):
    images, truths = held_out
    read = judge.load().read(images)[head].argmax(1)
    right = [LABELS[head][int(i)] == getattr(t, head) for i, t in zip(read, truths, strict=True)]
    assert sum(right) / N >= least


def test_the_judge_reads_nothing_into_noise(held_out):
    noise = torch.rand(N, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    _, truths = held_out
    own = torch.tensor([LABELS["object"].index(t.object) for t in truths])
    agree = (judge.load().read(noise)["object"].argmax(1) == own).float().mean()
    assert agree < 0.5


def test_the_clip_names_held_out_objects(held_out):
    images, truths = held_out
    model, encode = clip.load()
    names = LABELS["object"][1:]
    with torch.inference_mode():
        seen = model.encode_image(images * 2 - 1, normalize=True)
        said = model.encode_text(encode([f"a photo of the {n}" for n in names]), normalize=True)
    best = (seen @ said.T).argmax(1)
    right = [
        names[int(i)] == t.object for i, t in zip(best, truths, strict=True) if t.object != "none"
    ]
    assert sum(right) / len(right) >= 0.85
