"""Which methods are asked for, what of "all" is left out, and with which presets."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bench import registry
from bench.names import find
from bench.types import ALL, InputError


def left_out(names: Sequence[str], settings: Sequence[str]) -> dict[str, str]:
    """Return which methods "all" leaves out whatever the model, and why.

    Args:
        names: Of methods, as asked for; what is named beside "all" is not left out.
        settings: "name=value" as given.
    """
    if ALL not in names:
        return {}
    given = {registry.split(setting)[0] for setting in settings}
    lacking = {
        name: [option for option in entry.needs if option not in given]
        for name, entry in registry.methods().items()
        if name not in names
    }
    return {name: f"it needs --set {some[0]}=..." for name, some in lacking.items() if some}


def methods(names: Sequence[str], settings: Sequence[str]) -> dict[str, registry.Entry]:
    """Return the entries by the names they were asked for; "all" are those that lack nothing.

    Args:
        names: Of methods, or "all".
        settings: "name=value" as given.

    Raises:
        InputError: there is no such method, it cannot be imported, or it lacks an option.
    """
    known = registry.methods()
    if not names:
        raise InputError(f"run needs --method; choices: {', '.join(known)}, {ALL}")
    given = {registry.split(setting)[0] for setting in settings}
    wanted = dict.fromkeys(names)
    if ALL in wanted:
        left = left_out(names, settings)
        wanted = {name: None for name in known if name not in left} | wanted
        del wanted[ALL]
    found = {name: registry.method(name, [ALL]) for name in wanted}
    for name, entry in found.items():
        registry.check_importable(entry)
        missing = [option for option in entry.needs if option not in given]
        if missing:
            raise InputError(f"method {name} needs --set {missing[0]}=...")
    return found


def presets(entries: Collection[registry.Entry], family: str, asked: str | None) -> dict[str, str]:
    """Return the name of each method's preset; what is asked for must be one of them.

    Args:
        entries: The methods.
        family: The model's, whose preset holds unless another is asked for.
        asked: The name of a preset, None for the family's.

    Raises:
        InputError: no method has such a preset.
    """
    check_preset(entries, asked)
    return {entry.name: asked if asked and asked in entry.presets else family for entry in entries}


def check_preset(entries: Collection[registry.Entry], asked: str | None) -> None:
    """Refuse a preset that no method has.

    Args:
        entries: The methods.
        asked: Its name; None for that of the model's family.

    Raises:
        InputError: none has one of that name.
    """
    if asked is not None:
        every = dict.fromkeys(name for entry in entries for name in entry.presets)
        find(f"preset of {', '.join(entry.name for entry in entries)}", asked, every)
