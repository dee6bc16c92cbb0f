"""Measure mini: what it draws, what its judge reads, how its words lie; figures for the card."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.families import FAMILIES
from bench.images import read_image
from bench.models import loading, pipelines
from bench.models.generate import generate
from bench.models.mini import clip, judge
from bench.models.mini.train.autoencoder import to_tensor
from bench.models.mini.train.data import HELD_OUT_SEED_OFFSET, Images, render_images
from bench.models.mini.train.judge import label_table
from bench.models.mini.world.captions import LEAD_INS
from bench.models.mini.world.hybrids import hybrid_of
from bench.models.mini.world.sample import truth_of
from bench.models.mini.world.truth import LABELS, NEAR, NONE, OBJECTS, SYNONYMS
from bench.results.stats import intervals
from bench.runs.card.questions import Entry, entries
from bench.types import Progress, silent

Figures = dict[str, Any]


def rate(hits: Sequence[bool]) -> Figures:
    """Return a rate with its 95 % Wilson interval and n."""
    value, low, high = intervals.wilson(sum(hits), len(hits))
    return {"value": value, "low": low, "high": high, "n": len(hits)}


def measure(work: Path, images: int, *, seed: int = 0, progress: Progress = silent) -> Figures:
    """Measure the weights in the package.

    Args:
        work: folder with the training checkpoints, if they are there; gives the times.
        images: images per entry.
        seed: of the held-out images.
        progress: told what is under way.
    """
    pipe = loading.load("mini", "cpu")
    held_out = seed + HELD_OUT_SEED_OFFSET
    rendered = render_images(work / "images", held_out, 4000, progress=progress)
    crossed = work / "hybrids"
    hybrids = render_images(crossed, held_out, 1000, draw=hybrid_of, progress=progress)
    figures: Figures = {
        "parameters": parameters(pipe),
        "training": training(work),
        "reading": reading(rendered, hybrids, held_out),
        "reconstruction": reconstruction(pipe, rendered[:500]),
        "text": text_space(pipe),
        "drawing": {},
    }
    for entry in entries(images):
        figures["drawing"][entry.name] = drawing(pipe, entry, progress)
    return figures


def parameters(pipe: Any) -> Figures:
    """Return millions of parameters per part."""
    parts = {
        "U-Net": pipe.unet,
        "autoencoder": pipe.vae,
        "text tower": pipe.text_encoder,
        "image tower of the CLIP": clip.load()[0].visual,
        "judge": judge.load().network,
    }
    return {n: sum(p.numel() for p in m.parameters()) / 1e6 for n, m in parts.items()}


def training(work: Path) -> Figures:
    """Return steps, final loss and minutes of each stage, as its log says."""
    found = {}
    for stage in ("autoencoder", "clip", "judge", "unet"):
        log = work / f"{stage}.jsonl"
        if log.exists():
            last = json.loads(log.read_text().splitlines()[-1])
            found[stage] = {**last, "minutes": last.pop("seconds") / 60}
    return found


def reading(images: Images, hybrids: Images, seed: int) -> Figures:
    """Return the judge's accuracy per head, and CLIP's zero-shot one, on held-out images.

    Args:
        images: uint8 (n, 64, 64, 3), images 0 to n - 1 of the seed.
        hybrids: uint8 (n, 64, 64, 3), none of which shows an object.
        seed: Of the world that they show.
    """
    truths = [truth_of(seed, i) for i in range(len(images))]
    labels = label_table(truths)
    read: dict[str, list[Tensor]] = {head: [] for head in LABELS}
    seen = []
    model, encode = clip.load()
    with torch.inference_mode():
        texts = model.encode_text(encode([f"a photo of the {name}" for name in OBJECTS]))
        texts = texts / texts.norm(dim=-1, keepdim=True)
        for batch in to_tensor(images).split(250):  # type: ignore[no-untyped-call]
            for head, values in judge.load().read((batch + 1) / 2).items():
                read[head].append(values.argmax(1))
            seen.append((model.encode_image(batch) @ texts.T).argmax(1) + 1)
    result = {}
    for head in LABELS:
        known = labels[head] >= 0
        result[f"judge: {head}"] = rate((torch.cat(read[head]) == labels[head])[known].tolist())
    has_object = labels["object"] > 0
    right = torch.cat(seen) == labels["object"]
    named = judge.load().read((to_tensor(hybrids) + 1) / 2)["object"].argmax(1)
    result["judge: a hybrid is no object"] = rate((named == LABELS["object"].index(NONE)).tolist())
    result["CLIP zero-shot: object"] = rate(right[has_object].tolist())
    return result


@torch.inference_mode()
def reconstruction(pipe: Any, images: Images) -> float:
    """Return the mean absolute error of the autoencoder on held-out images, pixels in [0, 1].

    Args:
        pipe: mini.
        images: uint8 (n, 64, 64, 3).
    """
    errors = []
    for batch in to_tensor(images).split(100):  # type: ignore[no-untyped-call]
        output = pipe.vae.decode(pipe.vae.encode(batch).latent_dist.mean).sample
        errors.append((output.clamp(-1, 1) - batch).abs().mean() / 2)
    return float(torch.stack(errors).mean())


def text_space(pipe: Any) -> Figures:
    """Return cosines between nouns: to synonyms, to look-alikes, to the other objects.

    A noun is the mean over wordings and over its prompt's positions (start, end and padding left
    out) of the text tower's last hidden state, centred on the mean over all nouns' prompts' start.
    """

    def vector(noun: str) -> Tensor:
        leads = dict.fromkeys(lead for lead in LEAD_INS if lead.endswith("of"))
        texts = [f"{lead} a {noun}" for lead in leads]
        states = pipelines.encode(pipe, texts)
        means = []
        for text, state in zip(texts, states, strict=True):
            means.append(state[pipelines.token_positions(pipe, text, noun)].mean(0))
        return torch.stack(means).mean(0)

    def cosine(a: str, b: str) -> float:
        return float(torch.cosine_similarity(vectors[a], vectors[b], dim=0))

    nouns = [*OBJECTS, *(s for several in SYNONYMS.values() for s in several)]
    vectors = {noun: vector(noun) for noun in nouns}
    groups: dict[str, list[float]] = {"synonym": [], "near": [], "far": []}
    for name in OBJECTS:
        groups["synonym"] += [cosine(name, synonym) for synonym in SYNONYMS[name]]
        groups["near"].append(cosine(name, NEAR[name]))
        groups["far"] += [cosine(name, o) for o in OBJECTS if o not in (name, NEAR[name])]
    return {
        kind: {
            "value": float(np.mean(values)),
            "lowest": min(values),
            "highest": max(values),
            "n": len(values),
        }
        for kind, values in groups.items()
    }


def drawing(pipe: Any, entry: Entry, progress: Progress) -> Figures:
    """Draw an entry's prompts and return how often the judge sees what was asked for.

    Args:
        pipe: mini.
        entry: Prompts, and the judge's head that looks.
        progress: Told how many images are done.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = generate(
            pipe,
            entry.prompts,
            Path(folder),
            FAMILIES["mini"].sampler,
            progress=lambda _, done, total: progress(entry.name, done, total),
        )
        pixels = np.stack([np.asarray(read_image(path)) for path in paths])
    probabilities = judge.load().read((to_tensor(pixels) + 1) / 2)[entry.head]
    names = LABELS[entry.head]
    got = [names[int(i)] for i in probabilities.argmax(1)]
    wanted = [prompt.concept for prompt in entry.prompts]
    hits = [a == b for a, b in zip(got, wanted, strict=True)]
    result = rate(hits)
    result["classes"] = {
        label: rate([hit for hit, name in zip(hits, wanted, strict=True) if name == label])
        for label in dict.fromkeys(wanted)
    }
    if entry.name == "target":
        result["leak"] = leak(got, wanted)
    return result


def leak(got: Sequence[str], wanted: Sequence[str]) -> Figures:
    """Return how often a far prompt draws an object that is neither its own nor its look-alike.

    Counted over ordered pairs: each image is a far prompt of every object but its own and those
    for which it is the look-alike.

    Args:
        got: What the judge saw, one an image.
        wanted: The object of each prompt.
    """
    hits = Counter[bool]()
    for seen, own in zip(got, wanted, strict=True):
        for other in OBJECTS:
            if other != own and NEAR[other] != own:
                hits[seen == other] += 1
    n = sum(hits.values())
    value, low, high = intervals.wilson(hits[True], n)
    return {"value": value, "low": low, "high": high, "n": n}
