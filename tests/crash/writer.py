"""Writes random operations to a store until it is killed; prints the number of each one that was acknowledged.

python writer.py PATH SEED DURABILITY
"""

from __future__ import annotations

import os
import sys

from crash_model import NAME, operation

from minidb import QdrantClient
from minidb.collection import index_plan
from minidb.storage import lmdb_store


def main(path: str, seed: int, durability: str) -> None:
    lmdb_store._WAL_CHECKPOINT_BYTES = 200_000  # background work as often as possible
    index_plan._TAIL_ROWS = index_plan._LEAST_CHECK_ROWS = 50
    client = QdrantClient(path, durability=durability)  # type: ignore[arg-type]
    existing = set()
    offset = None
    while True:
        page, offset = client.scroll(NAME, limit=1000, offset=offset, with_payload=False)
        existing |= {record.id for record in page}
        if offset is None:
            break
    number = 0
    while True:
        step = operation(seed, number, sorted(existing))
        step.run(client)
        os.write(1, b"%d\n" % number)
        existing = existing - step.points.keys() if step.kind == "delete" else existing | step.points.keys()
        number += 1


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
