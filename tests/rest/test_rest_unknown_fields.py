"""Fields nobody knows: ignored where Qdrant ignores them, refused where it does not and by the Python doors."""

from __future__ import annotations

from typing import Any

import pytest
from rest_world import GROUPED, QUERY, World

from minidb import QdrantClient, models
from minidb.errors import FormatError

C = "/collections/c"
NOBODYS = {"colour": "red", "size_of": {"a": [1]}}
IGNORED: list[tuple[str, str, Any]] = [
    ("POST", f"{C}/points/count", NOBODYS),
    ("POST", f"{C}/points/scroll", {"limit": 2, **NOBODYS}),
    ("POST", f"{C}/points", {"ids": [1], **NOBODYS}),
    ("POST", f"{C}/points/query", {"query": QUERY, **NOBODYS}),
    ("POST", f"{C}/points/query", {"query": {"nearest": QUERY, "mmr": {"diversity": 0.5, **NOBODYS}}}),
    ("POST", f"{C}/points/query", {"prefetch": {"query": QUERY, **NOBODYS}, "query": {"fusion": "rrf"}}),
    ("POST", f"{C}/points/query", {"query": QUERY, "params": {"exact": True, **NOBODYS}}),
    ("POST", f"{C}/points/query", {"query": QUERY, "filter": {"must": {"key": "n", "range": {"gte": 1, **NOBODYS}}}}),
    ("POST", f"{C}/points/query/batch", {"searches": [{"query": QUERY, **NOBODYS}], **NOBODYS}),
    ("POST", f"{C}/points/query/groups", {**GROUPED, "offset": 1}),
    ("POST", f"{C}/points/search", {"vector": QUERY, "limit": 3, "query": QUERY, **NOBODYS}),
    ("PUT", f"{C}/points", {"points": [{"id": 900, "vector": QUERY, **NOBODYS}], **NOBODYS}),
    ("POST", f"{C}/points/payload", {"points": [1], "payload": {"a": 1}, **NOBODYS}),
    ("POST", f"{C}/points/delete", {"points": [900], **NOBODYS}),
    ("PUT", "/collections/made", {"vectors": {"size": 4, "distance": "Dot", **NOBODYS}, **NOBODYS}),
    ("PATCH", "/collections/c", {"hnsw_config": {"m": 16, **NOBODYS}, **NOBODYS}),
    ("PUT", f"{C}/index", {"field_name": "n", "field_schema": {"type": "integer", **NOBODYS}, **NOBODYS}),
]
REFUSED: list[tuple[str, str, Any]] = [
    ("POST", f"{C}/points/count", {"filter": NOBODYS}),
    ("POST", f"{C}/points/count", {"filter": {"must": {"filter": {}, **NOBODYS}}}),
    ("POST", f"{C}/points/count", {"filter": {"must": {"has_id": [1], **NOBODYS}}}),
    ("POST", f"{C}/points/count", {"filter": {"must": {"key": "n", "match": {"value": 1}, **NOBODYS}}}),
    ("POST", f"{C}/points/query", {"prefetch": {"query": QUERY, "filter": NOBODYS}, "query": QUERY}),
    ("POST", f"{C}/points/scroll", {"with_payload": {"include": ["n"], **NOBODYS}}),
    ("POST", f"{C}/points/scroll", {"with_payload": {"exclude": ["n"], **NOBODYS}}),
    ("PATCH", "/collections/c", {"strict_mode_config": {"enabled": False, **NOBODYS}}),
]


@pytest.mark.parametrize(("method", "path", "body"), IGNORED)
def test_they_are_ignored(method: str, path: str, body: Any) -> None:
    with World() as world:
        answer = world.try_to(method, path, body)
        assert answer.status == 200, answer.error


@pytest.mark.parametrize(("method", "path", "body"), REFUSED)
def test_they_are_refused(method: str, path: str, body: Any) -> None:
    with World() as world:
        answer = world.try_to(method, path, body)
        assert answer.status == 400, answer.error
        assert "Format error in JSON body" in answer.error


def test_in_python_they_are_a_typo() -> None:
    with QdrantClient(":memory:") as client:
        client.create_collection("c", models.VectorParams(size=2, distance=models.Distance.DOT))
        with pytest.raises(FormatError, match="unknown field `colour`"):
            client.upsert("c", [{"id": 1, "vector": [1.0, 2.0], "colour": "red"}])
        with pytest.raises(FormatError, match="unknown field `colour`"):
            models.PointStruct(id=1, vector=[1.0, 2.0], colour="red")
