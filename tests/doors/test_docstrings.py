"""Examples in docstrings of the client run, and no argument is named that is not there."""

from __future__ import annotations

import doctest
import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy
import pytest

from minidb import QdrantClient, models
from minidb.aio import public_methods

METHODS = public_methods()
WITH_EXAMPLES = [name for name, method in METHODS.items() if ">>>" in (method.__doc__ or "")]


def test_the_methods_most_used_have_an_example() -> None:
    most_used = ["create_collection", "create_payload_index", "upsert", "upload_collection", "set_payload", "delete"]
    most_used += ["query_points", "query_points_groups", "scroll", "retrieve", "count"]
    assert set(most_used) <= set(WITH_EXAMPLES)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_an_example_runs(client: QdrantClient, name: str) -> None:
    client.create_collection("docs", models.VectorParams(size=2, distance=models.Distance.DOT))
    client.create_payload_index("docs", "color", "keyword")
    for at, color in enumerate(["red", "blue"], 1):
        vector = [1.0, 0.0] if color == "red" else [0.0, 1.0]
        client.upsert("docs", [models.PointStruct(id=at, vector=vector, payload={"color": color})])
    names = {"client": client, "models": models, "numpy": numpy}
    example = doctest.DocTestParser().get_doctest(inspect.getdoc(METHODS[name]) or "", names, name, None, 0)
    told: list[str] = []
    doctest.DocTestRunner().run(example, out=told.append)
    assert example.examples
    assert not told, "".join(told)


@pytest.mark.parametrize("name", METHODS)
def test_documented_arguments_are_those_there_are(name: str) -> None:
    method: Callable[..., Any] = METHODS[name]
    assert method.__doc__
    section = re.search(r"^Args:\n((?: {4}.*\n?)+)", inspect.getdoc(method) or "", re.MULTILINE)
    documented = re.findall(r"^ {4}(\w+): ", section[1], re.MULTILINE) if section else []
    assert set(documented) <= inspect.signature(method).parameters.keys()
