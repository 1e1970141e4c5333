"""`minidb info` and `minidb collections`: what is there, how large it is and in which state."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from minidb.cli.parser import add_collection, add_json, add_target
from minidb.system.files import disk_bytes

if TYPE_CHECKING:
    from minidb.cli.target import Target


def add_info(commands: argparse._SubParsersAction[Any]) -> None:
    summary = "what a store or a server holds, or one of its collections"
    command = commands.add_parser("info", help=summary, description=f"Show {summary}.")
    add_collection(command, nargs="?", help="its settings instead of a table of all")
    add_target(command)
    add_json(command)
    command.set_defaults(run=_run_info)


def add_collections(commands: argparse._SubParsersAction[Any]) -> None:
    summary = "the names of the collections, one a line"
    command = commands.add_parser("collections", help=summary, description=f"Print {summary}.")
    add_target(command)
    add_json(command)
    command.set_defaults(run=_run_collections)


def _run_info(arguments: argparse.Namespace) -> int:
    from minidb.cli.output import print_json, print_tree
    from minidb.cli.target import collection, open_target

    with open_target(arguments) as target:
        if arguments.collection is not None:
            found = target.ask("GET", collection(arguments.collection))
            (print_json if arguments.json else print_tree)(found)
        elif arguments.json:
            names = target.collections()
            aliases = target.ask("GET", "/aliases")["aliases"]
            infos = {name: target.ask("GET", collection(name)) for name in names}
            print_json({"version": target.version(), "collections": infos, "aliases": aliases})
        else:
            _print_table(target)
    return 0


def _run_collections(arguments: argparse.Namespace) -> int:
    from minidb.cli.output import print_json
    from minidb.cli.target import open_target

    with open_target(arguments) as target:
        names = target.collections()
    if arguments.json:
        print_json(names)
    elif names:
        print("\n".join(names))
    return 0


def _print_table(target: Target) -> None:
    from minidb.cli.table import clip, render, terminal_width
    from minidb.cli.target import collection

    width = terminal_width()
    rows = [_row(name, target.ask("GET", collection(name))) for name in target.collections()]
    what = f"{disk_bytes(target.path) / 1e6:,.1f} MB on disk" if target.path else target.version()
    print(clip(f"{target.name}: {_count(len(rows), 'collection')}, {what}", width))
    if rows:
        header = ("collection", "status", "points", "indexed", "vectors")
        print("\n".join(["", *render(header, rows, width, right=(2, 3))]))
    for alias in target.ask("GET", "/aliases")["aliases"]:
        print(clip(f"{alias['alias_name']} is an alias of {alias['collection_name']}", width))


def _row(name: str, info: dict[str, Any]) -> tuple[str, ...]:
    from minidb.cli.table import clip

    points, indexed = info.get("points_count") or 0, info.get("indexed_vectors_count") or 0
    return clip(name, 30), info["status"], f"{points:,}", f"{indexed:,}", _vectors(info["config"]["params"])


def _vectors(params: dict[str, Any]) -> str:
    dense = params.get("vectors") or {}
    named = {"(unnamed)": dense} if isinstance(dense.get("size"), int) else dense
    parts = [f"{name} {vector['size']} {vector['distance']}" for name, vector in named.items()]
    parts += [
        f"{name} sparse{' ' + vector['modifier'] if vector.get('modifier') else ''}"
        for name, vector in (params.get("sparse_vectors") or {}).items()
    ]
    return ", ".join(parts) or "none"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
