"""One path may be spelled in several ways: `a`, `"a"`. Indexes are found by the path, whatever its spelling."""

from __future__ import annotations

import pytest

from minidb import QdrantClient, errors, models

SPELLINGS = ["n", '"n"']


@pytest.fixture
def filled(client: QdrantClient) -> QdrantClient:
    client.create_collection("c", models.VectorParams(size=1, distance="Dot"))
    client.upsert("c", [models.PointStruct(id=at, vector=[1.0], payload={"n": at % 3}) for at in range(6)])
    return client


@pytest.mark.parametrize("made", SPELLINGS)
@pytest.mark.parametrize("asked", SPELLINGS)
def test_an_index_serves_every_spelling_of_its_path(filled: QdrantClient, made: str, asked: str) -> None:
    filled.create_payload_index("c", made, "integer")
    filled.create_payload_index("c", asked, "integer")
    assert list(filled.get_collection("c").payload_schema) == ["n"]
    assert [hit.count for hit in filled.facet("c", asked).hits] == [2, 2, 2]
    assert [point.id for point in filled.scroll("c", order_by=asked, limit=2)[0]] == [0, 3]
    limits = models.StrictModeConfig(enabled=True, unindexed_filtering_retrieve=False, max_payload_index_count=1)
    filled.update_collection("c", strict_mode_config=limits)
    condition = models.FieldCondition(key=asked, match=models.MatchValue(value=1))
    assert filled.count("c", models.Filter(must=[condition])).count == 2
    assert len(filled.query_points_groups("c", asked, query=[1.0]).groups) == 3
    filled.create_payload_index("c", asked, "integer")
    filled.delete_payload_index("c", asked)
    assert filled.get_collection("c").payload_schema == {}
    with pytest.raises(errors.BadRequest, match='Index required but not found for "n"'):
        filled.count("c", models.Filter(must=[condition]))


def test_quotes_stay_where_a_key_needs_them(filled: QdrantClient) -> None:
    filled.create_payload_index("c", '"a.b"."c"[]', "keyword")
    assert list(filled.get_collection("c").payload_schema) == ['"a.b".c[]']


def test_what_is_no_path_has_no_index(filled: QdrantClient) -> None:
    for call in (filled.facet, filled.delete_payload_index):
        with pytest.raises(errors.FormatError, match="Invalid json path"):
            call("c", "a[")
