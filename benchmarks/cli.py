"""The command line: choose sizes, scenarios and peers, run, print every table when it is ready, write the JSON file."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import report, scenarios
from benchmarks.adapters import ALL, BASELINE
from benchmarks.results import Table
from benchmarks.stage import Settings, Stage

_RESULTS = Path(__file__).resolve().parent / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks; the exit status is 1 when minidb failed in a scenario."""
    options = _parser().parse_args(arguments)
    settings = _settings(options)
    names = options.only or list(scenarios.ALL)
    started = time.perf_counter()
    done: list[dict[str, Any]] = []
    tables: list[Table] = []
    broken = False
    with tempfile.TemporaryDirectory(prefix="minidb-bench-", dir=options.scratch) as folder:
        scratch = Path(folder)
        print(report.conditions(scratch), flush=True)
        stage = Stage(settings, {name: ALL[name] for name in settings.peers}, scratch)
        for name in names:
            begun = time.perf_counter()
            error = None
            found: list[Table] = []
            try:
                found = scenarios.ALL[name](stage)
            except Exception:  # noqa: BLE001 - the other scenarios still have something to say
                error = traceback.format_exc()
                print(f"\n{name} failed:\n{error}", file=sys.stderr)
            for table in found:
                print(report.text(table), flush=True)
            broken |= error is not None or any(BASELINE in table.absent for table in found)
            tables += found
            seconds = time.perf_counter() - begun
            done.append(
                {"name": name, "seconds": seconds, "error": error, "tables": [table.as_json() for table in found]}
            )
        content = report.document(asdict(settings), done, scratch)
    path = options.json or _RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    report.write(path, content)
    print(report.summary(tables))
    print(f"\n{time.perf_counter() - started:.0f} s; written to {path}")
    return int(broken)


def _settings(options: argparse.Namespace) -> Settings:
    quick: bool = options.quick
    peers = options.peers or list(ALL)
    return Settings(
        points=options.points or (2_000 if quick else 100_000),
        dim=options.dim or 384,
        queries=options.queries or (60 if quick else 500),
        rounds=options.rounds or (3 if quick else 5),
        peers=tuple(name for name in ALL if name == BASELINE or name in peers),
        quick=quick,
        cranfield=options.cranfield,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="minidb beside its peers, interleaved.")
    parser.add_argument("--quick", action="store_true", help="small sizes, about a minute")
    parser.add_argument("--points", type=int, help="points of a collection (100,000; quick: 2,000)")
    parser.add_argument("--dim", type=int, help="dimensions of dense vectors (384)")
    parser.add_argument("--queries", type=int, help="different queries per table (500; quick: 60)")
    parser.add_argument("--rounds", type=int, help="rounds of every comparison (5; quick: 3)")
    parser.add_argument("--only", type=_names(scenarios.ALL), help=f"scenarios, of {', '.join(scenarios.ALL)}")
    parser.add_argument("--peers", type=_names(ALL), help=f"beside minidb, of {', '.join(ALL)}")
    parser.add_argument("--json", type=Path, help="where to write results (benchmarks/results/<time>.json)")
    parser.add_argument("--cranfield", type=Path, help="folder of the Cranfield collection, for retrieval quality")
    parser.add_argument("--scratch", type=Path, help="folder for stores; its disk decides what durability costs")
    return parser


def _names(known: dict[str, Any]) -> Any:
    def parse(value: str) -> list[str]:
        names = [name.strip() for name in value.split(",") if name.strip()]
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"unknown name {name!r}, expected one of {', '.join(known)}")
        return names

    return parse
