"""Carries out several runs, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.results import Results, report, store
from bench.runs import folders, plan, runner
from bench.types import Progress, RunSpec, silent

if TYPE_CHECKING:
    from bench.images import ReferenceImages

Shown = Callable[[str], AbstractContextManager[Progress]]
"""Gives, for the title of what is under way, what is told of its progress."""


@contextmanager
def unseen(title: str) -> Iterator[Progress]:
    """Show no progress."""
    yield silent


def prepare(specs: Sequence[RunSpec], out: Path, device: str) -> list[store.RunFolder]:
    """Refuse what could not be erased or written, before the first run is in vain.

    Args:
        specs: The runs.
        out: Folder that holds the run folders.
        device: Where to compute.

    Returns:
        The folders of the runs.

    Raises:
        InputError: a method cannot erase a case from this model, or a folder cannot be used.
    """
    plan.check_erasers(specs, out, device)
    return [folders.opened(spec, out)[0] for spec in specs]


def carry_out(
    specs: Sequence[RunSpec],
    out: Path,
    *,
    device: str = "cpu",
    real: ReferenceImages | None = None,
    shown: Shown = unseen,
) -> Results:
    """Carry out the runs, or what is left of them, and return what they found.

    Whatever a method would refuse is refused before the first run. Each run's strip of images is
    written when it is done.

    Args:
        specs: The un-erased model's run first, as `specs` returns them.
        out: Folder that holds the run folders.
        device: Where to compute, as torch names it.
        real: Images to compare with.
        shown: Shows the progress of each run.

    Raises:
        InputError: a method cannot erase a case from this model, or a folder cannot be used.
    """
    folders = prepare(specs, out, device)
    done: list[store.Finished] = []
    for number, (spec, folder) in enumerate(zip(specs, folders, strict=True), start=1):
        seed = f", seed {spec.seed}" if spec.seed else ""
        title = f"[{number}/{len(specs)}] {spec.method} on {spec.model}: {', '.join(spec.cases)}"
        with shown(f"{title}{seed}") as progress:
            record = runner.run(spec, out, device=device, real=real, progress=progress)
        done.append(store.Finished(folder, record))
        rows = [("un-erased", done[0]), (spec.method_name, done[-1])]
        report.write_strip(folder.strip_path, rows[: min(number, 2)])
    return Results(tuple(done), ())
