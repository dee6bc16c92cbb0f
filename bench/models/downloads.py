"""What is fetched once and then kept: networks on the Hugging Face Hub and files by their address.

Whether they are on this machine is told without torch. Detectors name theirs by this file, whose
imports are part of their versions; so it imports none of ours.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

NETWORK = ("*.json", "*.txt", "*.safetensors")
"""Files of a network on the Hub that are fetched: not its weights in older formats beside."""


class Download(ABC):
    """Something that a run needs on this machine."""

    name: str
    """What it is, in words."""

    @property
    @abstractmethod
    def here(self) -> bool:
        """Whether it is on this machine."""

    @abstractmethod
    def fetch(self) -> None:
        """Bring it here, by its library's own client; raises what that raises."""


@dataclass(frozen=True)
class Network(Download):
    """A network on the Hub, where the client of the Hub keeps it."""

    name: str
    repo: str
    files: tuple[tuple[str, ...], ...]
    """What it cannot be loaded without; one of each."""
    patterns: tuple[str, ...] = NETWORK

    @property
    def here(self) -> bool:
        """Whether the files are in the Hub's cache."""
        from huggingface_hub import try_to_load_from_cache

        found = [[try_to_load_from_cache(self.repo, each) for each in some] for some in self.files]
        return all(any(isinstance(each, str) for each in some) for some in found)

    def fetch(self) -> None:
        """Fetch its files into the Hub's cache."""
        from huggingface_hub import snapshot_download

        snapshot_download(self.repo, allow_patterns=list(self.patterns))


def transformer(repo: str) -> Network:
    """Return a network of the library transformers, with what prepares its inputs.

    Args:
        repo: Its org/name on the Hub.
    """
    weights = ("model.safetensors", "pytorch_model.bin", "model.safetensors.index.json")
    return Network(repo, repo, (("config.json",), ("preprocessor_config.json",), weights))


@dataclass(frozen=True)
class Checkpoint(Download):
    """A file of weights, where torch.hub keeps it."""

    name: str
    url: str

    @property
    def path(self) -> Path:
        """Where it is kept."""
        cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        home = os.environ.get("TORCH_HOME") or f"{cache}/torch"
        return Path(home).expanduser() / "hub" / "checkpoints" / Path(self.url).name

    @property
    def here(self) -> bool:
        """Whether the file is there."""
        return self.path.is_file()

    def fetch(self) -> None:
        """Fetch the file."""
        import torch

        self.path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(self.url, str(self.path))
