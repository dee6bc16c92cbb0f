"""Names that can be files on every system, so that a suite made here runs elsewhere; pure."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 150
"""Bytes of a name: with what is put around it, it stays below the 255 that file systems take."""
_FORBIDDEN = '<>:"/\\|?*'
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices, with any ending."""


def problem(name: str) -> str:
    """Return why a name cannot be that of a file or folder everywhere; "" if it can.

    Args:
        name: Of one file or folder, without those above it.
    """
    if not name.strip():
        return "is empty"
    # Joiners are of category C too, and hold emoji and some scripts together.
    letters = [c for c in name if c not in "\u200c\u200d"]
    odd = next((c for c in letters if c in _FORBIDDEN or unicodedata.category(c)[0] == "C"), "")
    if odd:
        return f"has {odd!r}, which must not be in a file's name"
    if name[0] in ". -" or name[-1] in ". ":
        return "begins or ends with a dot or space, or begins with a hyphen"
    if _RESERVED.fullmatch(name):
        return f"is '{name}', which Windows keeps for a device"
    if len(name.encode()) > LONGEST:
        return f"has {len(name.encode())} bytes, must have at most {LONGEST}"
    return ""
