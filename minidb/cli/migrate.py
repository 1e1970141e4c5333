"""`minidb migrate`: collections from a store or server to another, compared afterwards.

The way of a collection is `minidb.migration`'s; here are the arguments, both sides by REST, and the report.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minidb.cli.parser import add_filter, add_target, count
from minidb.cli.places import key, place
from minidb.errors import MinidbError

if TYPE_CHECKING:
    from minidb.cli.target import Target
    from minidb.migration.ends import Json, PointId

_TOO_MANY_REQUESTS = 429
_PAGE_S, _WORK_S = 60.0, 600.0
"""How long an answer may take: with a page of points, and to all else (an index, a count). Then it is asked again."""


def add_migrate(commands: argparse._SubParsersAction[Any]) -> None:
    summary = "collections to another store or server"
    command = commands.add_parser(
        "migrate", help=summary, description=f"Copy {summary}: settings, points, indexes, aliases; then compare."
    )
    command.add_argument(
        "--to", type=place, required=True, metavar="URL|DIR", help="a server, or a store, made when it is not there"
    )
    command.add_argument(
        "--to-api-key",
        type=key,
        metavar="KEY",
        default=os.environ.get("MINIDB_TO_API_KEY"),
        help="of the server --to (better set as MINIDB_TO_API_KEY; from a store the key of --api-key does)",
    )
    command.add_argument("--collection", nargs="+", action="extend", metavar="NAME", help="default: all")
    add_filter(command)
    command.add_argument("--batch-size", type=count, default=256, metavar="N", help="points a request (default: 256)")
    command.add_argument("--parallel", type=count, default=1, metavar="N", help="requests at a time (default: 1)")
    command.add_argument("--rate", type=count, metavar="N", help="points a second, at most, in each reading")
    collision = command.add_mutually_exclusive_group()
    collision.add_argument(
        "--recreate",
        action="store_const",
        const="recreate",
        dest="collision",
        help="replace collections there",
    )
    collision.add_argument(
        "--resume", action="store_const", const="resume", dest="collision", help="write what collections there lack"
    )
    add_target(command)
    command.set_defaults(run=_run, collision="refuse")


def _run(arguments: argparse.Namespace) -> int:
    from minidb.cli.progress import reporting
    from minidb.cli.target import open_target
    from minidb.migration import Options, migrate
    from minidb.migration.ends import told_as_it_was

    to = _destination(arguments)
    if _place(arguments) == _place(to):
        arguments.parser.error("--to is where the collections are")
    options = Options(arguments.batch_size, arguments.collision, arguments.parallel, arguments.rate, arguments.filter)
    is_whole = True
    with open_target(arguments) as source, ExitStack() as stack:
        here = Server(source)
        with told_as_it_was():
            for name in arguments.collection or []:
                here.info(name)  # an error with the nearest name, before a store is made
            there = Server(stack.enter_context(open_target(to, created=True)))
            _check_names(here, there, arguments)
        try:
            for report in migrate(here, there, arguments.collection, options, reporting):
                print("\n".join(report.lines()), flush=True)
                is_whole &= report.is_whole
        except (MinidbError, KeyboardInterrupt):
            if there.is_changed and arguments.collision != "resume":
                print("minidb: whole batches are there; --resume goes on", file=sys.stderr)
            raise
    return 0 if is_whole else 1


def _check_names(here: Server, there: Server, arguments: argparse.Namespace) -> None:
    """Raises Refused for a collection that is there and must not be."""
    from minidb.cli.target import Refused

    wanted = set(arguments.collection or here.collections())
    if arguments.collision == "refuse" and (known := sorted(wanted & set(there.collections()))):
        raise Refused(f"{', '.join(known)}: there already; --resume writes what is lacking, --recreate replaces")


def _destination(arguments: argparse.Namespace) -> argparse.Namespace:
    """What `--to` names, as the arguments of a target."""
    path = arguments.to if isinstance(arguments.to, Path) else None
    own = arguments.to_api_key or (arguments.api_key if arguments.url is None else None)
    return argparse.Namespace(url=arguments.to if path is None else None, path=path, api_key=own)


def _place(arguments: argparse.Namespace) -> Any:
    return arguments.path.resolve() if arguments.url is None else arguments.url.rpartition("//")[2].rstrip("/")


class Server:
    """A store or a server as an end of a migration; see `migration.End`."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.is_changed = False

    def collections(self) -> list[str]:
        with _asking():
            return self._target.collections()

    def aliases(self) -> Mapping[str, str]:
        with _asking():
            found = self._target.ask("GET", "/aliases")["aliases"]
        return {each["alias_name"]: each["collection_name"] for each in found}

    def info(self, name: str) -> Json:
        info: Json = self._ask("GET", name, "")
        return info

    def create(self, name: str, body: Json) -> None:
        self.is_changed = True
        self._ask("PUT", name, "", body)

    def update(self, name: str, body: Json) -> None:
        self._ask("PATCH", name, "", body)

    def delete(self, name: str) -> None:
        self._ask("DELETE", name, "")

    def create_index(self, name: str, field: str, schema: Any) -> None:
        self._ask("PUT", name, "/index", {"field_name": field, "field_schema": schema}, wait="true")

    def create_alias(self, name: str, alias: str) -> None:
        action = {"create_alias": {"collection_name": name, "alias_name": alias}}
        with _asking():
            self._target.ask("POST", "/collections/aliases", {"actions": [action]})

    def count(self, name: str, filter: Json | None) -> int:
        return int(self._ask("POST", name, "/points/count", {"exact": True, "filter": filter})["count"])

    def ids(
        self, name: str, filter: Json | None, limit: int, offset: PointId | None
    ) -> tuple[list[PointId], PointId | None]:
        body = {"limit": limit, "offset": offset, "filter": filter, "with_payload": False, "with_vector": False}
        page = self._ask("POST", name, "/points/scroll", body)
        return [point["id"] for point in page["points"]], page.get("next_page_offset")

    def points(self, name: str, ids: Sequence[PointId]) -> list[Json]:
        body = {"ids": list(ids), "with_payload": True, "with_vector": True}
        found = self._ask("POST", name, "/points", body)
        return [
            {"id": each["id"], "payload": each.get("payload") or {}, "vector": each.get("vector") or {}}
            for each in found
        ]

    def write(self, name: str, points: Sequence[Json]) -> None:
        self._ask("PUT", name, "/points", {"points": list(points)}, wait="true")

    def _ask(self, method: str, name: str, path: str, body: Any = None, **parameters: str) -> Any:
        from minidb.cli.target import collection

        seconds = _PAGE_S if path in ("/points", "/points/scroll") else _WORK_S
        with _asking():
            return self._target.ask(method, f"{collection(name)}{path}", body, seconds=seconds, **parameters)


@contextmanager
def _asking() -> Iterator[None]:
    """An answer that says something is impossible raises Refusal, one that says when to come back Busy, none
    Unavailable.
    """
    import httpx

    from minidb.cli.target import Refused
    from minidb.migration import Busy, Refusal
    from minidb.migration.ends import REFUSED, UNAVAILABLE, Unavailable

    try:
        yield
    except Refused as error:
        if error.status == _TOO_MANY_REQUESTS and error.retry_after is not None:
            raise Busy(str(error), error.retry_after) from error
        if error.status in REFUSED:
            raise Refusal(str(error)) from error
        if error.status in UNAVAILABLE or isinstance(error.__cause__, httpx.TransportError):
            raise Unavailable(error, error.retry_after) from error
        raise
