"""Published protocols: files of --config that come with the package, and what these say.

The table `protocol` of such a file says what is measured, whose protocol it is, what of it is not
followed, and, where its prompts cannot come along, by which command they are imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import data
from bench.names import find, typed
from bench.types import InputError

FOLDER = data.PROMPTS / "protocols"
TABLE = "protocol"
"""The table that says what a file is."""
KEYS = ("summary", "command", "paper", "measures", "import", "file", "then", "differs")
"""What it may hold."""


@dataclass(frozen=True)
class Protocol:
    """What a file of --config says of itself."""

    name: str
    summary: str
    command: str
    """`run` or `attack`."""
    paper: str
    measures: str
    made_by: str
    """The words of the command that imports its prompts, with FILE for theirs; "" for none."""
    file: str
    """Which file that is."""
    then: str
    """The words of a command that measures more; "" for none."""
    differs: tuple[str, ...]
    """What of the published protocol is not followed."""

    @property
    def words(self) -> str:
        """The command that carries it out, without the program's name."""
        return f"{self.command} --config {self.name}"

    def check(self, suite: str) -> None:
        """Refuse a suite that is to be imported first and is not there.

        Args:
            suite: The suite's name or folder.

        Raises:
            InputError: naming the command that makes it.
        """
        if self.made_by and not (Path(suite) / "suite.toml").is_file():
            raise InputError(
                f"{self.name}: there is no suite {suite} here; make it first: "
                f"`{typed(self.made_by)}`, where FILE is {self.file}"
            )


def protocols() -> dict[str, Protocol]:
    """Read the protocols that come with the package, by name."""
    from bench.prompts import tables

    found = {}
    for path in sorted(FOLDER.glob("*.toml")):
        known = of(path, tables.toml(path))
        assert known, f"{path} has no table {TABLE}"
        found[path.stem] = known
    return found


def of(path: Path, table: Mapping[str, Any]) -> Protocol | None:
    """Return what a file of --config says of itself, None where it says nothing.

    Args:
        path: The file.
        table: What it holds.

    Raises:
        InputError: it says something that no such file can say.
    """
    said = table.get(TABLE)
    if said is None:
        return None
    if not isinstance(said, Mapping):
        raise InputError(f"{path}: {TABLE}: got {said!r}, must be a table")
    for key, value in said.items():
        find(f"key of {TABLE} in {path}", key, KEYS)
        some = value if key == "differs" and isinstance(value, list) else [value]
        if not all(isinstance(each, str) for each in some):
            raise InputError(f"{path}: {key} of {TABLE}: got {value!r}, must be text")
    words = {key: said.get(key, "") for key in KEYS if key not in ("import", "differs")}
    differs = said.get("differs", ())
    return Protocol(
        path.stem,
        **words,
        made_by=said.get("import", ""),
        differs=(differs,) if isinstance(differs, str) else tuple(differs),
    )


def found(asked: Path) -> Path:
    """Return the file that --config means: one that is there, or a protocol by its name.

    Args:
        asked: As it was typed.

    Raises:
        InputError: it is a name, and no protocol has it.
    """
    if asked.is_file() or asked.name != str(asked) or asked.suffix:
        return asked
    known = {path.stem: path for path in FOLDER.glob("*.toml")}
    return known[find("config", str(asked), (*sorted(known), "FILE.toml"))]


def base(path: Path) -> Path:
    """Return the folder that a file's relative paths start from: its own, or for a protocol here.

    Args:
        path: The file.
    """
    return Path() if path.parent.resolve() == FOLDER.resolve() else path.parent
