"""Where a run's numbers come from: code, packages, machine, and hashes of weights and prompts."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import bench
from bench import data, digests
from bench.models import recognition
from bench.models.sources import Source

PACKAGES = (
    *("torch", "torchvision", "diffusers", "transformers", "peft", "open_clip_torch"),
    *("torchmetrics", "nudenet"),
)
"""Packages whose version can change an image or a score."""

DECISIVE = ("bench", "methods", "prompts", "pyproject.toml")
"""What in a checkout decides a result; changes elsewhere (reports, notes) make no run dirty."""


def now() -> str:
    """Return the time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def gather(model: str, prompt_hash: str, device: str, batch_size: int) -> dict[str, Any]:
    """Return what has to be known to reproduce a run, as JSON-serialisable data.

    Args:
        model: Name, hub id or folder of the model.
        prompt_hash: sha256 of the prompt file.
        device: Where the run computes.
        batch_size: Images drawn at once, which decides the last bit of a pixel.
    """
    return machine(device) | {
        "batch_size": batch_size,
        "prompts_sha256": prompt_hash,
        "weights_sha256": weights_hash(model),
        "revision": revision(model),
        "variant": recognition.variant(model),
        "prediction_type": recognition.prediction_type(model),
    }


def machine(device: str) -> dict[str, Any]:
    """Return the code and the machine that compute, as JSON-serialisable data.

    Args:
        device: Where they compute, as torch names it.
    """
    commit, dirty = git_state(data.ROOT)
    return {
        "commit": commit,
        "dirty": dirty,
        "version": bench.__version__,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "device": _device(device),
    }


def git_state(root: Path) -> tuple[str | None, bool | None]:
    """Return the commit and whether decisive files differ from it; both None outside a checkout.

    The package's own checkout counts, not one that happens to contain its installation.
    """
    top = _git(root, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != root.resolve():
        return None, None
    changes = _git(root, "status", "--porcelain", "--", *DECISIVE)
    return _git(root, "rev-parse", "--verify", "HEAD"), None if changes is None else bool(changes)


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _device(device: str) -> str:
    if not device.startswith("cuda"):
        return device
    import torch

    return f"{device} ({torch.cuda.get_device_name(device)})"


def weights_hash(model: str) -> str | None:
    """Return one sha256 over the model's files, by path; None if they are not on this machine.

    Of a variant that was asked for by name it is another.
    """
    folder = _folder(model)
    if folder is None:
        return None
    digest, variant = digests.of(folder, digests.WEIGHTS), Source.of(model).variant
    return hashlib.sha256(f"{digest} {variant}".encode()).hexdigest() if variant else digest


def revision(model: str) -> str | None:
    """Return the commit on the Hub whose files are on this machine; None for other models."""
    folder = _folder(model) if recognition.folder(model) is None else None
    return None if folder is None else folder.name


def weights_size(model: str) -> int | None:
    """Return how many bytes a model's files have; None if they are not on this machine."""
    folder = _folder(model)
    if folder is None:
        return None
    files = (each for each in folder.rglob("*") if each.suffix in digests.WEIGHTS)
    return sum(each.stat().st_size for each in files)


def _folder(model: str) -> Path | None:
    if (here := recognition.folder(model)) is not None:
        return here
    try:
        from huggingface_hub import snapshot_download

        asked = Source.of(model).revision or None
        source = recognition.hub_id(model)
        return Path(snapshot_download(source, revision=asked, local_files_only=True))
    except Exception:  # a record without this hash is better than no record
        return None
