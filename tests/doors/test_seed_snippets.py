"""The Python examples of Qdrant's page on inference run as written, but for the import and the words in <brackets>.

With minidb's client, and with qdrant-client's inside `minidb.intercept`. Services, fastembed's models and the picture
behind a URL are played.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import qdrant_client
from cli import docs_services

import minidb
from minidb import address, models

SNIPPETS = dict(
    part.split("\n", 1) for part in Path(__file__).with_name("seed_snippets.txt").read_text("utf-8").split("\n=== ")[1:]
)
URL = "https://xyz-example.qdrant.io:6333"
VALUES = {
    "{collection_name}": "c",
    "<your-collection>": "c",
    "<the-model-to-use>": "minidb/hash-64",
    "<your-api-key>": "key-of-the-cluster",
    "<paste-your-api-key-here>": "key-of-the-cluster",
    "<your_openai_api_key>": "key-of-openai",
    "<YOUR_OPENAI_API_KEY>": "key-of-openai",
    "<your_cohere_api_key>": "key-of-cohere",
    "<your_jinaai_api_key>": "key-of-jina",
    "<your_openrouter_api_key>": "key-of-openrouter",
}


def vector(size: int) -> models.VectorParams:
    return models.VectorParams(size=size, distance=models.Distance.COSINE)


BM25 = models.SparseVectorParams(modifier=models.Modifier.IDF)
COLLECTIONS: dict[str, dict[str, Any]] = {
    "bm25": {"sparse_vectors_config": {"my-bm25-vector": BM25}},
    "text": {"vectors_config": vector(64)},
    "image": {"vectors_config": vector(512)},
    "openai": {"vectors_config": vector(512)},
    "cohere": {"vectors_config": vector(512)},
    "jina": {"vectors_config": vector(512)},
    "openrouter": {"vectors_config": vector(1024)},
    "several": {
        "vectors_config": {"image": vector(512), "text": vector(384)},
        "sparse_vectors_config": {"bm25": BM25},
    },
    "mrl": {"vectors_config": {"large": vector(1536), "small": vector(64)}},
}
ASKED = {
    "openai": {"api.openai.com": 2},
    "cohere": {"api.cohere.com": 2},
    "jina": {"api.jina.ai": 2},
    "openrouter": {"openrouter.ai": 2},
    "several": {"api.jina.ai": 1},
    "mrl": {"api.openai.com": 2},
}
"""Requests to each service; two sizes of a text are one of them."""


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[docs_services.Services]:
    services = docs_services.play(monkeypatch)
    from minidb.inference import fastembed, weights

    docs_services.write_pictures(tmp_path)
    picture = (tmp_path / "cake.png").read_bytes()
    monkeypatch.setattr("minidb.inference.fetch.fetch", lambda url, rules, context: picture)
    monkeypatch.setattr(address, "_stores", {})
    fastembed.forget()
    weights.unload()
    yield services
    fastembed.forget()
    weights.unload()


def run(snippet: str) -> Any:
    """What its last line gives, or `result` if there is such a name."""
    *statements, last = ast.parse(snippet).body
    assert isinstance(last, ast.Expr)
    names: dict[str, Any] = {}
    exec(compile(ast.Module(statements, []), "snippet", "exec"), names)
    value = eval(compile(ast.Expression(last.value), "snippet", "eval"), names)
    return names.get("result", value)


def check(topic: str, module: str) -> None:
    """Runs the snippets of a topic and looks at what they did."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "minidb connects to nothing")
        client = minidb.QdrantClient(url=URL)
    client.create_collection("c", **COLLECTIONS[topic])
    for name, snippet in SNIPPETS.items():
        if name.split()[0] != topic:
            continue
        for placeholder, value in VALUES.items():
            snippet = snippet.replace(placeholder, value)
        assert "<" not in snippet
        result = run(snippet.replace("from qdrant_client", f"from {module}"))
        if name.endswith("upsert") or topic == "several":
            assert result.status == "completed"
        else:
            assert [point.id for point in result.points] == [1]
    assert client.count("c").count == 1


def test_there_are_fifteen_snippets_on_nine_topics() -> None:
    assert len(SNIPPETS) == 15
    assert {name.split()[0] for name in SNIPPETS} == set(COLLECTIONS)
    assert all(snippet.startswith("from qdrant_client import QdrantClient") for snippet in SNIPPETS.values())


@pytest.mark.parametrize("topic", COLLECTIONS)
def test_with_minidbs_client(topic: str, services: docs_services.Services) -> None:
    check(topic, "minidb")
    assert {host: len(requests) for host, requests in services.asked.items()} == ASKED.get(topic, {})


@pytest.mark.parametrize("topic", COLLECTIONS)
def test_with_qdrant_clients_inside_intercept(topic: str, services: docs_services.Services) -> None:
    with minidb.intercept(URL):
        check(topic, qdrant_client.__name__)
    assert {host: len(requests) for host, requests in services.asked.items()} == ASKED.get(topic, {})
