"""Shows on stderr what a run is doing, so that stdout holds results only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench.types import Progress, silent


@contextmanager
def shown(title: str, *, quiet: bool = False) -> Iterator[Progress]:
    """Give a callback that draws one bar for each thing under way, headed by the title.

    Args:
        title: What is under way.
        quiet: Draw nothing.
    """
    if quiet:
        yield silent
        return
    # rich is slow to import, and listing needs none of it.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    console.print(title, highlight=False, markup=False)
    columns = (
        TextColumn("  {task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=console) as bars:
        tasks: dict[str, TaskID] = {}
        last: dict[str, int] = {}

        def advance(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            elif done < last[what]:
                # The same step again, for the next case.
                bars.reset(tasks[what])
            bars.update(tasks[what], completed=done, total=total)
            last[what] = done

        yield advance
