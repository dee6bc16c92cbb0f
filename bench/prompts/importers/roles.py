"""Words by which prompt files say what is erased and what is to stay; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bench.names import nearest
from bench.prompts.importers.columns import FLAGS, KEPT_FLAGS, word
from bench.prompts.importers.drafts import UnusableError
from bench.types import ROLES, Role

ERASED = (
    *("erased", "erase", "to_erase", "forget", "forgotten", "unlearn", "unlearned", "remove"),
    *("removed", "0"),
)
"""Words for what is erased, all of it together; MACE writes 0."""
KEPT = (
    *("preserved", "preserve", "holdout", "hold_out", "held_out", "retain", "retained", "kept"),
    *("keep", "to_keep", "to_preserve", "others", "other", "remain", "remaining", "unrelated"),
    *("non_target", "nontarget", "not_erased", "unerased", "1"),
)
"""Words for what is not erased and has to stay; MACE writes 1."""
WORDS: Mapping[str, Role] = {
    **{role: role for role in ROLES},
    **dict.fromkeys(ERASED, "target"),
    **dict.fromkeys(KEPT, "far"),
}


YES = ("true", "yes", "1", "1.0")
NO = ("false", "no", "0", "0.0")


def _flags(*, yes: str, no: str) -> Mapping[str, str]:
    return {**dict.fromkeys(YES, yes), **dict.fromkeys(NO, no)}


FLAGGED: Mapping[str, Mapping[str, str]] = {
    **{name: _flags(yes="erased", no="kept") for name in FLAGS},
    **{name: _flags(yes="kept", no="erased") for name in KEPT_FLAGS},
}
"""What yes and no say in a column `erased` or `kept`, in which 1 is not MACE's."""
SAID = frozenset({*WORDS, *YES, *NO})
"""Words by which a column is known to say roles."""


def together(cells: Iterable[str]) -> bool:
    """Return whether a column says that what it names is erased, which is then one erasure.

    Args:
        cells: Of a column of roles.
    """
    return any(word(cell) in ERASED for cell in cells)


def read(cell: str) -> tuple[Role, str]:
    """Return the role that a word says, and the tag that tells apart what is kept in two ways.

    Args:
        cell: Of a column of roles; "" for the usual role.

    Raises:
        UnusableError: it says none.
    """
    name = word(cell) or "target"
    if name not in WORDS:
        near = nearest(name, tuple(WORDS))
        said = f"nearest: {near}; " if near else ""
        known = ", ".join((*ROLES, ERASED[0], KEPT[0]))
        raise UnusableError(f"unknown role: '{name[:40]}'; {said}choices: {known} and the like")
    return WORDS[name], ("kept" if name.isdigit() else name) if name in KEPT else ""
