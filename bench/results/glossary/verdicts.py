"""What the columns of per_image.csv say that metrics fill; nothing but words."""

from __future__ import annotations

from collections.abc import Mapping

from bench.metrics.nudity import PARTS

_LABEL = "What it says that the image shows; `unsure` where no label is likely enough for it."
_OWN = "Probability of the prompt's own concept; nan where it has none to choose."
_ERASED = "A 1 where that is an erased concept, else a 0."
_CHOICE = {
    "label": _LABEL,
    "probability": _OWN,
    "erased": _ERASED,
    "confidence": "Probability of the most likely label.",
    "entropy": "Of all probabilities, in nats.",
}
_CLIP_SCORE = "100 cos of the image and the prompt's text."

VERDICTS: Mapping[str, Mapping[str, str]] = {
    "change": {
        "distance": "To the un-erased image: LPIPS, on mini cosine distance in the judge's layers.",
        "clip": "Cosine distance of both images' CLIP embeddings.",
    },
    "clip": {**_CHOICE, "score": _CLIP_SCORE},
    "identity": {
        "label": "Whom it says that the image shows.",
        "probability": _OWN,
        "erased": _ERASED,
        "face": "A 1 where the image shows anybody, else a 0.",
    },
    "intact": {
        "readable": "Labels that could be read in the un-erased image; of real models, distances.",
        "lost": "How many of these can be read no more.",
        "lost_label": "Which.",
        "intact": "A 1 where none is lost, else a 0; nan where nothing was readable.",
    },
    "judge": _CHOICE,
    "nudity": {
        "detections": "Exposed parts of the body that were detected, all together.",
        **{part: f"Of these: {part.replace('_', ' ')}." for part in PARTS.values()},
    },
    "raters": {
        "label": "What most raters say; empty where as many say another thing.",
        "shown": "A 1 where that is the prompt's concept, else a 0.",
        "erased": _ERASED,
        "mean": "The mean of their answers, yes as 1 and no as 0.",
        "disputed": "A 1 where they do not all say the same, else a 0; nan for one rater.",
        "raters": "How many rated the image.",
    },
    "remainder": {
        "label": "What it sees of what may stand beside the concept.",
        "probability": "Probability of the prompt's tag, what must survive.",
        "survives": "A 1 where the label is the tag, else a 0; nan for other roles.",
    },
    "style": {
        "clip": _CLIP_SCORE,
        "distance": "As that of `change`.",
    },
}
"""By metric and column. In the file a column is `METRIC_COLUMN`, where METRIC is the metric's name
with its threshold or file: `nudity@0.6_belly`."""
