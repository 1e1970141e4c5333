"""Payloads of clients that prefer gRPC, inside `minidb.intercept`: stored, or refused, as by way of gRPC's messages."""

from __future__ import annotations

import asyncio
import inspect
import json
import uuid
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import pytest
from qdrant_client import AsyncQdrantClient, QdrantClient, models

import minidb

URL = "http://localhost:6333"
PAYLOADS: dict[str, dict[Any, Any]] = {
    "plain": {"a": [1, 2.5, None, True, "x", {"b": []}], "c": -(2**63)},
    "nan": {"a": float("nan")},
    "infinity in a list": {"a": [1.0, float("-inf")]},
    "beyond 64 bits": {"a": {"b": 2**63}},
    "model": {"a": models.SparseVector(indices=[1], values=[2.0])},
    "model of defaults": {"a": models.Filter()},
    "tuple": {"a": (1, 2)},
    "numpy number": {"a": np.float32(1.5)},
    "uuid": {"a": uuid.UUID(int=5)},
    "bytes": {"a": b"text"},
    "keys that are no text": {"a": {1: "b"}},
}
Write = Callable[[Any, Any], Any]
UPLOADS: dict[str, Write] = {
    "upload of points": lambda client, payload: client.upload_points("c", [point(payload)], wait=True),
    "upload of columns": lambda client, payload: client.upload_collection(
        "c", np.ones((1, 2)), [payload], [1], wait=True
    ),
}
WRITES: dict[str, Write] = {
    "points": lambda client, payload: client.upsert("c", [point(payload)]),
    "batch": lambda client, payload: client.upsert("c", batch(payload)),
    "set": lambda client, payload: client.set_payload("c", payload, [1]),
    "overwrite": lambda client, payload: client.overwrite_payload("c", payload, [1]),
    "operations that set": lambda client, payload: client.batch_update_points(
        "c",
        [
            models.SetPayloadOperation(set_payload=models.SetPayload(payload=payload, points=[1])),
            models.OverwritePayloadOperation(overwrite_payload=models.SetPayload(payload=payload, points=[1])),
        ],
    ),
    "operation of points": lambda client, payload: client.batch_update_points(
        "c", [models.UpsertOperation(upsert=models.PointsList(points=[point(payload)]))]
    ),
    "operation of a batch": lambda client, payload: client.batch_update_points(
        "c", [models.UpsertOperation(upsert=models.PointsBatch(batch=batch(payload)))]
    ),
}


def point(payload: Any) -> models.PointStruct:
    return models.PointStruct(id=1, vector=[1.0, 0.0], payload=payload)


def batch(payload: Any) -> models.Batch:
    return models.Batch(ids=[1], vectors=[[1.0, 0.0]], payloads=[payload])


def outcome(write: Write, client: Any, payload: Any) -> Any:
    """The payload of the only point after a write, as JSON; or the error."""
    with minidb.QdrantClient(url=URL) as store:
        store.delete_collection("c")
        store.create_collection("c", minidb.models.VectorParams(size=2, distance="Dot"))
        store.upsert("c", [minidb.models.PointStruct(id=1, vector=[1.0, 0.0])])
        try:
            written = write(client, payload)
            if asyncio.iscoroutine(written):
                asyncio.run(written)
        except grpc.RpcError as error:
            return error.code(), error.details()
        except (TypeError, ValueError) as error:
            return str(error)
        return json.dumps(store.retrieve("c", [1])[0].payload, sort_keys=True)


def by_messages() -> QdrantClient:
    """A client whose own code writes gRPC's messages, to stubs that are answered here."""
    client = QdrantClient(url=URL)
    client._client._prefer_grpc = True
    return client


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("write", [*WRITES, *UPLOADS])
def test_a_payload_is_stored_or_refused_as_by_way_of_messages(write: str, payload: str) -> None:
    given = PAYLOADS[payload]
    call = (WRITES | UPLOADS)[write]
    with minidb.intercept(URL):
        expected = outcome(WRITES["points"] if write in UPLOADS else call, by_messages(), given)
        assert outcome(call, QdrantClient(url=URL, prefer_grpc=True), given) == expected
        assert outcome(call, AsyncQdrantClient(url=URL, prefer_grpc=True), given) == expected


def test_a_number_that_is_none_is_grpcs_error() -> None:
    with minidb.intercept(URL):
        for client in (QdrantClient(url=URL, prefer_grpc=True), AsyncQdrantClient(url=URL, prefer_grpc=True)):
            code, details = outcome(WRITES["points"], client, PAYLOADS["nan"])
            assert (code, details) == (grpc.StatusCode.INVALID_ARGUMENT, "cannot convert to json number")
        assert outcome(WRITES["points"], QdrantClient(url=URL), PAYLOADS["nan"]) == '{"a": null}'


@pytest.mark.parametrize("name", ["nan", "beyond 64 bits"])
def test_metadata_of_a_collection_is_a_payload_too(name: str) -> None:
    if "metadata" not in inspect.signature(QdrantClient.create_collection).parameters:
        pytest.skip("this qdrant-client knows no metadata")

    def create(client: Any, metadata: Any) -> Any:
        vectors = models.VectorParams(size=2, distance=models.Distance.DOT)
        return client.create_collection("m", vectors, metadata=metadata)

    with minidb.intercept(URL) as store:
        expected = outcome(create, by_messages(), PAYLOADS[name])
        assert outcome(create, QdrantClient(url=URL, prefer_grpc=True), PAYLOADS[name]) == expected
        assert not store.collection_exists("m")
