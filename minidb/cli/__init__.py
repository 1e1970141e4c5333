"""The command `minidb`: a demonstration on real text, and a look into a store.

Parses arguments and turns errors into one line and an exit code: 0 done, 1 the store or the machine refused, 2 wrong
usage, 130 interrupted. Each command is a module here and is imported only when it runs.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import minidb
from minidb.errors import MinidbError

_INTERRUPTED = 130  # as shells report it: 128 + SIGINT


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's own) and return the exit code."""
    arguments = _parser().parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # an ASCII terminal shows "?" where the text has a curly quote
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _fail("interrupted", _INTERRUPTED)
    except (
        BrokenPipeError
    ):  # `minidb demo | head`; stdout is pointed elsewhere so that its last flush has a place to go
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (MinidbError, OSError) as error:
        return _fail(str(error), 1)
    return code


def _fail(message: str, code: int) -> int:
    print(f"minidb: {message}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="minidb", description="A Qdrant-compatible vector database in a Python process."
    )
    parser.add_argument("--version", action="version", version=f"minidb {minidb.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_demo(commands)
    _add_info(commands)
    return parser


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    summary = "index Python's language reference and search it three ways"
    demo = commands.add_parser("demo", help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    demo.add_argument(
        "questions", nargs="*", metavar="QUESTION", help="your own questions instead of the built-in ones"
    )
    demo.add_argument(
        "--path",
        type=Path,
        metavar="DIR",
        help="keep the store here; the next run opens it instead of indexing again (default: in memory)",
    )
    demo.add_argument("--durability", choices=("full", "normal", "off"), default="full", help="default: full")
    demo.add_argument("--limit", type=_count, help=argparse.SUPPRESS)  # a smaller corpus, for tests
    demo.set_defaults(run=_run_demo)


def _add_info(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    info = commands.add_parser(
        "info", help="list the collections of a store", description="List a store's collections."
    )
    info.add_argument("--path", type=Path, metavar="DIR", required=True, help="the store's directory")
    info.set_defaults(run=_run_info)


def _run_demo(arguments: argparse.Namespace) -> int:
    from minidb.cli.demo import run

    run(arguments.path, arguments.durability, arguments.questions, arguments.limit)
    return 0


def _run_info(arguments: argparse.Namespace) -> int:
    from minidb.cli.info import run

    run(arguments.path)
    return 0


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a number of at least 1, got {text!r}")
    return int(text)
