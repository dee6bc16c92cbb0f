"""Who does the work that a command asks for, and on what: the arguments, and what they mean."""

from __future__ import annotations

import argparse

from bench.cli import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --workers and its like, the same for every command that carries out runs."""
    add = parser.add_argument
    add(
        "--workers",
        type=arguments.count,
        metavar="N",
        help="processes that share the work (default: by cores, memory and work, or a process a "
        "GPU; see --plan)",
    )
    add(
        "--threads",
        type=arguments.count,
        metavar="N",
        help="threads that each computes with on a CPU (default: OMP_NUM_THREADS, or 1)",
    )
    add(
        "--executor",
        default="local",
        metavar="NAME",
        help="local, processes of this machine, or ray, workers of a cluster (default: local)",
    )
    add(
        "--address",
        metavar="ADDRESS",
        help="of the Ray cluster: auto, HOST:PORT or ray://HOST:PORT (default: RAY_ADDRESS, the "
        "cluster of this machine, or one that is started)",
    )


def cluster(args: argparse.Namespace) -> str | None:
    """Return the address of the Ray cluster that is asked for, None where none is.

    Raises:
        InputError: there is no such executor, or the address is none.
    """
    from bench.runs.executors import connection

    return connection.asked(args.executor, args.address)


def device(args: argparse.Namespace) -> str:
    """Return the device that workers compute on; one of a cluster need not be on this machine.

    Raises:
        InputError: torch has no such device here.
    """
    from bench.models import devices

    if args.device == "cuda" and cluster(args) is not None:
        return "cuda"
    return devices.device(args.device)
