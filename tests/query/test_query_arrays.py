"""`query_arrays` tells what `query_batch_points` tells, as arrays."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest

import minidb
from minidb import QdrantClient, models
from minidb.errors import BadInput, FormatError

RNG = np.random.default_rng(0)
VECTORS = RNG.standard_normal((50, 8)).astype(np.float32)
FIRST = models.Filter(must=[models.FieldCondition(key="at", range=models.Range(lt=3))])


def fill(client: QdrantClient, ids: list[Any]) -> None:
    params = models.VectorParams(size=8, distance=models.Distance.EUCLID)
    client.create_collection("c", params, sparse_vectors_config={"words": models.SparseVectorParams()})
    words = [models.SparseVector(indices=[at % 5, 7], values=[1.0, at / 10]) for at in range(50)]
    points = [
        models.PointStruct(id=i, vector={"": VECTORS[at].tolist(), "words": words[at]}, payload={"at": at})
        for at, i in enumerate(ids)
    ]
    client.upsert("c", points)


def expected(client: QdrantClient, queries: list[Any], limit: int, **kwargs: Any) -> list[list[tuple[Any, float]]]:
    requests = [models.QueryRequest(query=query, limit=limit, **kwargs) for query in queries]
    return [[(hit.id, hit.score) for hit in found.points] for found in client.query_batch_points("c", requests)]


def told(ids: np.ndarray, scores: np.ndarray, limit: int) -> list[list[tuple[Any, float]]]:
    """The hits in the arrays, which are padded behind them."""
    padding = None if ids.dtype == object else 2**64 - 1
    assert ids.shape == scores.shape == (len(ids), limit)
    assert scores.dtype == np.float32
    hits = []
    for row, values in zip(ids.tolist(), scores.tolist(), strict=True):
        n = int(np.count_nonzero(~np.isnan(values)))
        assert row[n:] == [padding] * (limit - n)
        hits.append(list(zip(row[:n], values[:n], strict=True)))
    return hits


@pytest.mark.parametrize("has_uuids", [False, True])
@pytest.mark.parametrize("query_filter", [None, FIRST])
def test_dense_queries_find_the_same(client: QdrantClient, has_uuids: bool, query_filter: Any) -> None:
    fill(client, [str(UUID(int=2**90 + at)) if has_uuids and at % 2 else at for at in range(50)])
    ids, scores = client.query_arrays("c", VECTORS[:7] + 0.1, limit=5, query_filter=query_filter)
    assert ids.dtype == (object if has_uuids else np.uint64)
    assert told(ids, scores, 5) == expected(client, list(VECTORS[:7] + 0.1), 5, filter=query_filter)


def test_rows_of_a_csr_matrix_are_sparse_queries(client: QdrantClient) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    fill(client, list(range(50)))
    matrix = sparse.csr_matrix(np.array([[0, 1, 0, 0, 0, 0, 0, 2], [0] * 8, [3, 0, 0, 0, 0, 0, 0, 0]], np.float32))
    rows = [models.SparseVector(indices=row.indices.tolist(), values=row.data.tolist()) for row in matrix]
    ids, scores = client.query_arrays("c", matrix, using="words", limit=12)
    assert told(ids, scores, 12) == expected(client, rows, 12, using="words")
    with pytest.raises(FormatError, match="CSR"):
        client.query_arrays("c", matrix.tocsc(), using="words")


def test_a_sequence_may_hold_anything_a_query_may_be(client: QdrantClient) -> None:
    fill(client, list(range(50)))
    queries = [3, VECTORS[0].tolist(), models.OrderByQuery(order_by="missing")]
    ids, scores = client.query_arrays("c", queries[:2], limit=4)
    assert told(ids, scores, 4) == expected(client, queries[:2], 4)
    with pytest.raises(minidb.errors.MinidbError, match="No range index"):
        client.query_arrays("c", queries)


def test_no_queries_are_no_rows_and_a_wrong_one_is_an_error(client: QdrantClient) -> None:
    fill(client, list(range(50)))
    ids, scores = client.query_arrays("c", np.zeros((0, 8), np.float32))
    assert ids.shape[0] == scores.shape[0] == 0
    with pytest.raises(BadInput, match="dim"):
        client.query_arrays("c", np.zeros((2, 7), np.float32))


def test_what_the_page_shows_runs() -> None:
    page = (Path(minidb.__file__).parent / "docs" / "arrays.md").read_text()
    shown: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(block, shown)
    shown["client"].close()
