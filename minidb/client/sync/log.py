"""The log of a collection that a server of minidb has: what has changed there since a cursor, asked for over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from minidb import models
from minidb.collection.sync_state import Followed, Ranges
from minidb.migration.ends import Json
from minidb.rest.changes import MOST_CHANGES, MOST_RANGES
from minidb.storage.records import PointId

_NONE = (403, 404, 405, 501)
"""Answers of who has no log to tell of."""


@dataclass(frozen=True)
class Page:
    """An answer; see `rest.changes.ChangesPage`."""

    cursor: Json
    head: int
    log: str
    """The name of what is written there from now on."""
    continued: bool
    deletions_since: int
    points: dict[PointId, Json]
    deleted: list[PointId]

    @property
    def followed(self) -> Followed:
        """Where the next page begins."""
        return Followed(self.cursor["log"], self.cursor["seq"], self.cursor.get("offset"))


def changes(client: Any, name: str, since: Followed | None, sent: Mapping[str, Ranges], limit: int) -> Page | None:
    """A page of a log; None where there is none.

    Args:
        client: of any kind; those of qdrant-client that speak HTTP may lead to a server of minidb.
        sent: operations there which wrote what came from here, by the log's name at that time. Of many the oldest are
            not told: they come back.
    """
    inner: Any = getattr(client, "_client", None)
    if getattr(inner, "rest_uri", None) is None:
        return None
    body: Json = {"limit": min(limit, MOST_CHANGES)}
    if since is not None:
        body["since"] = {"log": since.log, "seq": since.seq, "offset": since.offset}
        without = [{"log": log, "first": first, "last": last} for log, ranges in sent.items() for first, last in ranges]
        body["without"] = without[-MOST_RANGES:]
    answers = import_module("qdrant_client.http.exceptions")
    try:
        answer = inner.http.client.request(
            type_=dict[str, Any],
            method="POST",
            url="/minidb/collections/{collection_name}/changes",
            path_params={"collection_name": name},
            json=body,
        )
    except answers.UnexpectedResponse as error:
        if error.status_code in _NONE:
            return None
        raise
    except answers.ResponseHandlingException:
        if inner._prefer_grpc:  # nothing else it does needs that port
            return None
        raise
    result: Json = answer["result"]
    result["points"] = {models.normalize_id(point["id"]): point for point in result["points"]}
    return Page(**result)
