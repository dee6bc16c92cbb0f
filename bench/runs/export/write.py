"""Writes what a plan of an export says: whole, or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.files import folder_aside, write_bytes, write_rows
from bench.results import bundles
from bench.runs import erasing
from bench.runs.export import card
from bench.runs.export.plan import BUNDLE, LORA, Export
from bench.runs.resolved import Resolved
from bench.types import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from bench.models.published import Layer

CARD = "README.md"
ERRORS = "lora_errors.csv"
"""What a LoRA holds of the change of each tensor."""


@dataclass(frozen=True)
class Exported:
    """What was written, and what of the erasure it holds."""

    to: Path
    parts: tuple[str, ...] = ()
    """The parts of the pipeline that the erasure changes."""
    layers: tuple[Layer, ...] = ()
    """Of a LoRA, each changed tensor."""
    error: float = 0.0
    """Of a LoRA, what it misses of the whole change, as a share of its Frobenius norm."""


def carry_out(export: Export, device: str = "cpu") -> Exported:
    """Write an export, so that its folder or file is either complete or absent.

    Args:
        export: As `plan` returns it.
        device: Where weights are computed, as torch names it.

    Raises:
        InputError: what erases is no change of weights, or no LoRA can hold any of it; or the
            folder cannot be written.
    """
    to = export.to
    try:
        if export.form == BUNDLE and bundles.is_archive(to):
            bundles.write(bundles.contents(export.runs), to)
            return Exported(to)
        with folder_aside(to) as made:
            if export.form == BUNDLE:
                bundles.write(bundles.contents(export.runs), made)
                return Exported(to)
            done = _erasure(export, made, device)
            bundles.write(bundles.contents(export.runs), made / bundles.INSIDE)
    except OSError as error:
        raise InputError(f"cannot write to {to}: {error.strerror or error}") from None
    return done


def _erasure(export: Export, folder: Path, device: str) -> Exported:
    """Write the weights or the LoRA, and the card."""
    from bench.models import published

    pipe, tensors = _changed(export, device)
    if export.form == LORA:
        layers = published.write_lora(pipe, tensors, folder, rank=export.rank)
        parts = published.changed_parts(tensors)
        done = Exported(export.to, parts, tuple(layers), published.total_error(layers))
        rows = [{"tensor": e.tensor, "norm": e.norm, "error": e.error} for e in layers]
        write_rows(folder / ERRORS, list(rows[0]), rows)
    else:
        done = Exported(export.to, published.write_parts(pipe, tensors, folder, whole=export.whole))
    kinds = {name: type(getattr(pipe, name)).__name__ for name in done.parts}
    page = card.card(export, kinds, type(pipe).__name__, done.layers, done.error)
    write_bytes(folder / CARD, page.encode())
    return done


def _changed(export: Export, device: str) -> tuple[Any, Mapping[str, Tensor]]:
    """Return the un-erased pipeline, and the tensors that the erasure changes of it."""
    from bench.models import erasures, loading
    from bench.models.foldable import folded

    assert export.case is not None
    spec = export.run.record.spec
    pipe = loading.load(spec.place("model"), device, spec.precision)
    if erasures.read(export.erasure).form == "weights":
        # Without their method, which may be on another machine.
        erased = erasures.apply(pipe, export.erasure)
    else:
        erased = erasing.apply(Resolved(spec), export.case, pipe, export.erasure)
    try:
        tensors = folded(pipe, erased)
    except InputError as error:
        raise InputError(
            f"{spec.method} leaves an adapter that does not fold into the weights ({error}); "
            f"--as {BUNDLE} takes its numbers out, and the run's folder draws here"
        ) from None
    if not tensors:
        raise InputError(f"{export.erasure} changes no weight of {spec.model}")
    return pipe, tensors


def lines(done: Exported, least: int = 3) -> Sequence[str]:
    """Return, for people, what was written and what a LoRA misses.

    Args:
        done: What was written.
        least: Layers that are listed, the worst first.
    """
    found = [f"written to {done.to}"]
    if not done.layers:
        return found
    held = [layer for layer in done.layers if layer.held]
    lost = [layer for layer in done.layers if not layer.held]
    found.append(
        f"the LoRA misses {done.error:.2g} of the change (relative Frobenius norm), in "
        f"{len(held)} layers; by layer in {ERRORS}"
    )
    worst = sorted(held, key=lambda layer: -layer.error)[:least]
    found += [f"  {layer.tensor}  {layer.error:.2g}" for layer in worst]
    if lost:
        names = ", ".join(layer.tensor for layer in lost[:least])
        found.append(
            f"{len(lost)} tensors stay un-erased, since a LoRA cannot change biases, norms and "
            f"embeddings: {names}{' ...' if len(lost) > least else ''}; --as diffusers has them"
        )
    return found
