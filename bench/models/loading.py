"""Loads a model by name, once for all who ask."""

from __future__ import annotations

from functools import lru_cache
from textwrap import shorten
from typing import Any

from bench.families import FAMILIES
from bench.models import recognition
from bench.models.room import spare
from bench.models.samplers import scheduler
from bench.names import find
from bench.types import PRECISIONS, InputError, Precision


def precision(asked: str | None, device: str) -> Precision:
    """Return the precision that was asked for, or the usual: fp32 on the CPU, else fp16.

    A CPU computes in fp16 as well, twenty times more slowly.

    Args:
        asked: `fp32`, `bf16`, `fp16` or None.
        device: Where the model computes, as torch names it.

    Raises:
        InputError: there is no such precision.
    """
    if asked is None:
        return "fp32" if device.startswith("cpu") else "fp16"
    known = {each: each for each in PRECISIONS}
    return known[find("precision", asked, known)]  # type: ignore[index]


@lru_cache(maxsize=1)
def shared(name: str, device: str, precision: Precision = "fp32") -> Any:
    """Return `load` of the same, once for all who ask; whoever edits it edits a copy.

    Args:
        name: Of the model, or its folder.
        device: Where it computes, as torch names it.
        precision: What it computes in.
    """
    return load(name, device, precision)


def load(name: str, device: str, precision: Precision = "fp32") -> Any:
    """Load a diffusers pipeline with DDIM and no safety checker.

    Args:
        name: a name of `MODELS`, a hub id or a folder in diffusers layout.
        device: a torch device.
        precision: of all its weights, and so of what it computes.

    Raises:
        InputError: the device is not there, or the weights are neither here nor can be fetched.
    """
    import diffusers
    import torch
    import transformers

    recognition.check(name)
    for library in (diffusers, transformers):
        logging: Any = library.utils.logging
        logging.set_verbosity_error()
        logging.disable_progress_bar()
    place = _device(device)
    folder = recognition.folder(name)
    source = recognition.hub_id(name) if folder is None else str(folder)
    dtypes = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    own = FAMILIES[recognition.family(name)]
    kind: Any = getattr(diffusers, own.layout.name)
    try:
        pipe = kind.from_pretrained(source, dtype=dtypes[precision], **own.settings)
    except Exception as error:
        # The hub client raises errors of a dozen libraries; all of them mean: no such weights here.
        reason = shorten(str(error), 160, placeholder=" ...")
        fetch = f"; fetch it with `hf download {source}` or give a folder" if not folder else ""
        raise InputError(
            f"model '{name}' cannot be loaded from {source}{fetch} ({reason})"
        ) from error
    pipe.scheduler = scheduler(pipe.scheduler.config)
    spare(pipe)
    pipe.set_progress_bar_config(disable=True)
    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            part.eval()
    return pipe.to(place)


def _device(device: str) -> Any:
    """Check that torch can use the device."""
    import torch

    try:
        place = torch.device(device)
        torch.empty(1, device=place)
    except (RuntimeError, AssertionError) as error:
        found = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
        raise InputError(
            f"device '{device}' cannot be used; choices: {', '.join(found)}"
        ) from error
    return place
