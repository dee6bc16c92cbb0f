"""Whether the nodes of a Ray cluster have the code and see the files that runs need."""

from __future__ import annotations

import platform
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import bench
from bench import data, digests
from bench.files import TEMPORARY, sweep, write_bytes
from bench.runs import provenance
from bench.runs.executors.connection import able, connected
from bench.runs.schedule import Setup
from bench.types import InputError, RunSpec

ANSWER = 120.0
"""Seconds that a node has to say what it sees: it imports this package first."""
PROBE = ".probe"
"""A file that this process writes, and every node has to see."""


@dataclass(frozen=True)
class Ours:
    """What a node must have as this process has it."""

    code: str
    """The version of the package, and a hash of its code and of the packages that compute."""
    here: str
    """The folder that relative paths start from."""
    probe: str
    """A file in the folder of the runs."""
    token: str
    """What is in it."""
    places: tuple[str, ...] = ()
    """Folders and files that units name: models, suites, methods."""


def code() -> str:
    """Return the version of the code that computes here, and of the packages that it uses."""
    packages = provenance.machine("cpu")["packages"]
    ours = [digests.of(folder, (".py",)) for folder in (data.PACKAGE, data.ROOT / "methods")]
    kind = f"{platform.python_version_tuple()[:2]} {packages} {ours}"
    return f"{bench.__version__}-{digests.text(kind)[:8]}"


def differs(ours: Ours) -> str:
    """Return what this machine lacks of what another has, "" if it is nothing.

    Args:
        ours: What the other has.
    """
    node = platform.node()
    if code() != ours.code:
        return (
            f"node {node} has other code or packages ({code()}) than this process ({ours.code}); "
            "install the same there"
        )
    for each in (ours.here, *ours.places):
        if not Path(each).exists():
            return f"node {node} does not see {each}; it must be on a file system that all share"
    probe = Path(ours.probe)
    try:
        seen = probe.read_text()
    except OSError:
        seen = ""
    if seen != ours.token:
        return (
            f"node {node} does not see the folder {probe.parent} as this process does; --out must "
            "be on a file system that all share"
        )
    return ""


def check(setup: Setup, out: Path, specs: Sequence[RunSpec]) -> None:
    """Refuse a cluster of which a node runs other code, or does not see the files.

    Args:
        setup: Names the cluster.
        out: Folder that holds the run folders.
        specs: The runs, which say where their parts are.

    Raises:
        InputError: naming the node, and what it lacks.
    """
    ray = connected(setup.cluster or "")
    some = able(ray, setup.device)
    places = [each for spec in specs for each in spec.places.values() if Path(each).exists()]
    absolute = tuple(dict.fromkeys(str(Path(each).absolute()) for each in places))
    token = secrets.token_hex(8)
    sweep(out)
    # Called so that one that a kill leaves is swept later.
    probe = out.absolute() / f"{PROBE}.{token[:8]}{TEMPORARY}"
    write_bytes(probe, token.encode())
    try:
        ours = Ours(code(), str(Path.cwd()), str(probe), token, absolute)
        # One question each, which takes neither a core nor a GPU.
        ask = ray.remote(num_cpus=0, max_retries=1)(differs)
        answers = [
            ask.options(
                scheduling_strategy=ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
                    node["NodeID"], soft=False
                )
            ).remote(ours)
            for node in some
        ]
        for node, answer in zip(some, answers, strict=True):
            name = node.get("NodeManagerHostname") or node["NodeID"]
            try:
                problem = ray.get(answer, timeout=ANSWER)
            except ray.exceptions.RayError as error:
                reason = " ".join(str(error).split())[-200:]
                raise InputError(f"node {name} of the Ray cluster cannot work: {reason}") from None
            if problem:
                raise InputError(problem)
    finally:
        probe.unlink(missing_ok=True)
