"""`minidb verify`: reads all of a store and says what is damaged. Called by `main`.

Opens only what is a store already, so a mistyped path makes no directory.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from minidb import QdrantClient
from minidb.cli.places import directory


def add_verify(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Its arguments."""
    summary = "read all of a store and say what is damaged"
    verify = commands.add_parser("verify", help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    verify.add_argument("--path", type=directory, metavar="DIR", required=True, help="the store's directory")
    verify.set_defaults(run=lambda arguments: run(arguments.path))


def run(path: Path) -> int:
    """Print a report by collection; 0 for a store that is whole, 1 for a damaged one. Raises NotFound without one."""
    from minidb.cli.target import check_store  # completion needs none of it

    with QdrantClient(path, read_only=check_store(path)) as client:
        report = client.verify()
    print(f"{path}: {report.pages:,} pages, {report.entries:,} entries, {report.snapshots:,} snapshots read")
    for collection in report.collections:
        counts = f"{collection.points:,} points, {collection.vectors:,} vectors"
        print(f"{collection.name}: {counts}, {collection.derived_files:,} derived files: {_verdict(collection.damage)}")
        _print_places(collection.damage)
    print(f"the store itself: {_verdict(report.damage)}")
    _print_places(report.damage)
    return 0 if report.is_whole else 1


def _verdict(damage: tuple[str, ...]) -> str:
    return f"DAMAGED in {len(damage):,} place{'' if len(damage) == 1 else 's'}" if damage else "whole"


def _print_places(damage: tuple[str, ...]) -> None:
    for place in damage:
        print(f"  {place}")
