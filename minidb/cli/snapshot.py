"""`minidb snapshot create|list|restore`: snapshots of a collection, or of everything."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from minidb.cli.parser import Parser, add_collection, add_json, add_target

if TYPE_CHECKING:
    from minidb.cli.target import Target


def add_snapshot(commands: argparse._SubParsersAction[Any]) -> None:
    summary = "make, list and restore snapshots"
    command = commands.add_parser("snapshot", help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    steps = command.add_subparsers(metavar="create|list|restore", required=True, parser_class=Parser)
    for name, run, what in (
        ("create", _create, "make a snapshot"),
        ("list", _list, "list the snapshots there are"),
        ("restore", _restore, "replace a collection, or all of the store, by a snapshot"),
    ):
        step = steps.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.")
        add_collection(step, nargs="?", help="(default: all of the store)")
        if name == "create":
            step.add_argument("--output", type=Path, metavar="FILE", help="copy it to this file and delete it there")
        if name == "restore":
            step.add_argument("snapshot", metavar="FILE|URL|NAME", help="a file, a URL, or the name `list` shows")
        add_target(step, created=name == "restore")
        add_json(step)
        step.set_defaults(run=run, parser=step)


def _create(arguments: argparse.Namespace) -> int:
    from minidb.cli.files import check_output
    from minidb.cli.output import print_json
    from minidb.cli.target import open_target

    if arguments.output is not None:
        check_output(str(arguments.output))
    with open_target(arguments) as target:
        base = _base(arguments.collection)
        made = target.ask("POST", base, wait="true")
        if arguments.output is not None:
            target.download(f"{base}/{quote(made['name'])}", arguments.output)
            target.ask("DELETE", f"{base}/{quote(made['name'])}", wait="true")
    if arguments.json:
        print_json(made)
    else:
        print(arguments.output or made["name"])
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from minidb.cli.output import print_json
    from minidb.cli.table import render, terminal_width
    from minidb.cli.target import open_target

    with open_target(arguments) as target:
        found = target.ask("GET", _base(arguments.collection))
    if arguments.json:
        print_json(found)
    elif found:
        rows = [(f"{each['size'] / 1e6:,.1f}", each.get("creation_time") or "", each["name"]) for each in found]
        print("\n".join(render(("MB", "made", "name"), rows, terminal_width() * 2, right=(0,))))
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    from minidb.cli.target import open_target

    base = _base(arguments.collection)
    with open_target(arguments, created=True) as target:
        if "://" in arguments.snapshot:
            target.ask("PUT", f"{base}/recover", {"location": arguments.snapshot, "priority": "snapshot"}, wait="true")
        elif (file := Path(arguments.snapshot)).is_file():
            target.upload(f"{base}/upload", file)
        else:
            _restore_by_name(target, base, arguments.snapshot)
    print(f"restored {arguments.collection or 'the store'}")
    return 0


def _restore_by_name(target: Target, base: str, name: str) -> None:
    """A snapshot that lies there already goes the way of any file: down, and up again."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "restored.snapshot"
        target.download(f"{base}/{quote(name, safe='')}", file)
        target.upload(f"{base}/upload", file)


def _base(name: str | None) -> str:
    from minidb.cli.target import collection

    return "/snapshots" if name is None else f"{collection(name)}/snapshots"
