"""The command line: choose sizes, scenarios and peers, run, print every table when it is ready, write the JSON file."""

from __future__ import annotations

import argparse
import compileall
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import minidb
from benchmarks import plots, profiles, report, scenarios
from benchmarks.adapters import ALL, BASELINE
from benchmarks.results import Table
from benchmarks.stage import Settings, Stage

_LARGE, _LARGE_DIM = 1_000_000, 128
"""So that all contestants' copies of a million vectors fit into the memory of one machine."""
_UNITS = {"k": 1_000, "m": 1_000_000}
_RESULTS = Path(__file__).resolve().parent / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks; the exit status is 1 when minidb failed in a scenario."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        settings = _settings(options)
    except (OSError, ValueError) as problem:
        parser.error(str(problem))
    names = options.only or list(scenarios.ALL)
    path = options.json or _RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    started = time.perf_counter()
    done: list[dict[str, Any]] = []
    tables: list[Table] = []
    broken = False
    contestants = {name: ALL[name] for name in settings.peers}
    with (
        tempfile.TemporaryDirectory(prefix="minidb-bench-", dir=options.scratch) as folder,
        closing(Stage(settings, contestants, Path(folder))) as stage,
    ):
        scratch = Path(folder)
        print(report.conditions(scratch), flush=True)
        compileall.compile_dir(Path(minidb.__file__).parent, quiet=1)  # as pip does with what it installs, peers too
        for name in names:
            begun = time.perf_counter()
            error = None
            found: list[Table] = []
            try:
                found = scenarios.ALL[name](stage)
                if options.profile is not None:
                    profiles.profile(name, scenarios.ALL[name], settings, scratch, options.profile)
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
            report.write(path, content)  # after every scenario: a run that is broken off has not been for nothing
    print(report.summary(tables))
    drawn = plots.draw(content, options.plots) if options.plots is not None else []
    print(f"\n{time.perf_counter() - started:.0f} s; written to {', '.join(map(str, [path, *drawn]))}")
    return int(broken)


def _settings(options: argparse.Namespace) -> Settings:
    quick: bool = options.quick
    peers = options.peers or list(ALL)
    points = options.size or (2_000 if quick else 100_000)
    dim = options.dim or (_LARGE_DIM if points >= _LARGE else 384)
    queries = options.queries or (60 if quick else 500)
    if options.data is not None:
        rows, dim = _shape(options.data)
        queries = min(queries, rows // 2)
        points = min(points, rows - queries)
    return Settings(
        points=points,
        dim=dim,
        queries=queries,
        rounds=options.rounds or (3 if quick else 5),
        peers=tuple(name for name in ALL if name == BASELINE or name in peers),
        quick=quick,
        data=options.data,
        cranfield=options.cranfield,
    )


def _shape(file: Path) -> tuple[int, int]:
    """Rows and dimensions of a user's array. Raises `ValueError` when it is not one of vectors."""
    array = np.load(file, mmap_mode="r")
    if array.ndim != 2 or array.dtype.kind != "f" or len(array) < 2:
        raise ValueError(f"{file}: expected an (n, d) array of floats, found {array.shape} of {array.dtype}")
    rows, dim = array.shape
    return int(rows), int(dim)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="minidb beside its peers, interleaved.")
    parser.add_argument("--quick", action="store_true", help="small sizes, about a minute")
    parser.add_argument("--size", type=_size, help="points of a collection: 10k, 100k, 1m, 2500 (100k; quick: 2k)")
    parser.add_argument("--data", type=_data, help="dense vectors: synthetic, or FILE.npy, an (n, d) array of floats")
    parser.add_argument("--dim", type=int, help="dimensions of synthetic dense vectors (384; from 1m points on 128)")
    parser.add_argument("--queries", type=int, help="different queries per table (500; quick: 60)")
    parser.add_argument("--rounds", type=int, help="rounds of every comparison (5; quick: 3)")
    parser.add_argument("--only", type=_names(scenarios.ALL), help=f"scenarios, of {', '.join(scenarios.ALL)}")
    parser.add_argument("--peers", type=_names(ALL), help=f"beside minidb, of {', '.join(ALL)}")
    parser.add_argument("--json", type=Path, help="where to write results (benchmarks/results/<time>.json)")
    parser.add_argument("--plots", type=Path, help="folder to draw charts into, as SVG")
    parser.add_argument("--profile", type=Path, help="folder for profiles of minidb; plays scenarios again")
    parser.add_argument("--cranfield", type=Path, help="folder of the Cranfield collection, for retrieval quality")
    parser.add_argument("--scratch", type=Path, help="folder for stores; its disk decides what durability costs")
    return parser


def _size(value: str) -> int:
    number, unit = (value[:-1], value[-1]) if value[-1:] in _UNITS else (value, "")
    if not number.isdigit() or not int(number):
        raise argparse.ArgumentTypeError(f"expected a number of points such as 10k, 100k or 1m, found {value!r}")
    return int(number) * _UNITS.get(unit, 1)


def _data(value: str) -> Path | None:
    return None if value == "synthetic" else Path(value)


def _names(known: dict[str, Any]) -> Any:
    def parse(value: str) -> list[str]:
        names = [name.strip() for name in value.split(",") if name.strip()]
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"unknown name {name!r}, expected one of {', '.join(known)}")
        return names

    return parse
