"""Starts a new eraser: its file, its test and its page, from templates that already work."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from bench import data, registry
from bench.names import find
from bench.registry.templates import PAGE, TEMPLATES
from bench.types import Form, InputError

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def create(name: str, kind: str = "weights") -> list[Path]:
    """Write methods/<name>.py, its test and its page, or nothing, and return their paths.

    Args:
        name: The method's name.
        kind: The form of what it will leave: weights, inference or adapter.

    Raises:
        InputError: there is no such kind, the name cannot be one or is taken, or this is no
            checkout of the project.
    """
    forms: dict[str, Form] = {form: form for form in TEMPLATES}
    form = forms[find("kind of method", kind, forms)]
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise InputError(
            f"new method '{name}': must be a Python name in lower case, for example my_eraser"
        )
    if name in registry.methods():
        raise InputError(f"there is a method {name} already; choose another name")
    root = data.ROOT
    if not (root / "tests" / "methods").is_dir():
        raise InputError(
            f"{root} is no checkout of the project, so there is no place for a test; "
            "a file of your own runs as --method path/to/file.py:Class"
        )
    title = "".join(part.capitalize() for part in name.split("_"))
    start = TEMPLATES[form]
    texts = {
        root / "methods" / f"{name}.py": start.method,
        root / "tests" / "methods" / f"test_{name}.py": start.test,
        root / "methods" / f"{name}.md": PAGE,
    }
    words = {"name": name, "title": title, "form": form, "changes": start.changes}
    for path in texts:
        if path.exists():
            raise InputError(f"{path} is there already; nothing was written")
    for path, text in texts.items():
        path.write_text(text.format(**words), encoding="utf-8")
    return list(texts)
