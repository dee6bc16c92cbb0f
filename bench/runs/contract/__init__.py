"""What every eraser must keep to, as checks that a test suite and a command line can run alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.runs.contract.violation import Violation

__all__ = ["Result", "Violation", "check"]


@dataclass(frozen=True)
class Result:
    """What one check found."""

    check: str
    """What an eraser must do, in words."""
    problem: str
    """How it fails to, or nothing."""


def check(method: str) -> Iterator[Result]:
    """Yield what each check finds in a method, on a tiny pipeline of random weights.

    Args:
        method: A name, `file.py:Class` or `package.module:Class`.

    Raises:
        InputError: the method cannot be found or read.
    """
    # Late, so that a wrong name is reported without torch.
    from bench import registry

    entry = registry.method(method)

    from bench.runs.contract.checks import CHECKS
    from bench.runs.contract.subject import subject_of

    with subject_of(entry) as subject:
        for description, run in CHECKS.items():
            try:
                run(subject)
            except Violation as error:
                yield Result(description, str(error))
            except Exception as error:
                yield Result(description, f"{type(error).__name__}: {error}")
            else:
                yield Result(description, "")
