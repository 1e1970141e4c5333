"""`minidb get`, `minidb count` and `minidb delete`: points by id or by filter."""

from __future__ import annotations

import argparse
from typing import Any

from minidb.cli.parser import add_collection, add_filter, add_json, add_target, count, point_id


def add_get(commands: argparse._SubParsersAction[Any]) -> None:
    summary = "points by id, or the first ones"
    command = commands.add_parser("get", help=summary, description=f"Show {summary}.")
    add_collection(command)
    command.add_argument("ids", nargs="*", type=point_id, metavar="ID", help="a number or a UUID (default: the first)")
    add_filter(command)
    command.add_argument("--limit", type=count, default=10, metavar="N", help="without ids (default: 10)")
    command.add_argument("--with-vectors", action="store_true", help="show the vectors, too")
    add_target(command)
    add_json(command)
    command.set_defaults(run=_run_get)


def add_count(commands: argparse._SubParsersAction[Any]) -> None:
    summary = "how many points there are"
    command = commands.add_parser("count", help=summary, description=f"Print {summary}.")
    add_collection(command)
    add_filter(command)
    add_target(command)
    add_json(command)
    command.set_defaults(run=_run_count)


def add_delete(commands: argparse._SubParsersAction[Any]) -> None:
    summary = "delete points, or a collection"
    command = commands.add_parser("delete", help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    add_collection(command)
    command.add_argument("ids", nargs="*", type=point_id, metavar="ID", help="a number or a UUID")
    add_filter(command)
    command.add_argument("--collection", dest="whole", action="store_true", help="the collection itself")
    add_target(command)
    command.set_defaults(run=_run_delete)


def _run_get(arguments: argparse.Namespace) -> int:
    from minidb.cli.output import print_json, print_points
    from minidb.cli.target import Refused, collection, open_target

    if arguments.ids and arguments.filter:
        arguments.parser.error("give ids, or a --filter")
    shown = {"with_payload": True, "with_vector": arguments.with_vectors}
    with open_target(arguments) as target:
        path = f"{collection(arguments.collection)}/points"
        if arguments.ids:
            points = target.ask("POST", path, {"ids": arguments.ids, **shown})
        else:
            body = {"limit": arguments.limit, "filter": arguments.filter, **shown}
            points = target.ask("POST", f"{path}/scroll", body)["points"]
    if arguments.json:
        print_json(points)
    else:
        print_points(points)
    missing = set(map(str, arguments.ids)) - {str(point["id"]) for point in points}
    if missing:
        raise Refused(f"no point {', '.join(sorted(missing))} in {arguments.collection}")
    return 0


def _run_count(arguments: argparse.Namespace) -> int:
    from minidb.cli.output import print_json
    from minidb.cli.target import collection, open_target

    with open_target(arguments) as target:
        body = {"exact": True, "filter": arguments.filter}
        found = target.ask("POST", f"{collection(arguments.collection)}/points/count", body)
    if arguments.json:
        print_json(found)
    else:
        print(found["count"])
    return 0


def _run_delete(arguments: argparse.Namespace) -> int:
    from minidb.cli.target import Refused, collection, open_target

    if sum((bool(arguments.ids), arguments.filter is not None, arguments.whole)) != 1:
        arguments.parser.error("give ids, or a --filter, or --collection")
    with open_target(arguments) as target:
        path = collection(arguments.collection)
        if arguments.whole:
            target.ask("GET", path)  # an error where there is none, with the nearest name
            if not target.ask("DELETE", path):
                raise Refused(f"{arguments.collection} could not be deleted")
            print(f"deleted the collection {arguments.collection}")
            return 0
        chosen = {"points": arguments.ids} if arguments.ids else {"filter": arguments.filter}
        before = _points(target, path)
        target.ask("POST", f"{path}/points/delete", chosen, wait="true")
        print(f"deleted {before - _points(target, path):,} of {before:,} points")
    return 0


def _points(target: Any, path: str) -> int:
    return int(target.ask("POST", f"{path}/points/count", {"exact": True})["count"])
