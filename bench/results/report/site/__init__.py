"""The page of a folder of runs: one static site that works from disk, without network or torch.

Everything that a page needs is in it or in its folder: style and script are written into each file,
figures are SVG that templates write, and images lie beside them as small WebP copies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import digests
from bench.files import sweep, write_bytes
from bench.results import again
from bench.results.joined import called, parts
from bench.results.report import gallery
from bench.results.report.page import Page
from bench.results.report.site.sections import Section, sections
from bench.results.report.site.thumbnails import Thumbnails, address
from bench.results.store import Finished
from bench.types import ORIGINAL, InputError

TEMPLATES = Path(__file__).parent / "templates"
FOLDER = "report"
"""Where the pages of runs and the small copies of images lie, beside index.html."""
STRIPS = {
    "strip.png": "The same prompts and noise, the un-erased model above, this run below",
    "attacks.png": "What attacks brought back: un-erased, erased and attacked, attack by attack",
}
"""Strips of images in a run's folder, and what they show."""
MOST = 2400
"""Images that the gallery shows at most: about 10 MB of small copies."""


def write_site(pages: Sequence[Page], out: Path, left_out: Sequence[str] = ()) -> Path:
    """Write index.html, and under report/ a page a run and small copies of images.

    Args:
        pages: What is said of the runs, a protocol each; none for a page that says that there is
            nothing yet.
        out: The folder of the runs.
        left_out: Why runs are missing, one sentence each.

    Returns:
        The path of index.html.

    Raises:
        InputError: the folder cannot be written.
    """
    for folder in (out, out / FOLDER, out / FOLDER / "images"):
        sweep(folder)
    environment, looks = _environment(), digests.of(TEMPLATES)
    thumbnails = Thumbnails(out, f"{FOLDER}/images")
    every = list(sections(pages, MOST))
    index = out / "index.html"
    try:
        thumbnails.prepare(
            (view.run, view.image)
            for section in every
            for prompt in section.prompts
            for view in prompt.views
            if view.image
        )
        text = environment.get_template("index.html").render(
            sections=every,
            left_out=[*left_out, *unfinished(out)],
            out=out,
            thumbnail=thumbnails.of,
            original=ORIGINAL,
            folder=FOLDER,
            verdicts=gallery.VERDICTS,
        )
        write_bytes(index, text.encode("utf-8", "replace"))
        for section in every:
            for run in section.group.runs:
                label = section.group.label(run)
                for each in (run, *_others(run)):
                    _write_run(environment, section, each, label, out, looks)
    except OSError as error:
        raise InputError(f"cannot write to {out}: {error.strerror or error}") from None
    return index


def unfinished(out: Path) -> Iterator[str]:
    """Yield what is said of each folder under another that holds a run which has not finished.

    Args:
        out: The folder of the runs.
    """
    for path in sorted(out.glob("*/spec.json")):
        if not (path.parent / "record.json").exists():
            yield f"{path.parent.name} has not finished; the command that began it goes on with it"


def _others(run: Finished) -> tuple[Finished, ...]:
    """Return the runs that a run is joined of, none for one that was made at once."""
    return tuple(part for part in parts(run) if part is not run)


def _write_run(
    environment: Any, section: Section, run: Finished, label: str, out: Path, looks: str
) -> None:
    """Write a run's page where the one that is there was made of anything else."""
    folder, several = out / FOLDER, _others(run)
    record, spec = run.record, run.record.spec
    files = [run.folder.per_image_path, run.folder.scores_path, run.folder.record_path]
    files += [run.folder.attacks_path, *(run.folder.path / name for name in STRIPS)]
    said = {
        "label": label,
        "called": called(run),
        "command": again.command(spec),
        "stood_for": again.stood_for(spec),
        # A run that is joined has no files of its own.
        "files": [(p.name, address(p, folder)) for p in files if not several and p.is_file()],
        "hidden": section.hidden,
    }
    # A record that was written anew has another time or size; that of a joined run is no file.
    facts = None if several else run.folder.record_path.stat()
    whole = f"{said} {spec.run_id} {facts and (facts.st_mtime_ns, facts.st_size)} {looks}"
    mark = f"<!-- {digests.text(whole)} -->\n".encode()
    page = folder / f"{spec.run_id}.html"
    # At its end, which is there if the page is whole.
    if facts and page.is_file() and page.read_bytes().endswith(mark):
        return
    text = environment.get_template("run.html").render(
        run=run,
        parts=[part.record.spec for part in several],
        spec=spec.to_json(),
        record=record,
        strips=STRIPS,
        **said,
    )
    # What is cut by a power failure lacks its mark, and is made again.
    write_bytes(page, text.encode("utf-8", "replace") + b"\n" + mark, synced=False)


def _environment() -> Any:
    """Return the templates: whatever stands in a run's files is text, never markup."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("bench.results.report.site"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


__all__ = ["unfinished", "write_site"]
