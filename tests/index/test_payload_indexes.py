"""Payload indexes: the same points with and without one, whatever was written before and after, and after reopening."""

from __future__ import annotations

import operator
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidb import QdrantClient, errors, models

N_POINTS = 1500  # above the size up to which payloads are simply read one by one
PATHS = {
    "kind": "keyword",
    "count": "integer",
    "price": "float",
    "flag": "bool",
    "day": "datetime",
    "place": "geo",
    "key": "uuid",
    "deep.tags": "keyword",
}


def payload(draw: random.Random) -> dict[str, Any]:
    """A payload in which every field may be missing, null, of another type, or an array."""
    fields: dict[str, Any] = {
        "kind": draw.choice(["a", "b", "c", "1"]),
        "count": draw.choice([1, 2, 3, 1.0, True, "1", 2**53 + 1]),
        "price": draw.choice([0.5, 1, -3.25, float(draw.randint(-5, 5)), "2.0"]),
        "flag": draw.choice([True, False, 1, 0]),
        "day": draw.choice(["2024-01-01", "2024-01-02T10:00:00Z", "2023-12-31 23:59:59", "never", 5]),
        "place": {"lon": draw.uniform(-180, 180), "lat": draw.uniform(-90, 90)},
        "key": draw.choice(["936DA01F-9ABD-4d9d-80C7-02AF85C822A8", "not-a-uuid"]),
        "deep": {"tags": [draw.choice("xyz") for _ in range(draw.randint(0, 3))]},
    }
    for name in list(fields):
        fate = draw.random()
        if fate < 0.1:
            del fields[name]
        elif fate < 0.15:
            fields[name] = None
        elif fate < 0.25 and name != "deep":
            fields[name] = [fields[name], draw.choice(["a", 2, None, True])]
    return fields


def field(key: str, **clause: Any) -> models.Filter:
    return models.Filter(must=models.FieldCondition(key=key, **clause))


FILTERS = [
    field("kind", match=models.MatchValue(value="a")),
    field("kind", match=models.MatchAny(any=["a", "1"])),
    field("kind", match=models.MatchExcept(**{"except": ["a"]})),
    field("kind", match=models.MatchPrefix(prefix="a")),
    field("count", match=models.MatchValue(value=1)),
    field("count", match=models.MatchExcept(**{"except": [1, 2]})),
    field("count", range=models.Range(gte=2)),
    field("count", range=models.Range(gt=1, lt=3)),
    field("price", range=models.Range(gte=-3.25, lte=0.5)),
    field("price", range=models.Range()),
    field("flag", match=models.MatchValue(value=True)),
    field("day", range=models.DatetimeRange(gte="2024-01-01")),
    field("day", range=models.DatetimeRange(lt="2024-01-01T00:00:00Z")),
    field("place", geo_radius=models.GeoRadius(center=models.GeoPoint(lon=10, lat=45), radius=3_000_000)),
    field(
        "place",
        geo_bounding_box=models.GeoBoundingBox(
            top_left=models.GeoPoint(lon=170, lat=60), bottom_right=models.GeoPoint(lon=-120, lat=-60)
        ),
    ),
    field(
        "place",
        geo_polygon=models.GeoPolygon(
            exterior=models.GeoLineString(
                points=[models.GeoPoint(lon=lon, lat=lat) for lon, lat in [(-60, -40), (80, -50), (60, 70), (-60, -40)]]
            )
        ),
    ),
    field("key", match=models.MatchValue(value="936DA01F-9ABD-4d9d-80C7-02AF85C822A8")),
    field("deep.tags", match=models.MatchAny(any=["x", "z"])),
    models.Filter(
        should=[models.FieldCondition(key="kind", match=models.MatchValue(value="b"))],
        must_not=[models.FieldCondition(key="count", range=models.Range(gte=3))],
    ),
    models.Filter(
        min_should=models.MinShould(
            conditions=[
                models.FieldCondition(key="kind", match=models.MatchValue(value="b")),
                models.FieldCondition(key="flag", match=models.MatchValue(value=False)),
                models.FieldCondition(key="count", match=models.MatchValue(value=2)),
            ],
            min_count=2,
        )
    ),
]


def fill(client: QdrantClient, draw: random.Random) -> None:
    client.create_collection("c", vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT))
    vectors = np.ones((N_POINTS, 2), np.float32)
    client.upload_collection("c", vectors, ids=range(N_POINTS), payload=[payload(draw) for _ in range(N_POINTS)])


def change(client: QdrantClient, draw: random.Random) -> None:
    """Writes of every kind that touches payloads."""
    ids = draw.sample(sorted(payloads(client)), 60)
    client.set_payload("c", {"kind": "b", "count": 3, "price": None}, ids[:20])
    client.delete("c", ids[20:40])
    client.upsert("c", [models.PointStruct(id=point, vector=[1.0, 1.0], payload=payload(draw)) for point in ids[40:]])
    client.upsert(
        "c", [models.PointStruct(id=N_POINTS + at, vector=[1.0, 1.0], payload=payload(draw)) for at in range(30)]
    )
    client.overwrite_payload("c", {"kind": "c", "day": "2024-01-01"}, ids[:5])


def answers(client: QdrantClient) -> list[list[Any]]:
    return [[record.id for record in client.scroll("c", scroll, limit=5000)[0]] for scroll in FILTERS]


def payloads(client: QdrantClient) -> dict[Any, Any]:
    return {record.id: record.payload for record in client.scroll("c", limit=5000)[0]}


def unindexed_answers(content: dict[Any, Any]) -> list[list[Any]]:
    """The same filters, each payload looked at on its own: ten points at a time never use an index."""
    with QdrantClient() as small:
        small.create_collection("c", vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT))
        found: list[list[Any]] = [[] for _ in FILTERS]
        items = list(content.items())
        for start in range(0, len(items), 500):
            points = [
                models.PointStruct(id=point, vector=[1.0, 1.0], payload=stored)
                for point, stored in items[start : start + 500]
            ]
            small.delete("c", models.Filter())
            small.upsert("c", points)
            for at, ids in enumerate(answers(small)):
                found[at].extend(ids)
        return found


@pytest.mark.parametrize("seed", range(int(os.environ.get("MINIDB_CASES", "1"))))
def test_filters_give_the_same_points_with_indexes_and_after_every_write(client: QdrantClient, seed: int) -> None:
    draw = random.Random(seed)
    fill(client, draw)
    assert answers(client) == unindexed_answers(payloads(client))
    for path, schema in PATHS.items():
        client.create_payload_index("c", path, schema)
    for _ in range(2):
        change(client, draw)
        assert answers(client) == unindexed_answers(payloads(client))


def test_indexes_survive_reopening(tmp_path: Path) -> None:
    draw = random.Random(7)
    with QdrantClient(tmp_path) as client:
        fill(client, draw)
        for path, schema in PATHS.items():
            client.create_payload_index("c", path, schema)
        change(client, draw)
        before = answers(client)
    with QdrantClient(tmp_path) as client:
        assert answers(client) == before
        assert set(client.get_collection("c").payload_schema) == set(PATHS)
        change(client, draw)
        assert answers(client) == unindexed_answers(payloads(client))


NANOSECONDS = 1768907725507217522


@pytest.mark.parametrize("base", [NANOSECONDS, -NANOSECONDS, 2**53, 2**63 - 2, 2**64 - 3, -(2**63) + 3])
def test_bounds_that_no_float_holds(client: QdrantClient, base: int) -> None:
    """As integers they tell integers apart that are the same float (qdrant#7955, #8538), with an index and without."""
    client.create_collection("c")
    values = [base + n for n in range(-3, 3)]
    payloads = [{"n": value} for value in values] + [{"n": [values[0], values[5]]}, {"n": float(base)}, {"n": True}, {}]
    payloads += [{"n": "x"}] * N_POINTS
    client.upsert("c", [models.PointStruct(id=n, vector={}, payload=payload) for n, payload in enumerate(payloads)])
    draw = random.Random(base)
    ranges = [{"gt": base}, {"gte": base, "lte": base}, {"gt": base - 1, "lt": base + 1}, {"lte": base - 1}]
    for _ in range(40):
        names = draw.sample(["lt", "gt", "lte", "gte"], draw.randint(1, 3))
        limits = {name: draw.choice([*values, 0.0, float("nan"), 1e30, -1e30]) for name in names}
        ranges.append(limits | {names[0]: draw.choice(values)})
    expected = [found_within(payloads, limits) for limits in ranges]
    assert expected[0][:3] == [4, 5, 6]
    for index in (None, "integer", "float"):
        if index is not None:
            client.create_payload_index("c", "n", index)
        for limits, wanted in zip(ranges, expected, strict=True):
            filters = field("n", range=models.Range(**limits)), {"must": [{"key": "n", "range": limits}]}
            for filter in filters:
                found = [record.id for record in client.scroll("c", filter, limit=100)[0]]
                assert found == wanted, (index, limits)


def found_within(payloads: list[dict[str, Any]], limits: dict[str, Any]) -> list[int]:
    """By Python's numbers, whose comparisons of integers and floats are exact."""
    tests = {"lt": operator.lt, "gt": operator.gt, "lte": operator.le, "gte": operator.ge}
    found = []
    for n, payload in enumerate(payloads):
        values = payload.get("n", [])
        numbers = [value for value in (values if isinstance(values, list) else [values]) if type(value) in (int, float)]
        if any(all(tests[name](value, limit) for name, limit in limits.items()) for value in numbers):
            found.append(n)
    return found


def test_a_float_as_a_bound_is_compared_as_one(client: QdrantClient) -> None:
    """As the Rust core does; what was asked with the integer before is not remembered for it."""
    client.create_collection("c")
    stored = [{"n": 2**53 + n} for n in range(3)] + [{}] * N_POINTS
    client.upsert("c", [models.PointStruct(id=n, vector={}, payload=payload) for n, payload in enumerate(stored)])
    for _ in range(2):
        for limit, wanted in ((2**53, [0]), (2.0**53, [0, 1])):
            assert [record.id for record in client.scroll("c", field("n", range=models.Range(lte=limit)))[0]] == wanted


def test_payload_schema_tells_type_settings_and_number_of_points(client: QdrantClient) -> None:
    client.create_collection("c", vectors_config=models.VectorParams(size=1, distance=models.Distance.DOT))
    contents = [{"a": "x"}, {"a": 1}, {"a": [1, "y"]}, {}, {"a": None}]
    client.upsert("c", [models.PointStruct(id=at, vector=[1.0], payload=p) for at, p in enumerate(contents)])
    client.create_payload_index("c", "a", models.IntegerIndexParams(type="integer", lookup=True, range=False))
    shown = client.get_collection("c").payload_schema["a"]
    assert (shown.data_type, shown.points) == (models.PayloadSchemaType.INTEGER, 2)
    assert shown.params == models.IntegerIndexParams(type="integer", lookup=True, range=False)
    client.create_payload_index("c", "a", "keyword")
    assert client.get_collection("c").payload_schema["a"].points == 2
    client.delete_payload_index("c", "a")
    client.delete_payload_index("c", "never_there")
    assert client.get_collection("c").payload_schema == {}


def test_an_index_without_a_type_is_refused(client: QdrantClient) -> None:
    client.create_collection("c", vectors_config=models.VectorParams(size=1, distance=models.Distance.DOT))
    with pytest.raises(errors.FormatError, match="Unable to infer type for the field 'a'"):
        client.create_payload_index("c", "a")


def test_facets_count_points_per_value_as_the_index_sees_them(client: QdrantClient) -> None:
    client.create_collection("c", vectors_config=models.VectorParams(size=1, distance=models.Distance.DOT))
    contents = [{"a": [1, 1, "x"]}, {"a": 2.0}, {"a": 2}, {"a": [True, "x"]}, {"a": 2.5}, {"a": "y"}, {}]
    client.upsert("c", [models.PointStruct(id=at, vector=[1.0], payload=p) for at, p in enumerate(contents)])

    def hits(schema: str, **options: Any) -> list[tuple[Any, int]]:
        client.create_payload_index("c", "a", schema)
        return [(hit.value, hit.count) for hit in client.facet("c", "a", **options).hits]

    with pytest.raises(errors.BadInput, match="No appropriate index for faceting: `a`"):
        client.facet("c", "a")
    assert hits("integer") == [(2, 2), (1, 1)]
    assert client.get_collection("c").payload_schema["a"].points == 3
    assert hits("keyword") == [("x", 2), ("y", 1)]
    assert hits("keyword", limit=1) == [("x", 2)]
    assert hits("bool") == [(True, 1)]
    only = models.Filter(must=models.HasIdCondition(has_id=[3, 5]))
    assert hits("keyword", facet_filter=only) == [("x", 1), ("y", 1)]
    with pytest.raises(errors.BadInput, match="No appropriate index for faceting"):
        hits("float")


# Text indexes against the Rust core

WORDS = "the quick brown Fox foxes jumps jumped over lazy dogs dog Café cafe a I naïve running run"
TEXTS = st.lists(st.sampled_from(WORDS.split()), max_size=6).map(" ".join)
TEXT_PARAMS = st.fixed_dictionaries(
    {"tokenizer": st.sampled_from(["word", "whitespace", "prefix"])},
    optional={
        "lowercase": st.booleans(),
        "ascii_folding": st.booleans(),
        "phrase_matching": st.booleans(),
        "min_token_len": st.integers(1, 3),
        "max_token_len": st.integers(3, 6),
        "stopwords": st.just("english"),
        "stemmer": st.just({"type": "snowball", "language": "english"}),
    },
)


@settings(max_examples=40, deadline=None)
@given(
    texts=st.lists(TEXTS, min_size=1, max_size=12),
    params=TEXT_PARAMS,
    queries=st.lists(TEXTS, min_size=1, max_size=4),
)
def test_text_indexes_match_as_the_rust_core_does(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], params: dict[str, Any], queries: list[str]
) -> None:
    edge = pytest.importorskip("qdrant_edge")
    shard = edge_shard(edge, tmp_path_factory.mktemp("edge"), texts, params)
    with QdrantClient() as ours:
        ours.create_collection("c", vectors_config=models.VectorParams(size=1, distance=models.Distance.DOT))
        points = [models.PointStruct(id=at, vector=[1.0], payload={"t": text}) for at, text in enumerate(texts)]
        ours.upsert("c", points)
        ours.create_payload_index("c", "t", {"type": "text", **params})
        for query in queries:
            for match, kind in [
                (models.MatchText(text=query), edge.MatchText),
                (models.MatchTextAny(text_any=query), edge.MatchTextAny),
                (models.MatchPhrase(phrase=query), edge.MatchPhrase),
            ]:
                scroll = edge.ScrollRequest(
                    filter=edge.Filter(must=[edge.FieldCondition("t", match=kind(query))]), limit=100
                )
                theirs = sorted(record.id for record in shard.scroll(scroll)[0])
                found = [record.id for record in ours.scroll("c", field("t", match=match), limit=100)[0]]
                assert found == theirs, (match, params)
    shard.close()


SENTENCES = ["The naïve fox", "今天星期一", "getUserById(id)", "snake_case HTTPServer2", "Der Fuchs", "", "42 foxes"]


@pytest.mark.parametrize("tokenizer", ["multilingual", "code"])
def test_borrowed_tokenizers_match_as_the_rust_core_does(tmp_path: Path, client: QdrantClient, tokenizer: str) -> None:
    edge = pytest.importorskip("qdrant_edge")
    params = {"tokenizer": tokenizer, "stemmer": {"type": "snowball", "language": "english"}}
    shard = edge_shard(edge, tmp_path / "edge", SENTENCES, params)
    client.create_collection("c", vectors_config=models.VectorParams(size=1, distance=models.Distance.DOT))
    client.upsert("c", [models.PointStruct(id=at, vector=[1.0], payload={"t": t}) for at, t in enumerate(SENTENCES)])
    client.create_payload_index("c", "t", {"type": "text", **params})
    for query in ["fox", "naive", "星期一", "user", "server2 snake", "getUserById", "Fuchs der", "nothing", ""]:
        for match, kind in [
            (models.MatchText(text=query), edge.MatchText),
            (models.MatchTextAny(text_any=query), edge.MatchTextAny),
        ]:
            scroll = edge.ScrollRequest(filter=edge.Filter(must=[edge.FieldCondition("t", match=kind(query))]))
            theirs = sorted(record.id for record in shard.scroll(scroll)[0])
            assert [record.id for record in client.scroll("c", field("t", match=match))[0]] == theirs, match
    shard.close()


def test_borrowed_tokenizers_have_no_phrases(client: QdrantClient) -> None:
    client.create_collection("c", vectors_config=models.VectorParams(size=1, distance=models.Distance.DOT))
    with pytest.raises(errors.BadInput, match="no phrase_matching and no scoring for the tokenizer multilingual"):
        client.create_payload_index("c", "t", {"type": "text", "tokenizer": "multilingual", "phrase_matching": True})
    assert client.get_collection("c").payload_schema == {}


def edge_shard(edge: Any, path: Path, texts: list[str], params: dict[str, Any]) -> Any:
    path.mkdir(exist_ok=True)
    config = edge.EdgeConfig(vectors={"": edge.EdgeVectorParams(1, edge.Distance.Dot)})
    shard = edge.EdgeShard.create(str(path), config)
    points = [edge.Point(at, {"": [1.0]}, {"t": text}) for at, text in enumerate(texts)]
    shard.update(edge.UpdateOperation.upsert_points(points))
    given_params = dict(params)
    given_params["tokenizer"] = getattr(edge.TokenizerType, params["tokenizer"].capitalize())
    if "stopwords" in given_params:
        given_params["stopwords"] = edge.Language.English
    if "stemmer" in given_params:
        given_params["stemmer"] = edge.SnowballParams(edge.SnowballLanguage.English)
    shard.update(edge.UpdateOperation.create_field_index("t", edge.TextIndexParams(**given_params)))
    return shard
