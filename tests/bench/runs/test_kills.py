"""Runs that are killed at random moments end as if they had not been, and lose a batch at most.

What is killed is a copy (fork) of a process that has all loaded, so that a kill costs a second; a
cluster's workers are true ones. This file is also the script that starts and kills them.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bench import data
from bench.runs import plan, runner, units
from bench.runs.executors import cluster, processes
from bench.runs.schedule import Setup
from bench.types import WorkerDiedError

KILLS = {"one": 24, "workers": 20, "ray": 6}
"""How many kills end what is started."""
SEED = 13
APART = 6.0
"""Seconds between two kills of a cluster's workers, at most."""
TOGETHER = 2
"""Workers, where there are several."""


def go(suite: Path, out: Path, kind: str) -> None:
    """Carry out two runs of a suite, or what is left of them."""
    specs = plan.specs(["uce"], model="mini", suite=str(suite), size="tiny", steps=2)
    workers = 1 if kind == "one" else TOGETHER
    setup = Setup(batch_size=1, workers=workers, threads=1, cluster="" if kind == "ray" else None)
    list(runner.execute(specs, out, setup))


def logged(log: Path) -> None:
    """Let every batch that this process and its copies draw be written down."""
    generate = units.generate

    def told(pipe: Any, prompts: Any, folder: Path, *others: Any, **more: Any) -> Any:
        with log.open("ab") as stream:
            stream.write(f"{folder / prompts[0].id}\n".encode())
        return generate(pipe, prompts, folder, *others, **more)

    units.generate = told  # type: ignore[assignment]


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    try:
        return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    except OSError:
        return []


def started(suite: Path, out: Path, kind: str) -> int:
    """Carry out runs in a copy of this process."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            go(suite, out, kind)
            status = 0
        finally:
            os._exit(status)
    return pid


def killed_at_random(suite: Path, root: Path, kind: str) -> Iterator[tuple[Path, int]]:
    """Start and kill until so many kills have met something, and yield what was finished.

    Yields:
        A folder of finished runs, and how many kills it has seen.
    """
    chance = random.Random(SEED)
    begin = time.monotonic()
    os.waitpid(started(suite, root / "timed", kind), 0)
    whole = time.monotonic() - begin
    left, number = KILLS[kind], 0
    while left:
        out, met = root / f"{kind}{number}", 0
        number += 1
        while True:
            pid = started(suite, out, kind)
            end = time.monotonic() + (chance.uniform(0, whole) if left else 600)
            done = 0
            while not done and time.monotonic() < end:
                done, status = os.waitpid(pid, os.WNOHANG)
                time.sleep(0.002)
            if done:
                assert status == 0, f"seed {SEED}, {kind}: exit status {status}"
                break
            mine = children(pid)
            left, met = left - 1, met + 1
            if mine and chance.random() < 0.5:
                # A worker: the command goes on by itself.
                os.kill(chance.choice(mine), signal.SIGKILL)
                _, status = os.waitpid(pid, 0)
                assert status == 0, f"seed {SEED}, {kind}: exit status {status}"
                break
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        yield out, met


def killed_on_a_cluster(suite: Path, root: Path, log: Path) -> Iterator[tuple[Path, int]]:
    """Kill workers of a cluster of this machine while they work; see `killed_at_random`."""
    chance, actors, over = random.Random(SEED), [], threading.Event()
    start, send = cluster.Cluster.start, cluster.Actor.send
    state = {"left": KILLS["ray"], "met": 0}

    def remembered(self: Any, number: int) -> Any:
        actors.append(start(self, number))
        return actors[-1]

    def told(self: Any, unit: Any) -> None:
        if isinstance(unit, units.Batch):
            with log.open("a") as stream:
                stream.write(f"{unit.images / unit.prompts[0].id}\n")
        send(self, unit)

    cluster.Cluster.start, cluster.Actor.send = remembered, told  # type: ignore[method-assign]

    def kill() -> None:
        while state["left"] and not over.wait(chance.uniform(0, APART)):
            ready = [each for each in actors if each.started]
            if ready:
                actors.remove(victim := chance.choice(ready))
                with suppress(ProcessLookupError):
                    os.kill(int(victim._name.split()[0]), signal.SIGKILL)
                    state["left"] -= 1
                    state["met"] += 1

    # A run may be finished before a kill meets it.
    for number in range(10 * KILLS["ray"]):
        if state["left"]:
            actors.clear()
            over.clear()
            state["met"] = 0
            killer = threading.Thread(target=kill, daemon=True)
            killer.start()
            try:
                go(suite, root / f"ray{number}", "ray")
            except WorkerDiedError:
                # Three over one unit: the same command resumes.
                go(suite, root / f"ray{number}", "ray")
            finally:
                over.set()
                killer.join()
            yield root / f"ray{number}", state["met"]


def main(suite: Path, root: Path, kind: str) -> None:
    """Kill, and print what was finished, how often it was killed, and what was drawn again."""
    import torch

    torch.set_num_threads(1)
    # Everything is loaded here, once for all copies.
    go(suite, root / "alone", "one")
    log = root / "drawn"
    processes.get_context = lambda _: multiprocessing.get_context("fork")  # type: ignore[assignment]
    if kind == "ray":
        rounds = killed_on_a_cluster(suite, root, log)
    else:
        logged(log)
        rounds = killed_at_random(suite, root, kind)
    found = [(str(out), met) for out, met in rounds]
    drawn = Counter(Path(line) for line in log.read_text().splitlines())
    again = {
        out: sum(count - 1 for path, count in drawn.items() if path.is_relative_to(out))
        for out, _ in found
    }
    print(json.dumps({"rounds": found, "again": again}))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks Linux who is running")
@pytest.mark.parametrize("kind", list(KILLS))
def test_kills_at_random_moments_change_nothing(
    kind: str, write_suite: Any, tmp_path: Path
) -> None:
    from .executors.test_processes import files

    if kind == "ray":
        pytest.importorskip("ray")
    suite = write_suite(tmp_path / "suite")
    done = subprocess.run(
        [sys.executable, __file__, str(suite), str(tmp_path), kind],
        env=os.environ | {"PYTHONPATH": str(data.ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.splitlines()[-1])
    kills = sum(met for _, met in said["rounds"])
    again = sum(said["again"].values())
    workers = 1 if kind == "one" else TOGETHER
    print(f"seed {SEED}, {kind}: {kills} kills, {len(said['rounds'])} runs, {again} batches again")
    assert kills >= KILLS[kind]
    whole = files(tmp_path / "alone")
    assert len([name for name in whole if name.endswith(".png")]) == 4 + 4
    for out, met in said["rounds"]:
        assert files(Path(out)) == whole, f"seed {SEED}: {out}"
        assert said["again"][out] <= met * workers, f"seed {SEED}: {out}"
        assert not list(Path(out).rglob("*.tmp"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
