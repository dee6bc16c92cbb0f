"""Words by which prompt files say what is erased and what is to stay; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bench.names import find
from bench.prompts.importers.columns import normal
from bench.prompts.importers.drafts import UnusableError
from bench.types import ROLES, InputError, Role

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


YES = {"true": "erased", "yes": "erased", "1": "erased", "1.0": "erased"}
NO = {"false": "kept", "no": "kept", "0": "kept", "0.0": "kept"}
FLAGGED: Mapping[str, str] = {**YES, **NO}
"""What yes and no say in a column `erased`, in which 1 is not MACE's."""
SAID = frozenset({*WORDS, "true", "false", "yes", "no"})
"""Words by which a column is known to say roles."""


def together(cells: Iterable[str]) -> bool:
    """Return whether a column says that what it names is erased, which is then one erasure.

    Args:
        cells: Of a column of roles.
    """
    return any(normal(cell) in ERASED for cell in cells)


def read(word: str) -> tuple[Role, str]:
    """Return the role that a word says, and the tag that tells apart what is kept in two ways.

    Args:
        word: A cell of a column of roles; "" for the usual role.

    Raises:
        UnusableError: it says none.
    """
    name = normal(word) or "target"
    try:
        find("role", name, WORDS)
    except InputError as error:
        raise UnusableError(str(error)) from None
    return WORDS[name], ("kept" if name.isdigit() else name) if name in KEPT else ""
