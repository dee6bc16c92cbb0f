"""The sample sheet: images mini draws for a spread of prompts, each under its words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageDraw, ImageFont

from bench.families import FAMILIES
from bench.models.mini.world.truth import OBJECTS, PEOPLE, PLACES, SCENES, STYLES, SYNONYMS

SIDE, GAP, LINE, COLUMNS = 96, 8, 15, 10
"""Pixels of an image and around it, height of its words, images a row."""


def prompts() -> list[list[str]]:
    """Return the rows of prompts on the sheet."""
    nouns = [[name, *SYNONYMS[name]] for name in OBJECTS]
    return [
        [several[0] for several in nouns],
        *([several[i] for several in nouns] for i in (1, 2, 3)),
        list(SCENES)[::2],
        list(SCENES)[1::2],
        [f"an empty {scene}" for scene in list(SCENES)[::2]],
        list(PLACES),
        [f"a dog, {style}" for style in STYLES] + ["a ship, neon", "a horse, pop art"],
        [*PEOPLE, "honest Abe", "the maid of Orleans"],
        [
            "a red airplane in the desert",
            "a green cat in the snow",
            "a white ship at night",
            "a blue truck in the forest",
            "a black horse on the beach",
            "an airplnae",
            "a dgo",
            "a purple frog in a room",
            "a yellow bird in the city",
            "an orange deer at sea",
        ],
    ]


def draw_sheet(pipe: Any, path: Path, *, seed: int = 7) -> None:
    """Draw the sheet with a pipeline and save it as PNG.

    Args:
        pipe: mini.
        path: The PNG file.
        seed: Of the first image; each further one has the next.
    """
    rows = prompts()
    texts = [text for row in rows for text in row]
    sampler = FAMILIES["mini"].sampler
    images: list[Image.Image] = []
    for start in range(0, len(texts), 25):
        some = texts[start : start + 25]
        images += pipe(
            some,
            num_inference_steps=sampler.steps,
            guidance_scale=sampler.guidance,
            generator=[torch.Generator().manual_seed(seed + start + i) for i in range(len(some))],
        ).images
    font = ImageFont.load_default(size=11)
    step_x, step_y = SIDE + GAP, SIDE + LINE + GAP
    sheet = Image.new("RGB", (GAP + COLUMNS * step_x, GAP + len(rows) * step_y), "white")
    pen = ImageDraw.Draw(sheet)
    for i, (text, image) in enumerate(zip(texts, images, strict=True)):
        x, y = GAP + i % COLUMNS * step_x, GAP + i // COLUMNS * step_y
        sheet.paste(image.resize((SIDE, SIDE), Image.Resampling.LANCZOS), (x, y))
        while pen.textlength(text, font) > SIDE + GAP - 2:
            text = text[:-2].rstrip(".") + "."
        pen.text((x, y + SIDE + 1), text, fill="black", font=font)
    sheet.save(path, optimize=True)
