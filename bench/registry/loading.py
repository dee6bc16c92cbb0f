"""Imports the class that an entry names, ours or from elsewhere."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
from multiprocessing import parent_process
from pathlib import Path
from types import ModuleType
from typing import Any

from bench import data
from bench.registry.imports import OURS
from bench.registry.sources import Entry
from bench.types import InputError

log = logging.getLogger(__name__)


def load(entry: Entry) -> Any:
    """Import what an entry names and return its class.

    Raises:
        InputError: what comes from elsewhere cannot be imported, or hides one of ours.
    """
    if entry.module.endswith(".py"):
        return getattr(_import_file(entry), entry.class_name)
    if entry.module not in sys.modules and not (entry.origin or _is_ours(entry)):
        _say(entry)
    try:
        return getattr(importlib.import_module(entry.module), entry.class_name)
    except Exception as error:
        if not entry.origin:
            check_importable(entry)
            raise
        problem = f"{entry.module} cannot be imported: {type(error).__name__}: {error}"
        raise InputError(f"{entry.kind} '{entry.name}' of {entry.origin}: {problem}") from error


def check_importable(entry: Entry) -> None:
    """Refuse one of ours in whose place another would be imported; nothing of it is imported.

    Args:
        entry: A method, metric or attack; what comes from elsewhere is not looked at.

    Raises:
        InputError: a package of the user's has the name of one of ours, and comes first.
    """
    if entry.module.endswith(".py") or not _is_ours(entry):
        return
    top = entry.module.partition(".")[0]
    try:
        found = importlib.util.find_spec(entry.module)
    except ImportError:
        found = None
    place = (found and found.origin) or getattr(sys.modules.get(top), "__file__", None)
    if place and not Path(place).resolve().is_relative_to(data.ROOT / top):
        raise InputError(
            f"{Path(place).parent} hides the benchmark's package {top}; run from another folder, "
            "or by the command erasure-bench"
        )


def _is_ours(entry: Entry) -> bool:
    return entry.module.partition(".")[0] in OURS and entry.path.is_relative_to(data.ROOT)


def _say(entry: Entry) -> None:
    """Say that code from outside is about to run; a worker runs what its parent has said."""
    if parent_process() is None:
        log.warning(f"running the code of {entry.path}, which {entry.kind} {entry.name} is in")


def _import_file(entry: Entry) -> ModuleType:
    """Import a file from outside, once per content; a dataclass needs its module in `sys`."""
    name = f"bench_outside_{entry.path.stem}_{entry.version}"
    if name not in sys.modules:
        _say(entry)
        module = sys.modules[name] = ModuleType(name)
        module.__file__ = str(entry.path)
        try:
            # Not by importlib: its bytecode cache misses a change within one second.
            exec(compile(entry.path.read_bytes(), entry.path, "exec"), module.__dict__)
        except Exception as error:
            del sys.modules[name]
            problem = f"{type(error).__name__}: {error}"
            raise InputError(f"{entry.path} cannot be imported: {problem}") from error
    return sys.modules[name]
