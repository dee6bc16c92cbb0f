"""Meters what an erasure costs: evaluations of the U-Net and memory, beside the clock."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

PROCESS = Path("/proc/self")
_CURRENT: ContextVar[dict[str, float] | None] = ContextVar("cost", default=None)


@contextmanager
def counted() -> Iterator[Callable[[], int]]:
    """Count the latents that go through U-Nets meanwhile; give a function that says how many.

    A batch of eight counts eight, whichever U-Net it is, copies included.
    """
    from torch.nn.modules.module import register_module_forward_hook

    made = 0

    def count(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        nonlocal made
        # By name: a copy, a U-Net made anew and one wrapped by peft all count, once each.
        if type(module).__name__ == "UNet2DConditionModel":
            made += len(args[0] if args else kwargs["sample"])

    handle = register_module_forward_hook(count, with_kwargs=True)
    try:
        yield lambda: made
    finally:
        handle.remove()


@contextmanager
def metered(device: str) -> Iterator[dict[str, float]]:
    """Meter the code inside; what is known of it stands in the mapping when it ends.

    `evaluations` is what `counted` counts. `memory` is the peak in bytes: of the process while the
    code ran, so with the loaded model, or on a GPU of what torch allocated there. Where the system
    does not tell, it is left out. What `note` is told meanwhile stands beside them.
    """
    cost: dict[str, float] = {}
    fresh = _reset_peak(device)
    before = _CURRENT.set(cost)
    with counted() as spent:
        try:
            yield cost
        finally:
            _CURRENT.reset(before)
            cost["evaluations"] = float(spent())
            peak = _peak(device) if fresh else None
            if peak is not None:
                cost["memory"] = peak


def note(name: str, value: float) -> None:
    """Record a fact of the erasure under way, which its file keeps; without a meter, do nothing.

    Args:
        name: What it is called beside `evaluations` and `memory`, such as `null_space`.
        value: A number.
    """
    cost = _CURRENT.get()
    if cost is not None:
        cost[name] = float(value)


def _reset_peak(device: str) -> bool:
    if device.startswith("cuda"):
        import torch

        torch.cuda.reset_peak_memory_stats(device)
        return True
    try:
        # Linux: 5 makes the peak of resident memory start again from what is resident now.
        (PROCESS / "clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _peak(device: str) -> float | None:
    if device.startswith("cuda"):
        import torch

        return float(torch.cuda.max_memory_allocated(device))
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", (PROCESS / "status").read_text())
    except OSError:
        return None
    return float(found[1]) * 1024 if found else None
