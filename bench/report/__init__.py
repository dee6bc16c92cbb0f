"""Finished runs made readable: comparison tables and picture strips; no torch here."""

from __future__ import annotations

from bench.report.comparison import table, write_comparison
from bench.report.strip import write_strip

__all__ = ["table", "write_comparison", "write_strip"]
