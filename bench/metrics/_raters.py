"""Reads what raters said of images: people, a VLM, or a recogniser, one or several of them."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.types import InputError

IMAGE = ("image", "file", "filename", "id")
"""Columns that may name the image, the first that is there."""
ALONE = "rater"
"""What the one rater of a file is called that names none."""
WORDS = {"yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0}
"""Words for 1 and 0."""
SHOWN = {1.0: "shown", 0.0: "absent"}
"""Labels of images that show their concept, or do not, where raters said no more."""


@dataclass(frozen=True)
class Opinion:
    """What one rater said of one image."""

    rater: str
    verdict: str
    """A label, or a number as it stands in the file."""

    @property
    def number(self) -> float:
        """Its number, 1 and 0 for yes and no; NaN for a label."""
        try:
            value = WORDS.get(self.verdict.casefold())
            value = float(self.verdict) if value is None else value
        except ValueError:
            return math.nan
        return value if math.isfinite(value) else math.nan


Opinions = Mapping[str, tuple[Opinion, ...]]
"""What was said, by image as the file names it, `case/image` where it has a column case."""


def questions(path: Path) -> tuple[str, ...]:
    """Return what a file's column metric asks, each once in its order; ("",) without that column.

    Args:
        path: A CSV file of verdicts.

    Raises:
        InputError: it cannot be read, see `read`.
    """
    return tuple(_by_question(path))


def read(path: Path, question: str = "") -> Opinions:
    """Read the verdicts of a file on one question.

    Args:
        path: CSV (commas, semicolons or tabs) with the columns image (or file, or id) and verdict
            and maybe rater, metric and case, in any order; others are passed over.
        question: Which rows of the column metric count.

    Raises:
        InputError: it cannot be read, lacks a column, or a rater says two things of one image.
    """
    found = _by_question(path)
    if question not in found:
        some = ", ".join(name or "(none)" for name in found)
        raise InputError(f"{path} has no verdicts on '{question}'; its column metric has: {some}")
    return found[question]


def of_image(opinions: Opinions, path: Path, name: str) -> tuple[Opinion, ...]:
    """Return what was said of an image: by two folders and file, by one, or none, or id.

    Args:
        opinions: All that was said.
        path: The image's.
        name: Its prompt's id.
    """
    return next((opinions[key] for key in keys(path, name) if key in opinions), ())


def keys(path: Path, name: str) -> tuple[str, ...]:
    """Return the names by which a file of verdicts may know an image, the fullest first.

    Args:
        path: The image's.
        name: Its prompt's id.
    """
    folder = path.parent
    own = (path.name, path.stem, name)
    # As per_image.csv names it, in a run's folder of images.
    whole = f"{folder.parent.name}/{folder.name}/{path.name}"
    return tuple(dict.fromkeys([whole, *(f"{folder.name}/{each}" for each in own), *own]))


def majority(opinions: Sequence[Opinion]) -> str:
    """Return the label that most raters chose, "" where there is none or two have as many.

    Args:
        opinions: On one image.
    """
    counts = Counter(label(each) for each in opinions).most_common(2)
    if not counts or (len(counts) == 2 and counts[0][1] == counts[1][1]):
        return ""
    return counts[0][0]


def label(opinion: Opinion) -> str:
    """Return a verdict as a label: that of yes and no for these, else its words, plainly written.

    Args:
        opinion: One rater's.
    """
    known = SHOWN.get(opinion.number)
    return known or " ".join(opinion.verdict.replace("_", " ").casefold().split())


def _by_question(path: Path) -> dict[str, dict[str, tuple[Opinion, ...]]]:
    found: dict[str, dict[str, dict[str, str]]] = {}
    for number, row in _rows(path):
        image, verdict = row["image"], row["verdict"]
        if not verdict:
            # A rater who did not answer.
            continue
        if not image:
            raise InputError(f"{path}, line {number}: a verdict without an image")
        rater = row["rater"] or ALONE
        image = f"{row['case']}/{image}" if row["case"] else image
        said = found.setdefault(row["metric"], {}).setdefault(image, {})
        if said.setdefault(rater, verdict) != verdict:
            raise InputError(
                f"{path}, line {number}: {rater} says '{verdict}' of {image}, and '{said[rater]}' "
                "before; must be one verdict a rater and image (a column rater tells raters apart)"
            )
    if not found:
        raise InputError(f"{path} holds no verdict; must have rows with an image and a verdict")
    return {
        question: {
            image: tuple(Opinion(rater, verdict) for rater, verdict in said.items())
            for image, said in some.items()
        }
        for question, some in found.items()
    }


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Return the lines' numbers and cells, by our names of the columns."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise InputError(f"{path}: cannot be read as verdicts ({why})") from None
    head = (text.splitlines() or [""])[0]
    mark = max(",;\t", key=head.count)
    try:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
        header = [each.strip().casefold() for each in next(lines, [])]
        image = next((each for each in IMAGE if each in header), None)
        if image is None or "verdict" not in header or len(set(header)) < len(header):
            got = ", ".join(header) or "none"
            raise InputError(
                f"{path}: columns are {got}; must be image (or {', '.join(IMAGE[1:])}) and "
                "verdict, each once, and may be rater, metric and case"
            )
        places = {"image": header.index(image), "verdict": header.index("verdict")}
        places |= {
            each: header.index(each) for each in ("rater", "metric", "case") if each in header
        }
        found = []
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                raise InputError(
                    f"{path}, line {lines.line_num}: {len(cells)} cells, must be {len(header)}"
                )
            row = dict.fromkeys(("image", "verdict", "rater", "metric", "case"), "")
            row |= {name: cells[place].strip() for name, place in places.items()}
            row["image"] = row["image"].replace("\\", "/").removeprefix("./")
            found.append((lines.line_num, row))
    except csv.Error as error:
        raise InputError(f"{path}: cannot be read as verdicts ({error})") from None
    return found
