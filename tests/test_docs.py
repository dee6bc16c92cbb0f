"""Every command that a text shows can be typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import __version__, cli, data

TEXTS = [
    *(data.ROOT / name for name in ("README.md", "CONTRIBUTING.md", "prompts/README.md")),
    data.ROOT / "methods" / "README.md",
    *sorted((data.ROOT / "docs" / "pages" / "tutorials").glob("*.md")),
]
CALL = re.compile(r"^(?:srun )?python -m bench (.*)$")


def commands(text: str) -> Iterator[str]:
    """Yield what follows the program's name in the lines of code blocks."""
    for block in re.findall(r"^```(?:bash)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if match := CALL.match(line.strip()):
                yield match[1]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(data.ROOT).as_posix())
def test_commands_of_texts_are_understood(path: Path) -> None:
    found = list(commands(path.read_text(encoding="utf-8")))
    assert found
    parser = cli.full_parser("bench")
    for command in found:
        # "a | b" in a text is a choice.
        first, *_ = command.split(" | ")
        parser.parse_args(shlex.split(first, comments=True))


def test_it_is_cited_as_it_was_released() -> None:
    text = (data.ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    first, *headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert first == "Unreleased"
    releases = [re.fullmatch(r"(\d+\.\d+\.\d+) - (\d{4}-\d\d-\d\d)", each) for each in headings]
    found = [each.groups() for each in releases if each]
    assert len(found) == len(headings) > 0
    versions = [[int(part) for part in version.split(".")] for version, _ in found]
    assert versions == sorted(versions, reverse=True)
    version, day = found[0]
    assert version == __version__
    cited = (data.ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {version}\ndate-released: {day}\n" in cited
