"""What things from outside are called in a spec, and where they are.

A path decides no result: a folder, a file of code or an option that is a path is named by its last
part and by what it holds. Where it is on this machine stands in `RunSpec.places`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bench import digests, portable
from bench.models import tensorfiles
from bench.models.recognition import MODELS
from bench.models.sources import Source
from bench.registry.sources import Entry
from bench.types import InputError, Option, Suite

Places = dict[str, str]

DIGITS = 8
"""Digits of a content hash that stand in a name."""


def suite(found: Suite) -> Places:
    """Return the folder of a suite that is not one of the package's own."""
    return {"suite": found.folder} if found.folder else {}


def model(asked: str) -> tuple[str, Places]:
    """Return what a model is called: a folder by its name and its weights, however it was typed.

    Args:
        asked: As `recognition.check` accepts it.
    """
    source = Source.of(asked)
    if source.name in MODELS:
        return asked, {}
    folder = Path(source.name).expanduser()
    if not folder.is_dir():
        known = {hub: name for name, (_, hub) in MODELS.items()}
        return str(replace(source, name=known.get(source.name, source.name))), {}
    folder = folder.resolve()
    name = f"{portable.cleaned(folder.name)}-{digests.of(folder, digests.WEIGHTS)[:DIGITS]}"
    return str(replace(source, name=name)), {"model": str(replace(source, name=str(folder)))}


def method(asked: str, entry: Entry) -> tuple[str, Places]:
    """Return what a method is called: one of a file by the file's name and its class.

    Args:
        asked: What the user typed.
        entry: The method that it named.

    Returns:
        Its name in the spec, and where it is.
    """
    if not entry.module.endswith(".py"):
        return asked, {}
    path = entry.path.resolve()
    return f"{path.name}:{entry.class_name}", {"method": f"{path}:{entry.class_name}"}


def options(entry: Entry, values: Mapping[str, Option]) -> tuple[dict[str, Option], Places]:
    """Return options in which a path is the name and the hash of what is there.

    Args:
        entry: The method.
        values: All its options by name.

    Returns:
        The options as the spec has them, and where their files are.

    Raises:
        InputError: there is nothing at a path, or what ends as a file of tensors is none.
    """
    named, places = dict(values), Places()
    for name in entry.files:
        if not values[name]:
            continue
        path = Path(str(values[name])).expanduser()
        if not path.is_file() and not path.is_dir():
            raise InputError(f"--set {name}={values[name]}: there is no such file or folder")
        tensorfiles.check(path)
        named[name] = f"{path.resolve().name} {digests.of(path)[:DIGITS]}"
        places[f"option.{name}"] = str(path.resolve())
    return named, places
