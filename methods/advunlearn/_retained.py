"""Prompts that are to be read as before: the things of COCO, or captions of ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from bench.types import Concept
from methods import _prompts

Retained = Literal["coco", "everyday", "scenes"]

COCO = (
    *("person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat"),
    *("traffic light", "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat"),
    *("dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack"),
    *("umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball"),
    *("kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket"),
    *("bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple"),
    *("sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair"),
    *("couch", "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse"),
    *("remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink"),
    *("refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier"),
    "toothbrush",
)
"""The 80 categories of COCO 2017 (Lin et al., arXiv 1405.0312)."""


def prompts(retained: Retained, concepts: Sequence[Concept]) -> list[str]:
    """Return prompts that share no word with the erased concepts.

    Args:
        retained: Which: "a photo of" each thing of COCO (published), or a prior of ours.
        concepts: What is erased.
    """
    if retained == "coco":
        return _prompts.without([f"a photo of {name}" for name in COCO], concepts)
    return _prompts.prior(retained, concepts)
