"""Whoever is written to. A store of minidb's notes, in the same commit, which operations wrote what came from whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidb import models
from minidb.client import QdrantClient
from minidb.client.sync.points import official_point, own_point
from minidb.client.sync.settings import Side
from minidb.collection.collection import Collection
from minidb.collection.sync_state import add_operations, deleted, find_peer, meet_peer, put_peer
from minidb.database import Database
from minidb.migration.clients import ClientEnd
from minidb.migration.ends import Json
from minidb.storage.interface import WriteTransaction
from minidb.storage.records import PointId


class Receiver:
    """Whoever is written to.

    Args:
        client: minidb's or qdrant-client's.
        sender: under what it is noted from whom it came.
    """

    def __init__(self, client: Any, sender: str) -> None:
        self.client = client
        self._sender = sender
        self._database: Database | None = client._database if isinstance(client, QdrantClient) else None
        self.side = Side(ClientEnd(client), self._database, sender)

    def write(
        self,
        name: str,
        points: list[Json],
        gone: list[PointId],
        note: Callable[[WriteTransaction, Collection], None] | None = None,
    ) -> list[int]:
        """Write points and delete others; the numbers these operations got there.

        Args:
            note: for a store of minidb's, run in the same commit.
        """
        if self._database is None:
            return self._written(name, points, gone)

        def work(txn: WriteTransaction, collection: Collection, numbers: list[int]) -> None:
            peer = meet_peer(txn, collection.number, self._sender, numbers[0])
            add_operations(peer.received, numbers)
            put_peer(txn, collection.number, self._sender, peer)
            if note is not None:
                note(txn, collection)

        requests: list[models.UpdateOperation] = []
        if points:
            written = models.PointsList(points=[own_point(point) for point in points])
            requests.append(models.UpsertOperation(upsert=written))
        if gone:
            requests.append(models.DeleteOperation(delete=models.PointIdsList(points=gone)))
        done = self._database.update(name, requests, note=work)
        return [result.operation_id for result in done if result.operation_id is not None]

    def deleted(self, name: str) -> set[PointId]:
        """What was deleted there since it has known the sender; nothing of who does not tell."""
        if self._database is None:
            return set()
        with self._database.snapshot(name) as snapshot:
            number = snapshot.collection.number
            peer = find_peer(snapshot.txn, number, self._sender)
            if peer is None:
                return set()
            return {each for _, ids in deleted(snapshot.txn, number, peer.met) for each in ids}

    def _written(self, name: str, points: list[Json], gone: list[PointId]) -> list[int]:
        done = []
        if points:
            done.append(self.client.upsert(name, [official_point(point) for point in points], wait=True))
        if gone:
            done.append(self.client.delete(name, points_selector=gone, wait=True))
        return [result.operation_id for result in done if result.operation_id is not None]
