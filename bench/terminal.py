"""The door to the terminal: what texts from outside hold is shown there, and never obeyed.

Control characters, escape sequences and overrides of direction stand as JSON writes them, so
that documents for programs stay the same.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from rich.console import Console

_ACTS = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""What a terminal, or whoever reads lines there, would act on; a tab and an end of line may."""


def visible(text: str) -> str:
    """Return a text of which nothing acts where it is shown.

    Args:
        text: Of anybody.
    """
    return _ACTS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class _Shown:
    """A stream to which all text goes visible; what rich draws goes past it, see `console`."""

    def __init__(self, stream: TextIO) -> None:
        self.rich_proxied_file = stream

    def write(self, text: str) -> int:
        self.rich_proxied_file.write(visible(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)


@contextmanager
def shown() -> Iterator[None]:
    """Let nothing act that is printed to stdout and stderr meanwhile."""
    out, err = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, _Shown(stream)) for stream in (out, err))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = out, err


def console(*, stderr: bool = False, drawn: bool | None = None) -> Console:
    """Return a console of rich that reads no markup in texts and lets nothing in them act.

    Args:
        stderr: Whether it prints to stderr.
        drawn: Whether it may colour and draw over; None where it is a terminal.
    """
    stream: Any = sys.stderr if stderr else sys.stdout
    while hasattr(stream, "rich_proxied_file"):
        stream = stream.rich_proxied_file
    return _kind()(file=stream, force_terminal=drawn, markup=False, emoji=False, highlight=False)


@functools.cache
def _kind() -> type[Console]:
    # rich is slow to import, and listing needs none of it.
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class Visible(Console):
        def render(
            self, renderable: RenderableType, options: ConsoleOptions | None = None
        ) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                own = segment.control is not None
                yield segment if own else segment._replace(text=visible(segment.text))

    return Visible
