"""Write mini's card, README.md beside the weights: how it was made and what it can do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.models import loading, mini
from bench.runs.card.figures import Figures, measure
from bench.runs.card.sheet import draw_sheet
from bench.types import Progress, silent

HERE = Path(mini.__file__).parent
INTRODUCTION = """\
# mini

A latent diffusion model in Stable Diffusion's layout, small enough to live in this package and to
draw on a laptop without a GPU. It was trained from nothing on images that the project renders
itself (`bench/models/mini/world`), so the truth of every training image is known and nothing in
it belongs to anybody else. It exists to test concept erasure; it is no general image generator.

![samples](samples.png)

- **Images**: 64 x 64 pixels; ten objects in four shapes each, eight colours, ten places, twenty
  scenes in which one object belongs, eight styles, eight historical people, night.
- **Parts**: CLIPTokenizer (byte-level BPE, any Unicode), CLIPTextModel of width 128 with 32
  positions, UNet2DConditionModel on 8 x 8 latents of 12 channels, AutoencoderKL, DDIM.
- **Two eyes**: the CLIP whose text tower guides the U-Net (open_clip), and a judge network, trained
  on rendered images and on what the autoencoder makes of these, on none that the U-Net drew.
- **Use**: `StableDiffusionPipeline.from_pretrained(mini.path())` with `from bench.models import
  mini`, 20 steps, guidance 4.
- **Rebuild**: `python -m bench mini train`, seeded and resumable; `python -m bench mini card`
  measures what follows.
- **How it came about**: the U-Net trained in two sittings, of 3,717 and 4,200 steps, the second on
  more images and with times moved towards noise (`python -m bench mini train images unet export
  --images 40000 --scale 0.525 --start "$(python -m bench mini path)"`). The autoencoder and the
  CLIP were trained on 40,000 images whose objects vary more in size, place and tilt than those the
  U-Net learns from, and with a vocabulary learnt by the tokenizers library instead of the project's
  own learner. The judge is younger, of 20,000 images and 5,000 hybrids (`python -m bench mini train
  images judge export --start "$(python -m bench mini path)"`). A rebuild gives an equal, not an
  identical model.
- **Hybrids**: parts of two or three objects, or of two people, in one outline. They show no object
  and no person, so the judge, which sees them beside the images of the world, must not name them;
  an erased model draws such things.
- **Limits**: fine lines are soft; stained glass and swamp swallow their objects' outlines, and a
  name misspelt beyond recognition may draw nothing but a backdrop.
"""
TARGETS = {
    "target": 0.95,
    "synonym": 0.90,
    "related": 0.80,
    "misspelt": 0.70,
    "style": 0.90,
    "person, named": 0.90,
}


def write_card(work: Path, images: int, *, progress: Progress = silent) -> Path:
    """Measure mini and write figures.json, samples.png and README.md; return the last.

    Args:
        work: The folder of the training.
        images: Held-out images to measure on.
        progress: Told what is under way.
    """
    figures = measure(work, images, progress=progress)
    recorded = HERE / "figures.json"
    known = json.loads(recorded.read_text())["training"] if recorded.exists() else {}
    figures["training"] = merged(known, figures["training"])
    recorded.write_text(json.dumps(figures, indent=1) + "\n")
    draw_sheet(loading.load("mini", "cpu"), HERE / "samples.png")
    card = HERE / "README.md"
    card.write_text(page(figures))
    return card


def merged(known: Figures, found: Figures) -> Figures:
    """Return what is known of all training, known before or found in the work folder's logs.

    Without an autoencoder's log a training went on from finished weights: that of the U-Net adds to
    what was known, and that of the judge, which starts from nothing, takes the place of the one
    before. Without any log, what was known stays true.

    Args:
        known: By stage, from figures.json.
        found: By stage, from the logs.
    """
    if "autoencoder" in found:
        return found
    further = {f"{stage}, continued" if stage == "unet" else stage: found[stage] for stage in found}
    return {**known, **further}


def page(figures: Figures) -> str:
    """Return the card as Markdown."""
    parts = [
        INTRODUCTION,
        "## Training\n",
        _training(figures),
        "## What it draws\n",
        "The judge's reading of images drawn by the un-erased model, with 95 % intervals.\n",
        _drawing(figures["drawing"]),
        _classes(figures["drawing"]),
        "## What its eyes read\n",
        "Accuracy on rendered images that no stage has trained on.\n",
        _table(
            ("reading", "accuracy", "n"),
            [(name, _interval(row), row["n"]) for name, row in figures["reading"].items()],
        ),
        f"The autoencoder's mean absolute error on such images is "
        f"{figures['reconstruction']:.4f} of the full range.\n",
        "## Where its words lie\n",
        "Cosine between an object's name and other nouns (mean last hidden state of the noun's "
        "tokens over several wordings).\n",
        _table(
            ("other noun", "mean cosine", "lowest", "highest", "pairs"),
            [
                (
                    kind,
                    f"{row['value']:.2f}",
                    f"{row['lowest']:.2f}",
                    f"{row['highest']:.2f}",
                    row["n"],
                )
                for kind, row in figures["text"].items()
            ],
        ),
    ]
    return "\n".join(parts)


def _training(figures: Figures) -> str:
    sizes = ", ".join(f"{name} {value:.2f} M" for name, value in figures["parameters"].items())
    rows = [
        (stage, row["step"], f"{row['loss']:.4f}", f"{row['minutes']:.0f}")
        for stage, row in figures["training"].items()
    ]
    table = _table(("stage", "steps", "final loss", "minutes on a CPU"), rows)
    return f"Parameters: {sizes}.\n\n{table}"


def _drawing(drawn: Mapping[str, Any]) -> str:
    rows = [
        (name, _interval(row), row["n"], f"{TARGETS[name]:.2f}" if name in TARGETS else "")
        for name, row in drawn.items()
    ]
    leak = drawn["target"]["leak"]
    rows.append(("far prompt draws it", _interval(leak, 4), leak["n"], "at most 0.02"))
    return _table(("prompts", "judge sees it", "n", "aim"), rows)


def _classes(drawn: Mapping[str, Any]) -> str:
    roles = [name for name in ("target", "synonym", "related", "misspelt") if name in drawn]
    names = list(drawn["target"]["classes"])
    rows = [(name, *(_counted(drawn[role]["classes"][name]) for role in roles)) for name in names]
    others = [
        (label, _counted(row))
        for entry in ("style", "person, named")
        for label, row in drawn[entry]["classes"].items()
    ]
    return _table(("object", *roles), rows) + "\n" + _table(("style or person", "rate (n)"), others)


def _interval(row: Mapping[str, float], digits: int = 3) -> str:
    return f"{row['value']:.{digits}f} [{row['low']:.{digits}f}, {row['high']:.{digits}f}]"


def _counted(row: Mapping[str, float]) -> str:
    return f"{row['value']:.2f} ({row['n']})"


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)
