"""What a check raises."""

from __future__ import annotations


class Violation(Exception):  # noqa: N818
    """An eraser breaks the contract; the message says how."""
