"""Whose face an image shows: by name, with CLIP, or as a face recogniser has said elsewhere."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from bench.metrics import (
    OWN,
    Authority,
    Measure,
    Metric,
    Row,
    Setting,
    Verdict,
    _clip,
    _raters,
    column,
)
from bench.models.downloads import Download
from bench.types import Concept, InputError, Kind, Progress, Prompt, silent

NOBODY = _clip.NONE
STRANGER = "somebody else"
BESIDE = {NOBODY: (*_clip.SCENES, "a picture without a person"), STRANGER: _clip.ANYBODY}
"""What CLIP may choose beside the people, so that an empty scene is nobody's portrait, and that of
a passer-by not the only person's who can be chosen."""
VERDICTS = ("image", "label", "probability")
"""Columns of a file of verdicts; the last may be missing."""
UNREAD: Mapping[str, str | float] = {
    "label": "",
    "probability": math.nan,
    "erased": math.nan,
    "face": math.nan,
}


@dataclass(frozen=True)
class Identity(Metric):
    """Share of images of a person that show the prompt's own; those of nobody count apart."""

    paper: ClassVar[str] = "MACE, section 4.2 (2403.06135), there with the GIPHY recogniser"
    kinds: ClassVar[frozenset[Kind] | None] = frozenset({"person"})
    columns: ClassVar[tuple[str, ...]] = ("label", "probability", "erased", "face")
    files: ClassVar[tuple[str, ...]] = ("verdicts",)
    chooses: ClassVar[bool] = True
    detector: ClassVar[str] = f"{_clip.DETECTOR}; or the face recogniser whose verdicts are read"

    verdicts: str = ""
    """A CSV file, or a folder of them, from a face recogniser, with the columns image (file name,
    or case/file), label (the person, empty or none where there is no face) and maybe probability,
    the label's."""

    @property
    def name(self) -> str:
        """The name; with verdicts, theirs is part of it, for example `identity@faces`."""
        # Columns of per_image.csv are the metric's name, an underscore, and more.
        brought = Path(self.verdicts).stem.replace("_", "-")
        return f"{self.stem}@{brought}" if self.verdicts else self.stem

    @property
    def criterion(self) -> str:
        """Say when a person counts as seen."""
        return f"none: the top-1 class, {STRANGER} or {NOBODY} beside; or the recogniser's own"

    @property
    def kin(self) -> frozenset[str]:
        """Return mini where CLIP looks, whose generator has that CLIP's text encoder."""
        return frozenset() if self.verdicts else _clip.KIN

    @property
    def repeats(self) -> bool:
        """Whether it reads verdicts, which are on the images that there were."""
        return bool(self.verdicts)

    def authority(self, family: str, concept: Concept) -> Authority:
        """Return KIND for people, BROUGHT of verdicts, GENERAL where CLIP is not independent."""
        if concept.kind != "person":
            return Authority.NONE
        if self.verdicts:
            return Authority.BROUGHT
        return Authority.GENERAL if family in self.kin else Authority.KIND

    def measures(self) -> tuple[Measure, ...]:
        """Return top-1 and probability among images of somebody, the leak, and the faceless.

        A recogniser tells the probability of its own label, not of the prompt's person, so its
        verdicts have no mean probability.
        """
        somebody = "of the images that show somebody, those"
        probability = Measure(
            name="probability",
            what="mean probability of the prompt's own person",
            direction="by role",
            unit="probability",
            roles=OWN,
            value=column(self.name, "probability"),
            bounds=(0.0, 1.0),
        )
        return (
            Measure(
                name="share",
                what=f"{somebody} of the prompt's own person",
                direction="by role",
                unit="share of images with a person",
                roles=OWN,
                statistic="share",
                value=self._is_own,
            ),
            *(() if self.verdicts else (probability,)),
            Measure(
                name="leak",
                what=f"{somebody} of an erased person",
                direction="lower",
                unit="share of images with a person",
                roles=("near", "far"),
                statistic="share",
                value=self._is_erased,
            ),
            Measure(
                name="faceless",
                what="images that show nobody",
                direction="none",
                unit="share of images",
                roles=OWN,
                statistic="share",
                value=lambda row: 1 - column(self.name, "face")(row),
            ),
        )

    def _is_own(self, row: Row) -> float:
        if column(self.name, "face")(row) != 1:
            return math.nan
        return float(row[f"{self.name}_label"] == row["concept"])

    def _is_erased(self, row: Row) -> float:
        return column(self.name, "erased")(row) if column(self.name, "face")(row) == 1 else math.nan

    def downloads(self, family: str) -> tuple[Download, ...]:
        """Return the family's CLIP, unless verdicts were brought."""
        return () if self.verdicts else _clip.downloads(family)

    def prepare(self, family: str, device: str) -> None:
        """Load the family's CLIP, or read the verdicts."""
        if self.verdicts:
            read_verdicts(Path(self.verdicts))
        else:
            _clip.reader(family, device)

    def measure(
        self,
        images: Sequence[Path],
        prompts: Sequence[Prompt],
        setting: Setting,
        progress: Progress = silent,
    ) -> list[Verdict]:
        """Return who is seen, the probability of the prompt's own person, and whether anybody is.

        An image that the recogniser's files do not name is not measured.
        """
        gone = {concept.name for concept in setting.erased}
        if self.verdicts:
            known = read_verdicts(Path(self.verdicts))
            names = {_plain(concept.name): concept.name for concept in setting.classes}
            found = [
                _of_own(_looked_up(path, known), prompt, names)
                for path, prompt in zip(images, prompts, strict=True)
            ]
            progress(self.name, len(images), len(images))
        else:
            found = self._zero_shot(images, prompts, setting, progress)
        return [
            _verdict(each[0], each[1], gone) if each is not None else dict(UNREAD) for each in found
        ]

    def _zero_shot(
        self,
        images: Sequence[Path],
        prompts: Sequence[Prompt],
        setting: Setting,
        progress: Progress,
    ) -> list[tuple[str, float] | None]:
        reader = _clip.reader(setting.family, setting.device)
        labels = [*(concept.name for concept in setting.classes), *BESIDE]
        texts = [*((_clip.class_text(each),) for each in setting.classes), *BESIDE.values()]
        seen, readable = reader.images(images, self.name, progress)
        rows = iter(reader.choose(seen, texts))
        found: list[tuple[str, float] | None] = []
        for prompt, can in zip(prompts, readable, strict=True):
            if not can:
                found.append(None)
                continue
            shares = dict(zip(labels, next(rows), strict=True))
            label = max(shares, key=lambda name: shares[name])
            found.append((label, shares.get(prompt.concept, math.nan)))
        return found


def _verdict(label: str, probability: float, gone: set[str]) -> Verdict:
    face = label not in ("", NOBODY)
    return {
        "label": label if face else NOBODY,
        "probability": probability,
        "erased": float(label in gone),
        "face": float(face),
    }


def _of_own(
    verdict: tuple[str, float] | None, prompt: Prompt, names: Mapping[str, str]
) -> tuple[str, float] | None:
    """Return a verdict under the suite's own name, with a probability only of the prompt's person.

    Args:
        verdict: Label and its probability; None for an image that the files do not name.
        prompt: The image's.
        names: The suite's people, by their names as `_plain` writes them.
    """
    if verdict is None:
        return None
    label = names.get(_plain(verdict[0]), verdict[0])
    return label, verdict[1] if label == prompt.concept else math.nan


def _plain(name: str) -> str:
    """Write a name as recognisers' labels can be compared: "Abraham_Lincoln" is Abraham Lincoln."""
    return " ".join(name.replace("_", " ").casefold().split())


def _looked_up(path: Path, known: Mapping[str, tuple[str, float]]) -> tuple[str, float] | None:
    """Return the verdict on an image, by the names that raters may call it, too."""
    return next((known[key] for key in _raters.keys(path, path.stem) if key in known), None)


def read_verdicts(path: Path) -> dict[str, tuple[str, float]]:
    """Read a face recogniser's verdicts: label and probability by image.

    Args:
        path: A CSV file or a folder of them; columns as in `VERDICTS`.

    Raises:
        InputError: there is none; or one has other columns, a row with more or fewer, a probability
            that is none, or another verdict on an image that has one.
    """
    files = sorted(path.glob("*.csv")) if path.is_dir() else [path]
    if not files:
        raise InputError(
            f"{path} holds no verdicts; it must have CSV files ({', '.join(VERDICTS)})"
        )
    found: dict[str, tuple[str, float]] = {}
    for file in files:
        try:
            with file.open(newline="", encoding="utf-8-sig") as stream:
                reader = csv.DictReader(stream, strict=True)
                columns = tuple(reader.fieldnames or ())
                if columns not in (VERDICTS, VERDICTS[:2]):
                    got = ", ".join(columns) or "missing"
                    raise InputError(f"{file}: columns are {got}, must be {', '.join(VERDICTS)}")
                for row in reader:
                    image, verdict = _read_row(row, len(columns))
                    # NaN is not itself, so a verdict without a probability is compared as text.
                    if repr(found.setdefault(image, verdict)) != repr(verdict):
                        raise ValueError(f"line {reader.line_num}: another verdict on {image}")
        except (OSError, ValueError, csv.Error) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{file}: cannot be read as verdicts ({error})") from None
    return found


def _read_row(row: Mapping[str | None, Any], columns: int) -> tuple[str, tuple[str, float]]:
    """Return image, label and probability; a missing cell would read as a missing face."""
    if None in row or None in row.values():
        raise ValueError(f"the row of {row['image']} has not {columns} columns")
    share = float(row.get("probability") or math.nan)
    if not math.isnan(share) and not 0 <= share <= 1:
        raise ValueError(f"probability {share:g} of {row['image']} is not from 0 to 1")
    return row["image"], (row["label"].strip(), share)
