"""What an erasure costs, metered on the tiny pipeline."""

from __future__ import annotations

import copy
import mmap
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.models import meter
from bench.models.erasures import read_cost, save


def evaluate(unet: Any, images: int) -> None:
    side, width = unet.config.sample_size, unet.config.cross_attention_dim
    latents = torch.zeros(images, unet.config.in_channels, side, side)
    with torch.inference_mode():
        unet(sample=latents, timestep=1, encoder_hidden_states=torch.zeros(images, 4, width))


def test_evaluations_count_latents_of_the_unet_and_of_its_copies(tiny_pipe: Any) -> None:
    with meter.metered("cpu") as cost:
        evaluate(tiny_pipe.unet, 3)
        evaluate(copy.deepcopy(tiny_pipe.unet), 2)
        tiny_pipe.text_encoder(torch.zeros(1, 4, dtype=torch.long))
    assert cost["evaluations"] == 5


def test_nothing_is_counted_outside_even_after_an_error(tiny_pipe: Any) -> None:
    with pytest.raises(KeyError), meter.metered("cpu") as cost:
        evaluate(tiny_pipe.unet, 1)
        raise KeyError
    evaluate(tiny_pipe.unet, 4)
    assert cost["evaluations"] == 1


def test_peak_memory_is_that_of_the_code_inside(tiny_pipe: Any) -> None:
    # Mapped, since an allocator may give memory again that an earlier test has left resident.
    with meter.metered("cpu") as large, mmap.mmap(-1, 200_000_000) as memory:
        memory.write(bytes(1) * len(memory))
    with meter.metered("cpu") as small:
        pass
    if "memory" in large:  # the system tells
        assert large["memory"] - small["memory"] > 150_000_000
    else:
        assert "memory" not in small


def test_what_is_noted_stands_with_the_erasure_that_is_metered() -> None:
    meter.note("null_space", 1)
    with meter.metered("cpu") as outer:
        with meter.metered("cpu") as inner:
            meter.note("null_space", 97)
        meter.note("other", 2)
    meter.note("null_space", 5)
    assert inner["null_space"] == 97.0 and "other" not in inner
    assert outer["other"] == 2.0 and "null_space" not in outer


def test_an_erasure_keeps_what_it_took(tiny_pipe: Any, tmp_path: Path) -> None:
    name, tensor = next(tiny_pipe.unet.named_parameters())
    path = tmp_path / "edit.safetensors"
    facts = {"method": "m", "options": {}, "concepts": ["bird"], "seconds": 1.5}
    save(tiny_pipe, {name: tensor + 1}, path, **facts, cost={"evaluations": 7.0})
    assert read_cost(path) == {
        "seconds": 1.5,
        "parameters": float(tensor.numel()),
        "bytes": float(path.stat().st_size),
        "evaluations": 7.0,
    }
