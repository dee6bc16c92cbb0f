"""Finished runs made readable: comparison tables and image strips; no torch here."""

from __future__ import annotations

from bench.results.report.calibration import show_calibration
from bench.results.report.choice import INTERVALS, narrowed, written
from bench.results.report.comparison import show, write_comparison, write_wide
from bench.results.report.data import data
from bench.results.report.groups import group, groups
from bench.results.report.latex import check_label
from bench.results.report.page import page
from bench.results.report.site import unfinished, write_site
from bench.results.report.strip import write_strip
from bench.results.report.terminal import show_scores

__all__ = [
    "INTERVALS",
    "check_label",
    "data",
    "group",
    "groups",
    "narrowed",
    "page",
    "show",
    "show_calibration",
    "show_scores",
    "unfinished",
    "write_comparison",
    "write_site",
    "write_strip",
    "write_wide",
    "written",
]
