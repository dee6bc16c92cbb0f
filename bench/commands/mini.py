"""Train the embedded model, measure it, or say where it is."""

from __future__ import annotations

import argparse

HELP = "the embedded model: train it, read its card"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is declared beside the training code."""
    from bench.mini.train import command

    command.add_arguments(parser)


def execute(args: argparse.Namespace) -> int:
    """Do what the training code's command does."""
    from bench.mini.train import command

    return int(command.execute(args) or 0)
