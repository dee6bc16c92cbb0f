"""Train a small CLIP on captions and images, and hand its text tower to diffusers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from bench.models.mini.train.augment import augment
from bench.models.mini.train.autoencoder import to_tensor
from bench.models.mini.train.data import Images
from bench.models.mini.train.fit import Recipe, fit
from bench.models.mini.train.tokenizer import POSITIONS
from bench.models.mini.world.captions import caption
from bench.models.mini.world.truth import ANIMALS, NEAR, NONE, Truth
from bench.types import Progress, silent

WIDTH, LAYERS, HEADS, EMBEDDING = 128, 4, 4, 128
RECIPE = Recipe(steps=2200, batch=128, learning_rate=1e-3, ema=0.995)
VISION_WIDTH = 16
KINSHIP = 0.35
"""Share of the target that goes to other pairs of the batch by what they have in common."""


def clip_config(vocabulary: int) -> dict[str, object]:
    """Return the model's configuration in open_clip's form."""
    return {
        "embed_dim": EMBEDDING,
        "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": VISION_WIDTH},
        "text_cfg": {
            "context_length": POSITIONS,
            "vocab_size": vocabulary,
            "width": WIDTH,
            "heads": HEADS,
            "layers": LAYERS,
        },
    }


def new_clip(vocabulary: int) -> CLIP:
    """Build the untrained CLIP."""
    return CLIP(
        EMBEDDING,
        CLIPVisionCfg(image_size=64, layers=(1, 1, 1, 1), width=VISION_WIDTH),
        CLIPTextCfg(
            context_length=POSITIONS, vocab_size=vocabulary, width=WIDTH, heads=HEADS, layers=LAYERS
        ),
    )


def kinship(truths: Sequence[Truth]) -> Tensor:
    """Return how much each pair of images has in common: object, look-alike, style, scene, ...

    Returns:
        Symmetric (n, n) tensor; the unit is a logit.
    """

    def same(values: Sequence[str], weight: float) -> Tensor:
        table = {value: i for i, value in enumerate(dict.fromkeys(values))}
        index = torch.tensor([table[v] for v in values])
        known = torch.tensor([v != NONE for v in values])
        return weight * ((index[:, None] == index) & known[:, None] & known).float()

    objects = [t.object for t in truths]
    look_alike = torch.tensor(
        [[NEAR.get(a) == b or NEAR.get(b) == a for b in objects] for a in objects]
    )
    family = [NONE if o == NONE else "animal" if o in ANIMALS else "vehicle" for o in objects]
    return (
        same(objects, 2.0)
        + same([t.name for t in truths], 1.0)
        + same(family, 0.8)
        + 1.2 * look_alike.float()
        + same([t.person for t in truths], 4.0)
        + same([t.style for t in truths], 1.0)
        + same([t.scene for t in truths], 1.0)
        + same([t.colour for t in truths], 0.6)
    )


def train_clip(
    images: Images,
    truths: Sequence[Truth],
    tokenizer: CLIPTokenizer,
    folder: Path,
    *,
    seed: int,
    recipe: Recipe = RECIPE,
    device: str = "cpu",
    progress: Progress = silent,
) -> CLIP:
    """Train text and image tower together on fresh captions of the images.

    Args:
        images: uint8 (n, 64, 64, 3).
        truths: What each shows; captions are made of them.
        tokenizer: mini's.
        folder: Where the checkpoint lives.
        seed: Of all randomness.
        recipe: Steps, batch and rates.
        device: Where to train.
        progress: Told about every step.
    """
    torch.manual_seed(seed)
    model = new_clip(len(tokenizer))

    def loss(generator: torch.Generator) -> Tensor:
        picks = torch.randint(len(images), (recipe.batch,), generator=generator).numpy()
        words = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
        chosen = [truths[i] for i in picks]
        tokens = tokenizer(
            [caption(truth, words) for truth in chosen],
            padding="max_length",
            truncation=True,
            max_length=POSITIONS,
            return_tensors="pt",
        ).input_ids
        batch = augment(to_tensor(images[picks]), generator).to(device)
        with torch.autocast(device, torch.bfloat16):
            seen = model.encode_image(batch, normalize=True)
        said = model.encode_text(tokens.to(device), normalize=True)
        logits = model.logit_scale.exp().clamp(max=50) * seen.float() @ said.T
        own = torch.eye(len(logits))
        target = own.lerp(kinship(chosen).softmax(1), KINSHIP).to(device)
        return 0.5 * (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target))

    fit(model, loss, recipe, folder / "clip.pt", seed=seed, device=device, progress=progress)
    return model


def text_encoder(clip: CLIP, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Copy an open_clip text tower into transformers' CLIPTextModel, number by number.

    Args:
        clip: The trained open_clip model.
        tokenizer: mini's, for the size of the vocabulary and the special tokens.
    """
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        max_position_embeddings=POSITIONS,
        hidden_act="gelu",
        projection_dim=EMBEDDING,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    state = clip.state_dict()
    renamed = {
        "embeddings.token_embedding.weight": state["token_embedding.weight"],
        "embeddings.position_embedding.weight": state["positional_embedding"],
        "final_layer_norm.weight": state["ln_final.weight"],
        "final_layer_norm.bias": state["ln_final.bias"],
    }
    for i in range(LAYERS):
        old, new = f"transformer.resblocks.{i}.", f"encoder.layers.{i}."
        for kind in ("weight", "bias"):
            parts = state[f"{old}attn.in_proj_{kind}"].chunk(3)
            for part, name in zip(parts, ("q_proj", "k_proj", "v_proj"), strict=True):
                renamed[f"{new}self_attn.{name}.{kind}"] = part
            for theirs, ours in (
                ("attn.out_proj", "self_attn.out_proj"),
                ("ln_1", "layer_norm1"),
                ("ln_2", "layer_norm2"),
                ("mlp.c_fc", "mlp.fc1"),
                ("mlp.c_proj", "mlp.fc2"),
            ):
                renamed[f"{new}{ours}.{kind}"] = state[f"{old}{theirs}.{kind}"]
    model = CLIPTextModel(config)
    prefix = "text_model." if "text_model.final_layer_norm.weight" in model.state_dict() else ""
    model.load_state_dict({prefix + name: value for name, value in renamed.items()}, strict=True)
    return model.eval()
