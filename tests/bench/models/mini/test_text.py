"""The CLIP's text tower and its copy in transformers' clothes compute the same numbers."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bench.models.mini.train.text import (
    KINSHIP,
    LAYERS,
    POSITIONS,
    WIDTH,
    kinship,
    new_clip,
    text_encoder,
)
from bench.models.mini.train.tokenizer import build_tokenizer
from bench.models.mini.world.truth import Truth

TEXTS = ["", "a photo of an airplane", "a dog in the snow, neon", "ship " * 40]


@pytest.fixture(scope="module")
def tower() -> tuple[Any, Any, torch.Tensor]:
    """An untrained CLIP whose every number matters, its copy, and the tokens of the texts."""
    tokenizer = build_tokenizer(TEXTS, 40, POSITIONS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        clip = new_clip(len(tokenizer)).eval()
        with torch.no_grad():
            for parameter in clip.transformer.parameters():
                # Fresh biases and norms are all 0 and 1: a copy that mixed them up would pass.
                parameter.add_(0.05 * torch.randn_like(parameter))
            clip.ln_final.weight.add_(0.3 * torch.randn(WIDTH))
            clip.ln_final.bias.add_(0.3 * torch.randn(WIDTH))
    ids = tokenizer(
        TEXTS, padding="max_length", truncation=True, max_length=POSITIONS, return_tensors="pt"
    ).input_ids
    return clip, text_encoder(clip, tokenizer), ids


@torch.no_grad()
def open_clip_states(clip: Any, ids: torch.Tensor) -> list[torch.Tensor]:
    """Return open_clip's residual stream before and after every block, by its own modules."""
    states = [clip.token_embedding(ids) + clip.positional_embedding]
    for block in clip.transformer.resblocks:
        states.append(block(states[-1], attn_mask=clip.attn_mask))
    return states


@torch.no_grad()
def test_every_hidden_state_is_open_clips(tower: tuple[Any, Any, torch.Tensor]) -> None:
    clip, copied, ids = tower
    output = copied(ids, output_hidden_states=True)
    ours = open_clip_states(clip, ids)
    assert len(output.hidden_states) == len(ours) == LAYERS + 1
    for theirs, mine in zip(output.hidden_states, ours, strict=True):
        torch.testing.assert_close(theirs, mine, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(
        output.last_hidden_state, clip.ln_final(ours[-1]), atol=1e-4, rtol=1e-4
    )


@torch.no_grad()
def test_the_pooled_output_is_open_clips_text_embedding(
    tower: tuple[Any, Any, torch.Tensor],
) -> None:
    clip, copied, ids = tower
    pooled = copied(ids).pooler_output @ clip.text_projection
    torch.testing.assert_close(pooled, clip.encode_text(ids), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_no_word_sees_the_words_after_it(tower: tuple[Any, Any, torch.Tensor]) -> None:
    _, copied, ids = tower
    changed = ids.clone()
    changed[:, 5:] = 7
    before, after = copied(ids).last_hidden_state, copied(changed).last_hidden_state
    torch.testing.assert_close(before[:, :5], after[:, :5], atol=1e-5, rtol=1e-5)
    assert (before[:, 5:] - after[:, 5:]).abs().max() > 0.1


def test_kinship_grows_with_what_two_images_share() -> None:
    table = kinship(
        [
            Truth("dog", "dog", "red", "meadow"),
            Truth("dog", "dog", "red", "meadow"),
            Truth("dog", "hound", "blue", "snow"),
            Truth("cat", "cat", "blue", "room"),
            Truth("ship", "ship", "black", "sea"),
            Truth(),
        ]
    )
    assert torch.equal(table, table.T)
    same, kind, look_alike, other = table[0, 1:5].tolist()
    assert same > kind > look_alike > other > 0
    # Having nothing to see is nothing in common, but both are photos.
    assert table[4, 5] == table[0, 4]
    assert 0 < KINSHIP < 1
