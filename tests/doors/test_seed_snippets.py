"""The Python examples of Qdrant's page on inference run as written, but for the import and the words in <brackets>.

With minidb's client, and with qdrant-client's inside `minidb.intercept`. Services, fastembed's models and the picture
behind a URL are played. Those of other languages: `test_languages.py`.
"""

from __future__ import annotations

import ast
import re
import warnings
from typing import Any

import httpx
import pytest
import qdrant_client
from cli import docs_services
from seed_snippets import ASKED, COLLECTIONS, snippets

import minidb

SNIPPETS = snippets("python")
URL = "https://xyz-example.qdrant.io:6333"


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
    client.create_collection(topic, **COLLECTIONS[topic])
    for name, snippet in SNIPPETS.items():
        if name.split()[0] != topic:
            continue
        result = run(snippet.replace("from qdrant_client", f"from {module}"))
        if name.endswith("upsert") or topic == "several":
            assert result.status == "completed"
        else:
            assert [point.id for point in result.points] == [1]
    assert client.count(topic).count == 1


def test_there_are_fifteen_snippets_on_nine_topics() -> None:
    assert len(SNIPPETS) == 15
    assert {name.split()[0] for name in SNIPPETS} == set(COLLECTIONS)
    assert all(snippet.startswith("from qdrant_client import QdrantClient") for snippet in SNIPPETS.values())
    assert {name.split()[0] for name in snippets("http")} == set(COLLECTIONS)
    for language in ("go", "java", "rust"):
        assert list(snippets(language)) == list(SNIPPETS)
    for language in ("python", "go", "java", "rust"):
        left = {found for snippet in snippets(language).values() for found in re.findall(r'"[<{][\w-]+', snippet)}
        assert left <= {'"<your-qdrant-url'}  # an address, as the others that `seed_programs` replaces


@pytest.mark.parametrize("topic", COLLECTIONS)
def test_with_minidbs_client(topic: str, services: docs_services.Services) -> None:
    check(topic, "minidb")
    assert {host: len(requests) for host, requests in services.asked.items()} == ASKED.get(topic, {})


@pytest.mark.parametrize("topic", COLLECTIONS)
def test_over_http(topic: str, services: docs_services.Services) -> None:
    """The JSON of the page (row 174), through the transport that is the server's REST interface in this process."""
    with minidb.QdrantClient() as client, httpx.Client(transport=minidb.Transport(client), base_url=URL) as http:
        client.create_collection(topic, **COLLECTIONS[topic])
        for name, snippet in snippets("http").items():
            if name.split()[0] != topic:
                continue
            head, _, body = snippet.partition("\n")
            answer = http.request(*head.split(), content=body, headers={"content-type": "application/json"})
            assert answer.status_code == 200, answer.text
            if name.endswith("query"):
                assert [point["id"] for point in answer.json()["result"]["points"]] == [1]
        assert client.count(topic).count == 1
    assert {host: len(requests) for host, requests in services.asked.items()} == ASKED.get(topic, {})


@pytest.mark.parametrize("topic", COLLECTIONS)
def test_with_qdrant_clients_inside_intercept(topic: str, services: docs_services.Services) -> None:
    with minidb.intercept(URL):
        check(topic, qdrant_client.__name__)
    assert {host: len(requests) for host, requests in services.asked.items()} == ASKED.get(topic, {})
