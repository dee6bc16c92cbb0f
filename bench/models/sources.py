"""What `--model` names: a model, and which revision and variant of its weights; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bench.types import InputError

_FORM = re.compile(r"(?P<name>.+?)(@(?P<revision>\w[\w./-]*))?(\+(?P<variant>[A-Za-z]\w*))?")
"""Neither @ nor + is part of any name on the Hub; of a path that exists all is its name."""
_VARIANT = re.compile(r"[A-Za-z]\w*")
_REVISION = re.compile(r"\w[\w./-]*")


@dataclass(frozen=True)
class Source:
    """A model by name, and which of several sets of its weights, as `name@revision+variant`."""

    name: str
    """One of the package's names, an org/name on the Hugging Face Hub, a folder or a file."""
    revision: str = ""
    """Commit, branch or tag on the Hub; "" for its main branch."""
    variant: str = ""
    """What stands in the names of its weights' files, as fp16; "" for plain ones."""

    @classmethod
    def of(cls, text: str) -> Source:
        """Read what `str` wrote.

        Args:
            text: What was typed, or what a run's spec calls its model.
        """
        match = None if Path(text).expanduser().exists() else _FORM.fullmatch(text)
        return cls(**match.groupdict(default="")) if match else cls(text)

    def __str__(self) -> str:
        """Write it in one word."""
        revision = f"@{self.revision}" if self.revision else ""
        return self.name + revision + (f"+{self.variant}" if self.variant else "")


def chosen(model: str, *, revision: str = "", variant: str = "") -> str:
    """Return a model with what else was asked for put into its name.

    Args:
        model: As typed; it may say either itself.
        revision: Of `--revision`, "" where it was not given.
        variant: Of `--variant`, "" where it was not given.

    Raises:
        InputError: the model says another, or it could be no revision or variant.
    """
    said = Source.of(model)
    for name, form, asked, own in (
        ("revision", _REVISION, revision, said.revision),
        ("variant", _VARIANT, variant, said.variant),
    ):
        if asked and not form.fullmatch(asked):
            raise InputError(f"got --{name} {asked!r}, must be letters and digits, as main or fp16")
        if asked and own and asked != own:
            raise InputError(f"--model {model} says {name} {own}, and --{name} says {asked}")
    return str(Source(said.name, revision or said.revision, variant or said.variant))
