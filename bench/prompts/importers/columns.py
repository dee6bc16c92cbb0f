"""What the columns of a prompt file mean: the names that they go by, and the user's word; pure."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.names import find
from bench.types import InputError, Kind

PROMPTS = (
    *("prompt", "prompts", "text", "texts", "caption", "captions", "sentence"),
    *("prompt_text", "text_prompt"),
)
"""Names that columns of prompts go by, the surest first."""
FOUND = (
    *("adv_prompt", "adversarial_prompt", "optimized_prompt", "optimised_prompt", "attack_prompt"),
    *("jailbreak_prompt", "sensitive_prompt", "adversarial", "adv_text", "attacked_prompt"),
    *("adversarial_prompts", "adv_prompts", "prompt_adv", "perturbed_prompt"),
)
"""Names that columns of prompts go by which an attack has found."""
LABELS: Mapping[str, Kind | None] = {
    "concept": None,
    "concepts": None,
    "concept_name": None,
    "object": "object",
    "objects": "object",
    "class": "object",
    "classes": "object",
    "class_name": "object",
    "label_str": "object",
    "label": None,
    "artist": "style",
    "artists": "style",
    "style": "style",
    "celebrity": "person",
    "person": "person",
    "profession": "object",
    "target": None,
    "target_concept": None,
    "category": None,
}
"""Names that columns of concepts go by, and the kind of what they hold where the name says it."""
FLAGS = (
    *("erased", "is_erased", "to_erase", "erase", "forget", "to_forget", "is_forget"),
    *("is_target", "unlearn", "to_unlearn"),
)
"""Names of columns that say of each row whether it is erased, yes or no."""
KEPT_FLAGS = ("retain", "is_retain", "retained", "preserve", "preserved", "keep", "kept", "to_keep")
"""Names of columns that say of each row whether it is kept, yes or no."""
NAMES: Mapping[str, tuple[str, ...]] = {
    "prompt": PROMPTS,
    "seed": ("evaluation_seed", "seed", "sd_seed", "eval_seed", "random_seed", "seeds"),
    "role": (
        *("role", "type", "split", "subset", "set", "group", "tag", "label", "category", "target"),
        *(*FLAGS, *KEPT_FLAGS),
    ),
    "concept": tuple(LABELS),
    "tag": ("tag",),
    "plain": (
        *("plain_prompt", "target_prompt", "original_prompt", "clean_prompt", "base_prompt"),
        *("source_prompt", "direct_prompt", "orig_prompt", "plain", "original", "clean"),
    ),
    "benign": (
        *("normal_prompt", "benign_prompt", "safe_prompt", "neutral_prompt", "harmless_prompt"),
        *("normal", "benign", "safe", "neutral"),
    ),
    "guidance": (
        *("evaluation_guidance", "guidance_scale", "guidance", "sd_guidance_scale"),
        *("cfg", "cfg_scale"),
    ),
    "width": ("width", "sd_image_width", "image_width", "w"),
    "height": ("height", "sd_image_height", "image_height", "h"),
    "size": ("size", "image_size", "resolution", "sd_image_size"),
    "negative_prompt": ("negative_prompt", "negative", "neg_prompt"),
}
"""The names that columns go by, the surest first, by what they mean to us; `plain` is the prompt
that an attack's stands for, `benign` its counterpart without the concept."""
PAIRED = ("plain", "benign")
"""Meanings of columns that only formats of attacks read."""
SIZE = re.compile(r"[\[(]?\s*(\d{2,4})\s*(?:[x×*,]\s*(\d{2,4})\s*)?[\])]?", re.IGNORECASE)
"""Width and height in one cell: 512x768, (512, 768), or one number of a square."""
_SUFFIX = re.compile(r"_(?:prompts?|concepts?|class(?:es)?|artists?|set)$")
"""What may stand behind a word for a role: `retain_prompts`."""


@dataclass(frozen=True)
class Named:
    """What the user says of a file's columns: their names, or what some of them mean."""

    header: tuple[str, ...] = ()
    """The columns' names in order, for a file without a header."""
    meanings: Mapping[str, str] = field(default_factory=dict)
    """Columns of the file by what they mean, of `NAMES`."""

    @property
    def prompts(self) -> tuple[str, ...]:
        """The names of columns that may hold prompts."""
        chosen = self.meanings.get("prompt")
        return (chosen,) if chosen else (*PROMPTS, *FOUND)


AS_NAMED = Named()
"""Nothing said: columns are what the file calls them."""


def normal(name: str) -> str:
    """Return a column's name in small letters and underscores: `Evaluation Seed` is one too."""
    return "_".join(name.strip().casefold().replace("-", " ").split())


def word(cell: str) -> str:
    """Return a word that may say a role, without what is behind it: `Retain set` is `retain`."""
    return _SUFFIX.sub("", normal(cell))


def plain(concept: str) -> str:
    """Return a concept's name in small letters and single spaces: `Van_Gogh` is `van gogh`.

    Args:
        concept: As somebody writes it.
    """
    return " ".join(concept.casefold().replace("_", " ").split())


def named(columns: str = "", prompt: str = "", concept: str = "") -> Named:
    """Return what the user says of a file's columns.

    Args:
        columns: `prompt,seed` names the columns of a file without a header, in order;
            `prompt=fr,concept=label` says which of its columns mean what. A name with a comma
            stands in quotation marks.
        prompt: The column of prompts.
        concept: The column of what they show.

    Raises:
        InputError: the two ways are mixed, or something is said twice or means nothing here.
    """
    try:
        parts = next(csv.reader([columns], strict=True), [])
    except csv.Error as error:
        raise InputError(f"--columns got {columns!r}: {error}") from None
    pairs = [part.partition("=") for part in parts]
    if any(equals for _, equals, _ in pairs) and not all(equals for _, equals, _ in pairs):
        raise InputError(
            f"--columns got '{columns}'; must be names alone, for a file without a header, or all "
            "MEANING=COLUMN, for one with"
        )
    header = tuple(map(normal, parts)) if not any(equals for _, equals, _ in pairs) else ()
    meanings: dict[str, str] = {}
    said = [(normal(meaning), name) for meaning, equals, name in pairs if equals]
    said += [("prompt", prompt)] * bool(prompt) + [("concept", concept)] * bool(concept)
    for meaning, name in said:
        find("meaning of a column", meaning, NAMES)
        if meanings.setdefault(meaning, normal(name)) != normal(name):
            raise InputError(f"{meaning} is said to be two columns, {meanings[meaning]} and {name}")
    return Named(header, meanings)


def same(meaning: str) -> frozenset[str]:
    """Return all names of columns that mean the same to any format.

    Args:
        meaning: One of `NAMES`.
    """
    more = {"prompt": FOUND, "concept": ("categories", "name")}.get(meaning, ())
    return frozenset((*NAMES[meaning], *more))


def layout(
    columns: Mapping[str, Sequence[str]],
    own: Mapping[str, tuple[str, ...]],
    said: Collection[str],
    is_role: frozenset[str],
) -> dict[str, str]:
    """Return which column holds what, by meaning; what the file lacks is not in it.

    Args:
        columns: The file's columns, each with its cells.
        own: The names that a format has for some meanings, in place of those of all.
        said: Meanings of which the user says where they are.
        is_role: Words that say a role. A column `type` without one says something else, and a
            label is one only where all its words are.

    Raises:
        InputError: two columns say different things of what prompts show.
    """
    found: dict[str, str] = {}
    for meaning, names_of_all in NAMES.items():
        usual = () if meaning in PAIRED else names_of_all
        able: Collection[str] = own.get(meaning, usual)
        if able and meaning in said:
            able = same(meaning)
        names = [n for n in able if n in columns and n not in found.values()]
        if meaning == "concept" and meaning not in (*own, *said):
            names = _labels({name: columns[name] for name in names})
        if meaning == "role" and meaning not in said:
            names = [n for n in names if _says_role(n, columns[n], is_role)]
            more = [n for n in columns if able and _tells_apart(columns[n], is_role)]
            names += [n for n in more if n not in found.values()]
        if meaning == "size" and meaning not in said:
            names = [n for n in names if _says_size(columns[n])]
        if names:
            found[meaning] = names[0]
    return found


def _says_role(name: str, cells: Sequence[str], is_role: frozenset[str]) -> bool:
    words = set(map(word, cells)) - {""}
    if name in (*LABELS, "tag"):
        return bool(words) and words <= is_role and not all(map(str.isdigit, words))
    return name == "role" or bool(words & is_role)


def _tells_apart(cells: Sequence[str], is_role: frozenset[str]) -> bool:
    """Return whether a column, by whatever name, has words for roles alone, and several."""
    words = set(map(word, cells)) - {""}
    return (
        len(words) > 1
        and words <= is_role - {"yes", "no", "true", "false"}
        and not any(map(is_number, words))
    )


def _says_size(cells: Sequence[str]) -> bool:
    return all(SIZE.fullmatch(cell.strip()) for cell in cells if cell.strip())


def _labels(columns: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the columns that name concepts, and not only number them or stay empty."""
    if any(cell.strip() for cell in columns.get("concept", ())):
        return ["concept"]
    words = [
        name
        for name, cells in columns.items()
        if any(cell.strip() and not is_number(cell) for cell in cells)
    ]
    for other in words[1:]:
        pairs = zip(columns[words[0]], columns[other], strict=True)
        if any(plain(one) != plain(two) for one, two in pairs):
            raise InputError(
                f"both {words[0]} and {other} may say what the prompts show; --concept-column "
                "decides"
            )
    return words


def is_number(cell: str) -> bool:
    """Return whether a cell holds a number and no word."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def told(layout: Mapping[str, str], columns: Iterable[str], said: Mapping[str, str]) -> str:
    """Return in words which column was read as what, and which were not read.

    Args:
        layout: Columns by meaning.
        columns: All of the file.
        said: Columns, as they are called in the file, by the meaning that the user gave them.
    """
    read = [f"{meaning} from {said.get(meaning, name)}" for meaning, name in layout.items()]
    left = [name for name in columns if name not in layout.values()]
    return ", ".join(read) + (f"; not read: {', '.join(left)}" if left else "")
