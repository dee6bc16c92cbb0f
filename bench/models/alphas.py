"""How strong a LoRA is, alpha over rank, as its configuration says it; pure."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.types import InputError

CONFIG = "adapter_config.json"
"""Where peft keeps a LoRA's configuration, beside its file."""
HEADER = "lora_adapter_metadata"
"""Where diffusers keeps a LoRA's configuration in the header of its file."""


@dataclass(frozen=True)
class Config:
    """A LoRA's configuration as peft writes it: of one component, or of all."""

    where: str
    """For messages."""
    data: Mapping[str, Any]

    def check(self) -> None:
        """Refuse what says no strength, whatever the modules.

        Raises:
            InputError: rank or alpha are missing or no numbers above 0, or it is no LoRA.
        """
        if self.data.get("use_dora"):
            raise InputError(
                f"{self.where} is a DoRA, whose magnitudes are not read; merge it into the weights"
            )
        for plain in ("r", "lora_alpha"):
            self._number(plain, self.data.get(plain))

    def alpha(self, module: str, rank: int) -> float:
        """Return alpha of a module, so that its change is alpha / rank up @ down.

        Args:
            module: Its name.
            rank: Columns of its factors.

        Raises:
            InputError: it contradicts the factors, or asks for what is no LoRA.
        """
        self.check()
        alpha = self._of(module, "alpha_pattern", "lora_alpha")
        said = self._of(module, "rank_pattern", "r")
        if said != rank:
            raise InputError(
                f"{self.where} says rank {said:g} of {module}, whose factors have {rank}"
            )
        return alpha * math.sqrt(rank) if self.data.get("use_rslora") else alpha

    def _of(self, module: str, pattern: str, plain: str) -> float:
        """Return a number of the module's own, else that of all; as peft chooses."""
        patterns = self.data.get(pattern) or {}
        if not isinstance(patterns, Mapping):
            raise InputError(f"{self.where}: {pattern} is {patterns!r}, must be an object")
        value = self.data.get(plain)
        for each, own in patterns.items():
            try:
                fits = re.fullmatch(rf"(.*\.)?({each})", module)
            except re.error:
                raise InputError(f"{self.where}: {pattern} has the pattern {each!r}") from None
            if fits:
                value = own
                break
        return self._number(plain, value)

    def _number(self, name: str, value: object) -> float:
        if value is None:
            raise InputError(f"{self.where} says no {name}, so not how strong the LoRA is")
        usable = isinstance(value, int | float) and not isinstance(value, bool)
        if not usable or not 0 < value <= sys.float_info.max:  # type: ignore[operator]
            shown = f"{value!r:.40}"
            raise InputError(f"{self.where}: {name} is {shown}, must be a number above 0")
        return float(value)  # type: ignore[arg-type]


def of_header(header: Mapping[str, str], path: Path) -> dict[str, Config]:
    """Return the configurations in a file's header, by component.

    Args:
        header: Of a safetensors file.
        path: The file, for messages.

    Raises:
        InputError: the header is damaged.
    """
    text = header.get(HEADER)
    if text is None:
        return {}
    where = f"the header of {path}"
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is no JSON ({error})") from None
    if not isinstance(data, Mapping):
        raise InputError(f"{where} holds no JSON object")
    parts: dict[str, dict[str, Any]] = {}
    for name, value in data.items():
        component, _, key = str(name).rpartition(".")
        parts.setdefault(component or "unet", {})[key] = value
    return {component: Config(f"{where}, {component}", some) for component, some in parts.items()}
