"""`minidb index`: the payload indexes of a collection."""

from __future__ import annotations

import argparse
from typing import Any

from minidb.cli.parser import add_collection, add_json, add_target

_SCHEMAS = ("keyword", "integer", "float", "bool", "datetime", "uuid", "geo", "text")


def add_index(commands: argparse._SubParsersAction[Any]) -> None:
    summary = "payload indexes: list them, make one, delete one"
    command = commands.add_parser("index", help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    add_collection(command)
    command.add_argument("field", nargs="?", metavar="FIELD", help="a payload key (default: list the indexes)")
    command.add_argument("schema", nargs="?", choices=_SCHEMAS, metavar="SCHEMA", help=", ".join(_SCHEMAS))
    command.add_argument("--delete", action="store_true", help="delete the index of FIELD")
    add_target(command)
    add_json(command)
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from urllib.parse import quote

    from minidb.cli.target import Refused, collection, open_target

    field, schema = arguments.field, arguments.schema
    if arguments.delete and (field is None or schema is not None):
        arguments.parser.error("--delete takes a FIELD and no SCHEMA")
    if field is not None and schema is None and not arguments.delete:
        arguments.parser.error(f"a SCHEMA is missing: {', '.join(_SCHEMAS)}")
    with open_target(arguments) as target:
        path = collection(arguments.collection)
        indexes = target.ask("GET", path).get("payload_schema") or {}
        if field is None:
            _print(indexes, arguments.json)
        elif arguments.delete:
            if field not in indexes:
                raise Refused(
                    f"{arguments.collection} has no index of {field}; indexes here: {', '.join(indexes) or 'none'}"
                )
            target.ask("DELETE", f"{path}/index/{quote(field, safe='')}", wait="true")
            print(f"deleted the index of {field}")
        else:
            target.ask("PUT", f"{path}/index", {"field_name": field, "field_schema": schema}, wait="true")
            print(f"indexed {field} as {schema}")
    return 0


def _print(indexes: dict[str, Any], as_json: bool) -> None:
    from minidb.cli.output import print_json
    from minidb.cli.table import render, terminal_width

    if as_json:
        print_json(indexes)
    elif indexes:
        rows = [(field, index["data_type"], f"{index.get('points') or 0:,}") for field, index in indexes.items()]
        print("\n".join(render(("field", "schema", "points"), rows, terminal_width())))
