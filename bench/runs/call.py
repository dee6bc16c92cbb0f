"""The command `run` as one call from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path

from bench.drawing import BATCH, DDIM
from bench.models import devices, loading, sources
from bench.models.means import Means
from bench.registry import written
from bench.results import Results
from bench.runs import folders, grid, sweep
from bench.runs.capacity import capacity, left
from bench.runs.executors import connection
from bench.runs.resolved import Resolved
from bench.runs.schedule import Setup, check
from bench.types import Option


def run(
    method: str | Sequence[str],
    *,
    model: str = "mini",
    revision: str = "",
    variant: str = "",
    suite: str = "objects",
    size: str = "quick",
    concept: str | Sequence[str] = (),
    together: bool = False,
    seed: int | Sequence[int] = 0,
    options: Mapping[str, Option | Sequence[Option]] | None = None,
    preset: str | None = None,
    steps: int | None = None,
    guidance: float | None = None,
    scheduler: str = DDIM,
    width: int | None = None,
    height: int | None = None,
    negative_prompt: str = "",
    limit: int | None = None,
    role: str | Sequence[str] = (),
    metric: str | Sequence[str] | None = None,
    batch_size: int | None = None,
    offload: bool = False,
    compile: bool = False,
    precision: str | None = None,
    device: str | None = None,
    workers: int = 1,
    threads: int | None = None,
    executor: str = "local",
    address: str | None = None,
    out: str | PathLike[str] = "reports/runs",
) -> Results:
    """Erase concepts with methods, draw the suite's prompts, measure, and return what was found.

    It does what the command `run` does, with the same words and defaults, and prints nothing: what
    is there already is kept, and the un-erased model's run stands beside the others.

        from bench import run
        from bench.results import frames

        frames.scores(run("uce", size="smoke"))

    Args:
        method: A method, several, "all", "path/to/file.py:Class" or "package.module:Class".
        model: A name, a hub id or a diffusers folder.
        revision: Commit, branch or tag of a model on the Hub; "" for its main branch.
        variant: Of the model's weights, as "fp16"; "" for plain ones, or the only ones there.
        suite: A name or a folder.
        size: "smoke", "quick" or "full".
        concept: Cases of the suite, or "all"; empty for those of the size.
        together: Whether one erasure removes all of these, instead of one each.
        seed: Of the erasure; several make a run each.
        options: Values by the name of a method's option; a list of values makes a run for each.
        preset: Published options by their name; None for the model's.
        steps: Sampling steps; None for the model's.
        guidance: Guidance scale; None for the model's.
        scheduler: Sampler: "DDIM", "DPM++", "Euler", "Heun", "PNDM" or "UniPC".
        width: Of images in pixels, with the height; None for the model's own.
        height: Of images in pixels, with the width.
        negative_prompt: What guidance leads away from.
        limit: Images of each role and case at most, the first ones; None for the size's.
        role: Roles that are drawn; empty for all of the size.
        metric: Of the suite, one or several; None for all, and none of them where it is empty.
        batch_size: Images drawn at once, halved where memory runs out; None for the usual.
        offload: Whether parts of the model that do not compute wait in main memory.
        compile: Whether torch compiles the U-Net before it draws.
        precision: "fp32", "bf16" or "fp16"; None for fp32 on the CPU, else fp16.
        device: As torch names it; None for a GPU where there is one.
        workers: Processes that share the work. More than one are started anew and import the
            script that calls, which then has to do so under `if __name__ == "__main__":`.
        threads: What each computes with on a CPU; None for `OMP_NUM_THREADS`, or one.
        executor: "local", processes of this machine, or "ray", workers of a cluster.
        address: Of the Ray cluster; None for the usual one.
        out: Folder that holds the run folders.

    Returns:
        The runs, the un-erased model's first, with their scores.

    Raises:
        InputError: something that was asked for cannot be done; nothing has been done then.
    """
    cluster = connection.asked(executor, address)
    # A cluster's GPU need not be on this machine.
    place = "cuda" if cluster is not None and device == "cuda" else devices.device(device)
    specs = grid.specs(
        [method] if isinstance(method, str) else method,
        model=sources.chosen(model, revision=revision, variant=variant),
        suite=suite,
        size=size,
        concepts=[concept] if isinstance(concept, str) else concept,
        together=together,
        seeds=[seed] if isinstance(seed, int) else seed,
        settings=[
            f"{name}={written(each)}"
            for name, value in (options or {}).items()
            for each in (
                [value] if value is None or isinstance(value, int | float | str) else value
            )
        ],
        preset=preset,
        steps=steps,
        guidance=guidance,
        scheduler=scheduler,
        width=width,
        height=height,
        negative_prompt=negative_prompt,
        limit=limit,
        roles=[role] if isinstance(role, str) else role,
        precision=loading.precision(precision, place),
    )
    folders.check(specs, Path(out))
    due = left(specs, Path(out), batch_size or BATCH)
    chosen = (metric,) if isinstance(metric, str) else None if metric is None else tuple(metric)
    shared = capacity(specs, due, device=place, workers=workers, threads=threads, cluster=cluster)
    setup = Setup(
        place,
        batch_size or BATCH,
        shared.workers,
        shared.threads,
        metrics=chosen,
        means=Means(offload=offload, compiled=compile),
        cluster=cluster,
    )
    check(setup, Resolved(specs[0]))
    asked = [method] if isinstance(method, str) else method
    return sweep.carry_out(specs, Path(out), setup=setup, shared=shared, asked=asked)
