from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from bench import registry
from bench.models import erasures, loading
from bench.models.room import SLICED, TILE, Room, channels_last, spare
from bench.models.weights import loaded
from bench.runs.contract.subject import AIRPLANE, Subject, draw
from bench.types import InputError

CUDA = "CUDA out of memory. Tried to allocate 2.00 GiB"


def holding(most: int, error: Exception) -> tuple[list[int], Callable[[slice], list[int]]]:
    """Return a list of what was tried, and what draws at most so many at once."""
    tried: list[int] = []

    def draw(some: slice) -> list[int]:
        size = some.stop - some.start
        tried.append(size)
        if size > most:
            raise error
        return list(range(some.start, some.stop))

    return tried, draw


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(CUDA),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
        MemoryError(),
    ],
)
def test_batches_are_halved_until_memory_holds_them_and_stay_so(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    room = Room()
    tried, draw = holding(3, error)
    with caplog.at_level(logging.WARNING):
        drawn = [each for some, made in room.drawn(12, draw) for each in made]
    assert drawn == list(range(12))
    assert tried == [12, 6, 3, 3, 3, 3]
    assert "does not hold 12 images at once: drawing 6 from here on" in caplog.text
    tried.clear()
    assert [some for some, _ in room.drawn(4, draw)] == [slice(0, 3), slice(3, 4)]
    assert tried == [3, 1]


def test_one_image_too_many_is_said_in_a_line() -> None:
    _, draw = holding(0, RuntimeError(CUDA))
    with pytest.raises(InputError, match=r"memory does not hold .* a single image .*--precision"):
        list(Room().drawn(4, draw))


def test_large_images_are_decoded_one_by_one_and_larger_ones_in_tiles(tiny_pipe: Any) -> None:
    mini = loading.load("mini", "cpu")
    assert mini.vae.use_tiling and not mini.vae.use_slicing
    pipe = copy.deepcopy(tiny_pipe)
    pipe.unet.register_to_config(sample_size=SLICED // pipe.vae_scale_factor)
    spare(pipe)
    assert pipe.vae.use_slicing and pipe.vae.tile_sample_min_size == TILE


def test_a_layout_with_channels_last_draws_and_is_erased_the_same(
    tiny_pipe: Any, tmp_path: Path
) -> None:
    """As on a GPU; what is erased there is stored and loaded like any other."""
    pipe = copy.copy(tiny_pipe)
    for part in ("unet", "vae"):
        setattr(pipe, part, copy.deepcopy(getattr(tiny_pipe, part)))
    channels_last(pipe)
    convolutions = [m for m in pipe.unet.modules() if isinstance(m, torch.nn.Conv2d)]
    assert all(m.weight.is_contiguous(memory_format=torch.channels_last) for m in convolutions)
    assert not all(m.weight.is_contiguous() for m in convolutions)
    assert torch.allclose(draw(pipe), draw(tiny_pipe), atol=1e-4)
    esd = Subject(registry.method("esd"), pipe, tmp_path).make(train_method="u")
    kinds: dict[str, Any] = {"method": "esd", "options": {}, "concepts": ["airplane"]}
    tensors, plain = (esd.fit(each, [AIRPLANE], seed=0) for each in (pipe, tiny_pipe))
    assert any(each.ndim == 4 for each in tensors.values())
    for name, each in tensors.items():
        assert torch.allclose(each, plain[name], atol=1e-4), name
    erasures.save(pipe, tensors, tmp_path / "e.safetensors", seconds=0.0, **kinds)
    erased = erasures.apply(
        tiny_pipe, tmp_path / "e.safetensors", lambda own, t: esd.apply(own, [AIRPLANE], t)
    )
    assert torch.allclose(draw(erased), draw(loaded(tiny_pipe, plain)), atol=1e-3)


def test_a_model_on_a_gpu_has_that_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    kind: Any = type(loading.shared("mini", "cpu"))
    monkeypatch.setattr(kind, "to", lambda pipe, place: pipe)
    laid: list[str] = []
    for place in ("cpu", "cuda"):
        monkeypatch.setattr(loading, "_device", lambda *_, own=place: SimpleNamespace(type=own))
        monkeypatch.setattr(
            loading,
            "channels_last",
            lambda pipe, own=place: laid.append(own),
        )
        loading.load("mini", place)
    assert laid == ["cuda"]


def test_other_errors_are_what_they_are() -> None:
    _, draw = holding(0, RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        list(Room().drawn(4, draw))
