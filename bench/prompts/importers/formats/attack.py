"""Pairs of a prompt that some attack has found and the plain one that it stands for."""

from __future__ import annotations

from bench.prompts.importers.columns import FOUND, NAMES, PROMPTS
from bench.prompts.importers.drafts import Draft, Row, attacked
from bench.prompts.importers.records import Table

HELP = "found prompts of any attack, maybe beside plain ones; needs --concept, and --tag names it"
COLUMNS = {
    "prompt": (*FOUND, *PROMPTS),
    "benign": NAMES["benign"],
    "plain": (*NAMES["plain"], *PROMPTS),
    "tag": ("tag", "attack", "attack_name", "method"),
    "role": (),
}
NEUTRAL = True


def recognises(table: Table) -> bool:
    """Return whether a column holds found prompts, of no attack in particular.

    A prompt beside another that is called its original is a found one too.
    """
    original = [name for name in NAMES["plain"] if name.endswith("_prompt")]
    beside = table.has(PROMPTS, original) and not table.has(FOUND)
    return beside or table.has(set(FOUND) - {"adv_prompt", "sensitive_prompt"})


def draft(row: Row, asked: str) -> Draft:
    """Read a found prompt and its plain one.

    Args:
        row: Cells by meaning.
        asked: Name of the concept that the user asked for; "" for none.
    """
    return attacked(row, asked, "attack")
