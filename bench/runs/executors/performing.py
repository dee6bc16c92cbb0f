"""What a worker does with the units that it is given, wherever it runs."""

from __future__ import annotations

import traceback
from dataclasses import replace
from typing import Any

from bench.models.means import Means
from bench.runs.units import Clock, Kept, Unit
from bench.types import InputError, Progress


class Performer:
    """Performs units one after the other, and keeps the model between them."""

    def __init__(self, device: str, threads: int, means: Means) -> None:
        """Keep nothing yet.

        Args:
            device: This worker's own, as torch names it here.
            threads: What it computes with on a CPU.
            means: By what means images are drawn.
        """
        self.device, self.threads = device, threads
        self._kept = Kept(means)

    def perform(self, unit: Unit, progress: Progress) -> tuple[str, Any]:
        """Perform a unit, and return `done` with seconds by step, or `failed` with an exception.

        Args:
            unit: What to do; it is done on this worker's device.
            progress: Told what is under way.
        """
        import torch

        torch.set_num_threads(self.threads)
        if self.device.startswith("cuda:"):
            torch.cuda.set_device(self.device)
        clock = Clock()
        try:
            replace(unit, device=self.device).perform(self._kept, clock, progress)
        except Exception as error:
            return "failed", _portable(error)
        return "done", clock.seconds


def _portable(error: Exception) -> Exception:
    """Return an error that says in another process what it says in this one."""
    if isinstance(error, InputError):
        return InputError(str(error))
    return RuntimeError("in a worker process:\n" + "".join(traceback.format_exception(error)))
