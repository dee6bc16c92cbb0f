"""Memory that an erasure takes at Stable Diffusion's true size; random weights, few steps of each.

Few steps take as much memory as many: a step's is let go before the next. On a machine without a
GPU the peak is that of the process, which holds Python and torch too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ..bench import real_size

ROOT = Path(__file__).resolve().parents[2]
FEW = {
    "advunlearn": ("steps=1", "warmup=0", "attack_steps=1", "pool=16", "trajectory_steps=1"),
    "ca": ("steps=1", "images=16", "image_steps=1"),
    "esd": ("steps=1", "trajectory_steps=1"),
    "fmn": ("steps=1", "inversion_steps=1", "image_steps=1"),
    "hirm": ("steps=1",),
    "mace": ("steps=1", "image_steps=1"),
    "realera": ("steps=1", "trajectory_steps=1"),
    "receler": ("steps=1", "attack_steps=1", "trajectory_steps=1"),
    "salun": ("epochs=1", "images=16", "image_steps=1"),
    "spm": ("steps=1", "trajectory_steps=1"),
    "rece": (),
    "speed": (),
    "uce": (),
}
"""Settings of each method with which it takes a step of each sort; batches are its own."""
MOST = {"sd14": 16, "sd21": 24}
"""GiB in which every erasure fits."""
CHILD = """
import json, sys, time
from pathlib import Path
import torch
from bench import registry
from bench.models import loading
from bench.runs import plan
from bench.runs.resolved import Resolved

method, folder, precision, device, *settings = sys.argv[1:]

def status(name):
    if device == "cuda":
        known = {"VmRSS": torch.cuda.memory_allocated, "VmHWM": torch.cuda.max_memory_allocated}
        return known[name]() / 2**30
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 2**20

spec = plan.specs(
    [method], model=folder, suite="objects", size="smoke", precision=precision,
    settings=settings,
)[-1]
resolved = Resolved(spec)
pipe = loading.load(folder, device, spec.precision)
# Weights are mapped from their files: they are read, so that they count as loaded.
for part in pipe.components.values():
    if isinstance(part, torch.nn.Module):
        for each in part.parameters():
            each.data = each.data.clone()
loaded = status("VmRSS")
if device == "cpu":
    Path("/proc/self/clear_refs").write_text("5")
start = time.perf_counter()
(case,) = resolved.cases
registry.eraser(spec).fit(pipe, resolved.erased(case), seed=0)
print(json.dumps({"loaded": loaded, "peak": status("VmHWM"), "s": time.perf_counter() - start}))
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where models lie: in BENCH_REAL_SIZE, so that several commands make each once."""
    named = os.environ.get("BENCH_REAL_SIZE")
    return Path(named) if named else tmp_path_factory.mktemp("real")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for its memory")
@pytest.mark.parametrize("precision", ["bf16", "fp32"])
@pytest.mark.parametrize("model", ["sd14", "sd21"])
@pytest.mark.parametrize("method", FEW)
def test_an_erasure_fits(method: str, model: real_size.Model, precision: str, folder: Path) -> None:
    """Prints GiB with the model loaded, at most, and seconds."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    own = folder / f"{model}-{precision}"
    if not (own / "model_index.json").exists():
        real_size.save(model, own, dtype)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    child = subprocess.run(
        [sys.executable, "-c", CHILD, method, str(own), precision, device, *FEW[method]],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr[-2000:]
    found = json.loads(child.stdout.splitlines()[-1])
    print(
        f"| {method} | {model} | {precision} | {device} | {found['loaded']:.1f} | "
        f"{found['peak']:.1f} | {found['s']:.0f} |"
    )
    assert found["peak"] < MOST[model]
