"""The embedding cache: what it spares, what it must not mix up, what it must not keep."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from counting import Counting, registry_of

from minidb import QdrantClient, errors, inference, inference_usage, models
from minidb.inference.cache import EmbeddingCache, pack, unpack
from minidb.inference.identity import digests, is_lasting
from minidb.inference.plan import Input
from minidb.inference.providers.call import Profile, read
from minidb.models.vectors import SparseVector

KEY = "k3y-that-nobody-may-see"
PROFILE = Profile("paid", "paid-api-key", "http://localhost")


class Paid(Counting):
    """An embedder that wants a key, tells the operation apart, and says what its vectors depend on."""

    def __init__(self, vector_of=None):
        super().__init__(vector_of or (lambda content: np.array([len(str(content)), 1.0], np.float32)), slow=True)

    def identity(self, request):
        return read(request, PROFILE).identity(by_operation=True)


@pytest.fixture
def paid(monkeypatch):
    embedder = Paid()
    monkeypatch.setattr(inference, "_registry", registry_of(embedder, "paid/"))
    return embedder


def text(content="text", model="paid/m", key=KEY, **options):
    keys = {} if key is None else {"paid-api-key": key}
    return models.Document(text=content, model=model, options={**keys, **options})


def open_client(path=":memory:", cache_bytes=1 << 20, **settings):
    client = QdrantClient(path, durability="off", embedding_cache_bytes=cache_bytes, **settings)
    if not client.collection_exists("c"):
        client.create_collection("c", {"v": models.VectorParams(size=2, distance="Dot")})
    return client


def upsert(client, *documents):
    client.upsert("c", [models.PointStruct(id=i, vector={"v": item}) for i, item in enumerate(documents)])


def search(client, document):
    return client.query_points("c", document, using="v").points


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_an_input_is_asked_for_once(paid, tmp_path, where):
    with open_client(":memory:" if where == "memory" else tmp_path) as client, inference_usage() as usage:
        upsert(client, text("a"), text("b"))
        upsert(client, text("b"), text("c"))
        upsert(client, text("a"), text("c"))
        assert paid.inputs == 3
        assert (usage.hits, usage.calls) == (3, 2)
        first = search(client, text("a"))
        assert search(client, text("a")) == first
    assert paid.inputs == 4


def test_it_is_off_by_default(paid):
    with QdrantClient(":memory:") as client:
        client.create_collection("c", {"v": models.VectorParams(size=2, distance="Dot")})
        upsert(client, text())
        upsert(client, text())
    assert paid.inputs == 2


def test_it_outlives_the_process(paid, tmp_path):
    with open_client(tmp_path) as client:
        upsert(client, text("a"))
    with open_client(tmp_path) as client:
        upsert(client, text("a"))
        assert client.retrieve("c", [0], with_vectors=True)[0].vector["v"] == [1.0, 1.0]
    with QdrantClient(tmp_path, durability="off") as client:  # and needs no cache to be opened
        upsert(client, text("a"))
    assert paid.inputs == 2


def test_row_086_a_hit_needs_a_key_too(paid, tmp_path):
    with open_client(tmp_path) as client:
        upsert(client, text())
        for keyless in (text(key=None), text(key=" ")):
            with pytest.raises(errors.InferenceError, match="needs a key"):
                upsert(client, keyless)
        upsert(client, text(key="another"))
    assert paid.inputs == 1


def test_rows_022_085_087_neither_keys_nor_inputs_are_on_disk(paid, tmp_path):
    with open_client(tmp_path, headers={"other-api-key": f"{KEY}-2"}) as client:
        upsert(client, text("a sentence that is not kept", extra="an option that is not kept"))
        search(client, text("a question that is not kept"))
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        stored = b"".join(path.read_bytes() for path in files)
    stored += b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert np.array([27.0, 1.0], np.float32).tobytes() in stored
    for secret in (KEY, "kept", "paid"):
        assert secret.encode() not in stored


def test_rows_117_126_sizes_are_cut_from_the_same_entry(paid):
    with open_client() as client:
        client.create_collection("d", {"v": models.VectorParams(size=1, distance="Dot")})
        upsert(client, text("a"))
        client.upsert("d", [models.PointStruct(id=1, vector={"v": text("a", mrl=1)})])
        assert client.count("d").count == 1
    assert paid.inputs == 1


def test_what_decides_a_vector_is_part_of_the_key(paid):
    with open_client() as client:
        documents = [
            text("a"), text("b"), text("a", model="paid/n"), text("a", user="u"), text("a", user="v"),
            text("a", base_url="http://elsewhere"),
            models.Image(image="QUFB" * 20, model="paid/m", options={"paid-api-key": KEY}),
        ]  # fmt: skip
        upsert(client, *documents)
        search(client, text("a"))
        assert paid.inputs == len(documents) + 1
        upsert(client, *documents, text("a", timeout=5), text("a", max_retries=1))
        search(client, text("a"))
    assert paid.inputs == len(documents) + 1


def test_an_address_is_asked_for_again(paid):
    with open_client() as client:
        picture = models.Image(image="https://example.com/a.png", model="paid/m", options={"paid-api-key": KEY})
        upsert(client, picture)
        upsert(client, picture)
    assert paid.inputs == 2


@pytest.mark.parametrize(
    ("given", "lasting"),
    [
        (Input("text", "http://x"), True),
        (Input("image", "data:image/png;base64,AAAA"), True),
        (Input("image", "/9j/" + "A" * 60), True),
        (Input("image", b"bytes"), True),
        (Input("image", "http://example.com/a.png"), False),
        (Input("image", "/home/somebody/pictures/from/a/long/long/way/off.png"), False),
        (Input("image", "picture"), False),
        (Input("image", Path("a.png")), False),
        (Input("object", {"a": 1}), False),
    ],
)
def test_what_stays_the_same(given, lasting):
    assert is_lasting(given) == lasting


def test_a_failure_is_not_kept(paid):
    with open_client() as client:
        paid._vector_of = lambda content: 1 / 0
        with pytest.raises(ZeroDivisionError):
            upsert(client, text())
        paid._vector_of = lambda content: [1.0, 2.0]
        upsert(client, text())
    assert paid.inputs == 2


def test_it_stays_within_its_bytes_and_forgets_the_longest_unused(paid, tmp_path):
    with open_client(tmp_path, cache_bytes=20_000) as client:
        for i in range(200):
            upsert(client, text(f"t{i}"))
            upsert(client, text("t0"))
        assert paid.inputs == 200
        upsert(client, text("t1"))
        assert paid.inputs == 201


def test_an_embedder_that_does_not_say_what_its_vectors_depend_on_is_asked_each_time(monkeypatch):
    embedder = Counting(slow=True)
    monkeypatch.setattr(inference, "_registry", registry_of(embedder, "paid/"))
    with open_client() as client:
        upsert(client, text(key=None))
        upsert(client, text(key=None))
    assert embedder.inputs == 2


def test_a_cache_that_fails_costs_only_the_saving(paid, monkeypatch, caplog):
    class Broken:
        def get_many(self, keys):
            raise errors.CorruptionError("data.mdb: embeddings do not match")

        def put_many(self, items):
            raise errors.InsufficientStorage("no space")

    for _ in range(2):
        inference.resolve(text(), operation="update", cache=EmbeddingCache(Broken()))
    assert paid.inputs == 2
    assert "cannot be read" in caplog.text
    assert KEY not in caplog.text


def test_processes_share_it(paid, tmp_path):
    code = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "import test_embedding_cache as t\n"
        "from counting import registry_of\n"
        "paid = t.Paid(); t.inference._registry = registry_of(paid, 'paid/')\n"
        "with t.open_client(sys.argv[1]) as client: t.upsert(client, t.text('a'), t.text('b'))\n"
        "print(paid.inputs)\n"
    )
    with open_client(tmp_path) as client:
        upsert(client, text("a"))
        paths = [str(tmp_path), str(Path(__file__).parent)]
        done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "1"
        upsert(client, text("b"))
    assert paid.inputs == 1


def test_threads_share_it(paid):
    with open_client() as client:

        def work():
            for i in range(30):
                upsert(client, text(f"t{i}"))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert paid.inputs == 30


@pytest.mark.parametrize("wrong", [0, -5, 1.5, True, "1"])
def test_a_size_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="embedding_cache_bytes must be a positive integer"):
        QdrantClient(":memory:", embedding_cache_bytes=wrong)


# Records


@pytest.mark.parametrize(
    "vector",
    [
        np.array([1.5, -2.25], np.float32),
        np.array([[1, 2], [3, 4]], np.float32),
        np.array([-128, 127], np.int8),
        np.array([0, 255], np.uint8),
        np.array([], np.float32),
        np.arange(6, dtype=np.float32)[::2],
    ],
)
def test_records_give_back_the_same_numbers(vector):
    found = unpack(pack(vector))
    assert found.dtype == vector.dtype
    assert found.tolist() == vector.tolist()
    assert not found.flags.writeable


def test_records_of_sparse_vectors():
    found = unpack(pack(SparseVector(indices=[7, 2**32 - 1], values=[1.5, 2.0])))
    assert (found.indices.tolist(), found.values.tolist()) == ([7, 2**32 - 1], [1.5, 2.0])
    assert (found.indices.dtype, found.values.dtype) == (np.uint32, np.float32)


def test_a_damaged_record_is_no_record():
    record = pack(np.array([1.0, 2.0], np.float32))
    for position in range(len(record)):
        damaged = bytearray(record)
        damaged[position] ^= 1
        assert unpack(bytes(damaged)) is None
    for length in range(len(record)):
        assert unpack(record[:length]) is None


def test_digests_tell_kinds_and_contents_apart():
    contents = [
        Input("text", "a"), Input("image", "a"), Input("object", "a"), Input("image", b"a"), Input("object", ["a"]),
        Input("text", ""), Input("text", "\ud800"), Input("object", 1), Input("object", "1"), Input("object", True),
    ]  # fmt: skip
    found = digests({"m": 1}, contents)
    assert len(set(found)) == len(contents)
    assert set(found).isdisjoint(digests({"m": 2}, contents))
    assert digests({"a": 1, "b": 2}, contents) == digests({"b": 2, "a": 1}, contents)
    assert digests({"m": 1}, [Input("object", object())]) == [None]
    assert digests({"m": object()}, contents) == [None] * len(contents)


def test_what_does_not_wait_is_not_kept(monkeypatch):
    """A hit costs a read and a miss a write: of vectors made at once neither is worth it, whatever their identity."""
    fast = Paid()
    fast.slow = False
    monkeypatch.setattr(inference, "_registry", registry_of(fast, "paid/"))
    with open_client() as client:
        upsert(client, text())
        upsert(client, text())
    assert fast.inputs == 2
