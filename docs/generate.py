"""Writes the pages that come from the code and from the texts beside it, when the site is built.

Texts of the repository stand at the paths that they have there, so their links hold. Pages of
methods, metrics, attacks, suites, commands and columns are made of what `list` reads, so that they
cannot go stale.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from pathlib import Path, PurePosixPath

import mkdocs_gen_files

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from bench import cli, prompts, registry  # noqa: E402
from bench.attacks import KINDS  # noqa: E402
from bench.cli import commands  # noqa: E402
from bench.cli.listing import LEAVES, defaults  # noqa: E402
from bench.cli.suites import show_suite  # noqa: E402
from bench.metrics import STATISTICS  # noqa: E402
from bench.registry import Entry  # noqa: E402
from bench.results.glossary import GLOSSARY, VERDICTS, WHERE, WORDS  # noqa: E402

API = {
    "Run from Python": ("bench.runs.call", "bench.results.frames"),
    "Erasers": ("bench.models.eraser", "bench.models.steering", "bench.models.pipelines"),
    "Metrics": ("bench.metrics",),
    "Attacks": ("bench.attacks",),
    "Words": ("bench.types", "bench.families"),
    "Results": ("bench.results.store", "bench.results.protocol"),
}
"""Modules that code of one's own uses, by chapter."""
LINK = re.compile(r"(?P<before>!?\[(?P<words>[^\]]*)\]\()(?P<target>[^)#\s]+)(?P<after>[^)]*\))")
INDEXES = ("README.md", "comparison.md")
"""Pages that stand for their folder, the first that is there."""

Pages = Mapping[str, tuple[str, str]]
"""Path and text of a page by its name."""


def write() -> None:
    """Write every page that is not written by hand, and the table of contents."""
    nav = mkdocs_gen_files.Nav()
    texts = {path: _linked(page, path) for path, page in _texts().items()}
    nav["Home"] = "README.md"
    # Its tables and commands need the room.
    texts["README.md"] = f"---\nhide: [navigation]\n---\n{texts['README.md']}"
    for path in sorted((ROOT / "docs" / "pages" / "tutorials").glob("*.md")):
        nav["Tutorials", _title(path.read_text())] = f"tutorials/{path.name}"
    nav["Published protocols"] = "protocols.md"
    nav["Nothing lost"] = "nothing-lost.md"
    for chapter, pages in _catalogues(texts).items():
        for name, (path, page) in pages.items():
            nav[chapter, name] = path
            texts.pop(path, None)
            _write(path, page)
    for path, page in texts.items():
        _write(path, page)
        if path != "README.md":
            # Tables are called alike; what they are of is their folder.
            name = _title(page) if not path.endswith("comparison.md") else path
            nav["The project", name] = path
    _write("SUMMARY.md", "".join(nav.build_literate_nav()))


def _write(path: str, page: str) -> None:
    with mkdocs_gen_files.open(path, "w") as file:
        file.write(page)


def _texts() -> dict[str, str]:
    """Return the repository's own texts by path."""
    listed = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    paths = [each for each in listed.stdout.split() if not each.startswith(("tests/", "docs/"))]
    return {path: (ROOT / path).read_text(encoding="utf-8") for path in paths}


def _title(page: str) -> str:
    heading = re.search(r"^# (.+)$", page, re.MULTILINE)
    return heading[1] if heading else "erasure-bench"


def _linked(page: str, path: str) -> str:
    """Bring along the files that a text links to, and link a folder by the page in it."""

    def target(match: re.Match[str]) -> str:
        there = (ROOT / PurePosixPath(path).parent / match["target"]).resolve()
        if ":" in match["target"] or not there.exists():
            return match[0]
        if there.is_dir():
            pages = (name for name in INDEXES if (there / name).is_file())
            to = f"{match['target'].rstrip('/')}/{next(pages, '')}"
            return match["words"] if to.endswith("/") else match["before"] + to + match["after"]
        if there.suffix != ".md":
            with mkdocs_gen_files.open(there.relative_to(ROOT).as_posix(), "wb") as file:
                file.write(there.read_bytes())
        return match[0]

    return LINK.sub(target, page)


def _catalogues(texts: Mapping[str, str]) -> dict[str, Pages]:
    """Return pages by chapter: of each method, metric, attack and suite, and of the reference.

    Args:
        texts: Those written by hand, by path.
    """
    return {
        "Methods": {"Overview": ("methods/README.md", texts["methods/README.md"])}
        | {
            name: (
                path := f"methods/{name}.md",
                _method(entry, texts.get(path, f"# {name}")),
            )
            for name, entry in registry.methods().items()
        },
        "Metrics": {
            name: (f"metrics/{name}.md", _metric(entry))
            for name, entry in registry.metrics().items()
        },
        "Attacks": {
            name: (f"attacks/{name}.md", _attack(entry))
            for name, entry in registry.attacks().items()
        },
        "Suites": {"How prompts are kept": ("prompts/README.md", texts["prompts/README.md"])}
        | {
            name: (f"suites/{name}.md", f"# {name}\n\n" + _verbatim(show_suite(name)))
            for name in prompts.suites()
        },
        "Reference": {
            "Commands": ("commands.md", _commands()),
            "Glossary": ("glossary.md", _glossary()),
            "What is kept safe": ("safety.md", (ROOT / "docs" / "pages" / "safety.md").read_text()),
        },
        "Code": {
            title: (
                f"code/{title.lower().replace(' ', '-')}.md",
                f"# {title}\n\n" + "\n\n".join(f"::: {module}" for module in modules),
            )
            for title, modules in API.items()
        },
    }


def _method(entry: Entry, page: str) -> str:
    facts = f"\n\n{entry.summary} It leaves {LEAVES[entry.form]}.\n" * ("##" not in page)
    return f"{page.rstrip()}{facts}\n\n## Options\n\n{_options(entry)}"


def _metric(entry: Entry) -> str:
    metric = registry.metric(entry.name)
    reads = ", ".join(sorted(metric.families)) if metric.families else "all models"
    of = ", ".join(sorted(metric.kinds)) if metric.kinds else "every kind of concept"
    facts = {
        "reads": f"images of {reads}; {of}",
        "detector": metric.detector,
        "threshold": metric.criterion,
        "source": metric.paper,
    }
    measures = [
        (each.name, each.what, each.unit, STATISTICS[each.statistic]) for each in metric.measures()
    ]
    return (
        f"# {metric.name}\n\n{entry.summary}\n\n{_table(('', ''), facts.items())}\n\n"
        f"## Measures\n\n{_table(('measure', 'what', 'unit', 'interval'), measures)}\n\n"
        f"## Options\n\n{_options(entry)}"
    )


def _attack(entry: Entry) -> str:
    facts = {"kind": KINDS[entry.adaptive], "source": entry.paper, "reading": entry.reading}
    shown = [(name, value) for name, value in facts.items() if value]
    return (
        f"# {entry.name}\n\n{entry.summary}\n\n{_table(('', ''), shown)}\n\n"
        f"## Options\n\n{_options(entry)}"
    )


def _options(entry: Entry) -> str:
    rows = [
        (f"`{each.name}`", defaults(entry, each), registry.allowed(each), each.doc)
        for each in entry.options
    ]
    presets = [f"Preset `{name}`: {source}." for name, source in entry.preset_sources.items()]
    table = _table(("option", "default", "allowed", "what"), rows) if rows else "None."
    return "\n\n".join([table, *presets]) + "\n"


def _commands() -> str:
    """Return what `--help` says of each command."""
    found = ["# Commands\n\nEach is `python -m bench COMMAND`, or `erasure-bench COMMAND`."]
    for name in commands.found():
        said = io.StringIO()
        with redirect_stdout(said), suppress(SystemExit):
            cli.main([name, "--help"])
        found.append(f"## {name}\n\n{_verbatim(said.getvalue().splitlines())}")
    return "\n\n".join(found)


def _glossary() -> str:
    found = [
        "# Glossary",
        "What the words mean, then what each column of each CSV file says.",
        _table(("word", "what"), _named(WORDS)),
        "## Files\n\nA name in capitals stands for many: a column for each metric, score, concept, "
        "case or option, a file for each method, or for each model family and kind of concept.",
    ]
    for file, columns in GLOSSARY.items():
        found += [f"### {file}", WHERE[file], _table(("column", "what"), _named(columns))]
    found += [
        "## Columns of metrics",
        "`METRIC_COLUMN` of per_image.csv. METRIC is the metric's name with the threshold or the "
        "file that decides its verdicts: `nudity@0.6_belly`.",
    ]
    for metric, columns in VERDICTS.items():
        found += [f"### {metric}", _table(("column", "what"), _named(columns))]
    return "\n\n".join(found)


def _named(words: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(f"`{name}`", what) for name, what in words.items()]


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _verbatim(lines: Iterable[str]) -> str:
    return "```text\n" + "\n".join(lines) + "\n```\n"


write()
