"""What is compared. Adding a scenario is one module here and one line in `ALL`."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.results import Table
from benchmarks.scenarios import (
    aggregates,
    beside_writes,
    bm25_texts,
    build,
    concurrency,
    cranfield,
    dense,
    duplicates,
    filtered,
    growth,
    hybrid,
    insert,
    lifecycle,
    multivectors,
    official,
    payload_filters,
    prefetch,
    reopen,
    resolver,
    sizes,
    small,
    sparse,
    start,
    upserts,
)
from benchmarks.stage import Stage

ALL: dict[str, Callable[[Stage], list[Table]]] = {
    "import": start.run_import,
    "start": start.run_start,
    "lifecycle": lifecycle.run,
    "official": official.run,
    "upserts": upserts.run,
    "insert": insert.run,
    "build": build.run,
    "small": small.run,
    "easy": dense.run_easy,
    "hard": dense.run_hard,
    "sizes": sizes.run,
    "concurrency": concurrency.run,
    "filtered": filtered.run,
    "defaults": filtered.run_defaults,
    "sparse": sparse.run,
    "hybrid": hybrid.run,
    "prefetch": prefetch.run,
    "multivectors": multivectors.run,
    "reopen": reopen.run,
    "growth": growth.run,
    "filters": payload_filters.run,
    "aggregates": aggregates.run,
    "beside-writes": beside_writes.run,
    "bm25-texts": bm25_texts.run,
    "resolver": resolver.run,
    "duplicates": duplicates.run,
    "cranfield": cranfield.run,
}
