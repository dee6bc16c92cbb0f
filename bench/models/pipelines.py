"""Loads a model by name, encodes text as its U-Net sees it, and finds a concept's tokens.

Names are checked without torch, so that a wrong one is reported at once.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from bench.families import FAMILIES, MODELS, of_layout, of_name
from bench.names import find
from bench.types import PRECISIONS, InputError, Precision, RunSpec

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module, Parameter

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def check(name: str) -> str:
    """Return `name` if it is a known model, a folder in diffusers layout or the form of a hub id.

    Raises:
        InputError: it is none of these, or mini's own weights are missing or altered.
    """
    if name == "mini":
        _mini()
    elif name not in MODELS and Path(name).expanduser().exists():
        if not _index(name).is_file():
            raise InputError(
                f"model folder '{name}' has no model_index.json; must be in diffusers layout"
            )
    elif name not in MODELS and not _HUB_ID.fullmatch(name):
        if "/" in name:
            raise InputError(
                f"model folder '{name}' does not exist; must be a folder in diffusers layout"
            )
        find("model", name, (*MODELS, "an org/name on the Hugging Face Hub", "a diffusers folder"))
    return name


def family(name: str) -> str:
    """Return the family of a model: what its folder says, or its copy in the hub's cache.

    Raises:
        InputError: it is of a layout that no family has, or its folder cannot be read.
    """
    if name in MODELS:
        return MODELS[name][0]
    index = _read(name, "model_index.json")
    if index is None:
        return of_name(name)
    unet = _read(name, "unet/config.json") or {}
    width = unet.get("cross_attention_dim")
    return of_layout(str(index.get("_class_name", "")), width, f"model '{name}'")


def guessed(name: str) -> bool:
    """Return whether a model's family is guessed by its name, since nothing of it is here."""
    return name not in MODELS and _read(name, "model_index.json") is None


def _read(name: str, file: str) -> dict[str, Any] | None:
    """Return a JSON file of a model's folder or of the hub's cache, None where it is not there."""
    path: Any = _index(name).parent / file
    if not _index(name).is_file() and _HUB_ID.fullmatch(name):
        from huggingface_hub import try_to_load_from_cache

        path = try_to_load_from_cache(name, file)
    if not isinstance(path, str | Path) or not Path(path).is_file():
        return None
    try:
        found: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"model '{name}' cannot be read ({error})") from error
    return found


def precision(asked: str | None, device: str) -> Precision:
    """Return the precision that was asked for, or the usual: fp32 on the CPU, else fp16.

    A CPU computes in fp16 as well, twenty times more slowly.

    Raises:
        InputError: there is no such precision.
    """
    if asked is None:
        return "fp32" if device.startswith("cpu") else "fp16"
    known = {each: each for each in PRECISIONS}
    return known[find("precision", asked, known)]  # type: ignore[index]


def family_of(spec: RunSpec) -> str:
    """Return the family of a run's model, which may be a folder that is elsewhere now."""
    return spec.family or family(spec.model)


@lru_cache(maxsize=1)
def shared(name: str, device: str, precision: Precision = "fp32") -> Any:
    """Return `load` of the same, once for all who ask; whoever edits it edits a copy."""
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

    check(name)
    for library in (diffusers, transformers):
        logging: Any = library.utils.logging
        logging.set_verbosity_error()
        logging.disable_progress_bar()
    place = _device(device)
    local = name not in MODELS and _index(name).is_file()
    source = str(_mini() if name == "mini" else _index(name).parent if local else _on_hub(name))
    dtypes = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    settings: dict[str, Any] = {"dtype": dtypes[precision]}
    own = FAMILIES[family(name)]
    kind: Any = getattr(diffusers, own.layout)
    settings |= own.settings
    try:
        pipe = kind.from_pretrained(source, **settings)
    except Exception as error:
        # The hub client raises errors of a dozen libraries; all of them mean: no such weights here.
        reason = shorten(str(error), 160, placeholder=" ...")
        fetch = (
            ""
            if local or name == "mini"
            else f"; fetch it with `hf download {source}` or give a folder"
        )
        raise InputError(
            f"model '{name}' cannot be loaded from {source}{fetch} ({reason})"
        ) from error
    scheduler: Any = diffusers.DDIMScheduler
    # DDIM's default clips; the published schedulers do not, though not all of them say so.
    pipe.scheduler = scheduler.from_config(pipe.scheduler.config, clip_sample=False)
    pipe.set_progress_bar_config(disable=True)
    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            part.eval()
    return pipe.to(place)


def encode(pipe: Any, texts: Sequence[str]) -> Tensor:
    """Return the text embeddings that the U-Net attends to, fp32 (texts, positions, width).

    The last hidden state; for SDXL the last but one of both encoders, side by side. Longer texts
    are cut, shorter ones padded.
    """
    import torch

    with torch.no_grad():
        if getattr(pipe, "text_encoder_2", None) is None:
            ids = _tokens(pipe.tokenizer, texts).to(pipe.text_encoder.device)
            states: Tensor = pipe.text_encoder(ids).last_hidden_state
        else:
            pairs = ((pipe.tokenizer, pipe.text_encoder), (pipe.tokenizer_2, pipe.text_encoder_2))
            parts = [
                encoder(
                    _tokens(tokenizer, texts).to(encoder.device), output_hidden_states=True
                ).hidden_states[-2]
                for tokenizer, encoder in pairs
            ]
            states = torch.cat(parts, dim=-1)
    return states.float()


def encode_pooled(pipe: Any, texts: Sequence[str]) -> Tensor:
    """Return SDXL's embeddings of whole texts, by its second encoder, fp32 (texts, width)."""
    import torch

    encoder = pipe.text_encoder_2
    with torch.no_grad():
        pooled: Tensor = encoder(_tokens(pipe.tokenizer_2, texts).to(encoder.device)).text_embeds
    return pooled.float()


def token_positions(pipe: Any, text: str, phrase: str) -> list[int]:
    """Return where the phrase's tokens are in the tokenised text, every occurrence, start token 0.

    Empty if the text does not contain the phrase as whole words, or has been cut before it.
    """
    tokens, wanted = _ids(pipe, text, whole=True), _ids(pipe, phrase, whole=False)
    positions: list[int] = []
    start = 0
    while wanted and start + len(wanted) <= len(tokens):
        if tokens[start : start + len(wanted)] == wanted:
            positions += range(start, start + len(wanted))
            start += len(wanted)
        else:
            start += 1
    return positions


def last_token(pipe: Any, text: str) -> int:
    """Return the position of the text's last token, before the end token; 0 if it is empty."""
    return len(_ids(pipe, text, whole=True)) - 2


def token_count(pipe: Any, text: str) -> int:
    """Return how many tokens the uncut text has, without start and end."""
    return len(_ids(pipe, text, whole=False))


def with_unet(pipe: Any, unet: Module) -> Any:
    """Return a pipeline with another U-Net that shares everything else with `pipe`."""
    # diffusers' own from_pipe casts the shared parts; a shallow copy leaves them alone.
    edited = copy.copy(pipe)
    edited.unet = unet
    return edited


def cross_attention(unet: Module) -> dict[str, Parameter]:
    """Return the weights that make keys and values from text, by parameter name."""
    endings = ("attn2.to_k.weight", "attn2.to_v.weight")
    return {name: weight for name, weight in unet.named_parameters() if name.endswith(endings)}


def _on_hub(name: str) -> str:
    return MODELS[name][1] if name in MODELS else name


def _index(name: str) -> Path:
    return Path(name).expanduser() / "model_index.json"


def _mini() -> Path:
    """Return the folder of the embedded model, verified."""
    # Only here, so that other models can be used where mini's weights are damaged.
    from bench.models import mini

    return Path(mini.path())


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


def _tokens(tokenizer: Any, texts: Sequence[str]) -> Tensor:
    batch = tokenizer(
        list(texts),
        padding="max_length",
        max_length=tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    )
    ids: Tensor = batch.input_ids
    return ids


def _ids(pipe: Any, text: str, *, whole: bool) -> list[int]:
    """Return token ids: the whole sequence that is encoded, before padding, or the text's own."""
    ids: list[int] = pipe.tokenizer(
        text, add_special_tokens=whole, truncation=whole, verbose=False
    ).input_ids
    return ids
