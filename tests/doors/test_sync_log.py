"""`pull` from a server of minidb follows its collections' logs: what changed comes, whatever happened meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qdrant_client
from doors.serving import PATIENCE_S, server_in_a_thread, server_process, serving
from doors.test_sync import NAME, create, done, fill, points, state, upsert

from minidb import QdrantClient, models
from minidb.client.sync import log
from minidb.client.sync.receiving import Receiver
from minidb.collection import changes, sync_state
from minidb.database import Database

pytestmark = pytest.mark.filterwarnings("ignore:Failed to obtain server version", "ignore:Api key is used")


@pytest.fixture(params=["memory", "durable"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """The database of a server."""
    place = ":memory:" if request.param == "memory" else tmp_path / "served"
    with closing(Database(place, "off")) as database:
        yield database


@pytest.fixture
def peer(served: Database) -> Iterator[qdrant_client.QdrantClient]:
    """A client of that server."""
    with serving(served) as server:
        client = qdrant_client.QdrantClient(url=server.url)
        yield client
        client.close()


def fill_peer(peer: Any, ids: Any = range(20)) -> None:
    create(peer)
    upsert(peer, ids)


def pulled(client: QdrantClient, peer: Any, **options: Any) -> tuple[int, int]:
    """What a pull did that looked at what changed, and at nothing else."""
    report = client.pull(peer, **options)
    assert not report.collections[0].full
    return done(report)


def test_only_what_changed_comes(client: QdrantClient, peer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_peer(peer)
    assert client.pull(peer).collections[0].full
    monkeypatch.setattr(type(peer), "scroll", None)
    monkeypatch.setattr(type(peer), "retrieve", None)
    assert pulled(client, peer) == (0, 0)
    upsert(peer, [3, 50], tag="x")
    peer.set_payload(NAME, {"tag": "y"}, [4])
    peer.delete(NAME, [5, 6])
    assert pulled(client, peer) == (3, 2)
    assert pulled(client, peer) == (0, 0)
    monkeypatch.undo()
    assert state(client) == state(peer)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_pages_of_any_size_divide_operations_anywhere(client: QdrantClient, peer: Any, size: int) -> None:
    uuids = [f"00000000-0000-0000-0000-{each:012x}" for each in range(5)]
    fill_peer(peer)
    client.pull(peer)
    theirs = qdrant_client.models.PointStruct
    peer.upsert(NAME, [theirs(id=each, vector=[7, 1], payload={"u": 1}) for each in [*uuids, *range(10, 25)]])
    peer.delete(NAME, [*range(8), uuids[2]])
    peer.set_payload(NAME, {"late": True}, [9, 11, uuids[0]])
    upsert(peer, [2])
    assert pulled(client, peer, batch_size=size) == (20, 7)  # 2 is as it was
    assert state(client) == state(peer)
    assert pulled(client, peer, batch_size=size) == (0, 0)


def test_deleted_and_there_again(client: QdrantClient, peer: Any) -> None:
    fill_peer(peer)
    client.pull(peer)
    peer.delete(NAME, [1, 2, 3])
    upsert(peer, [1])  # as it was
    upsert(peer, [2], tag="new")
    upsert(peer, [100])
    peer.delete(NAME, [100])
    assert pulled(client, peer) == (1, 1)
    assert state(client) == state(peer)


def test_what_was_sent_there_does_not_come_back(client: QdrantClient, peer: Any) -> None:
    fill(client)
    client.push(peer)
    client.pull(peer)
    client.upsert(NAME, points([1, 2, 3], by="here"))
    client.delete(NAME, [9])
    client.push(peer)
    client.upsert(NAME, points([1], by="here, later"))  # there is an older state of it, of our own
    client.upsert(NAME, points([9], by="here, later"))
    upsert(peer, [2], by="there")
    assert pulled(client, peer) == (1, 0)
    assert [state(client)[each][0]["by"] for each in (1, 2, 3, 9)] == ["here, later", "there", "here", "here, later"]
    client.push(peer)
    assert state(client) == state(peer)
    assert pulled(client, peer) == (0, 0)


def test_what_a_stopped_push_sent_does_not_come_back(
    client: QdrantClient, peer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(client)
    client.push(peer)
    client.pull(peer)
    client.upsert(NAME, points(range(9), by="here"))
    write = Receiver.write

    def stopped(receiver: Receiver, name: str, sent: list[Any], gone: list[Any]) -> list[int]:
        if sent[0]["id"] >= 6:
            raise ConnectionError
        return write(receiver, name, sent, gone)

    monkeypatch.setattr(Receiver, "write", stopped)
    with pytest.raises(ConnectionError):
        client.push(peer, batch_size=3)
    monkeypatch.undo()
    client.upsert(NAME, points(range(9), by="here, later"))
    assert pulled(client, peer) == (0, 0)
    assert done(client.push(peer)) == (9, 0)
    assert state(client) == state(peer)


def test_what_came_from_there_is_not_sent_back(client: QdrantClient, peer: Any) -> None:
    fill_peer(peer)
    client.pull(peer)
    upsert(peer, [1], tag="x")
    peer.delete(NAME, [2])
    client.pull(peer)
    assert done(client.push(peer)) == (0, 0)


def test_what_was_deleted_there_is_not_sent_back(client: QdrantClient, peer: Any) -> None:
    """Nor by a first push: the log that was pulled from goes on, so nothing was lost there."""
    fill_peer(peer)
    client.pull(peer)
    peer.delete(NAME, [1, 2])
    upsert(client, [3], tag="here")
    assert done(client.push(peer)) == (1, 0)
    assert pulled(client, peer) == (0, 2)
    assert state(client) == state(peer)


def test_two_stores_pull_from_one(client: QdrantClient, peer: Any) -> None:
    fill_peer(peer)
    with QdrantClient(":memory:") as other:
        client.pull(peer)
        upsert(peer, [1], tag="x")
        other.pull(peer)
        peer.delete(NAME, [2])
        assert (pulled(client, peer), pulled(other, peer)) == ((1, 1), (0, 1))
        client.upsert(NAME, points([3], by="client"))
        client.push(peer)
        assert (pulled(client, peer), pulled(other, peer)) == ((0, 0), (1, 0))
        other.delete(NAME, [4])
        other.push(peer)
        assert pulled(client, peer) == (0, 1)
        assert state(client) == state(other) == state(peer)


def test_by_the_greater_value_of_a_field(client: QdrantClient, peer: Any) -> None:
    fill_peer(peer)
    client.pull(peer)
    client.upsert(NAME, [*points([1], t=2), *points([2], t=1), *points([3], t=5)])
    upsert(peer, [1], t=1)
    upsert(peer, [2], t=2)
    peer.delete(NAME, [3])
    report = client.pull(peer, newest_by="t").collections[0]
    assert (report.written, report.kept, report.deleted) == (1, 1, 1)
    client.push(peer, newest_by="t")
    assert state(client) == state(peer)
    assert [state(client)[each][0]["t"] for each in (1, 2)] == [2, 2]


def test_a_mirror(client: QdrantClient, peer: Any) -> None:
    fill_peer(peer)
    client.pull(peer)
    client.upsert(NAME, points([100]))
    assert pulled(client, peer) == (0, 0)
    upsert(peer, [1], tag="x")
    assert done(client.pull(peer, mirror=True)) == (1, 1)
    assert state(client) == state(peer)


class TestAnotherLog:
    def test_a_source_made_anew(self, client: QdrantClient, peer: Any) -> None:
        fill_peer(peer)
        client.pull(peer)
        peer.delete_collection(NAME)
        fill_peer(peer, range(10, 30))
        report = client.pull(peer)
        assert report.collections[0].full
        assert done(report) == (10, 0)
        upsert(peer, [10], tag="x")
        assert pulled(client, peer) == (1, 0)
        assert client.count(NAME).count == 30  # a stranger deletes nothing

    def test_a_receiver_made_anew(self, client: QdrantClient, peer: Any) -> None:
        fill_peer(peer)
        client.pull(peer)
        client.delete_collection(NAME)
        report = client.pull(peer)
        assert report.collections[0].full
        assert state(client) == state(peer)
        assert pulled(client, peer) == (0, 0)

    def test_a_source_restored_from_a_snapshot(self, client: QdrantClient, tmp_path: Path) -> None:
        with closing(Database(tmp_path / "there", "off")) as database, serving(database) as server:
            peer = qdrant_client.QdrantClient(url=server.url)
            fill_peer(peer)
            client.pull(peer)
            snapshot = peer.create_snapshot(NAME)
            assert snapshot is not None
            for tag in "abc":
                upsert(peer, [1], tag=tag)
            client.pull(peer)
            file = next((tmp_path / "there").rglob(snapshot.name))
            with QdrantClient(tmp_path / "there", durability="off") as there:
                there.recover_snapshot(NAME, file.as_uri())
            for tag in "de":  # the numbers of operations that were followed come again
                upsert(peer, [2], tag=tag)
            assert client.pull(peer).collections[0].full
            assert state(client) == state(peer)
            peer.close()

    def test_a_copy_of_the_store(self, client: QdrantClient, tmp_path: Path) -> None:
        import shutil

        for place in ("a", "b"):
            if place == "b":
                shutil.copytree(tmp_path / "a", tmp_path / "b")
            with server_in_a_thread(tmp_path / place) as url:
                peer = qdrant_client.QdrantClient(url=url)
                if place == "a":
                    fill_peer(peer)
                upsert(peer, [1], at=place)
                assert client.pull(peer, name="centre").collections[0].full
                assert state(client) == state(peer)
                peer.close()


class TestMeanwhile:
    def test_a_vacuum_and_a_restart(self, client: QdrantClient, tmp_path: Path) -> None:
        settings = models.OptimizersConfigDiff(deleted_threshold=0.001, vacuum_min_vector_number=100)
        with QdrantClient(tmp_path / "there", durability="off") as there:
            create_with = models.VectorParams(size=2, distance=models.Distance.DOT)
            there.create_collection(NAME, create_with, optimizers_config=settings)
            there.upsert(NAME, points(range(1000)))
        for at in range(3):
            with closing(Database(tmp_path / "there", "off")) as database, serving(database) as server:
                peer = qdrant_client.QdrantClient(url=server.url)
                if at == 0:
                    client.pull(peer, name="centre")
                else:
                    assert pulled(client, peer, name="centre") == (2, 333 if at == 1 else 0)
                    assert state(client) == state(peer)
                if at == 0:
                    peer.delete(NAME, list(range(1, 1000, 3)))
                    database.wait_until_indexed(NAME)
                    with database.snapshot(NAME) as snapshot:
                        assert snapshot.view.n_rows == snapshot.view.n_alive  # a vacuum was there
                upsert(peer, [0, 3], at=at)
                peer.close()

    def test_the_store_was_compacted(self, client: QdrantClient, peer: Any, served: Database) -> None:
        fill_peer(peer)
        client.pull(peer)
        peer.delete(NAME, [1])
        served.compact()
        upsert(peer, [2], tag="x")
        assert pulled(client, peer) == (1, 1)

    def test_another_process_writes_to_the_servers_store(self, client: QdrantClient, tmp_path: Path) -> None:
        with server_process(tmp_path, "--path", str(tmp_path / "there")) as server:
            peer = qdrant_client.QdrantClient(url=server.url)
            with QdrantClient(tmp_path / "there") as there:
                fill(there)
                client.pull(peer)
                there.set_payload(NAME, {"late": True}, [1, 2])
                there.delete(NAME, [3])
                assert pulled(client, peer) == (2, 1)
                there.set_payload(NAME, {"later": True}, [1])
                assert pulled(client, peer) == (1, 0)
                assert state(client) == state(there)
            peer.close()

    def test_others_write(self, client: QdrantClient, peer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whatever is written there while pages come is met by this pull or the next."""
        fill_peer(peer)
        client.pull(peer)
        upsert(peer, range(12), tag="x")
        write, n_written = Receiver.write, 0

        def write_between(receiver: Receiver, *args: Any) -> list[int]:
            nonlocal n_written
            n_written += 1
            if n_written < 4:
                upsert(peer, [11, n_written, 30 + n_written], tag=n_written)
                peer.delete(NAME, [0, 12 + n_written])
            return write(receiver, *args)

        monkeypatch.setattr(Receiver, "write", write_between)
        client.pull(peer, batch_size=3)
        assert n_written >= 4
        client.pull(peer, batch_size=3)
        assert state(client) == state(peer)

    def test_threads_write(self, client: QdrantClient, peer: Any) -> None:
        fill_peer(peer)
        client.pull(peer)
        started, stopped = threading.Event(), threading.Event()

        def write() -> None:
            at = 0
            while not stopped.is_set():
                upsert(peer, [at % 20, at % 7], at=at)
                peer.delete(NAME, [(at + 5) % 20])
                at += 1
                started.set()

        thread = threading.Thread(target=write)
        thread.start()
        assert started.wait(PATIENCE_S)
        try:
            for _ in range(5):
                assert not client.pull(peer, batch_size=4).collections[0].full
        finally:
            stopped.set()
            thread.join(PATIENCE_S)
        client.pull(peer)
        assert state(client) == state(peer)

    def test_more_was_deleted_than_is_kept(
        self, client: QdrantClient, peer: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sync_state, "MAX_DELETIONS", 4)
        fill_peer(peer)
        client.pull(peer)
        client.upsert(NAME, points([100]))
        for each in range(9):
            peer.delete(NAME, [each])
            upsert(peer, [19], at=each)
        report = client.pull(peer, batch_size=2)
        assert report.collections[0].full  # ids were compared
        assert done(report) == (1, 9)
        assert state(client).keys() == {*state(peer), 100}
        peer.delete(NAME, [10])
        assert pulled(client, peer) == (0, 1)

    def test_a_cursor_is_past_the_end_of_the_log(self, client: QdrantClient, peer: Any) -> None:
        """As after a power cut there, of a store that may lose its last commits."""
        fill_peer(peer)
        client.pull(peer)

        def ahead(txn: Any, collection: Any) -> None:
            (key, data), *_ = txn.scan("meta", b"sync", b"synd")
            for key, data in list(txn.scan("meta", b"sync", b"synd")):
                if b"pull" in key:
                    followed = sync_state.Followed.unpack(data)
                    followed.seq += 7
                    txn.put("meta", key, followed.pack())

        client._database.remember(NAME, ahead)
        upsert(peer, [1], tag="x")
        assert client.pull(peer).collections[0].full
        assert state(client) == state(peer)


def test_a_stopped_pull_goes_on_where_it_was(client: QdrantClient, peer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_peer(peer)
    client.pull(peer)
    upsert(peer, range(20), tag="x")
    asked = log.changes

    def cut(at: int) -> Callable[..., Any]:
        n_asked = 0

        def ask(*args: Any) -> Any:
            nonlocal n_asked
            n_asked += 1
            if n_asked > at:
                raise ConnectionError
            return asked(*args)

        return ask

    monkeypatch.setattr(log, "changes", cut(3))
    with pytest.raises(ConnectionError):
        client.pull(peer, batch_size=4)
    assert sum("tag" in payload for payload, _ in state(client).values()) == 12
    monkeypatch.undo()
    assert pulled(client, peer, batch_size=4) == (8, 0)


def test_vectors_of_every_kind(client: QdrantClient, peer: Any) -> None:
    multi = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
    with QdrantClient(":memory:") as first:
        first.create_collection(
            NAME,
            {
                "d": models.VectorParams(size=8, distance=models.Distance.COSINE),
                "h": models.VectorParams(size=8, distance=models.Distance.EUCLID, datatype=models.Datatype.FLOAT16),
                "m": models.VectorParams(size=2, distance=models.Distance.DOT, multivector_config=multi),
            },
            sparse_vectors_config={"s": models.SparseVectorParams()},
        )
        first.push(peer)
        client.pull(peer)
        rng = np.random.default_rng(1)
        for at in range(30):
            vector = {"d": rng.standard_normal(8).tolist(), "m": rng.standard_normal((2, 2)).tolist()}
            vector["h"] = rng.standard_normal(8).tolist()
            sparse = models.SparseVector(indices=[9, 2], values=rng.standard_normal(2).tolist())
            kept = dict(list({**vector, "s": sparse}.items())[at % 4 :])
            first.upsert(NAME, [models.PointStruct(id=at, vector=kept, payload={"deep": {"a": [None, 1.0]}})])
        first.push(peer)
    assert pulled(client, peer, batch_size=7) == (30, 0)
    assert pulled(client, peer) == (0, 0)
    with QdrantClient(":memory:") as other:
        other.pull(peer)
        assert done(other.pull(peer)) == (0, 0)
        assert state(other) == state(client)


def test_large_points_come_in_small_pages(client: QdrantClient, peer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    multi = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
    with QdrantClient(":memory:") as first:
        first.create_collection(
            NAME,
            {"m": models.VectorParams(size=4, distance=models.Distance.DOT, multivector_config=multi)},
            sparse_vectors_config={"s": models.SparseVectorParams()},
        )
        first.push(peer)
        client.pull(peer)
        sparse = models.SparseVector(indices=list(range(90)), values=[1.0] * 90)
        for at in range(12):
            vectors: list[dict[str, Any]] = [{"m": [[1.0] * 4] * 30}, {"s": sparse}, {}]
            payload = {"text": "x" * 1200} if at % 3 == 2 else {}
            first.upsert(NAME, [models.PointStruct(id=at, vector=vectors[at % 3], payload=payload)])
        first.push(peer)
        expected = state(first)
        del expected[11]
        peer.delete(NAME, [11])
    monkeypatch.setattr(changes, "_MOST_BYTES", 3000)
    asked, sizes = log.changes, []

    def ask(*args: Any) -> Any:
        page = asked(*args)
        assert page is not None
        sizes.append(len(page.points))
        return page

    monkeypatch.setattr(log, "changes", ask)
    assert pulled(client, peer) == (11, 0)
    assert len(sizes) == 6
    assert max(sizes) == 2
    assert state(client) == expected
    monkeypatch.setattr(changes, "_MOST_BYTES", 1)
    peer.set_payload(NAME, {"late": True}, [1, 2, 3])
    assert pulled(client, peer) == (3, 0)


def test_filters_see_what_came(client: QdrantClient, peer: Any) -> None:
    fill_peer(peer)
    client.pull(peer)
    client.create_payload_index(NAME, "tag", models.PayloadSchemaType.KEYWORD)
    tagged = models.Filter(must=[models.FieldCondition(key="tag", match=models.MatchValue(value="x"))])
    small = models.Filter(must=[models.FieldCondition(key="n", range=models.Range(lt=3))])
    for ids in ([1], [1, 2], [2, 3, 17]):
        upsert(peer, ids, tag="x")
        peer.delete(NAME, [ids[0]])
        client.pull(peer)
        for each in (tagged, small):
            assert client.count(NAME, each).count == peer.count(NAME, each.model_dump()).count


class TestKeys:
    def test_one_that_may_only_read_is_enough(self, client: QdrantClient, tmp_path: Path) -> None:
        keys = {"api_key": "all", "read_only_api_key": "read"}
        with server_in_a_thread(tmp_path / "served", **keys) as url:
            writer, reader = (qdrant_client.QdrantClient(url=url, api_key=key) for key in ("all", "read"))
            fill_peer(writer)
            client.pull(reader)
            writer.delete(NAME, [1])
            upsert(writer, [2], tag="x")
            assert pulled(client, reader) == (1, 1)
            assert not writer.get_collection(NAME).config.metadata

    def test_a_store_that_may_not_be_written_has_a_log_if_it_was_given_one(
        self, client: QdrantClient, tmp_path: Path
    ) -> None:
        with QdrantClient(tmp_path / "served", durability="off") as there:
            fill(there)
        for is_named in (False, True):
            database = Database(tmp_path / "served", "off", read_only=not is_named)
            with closing(database), serving(database) as server:
                peer = qdrant_client.QdrantClient(url=server.url)
                assert client.pull(peer, name="centre").collections[0].full
                if is_named:
                    upsert(peer, [1], tag="x")
                peer.close()
        with closing(Database(tmp_path / "served", "off", read_only=True)) as database, serving(database) as server:
            peer = qdrant_client.QdrantClient(url=server.url)
            assert pulled(client, peer, name="centre") == (1, 0)
            peer.close()


def test_what_was_rewritten_before_the_servers_log_begins_comes(
    client: QdrantClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minidb.collection.indexer._KEPT_LOG_ENTRIES", 3)
    place = tmp_path / "of two"
    with closing(Database(place, "off")) as database, serving(database) as server:
        peer = qdrant_client.QdrantClient(url=server.url)
        fill_peer(peer)
        client.pull(peer)
        assert pulled(client, peer) == (0, 0)
        with QdrantClient(place, durability="off") as another:  # which stands for another process
            another.set_payload(NAME, {"tag": "y"}, [4])
            for _ in range(5):
                upsert(another, [50])
        assert pulled(client, peer) == (2, 0)
        assert state(client) == state(peer)
        peer.close()
