"""`client.migrate`: what arrives, and what is said when not all does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qdrant_client

from minidb import QdrantClient, aio, models
from minidb.collection.rate import RateLimiter
from minidb.errors import BadRequest, RateLimitExceeded, ServiceError
from minidb.migration import copying, paging

UUIDS = [f"00000000-0000-4000-8000-{n:012x}" for n in range(100)]
RNG = np.random.default_rng(0)


def cosine(size: int, **more: Any) -> models.VectorParams:
    return models.VectorParams(size=size, distance=models.Distance.COSINE, **more)


def fill(client: QdrantClient) -> None:
    """`docs` with every kind of vector and setting, and an `empty` one."""
    int8 = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.9)
    max_sim = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
    client.create_collection(
        "docs",
        vectors_config={
            "dense": cosine(8, quantization_config=models.ScalarQuantization(scalar=int8)),
            "half": cosine(4, datatype=models.Datatype.FLOAT16, hnsw_config=models.HnswConfigDiff(m=8)),
            "bytes": models.VectorParams(size=3, distance=models.Distance.DOT, datatype=models.Datatype.UINT8),
            "tokens": cosine(2, multivector_config=max_sim),
        },
        sparse_vectors_config={
            "words": models.SparseVectorParams(modifier=models.Modifier.IDF),
            "plain": models.SparseVectorParams(),
        },
        quantization_config=models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True)),
        strict_mode_config=models.StrictModeConfig(enabled=True, max_query_limit=90, upsert_max_batchsize=70),
        metadata={"made": "here", "by": {"whom": [1, None]}},
        on_disk_payload=False,
    )
    client.create_payload_index("docs", "city", models.KeywordIndexParams(type="keyword", is_tenant=True))
    client.create_payload_index("docs", "n", "integer")
    client.create_payload_index("docs", "text", models.TextIndexParams(type="text", tokenizer="word", lowercase=True))
    points = [point(id_, n) for n, id_ in enumerate([*range(150), *UUIDS])]
    for start in range(0, len(points), 50):
        client.upsert("docs", points[start : start + 50])
    client.update_collection("docs", collection_params=models.CollectionParamsDiff(read_fan_out_factor=2))
    for alias in ("today", "tomorrow"):
        created = models.CreateAlias(collection_name="docs", alias_name=alias)
        client.update_collection_aliases([models.CreateAliasOperation(create_alias=created)])
    client.create_collection("empty", cosine(2))


def point(id_: Any, n: int) -> models.PointStruct:
    vectors = {
        "dense": RNG.standard_normal(8),
        "half": RNG.standard_normal(4),
        "bytes": [n % 256, 2, 255],
        "tokens": RNG.standard_normal((1 + n % 3, 2)),
        "words": models.SparseVector(indices=[7, 1], values=[0.1, 2.5]),
    }
    kept = {name: vector for at, (name, vector) in enumerate(vectors.items()) if (n + at) % 6 or n % 2}
    return models.PointStruct(id=id_, vector=kept, payload={"n": n, "city": ["Ulm", None], "f": 0.1, "u": {"é": {}}})


def content(client: Any, name: str = "docs") -> list[Any]:
    offset, records = None, []
    while True:
        page, offset = client.scroll(name, limit=50, offset=offset, with_vectors=True)
        records += page
        if offset is None:
            return records


def assert_same(target: Any, source: Any) -> None:
    """The same points; a vector that is normalized a second time may differ in its last bit."""
    copied, original = content(target), content(source)
    assert [(each.id, each.payload) for each in copied] == [(each.id, each.payload) for each in original]
    for there, here in zip(copied, original, strict=True):
        assert list(there.vector) == list(here.vector)
        for name, vector in here.vector.items():
            if name == "words":
                assert dict(there.vector[name]) == dict(vector)
            else:
                np.testing.assert_allclose(there.vector[name], vector, rtol=2e-3 if name == "half" else 1e-6)


def settings(client: Any, name: str = "docs") -> Any:
    info = client.get_collection(name)
    schema = {field: (index.data_type, index.params) for field, index in info.payload_schema.items()}
    return info.config, schema, sorted(each.alias_name for each in client.get_collection_aliases(name).aliases)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[QdrantClient]:
    with QdrantClient(tmp_path / "source", durability="off") as client:
        fill(client)
        yield client


@pytest.fixture(params=["memory", "directory"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[QdrantClient]:
    with QdrantClient(":memory:" if request.param == "memory" else tmp_path / "to", durability="off") as client:
        yield client


class TestBetweenStores:
    @pytest.mark.parametrize("parallel", [1, 3])
    def test_points_and_settings(self, source: QdrantClient, target: QdrantClient, parallel: int) -> None:
        docs, empty = source.migrate(target, parallel=parallel)
        assert_same(target, source)
        assert settings(target) == settings(source)
        assert docs.is_whole
        assert (docs.written, docs.kept, docs.checked, docs.blocks) == (250, 0, 250, 1)
        assert empty.is_whole
        assert (empty.written, empty.checked, empty.blocks) == (0, 0, 0)

    def test_a_filter(self, source: QdrantClient, target: QdrantClient) -> None:
        first = models.Filter(must=[models.FieldCondition(key="n", range=models.Range(lt=20))])
        [report] = source.migrate(target, ["docs"], scroll_filter=first)
        assert report.written == 20
        assert [record.id for record in content(target)] == list(range(20))
        source.migrate(target, ["docs"], scroll_filter={"must": [{"has_id": [200, *UUIDS[:5]]}]}, resume=True)
        assert [record.id for record in content(target)] == [*range(20), *UUIDS[:5]]

    def test_what_is_there_is_refused_replaced_or_completed(self, source: QdrantClient, target: QdrantClient) -> None:
        with pytest.raises(BadRequest, match=r"does not have collections: \['no'\]"):
            source.migrate(target, ["docs", "no"])
        assert target.get_collections().collections == []
        source.migrate(target)
        with pytest.raises(BadRequest, match=r"already exist in dest_client: \['docs'\]"):
            source.migrate(target, ["docs"])
        target.delete("docs", [3, UUIDS[3]])
        target.set_payload("docs", {"n": -1}, points=[4])
        target.update_vectors("docs", [models.PointVectors(id=5, vector={"bytes": [1, 1, 1]})])
        [report] = source.migrate(target, ["docs"], resume=True)
        assert (report.written, report.kept) == (4, 246)
        assert_same(target, source)
        [report] = source.migrate(target, ["docs"], recreate_on_collision=True)
        assert (report.written, report.kept) == (250, 0)
        assert_same(target, source)

    def test_points_that_are_only_there(self, source: QdrantClient, target: QdrantClient) -> None:
        source.migrate(target)
        target.upsert("docs", [point(7777, 1)])
        with pytest.raises(ServiceError, match="only there: 1 point"):
            source.migrate(target, ["docs"], resume=True)

    def test_an_alias_that_is_another_ones_there(self, source: QdrantClient, target: QdrantClient) -> None:
        target.create_collection("today", cosine(2))
        [report] = source.migrate(target, ["docs"])
        assert report.settings == ["alias today: it is a collection there"]
        assert settings(target)[2] == ["tomorrow"]

    def test_settings_of_a_collection_that_was_there(self, source: QdrantClient, target: QdrantClient) -> None:
        target.create_collection("empty", cosine(2, on_disk=True), optimizers_config={"indexing_threshold": 7})
        target.create_payload_index("empty", "a", "bool")
        [report] = source.migrate(target, ["empty"], resume=True)
        assert report.settings == [
            "params.vectors.on_disk: nothing here, True there",
            "optimizer_config.indexing_threshold: 10000 here, 7 there",
            "index of a: nothing here, bool there",
        ]
        assert not report.is_whole
        assert report.has_all_points

    def test_points_that_do_not_fit(self, source: QdrantClient, target: QdrantClient) -> None:
        """The collection there has a limit of its own: the other points come all the same."""
        source.migrate(target, ["empty"])
        source.upsert("empty", [models.PointStruct(id=n, vector=[1, 2]) for n in range(20)])
        limits = models.StrictModeConfig(enabled=True, max_points_count=10)
        target.update_collection("empty", strict_mode_config=limits)
        with pytest.raises(ServiceError, match=r"12 points written.*NOT all as here\n  refused: point 12: "):
            source.migrate(target, ["empty"], resume=True, batch_size=4)
        assert [record.id for record in content(target, "empty")] == list(range(12))

    def test_many_that_do_not_fit_end_it(self, source: QdrantClient, target: QdrantClient) -> None:
        target.create_collection("docs", cosine(5))
        with pytest.raises(copying.Refusal, match=r"more than 100 points are refused, point 0: .*Not existing vector"):
            source.migrate(target, ["docs"], resume=True)

    def test_options_out_of_range(self, source: QdrantClient, target: QdrantClient) -> None:
        for options in ({"batch_size": 0}, {"parallel": 0}, {"points_per_second": 0.0}):
            with pytest.raises(BadRequest, match="must be greater than 0"):
                source.migrate(target, **options)
        with pytest.raises(BadRequest, match="not both"):
            source.migrate(target, recreate_on_collision=True, resume=True)
        with pytest.raises(BadRequest, match="the client itself"):
            source.migrate(source, recreate_on_collision=True)


async def _async_migrate(source: Path, target: QdrantClient) -> Any:
    async with aio.AsyncQdrantClient(source, durability="off") as client:
        return await client.migrate(target, ["docs"])


def test_the_async_client(source: QdrantClient, target: QdrantClient, tmp_path: Path) -> None:
    import asyncio

    [report] = asyncio.run(_async_migrate(tmp_path / "source", target))
    assert report.is_whole


def test_it_is_no_faster_than_allowed_and_waits_for_rate_limits(
    source: QdrantClient, target: QdrantClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.upsert("empty", [models.PointStruct(id=n, vector=[1, 2]) for n in range(60)])
    now, naps, refusals = [0.0], [], [3.5]

    class Clock:
        @staticmethod
        def sleep(seconds: float) -> None:
            naps.append(seconds)
            now[0] += seconds

        @staticmethod
        def monotonic() -> float:
            return now[0]

    def take(limiter: RateLimiter, per_minute: int | None, cost: int, what: str) -> None:
        if refusals:
            raise RateLimitExceeded("too much", retry_after=refusals.pop())

    monkeypatch.setattr(paging, "time", Clock)
    monkeypatch.setattr(copying, "time", Clock)
    monkeypatch.setattr(RateLimiter, "take", take)
    source.update_collection("empty", strict_mode_config=models.StrictModeConfig(enabled=True, read_rate_limit=9))
    [report] = source.migrate(target, ["empty"], batch_size=20, points_per_second=10.0)
    assert naps == [3.5, 2.0, 2.0]  # the second reading has one page
    assert report.is_whole


@pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")
class TestToLocalMode:
    @pytest.fixture(params=[":memory:", "directory"])
    def local(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[qdrant_client.QdrantClient]:
        memory = request.param == ":memory:"
        client = qdrant_client.QdrantClient(":memory:") if memory else qdrant_client.QdrantClient(path=str(tmp_path))
        yield client
        client.close()

    def test_points(self, source: QdrantClient, local: qdrant_client.QdrantClient) -> None:
        report, _ = source.migrate(local)
        assert report.has_all_points
        assert "index of n: integer here, nothing there" in report.settings
        assert [(each.id, each.payload) for each in content(local)] == [
            (each.id, each.payload) for each in content(source)
        ]
        assert local.get_collection("docs").config.params.sparse_vectors["words"].modifier == "idf"
        local.delete("docs", [1, UUIDS[1]])
        report, _ = source.migrate(local, resume=True)
        assert (report.written, report.kept) == (2, 248)

    def test_what_changes_meanwhile_is_found(
        self, source: QdrantClient, local: qdrant_client.QdrantClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        verify: Callable[[Any], None] = copying._Migration._verify

        def changed(migration: Any) -> None:
            local.set_payload("docs", {"n": 0}, [UUIDS[7]])
            local.delete("docs", [9])
            verify(migration)

        monkeypatch.setattr(copying._Migration, "_verify", changed)
        with pytest.raises(ServiceError) as caught:
            source.migrate(local, ["docs"])
        assert caught.value.message.splitlines()[1:3] == [
            "  missing: 1 point (9)",
            f"  different: 1 point ({UUIDS[7]})",
        ]
