"""The door: finds the command that was asked for and passes the command line on; does no work."""

from __future__ import annotations

import argparse
import errno
import inspect
import os
import sys
from collections.abc import Callable, Sequence

from bench import terminal
from bench.cli import commands
from bench.cli.arguments import Parser, Version
from bench.cli.completion import SHELLS, Completion
from bench.names import typed
from bench.types import InputError, WorkerDiedError

EXAMPLES = """\
examples, each after `{program}`:
  run --method realera                        erase an airplane from mini and score it
  run --method realera --size smoke --plan    say what that would do
  list methods -v                             methods with their options
  new-method my_eraser                        start an eraser of your own
"""
NO_BUGS = frozenset(
    getattr(errno, name)
    for name in (
        *("EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "EIO", "ENAMETOOLONG"),
        *("EISDIR", "ENOTDIR", "ELOOP", "ENXIO", "ENODEV"),
    )
    if hasattr(errno, name)
)
"""What a system says of a disk, and of names that a user gives; any argument may be a path."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return the exit status.

    0, 1 if a worker died, 2 for bad input, 130 when interrupted.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    with terminal.shown():
        return _executed(words)


def _executed(words: Sequence[str]) -> int:
    try:
        args = _parser(words).parse_args(words)
        status: int = args.execute(args)
        sys.stdout.flush()
        return status
    except InputError as error:
        print(f"{typed()}: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except WorkerDiedError as error:
        print(f"{typed()}: error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader, say `head`, has seen enough; Python would complain again when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno not in NO_BUGS:
            raise
        print(f"{typed()}: error: {_said(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{typed()}: interrupted; the same command resumes", file=sys.stderr)
        return 130


def _said(error: OSError) -> str:
    name = str(error.filename or "")
    if error.errno == errno.ENAMETOOLONG:
        return f"'{name[:40]}...' has {len(name)} characters, more than a file's name can have"
    return f"{name}: {error.strerror}" if name else str(error.strerror)


def _parser(words: Sequence[str]) -> Parser:
    """Return a parser that knows the arguments of the command asked for, and of no other."""
    asked = next((word for word in words if not word.startswith("-")), None)
    return _made(typed(), lambda name: name == asked)


def full_parser(program: str) -> Parser:
    """Return a parser that knows the arguments of all commands.

    Args:
        program: What the user calls it.
    """
    return _made(program, lambda name: True)


def _made(program: str, wanted: Callable[[str], bool]) -> Parser:
    parser = Parser(
        prog=program,
        description="Erase concepts from text-to-image models and measure what is left and lost.",
        epilog=EXAMPLES.format(program=program),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(execute=lambda _: _help(parser))
    parser.add_argument("--version", action=Version, nargs=0, help="print the version, and end")
    parser.add_argument(
        "--print-completion",
        action=Completion,
        whole=full_parser,
        metavar="SHELL",
        help=f"print what completes this command in a shell ({', '.join(SHELLS)}), and end",
    )
    choices = parser.add_subparsers(dest="command", metavar="command")
    for name, module in commands.found().items():
        command = choices.add_parser(name, help=module.HELP, description=inspect.getdoc(module))
        if wanted(name):
            # Only this one's, so that no other command pays for what declaring them imports.
            module.add_arguments(command)
            command.set_defaults(execute=module.execute)
    return parser


def _help(parser: Parser) -> int:
    parser.print_help()
    return 0
