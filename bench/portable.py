"""Names that can be files on every system, so that what is made here runs elsewhere; pure."""

from __future__ import annotations

import re
import unicodedata

from bench.types import ALL, ORIGINAL

UNERASED = "unerased"
"""The image folder of the un-erased model, which all cases share."""
OURS = {
    ALL: "means all cases",
    ORIGINAL: "is the method that erases nothing",
    UNERASED: "is the folder of the un-erased model's images",
}
"""Names that no case can have, and what each says here."""
WHOLE = 255
"""Bytes that file systems take of one name."""
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
    odd = next(filter(_odd, name), "")
    if odd:
        return f"has {odd!r}, which must not be in a file's name"
    if name[0] in ". -" or name[-1] in ". ":
        return "begins or ends with a dot or space, or begins with a hyphen"
    if is_device(name):
        return f"is '{name}', which Windows keeps for a device"
    if len(name.encode()) > LONGEST:
        return f"has {len(name.encode())} bytes, must have at most {LONGEST}"
    return ""


def of_case(name: str) -> str:
    """Return why a name cannot be a case's, which its files are called by; "" if it can.

    Args:
        name: Of a case.
    """
    own = OURS.get(folded(name))
    return f"is {folded(name)}, which {own}" if own else problem(name)


def is_device(name: str) -> bool:
    """Return whether Windows takes a file of this name for a device, whatever its ending."""
    return bool(_RESERVED.fullmatch(name))


def folded(name: str) -> str:
    """Return what is equal of two names that some file system holds for one.

    Args:
        name: In any letters: small or not, accents as parts of them or beside them.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def cleaned(name: str) -> str:
    """Return a name as it is where it can be a file's, and else the nearest that can.

    Args:
        name: Of what lies outside already, so that it cannot be refused.
    """
    if not problem(name):
        return name
    letters = "".join("_" if _odd(letter) else letter for letter in name).lstrip(". -")
    short = letters.encode(errors="replace")[:LONGEST].decode(errors="ignore").rstrip(". ")
    return f"_{short}" if problem(short) else short


def _odd(letter: str) -> bool:
    # Joiners are of category C too, and hold emoji and some scripts together.
    joins = letter in "\u200c\u200d"
    return letter in _FORBIDDEN or (unicodedata.category(letter)[0] == "C" and not joins)
