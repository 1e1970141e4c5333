"""Payload values that are not JSON are stored by our own client as through qdrant-client, value by value."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import ipaddress
import pathlib
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pydantic
import pytest

import minidb
from minidb import models


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Size:
    width: int = 1
    sides: tuple[int, ...] = (1, 2)


class Page(pydantic.BaseModel):
    number: int = 1
    read: dt.datetime = dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)


TWO_HOURS = dt.timezone(dt.timedelta(hours=2))
THROUGH_BOTH: dict[str, Callable[[], Any]] = {
    "bytes": lambda: b"ab",
    "bytearray": lambda: bytearray(b"xy"),
    "set": lambda: {1},
    "empty set": set,
    "frozenset": lambda: frozenset(["a"]),
    "tuple": lambda: (1, (2,)),
    "deque": lambda: deque([1]),
    "decimal": lambda: decimal.Decimal("1.50"),
    "enum": lambda: Colour.RED,
    "dataclass": Size,
    "path": lambda: pathlib.Path("/a/b"),
    "uuid": lambda: uuid.UUID(int=5),
    "ip address": lambda: ipaddress.ip_address("1.2.3.4"),
    "time": lambda: dt.time(1, 2, 3, 4),
    "time in UTC": lambda: dt.time(1, tzinfo=dt.timezone.utc),
    "timedelta": lambda: dt.timedelta(days=1, seconds=3, microseconds=5),
    "date": lambda: dt.date(2020, 1, 1),
    "datetime": lambda: dt.datetime(2020, 1, 1, 1, 2, 3, 4),
    "datetime in UTC": lambda: dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc),
    "datetime with an offset": lambda: dt.datetime(2020, 1, 1, tzinfo=TWO_HOURS),
    "generator": lambda: (number for number in (1, 2)),
    "map": lambda: map(str, [1]),
    "integer keys": lambda: {1: "a", 2: 3},
    "boolean keys": lambda: {True: 1, False: 2},
    "float keys": lambda: {1.5: 3},
    "largest 64 bits": lambda: 2**64 - 1,
    "beyond 64 bits": lambda: 2**70,
    "beyond 64 bits, negative": lambda: -(2**70),
    "nan": lambda: float("nan"),
    "infinity": lambda: float("inf"),
    "nan in a list": lambda: {"a": [float("nan"), 1.0]},
}
OWN_ONLY: dict[str, tuple[Callable[[], Any], Any]] = {
    "pydantic model": (Page, {"number": 1, "read": "2020-01-01T00:00:00Z"}),
    "range": (lambda: range(3), [0, 1, 2]),
    "numpy datetime64": (lambda: np.datetime64("2020-01-01T00:00:00"), "2020-01-01T00:00:00"),
    "numpy NaT": (lambda: np.datetime64("NaT"), None),
    "numpy float": (lambda: np.float32(1.5), 1.5),
    "numpy nan": (lambda: np.array([1, np.nan]), [1.0, None]),
}
"""What qdrant-client over REST refuses, or empties."""


if pydantic.VERSION.startswith("2.9."):
    del THROUGH_BOTH["deque"], THROUGH_BOTH["ip address"]  # pydantic 2.9 has no form of them, for neither client


def stored(client: Any, value: Any) -> Any:
    client.upsert("values", [models.PointStruct(id=1, vector=[1.0], payload={"v": value})])
    return client.retrieve("values", [1])[0].payload["v"]


@pytest.fixture
def own(tmp_path: pathlib.Path, request: pytest.FixtureRequest) -> Any:
    with minidb.QdrantClient(":memory:" if request.param == "memory" else tmp_path) as client:
        client.create_collection("values", models.VectorParams(size=1, distance=models.Distance.DOT))
        yield client


pytestmark = pytest.mark.parametrize("own", ["memory", "durable"], indirect=True)


@pytest.mark.parametrize("name", THROUGH_BOTH)
def test_a_value_is_stored_as_through_qdrant_client(own: Any, name: str) -> None:
    from qdrant_client import models as official_models

    through_own = stored(own, THROUGH_BOTH[name]())
    official = minidb.qdrant_client(own)
    point = official_models.PointStruct(id=2, vector=[1.0], payload={"v": THROUGH_BOTH[name]()})
    official.upsert("values", [point])
    through_official = (official.retrieve("values", [2])[0].payload or {})["v"]
    assert (type(through_own), through_own) == (type(through_official), through_official)


@pytest.mark.parametrize("name", OWN_ONLY)
def test_a_value_the_wire_has_no_form_for(own: Any, name: str) -> None:
    make, expected = OWN_ONLY[name]
    assert stored(own, make()) == expected


@pytest.mark.parametrize("value", [object(), b"\xff", 10**400], ids=["object", "bytes that are no text", "10**400"])
def test_what_has_no_json_form_is_refused_and_nothing_written(own: Any, value: Any) -> None:
    with pytest.raises(minidb.errors.FormatError, match="payload is not JSON"):
        stored(own, value)
    assert own.count("values").count == 0


@pytest.mark.parametrize("name", THROUGH_BOTH)
def test_metadata_holds_what_a_payload_would(own: Any, name: str) -> None:
    expected = stored(own, THROUGH_BOTH[name]())
    vectors = models.VectorParams(size=1, distance=models.Distance.DOT)
    own.create_collection("made", vectors, metadata={"v": THROUGH_BOTH[name]()})
    own.update_collection("values", metadata={"v": THROUGH_BOTH[name]()})
    made, updated = (own.get_collection(collection).config.metadata for collection in ("made", "values"))
    assert made == {"v": expected}
    assert updated == ({} if expected is None else {"v": expected})  # null takes the key away


def test_metadata_is_a_copy(own: Any) -> None:
    metadata = {"tags": ["a"], "pair": (1, 2)}
    own.create_collection("made", models.VectorParams(size=1, distance="Dot"), metadata=metadata)
    metadata["tags"].append("b")  # type: ignore[attr-defined]
    assert own.get_collection("made").config.metadata == {"tags": ["a"], "pair": [1, 2]}


@pytest.mark.parametrize("value", [object(), b"\xff", 10**400], ids=["object", "bytes that are no text", "10**400"])
def test_metadata_without_a_json_form_is_refused(own: Any, value: Any) -> None:
    with pytest.raises(minidb.errors.FormatError, match="metadata is not JSON"):
        own.update_collection("values", metadata={"v": value})
    with pytest.raises(minidb.errors.FormatError, match="metadata is not JSON"):
        own.create_collection("made", models.VectorParams(size=1, distance="Dot"), metadata={"v": value})
    assert not own.collection_exists("made")


PLACE = {"lat": 52.5, "lon": 13.4}
NEAR = models.GaussDecayExpression(
    gauss_decay=models.DecayParamsExpression(
        x=models.GeoDistance(geo_distance=models.GeoDistanceParams(origin=models.GeoPoint(**PLACE), to="v")), scale=5000
    )
)
SINCE = models.LinDecayExpression(
    lin_decay=models.DecayParamsExpression(
        x=models.DatetimeKeyExpression(datetime_key="v"),
        target=models.DatetimeExpression(datetime="2020-01-01T00:00:00Z"),
        scale=86400,
    )
)


@pytest.mark.parametrize(
    ("formula", "default"),
    [
        (NEAR, models.GeoPoint(**PLACE)),
        (NEAR, {"lat": np.float64(52.5), "lon": np.float32(13.4)}),
        (SINCE, dt.datetime(2020, 1, 1)),
        (SINCE, dt.date(2020, 1, 1)),
        (models.SumExpression(sum=["v"]), np.int64(1)),
        (models.SumExpression(sum=["v"]), np.float32(1)),
    ],
)
def test_the_default_of_a_formula_may_be_what_a_payload_value_may(own: Any, formula: Any, default: Any) -> None:
    own.upsert("values", [models.PointStruct(id=1, vector=[1.0])])
    query = models.FormulaQuery(formula=formula, defaults={"v": default})
    hits = own.query_points("values", prefetch=models.Prefetch(query=[1.0]), query=query).points
    assert [hit.score for hit in hits] == [pytest.approx(1.0)]


def test_numbers_of_numpy_in_other_places(own: Any) -> None:
    own.upsert("values", [models.PointStruct(id=n, vector=[1.0], payload={"n": n}) for n in range(3)])
    own.create_payload_index("values", "n", "integer")
    for start in (np.int64(1), np.float32(1)):
        found, _ = own.scroll("values", order_by=models.OrderBy(key="n", start_from=start))
        assert [record.id for record in found] == [1, 2]
    query = models.FormulaQuery(formula="$score[1]", defaults={"$score[1]": np.float32(2)})
    prefetch = models.Prefetch(query=[1.0])
    assert {hit.score for hit in own.query_points("values", prefetch=prefetch, query=query).points} == {2.0}
    own.create_collection("words", sparse_vectors_config={"words": models.SparseVectorParams()})
    for length in (np.float32(5), np.int64(5), 5):
        document = models.Document(text="a cake", model="qdrant/bm25", options={"avg_len": length})
        own.upsert("words", [models.PointStruct(id=1, vector={"words": document})])
