"""Images a second of a run against a bare loop over a pipeline of diffusers that saves images."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

from bench.models import loading
from bench.models.generate import noise
from bench.models.means import PLAIN, Means, compiled
from bench.models.tiny import WIDTH, build_tiny_pipe
from bench.runs import plan
from bench.runs.executors import executor
from bench.runs.folders import opened
from bench.runs.resolved import Resolved
from bench.runs.schedule import Setup
from bench.runs.units import Batch, draws
from bench.types import Precision, RunSpec, silent

from ..bench.conftest import TABLE

ROUNDS = 5
STEPS = {"mini": 20, "sd": 4}
BATCH = {"mini": 16, "sd": 1}
SIZES = (1, 4, 16, 64)
"""Batches that a GPU is asked for."""
FLOOR = 0.97


def sd_shaped(channels: tuple[int, ...], folder: Path) -> Path:
    """Save a pipeline of Stable Diffusion 1's layout, 64 x 64 latents and 512 x 512 pixels.

    Args:
        channels: Of the U-Net's four levels; SD's own are 320, 640, 1280 and 1280.
        folder: Where.
    """
    torch.manual_seed(0)
    pipe = build_tiny_pipe()
    kinds = ("CrossAttn",) * 3 + ("",)
    unet = UNet2DConditionModel(
        sample_size=64,
        block_out_channels=channels,
        down_block_types=tuple(f"{each}DownBlock2D" for each in kinds),
        up_block_types=tuple(f"{each}UpBlock2D" for each in kinds[::-1]),
        cross_attention_dim=WIDTH,
        norm_num_groups=16,
    )
    vae = AutoencoderKL(
        block_out_channels=(16, 16, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=512,
        mid_block_add_attention=False,
    )
    pipe.register_modules(unet=unet.eval(), vae=vae.eval())
    pipe.save_pretrained(folder)
    return folder


def spec_of(
    model: str, count: int, steps: int, folder: Path, precision: Precision = "fp32"
) -> RunSpec:
    """Return a run of the un-erased model with so many prompts, each of its own."""
    folder.mkdir(parents=True)
    (folder / "suite.toml").write_text(
        TABLE.format(
            metrics='"clip"',
            concepts='airplane = ["airplane"]',
            images=f"target = {count}",
            cases='"airplane"',
        )
    )
    rows = [f"a-{i},airplane,target,a photo of an airplane number {i},{i}" for i in range(count)]
    (folder / "prompts.csv").write_text("\n".join(["id,concept,role,text,seed", *rows, ""]))
    some = {"suite": str(folder), "size": "tiny", "steps": steps, "precision": precision}
    (spec,) = plan.specs(["original"], model=model, **some)
    return spec


def bare(pipe: Any, unit: Batch, to: Path) -> None:
    """Draw a batch as one does without a harness."""
    with torch.inference_mode():
        images = pipe(
            [each.text for each in unit.prompts],
            num_inference_steps=unit.spec.sampler.steps,
            guidance_scale=unit.spec.sampler.guidance,
            latents=noise(pipe.unet, [each.seed for each in unit.prompts]),
        ).images
    for prompt, image in zip(unit.prompts, images, strict=True):
        image.save(to / f"{prompt.id}.png")


@dataclass(frozen=True)
class Taken:
    """Seconds of a batch."""

    wall: float
    cpu: float
    beside: float
    """CPU seconds outside the pipeline's call, which is the same for all who call it."""


@contextmanager
def clocked(kind: Any) -> Iterator[list[float]]:
    """Give the CPU seconds of each call of pipelines of a class inside."""
    call, spent = kind.__call__, []

    def told(*args: Any, **more: Any) -> Any:
        start = time.process_time()
        try:
            return call(*args, **more)
        finally:
            spent.append(time.process_time() - start)

    kind.__call__ = told
    try:
        yield spent
    finally:
        kind.__call__ = call


def paired(
    model: str,
    steps: int,
    batch: int,
    rounds: int,
    device: str,
    tmp_path: Path,
    *,
    precision: Precision = "fp32",
    means: Means = PLAIN,
) -> Iterator[tuple[Taken, Taken]]:
    """Yield what a batch took by a run's own units, and what the same took by a bare loop.

    By turns the one first and the other, so that what disturbs the machine disturbs both; the first
    pair is a start.
    """
    spec = spec_of(model, batch * (rounds + 1), steps, tmp_path / "suite", precision)
    setup = Setup(device, batch, threads=1, means=means)
    out, plain = tmp_path / "runs", tmp_path / "bare"
    plain.mkdir()
    opened(spec, out)
    units = draws(Resolved(spec), out, device, batch)
    pipe = loading.shared(spec.place("model"), device, spec.precision)
    if means.compiled:
        pipe = compiled(pipe)
    following = iter(units)
    with executor(setup, out) as crew, clocked(type(pipe)) as spent:
        performed = crew.perform(lambda: next(following, None), lambda unit: silent)
        for number, unit in enumerate(units):
            actions: dict[str, Callable[[], object]] = {
                "run": lambda: next(performed),
                "bare": lambda own=unit: bare(pipe, own, plain),  # type: ignore[misc]
            }
            taken = {}
            for name in list(actions)[:: 1 if number % 2 else -1]:
                spent.clear()
                start = time.perf_counter(), time.process_time()
                actions[name]()
                wall, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
                taken[name] = Taken(wall, cpu, cpu - sum(spent))
            if number:
                yield taken["run"], taken["bare"]
    if device == "cpu":
        mine = (out / spec.run_id / "images" / "unerased" / "a-0.png").read_bytes()
        assert mine == (plain / "a-0.png").read_bytes()


@pytest.mark.speed
@pytest.mark.parametrize("kind", ["mini", "sd"])
def test_a_run_draws_as_fast_as_a_bare_loop(kind: str, tmp_path: Path, benchmark: Any) -> None:
    """At the same batch, precision and steps, with the same images; medians of pairs."""
    model = "mini" if kind == "mini" else str(sd_shaped((32, 64, 128, 128), tmp_path / "model"))
    pairs: list[Any] = []
    settings = (model, STEPS[kind], BATCH[kind], ROUNDS, "cpu", tmp_path)
    benchmark.pedantic(lambda: pairs.extend(paired(*settings)), rounds=1)
    wall = median(plain.wall / mine.wall for mine, plain in pairs)
    cpu = median(plain.cpu / mine.cpu for mine, plain in pairs)
    # The calls are the same, so their seconds differ by chance: both sides get the least of all.
    call = min(each.cpu - each.beside for pair in pairs for each in pair)
    run, loop = (median(pair[side].beside for pair in pairs) for side in (0, 1))
    ratio = (call + loop) / (call + run)
    benchmark.extra_info |= {"ratio": ratio, "wall_ratio": wall, "cpu_ratio": cpu, "call": call}
    print(
        f"{kind}: run/bare {ratio:.3f}; {call:.2f} s of CPU in the pipeline, beside it {run:.3f} s "
        f"of the run and {loop:.3f} s of the loop; medians {wall:.3f} by wall, {cpu:.3f} by CPU"
    )
    assert ratio >= FLOOR


@pytest.mark.gpu
@pytest.mark.parametrize("compile", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_images_a_second_of_sd14_shape(size: int, compile: bool, tmp_path: Path) -> None:
    """Random weights in the shape of SD v1.4's U-Net, in bf16; prints images a second."""
    folder = str(sd_shaped((320, 640, 1280, 1280), tmp_path / "model"))
    means = Means(compiled=compile)
    settings = (folder, 50, size, 3, "cuda", tmp_path)
    pairs = list(paired(*settings, precision="bf16", means=means))
    name = f"{torch.cuda.get_device_name()}, bf16, {'compiled' if compile else 'not compiled'}"
    mine, plain = (median(pair[side].wall for pair in pairs) for side in (0, 1))
    print(f"{name}, batch {size}: {size / mine:.2f} images/s, bare loop {size / plain:.2f}")
    assert plain / mine >= FLOOR
