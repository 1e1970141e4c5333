"""`minidb search`: the points nearest to a text, a vector or another point."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from minidb.cli.parser import add_collection, add_filter, add_json, add_target, count, nearest, point_id

if TYPE_CHECKING:
    from minidb.cli.target import Target


def add_search(commands: argparse._SubParsersAction[Any]) -> None:
    summary = "the points nearest to a text, a vector or another point"
    command = commands.add_parser("search", help=summary, description=f"Show {summary}.")
    add_collection(command)
    command.add_argument("text", nargs="*", metavar="TEXT", help="words to look for, embedded here")
    command.add_argument("--vector", metavar="FILE", help="a JSON array or .npy file; - for standard input")
    command.add_argument("--id", type=point_id, metavar="ID", help="a point that is there")
    command.add_argument("--using", metavar="NAME", help="the vector name (default: the only one there is)")
    command.add_argument(
        "--model", metavar="MODEL", help="of TEXT (default: as it was imported; else BM25 where idf is set)"
    )
    add_filter(command)
    command.add_argument("--limit", type=count, default=10, metavar="N", help="default: 10")
    command.add_argument("--explain", action="store_true", help="what the search did, instead of what it found")
    add_target(command)
    add_json(command)
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from minidb.cli.output import print_json, print_points
    from minidb.cli.target import collection, open_target
    from minidb.trace import Step

    text = " ".join(arguments.text)
    if sum((bool(text), arguments.vector is not None, arguments.id is not None)) != 1:
        arguments.parser.error("give a TEXT, or a --vector, or an --id")
    with open_target(arguments) as target:
        using = _using(target, arguments)
        request = {"query": _query(target, arguments, text, using), "filter": arguments.filter}
        request |= {"using": using or None, "limit": arguments.limit, "with_payload": True}
        path = f"{collection(arguments.collection)}/points/query"
        answer = target.ask("POST", f"{path}/explain" if arguments.explain else path, request)
    if arguments.json:
        print_json(answer if arguments.explain else answer["points"])
    elif arguments.explain:
        print(Step.of_json(answer))
    else:
        print_points(answer["points"])
    return 0


def _using(target: Target, arguments: argparse.Namespace) -> str:
    """The vector name asked for, or the only one there is."""
    names = list(target.vectors(arguments.collection))
    if arguments.using is not None:
        if arguments.using not in names:
            guess = nearest(arguments.using, names) or f"vectors here: {', '.join(names)}"
            arguments.parser.error(f"{arguments.collection} has no vector {arguments.using} ({guess})")
        return str(arguments.using)
    if len(names) != 1 and "" not in names:
        arguments.parser.error(f"which vector? --using {' or --using '.join(names) or 'NAME: there is none'}")
    return "" if "" in names else names[0]


def _query(target: Target, arguments: argparse.Namespace, text: str, using: str) -> Any:
    from minidb.cli.embedding import embed, model_of
    from minidb.cli.files import read_vector
    from minidb.cli.target import collection

    if arguments.id is not None:
        return arguments.id
    if arguments.vector is not None:
        return read_vector(arguments.vector)
    model = arguments.model or model_of(target.ask("GET", collection(arguments.collection)), using)
    if model is None:
        arguments.parser.error(f"nobody noted which model {using or 'the vector'} is of: give a --model")
    return embed([text], str(model), "search")[0]
