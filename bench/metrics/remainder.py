"""Whether the rest of a prompt survives: the desert of "an airplane in the desert"."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from bench.families import FAMILIES, World
from bench.metrics import Measure, Metric, Setting, Verdict, _clip, column
from bench.metrics._images import in_batches, square
from bench.models.downloads import Download
from bench.names import find
from bench.types import Concept, InputError, Progress, Prompt, silent

BATCH = 100
"""Images read at once; fixed, so that a resumed run reads the same batches."""
PIXELS = 64
ROLE = "remainder"
TEXT = "a picture of the {}"
"""Text that stands for what must survive in zero-shot classification."""
UNREAD: Mapping[str, str | float] = {"label": "", "probability": math.nan, "survives": math.nan}


class Remainder(Metric):
    """Share of `remainder` images in which what the prompt names beside the concept is seen."""

    paper: ClassVar[str] = "this project"
    columns: ClassVar[tuple[str, ...]] = ("label", "probability", "survives")
    detector: ClassVar[str] = (
        "mini: its judge, the head that knows the tag; others: open_clip ViT-B-32, weights openai"
    )

    @property
    def criterion(self) -> str:
        """Say when something counts as seen."""
        places = ", ".join(_clip.PLACES)
        return f"none: top-1 of the judge's head, or of the tags of the case and {places}"

    def measures(self) -> tuple[Measure, ...]:
        """Return top-1 and probability of the prompt's tag."""
        what = "the prompt's tag, what must survive beside the concept,"
        return (
            Measure(
                name="share",
                what=f"images in which {what} is top-1",
                direction="higher",
                unit="share of images",
                roles=(ROLE,),
                statistic="share",
                value=column(self.name, "survives"),
            ),
            Measure(
                name="probability",
                what=f"mean softmax probability of {what[:-1]}",
                direction="higher",
                unit="probability",
                roles=(ROLE,),
                value=column(self.name, "probability"),
                bounds=(0.0, 1.0),
            ),
        )

    def check(self, family: str, erased: Sequence[Concept], prompts: Sequence[Prompt]) -> None:
        """Refuse a remainder prompt without a tag, and on mini one that the judge does not know.

        Raises:
            InputError: naming the prompt, and the tags that the judge knows.
        """
        known = _eye(family).tags()
        for prompt in (prompt for prompt in prompts if prompt.role == ROLE):
            if not prompt.tag:
                raise InputError(
                    f"remainder prompt '{prompt.id}' has no tag that says what must survive"
                )
            if known:
                find(f"tag of remainder prompt '{prompt.id}' for the judge", prompt.tag, known)

    def downloads(self, family: str) -> tuple[Download, ...]:
        """Return the family's CLIP."""
        return _clip.downloads(family)

    def prepare(self, family: str, device: str) -> None:
        """Load the family's network."""
        _eye(family).prepare(family, device)

    def measure(
        self,
        images: Sequence[Path],
        prompts: Sequence[Prompt],
        setting: Setting,
        progress: Progress = silent,
    ) -> list[Verdict]:
        """Return what is seen of remainder prompts, NaN for those of other roles.

        Raises:
            InputError: a remainder prompt has no tag, or one that the judge does not know.
        """
        self.check(setting.family, setting.erased, prompts)
        own = [number for number, prompt in enumerate(prompts) if prompt.role == ROLE]
        tags = [prompts[number].tag for number in own]
        paths = [images[number] for number in own]
        read = _eye(setting.family).read
        found: list[Verdict] = [dict(UNREAD) for _ in images]
        for number, verdict in zip(own, read(paths, tags, setting, progress), strict=True):
            found[number] = verdict
        return found


def _judged(
    paths: Sequence[Path], tags: Sequence[str], setting: Setting, progress: Progress
) -> list[Verdict]:
    from bench.models.mini import judge
    from bench.models.mini.world.truth import LABELS

    network = judge.load()
    heads = {tag: next(head for head in LABELS if tag in LABELS[head]) for tag in tags}
    rows: dict[str, list[list[float]]] = {}
    readable: list[bool] = []
    for head in dict.fromkeys(heads.values()):
        read = partial(_head, network, head)
        shares, readable = in_batches(paths, square(PIXELS), BATCH, read, ROLE, progress)
        rows[head] = shares.tolist()
    each, found = -1, list[Verdict]()
    for tag, can in zip(tags, readable, strict=True):
        each += can
        head = heads[tag]
        found.append(_verdict(tag, LABELS[head], rows[head][each]) if can else dict(UNREAD))
    return found


def _head(network: Any, head: str, pixels: Any) -> Any:
    return network.read(pixels)[head]


def _zero_shot(
    paths: Sequence[Path], tags: Sequence[str], setting: Setting, progress: Progress
) -> list[Verdict]:
    reader = _clip.reader(setting.family, setting.device)
    labels = list(dict.fromkeys([*tags, *_clip.PLACES]))
    seen, readable = reader.images(paths, ROLE, progress)
    rows = iter(reader.choose(seen, [(TEXT.format(label),) for label in labels]))
    return [
        _verdict(tag, labels, next(rows)) if can else dict(UNREAD)
        for tag, can in zip(tags, readable, strict=True)
    ]


def _verdict(tag: str, labels: Sequence[str], row: Sequence[float]) -> Verdict:
    label = labels[max(range(len(labels)), key=lambda i: row[i])]
    share = float(row[list(labels).index(tag)])
    return {"label": label, "probability": share, "survives": float(label == tag)}


def _labels() -> list[str]:
    from bench.models.mini.world.truth import LABELS

    return [label for head in LABELS.values() for label in head]


def _load_judge(family: str, device: str) -> None:
    from bench.models.mini import judge

    judge.load()


@dataclass(frozen=True)
class _Eye:
    """What sees the tags of prompts in images of a world."""

    read: Callable[[Sequence[Path], Sequence[str], Setting, Progress], list[Verdict]]
    prepare: Callable[[str, str], Any]
    """Loads it, for a family and a device."""
    tags: Callable[[], Sequence[str]] = list
    """Returns the tags that it knows; none where it takes any words."""


EYES: Mapping[World, _Eye] = {
    "rendered": _Eye(_judged, _load_judge, _labels),
    "photographs": _Eye(_zero_shot, _clip.reader),
}


def _eye(family: str) -> _Eye:
    return EYES[FAMILIES[family].world]
