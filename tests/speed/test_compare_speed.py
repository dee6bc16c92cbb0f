"""Comparing many runs against few, and against reading their files alone, by CPU time."""

from __future__ import annotations

import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.runs import plan

from ..bench import synthetic

pytestmark = pytest.mark.speed

ROOT = Path(__file__).resolve().parents[2]
FEW, MANY = 20, 200
READ = """
import csv, json, sys
from pathlib import Path
for path in Path(sys.argv[1]).glob("*/record.json"):
    json.loads(path.read_bytes())
    list(csv.DictReader((path.parent / "per_image.csv").read_text().splitlines()))
"""
ROUNDS = 3


def seconds(*words: str) -> float:
    """Return the CPU seconds of a process of Python."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], cwd=ROOT, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("again", [False, True], ids=["first", "again"])
def test_two_hundred_runs(again: bool, tmp_path: Path, benchmark: Any) -> None:
    """Of 331 images each: at most ten times what 20 take, and so many times what reading takes."""
    original, uce = plan.specs(["uce"], model="mini", suite="objects", size="quick")
    runs = [replace(uce, options={**uce.options, "lamb": float(i)}) for i in range(MANY - 1)]
    for count in (FEW, MANY):
        synthetic.write(tmp_path / str(count), [original, *runs[: count - 1]])

    def compared(count: int) -> float:
        out = tmp_path / str(count)
        if not again:
            for each in (out / "report").glob("*.html"):
                each.unlink()
        return seconds("-m", "bench", "compare", "--out", str(out))

    few, many, start, read = (list[float]() for _ in range(4))

    def measured() -> None:
        few.append(compared(FEW))
        many.append(compared(MANY))
        start.append(seconds("-c", "import csv, json, sys"))
        read.append(seconds("-c", READ, str(tmp_path / str(MANY))))

    for count in (FEW, MANY):
        compared(count)
    benchmark.pedantic(measured, rounds=ROUNDS)
    growth = min(many) / min(few)
    beside = min(many) / (min(read) - min(start))
    benchmark.extra_info |= {"growth": growth, "times_reading": beside, "seconds": min(many)}
    print(f"{MANY} runs: {min(many):.2f} s of CPU, {growth:.2f} x {FEW}, {beside:.1f} x reading")
    assert growth <= MANY / FEW
    assert beside <= (4 if again else 5)
