"""`minidb bench`: what this machine does with minidb, in half a minute: random vectors written and searched.

A first impression, with minidb alone. The comparison with others, on data that mean something, is
`python -m benchmarks` in a checkout.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minidb.cli.parser import add_json, count

if TYPE_CHECKING:
    import numpy as np

    from minidb import QdrantClient

_COLLECTION = "bench"
_QUERIES = 200


def add_bench(commands: argparse._SubParsersAction[Any]) -> None:
    summary = "how fast this machine writes and searches, with random vectors"
    command = commands.add_parser("bench", help=summary, description=f"Measure {summary}, in a temporary store.")
    command.add_argument("--points", type=count, default=10_000, metavar="N", help="default: 10,000")
    command.add_argument("--size", type=count, default=384, metavar="N", help="dimensions (default: 384)")
    add_json(command)
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from minidb import QdrantClient
    from minidb.cli.output import print_json
    from minidb.cli.table import render

    with tempfile.TemporaryDirectory() as folder, QdrantClient(Path(folder) / "store") as client:
        measured = _measure(client, arguments.points, arguments.size)
    if arguments.json:
        print_json(measured)
    else:
        rows = [(what, f"{value:,.2f}") for what, value in measured.items()]
        print("\n".join(render(("what", f"{arguments.points:,} × {arguments.size}"), rows, 100, right=(1,))))
    return 0


def _measure(client: QdrantClient, points: int, size: int) -> dict[str, float]:
    import numpy as np

    from minidb import models

    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((points, size), dtype=np.float32)
    queries = rng.standard_normal((_QUERIES, size), dtype=np.float32)
    payloads = [{"group": number % 10} for number in range(points)]
    client.create_collection(_COLLECTION, models.VectorParams(size=size, distance=models.Distance.COSINE))
    client.create_payload_index(_COLLECTION, "group", "integer")
    insert = _seconds(lambda: client.upload_collection(_COLLECTION, vectors, payloads, range(points)))
    index = _seconds(lambda: client.wait_until_indexed(_COLLECTION))
    tenth = models.Filter(must=[models.FieldCondition(key="group", match=models.MatchValue(value=3))])
    return {
        "insert, seconds": insert,
        "build the graph, seconds": index,
        "search, ms": _median_ms(client, queries, None),
        "search of a tenth by a filter, ms": _median_ms(client, queries, tenth),
    }


def _median_ms(client: QdrantClient, queries: np.ndarray[Any, Any], query_filter: Any) -> float:
    from statistics import median

    def ask(query: Any) -> None:
        client.query_points(_COLLECTION, query=query, query_filter=query_filter, limit=10)

    ask(queries[0])
    return 1000 * median(_seconds(lambda query=query: ask(query)) for query in queries)  # type: ignore[misc]


def _seconds(work: Callable[[], object]) -> float:
    from time import perf_counter

    started = perf_counter()
    work()
    return perf_counter() - started
