"""What other installed packages bring along, read without importing any of them.

A package declares it as entry points in its pyproject.toml:

[project.entry-points."erasure_bench.methods"]
fade = "my_package.fade:Fade"

The groups are `erasure_bench.methods`, `.metrics`, `.attacks` and `.suites`.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import ModuleSpec
from importlib.metadata import entry_points
from pathlib import Path
from typing import Generic, TypeVar

from bench.types import InputError

T = TypeVar("T")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_WORDS = ("all",)
"""Names that mean something else on a command line."""


@dataclass(frozen=True)
class Plugin:
    """A method, metric, attack or suite that an installed package declares as an entry point."""

    kind: str
    """method, metric, attack or suite."""
    name: str
    value: str
    """`module:Class`; of a suite the package, or `package:folder`, that holds its suite.toml."""
    origin: str
    """The distribution that declares it, and its version."""


@dataclass(frozen=True)
class Found(Generic[T]):
    """The plug-ins of a kind: those that can be used, and why the rest cannot."""

    known: dict[str, T]
    """What can be used, by name."""
    refused: dict[str, str]
    """Why the rest cannot, in one line each, by name."""
    origins: dict[str, str]
    """Which distribution brings it, and its version, by name of what can be used."""

    def check(self, name: str) -> None:
        """Refuse a name that a plug-in was to bring and did not.

        Raises:
            InputError: saying why it cannot be used.
        """
        if name in self.refused:
            raise InputError(self.refused[name])


def declared(kind: str) -> tuple[Plugin, ...]:
    """Return the plug-ins of a kind, by name in order."""
    return _declared(kind, tuple(sys.path))


@lru_cache
def _declared(kind: str, path: tuple[str, ...]) -> tuple[Plugin, ...]:
    """Look through what is installed, once for a path of imports."""
    found = {
        Plugin(kind, each.name, each.value, f"{each.dist.name} {each.dist.version}")
        for each in entry_points(group=f"erasure_bench.{kind}s")
        if each.dist
    }
    return tuple(sorted(found, key=lambda plugin: (plugin.name, plugin.origin)))


def found(kind: str, taken: Callable[[], Collection[str]], read: Callable[[Plugin], T]) -> Found[T]:
    """Read every plug-in of a kind; one that cannot be used stops no other.

    Args:
        kind: method, metric, attack or suite.
        taken: Gives the names of what comes with this package, which stay its own.
        read: Makes something of one.
    """
    every = declared(kind)
    own = taken() if every else ()
    times = Counter(plugin.name for plugin in every)
    made: Found[T] = Found({}, {}, {})
    for plugin in every:
        rivals = ", ".join(each.origin for each in every if each.name == plugin.name)
        try:
            if not _NAME.fullmatch(plugin.name) or plugin.name in _WORDS:
                raise InputError("it cannot be called that")
            if plugin.name in own:
                raise InputError(f"the benchmark has a {kind} of its own with that name")
            if times[plugin.name] > 1:
                raise InputError(f"several packages bring one: {rivals}")
            made.known[plugin.name] = read(plugin)
            made.origins[plugin.name] = plugin.origin
        except InputError as error:
            said = " ".join(str(error).split())
            made.refused[plugin.name] = f"{kind} '{plugin.name}' of {plugin.origin}: {said}"
    return made


def source(module: str) -> Path:
    """Return the file of a module, without importing it or the packages that it is in.

    Raises:
        InputError: there is no such module, or none that has a source.
    """
    spec = _located(module)
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        raise InputError(f"there is no Python module '{module}'")
    return Path(spec.origin)


def folder(package: str, file: str) -> Path:
    """Return the folder of a package, or below one, that holds a file; nothing is imported.

    Args:
        package: Dotted, or with a colon before the folder in the package.
        file: What must be in it.

    Raises:
        InputError: there is no such folder.
    """
    spec = _located(package.replace(":", "."))
    for each in _folders(spec) or ():
        if (Path(each) / file).is_file():
            return Path(each)
    raise InputError(f"there is no package '{package}' with a {file}")


def _located(name: str) -> ModuleSpec | None:
    """Do as importlib.util.find_spec does, but import no package on the way."""
    spec: ModuleSpec | None = None
    folders: Sequence[str] | None = None
    whole = ""
    for part in name.split("."):
        if not part or (whole and folders is None):
            return None
        whole = f"{whole}.{part}" if whole else part
        spec = _spec(whole, folders) or _plain_folder(whole, folders or ())
        folders = _folders(spec)
    return spec


def _folders(spec: ModuleSpec | None) -> list[str] | None:
    """Return where the modules of a package are; None of what is no package."""
    inside = None if spec is None else spec.submodule_search_locations
    return None if inside is None else list(inside)


def _spec(name: str, folders: Sequence[str] | None) -> ModuleSpec | None:
    for finder in sys.meta_path:
        try:
            spec = finder.find_spec(name, folders)
        except KeyError:
            # A folder without an __init__.py, in a package that was never imported.
            continue
        if spec is not None:
            return spec
    return None


def _plain_folder(name: str, folders: Sequence[str]) -> ModuleSpec | None:
    inner = [Path(each) / name.rpartition(".")[2] for each in folders]
    spec = ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [str(each) for each in inner if each.is_dir()]
    return spec if spec.submodule_search_locations else None
