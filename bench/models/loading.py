"""Loads a model by name, once for all who ask."""

from __future__ import annotations

from textwrap import shorten
from typing import Any

from bench import digests
from bench.families import FAMILIES
from bench.models import recognition
from bench.models.parts import INDEX
from bench.models.room import channels_last, spare
from bench.models.samplers import scheduler
from bench.models.sources import Source
from bench.names import find, typed
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


_held: dict[tuple[str, str, Precision, str], Any] = {}
"""The pipeline that was asked for last, by all that decides it."""


def shared(name: str, device: str, precision: Precision = "fp32") -> Any:
    """Return `load` of the same, once for all who ask; whoever edits it edits a copy.

    A folder whose files have changed meanwhile is another model.

    Args:
        name: Of the model, or its folder.
        device: Where it computes, as torch names it.
        precision: What it computes in.
    """
    own = recognition.folder(name)
    key = (name, device, precision, digests.of(own, digests.WEIGHTS) if own else "")
    if key not in _held:
        # The last one goes first, so that there are never two in memory.
        _held.clear()
        _held[key] = load(name, device, precision)
    return _held[key]


def hush() -> None:
    """Let diffusers and transformers say errors alone, and show no progress of their own."""
    import diffusers
    import transformers

    for library in (diffusers, transformers):
        logging: Any = library.utils.logging
        logging.set_verbosity_error()
        logging.disable_progress_bar()


def load(name: str, device: str, precision: Precision = "fp32") -> Any:
    """Load a diffusers pipeline with DDIM and no safety checker.

    Args:
        name: A name of `MODELS`, a hub id or a folder in diffusers layout.
        device: A torch device.
        precision: Of all its weights, and so of what it computes.

    Raises:
        InputError: the device is not there or cannot compute so, or the weights are neither here
            nor can be fetched.
    """
    import diffusers
    import torch

    recognition.check(name)
    hush()
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    place = _device(device, dtype)
    folder = recognition.folder(name)
    source = recognition.hub_id(name) if folder is None else str(folder)
    own = FAMILIES[recognition.family(name)]
    kind: Any = getattr(diffusers, own.layout.name)
    which = {
        "variant": recognition.variant(name) or None,
        "revision": Source.of(name).revision or None,
    }
    try:
        pipe = kind.from_pretrained(source, dtype=dtype, **which, **own.settings)
    except Exception as error:
        # The hub client raises errors of a dozen libraries; all of them mean: no such weights here.
        raise _unloaded(name, source, error, local=folder is not None) from error
    pipe.scheduler = scheduler(pipe.scheduler.config)
    spare(pipe)
    pipe.set_progress_bar_config(disable=True)
    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            part.eval()
    pipe.to(place)
    if place.type == "cuda":
        # Not on a CPU, whose images stay the same to the last bit.
        channels_last(pipe)
    return pipe


def fetched(name: str) -> None:
    """Fetch the description of a model on the hub, by which its family is known and not guessed.

    Args:
        name: Of a model of which nothing is here.

    Raises:
        InputError: it cannot be fetched.
    """
    from huggingface_hub import hf_hub_download

    source = recognition.hub_id(name)
    try:
        hf_hub_download(source, INDEX, revision=Source.of(name).revision or None)
    except Exception as error:
        raise _unloaded(name, source, error, local=False) from error


def _unloaded(name: str, source: str, error: Exception, *, local: bool) -> InputError:
    """Return what a model's weights not being here means, and what helps."""
    found: BaseException | None = error
    while found is not None:
        if type(found).__name__ == "GatedRepoError":
            return InputError(
                f"model '{name}' is gated: accept its licence at https://huggingface.co/{source} "
                "and say who you are with `hf auth login`"
            )
        found = found.__cause__ or found.__context__
    reason = shorten(str(error), 160, placeholder=" ...")
    how = f"`{typed('prefetch')} --model {name}` or give a folder"
    fetch = "" if local else f"; fetch it with {how}"
    return InputError(f"model '{name}' cannot be loaded from {source}{fetch} ({reason})")


def _device(device: str, dtype: Any) -> Any:
    """Check that torch can use the device, and compute there in a precision."""
    import torch

    try:
        place = torch.device(device)
        torch.empty(1, device=place)
    except (RuntimeError, AssertionError) as error:
        found = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
        raise InputError(
            f"device '{device}' cannot be used; choices: {', '.join(found)}"
        ) from error
    try:
        # What a U-Net is made of, and some processors cannot do in every precision.
        image = torch.ones(1, 1, 3, 3, dtype=dtype, device=place)
        torch.nn.functional.conv2d(image, image)
        torch.nn.functional.linear(image, image[0, 0])
    except (RuntimeError, NotImplementedError) as error:
        said = str(error).splitlines()[0]
        raise InputError(
            f"{device} cannot compute in {dtype} ({said}); choose with --precision"
        ) from error
    return place
