"""Where the data that comes with the package lies: prompts, published figures, mini's weights."""

from __future__ import annotations

import os
from pathlib import Path

import bench

PACKAGE = Path(bench.__path__[0])
ROOT = PACKAGE.parent
"""The folder that the packages bench and methods lie in: a checkout, or where wheels go."""
SHIPPED = PACKAGE / "shipped"
"""What setup.py puts into a wheel; a checkout has none, for there it lies beside the packages."""
INSTALLED = SHIPPED.is_dir()
PROMPTS = (SHIPPED if INSTALLED else ROOT) / "prompts"
REPORTS = (SHIPPED if INSTALLED else ROOT) / "reports"
CALIBRATIONS = REPORTS / "calibration"
MINI = PACKAGE / "models" / "mini"


def own_calibrations() -> Path:
    """Return where calibrations are kept that the user makes: in a checkout beside the others.

    An installed package may lie where nobody can write, and is replaced by the next version; there
    it is `$XDG_DATA_HOME/erasure-bench/calibration`, by default in `~/.local/share`.
    """
    if not INSTALLED:
        return CALIBRATIONS
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "erasure-bench" / "calibration"
