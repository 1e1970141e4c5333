"""`minidb push` and `minidb pull`: a store and another one, or a server, exchange what changed since the last time."""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from minidb.cli.parser import add_json, count
from minidb.cli.places import directory, key, place, without_password


def add_push(commands: argparse._SubParsersAction[Any]) -> None:
    _add(commands, "push", "send another store, or a server, what changed since the last time", "TARGET")


def add_pull(commands: argparse._SubParsersAction[Any]) -> None:
    _add(commands, "pull", "fetch from another store, or a server, what changed since the last time", "SOURCE")


def _add(commands: argparse._SubParsersAction[Any], name: str, summary: str, peer: str) -> None:
    command = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    command.add_argument(
        "peer", type=place, metavar=peer, help="a store's directory, or the address of a server or a cluster"
    )
    command.add_argument("collections", nargs="*", metavar="COLLECTION", help="(default: all)")
    made = ", made when it is not there" if name == "pull" else ""
    command.add_argument("--path", type=directory, metavar="DIR", required=True, help=f"the store's directory{made}")
    command.add_argument(
        "--newest-by", metavar="FIELD", help="the payload field whose greater value wins (default: the sender wins)"
    )
    command.add_argument("--mirror", action="store_true", help="delete what only the receiver has")
    command.add_argument("--name", help=f"what to call the {peer.lower()}: nothing is noted there then")
    command.add_argument("--batch-size", type=count, default=256, metavar="N", help="points per request (default: 256)")
    command.add_argument(
        "--api-key",
        type=key,
        metavar="KEY",
        default=os.environ.get("MINIDB_API_KEY") or os.environ.get("QDRANT_API_KEY"),
        help="for an address (better set as MINIDB_API_KEY or QDRANT_API_KEY: arguments can be seen by all users)",
    )
    add_json(command)
    command.set_defaults(run=_run, action=name)


def _run(arguments: argparse.Namespace) -> int:
    from minidb import QdrantClient
    from minidb.cli.output import print_json
    from minidb.cli.target import check_store

    is_push = arguments.action == "push"
    if is_push:
        check_store(arguments.path)
    with _peer(arguments, created=is_push) as peer, QdrantClient(arguments.path) as client:
        report = (client.push if is_push else client.pull)(
            peer,
            arguments.collections or None,
            newest_by=arguments.newest_by,
            mirror=arguments.mirror,
            batch_size=arguments.batch_size,
            name=arguments.name,
        )
    if arguments.json:
        print_json([asdict(each) for each in report.collections])
        return 0
    there = "there" if is_push else "here"
    for each in report.collections:
        more = f", {each.kept:,} newer {there}" if each.kept else ""
        more += f", {each.extra:,} only {there}: --mirror deletes them" if each.extra else ""
        print(f"{each.name}: {each.written:,} written, {each.deleted:,} deleted{more} ({each.seconds:.1f} s)")
        for line in each.settings:
            print(f"  {line}")
    return 0


@contextmanager
def _peer(arguments: argparse.Namespace, *, created: bool) -> Iterator[Any]:
    """A client of the other side. Raises `Refused` in the words of a server."""
    from minidb import QdrantClient
    from minidb.cli.target import Refused, answered, check_store, no_answer

    if isinstance(arguments.peer, Path):
        if not created:
            check_store(arguments.peer)
        with QdrantClient(path=arguments.peer) as client:
            yield client
        return
    try:
        import qdrant_client
        from qdrant_client.common.client_exceptions import QdrantException
        from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse
    except ImportError:
        raise Refused("a server is spoken to by qdrant-client: pip install qdrant-client") from None
    name = without_password(arguments.peer)
    with warnings.catch_warnings():  # of a key over a plain connection, which is the user's choice
        warnings.simplefilter("ignore", UserWarning)
        official = qdrant_client.QdrantClient(
            url=arguments.peer, port=None, api_key=arguments.api_key or None, timeout=60, check_compatibility=False
        )
    with closing(official):
        try:
            yield official
        except UnexpectedResponse as error:
            said = answered(name, error.status_code or 0, error.reason_phrase, error.content, error.headers)
            raise Refused(said, error.status_code) from error
        except ResponseHandlingException as error:
            raise Refused(no_answer(name, error.source)) from error
        except QdrantException as error:  # a rate limit
            raise Refused(f"{name}: {error}") from error
