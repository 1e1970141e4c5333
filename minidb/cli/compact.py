"""`minidb compact`: gives back the room of what was deleted from a store."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from minidb import QdrantClient
from minidb.cli.places import directory


def add_compact(commands: argparse._SubParsersAction[Any]) -> None:
    summary = "give back the room of what was deleted from a store"
    compact = commands.add_parser("compact", help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    compact.add_argument("--path", type=directory, metavar="DIR", required=True, help="the store's directory")
    compact.set_defaults(run=lambda arguments: run(arguments.path))


def run(path: Path) -> int:
    """Say what was gained. Raises NotFound where there is no store, ServiceError while another process has it open."""
    from minidb.cli.target import check_store  # completion needs none of it

    check_store(path)
    with QdrantClient(path=path) as client:
        report = client.compact()
    print(f"{path}: {report.bytes_before / 1e6:,.1f} MB before, {report.bytes_after / 1e6:,.1f} MB now")
    return 0
