"""Where the data that comes with the package lies: prompts, published figures, mini's weights."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""What holds the packages and their data: the checkout of the project."""
PROMPTS = ROOT / "prompts"
REPORTS = ROOT / "reports"
MINI = ROOT / "bench" / "models" / "mini"
