"""What is asked of a loaded pipeline: text as its U-Net sees it, a concept's tokens, weights."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bench.families import layout_of

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module, Parameter


def encode(pipe: Any, texts: Sequence[str]) -> Tensor:
    """Return the text embeddings that the U-Net attends to, fp32 (texts, positions, width).

    The last hidden state; for SDXL the last but one of both encoders, side by side. Longer texts
    are cut, shorter ones padded.

    Args:
        pipe: The diffusers pipeline.
        texts: Prompts or phrases.
    """
    return embeddings(pipe, texts)[0]


def embeddings(pipe: Any, texts: Sequence[str]) -> tuple[Tensor, Tensor | None]:
    """Return what `encode` does and, where the U-Net reads that too, embeddings of whole texts.

    Each text encoder runs once.

    Args:
        pipe: A diffusers pipeline.
        texts: Any number of them.

    Returns:
        fp32 (texts, positions, width); fp32 (texts, width) of the last encoder or None.
    """
    import torch

    with torch.no_grad():
        return read(pipe, padded(pipe, texts).unbind(1))


def padded(pipe: Any, texts: Sequence[str]) -> Tensor:
    """Return token ids as the text encoders take them: start, text, end, each encoder's padding.

    Args:
        pipe: A diffusers pipeline.
        texts: Longer ones are cut.

    Returns:
        (texts, encoders, positions), int64.
    """
    import torch

    return torch.stack([_tokens(each, texts) for each in tokenizers(pipe)], dim=1)


def read(pipe: Any, ids: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
    """Return what `embeddings` does, of token ids; gradients pass through.

    Args:
        pipe: A diffusers pipeline.
        ids: Of whole texts, for each text encoder, (texts, positions).
    """
    import torch

    layout = layout_of(pipe)
    inner = layout.layer is not None
    said = [
        encoder(own.to(encoder.device), output_hidden_states=inner)
        for encoder, own in zip(encoders(pipe), ids, strict=True)
    ]
    states = [
        each.hidden_states[layout.layer] if inner else each.last_hidden_state for each in said
    ]
    pooled = said[-1].text_embeds.float() if layout.pooled else None
    return torch.cat(states, dim=-1).float(), pooled


@contextmanager
def embedded(encoder: Any, rows: Tensor) -> Iterator[None]:
    """Let a text encoder take token embeddings as given, whatever the ids that it is handed.

    Args:
        encoder: A text encoder; it takes no embeddings as an input, in any version of the library.
        rows: (texts, positions, width); gradients pass through.
    """
    handle = encoder.get_input_embeddings().register_forward_hook(lambda *_: rows)
    try:
        yield
    finally:
        handle.remove()


def encoders(pipe: Any) -> list[Any]:
    """Return the pipeline's text encoders: one of Stable Diffusion, two of SDXL."""
    return [getattr(pipe, name) for name in encoder_names(pipe)]


def encoder_names(pipe: Any) -> list[str]:
    """Return the attributes that hold the pipeline's text encoders."""
    return [each.name for each in layout_of(pipe).encoders]


def last_read(pipe: Any) -> int:
    """Return which layer of a text encoder is the last that the U-Net reads, -1 for its last."""
    return layout_of(pipe).layer or -1


def tokenizers(pipe: Any) -> list[Any]:
    """Return the tokenizer of each of the pipeline's text encoders."""
    return [getattr(pipe, each.tokenizer) for each in layout_of(pipe).encoders]


def token_positions(pipe: Any, text: str, phrase: str) -> list[int]:
    """Return where a phrase's tokens are in the tokenised text, at every occurrence.

    Empty if the text does not contain the phrase as whole words, or has been cut before it.

    Args:
        pipe: The diffusers pipeline.
        text: Where it is looked for.
        phrase: What is looked for.

    Returns:
        Positions, the start token being 0.
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
    """Return the position of the text's last token, before the end token; 0 if it is empty.

    Args:
        pipe: The diffusers pipeline.
        text: A prompt or phrase.
    """
    return len(_ids(pipe, text, whole=True)) - 2


def token_count(pipe: Any, text: str) -> int:
    """Return how many tokens the uncut text has, without start and end.

    Args:
        pipe: The diffusers pipeline.
        text: A prompt or phrase.
    """
    return len(_ids(pipe, text, whole=False))


def with_unet(pipe: Any, unet: Module) -> Any:
    """Return a pipeline with another U-Net that shares everything else with `pipe`.

    Args:
        pipe: The diffusers pipeline, which stays as it is.
        unet: The other U-Net.
    """
    # diffusers' own from_pipe casts the shared parts; a shallow copy leaves them alone.
    edited = copy.copy(pipe)
    edited.unet = unet
    return edited


def with_text_encoder(pipe: Any, encoder: Module) -> Any:
    """Return a pipeline with another first text encoder that shares everything else with `pipe`.

    Args:
        pipe: The diffusers pipeline, which stays as it is.
        encoder: The other text encoder.
    """
    edited = copy.copy(pipe)
    edited.text_encoder = encoder
    return edited


def cross_attention(unet: Module) -> dict[str, Parameter]:
    """Return the weights that make keys and values from text, by parameter name."""
    endings = ("attn2.to_k.weight", "attn2.to_v.weight")
    return {name: weight for name, weight in unet.named_parameters() if name.endswith(endings)}


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
