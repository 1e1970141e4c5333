"""`push` and `pull` between a store and every kind of client: what is sent, what counts, what a stranger gets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qdrant_client
from doors.serving import server_in_a_thread
from oracles.compare import everything

from minidb import AsyncQdrantClient, QdrantClient, models
from minidb.client.sync.receiving import Receiver
from minidb.collection import sync_state
from minidb.errors import BadRequest
from minidb.migration.clients import migrate_clients
from minidb.migration.copying import Options

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")

NAME = "notes"


@pytest.fixture(params=["memory", "durable", "local mode", "server"])
def peer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """An empty store of each kind."""
    if request.param == "server":
        with server_in_a_thread(tmp_path / "served") as url:
            client = qdrant_client.QdrantClient(url=url)
            yield client
            client.close()
        return
    if request.param == "local mode":
        client = qdrant_client.QdrantClient(":memory:")
    else:
        client = QdrantClient(":memory:" if request.param == "memory" else tmp_path / "peer", durability="off")
    yield client
    client.close()


def points(ids: Any, **payload: Any) -> list[models.PointStruct]:
    return [models.PointStruct(id=each, vector=[each, 1], payload={"n": each, **payload}) for each in ids]


def create(client: Any) -> None:
    kind: Any = models if isinstance(client, QdrantClient) else qdrant_client.models
    client.create_collection(NAME, kind.VectorParams(size=2, distance=kind.Distance.DOT))


def fill(client: Any, ids: Any = range(20)) -> None:
    create(client)
    client.upsert(NAME, points(ids))


def state(client: Any) -> dict[Any, Any]:
    return {each.id: (each.payload, each.vector) for each in everything(client, NAME)}


def done(report: Any) -> tuple[int, int]:
    return report.written, report.deleted


def upsert(client: Any, ids: Any, **payload: Any) -> None:
    """On either kind of client."""
    if isinstance(client, QdrantClient):
        client.upsert(NAME, points(ids, **payload))
    else:
        theirs = qdrant_client.models.PointStruct
        client.upsert(NAME, [theirs(id=i, vector=[i, 1], payload={"n": i, **payload}) for i in ids])


class TestPush:
    def test_sends_what_changed_and_nothing_else(self, client: QdrantClient, peer: Any) -> None:
        fill(client)
        report = client.push(peer)
        assert done(report) == (20, 0)
        assert report.collections[0].full
        assert done(client.push(peer)) == (0, 0)
        client.upsert(NAME, points([3, 50]))
        client.set_payload(NAME, {"tag": "x"}, [4])
        client.delete(NAME, [5, 6])
        client.upsert(NAME, points([6]))
        report = client.push(peer)
        assert done(report) == (4, 1)
        assert not report.collections[0].full
        assert state(peer) == state(client)

    def test_makes_a_collection_with_all_settings(self, client: QdrantClient, peer: Any) -> None:
        client.create_collection(
            NAME,
            {"d": models.VectorParams(size=3, distance=models.Distance.COSINE)},
            sparse_vectors_config={"s": models.SparseVectorParams(modifier=models.Modifier.IDF)},
            metadata={"of": "mine"},
        )
        client.create_payload_index(NAME, "n", models.PayloadSchemaType.INTEGER)
        alias = models.CreateAlias(collection_name=NAME, alias_name="other")
        client.update_collection_aliases([models.CreateAliasOperation(create_alias=alias)])
        client.push(peer)
        config = peer.get_collection(NAME).config
        assert config.params.vectors["d"].size == 3
        assert config.params.sparse_vectors["s"].modifier == "idf"
        assert config.metadata["of"] == "mine"
        assert [each.alias_name for each in peer.get_aliases().aliases] == ["other"]

    def test_only_some_collections(self, client: QdrantClient, peer: Any) -> None:
        fill(client)
        client.create_collection("more", models.VectorParams(size=2, distance=models.Distance.DOT))
        assert [each.name for each in client.push(peer, ["more"]).collections] == ["more"]
        assert [each.name for each in peer.get_collections().collections] == ["more"]
        with pytest.raises(BadRequest, match=r"does not have collections: \['none'\]"):
            client.push(peer, ["none"])

    def test_points_of_others_stay_unless_it_is_a_mirror(self, client: QdrantClient, peer: Any) -> None:
        fill(client)
        client.push(peer)
        upsert(peer, [100, 101])
        client.upsert(NAME, points([1], tag="x"))
        assert done(client.push(peer)) == (1, 0)
        assert 100 in state(peer)
        assert done(client.push(peer, mirror=True)) == (0, 2)
        assert state(peer) == state(client)

    def test_a_peer_that_was_made_anew_gets_everything(self, client: QdrantClient, peer: Any) -> None:
        fill(client)
        client.push(peer)
        peer.delete_collection(NAME)
        assert done(client.push(peer)) == (20, 0)
        peer.delete_collection(NAME)
        create(peer)
        assert done(client.push(peer)) == (20, 0)

    def test_a_copy_of_a_part_is_not_taken_for_the_peer(self, client: QdrantClient, peer: Any) -> None:
        """What is left in the metadata of a peer went with a migration: half of it was counted as all."""
        fill(client)
        client.push(peer)
        with QdrantClient(":memory:") as other:
            half = Options(filter={"must": [{"key": "n", "range": {"lt": 10}}]})
            (report,) = migrate_clients(peer, other, [NAME], half)
            assert report.written == 10
            assert not other.get_collection(NAME).config.metadata
            assert not [line for line in report.settings if "minidb-sync" in line]
            migrate_clients(other, peer, [NAME], Options(collision="recreate"))
        assert done(client.push(peer)) == (20, 0)
        assert len(state(peer)) == 20

    def test_a_named_peer_is_taken_at_its_word(self, client: QdrantClient, peer: Any) -> None:
        fill(client)
        assert done(client.push(peer, name="the other")) == (20, 0)
        assert not peer.get_collection(NAME).config.metadata
        client.delete(NAME, [1])
        assert done(client.push(peer, name="the other")) == (0, 1)
        assert done(client.push(peer, name="another")) == (19, 0)

    def test_two_peers_are_served_apart(self, client: QdrantClient, peer: Any) -> None:
        fill(client)
        client.push(peer)
        client.delete(NAME, [1])
        with QdrantClient(":memory:") as second:
            assert done(client.push(second)) == (19, 0)
            client.delete(NAME, [2])
            assert done(client.push(peer)) == (0, 2)
            assert done(client.push(second)) == (0, 1)

    def test_what_changes_meanwhile_goes_with_the_next_one(
        self, client: QdrantClient, peer: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill(client)
        write, is_written = Receiver.write, []

        def write_between(receiver: Receiver, *args: Any) -> list[int]:
            if not is_written:
                is_written.append(True)
                client.upsert(NAME, points([0, 19, 30], late=True))
                client.delete(NAME, [18])
            return write(receiver, *args)

        monkeypatch.setattr(Receiver, "write", write_between)
        client.push(peer, batch_size=5)
        client.push(peer)
        assert is_written
        assert state(peer) == state(client)


class TestAfterwards:
    def test_marks_survive_closing_vacuum_and_a_cut_log(self, tmp_path: Path) -> None:
        with QdrantClient(":memory:") as peer:
            with QdrantClient(tmp_path, durability="off") as client:
                settings = models.OptimizersConfigDiff(deleted_threshold=0.001, vacuum_min_vector_number=100)
                client.create_collection(
                    NAME, models.VectorParams(size=2, distance=models.Distance.DOT), optimizers_config=settings
                )
                client.upsert(NAME, points(range(1000)))
                client.push(peer)
            with QdrantClient(tmp_path, durability="off") as client:
                client.delete(NAME, list(range(0, 1000, 3)))
                client._database.wait_until_indexed(NAME)
                with client._database.snapshot(NAME) as snapshot:
                    assert snapshot.view.n_rows == snapshot.view.n_alive  # a vacuum was there
                client.upsert(NAME, points([1]))
            with QdrantClient(tmp_path, durability="off") as client:
                assert done(client.push(peer)) == (1, 334)
                assert state(peer) == state(client)

    def test_too_many_deletions_are_counted_by_comparing_ids(
        self, client: QdrantClient, peer: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sync_state, "MAX_DELETIONS", 4)
        fill(client)
        client.push(peer)
        for each in range(6):
            client.delete(NAME, [each])
        report = client.push(peer, batch_size=3).collections[0]
        assert (report.full, report.extra + report.deleted) == (True, 6)
        assert report.extra > 0
        assert client.push(peer, mirror=True).deleted == report.extra
        assert state(peer) == state(client)

    def test_a_store_restored_from_a_snapshot_sends_everything(self, tmp_path: Path, peer: Any) -> None:
        with QdrantClient(tmp_path, durability="off") as client:
            fill(client)
            client.push(peer)
            snapshot = client.create_snapshot(NAME)
            client.upsert(NAME, points([1], tag="later"))
            client.push(peer)
            file = next((tmp_path / "snapshots").rglob(snapshot.name))
            client.recover_snapshot(NAME, file.as_uri())
            assert client.push(peer).collections[0].full
            assert state(peer) == state(client)

    def test_a_peer_restored_from_a_snapshot_gets_what_it_lost(self, client: QdrantClient, tmp_path: Path) -> None:
        with QdrantClient(tmp_path / "peer", durability="off") as peer:
            fill(client)
            client.push(peer)
            snapshot = peer.create_snapshot(NAME)
            for tag in ("a", "b", "c"):
                client.upsert(NAME, points([1], tag=tag))
                client.push(peer)
            file = next((tmp_path / "peer").rglob(snapshot.name))
            peer.recover_snapshot(NAME, file.as_uri())
            client.push(peer)
            assert state(peer) == state(client)

    def test_a_copy_of_a_store_is_another_store(self, tmp_path: Path, peer: Any) -> None:
        import shutil

        with QdrantClient(tmp_path / "a", durability="off") as client:
            fill(client)
            client.push(peer)
        shutil.copytree(tmp_path / "a", tmp_path / "b")
        for store in ("a", "b", "a", "b"):
            with QdrantClient(tmp_path / store, durability="off") as client:
                client.upsert(NAME, points([1 if store == "a" else 2], by=store))
                report = client.push(peer).collections[0]
        assert (report.written, report.full) == (1, False)

    def test_an_older_minidb_refuses_a_store_that_is_synchronised(self, tmp_path: Path, peer: Any) -> None:
        def format_of(client: QdrantClient) -> bytes | None:
            with client._database._store.read() as txn:
                return txn.get("meta", b"format")

        with QdrantClient(tmp_path, durability="off") as client:
            fill(client)
            assert format_of(client) == b"\0\0\0\1"
            client.push(peer)
            assert format_of(client) == b"\0\0\0\2"


class TestPull:
    def test_fetches_what_changed(self, client: QdrantClient, peer: Any) -> None:
        if isinstance(peer, QdrantClient):
            fill(peer)
        else:
            with QdrantClient(":memory:") as first:
                fill(first)
                first.push(peer)
        assert done(client.pull(peer)) == (20, 0)
        assert done(client.pull(peer)) == (0, 0)
        upsert(peer, [3, 50], tag="x")
        peer.delete(NAME, [5, 6])
        upsert(peer, [6])
        assert client.pull(peer, batch_size=3).deleted == 1
        assert state(client) == state(peer)

    def test_what_was_pulled_is_not_pushed_back(self, client: QdrantClient, peer: Any) -> None:
        with QdrantClient(":memory:") as first:
            fill(first)
            first.push(peer)
        client.pull(peer)
        upsert(peer, [1], changed=True)
        client.upsert(NAME, points([2], changed="here"))
        assert done(client.push(peer)) == (1, 0)
        client.pull(peer)
        assert state(client) == state(peer)
        assert state(client)[1][0] == {"n": 1, "changed": True}
        assert state(client)[2][0] == {"n": 2, "changed": "here"}

    def test_deletions_on_both_sides(self, client: QdrantClient, peer: Any) -> None:
        fill(client)
        client.push(peer)
        client.pull(peer)
        client.delete(NAME, [1, 2])
        peer.delete(NAME, [2, 3])
        client.push(peer)
        client.pull(peer)
        assert state(client) == state(peer)
        assert not {1, 2, 3} & state(client).keys()

    def test_points_that_are_only_here_stay(self, client: QdrantClient, peer: Any) -> None:
        with QdrantClient(":memory:") as first:
            fill(first)
            first.push(peer)
        client.pull(peer)
        client.upsert(NAME, points([100]))
        client.pull(peer)
        assert 100 in state(client)
        client.pull(peer, mirror=True)
        assert state(client) == state(peer)

    def test_a_source_that_was_made_anew_deletes_nothing(self, client: QdrantClient, peer: Any) -> None:
        fill(client)
        client.push(peer)
        before = state(client)
        peer.delete_collection(NAME)
        create(peer)
        client.pull(peer)
        assert state(client) == before

    def test_from_a_store_that_may_not_be_written(self, client: QdrantClient, tmp_path: Path) -> None:
        with QdrantClient(tmp_path / "other", durability="off") as other:
            fill(other)
        with QdrantClient(tmp_path / "other", read_only=True) as other:
            assert done(client.pull(other)) == (20, 0)
            assert done(client.pull(other)) == (0, 0)
            client.upsert(NAME, points([1], changed=True))
            assert done(client.pull(other)) == (1, 0)
            assert state(client) == state(other)

    def test_with_a_key_that_may_only_read(self, client: QdrantClient, tmp_path: Path) -> None:
        with QdrantClient(tmp_path / "served", durability="off") as other:
            fill(other)
        with server_in_a_thread(tmp_path / "served", api_key="all", read_only_api_key="read") as url:
            with pytest.warns(UserWarning, match="insecure"):
                peer = qdrant_client.QdrantClient(url=url, api_key="read")
            assert done(client.pull(peer)) == (20, 0)
            assert done(client.pull(peer)) == (0, 0)


class TestConflicts:
    def test_the_sender_wins(self, client: QdrantClient, peer: Any) -> None:
        fill(client)
        client.push(peer)
        client.upsert(NAME, points([1], by="here"))
        upsert(peer, [1], by="there")
        client.push(peer)
        client.pull(peer)
        assert state(client)[1] == state(peer)[1]
        assert state(client)[1][0]["by"] == "here"

    @pytest.mark.parametrize(
        ("older", "newer"),
        [(1, 2.5), ("2024-05-01T10:00:00+02:00", "2024-05-01T09:00:00Z"), ("a", "b"), (None, 0)],
    )
    def test_or_the_newer_one(self, client: QdrantClient, peer: Any, older: Any, newer: Any) -> None:
        fill(client)
        client.push(peer)
        client.upsert(NAME, [*points([1], at={"t": older}), *points([2], at={"t": newer}), *points([3], at={"t": 1})])
        upsert(peer, [1], at={"t": newer}, by="there")
        upsert(peer, [2], at={"t": older}, by="there")
        upsert(peer, [3], at={"t": 1}, by="there")
        report = client.push(peer, newest_by="at.t").collections[0]
        assert (report.written, report.kept) == (2, 1)
        assert ["by" in state(peer)[each][0] for each in (1, 2, 3)] == [True, False, False]
        report = client.pull(peer, newest_by="at.t").collections[0]
        assert (report.written, report.kept) == (1, 0)
        assert state(client) == state(peer)

    def test_a_pull_keeps_what_is_newer_here(self, client: QdrantClient, peer: Any) -> None:
        fill(client)
        client.push(peer)
        client.upsert(NAME, points([1], t=2))
        upsert(peer, [1], t=1)
        report = client.pull(peer, newest_by="t").collections[0]
        assert (report.written, report.kept) == (0, 1)
        client.push(peer, newest_by="t")
        assert state(client) == state(peer)

    def test_a_deletion_wins_all_the_same(self, client: QdrantClient, peer: Any) -> None:
        fill(client)
        client.push(peer)
        client.delete(NAME, [1])
        upsert(peer, [1], t=99)
        client.push(peer, newest_by="t")
        assert 1 not in state(peer)


def test_three_stores_in_a_row(tmp_path: Path) -> None:
    with QdrantClient(":memory:") as a, QdrantClient(tmp_path / "b", durability="off") as b, QdrantClient() as c:
        fill(a)
        for tag in ("x", "y"):
            a.push(b)
            b.push(c)
            c.upsert(NAME, points([7], by=f"c {tag}"))
            a.delete(NAME, [3 if tag == "x" else 4])
            b.pull(c)
            a.pull(b)
        a.push(b)
        b.push(c)
        assert state(a) == state(b) == state(c)
        assert state(a)[7][0]["by"] == "c y"


def test_what_was_deleted_here_does_not_come_back_from_whom_it_was_pushed_to(
    client: QdrantClient, tmp_path: Path
) -> None:
    fill(client)
    with QdrantClient(tmp_path / "other", durability="off") as other:
        client.push(other)
        client.delete(NAME, [1, 2])
        client.delete(NAME, [3])
        upsert(client, [3], tag="again")
        upsert(client, [4], tag="here")
        other.set_payload(NAME, {"tag": "there"}, [2, 5])
        assert done(client.pull(other)) == (2, 0)  # 2 was changed there, and is there again
        assert state(client)[2][0]["tag"] == state(client)[5][0]["tag"] == "there"
        assert 1 not in state(client)
        assert state(client)[4][0]["tag"] == "here"
        client.push(other)
        assert state(client) == state(other)


def test_what_a_receiver_lost_comes_back(tmp_path: Path) -> None:
    with (
        QdrantClient(tmp_path / "a", durability="off") as mine,
        QdrantClient(tmp_path / "b", durability="off") as other,
    ):
        fill(mine)
        mine.push(other)
        mine.delete_collection(NAME)
        create(mine)
        assert done(mine.pull(other)) == (len(state(other)), 0)
        assert state(mine) == state(other)


def test_whoever_begins(client: QdrantClient, tmp_path: Path) -> None:
    """One side pushes, then the other: nothing of a store's own comes back to it."""
    with QdrantClient(tmp_path / "other", durability="off") as other:
        fill(client)
        client.push(other)
        client.upsert(NAME, points([1], by="client"))
        assert done(other.push(client)) == (0, 0)
        assert state(client)[1][0]["by"] == "client"
        other.delete(NAME, [2])
        assert done(other.push(client)) == (0, 1)
        client.push(other)
        assert state(client) == state(other)


def test_vectors_of_every_kind_arrive_bit_for_bit(client: QdrantClient, peer: Any) -> None:
    multi = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
    client.create_collection(
        NAME,
        {
            "d": models.VectorParams(size=8, distance=models.Distance.EUCLID),
            "m": models.VectorParams(size=2, distance=models.Distance.DOT, multivector_config=multi),
        },
        sparse_vectors_config={"s": models.SparseVectorParams()},
    )
    rng = np.random.default_rng(1)
    for at in range(30):
        vector = {"d": rng.standard_normal(8).tolist(), "m": rng.standard_normal((2, 2)).tolist()}
        sparse = models.SparseVector(indices=[9, 2], values=rng.standard_normal(2).tolist())
        kept = dict(list({**vector, "s": sparse}.items())[at % 3 :])
        client.upsert(
            NAME, [models.PointStruct(id=at, vector=kept, payload={"null": None, "deep": {"a": [None, 1.0]}})]
        )
    client.push(peer)
    assert done(client.pull(peer)) == (0, 0)
    with QdrantClient(":memory:") as third:
        third.pull(peer)
        assert state(third) == state(client)


def test_async_clients(tmp_path: Path) -> None:
    async def run() -> None:
        async with AsyncQdrantClient(tmp_path, durability="off") as one, AsyncQdrantClient() as two:
            await one.create_collection(NAME, models.VectorParams(size=2, distance=models.Distance.DOT))
            await one.upsert(NAME, points(range(5)))
            assert done(await one.push(two)) == (5, 0)
            await two.delete(NAME, [1])
            assert done(await one.pull(two)) == (0, 1)

    asyncio.run(run())


def test_refusals(client: QdrantClient, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="the same store"):
        client.push(client)
    with pytest.raises(BadRequest, match="the same store"):
        client.pull(client)
    with pytest.raises(BadRequest, match="batch_size"):
        client.push(QdrantClient(), batch_size=0)
    with pytest.raises(BadRequest, match="expected a client"):
        client.push("http://localhost")
    with pytest.raises(BadRequest, match="expected a client"):
        client.push(qdrant_client.AsyncQdrantClient(":memory:"))
