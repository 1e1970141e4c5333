"""Calls of the official client go straight into the store and back: asked and answered is the same as through httpx and
JSON, field by field and type by type, and whatever wants to see a request of httpx sees one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import httpx
import numpy as np
import pytest
from door_answers import refusal
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from qdrant_client import QdrantClient, models
from qdrant_client.context_headers import headers
from qdrant_client.http.api_client import ApiClient
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

import minidb
from minidb import Transport, answers
from minidb.rest import Request, Response, message
from minidb.rest.encoding import dumps, loads

VECTORS = np.random.default_rng(3).standard_normal((40, 4)).astype(np.float32)
ROWS: list[list[float]] = VECTORS.tolist()
DOT = models.VectorParams(size=4, distance=models.Distance.DOT)
UUID = "550e8400-e29b-41d4-a716-446655440000"
PAYLOADS: list[dict[str, Any]] = [
    {},
    {"n": 1, "group": "a"},
    {"n": 2, "group": "b", "x": [None, 1, 2.5, -0.0, 1e-9, 1e300, True, "Zürich", {"y": [[]], "z": {}}]},
    {"n": 2**62, "group": "a", "when": "2024-02-29T12:00:00Z", "": None, "price": 0.1},
]


def prepared(client: QdrantClient) -> QdrantClient:
    client.create_collection("plain", DOT)
    client.create_collection(
        "named",
        {
            "a": models.VectorParams(size=4, distance=models.Distance.COSINE, datatype=models.Datatype.FLOAT16),
            "bytes": models.VectorParams(size=4, distance=models.Distance.EUCLID, datatype=models.Datatype.UINT8),
            "tokens": models.VectorParams(
                size=4,
                distance=models.Distance.DOT,
                multivector_config=models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM),
            ),
        },
        sparse_vectors_config={"words": models.SparseVectorParams()},
    )
    client.create_collection("none", {})
    points = [models.PointStruct(id=i, vector=ROWS[i], payload=PAYLOADS[i % 4]) for i in range(20)]
    client.upsert("plain", [*points, models.PointStruct(id=UUID, vector=[0.1, 1, 0, -3.5])])
    client.upsert("named", [models.PointStruct(id=i, vector=named(i), payload=PAYLOADS[i % 4]) for i in range(9)])
    client.upsert("none", [models.PointStruct(id=1, vector={}, payload={"n": 1})])
    for key, kind in (("n", "integer"), ("group", "keyword"), ("price", "float")):
        client.create_payload_index("plain", key, kind)
    client.update_collection_aliases(
        [models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name="plain", alias_name="other"))]
    )
    return client


def named(i: int) -> dict[str, Any]:
    vectors = {
        "a": ROWS[i],
        "bytes": [i, 0, 255, 7],
        "tokens": ROWS[i : i + 1 + i % 3],
        "words": models.SparseVector(indices=[1, 30 + i], values=[0.1, -2.5]),
    }
    return dict(list(vectors.items())[: i % 5])


def requests(*queries: Any) -> list[models.QueryRequest]:
    return [models.QueryRequest(query=query, limit=3, with_payload=True, with_vector=True) for query in queries]


READS: dict[str, Callable[[Any], Any]] = {
    "query": lambda c: c.query_points("plain", ROWS[5], with_vectors=True),
    "query without payload": lambda c: c.query_points("plain", ROWS[5], with_payload=False, limit=3),
    "query of bytes": lambda c: c.query_points("named", ROWS[5], using="bytes", with_vectors=True),
    "query by tokens": lambda c: c.query_points("named", ROWS[:2], using="tokens", with_vectors=["tokens", "a"]),
    "sparse": lambda c: c.query_points(
        "named", models.SparseVector(indices=[1], values=[0.3]), using="words", with_vectors=True
    ),
    "no hits": lambda c: c.query_points("plain", ROWS[5], score_threshold=1e9),
    "order": lambda c: c.query_points("plain", models.OrderByQuery(order_by="n"), limit=30),
    "order of floats": lambda c: c.query_points("plain", models.OrderByQuery(order_by="price")),
    "query without vectors": lambda c: c.query_points("none", with_vectors=True),
    "batch": lambda c: c.query_batch_points("plain", requests(ROWS[1], 7, None)),
    "empty batch": lambda c: c.query_batch_points("plain", []),
    "groups": lambda c: c.query_points_groups("plain", "group", query=ROWS[2], with_vectors=True),
    "groups of numbers": lambda c: c.query_points_groups("plain", "n", query=ROWS[2]),
    "groups with lookup": lambda c: c.query_points_groups(
        "plain", "n", query=ROWS[2], with_lookup=models.WithLookup(collection="named", with_vectors=True)
    ),
    "scroll": lambda c: c.scroll("plain", limit=4, with_vectors=True),
    "scroll of names": lambda c: c.scroll("named", limit=99, with_vectors=True),
    "scroll to the end": lambda c: c.scroll("plain", limit=99),
    "scroll to an id": lambda c: c.scroll("plain", limit=20),
    "scroll in order": lambda c: c.scroll("plain", order_by="price", with_vectors=True),
    "scroll without vectors": lambda c: c.scroll("none", with_vectors=True),
    "retrieve": lambda c: c.retrieve("plain", [3, UUID, 99], with_vectors=True),
    "retrieve names": lambda c: c.retrieve("named", range(9), with_vectors=["a"], with_payload=["n"]),
    "count": lambda c: c.count("plain", count_filter=models.Filter(must=[models.HasIdCondition(has_id=[1, 2])])),
    "facet": lambda c: c.facet("plain", "group"),
    "facet of numbers": lambda c: c.facet("plain", "n", timeout=7),
    "exists": lambda c: (c.collection_exists("plain"), c.collection_exists("nowhere")),
    "collections": lambda c: c.get_collections(),
    "aliases": lambda c: (c.get_aliases(), c.get_collection_aliases("plain")),
}
OTHER_READS: dict[str, Callable[[Any], Any]] = {
    "pairs": lambda c: c.search_matrix_pairs("plain", sample=30),
    "offsets": lambda c: c.search_matrix_offsets("plain", sample=30),
    "info": lambda c: (c.get_collection("plain"), c.get_collection("named"), c.get_collection("none")),
    "snapshots": lambda c: (c.list_snapshots("plain"), c.list_full_snapshots()),
    "cluster": lambda c: c.cluster_status(),
    "an infinite score": lambda c: c.query_points(
        "plain", models.FormulaQuery(formula=models.DivExpression(div=models.DivParams(left=1.0, right=0.0)))
    ),
    "nowhere": lambda c: c.count("nowhere"),
    "no vector": lambda c: c.query_points("plain", ROWS[1], using="none"),
    "no index": lambda c: c.facet("plain", "none"),
    "a name to escape": lambda c: c.count("a b"),
    "a name of dots": lambda c: c.count(".."),
    "a name beyond ASCII": lambda c: c.count("Zürich"),
}
WRITES: dict[str, Callable[[Any], Any]] = {
    "upsert": lambda c: c.upsert("plain", [models.PointStruct(id=1, vector=ROWS[3])]),
    "upsert without waiting": lambda c: c.upsert("plain", [models.PointStruct(id=1, vector=ROWS[3])], wait=False),
    "in order": lambda c: c.set_payload("plain", {"x": 1}, points=[1], ordering=models.WriteOrdering.STRONG),
    "delete": lambda c: c.delete("plain", [1, 2]),
    "operations": lambda c: c.batch_update_points(
        "plain", [models.DeleteOperation(delete=models.PointIdsList(points=[1])) for _ in range(3)]
    ),
    "index": lambda c: (c.create_payload_index("plain", "z", "uuid"), c.delete_payload_index("plain", "z")),
    "collection": lambda c: (c.create_collection("new", DOT, timeout=9), c.delete_collection("new")),
    "settings": lambda c: c.update_collection("plain", metadata={"a": 1}),
}
CALLS = {**READS, **OTHER_READS, **WRITES}


def whole(value: Any) -> Any:
    """All there is of an answer, with its classes and the order of its fields."""
    if isinstance(value, BaseModel):
        extra, private = value.__pydantic_extra__, value.__pydantic_private__
        return type(value), whole(value.__dict__), value.model_fields_set, extra, private
    if isinstance(value, dict):
        return [(key, whole(part)) for key, part in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value), [whole(part) for part in value]
    return type(value), repr(value)


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return whole(call())
    except UnexpectedResponse as error:
        return refusal(error), error.reason_phrase
    except (ResponseHandlingException, ValueError) as error:
        return type(error), str(error)


def over(transport: Transport) -> QdrantClient:
    """A client that goes through httpx, and JSON."""
    return QdrantClient(url="http://minidb", transport=transport, check_compatibility=False, cloud_inference=True)


@pytest.fixture(scope="module")
def store() -> minidb.QdrantClient:
    store = minidb.QdrantClient(":memory:")
    prepared(minidb.qdrant_client(store))
    return store


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """What comes to a transport."""
    seen = []
    answer = Transport.answer

    def seeing(self: Transport, asked: Request, request: httpx.Request | None = None) -> Response:
        seen.append(asked)
        return answer(self, asked, request)

    monkeypatch.setattr(Transport, "answer", seeing)
    return seen


@pytest.mark.parametrize("call", [*READS, *OTHER_READS])
def test_the_same_is_read_as_from_json(store: minidb.QdrantClient, call: str) -> None:
    expected = outcome(lambda: CALLS[call](over(Transport(store))))
    assert outcome(lambda: CALLS[call](minidb.qdrant_client(store))) == expected


@pytest.mark.parametrize("call", WRITES)
def test_the_same_is_said_of_a_write(call: str) -> None:
    expected = outcome(lambda: WRITES[call](prepared(over(Transport()))))
    assert outcome(lambda: WRITES[call](prepared(minidb.qdrant_client()))) == expected


@pytest.mark.parametrize("call", [name for name in {**READS, **OTHER_READS} if name != "a name of dots"])
def test_the_same_is_read_by_an_async_client(store: minidb.QdrantClient, call: str) -> None:
    async def read() -> Any:
        client = minidb.async_qdrant_client(store)
        pending = CALLS[call](client)
        if isinstance(pending, tuple):
            return tuple([await each for each in pending])
        return await pending

    expected = outcome(lambda: CALLS[call](over(Transport(store))))
    assert outcome(lambda: asyncio.run(read())) == expected


@pytest.mark.parametrize("call", {**READS, **WRITES})
def test_nothing_becomes_json(call: str, monkeypatch: pytest.MonkeyPatch, asked: list[Request]) -> None:
    client = prepared(minidb.qdrant_client())
    asked.clear()

    def none(value: Any) -> bytes:
        raise AssertionError("JSON was made")

    for module in (answers, message):
        monkeypatch.setattr(module, "dumps", none)
    CALLS[call](client)
    assert all(each.takes_value for each in asked)


@pytest.mark.parametrize("call", CALLS)
def test_the_same_is_asked_as_through_httpx(call: str, asked: list[Request]) -> None:
    def heard(client: QdrantClient) -> list[Any]:
        prepared(client)
        asked.clear()
        with suppress(UnexpectedResponse, ResponseHandlingException, ValueError):
            CALLS[call](client)
        return [(plain_request(each), parse_qsl(each.query)) for each in asked]

    slow = minidb.qdrant_client()
    slow.http.client.add_middleware(lambda request, send: send(request))
    assert heard(minidb.qdrant_client()) == heard(slow)


def plain_request(asked: Request) -> Request:
    """A request without what is no part of its meaning, and with its vectors."""
    connection = ("host", "accept", "accept-encoding", "connection", "content-length")
    headers = {name: value for name, value in asked.headers.items() if name not in connection}
    body = bytes(asked.body)
    if asked.fill is not None:
        body = dumps(asked.fill(loads(body)))
    return replace(asked, query="", headers=headers, body=body, fill=None, takes_value=False)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=3), parts, max_size=3),
    max_leaves=8,
)
FLOATS = st.lists(st.floats(-(2.0**90), 2.0**90, width=32), min_size=4, max_size=4)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**64 - 1) | st.uuids().map(str),
            st.dictionaries(st.text(max_size=3), ANYTHING, max_size=3),
            st.none() | FLOATS,
            st.none() | st.lists(FLOATS, min_size=1, max_size=3),
            st.none() | st.dictionaries(st.integers(0, 99), st.floats(-9, 9, width=32), max_size=3),
        ),
        max_size=6,
        unique_by=lambda point: point[0],
    )
)
def test_random_points_are_read_as_from_json(points: list[Any]) -> None:
    store = minidb.QdrantClient(":memory:")
    client, through = minidb.qdrant_client(store), over(Transport(store))
    client.create_collection(
        "c",
        {
            "": DOT,
            "tokens": models.VectorParams(
                size=4,
                distance=models.Distance.DOT,
                multivector_config=models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM),
            ),
        },
        sparse_vectors_config={"words": models.SparseVectorParams()},
    )
    for point_id, payload, dense, tokens, words in points:
        sparse = None if words is None else models.SparseVector(indices=list(words), values=list(words.values()))
        vectors = {"": dense, "tokens": tokens, "words": sparse}
        vector = {name: value for name, value in vectors.items() if value is not None}
        client.upsert("c", [models.PointStruct(id=point_id, vector=vector, payload=payload)])
    for call in (
        lambda c: c.scroll("c", limit=3, with_vectors=True),
        lambda c: c.retrieve("c", [point[0] for point in points], with_vectors=["", "words"]),
        lambda c: c.query_points("c", [1.0, 0.5, -2.0, 3.0], with_vectors=True),
        lambda c: c.query_points_groups("c", "a", query=[1.0, 0.5, -2.0, 3.0], with_vectors=True),
    ):
        assert outcome(lambda call=call: call(client)) == outcome(lambda call=call: call(through))
    store.close()


def test_what_is_read_is_the_callers_own(store: minidb.QdrantClient) -> None:
    client = minidb.qdrant_client(store)
    first, second = client.query_batch_points("plain", requests(ROWS[1], ROWS[1]))
    first.points[0].payload["mine"] = 1
    first.points[0].vector[0] = 7.0
    assert whole(second) == whole(client.query_batch_points("plain", requests(ROWS[1]))[0])


# Who looks at requests


def test_middleware_sees_requests_and_responses(store: minidb.QdrantClient) -> None:
    client, seen = minidb.qdrant_client(store), []

    def middleware(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        response = send(request)
        seen.append((request.url.path, response.json()["result"]))
        return response

    client.http.client.add_middleware(middleware)
    assert client.count("plain").count == 21
    assert seen == [("/collections/plain/points/count", {"count": 21})]


def test_hooks_see_requests(store: minidb.QdrantClient) -> None:
    client, seen = minidb.qdrant_client(store), []
    client.http.client._client.event_hooks = {"request": [lambda request: seen.append(request.method)]}
    client.count("plain")
    assert seen == ["POST"]


@pytest.mark.parametrize("place", ["client", "inner", "class", "httpx", "transport"])
def test_an_outage_that_a_test_plays_is_met(
    store: minidb.QdrantClient, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = minidb.qdrant_client(store)
    assert client.count("plain").count == 21
    owner, name = {
        "client": (client.http.client, "send"),
        "inner": (client.http.client, "send_inner"),
        "class": (ApiClient, "send_inner"),
        "httpx": (httpx.Client, "send"),
        "transport": (Transport, "handle_request"),
    }[place]

    def fail(*_: Any, **__: Any) -> Any:
        raise httpx.ConnectError("nobody there")

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fail)
        with pytest.raises((httpx.ConnectError, ResponseHandlingException)):
            client.count("plain")
    assert client.count("plain").count == 21


def test_requests_are_logged_where_they_are_asked_for(
    store: minidb.QdrantClient, caplog: pytest.LogCaptureFixture
) -> None:
    client = minidb.qdrant_client(store)
    with caplog.at_level(logging.INFO, logger="httpx"):
        client.count("plain")
    assert "/collections/plain/points/count" in caplog.text


def test_headers_of_a_block_and_of_the_client_are_heard(store: minidb.QdrantClient, asked: list[Request]) -> None:
    client = minidb.qdrant_client(store, headers={"OpenAI-Api-Key": "a"})
    client.count("plain")
    with headers({"Jina-Api-Key": "b"}):
        client.count("plain")
    client.http.client._client.headers["openai-api-key"] = "c"
    client.count("plain")
    keys = [{name: value for name, value in each.headers.items() if name.endswith("-api-key")} for each in asked]
    assert keys == [{"openai-api-key": "a"}, {"openai-api-key": "a", "jina-api-key": "b"}, {"openai-api-key": "c"}]


def test_a_closed_client_says_so(store: minidb.QdrantClient) -> None:
    client = minidb.qdrant_client(store)
    client.close()
    with pytest.raises(ResponseHandlingException, match="client has been closed"):
        client.count("plain")


def test_a_call_that_takes_too_long_ends_as_over_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    client = minidb.qdrant_client(timeout=1)

    def late(self: Transport, asked: Request, request: httpx.Request | None = None) -> Response:
        raise httpx.ReadTimeout("The read operation timed out", request=request)

    monkeypatch.setattr(Transport, "answer", late)
    with pytest.raises(ResponseHandlingException, match="timed out"):
        client.get_collections()


def test_a_store_that_cannot_be_opened_again_is_an_answer_that_failed(tmp_path: Any) -> None:
    transport = Transport(tmp_path / "db")
    client, other = minidb.qdrant_client(tmp_path / "db"), over(transport)
    client.create_collection("plain", DOT)
    assert client.count("plain") == other.count("plain")
    client.close()
    other.close()
