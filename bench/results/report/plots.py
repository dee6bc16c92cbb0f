"""Figures as files for papers, by matplotlib: text stays text, and vectors stay vectors."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.files import sweep, write_bytes
from bench.names import find
from bench.results.report.figures import Figure, Matrix, Panels, Point, Profile, Scatter, Series
from bench.results.report.marks import DARK, GREY, Mark, Place, apart, beside, marks
from bench.results.stats.intervals import Interval
from bench.terminal import visible
from bench.types import InputError

FORMATS = ("svg", "png", "pdf")
SHAPES = {
    "circle": "o",
    "square": "s",
    "triangle": "^",
    "diamond": "D",
    "down": "v",
    "plus": "P",
}
"""What matplotlib calls the shapes of marks."""
INK = "#1f2328"
HEAT = "Blues"
MARK = 4.5
"""Points of a mark."""
FRONT = "Pareto front"
ACROSS = 3
"""Panels in a row."""
STYLE = {"font.size": 8, "svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": "figure"}
"""Text that can be searched and edited; the same figure is the same file."""
LITERAL = {"text.parse_math": False}
"""No text is a formula: names may hold dollar signs."""
DATELESS = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}


def write(path: Path, figure: Figure) -> Path:
    """Write a figure in the format that the path's ending names, and return the path.

    Args:
        path: The file, `.svg`, `.png` or `.pdf`.
        figure: What it shows.

    Raises:
        InputError: matplotlib is not installed, or the file cannot be written.
    """
    form = path.suffix.lstrip(".")
    find("format", form, FORMATS)
    try:
        import matplotlib
        from matplotlib.figure import Figure as Canvas
    except ImportError:
        raise InputError("plot needs matplotlib: pip install matplotlib") from None
    with matplotlib.rc_context(STYLE | LITERAL):
        canvas = Canvas(figsize=_size(figure), layout="constrained")
        if isinstance(figure, Panels):
            canvas.suptitle(figure.title, fontsize=8, x=0, ha="left")
        once: dict[str, Any] = {}
        for place, each in enumerate(parts := _parts(figure), start=1):
            across = min(ACROSS, len(parts))
            axes = canvas.add_subplot(-(-len(parts) // across), across, place)
            if isinstance(each, Scatter):
                _scatter(axes, each)
            elif isinstance(each, Matrix):
                _matrix(axes, each)
            else:
                _profile(axes, each)
            axes.set_title(each.title, fontsize=8, loc="left")
            for side in ("top", "right"):
                axes.spines[side].set_visible(False)
            handles, labels = axes.get_legend_handles_labels()
            once |= dict(zip(labels, handles, strict=True))
        if once:
            once |= {FRONT: once.pop(FRONT)} if FRONT in once else {}
            canvas.legend(once.values(), once.keys(), loc="outside right upper", frameon=False)
        data = io.BytesIO()
        canvas.savefig(data, format=form, dpi=200, metadata=DATELESS[form])
    # Of what a name may hold, XML has no place for control characters.
    drawn = visible(data.getvalue().decode()).encode() if form == "svg" else data.getvalue()
    try:
        sweep(path.parent, path.name)
        write_bytes(path, drawn)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from None
    return path


def _parts(figure: Figure) -> Sequence[Scatter | Matrix | Profile]:
    return figure.scatters if isinstance(figure, Panels) else (figure,)


def _size(figure: Figure) -> tuple[float, float]:
    """Return width and height in inches: more room for more names."""
    if isinstance(figure, Panels):
        across = min(ACROSS, len(figure.scatters))
        return 1.8 + 1.9 * across, 0.3 + 1.7 * -(-len(figure.scatters) // across)
    if isinstance(figure, Scatter):
        return 6.5, max(3.4, 0.17 * len(figure.points))
    if isinstance(figure, Matrix):
        return max(3.5, 2 + 0.4 * len(figure.asked)), 1.4 + 0.22 * len(figure.rows)
    return 6.5, max(2.4, 0.8 + len(figure.categories) * _row(figure), 0.17 * len(figure.lines))


def _row(figure: Profile) -> float:
    return max(0.3, 0.09 * len(figure.lines))


def _scatter(axes: Any, figure: Scatter) -> None:
    known = marks(point.series.method for point in figure.points if not point.series.reference)
    for point, aside in zip(figure.points, _aside(figure), strict=True):
        at = point.x[0], point.y[0]
        _mark(axes, point.series, known, at, aside, xerr=point.x, yerr=point.y)
    for series, means in figure.paths:
        mark = known.get(series.method)
        colour = INK if mark is None or series.reference else mark.colour
        moved = _moved(axes, (_beside(figure)[series.label], 0.0))
        axes.plot(*zip(*means, strict=True), color=colour, lw=0.8, transform=moved)
    best = sorted((p.x[0], p.y[0]) for p in figure.points if p.front)
    if len(best) > 1:
        axes.plot(*zip(*best, strict=True), color=INK, lw=0.8, ls="--", label=FRONT)
    axes.set_xlabel(figure.x)
    if figure.y != figure.title:
        axes.set_ylabel(figure.y)
    # Of what is moved beside its place matplotlib does not know where it is.
    axes.update_datalim([at for p in figure.points for at in _corners(p)])
    axes.margins(0.15 if figure.joined else 0.06)
    if figure.joined:
        axes.xaxis.get_major_locator().set_params(integer=True)
    if all(0 <= point.y[0] <= 1 for point in figure.points):
        axes.set_ylim(-0.06, 1.06)
        if all(0 <= point.x[0] <= 1 for point in figure.points):
            axes.set_xlim(-0.06, 1.06)


def _corners(point: Point) -> list[Place]:
    """Return how far a mark and its intervals reach."""
    ends = [[v for v in each if not math.isnan(v)] for each in (point.x, point.y)]
    return [(x, y) for x in ends[0] for y in ends[1]]


def _aside(figure: Scatter) -> list[Place]:
    """Return how many points each mark stands beside its place, so that none hides another."""
    if figure.joined:
        moved = _beside(figure)
        return [(moved[point.series.label], 0.0) for point in figure.points]
    # Of a drawing four inches wide, less than three high.
    wide, high = (_span(axis) for axis in zip(*((p.x, p.y) for p in figure.points), strict=True))
    places = [(288 * p.x[0] / wide, 200 * p.y[0] / high) for p in figure.points]
    return apart(places, MARK)


def _beside(figure: Scatter) -> dict[str, float]:
    return beside((point.series.label for point in figure.points), MARK, 24)


def _span(values: Sequence[Interval]) -> float:
    """Return how far an axis reaches: shares are drawn from 0 to 1."""
    middles = [value[0] for value in values]
    if all(0 <= middle <= 1 for middle in middles):
        return 1.0
    return (max(middles) - min(middles)) or 1.0


def _profile(axes: Any, figure: Profile) -> None:
    known = marks(series.method for series, _ in figure.lines if not series.reference)
    for number, (series, values) in enumerate(figure.lines):
        shift = (number + 0.5) / len(figure.lines) - 0.5
        for place, value in enumerate(values):
            if value:
                _mark(axes, series, known, (value[0], place + 0.8 * shift), xerr=value)
    axes.set_yticks(range(len(figure.categories)), figure.categories)
    axes.set_ylim(len(figure.categories) - 0.5, -0.5)
    axes.set_xlim(-0.03, 1.03)
    axes.set_xlabel(figure.axis)
    axes.grid(axis="x", lw=0.3)


def _matrix(axes: Any, figure: Matrix) -> None:
    values = [[value[0] if value else math.nan for value in row.values] for row in figure.rows]
    axes.imshow(values, cmap=HEAT, vmin=0, vmax=1, aspect="auto")
    for place, row in enumerate(figure.rows):
        for number, (asked, value) in enumerate(zip(figure.asked, row.values, strict=True)):
            if value:
                colour = "white" if value[0] > DARK else INK
                text = f"{value[0]:.2f}"
                axes.text(number, place, text, ha="center", va="center", color=colour, fontsize=6)
            if asked in row.concepts and not row.series.reference:
                axes.plot(*_box(number, place), color=INK, lw=1)
    axes.set_xticks(range(len(figure.asked)), figure.asked, rotation=45, ha="right")
    axes.set_yticks(range(len(figure.rows)), figure.names)
    axes.set_xlabel("asked for, by what was erased; boxed where the two are one")


def _box(x: int, y: int) -> tuple[list[float], list[float]]:
    """Return the corners of a cell, round and back."""
    left, right, top, bottom = x - 0.46, x + 0.46, y - 0.44, y + 0.44
    return [left, right, right, left, left], [top, top, bottom, bottom, top]


def _mark(
    axes: Any,
    series: Series,
    known: dict[str, Mark],
    at: tuple[float, float],
    aside: Place = (0.0, 0.0),
    **intervals: Interval,
) -> None:
    mark = known.get(series.method)
    shape = SHAPES[mark.shape] if mark and not series.reference else "*"
    colour = GREY if series.flagged else INK if mark is None or series.reference else mark.colour
    reach = {name: _reach(interval) for name, interval in intervals.items()}
    label = f"{series.label}{' (collapsed)' * series.flagged}"
    style = {"fmt": shape, "color": colour, "ms": MARK, "elinewidth": 0.6, "capsize": 0}
    axes.errorbar(*at, **reach, **style, label=label, transform=_moved(axes, aside))


def _moved(axes: Any, aside: Place) -> Any:
    """Return the transform of what stands so many points beside its place."""
    from matplotlib.transforms import ScaledTranslation

    points = ScaledTranslation(aside[0] / 72, aside[1] / 72, axes.figure.dpi_scale_trans)
    return axes.transData + points


def _reach(interval: Interval) -> list[list[float]] | None:
    value, low, high = interval
    if math.isnan(low + high):
        return None
    return [[max(0.0, value - low)], [max(0.0, high - value)]]
