"""Hints of errors: what would have been right, below Qdrant's own text, and on no network."""

from __future__ import annotations

import sys
from collections.abc import Callable

import httpx
import pytest

from minidb import QdrantClient, Transport, models
from minidb.errors import MinidbError, choice

Call = Callable[[QdrantClient], object]
CASES: list[tuple[Call, str, str]] = [
    (
        lambda client: client.query_points("document", [1.0, 2.0]),
        "Not found: Collection `document` doesn't exist!",
        "did you mean `documents`? collections here: `documents`",
    ),
    (
        lambda client: client.query_points("documents", [1.0, 2.0]),
        "Wrong input: Not existing vector name error: ",
        "give `using`; vectors here: `text`, `image`",
    ),
    (
        lambda client: client.query_points("documents", [1.0, 2.0], using="Txt"),
        "Wrong input: Not existing vector name error: Txt",
        "did you mean `text`? vectors here: `text`, `image`",
    ),
    (
        lambda client: client.query_points("documents", "hello", using="text"),
        "Format error in JSON body: value hello is not a valid point ID, valid values are either an unsigned integer "
        "or a UUID in query",
        "a string as query is a point's id; to search for a text: models.Document(text='hello', model=…)",
    ),
    (
        lambda client: client.upsert("documents", [{"id": 1, "vectr": {}}]),  # type: ignore[list-item]
        "Format error in JSON body: missing field `vector` in points[0]",
        "it has `id`, `vectr`",
    ),
]


@pytest.mark.parametrize(("call", "text", "hint"), CASES)
def test_the_text_is_qdrants_and_the_hint_comes_below(client: QdrantClient, call: Call, text: str, hint: str) -> None:
    params = models.VectorParams(size=2, distance=models.Distance.DOT)
    client.create_collection("documents", {"text": params, "image": params})
    with pytest.raises(MinidbError) as caught:
        call(client)
    assert (caught.value.message, caught.value.hint) == (text, hint)
    if sys.version_info >= (3, 11):
        assert str(caught.value) == text
        assert caught.value.__notes__ == [hint]
    else:
        assert str(caught.value) == f"{text}\n{hint}"


def test_no_answer_over_http_names_other_collections() -> None:
    with httpx.Client(transport=Transport(":memory:"), base_url="http://minidb") as http:
        http.put("/collections/secret", json={"vectors": {"size": 2, "distance": "Dot"}})
        answer = http.get("/collections/secre")
        assert answer.json()["status"] == {"error": "Not found: Collection `secre` doesn't exist!"}


def test_a_choice_of_many_is_cut_short() -> None:
    assert choice("x", [], "vectors") == "vectors here: none"
    assert choice("n7", (f"n{at}" for at in range(1000)), "vectors").startswith(
        "did you mean `n7`? vectors here: `n0`,"
    )
    assert choice("zzz", map(str, range(1000)), "vectors").endswith("`7`, …")
