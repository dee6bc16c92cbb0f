"""Completion for shells, written by shtab from the parser itself."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

from bench.names import SCRIPT, find

SHELLS = ("bash", "zsh", "tcsh")


class Completion(argparse.Action):
    """Prints what makes a shell complete commands, options and names, and ends."""

    def __init__(self, *, whole: Callable[[str], argparse.ArgumentParser], **settings: Any) -> None:
        """Make the option.

        Args:
            whole: Returns the parser of all commands, for a program of this name.
            settings: What every option of argparse has.
        """
        super().__init__(**settings)
        self.whole = whole

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: object, values: object, *_: object
    ) -> NoReturn:
        """Print and exit."""
        import shtab

        shell = find("shell", str(values), SHELLS)
        whole = self.whole(SCRIPT)
        _name(whole)
        print(shtab.complete(whole, shell))
        parser.exit()


def _name(parser: argparse.ArgumentParser, command: str = "") -> None:
    """Give each argument whose values have names these names, and those that are paths their kind.

    The names are those of today: a new eraser is completed once the script is written again.

    Args:
        parser: Of all commands, or of one.
        command: The name of that one.
    """
    import shtab

    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, each in action.choices.items():
                _name(each, name)
            continue
        names = NAMES.get(f"{command} {action.dest}") or NAMES.get(action.dest)
        if names:
            action.choices = list(names())
        elif action.metavar in ("DIR", "RUN"):
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        elif action.metavar == "FILE":
            action.complete = shtab.FILE  # type: ignore[attr-defined]


def _methods() -> Iterable[str]:
    from bench import registry

    return (*registry.methods(), "all")


def _attacks() -> Iterable[str]:
    from bench import registry

    return (*registry.attacks(), "all")


def _metrics() -> Iterable[str]:
    from bench import registry

    return registry.metrics()


def _models() -> Iterable[str]:
    from bench.models.recognition import MODELS

    return MODELS


def _suites() -> Iterable[str]:
    from bench import prompts

    return prompts.suites()


def _sizes() -> Iterable[str]:
    from bench import prompts

    return dict.fromkeys(size.name for each in prompts.suites().values() for size in each.sizes)


def _lists() -> Iterable[str]:
    from bench.cli.listing import LISTS

    return LISTS


def _forms() -> Iterable[str]:
    from bench.cli.kinds import KINDS

    return KINDS["methods"].choices


def _kinds() -> Iterable[str]:
    from bench.cli.kinds import KINDS

    return [choice for each in KINDS.values() for choice in each.choices]


def _formats() -> Iterable[str]:
    from bench.cli.commands.compare import FORMATS

    return FORMATS


def _concepts() -> Iterable[str]:
    from bench import prompts

    return (*prompts.concepts(), "all")


NAMES: Mapping[str, Callable[[], Iterable[str]]] = {
    "method": _methods,
    "attack": _attacks,
    "metric": _metrics,
    "model": _models,
    "suite": _suites,
    "size": _sizes,
    "concept": _concepts,
    "precision": lambda: ("fp32", "bf16", "fp16"),
    "budget": lambda: ("quick", "full"),
    "check-method name": _methods,
    "compare format": _formats,
    "list kind": _kinds,
    "list what": _lists,
    "new-method kind": _forms,
    "show what": lambda: ("suite",),
    "show name": _suites,
}
"""What the values of an argument are called, by its name, or by its command and its name."""
