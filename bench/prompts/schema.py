"""The shape of concepts, suites and prompt rows, declared once and checked by pydantic."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from bench import portable
from bench.drawing import SIDES
from bench.names import find
from bench.types import ROLES, InputError, Kind, Role

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_SEEDS = range(2**63)
_LONGEST = 1000
"""Characters of a version, or of where a prompt file is."""
_MOST = 10**9
"""Images of a role that a size may have."""
STRONGEST = 1000
"""Greatest guidance that a row may ask for; the field's prompt files stay below 30."""
NEEDS_TAG: Mapping[Role, str] = {
    "adversarial": "the kind of change or the attack",
    "remainder": "what beside the concept must survive",
}
"""Roles whose rows say in their tag what tells them apart."""


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text


def is_id(text: str) -> bool:
    """Return whether a text can be a prompt's id, which names its image."""
    return bool(_ID.fullmatch(text)) and not portable.is_device(text)


def _id(text: str) -> str:
    if not is_id(text):
        raise ValueError(
            f"'{text}' names an image file, must be at most 200 letters, digits, '.', '_' and '-', "
            "and no device of Windows"
        )
    return text


def _portable(text: str) -> str:
    why = portable.problem(text)
    if why:
        raise ValueError(f"names files, but {why}")
    return text


def _case(text: str) -> str:
    why = portable.of_case(text)
    if why:
        raise ValueError(f"names files, but {why}")
    return text


def _plain(text: str) -> str:
    text = _filled(text)
    if len(text) > _LONGEST or any(unicodedata.category(letter)[0] == "C" for letter in text):
        raise ValueError(f"must be at most {_LONGEST} characters, none of them a control character")
    return text


def _once(names: list[str]) -> list[str]:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"has '{twice}' twice")
    return names


def is_seed(text: str) -> bool:
    """Return whether a text is a seed: an integer from 0 to 2^63 - 1."""
    return len(text) < 40 and text.isascii() and text.isdigit() and int(text) in _SEEDS


def _seed(text: object) -> int:
    digits = str(text)
    if not is_seed(digits):
        raise ValueError(f"'{digits}' must be an integer from 0 to 2^63 - 1")
    return int(digits)


def _guidance(text: object) -> float | None:
    if text in ("", None):
        return None
    try:
        value = float(str(text))
    except ValueError:
        value = math.nan
    if not 0 <= value <= STRONGEST:
        raise ValueError(f"'{text}' must be a factor from 0 to {STRONGEST}, or empty")
    return value


def _side(text: object) -> int | None:
    if text in ("", None):
        return None
    digits = str(text)
    if not (digits.isascii() and digits.isdigit() and len(digits) < 6 and int(digits) in SIDES):
        allowed = f"{SIDES[0]} to {SIDES[-1]} pixels in steps of {SIDES.step}"
        raise ValueError(f"'{digits}' must be {allowed}, or empty")
    return int(digits)


def _role(text: str) -> str:
    return find("role", text, ROLES)


Filled = Annotated[str, AfterValidator(_filled)]
CaseName = Annotated[str, AfterValidator(_case)]
FileName = Annotated[str, AfterValidator(_portable)]
Plain = Annotated[str, AfterValidator(_plain)]
Names = Annotated[list[str], AfterValidator(_once)]
Files = Annotated[list[Plain], AfterValidator(_once)]
Images = Annotated[int, Field(ge=0, le=_MOST)]


class Table(BaseModel):
    """A table whose keys are all known and whose values have exactly these types."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Row(Table):
    """One row of a prompt file."""

    id: Annotated[str, AfterValidator(_id)]
    concept: str
    role: Annotated[Role, BeforeValidator(_role)]
    text: Filled
    seed: Annotated[int, BeforeValidator(_seed)]
    tag: str = ""
    guidance: Annotated[float | None, BeforeValidator(_guidance)] = None
    width: Annotated[int | None, BeforeValidator(_side)] = None
    height: Annotated[int | None, BeforeValidator(_side)] = None
    negative_prompt: str = ""

    @model_validator(mode="after")
    def _role_fits(self) -> Row:
        if self.role != "general" and not self.concept.strip():
            raise ValueError("concept is empty, which only a general prompt may have")
        if self.role in NEEDS_TAG and not self.tag.strip():
            raise ValueError(f"a row of role {self.role} needs a tag: {NEEDS_TAG[self.role]}")
        if (self.width is None) != (self.height is None):
            raise ValueError("width and height go together; one of them is empty")
        return self


class ConceptTable(Table):
    """One table of concepts.toml."""

    kind: Kind
    anchor: Filled
    synonyms: list[Filled] = []
    near: Names = []


class SizeTable(Table):
    """One size of a suite."""

    images: dict[Role, Images]
    cases: Names


class SuiteTable(Table):
    """One table of suites.toml, or the suite.toml of a suite from outside."""

    version: Plain
    kind: Kind
    prompt_files: Files
    metrics: Names
    summary: str
    cases: dict[CaseName, Names]
    sizes: dict[FileName, SizeTable]
    family_files: dict[str, Files] = {}
    families: Names = []
    adversarial: Names = []
    closed: bool = False


class OutsideTable(SuiteTable):
    """A suite.toml, which may have a name beside its folder's, and bring concepts along."""

    name: FileName = ""
    concepts: dict[str, ConceptTable] = {}


Shape = TypeVar("Shape", bound=Table)


def checked(shape: type[Shape], data: Mapping[str, Any], where: str) -> Shape:
    """Return the data in its declared shape.

    Args:
        shape: The pydantic model to fit.
        data: A table as it was read.
        where: File and table, for the message.

    Raises:
        InputError: naming where and what the first value is that does not fit, and what would.
    """
    try:
        return shape.model_validate(data)
    except ValidationError as error:
        # Not all of them: the first may be why the others do not fit.
        raise InputError(f"{where}: {_said(shape, error.errors()[0])}") from None


def _said(shape: type[Table], error: Any) -> str:
    """Put pydantic's account of one error into our words."""
    place = [str(part) for part in error["loc"] if part != "[key]"]
    # An item of a list is said with the list.
    name = ".".join(place[-2:] if place and place[-1].isdigit() else place[-1:])
    kind, got = error["type"], error["input"]
    if kind == "missing":
        return f"'{name}' is missing" + (f" in {'.'.join(place[:-1])}" if place[1:] else "")
    if kind == "value_error":
        said = str(error["ctx"]["error"])
        return said if not name or said.startswith("unknown") else f"{name} {said}"
    choices = re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", "")))
    if kind == "extra_forbidden":
        choices, got = _keys(shape, place[:-1]), name
    if choices:
        what = "key" if "[key]" in error["loc"] or kind == "extra_forbidden" else name
        try:
            find(f"{what} of {'.'.join(place[:-1])}" if place[1:] else what, str(got), choices)
        except InputError as unknown:
            return str(unknown)
    return f"{'.'.join(place)} is {got!r}: {error['msg'].casefold()}"


def _keys(shape: type[Table], place: list[str]) -> list[str]:
    """Return the keys that the table at a place may have."""
    found: Any = shape
    for name in place:
        # A mapping's key leads to its values, a table's to what the key holds.
        inner = found.model_fields[name].annotation if hasattr(found, "model_fields") else None
        found = inner or get_args(found)[-1]
    return list(found.model_fields)
