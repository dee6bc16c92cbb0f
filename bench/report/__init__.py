"""Finished runs made readable: comparison tables and picture strips; no torch here."""

from __future__ import annotations

from bench.report.calibrated import show_calibration
from bench.report.comparison import show, show_scores, write_comparison
from bench.report.groups import group, groups
from bench.report.page import page
from bench.report.strip import write_strip

__all__ = [
    "group",
    "groups",
    "page",
    "show",
    "show_calibration",
    "show_scores",
    "write_comparison",
    "write_strip",
]
