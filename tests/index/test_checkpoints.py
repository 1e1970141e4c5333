"""Derived data at checkpoints: what is saved, when, and that an opened store uses it in place of building it again."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from minidb import QdrantClient, models
from minidb.collection import index_plan, indexer, indexes
from minidb.index.dense.bits import BitSketch
from minidb.index.dense.sketch import Sketch
from minidb.index.sparse import SparseIndex

SIZE, N = 128, 10_000
BINARY = models.BinaryQuantization(binary=models.BinaryQuantizationConfig())
GRAPH_AT_ONCE, NO_GRAPH = 1, 0


def vectors(n: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((n, SIZE)).astype(np.float32)


def fill(client: QdrantClient, indexing_threshold: int, n: int = N) -> None:
    client.create_collection(
        "c",
        models.VectorParams(size=SIZE, distance="Cosine"),
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=indexing_threshold),
    )
    client.upload_collection("c", vectors(n), ids=range(n), batch_size=4000)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is built of rows, as it happens."""
    made: list[str] = []

    def noted(name: str, function: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            made.append(name)
            return function(*args, **kwargs)

        return call

    monkeypatch.setattr(indexer, "build", noted("graph", indexer.build))
    monkeypatch.setattr(Sketch, "extend", noted("sketch", Sketch.extend))
    monkeypatch.setattr(BitSketch, "extend", noted("bits", BitSketch.extend))
    monkeypatch.setattr(SparseIndex, "with_rows", noted("postings", SparseIndex.with_rows))
    return made


@pytest.mark.parametrize("threshold", [GRAPH_AT_ONCE, NO_GRAPH], ids=["graph", "sketch"])
def test_what_another_quantization_replaced_is_saved_though_it_has_no_more_rows(
    tmp_path: Path, built: list[str], threshold: int
) -> None:
    query = vectors(1, seed=1)[0]
    for settings in ({}, {"quantization_config": BINARY}):
        with QdrantClient(tmp_path) as client:
            if not settings:
                fill(client, threshold)
            else:
                client.update_collection("c", **settings)
            client.query_points("c", query=query)
            assert client.wait_until_indexed("c")
    assert built
    built.clear()
    with QdrantClient(tmp_path) as client:
        client.query_points("c", query=query)
        assert client.wait_until_indexed("c")
    assert built == []


WORDS = models.SparseVector(indices=[3, 5], values=[1.0, 2.0])


def fill_sparse(client: QdrantClient) -> None:
    client.create_collection("c", {}, sparse_vectors_config={"words": models.SparseVectorParams()})
    client.upsert("c", [models.PointStruct(id=i, vector={"words": WORDS}) for i in range(2000)])


def test_a_store_that_was_never_searched_answers_at_once_when_it_is_opened(tmp_path: Path, built: list[str]) -> None:
    with QdrantClient(tmp_path / "dense") as client:
        fill(client, NO_GRAPH)
    with QdrantClient(tmp_path / "sparse") as client:
        fill_sparse(client)
    assert {*built} == {"sketch", "postings"}
    built.clear()
    with QdrantClient(tmp_path / "dense") as client:
        assert client.query_points("c", query=vectors(N)[77], limit=1).points[0].id == 77
    with QdrantClient(tmp_path / "sparse") as client:
        assert client.query_points("c", query=WORDS, using="words", limit=1).points[0].id == 0
    assert built == []


def test_the_indexer_saves_what_searches_will_ask_for_in_case_the_process_is_killed(
    tmp_path: Path, built: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (indexer, index_plan):
        monkeypatch.setattr(module, "CLOSING_ROWS", N // 2)
    with QdrantClient(tmp_path / "open") as client:
        fill(client, NO_GRAPH)
        assert client.wait_until_indexed("c")
        shutil.copytree(tmp_path / "open", tmp_path / "killed")
    built.clear()
    with QdrantClient(tmp_path / "killed") as client:
        assert client.query_points("c", query=vectors(N)[77], limit=1).points[0].id == 77
    assert built == []


def test_the_indexer_takes_in_what_is_not_worth_another_file_yet(
    tmp_path: Path, built: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the next search would wait for up to a third of all rows."""
    for module in (indexer, index_plan):
        monkeypatch.setattr(module, "CLOSING_ROWS", 1000)
    more = N * 13 // 10
    with QdrantClient(tmp_path) as client:
        fill(client, NO_GRAPH)
        assert client.wait_until_indexed("c")
        client.upload_collection("c", vectors(more)[N:], ids=range(N, more), batch_size=4000)
        assert client.wait_until_indexed("c")
        built.clear()
        assert client.query_points("c", query=vectors(more)[-1], limit=1).points[0].id == more - 1
    assert built == []


def test_few_points_are_not_worth_a_file(tmp_path: Path) -> None:
    with QdrantClient(tmp_path) as client:
        fill(client, NO_GRAPH, n=500)
    assert not list(tmp_path.rglob("sketch-*"))


def test_a_damaged_sketch_is_made_again_and_saved(tmp_path: Path, built: list[str]) -> None:
    with QdrantClient(tmp_path) as client:
        fill(client, NO_GRAPH)
    [file] = tmp_path.rglob("sketch-*")
    content = bytearray(file.read_bytes())
    content[777] ^= 1
    file.write_bytes(content)
    for expected in (["sketch"], []):
        built.clear()
        with QdrantClient(tmp_path) as client:
            assert client.query_points("c", query=vectors(N)[77], limit=1).points[0].id == 77
        assert built == expected
    [made_again] = tmp_path.rglob("sketch-*")
    assert made_again != file


def test_a_sketch_of_another_scale_replaces_the_saved_one(tmp_path: Path, built: list[str]) -> None:
    wide = np.zeros(SIZE, np.float32)
    wide[0] = 1.0
    with QdrantClient(tmp_path) as client:
        fill(client, NO_GRAPH)
    for expected in (["sketch"], []):
        built.clear()
        with QdrantClient(tmp_path) as client:
            if expected:
                client.upsert("c", [models.PointStruct(id=N, vector=wide)])
            assert client.query_points("c", query=wide, limit=1).points[0].id == N
        assert built == expected


def test_searches_and_writes_go_on_while_a_checkpoint_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, finish = threading.Event(), threading.Event()

    def slow(*args: Any) -> Any:
        writing.set()
        assert finish.wait(30)
        return write_arrays(*args)

    write_arrays = indexes.write_arrays
    monkeypatch.setattr(indexes, "write_arrays", slow)
    with QdrantClient(tmp_path) as client:
        fill(client, NO_GRAPH)
        saving = threading.Thread(target=client.wait_until_indexed, args=("c",))
        saving.start()
        assert writing.wait(30)
        client.upsert("c", [models.PointStruct(id=N, vector=vectors(1, seed=5)[0])])
        assert client.query_points("c", query=vectors(1, seed=5)[0], limit=1).points[0].id == N
        finish.set()
        saving.join()


def test_what_another_process_is_writing_is_left_to_it(tmp_path: Path) -> None:
    """It may be under way, or whole and about to be named; what a killed one left goes, an hour later."""
    folder = tmp_path / "derived" / "1"

    def saved(first: int) -> set[str]:
        """The files there are after more points were saved."""
        with QdrantClient(tmp_path) as client:
            client.upload_collection("c", vectors(N), ids=range(first, first + N))
            assert client.wait_until_indexed("c")
        return set(os.listdir(folder))

    with QdrantClient(tmp_path) as client:
        client.create_collection("c", models.VectorParams(size=SIZE, distance="Cosine"))
    before = saved(0)
    kinds = {name.split("-")[0] for name in before}
    assert "points" in kinds
    of_another = {f"{kind}-0-{end}" for kind in kinds for end in ("0badcafe", "1badcafe.12345.tmp")}
    for name in of_another:
        (folder / name).write_bytes(b"begun")
    after = saved(N)
    assert of_another <= after
    assert not before & after, "what is replaced goes at once"
    for name in of_another:
        os.utime(folder / name, (0, 0))
    assert not of_another & saved(2 * N)


def test_what_a_killed_process_left_goes_also_where_the_clock_was_put_back(tmp_path: Path) -> None:
    ahead = time.time() + 400 * 86_400
    with QdrantClient(tmp_path) as client:
        client.create_collection("c", models.VectorParams(size=SIZE, distance="Cosine"))
        client.upload_collection("c", vectors(N))
        client.create_snapshot("c")
        assert client.wait_until_indexed("c")
    (folder,) = (tmp_path / "derived").iterdir()
    left = [tmp_path / "data.crc.1.tmp", folder / "graph-0-1.1.tmp", tmp_path / "snapshots" / "1.part"]
    kept = [file.with_stem(f"{file.stem}-of-now") for file in left]
    for file in left + kept:
        file.write_bytes(b"begun")
        if file in left:
            os.utime(file, (ahead, ahead))
    with QdrantClient(tmp_path) as client:
        client.create_snapshot("c")
        client.upload_collection("c", vectors(N), ids=range(N, 2 * N))
        assert client.wait_until_indexed("c")
    assert [file.exists() for file in left] == [False] * 3
    assert [file.exists() for file in kept] == [True] * 3


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_vacuum_of_another_process_while_derived_data_is_written_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """What was made for the old generation is dropped, and made for the new one."""
    write, vacuumed = indexes.Indexes.write, threading.Event()

    def write_meanwhile(self: Any, form: Any) -> Any:
        if vacuumed.is_set():
            return write(self, form)
        vacuumed.set()
        written = write(self, form) if moment == "after" else None
        other.delete("c", models.Filter(must=[models.HasIdCondition(has_id=list(range(N // 2)))]))
        assert other.wait_until_indexed("c")
        return written or write(self, form)

    with QdrantClient(tmp_path) as client, QdrantClient(tmp_path) as other:
        fill(client, GRAPH_AT_ONCE, n=0)
        assert client.wait_until_indexed("c")
        assert other.count("c").count == 0
        monkeypatch.setattr(indexes.Indexes, "write", write_meanwhile)
        client.upload_collection("c", vectors(N), ids=range(N), batch_size=4000)
        assert client.wait_until_indexed("c")
        assert vacuumed.is_set()
        assert client.count("c").count == N // 2
        assert client.get_collection("c").optimizer_status == "ok"
    assert [folder.name for folder in (tmp_path / "derived").iterdir()] == ["2"]
    assert {"graph", "points"} <= {file.name.split("-")[0] for file in (tmp_path / "derived" / "2").iterdir()}


def test_nor_is_that_another_process_deletes_the_collection_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write, deleted = indexes.Indexes.write, threading.Event()

    def write_meanwhile(self: Any, form: Any) -> Any:
        if not deleted.is_set():
            deleted.set()
            other.delete_collection("c")
            shutil.rmtree(tmp_path / "derived", ignore_errors=True)
            (tmp_path / "derived").write_text("no folder can be made here")
        return write(self, form)

    with QdrantClient(tmp_path) as client, QdrantClient(tmp_path) as other:
        fill(client, GRAPH_AT_ONCE, n=0)
        monkeypatch.setattr(indexes.Indexes, "write", write_meanwhile)
        client.upload_collection("c", vectors(N), ids=range(N), batch_size=N)
        assert deleted.wait(60)
    assert not caplog.records
