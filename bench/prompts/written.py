"""Writes a suite as the text of a suite.toml; pure."""

from __future__ import annotations

import json
from collections.abc import Iterable

from bench.types import Suite


def toml(suite: Suite) -> str:
    """Return the text from which the suite is read again, with the concepts that it brings."""
    lines = [f"name = {_text(suite.name)}"] if suite.name else []
    lines += [
        f"version = {_text(suite.version)}",
        f"kind = {_text(suite.kind)}",
        f"prompt_files = {_list(suite.prompt_files)}",
        f"metrics = {_list(suite.metrics)}",
        f"families = {_list(suite.families)}",
        f"adversarial = {_list(suite.adversarial)}",
        f"closed = {str(suite.closed).lower()}",
        f"summary = {_text(suite.summary)}",
        "",
        "[family_files]",
        *(f"{_text(family)} = {_list(files)}" for family, files in suite.family_files.items()),
        "",
        "[cases]",
        *(f"{_text(case.name)} = {_list(case.concepts)}" for case in suite.cases),
    ]
    for size in suite.sizes:
        images = ", ".join(f"{role} = {count}" for role, count in size.images.items())
        lines += ["", f"[sizes.{_text(size.name)}]", f"images = {{ {images} }}"]
        lines += [f"cases = {_list(size.cases)}"]
    for concept in suite.concepts:
        lines += ["", f"[concepts.{_text(concept.name)}]", f"kind = {_text(concept.kind)}"]
        lines += [f"anchor = {_text(concept.anchor)}", f"synonyms = {_list(concept.synonyms)}"]
        lines += [f"near = {_list(concept.near)}"]
    return "\n".join([*lines, ""])


def _text(text: str) -> str:
    """Write a TOML string; JSON's differ in DEL alone, which TOML wants escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list(texts: Iterable[str]) -> str:
    return "[" + ", ".join(map(_text, texts)) + "]"
