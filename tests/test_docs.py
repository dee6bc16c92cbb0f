"""Every command that a text shows can be typed."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import __version__, cli, data
from bench.files import read_rows
from bench.results.glossary import named as named_columns

TEXTS = [
    *(data.ROOT / name for name in ("README.md", "CONTRIBUTING.md", "prompts/README.md")),
    data.ROOT / "methods" / "README.md",
    *sorted((data.ROOT / "docs" / "pages" / "tutorials").glob("*.md")),
]
MESSAGE = re.compile(
    r"""typed\(f?(?P<quote>['"])(?P<words>[a-z].*?)(?P=quote)\)\}?(?P<rest>[^`'"\n]*)"""
)
"""A command in a message, with what follows it there."""
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


def test_the_readmes_attacks_are_those_that_were_measured() -> None:
    """Row by row, in the order of the file, to two digits."""
    text = (data.ROOT / "README.md").read_text(encoding="utf-8")
    (chapter,) = (part for part in text.split("\n## ") if part.startswith("Attacks\n"))
    table = [line.split("|")[1:-1] for line in chapter.splitlines() if line.startswith("|")]
    (_, _, *attacks), _, *lines = ([cell.strip() for cell in row] for row in table)
    rows = read_rows(
        data.ROOT / "reports" / "reference" / "attacks.csv", named_columns("attacks.csv")
    )
    found: dict[str, dict[str, dict[str, str]]] = {}
    for row in rows:
        found.setdefault(row["erasure"], {})[row["attack"]] = row

    def rate(row: dict[str, str], name: str) -> str:
        value, low, high = (float(row[f"{name}{end}"]) for end in ("", "_low", "_high"))
        return f"{value:.2f} [{low:.2f}, {high:.2f}]"

    measured = [
        [of[attacks[0]]["method"], rate(of[attacks[0]], "pre_asr")]
        + [rate(of[name], "asr") for name in attacks]
        for of in found.values()
    ]
    assert [[line[0].split(",")[0], *line[1:]] for line in lines] == measured


def named(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of a parser's commands."""
    actions = parser._actions
    nested = [each.choices for each in actions if isinstance(each, argparse._SubParsersAction)]
    return {name: each for some in nested for name, each in some.items()}


def test_commands_of_messages_are_understood() -> None:
    """Each command that a hint or an error names is there, with the options that it names."""
    parsers, found = named(cli.full_parser("bench")), 0
    sources = [*(data.ROOT / "bench").rglob("*.py"), *(data.ROOT / "methods").rglob("*.py")]
    for path in sources:
        for match in MESSAGE.finditer(path.read_text(encoding="utf-8")):
            command, *rest = f"{match['words']} {match['rest']}".split()
            assert command in parsers, f"{path}: {match[0]}"
            some = [parsers[command], *named(parsers[command]).values()]
            known = {name for each in some for name in each._option_string_actions}
            asked = {word.rstrip(";,.") for word in rest if word.startswith("-")}
            assert asked <= known, f"{path}: {match[0]}"
            found += 1
    assert found > 20
