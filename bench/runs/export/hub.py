"""Puts an exported folder on the Hugging Face Hub, after asking whether that is possible."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import shorten
from typing import Any

from bench.results import bundles
from bench.types import InputError

_FORM = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
EMPTY = {".gitattributes"}
"""The files of a repository that is there and holds nothing."""


def check(name: str, folder: Path) -> None:
    """Refuse a repository that cannot be made, before any work.

    Args:
        name: As org/name.
        folder: What it would hold.

    Raises:
        InputError: it has no such form, an archive would be pushed, the Hub is offline or cannot be
            reached, it takes no token from here, or the repository holds something already.
    """
    from huggingface_hub import constants, get_token

    if not _FORM.fullmatch(name):
        raise InputError(f"--push {name} is no repository of the Hub; must be ORG/NAME")
    if bundles.is_archive(folder):
        raise InputError(f"--push {name} puts a folder on the Hub, and {folder} is an archive")
    if constants.is_offline_mode():
        raise InputError(f"--push {name}: HF_HUB_OFFLINE is set, so nothing can be pushed")
    if not get_token():
        raise InputError(
            f"--push {name} needs a token of the Hugging Face Hub; `hf auth login` stores one, or "
            "set HF_TOKEN"
        )
    who = str(_asked(name, "whoami").get("name", ""))
    if not _asked(name, "repo_exists", name):
        return
    files = set(_asked(name, "list_repo_files", name)) - EMPTY
    if files:
        raise InputError(
            f"--push {name}: the repository is there already and holds {min(files)}; choose "
            f"another name (you are {who})"
        )


def push(name: str, folder: Path, *, private: bool = False) -> str:
    """Make a repository of a folder, in one commit, and return its address.

    Args:
        name: As `check` accepts it.
        folder: What it will hold.
        private: Whether only its owners see it.

    Raises:
        InputError: the Hub refuses it or cannot be reached; the folder stays as it is.
    """
    try:
        url = str(_asked(name, "create_repo", name, private=private, exist_ok=True))
        _asked(name, "upload_folder", repo_id=name, folder_path=folder, commit_message="Erasure")
    except InputError as error:
        raise InputError(
            f"{error}; {folder} is whole, and `hf upload {name} {folder}` pushes it"
        ) from None
    return url


def _asked(name: str, what: str, *values: Any, **named: Any) -> Any:
    """Return what the Hub answers; every way in which it does not is one line."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        return getattr(HfApi(), what)(*values, **named)
    except HFValidationError as error:
        reason = _short(error)
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        reason = _REASONS.get(status, _short(error))
    except Exception as error:
        # Its client for HTTP, and so the errors of that, is another in each of its versions.
        reason = f"the Hub cannot be reached ({_short(error)})"
    raise InputError(f"--push {name}: {reason}")


def _short(error: Exception) -> str:
    return shorten(str(error) or type(error).__name__, 160, placeholder=" ...")


_REASONS = {
    401: "the Hub does not know the token; `hf auth login` stores another",
    403: "the token may not write there; it needs the right to write, and the name must be yours",
}
"""What a status says."""
