"""The options of methods, metrics and attacks: completed, read from words and written as such."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import cast

from bench.names import find
from bench.registry.sources import Entry, OptionInfo
from bench.types import InputError, Option

_PLAIN = {"int": int, "float": float, "str": str, "bool": bool}
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def options(
    entry: Entry, preset: str, settings: Sequence[str] = (), flag: str = "--set"
) -> dict[str, Option]:
    """Return all options: the defaults, replaced by a preset, replaced by the settings.

    Args:
        entry: The method, metric or attack that has the options.
        preset: Its name; one that the entry does not have changes nothing.
        settings: "name=value", as on the command line.
        flag: What they follow there, for the message.

    Raises:
        InputError: an option is unknown or its value has another type.
    """
    known = {option.name: option for option in entry.options}
    values = {
        name: _parse(entry, option, written(option.default), "default")
        for name, option in known.items()
    }
    for name, value in entry.presets.get(preset, {}).items():
        find(f"option in the {preset} preset of {entry.name}", name, known)
        values[name] = _parse(entry, known[name], written(value), f"preset {preset}")
    for setting in settings:
        name, text = split(setting, flag)
        find(f"option of {entry.name}", name, known)
        values[name] = _parse(entry, known[name], text, flag)
    return values


def split(setting: str, flag: str = "--set") -> tuple[str, str]:
    """Split "name=value".

    Args:
        setting: "name=value".
        flag: What it follows on the command line, for the message.

    Returns:
        Name and value, without spaces around; spaces alone are a value.

    Raises:
        InputError: it has no = or no name.
    """
    name, equals, text = setting.partition("=")
    if not equals or not name.strip():
        raise InputError(f"{flag} got '{setting}', must be name=value")
    return name.strip(), text.strip() or text


def shared_settings(
    entries: Sequence[Entry], settings: Sequence[str], flag: str = "--set"
) -> dict[str, list[str]]:
    """Return for each entry the settings that it has an option for; each must serve one.

    Args:
        entries: Methods or attacks.
        settings: "name=value", as on the command line.
        flag: What they follow there, for the message.

    Raises:
        InputError: a setting is none of any entry's options.
    """
    given: dict[str, list[str]] = {entry.name: [] for entry in entries}
    for setting in settings:
        name, _ = split(setting, flag)
        takers = [entry for entry in entries if name in {option.name for option in entry.options}]
        for entry in takers:
            given[entry.name].append(setting)
        if not takers:
            every = dict.fromkeys(option.name for entry in entries for option in entry.options)
            find(f"option of {', '.join(given)}", name, every)
    return given


def _types(option: OptionInfo) -> list[str]:
    """Return the parts of a union, for example ["float", "None"]."""
    return [part.strip() for part in option.type.split("|")]


def _parse(entry: Entry, option: OptionInfo, text: str, flag: str) -> Option:
    """Read a written value as the option's type: of an option of floats 1 is 1.0."""
    kinds = _types(option)
    if "None" in kinds and text.casefold() == "none":
        return None
    plain = [kind for kind in kinds if kind in _PLAIN]
    if option.choices and (text in option.choices or not plain):
        return find(f"value of {entry.name}'s option {option.name}", text, option.choices)
    for kind in plain:
        try:
            return _plain(kind, text)
        except ValueError:
            continue
    raise InputError(
        f"{flag} {option.name}={text}: {entry.name}'s option {option.name} must be "
        f"{allowed(option)}"
    )


def _plain(kind: str, text: str) -> Option:
    if kind == "bool":
        if text.casefold() not in _TRUTH:
            raise ValueError(text)
        return _TRUTH[text.casefold()]
    value = cast(Option, _PLAIN[kind](text))
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(text)
    return value


def allowed(option: OptionInfo) -> str:
    """Say in words what an option can be."""
    words: Iterable[str] = option.choices or (kind for kind in _types(option) if kind != "None")
    names = {"bool": "true or false", "int": "an integer", "float": "a number", "str": "text"}
    text = " or ".join(names.get(word, word) for word in words)
    return f"{text} or none" if "None" in _types(option) else text


def written(value: Option) -> str:
    """Write a value as --set takes it."""
    return str(value).casefold() if value is None or isinstance(value, bool) else str(value)
