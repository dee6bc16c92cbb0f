"""Imports the class that an entry names, ours or from elsewhere."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from bench import data
from bench.registry.sources import Entry
from bench.types import InputError


def load(entry: Entry) -> Any:
    """Import what an entry names and return its class.

    Raises:
        InputError: what comes from elsewhere cannot be imported, or hides one of ours.
    """
    if entry.module.endswith(".py"):
        return getattr(_import_file(entry), entry.class_name)
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
    if entry.module.endswith(".py") or not entry.path.is_relative_to(data.ROOT):
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


def _import_file(entry: Entry) -> ModuleType:
    """Import a file from outside, once per content; a dataclass needs its module in `sys`."""
    name = f"bench_outside_{entry.path.stem}_{entry.version}"
    if name not in sys.modules:
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
