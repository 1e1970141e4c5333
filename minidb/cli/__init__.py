"""The command `minidb`: a demonstration on real text, a look into a store, a server and its page.

Parses arguments and turns errors into one line and an exit code: 0 done, 1 the store or the machine refused, 2 wrong
usage, 130 interrupted. Each command is a module here and is imported only when it runs.
"""

from __future__ import annotations

import argparse
import os
import re
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
    _add_serve(commands)
    _add_dashboard(commands)
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
    _add_durability(demo)
    demo.add_argument("--limit", type=_count, help=argparse.SUPPRESS)  # a smaller corpus, for tests
    demo.set_defaults(run=_run_demo)


def _add_info(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    info = commands.add_parser(
        "info", help="list the collections of a store", description="List a store's collections."
    )
    info.add_argument("--path", type=Path, metavar="DIR", required=True, help="the store's directory")
    info.set_defaults(run=_run_info)


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    summary = "answer Qdrant's REST interface over HTTP"
    serve = commands.add_parser("serve", help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    store = serve.add_mutually_exclusive_group(required=True)
    store.add_argument("--path", type=Path, metavar="DIR", help="the store's directory, made when it is not there")
    store.add_argument("--memory", action="store_true", help="a store that ends with the server")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    serve.add_argument("--port", type=_port, default=6333, help="default: 6333; 0 for a free one")
    for name, may in (("", "do everything"), ("read-only-", "ask, not write")):
        variable = f"MINIDB_{name}API_KEY".replace("-", "_").upper()
        serve.add_argument(
            f"--{name}api-key",
            metavar="KEY",
            default=os.environ.get(variable),
            help=f"who has it may {may} (better set as {variable}: arguments can be seen by all users)",
        )
    serve.add_argument(
        "--allow-origin",
        dest="allow_origins",
        nargs="+",
        action="extend",
        type=_origin,
        default=[],
        metavar="ORIGIN",
        help="web pages that may use the server, as https://example.org; * for all (default: none)",
    )
    serve.add_argument("--max-request-mb", type=_count, default=32, metavar="MB", help="size of a body (default: 32)")
    _add_web_ui(serve)
    _add_durability(serve)
    serve.add_argument(
        "--insecure", action="store_true", help="let other machines in without a key, which is refused otherwise"
    )
    serve.set_defaults(run=_run_serve, refuse=serve.error)


def _add_dashboard(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    summary = "look at a store in the browser"
    dashboard = commands.add_parser("dashboard", help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    dashboard.add_argument("--path", type=Path, metavar="DIR", required=True, help="the store's directory")
    dashboard.add_argument("--port", type=_port, default=0, help="default: a free one")
    dashboard.add_argument("--no-browser", action="store_true", help="only print the address")
    _add_web_ui(dashboard)
    _add_durability(dashboard)
    dashboard.set_defaults(run=_run_dashboard)


def _add_web_ui(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--web-ui", type=_page, metavar="DIR", help="a built copy of Qdrant's web UI to show at /dashboard"
    )


def _add_durability(command: argparse.ArgumentParser) -> None:
    command.add_argument("--durability", choices=("full", "normal", "off"), default="full", help="default: full")


def _run_demo(arguments: argparse.Namespace) -> int:
    from minidb.cli.demo import run

    run(arguments.path, arguments.durability, arguments.questions, arguments.limit)
    return 0


def _run_info(arguments: argparse.Namespace) -> int:
    from minidb.cli.info import run

    run(arguments.path)
    return 0


def _run_serve(arguments: argparse.Namespace) -> int:
    from minidb.cli.serve import run

    run(arguments)
    return 0


def _run_dashboard(arguments: argparse.Namespace) -> int:
    from minidb.cli.dashboard import run

    run(arguments)
    return 0


def _page(text: str) -> Path:
    if not (Path(text) / "index.html").is_file():
        raise argparse.ArgumentTypeError(f"expected a folder with an index.html, got {text!r}")
    return Path(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a number of at least 1, got {text!r}")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 65535, got {text!r}")
    return int(text)


def _origin(text: str) -> str:
    if text != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+", text, re.IGNORECASE):
        raise argparse.ArgumentTypeError(f"expected scheme://host or scheme://host:port, got {text!r}")
    return text.lower()
