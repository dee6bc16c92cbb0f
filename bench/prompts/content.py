"""What a suite is, whatever its files are called and wherever they lie: a hash of its content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from bench.types import Concept, InputError, Suite


def digest(suite: Suite, named: Sequence[Concept], files: Mapping[str, Path]) -> str:
    """Return the sha256 of all that decides a run of the suite.

    Args:
        suite: Its tables; neither name, version nor summary counts.
        named: The concepts that it names, in any order.
        files: Where its prompt files are, by the names in its tables.

    Raises:
        InputError: a prompt file cannot be read.
    """
    held = {name: _sha256(path) for name, path in files.items()}
    data = {
        "kind": suite.kind,
        "cases": [[case.name, list(case.concepts)] for case in suite.cases],
        "sizes": [[size.name, list(size.images.items()), list(size.cases)] for size in suite.sizes],
        "prompts": [held[name] for name in suite.prompt_files],
        "family_prompts": sorted(
            [family, [held[name] for name in names]] for family, names in suite.family_files.items()
        ),
        "metrics": list(suite.metrics),
        "families": list(suite.families),
        "adversarial": list(suite.adversarial),
        "closed": suite.closed,
        "concepts": sorted((asdict(concept) for concept in named), key=lambda each: each["name"]),
    }
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
