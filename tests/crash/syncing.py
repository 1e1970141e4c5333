"""Pushes to a peer or pulls from it, and is killed at a given step of the way.

python syncing.py STORE PEER push|pull STEP, where PEER is a URL, a directory of minidb's, or `local:` and a directory.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from minidb import QdrantClient
from minidb.client.sync.receiving import Receiver
from minidb.database import Database

BATCH = 3


def peer_at(place: str) -> Any:
    if place.startswith("http"):
        import qdrant_client

        return qdrant_client.QdrantClient(url=place, check_compatibility=False)
    if place.startswith("local:"):
        import qdrant_client

        return qdrant_client.QdrantClient(path=place.removeprefix("local:"))
    return QdrantClient(place, durability="off")


def main(store: str, place: str, action: str, step: int) -> None:
    passed = 0

    def killed_at(work: Callable[..., Any]) -> Callable[..., Any]:
        """Steps are before and after every write of either side."""

        def run(*args: Any, **kwargs: Any) -> Any:
            nonlocal passed
            for do in (None, work):
                result = None if do is None else do(*args, **kwargs)
                if passed == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                passed += 1
            return result

        return run

    client, peer = QdrantClient(store, durability="off"), peer_at(place)
    for owner, name in (
        (Receiver, "write"), (Database, "remember"),
        (type(peer), "update_collection"), (type(peer), "create_collection"),
    ):  # fmt: skip
        setattr(owner, name, killed_at(getattr(owner, name)))
    getattr(client, action)(peer, batch_size=BATCH)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
