"""The table planted fault x axis: what was measured, and whether it is what must be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.files import csv_bytes, write_bytes
from bench.results import Results
from bench.results.stats import axes
from bench.results.stats.intervals import Interval
from bench.runs.call import run

METHOD = "bench.runs.sensitivity.planted:Planted"
GONE = ("efficacy", "generality", "completeness", "robustness")
STAYS = ("specificity", "remainder", "intactness")
OFFENDS: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "plain-name": ("efficacy",),
    "synonyms": ("generality",),
    "scenes": ("completeness",),
    "spellings": ("robustness",),
    "word-filter": ("generality", "completeness", "robustness"),
    "look-alikes": ("specificity", "intactness"),
    "place": ("remainder",),
    "backgrounds": ("remainder", "intactness"),
    "colours": ("intactness",),
    "blank": STAYS,
    "shrink": STAYS,
    "one-seed": GONE,
}
"""The axes that each fault offends, by what they say: a look-alike that is lost is not intact."""
DOSES = (0.25, 0.5, 0.75, 1.0)
"""Of `shrink`."""
SEEDS = (0, 1, 2)
"""Of `one-seed`, which works at the first."""
MOVES, STILL = 0.5, 0.1
"""How far an axis must move at least that is offended, and may at most that is not."""


@dataclass(frozen=True)
class Line:
    """One planted fault at one dose: axes with intervals, over its seeds."""

    fault: str
    dose: float
    found: Mapping[str, Interval]
    """By axis, and `H_all`."""

    def moved(self, axis: str, faultless: Line) -> float:
        """Return how far an axis lies from that of the eraser without fault.

        Args:
            axis: Its name.
            faultless: The line of the eraser without fault.
        """
        return abs(self.found[axis][0] - faultless.found[axis][0])

    def holds(self, axis: str, faultless: Line) -> bool:
        """Return whether an axis moves if it is offended, and stays if it is not.

        Args:
            axis: Its name.
            faultless: The line of the eraser without fault.
        """
        moved = self.moved(axis, faultless)
        return moved >= MOVES if axis in OFFENDS[self.fault] else moved <= STILL


def measure(
    out: Path,
    *,
    size: str,
    steps: int | None,
    faults: Sequence[str] = (),
    told: Callable[[str], object] = lambda line: None,
) -> list[Line]:
    """Run every planted fault on mini as any eraser is run, and return what the axes say.

    Args:
        out: Folder of the run folders; what is there is kept.
        size: Of the suite objects.
        steps: Sampling steps; None for mini's.
        faults: Names; empty for all. `none` is always among them.
        told: Called with a line on what is begun.
    """
    some = [name for name in OFFENDS if not faults or name in ("none", *faults)]
    plain = [name for name in some if name not in ("shrink", "one-seed")]
    settings: dict[str, Any] = {"size": size, "steps": steps, "out": out}
    told(f"runs of {', '.join(plain)}, beside the un-erased model's")
    lines = _lines(run(METHOD, options={"fault": plain}, **settings))
    if "shrink" in some:
        told(f"runs of shrink, at doses {', '.join(map(str, DOSES))}")
        shrunk: dict[str, str | Sequence[float]] = {"fault": "shrink", "dose": DOSES}
        lines += _lines(run(METHOD, options=shrunk, **settings))
    if "one-seed" in some:
        told(f"runs of one-seed, at seeds {', '.join(map(str, SEEDS))}")
        lines += _lines(run(METHOD, options={"fault": "one-seed"}, seed=SEEDS, **settings))
    return lines


def _lines(results: Results) -> list[Line]:
    found: dict[tuple[str, float], list[dict[str, Interval]]] = {}
    for each in results.runs:
        options = each.record.spec.options
        if "fault" in options:
            key = (str(options["fault"]), float(options["dose"] or 0))
            case = each.record.scores[-1].case
            values = {
                score.measure.removeprefix(axes.PREFIX): (score.value, score.low, score.high)
                for score in each.record.scores
                if score.case == case and score.measure in axes.NAMES
            }
            found.setdefault(key, []).append(values)
    return [
        Line(*key, {axis: axes.over_seeds([each[axis] for each in some]) for axis in some[0]})
        for key, some in found.items()
    ]


def monotone(lines: Sequence[Line]) -> bool:
    """Return whether `H_all` never rises with the dose of `shrink`, from none on."""
    doses = sorted((line for line in lines if line.fault == "shrink"), key=lambda line: line.dose)
    values = [line.found[axes.OVERALL][0] for line in [lines[0], *doses]]
    return all(after <= before + 1e-9 for before, after in pairwise(values))


def wrong(lines: Sequence[Line]) -> list[str]:
    """Return what does not do what it must, one sentence each.

    Args:
        lines: What was measured; that without fault first.
    """
    found = [
        f"{line.fault}: {axis} moved by {line.moved(axis, lines[0]):.2f}"
        for line in lines
        for axis in line.found
        if _verdict(line, axis, lines[0]) == "0"
    ]
    return found + ["H_all rises with the dose of shrink"] * (not monotone(lines))


def moves(lines: Sequence[Line]) -> list[str]:
    """Return, a line a fault, its headline and the axes that it moved, for a terminal.

    Args:
        lines: What was measured; that without fault first.
    """
    found = []
    for line in lines:
        dose = f" {line.dose:g}" if line.fault == "shrink" else ""
        value, low, high = line.found[axes.OVERALL]
        moved = [
            f"{axis} {line.found[axis][0]:.2f}"
            for axis in line.found
            if axis != axes.OVERALL and line.moved(axis, lines[0]) > STILL
        ]
        headline = f"{axes.OVERALL} {value:.2f} [{low:.2f}, {high:.2f}]"
        found.append(f"{line.fault + dose:<12}  {headline}  {', '.join(moved) or 'moves nothing'}")
    return found


def write(lines: Sequence[Line], out: Path, how: str) -> list[Path]:
    """Write sensitivity.csv and README.md and return their paths.

    Args:
        lines: What was measured; that without fault first.
        out: The folder.
        how: What was run, in words.
    """
    first = lines[0]
    rows = [
        {"fault": line.fault, "dose": f"{line.dose:g}", "axis": axis}
        | dict(zip(("value", "low", "high"), (f"{x:.4f}" for x in line.found[axis]), strict=True))
        | {"moved": f"{line.moved(axis, first):.4f}"}
        | {"offended": str(int(axis in OFFENDS[line.fault])), "holds": _verdict(line, axis, first)}
        for line in lines
        for axis in line.found
    ]
    made = {"sensitivity.csv": csv_bytes(list(rows[0]), rows), "README.md": _page(lines, how)}
    for name, data in made.items():
        write_bytes(out / name, data)
    return [out / name for name in made]


def _verdict(line: Line, axis: str, first: Line) -> str:
    # At part of a dose an axis need not have moved by half; and the headline follows the axes.
    if axis == axes.OVERALL or line.dose < 1 or math.isnan(line.found[axis][0]):
        return ""
    return str(int(line.holds(axis, first)))


def _page(lines: Sequence[Line], how: str) -> bytes:
    first, names = lines[0], list(lines[0].found)
    text = [
        "# Planted faults",
        "",
        f"{how} Each line is an eraser whose one fault is known, run as any eraser is. It reads an "
        "image with mini's judge and paints it anew with the world's renderer, so this tests what "
        "the benchmark makes of what it sees, not how well the judge sees.",
        "",
        f"**Bold**: an axis that the fault offends, and which must move by {MOVES:g} or more from "
        f"the line none; others may move by {STILL:g}. ✗: it does not hold. Intervals are of 95 %.",
        "",
        f"| fault | {' | '.join(names)} |",
        f"|---{'|---:' * len(names)}|",
    ]
    for line in lines:
        cells = []
        for axis in names:
            value, low, high = line.found[axis]
            cell = f"{value:.2f}"
            cell = f"**{cell}**" if axis in OFFENDS[line.fault] else cell
            wrong = " ✗" * (_verdict(line, axis, first) == "0")
            cells.append(f"{cell} [{low:.2f}, {high:.2f}]{wrong}")
        dose = f" {line.dose:g}" if line.fault == "shrink" else ""
        text.append(f"| {line.fault}{dose} | {' | '.join(cells)} |")
    way = "never rises" if monotone(lines) else "RISES somewhere"
    if any(line.fault == "shrink" for line in lines):
        text += ["", f"H_all {way} with the dose of shrink."]
    text.append("")
    return "\n".join(text).encode()
