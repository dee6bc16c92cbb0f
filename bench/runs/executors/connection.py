"""Connects to a Ray cluster, an existing one or one of this machine, and asks what it has."""

from __future__ import annotations

import logging
import os
import re
import socket
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import data
from bench.names import find
from bench.runs.schedule import THREADS
from bench.types import InputError

LOCAL, RAY = EXECUTORS = ("local", "ray")
"""Who workers are: processes of this machine, or actors of a cluster."""
CONNECT = 10.0
"""Seconds that a cluster has to answer when it is first called."""
JOIN = 60.0
"""Seconds that it has to prove to be one; by itself Ray goes on trying for many minutes."""
ADDRESS = "RAY_ADDRESS"
"""The environment variable that says where the usual cluster is."""
CURRENT = Path(tempfile.gettempdir()) / "ray" / "ray_current_cluster"
"""Where Ray keeps the address of the cluster of this machine."""
_HOST = re.compile(r"(?:ray://)?(?P<host>[^\s/:]+|\[[0-9a-fA-F:]+\]):(?P<port>\d{1,5})")
_MISSING = "--executor ray needs Ray: pip install 'erasure-bench[ray]'"
_OBJECTS = 100 * 2**20
"""Bytes that a cluster of this machine keeps messages in; all else goes through files."""


@dataclass(frozen=True)
class Offer:
    """How many workers a cluster has room for."""

    workers: int
    why: str
    """What it has, in words."""


def asked(executor: str, address: str | None) -> str | None:
    """Return the address of the cluster that is asked for, None where none is; needs no Ray.

    Args:
        executor: Who the workers are, a name of `EXECUTORS`.
        address: "auto", HOST:PORT or ray://HOST:PORT; None for the usual one, which is "".

    Raises:
        InputError: there is no such executor, or the address is none.
    """
    if find("executor", executor, EXECUTORS) == LOCAL:
        if address is not None:
            raise InputError("--address names a Ray cluster; it needs --executor ray")
        return None
    if address in (None, "auto") or _HOST.fullmatch(address):
        return address or ""
    raise InputError(f"got --address '{address}', must be auto, HOST:PORT or ray://HOST:PORT")


def connected(address: str) -> Any:
    """Return the module ray, connected; nothing happens where it is already.

    Args:
        address: See `asked`. With "", the cluster is the one that `RAY_ADDRESS` names or that
            runs on this machine, else one is started for this process.

    Raises:
        InputError: Ray is not installed, or the cluster does not answer.
    """
    # Nothing is told to anybody outside unless the user wants that.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise InputError(_MISSING) from None
    if ray.is_initialized():
        return ray
    where = address or os.environ.get(ADDRESS, "")
    if match := _HOST.fullmatch(where):
        _call(where, match["host"].strip("[]"), int(match["port"]))
    settings: dict[str, Any] = {"logging_level": logging.ERROR, "configure_logging": False}
    try:
        if where:
            _join(ray, where, settings)
        else:
            _usual(ray, settings)
    except InputError:
        raise
    except (ConnectionError, TimeoutError, ImportError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        what = f"the Ray cluster at {where}" if where else "Ray"
        hint = "; if it asks for a token, export RAY_AUTH_MODE=token" if where else ""
        raise InputError(f"{what} cannot be reached: {reason}{hint}") from None
    return ray


def environment() -> dict[str, Any]:
    """Return what workers are started with: they import the code of a checkout that runs here."""
    paths = [] if data.INSTALLED else [str(data.ROOT)]
    paths += filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    return {"env_vars": {"PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)), THREADS: "1"}}


def able(ray: Any, device: str) -> list[Mapping[str, Any]]:
    """Return the nodes that can compute on a device.

    Args:
        ray: The module, connected.
        device: As torch names it, without a number.
    """
    need = "CPU" if device == "cpu" else "GPU"
    return [each for each in ray.nodes() if each["Alive"] and each["Resources"].get(need, 0) >= 1]


def offer(address: str, device: str, threads: int) -> Offer:
    """Return how many workers a cluster has room for: one a GPU, or as many as its cores make.

    Args:
        address: See `asked`.
        device: Where workers compute, as torch names it.
        threads: CPU threads of each.

    Raises:
        InputError: the cluster does not answer, or has no such device.
    """
    if device not in ("cpu", "cuda"):
        raise InputError(f"got --device {device} with --executor ray, must be cpu or cuda")
    ray = connected(address)
    found = able(ray, device)
    if not found:
        raise InputError(f"no node of the Ray cluster has a {'core' if device == 'cpu' else 'GPU'}")
    kind, each = ("CPU", threads) if device == "cpu" else ("GPU", 1)
    count = sum(int(node["Resources"][kind]) // each for node in found)
    if count == 0:
        raise InputError(f"no node of the Ray cluster has {threads} cores, as --threads asks for")
    what = "cores" if device == "cpu" else "GPUs"
    total = sum(int(node["Resources"][kind]) for node in found)
    names = f"{len(found)} node" + ("s" if len(found) > 1 else "")
    return Offer(count, f"Ray: {names}, {total} {what}")


def _usual(ray: Any, settings: Mapping[str, Any]) -> None:
    """Connect to the cluster of this machine, or start one."""
    if _may_run():
        try:
            _join(ray, "auto", settings)
            return
        except ConnectionError:
            pass
    ray.init(
        "local",
        include_dashboard=False,
        object_store_memory=_OBJECTS,
        runtime_env=environment(),
        **settings,
    )


def _may_run() -> bool:
    """Return False where nobody answers for the cluster that is remembered as this machine's."""
    if not CURRENT.is_file() or not (match := _HOST.fullmatch(CURRENT.read_text().strip())):
        return True
    try:
        _call(match[0], match["host"], int(match["port"]))
    except InputError:
        return False
    return True


def _join(ray: Any, where: str, settings: Mapping[str, Any]) -> None:
    """Connect to a cluster that is there, or refuse what answers in its place."""
    # Of what goes on while it tries, the error at the end says enough.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "error")
    logging.getLogger("ray").setLevel(logging.ERROR)
    if _ends(lambda: ray.init(where, runtime_env=environment(), **settings), JOIN):
        return
    if where == "auto":
        called, way = f"the address in {CURRENT}", f"delete {CURRENT} and run the same command"
    else:
        called, way = where, "name another with --address"
    raise InputError(
        f"what answers at {called} is no Ray cluster: nothing joined it within {JOIN:g} s; {way}"
    )


def _ends(call: Callable[[], object], limit: float) -> bool:
    """Call in a thread of its own and return whether that ended in time; its errors are raised."""
    failed: list[BaseException] = []

    def called() -> None:
        try:
            call()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=called, daemon=True)
    thread.start()
    thread.join(limit)
    if failed:
        raise failed[0]
    return not thread.is_alive()


def _call(address: str, host: str, port: int) -> None:
    """Find out whether anybody listens; Ray itself would try for minutes."""
    try:
        socket.create_connection((host, port), timeout=CONNECT).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"the Ray cluster at {address} does not answer ({reason}; waited {CONNECT:g} s at most)"
        ) from None
