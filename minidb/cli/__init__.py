"""The command `minidb`: a look into a store or a server, files in and out, a demonstration, a server.

Parses arguments and turns errors into one line and an exit code: 0 done, 1 the store, the server or the machine
refused, 2 wrong usage, 130 interrupted. `COMMANDS` is the table of commands.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TypeAlias

import minidb
from minidb.cli.parser import Parser
from minidb.cli.parser import count as _count
from minidb.cli.places import directory, key
from minidb.errors import MinidbError

_WRONG = 2
_INTERRUPTED = 130  # as shells report it: 128 + SIGINT

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's own) and return the exit code."""
    try:
        return _main(sys.argv[1:] if argv is None else list(argv))
    except KeyboardInterrupt:
        return _fail("interrupted", _INTERRUPTED)


def _main(given: list[str]) -> int:
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by who started this
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - until the process ends
    command = next((word for word in given if not word.startswith("-")), None)
    root = parser(command)
    if not given:
        root.exit(_WRONG, root.format_help())
    if given[0].startswith("-") and given[0] not in root.options(short=True):
        root.error(f"a command comes first: minidb COMMAND … {given[0]} …")
    arguments, unknown = root.parse_known_args(given)
    arguments.parser.refuse_unknown(unknown)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # an ASCII terminal shows "?" where the text has a curly quote
    path = getattr(arguments, "path", None)
    try:
        if path and path.is_file():
            return _fail(f"{path} is a file; a store is a directory", 1)
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except (
        BrokenPipeError
    ):  # `minidb demo | head`; stdout is pointed elsewhere so that its last flush has a place to go
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except MinidbError as error:
        text = f"{error.message} ({error.hint})" if error.hint else error.message
        if path and "read_only=True" in text:  # an argument of Python's
            text = f"{path} cannot be written: it is somebody else's, or its folder, file or disk is read-only"
        return _fail(text, 1)
    except OSError as error:
        return _fail(str(error), 1)
    return code


def _fail(message: str, code: int) -> int:
    print(f"minidb: {message}", file=sys.stderr)
    return code


def parser(command: str | None = None) -> Parser:
    """The whole command line; of a command that is named only its own module is loaded."""
    root = Parser(prog="minidb", description="A Qdrant-compatible vector database in a Python process.")
    root.add_argument("--version", action="version", version=f"minidb {minidb.__version__}")
    commands: Commands = root.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    for name, home in COMMANDS.items():
        if command not in COMMANDS or name == command:
            add = home if callable(home) else import_module(home).__dict__[f"add_{name}"]
            add(commands)
            commands.choices[name].set_defaults(parser=commands.choices[name])
    return root


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    summary = "answer Qdrant's REST and gRPC interfaces"
    serve = commands.add_parser("serve", help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    store = serve.add_mutually_exclusive_group(required=True)
    store.add_argument("--path", type=directory, metavar="DIR", help="the store's directory, made when it is not there")
    store.add_argument("--memory", action="store_true", help="a store that ends with the server")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    serve.add_argument("--port", type=port, default=6333, help="default: 6333; 0 for a free one")
    grpc = serve.add_mutually_exclusive_group()
    grpc.add_argument(
        "--grpc-port",
        type=port,
        metavar="PORT",
        help="for gRPC, 0 for a free one (default: the port after --port, when the extra `grpc` is installed)",
    )
    grpc.add_argument("--no-grpc", action="store_true", help="answer REST only")
    for name, may in (("", "do everything"), ("read-only-", "ask, not write")):
        variable = f"MINIDB_{name}API_KEY".replace("-", "_").upper()
        serve.add_argument(
            f"--{name}api-key",
            type=key,
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
    serve.add_argument("--max-connections", type=_count, default=512, metavar="N", help="more get 503 (default: 512)")
    serve.add_argument("--max-connections-per-address", type=_count, default=256, metavar="N", help="default: 256")
    serve.add_argument("--tls-cert", metavar="FILE", help="certificate (PEM); with it the server speaks TLS only")
    serve.add_argument("--tls-key", metavar="FILE", help="its key (PEM), when the certificate's file has none")
    serve.add_argument("--tls-client-ca", metavar="FILE", help="let in only clients with a certificate of this CA")
    serve.add_argument(
        "--snapshot-urls",
        action="store_true",
        help="let who may write restore from http(s) URLs, which this server then asks (default: refused)",
    )
    add_web_ui(serve)
    add_durability(serve)
    serve.add_argument(
        "--insecure", action="store_true", help="let other machines in without a key, which is refused otherwise"
    )
    serve.set_defaults(run=_run_serve, refuse=serve.error)


def add_web_ui(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--web-ui", type=_page, metavar="DIR", help="a built copy of Qdrant's web UI to show at /dashboard"
    )


def add_durability(command: argparse.ArgumentParser) -> None:
    command.add_argument("--durability", choices=("full", "normal", "off"), default="full", help="default: full")


def _run_serve(arguments: argparse.Namespace) -> int:
    from minidb.cli.serve import run

    run(arguments)
    return 0


def _page(text: str) -> Path:
    if not (Path(text) / "index.html").is_file():
        raise argparse.ArgumentTypeError(f"expected a folder with an index.html, got {text!r}")
    return Path(text)


def port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 65535, got {text!r}")
    return int(text)


def _origin(text: str) -> str:
    if text != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+", text, re.IGNORECASE):
        raise argparse.ArgumentTypeError(f"expected scheme://host or scheme://host:port, got {text!r}")
    return text.lower()


COMMANDS: dict[str, str | Callable[[Commands], None]] = {
    "info": "minidb.cli.info",
    "collections": "minidb.cli.info",
    "search": "minidb.cli.search",
    "get": "minidb.cli.points",
    "count": "minidb.cli.points",
    "delete": "minidb.cli.points",
    "index": "minidb.cli.index",
    "import": "minidb.cli.transfer",
    "export": "minidb.cli.transfer",
    "push": "minidb.cli.sync",
    "pull": "minidb.cli.sync",
    "snapshot": "minidb.cli.snapshot",
    "migrate": "minidb.cli.migrate",
    "verify": "minidb.cli.verify",
    "compact": "minidb.cli.compact",
    "serve": _add_serve,
    "dashboard": "minidb.cli.dashboard",
    "demo": "minidb.cli.demo",
    "bench": "minidb.cli.bench",
    "completion": "minidb.cli.completion",
}
"""Every command, in the order of the help: the module whose `add_NAME` adds its arguments and says what it runs."""
