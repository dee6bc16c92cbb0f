"""Shows on stderr what a run is doing, so that stdout holds results only."""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from bench import terminal
from bench.types import Progress, silent

LINE_SECONDS = 60.0
"""How often a line of text says how far something is."""


class Lines:
    """Progress as lines of text, for logs: how far a thing is, its pace and the time left."""

    def __init__(self, to: IO[str], clock: Callable[[], float] = time.monotonic) -> None:
        """Write to a stream, by a clock in seconds."""
        self.to, self.clock = to, clock
        self.began: dict[str, tuple[float, int]] = {}
        self.said: dict[str, float] = {}
        self.last: dict[str, int] = {}
        self.spans: dict[str, tuple[float, float, int]] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        """Write a line if the last is a minute old; the first report only starts the clock."""
        now = self.clock()
        if done < self.last.get(what, done):
            # The same step again, for the next case.
            del self.began[what]
        self.last[what] = done
        self.spans[what] = (self.spans.get(what, (now,))[0], now, total)
        start, before = self.began.setdefault(what, (now, done))
        if done == before or now - self.said.get(what, start) < LINE_SECONDS:
            return
        # Only a log needs it.
        from bench.runs.durations import minutes

        self.said[what] = now
        pace = (now - start) / (done - before)
        left = minutes(pace * (total - done))
        print(
            f"  {what}: {done} of {total}, {pace:.2g} s each, {left} left", file=self.to, flush=True
        )

    def end(self) -> None:
        """Write a line for each thing: how far it came, from its first report to its last."""
        for what, (first, last, total) in self.spans.items():
            done, took = self.last[what], last - first
            print(f"  {what}: {done} of {total}, {took:.0f} s", file=self.to, flush=True)


def teller(args: Namespace) -> Callable[[str], None]:
    """Return what writes a line on what is under way, nothing where nobody wants to know.

    Args:
        args: The command's arguments, of which `quiet` and `json` count.
    """
    if args.quiet or args.json:
        return lambda line: None
    return lambda line: print(line, file=sys.stderr, flush=True)


@contextmanager
def shown(title: str, args: Namespace | None = None) -> Iterator[Progress]:
    """Give a callback that draws one bar for each thing under way, headed by the title.

    Where stderr is no terminal, in continuous integration (`CI` is set) and with --plain, lines of
    text say once a minute how far each is, and nothing is drawn over.

    Args:
        title: What is under way.
        args: The command's arguments, of which `quiet` and `plain` count.
    """
    if getattr(args, "quiet", False):
        yield silent
        return
    # rich is slow to import, and listing needs none of it.
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.progress import Progress as Bars

    plain = getattr(args, "plain", False) or bool(os.environ.get("CI"))
    console = terminal.console(stderr=True, drawn=False if plain else None)
    console.print(title)
    columns = (
        TextColumn("  {task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    if not console.is_terminal:
        lines = Lines(sys.stderr)
        try:
            yield lines
        finally:
            lines.end()
        return
    with Bars(*columns, console=console) as bars:
        tasks: dict[str, TaskID] = {}
        last: dict[str, int] = {}

        def advance(what: str, done: int, total: int) -> None:
            if what not in tasks:
                # Before it is laid out, so that what is shown of a control character has its room.
                tasks[what] = bars.add_task(terminal.visible(what), total=total)
            elif done < last[what]:
                # The same step again, for the next case.
                bars.reset(tasks[what])
            bars.update(tasks[what], completed=done, total=total)
            last[what] = done

        yield advance
