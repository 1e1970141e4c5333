"""What results look like: short when printed, tables in a notebook, nothing a store holds read as markup."""

from __future__ import annotations

from minidb import QdrantClient, models

EVIL = "<script>alert(1)</script>"


def filled(client: QdrantClient) -> None:
    client.create_collection(
        "c",
        models.VectorParams(size=1024, distance=models.Distance.DOT),
        sparse_vectors_config={"words": models.SparseVectorParams()},
    )
    client.create_payload_index("c", "k", models.PayloadSchemaType.KEYWORD)
    sparse = models.SparseVector(indices=list(range(500)), values=[0.5] * 500)
    for point_id in (1, 2):
        vector = {"": [float(point_id)] * 1024, "words": sparse}
        payload = {"k": "v", "text": EVIL, "long": "x" * 5000}
        client.upsert("c", [models.PointStruct(id=point_id, vector=vector, payload=payload)])


def test_printed_hits_are_short_and_say_what_is_left_out(client: QdrantClient) -> None:
    filled(client)
    hits = client.query_points("c", [1.0] * 1024, with_vectors=True)
    text = repr(hits)
    assert len(text) < 2000
    assert text.startswith("QueryResponse(points=[ScoredPoint(id=2, version=")
    assert "[2.0, 2.0, 2.0, 2.0, 2.0, 2.0, … 1018 more]" in text
    assert "SparseVector(indices=[0, 1, 2, 3, 4, 5, … 494 more]" in text
    assert "… 4700 more characters" in text


def test_what_is_short_prints_whole() -> None:
    record = models.Record(id=1, payload={"a": [1, 2], "b": None}, vector=[0.1, 0.2])
    assert repr(record) == (
        "Record(id=1, payload={'a': [1, 2], 'b': None}, vector=[0.1, 0.2], shard_key=None, order_value=None)"
    )


def test_what_is_not_set_is_not_printed(client: QdrantClient) -> None:
    red = models.FieldCondition(key="color", match=models.MatchValue(value="red"))
    assert (
        repr(models.Filter(must=[red])) == "Filter(must=[FieldCondition(key='color', match=MatchValue(value='red'))])"
    )
    assert "… 294 more]" in repr(models.PointStruct(id=1, vector=[1.0] * 300))
    filled(client)
    assert repr(client.get_collection("c")).startswith("CollectionInfo(status='green', points_count=2, ")
    assert len(repr(client.get_collection("c"))) < 200
    assert repr(client.explain("c", [1.0] * 1024)).startswith("query  [")


def test_notebooks_show_tables_and_no_markup_of_the_store(client: QdrantClient) -> None:
    filled(client)
    hits = client.query_points("c", [1.0] * 1024, with_vectors=True)
    grouped = client.query_points_groups("c", "k", query=[1.0] * 1024)
    plan = client.explain(
        "c", [1.0] * 1024, query_filter=models.Filter(must=[models.FieldCondition(key="k", match={"value": EVIL})])
    )
    shown = [hits, hits.points[0], grouped, grouped.groups[0], client.retrieve("c", [1])[0], client.get_collection("c"),
             client.count("c"), plan]  # fmt: skip
    for result in shown:
        html = result._repr_html_()
        assert "<script" not in html
        assert html.count("<div") == html.count("</div>")
        assert html.count("<table") == html.count("</table>")
    assert hits._repr_html_().count("<tr>") == 3
    assert "&lt;script&gt;" in hits._repr_html_()
    assert "k keyword" in client.get_collection("c")._repr_html_()
    assert "µs <b>filter</b>" in plan._repr_html_()
    assert "no points" in models.QueryResponse([])._repr_html_()
