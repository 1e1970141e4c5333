"""The table that forgets: its bound, its order, and that nothing of it is lost or kept too long."""

from __future__ import annotations

import os
import random
from collections import OrderedDict

import pytest

from minidb.storage.lru_table import LruTable, footprint
from minidb.storage.memory_store import MemoryStore
from minidb.storage.registry import open_store


@pytest.fixture(params=["memory", "lmdb"])
def store(request, tmp_path):
    store = MemoryStore() if request.param == "memory" else open_store(tmp_path / "s", "off")
    yield store
    store.close()


def key(number):
    return number.to_bytes(32, "big")


def table_of(store, capacity_bytes):
    return LruTable(store, "embeddings", capacity_bytes)


def test_values_by_key(store):
    table = table_of(store, 1_000_000)
    table.put_many([(key(1), b"one"), (key(2), b"x" * 5000)])
    assert table.get_many([key(2), key(3), key(1)]) == [b"x" * 5000, None, b"one"]
    table.put_many([(key(1), b"uno")])
    assert table.get_many([key(1)]) == [b"uno"]
    assert table.keys() == [key(2), key(1)]
    assert table.held_bytes() == footprint(b"uno") + footprint(b"x" * 5000)


def test_the_longest_unused_goes_first(store):
    table = table_of(store, 10 * footprint(b"v"))
    table.put_many([(key(i), b"v") for i in range(10)])
    table.get_many([key(0), key(3)])
    table.put_many([(key(10), b"v")])
    assert table.keys() == [key(i) for i in (4, 5, 6, 7, 8, 9, 0, 3, 10)]


def test_what_is_too_large_stays_out_and_pushes_nothing_out(store):
    table = table_of(store, 20_000)
    table.put_many([(key(1), b"v")])
    table.put_many([(key(2), b"v" * 30_000)])
    assert table.keys() == [key(1)]


def test_a_smaller_capacity_holds_from_the_next_write_on(store):
    table_of(store, 1_000_000).put_many([(key(i), b"v") for i in range(100)])
    smaller = table_of(store, 10 * footprint(b"v"))
    smaller.put_many([(key(100), b"v")])
    assert smaller.held_bytes() <= 10 * footprint(b"v")
    assert smaller.keys()[-1] == key(100)


def test_against_a_model_of_it(store):
    """Random reads and writes through two tables of one store, as two processes would have them."""
    rng = random.Random(5)
    capacity = 40_000
    tables = [table_of(store, capacity) for _ in range(2)]
    known: OrderedDict[bytes, bytes] = OrderedDict()
    for _ in range(300):
        table = rng.choice(tables)
        keys = [key(rng.randrange(60)) for _ in range(rng.randrange(1, 5))]
        if rng.random() < 0.5:
            values = table.get_many(keys)
            held = set(table.keys())
            for wanted, value in zip(keys, values, strict=True):
                assert (value is not None) == (wanted in held)
                assert value is None or value == known[wanted]
        else:
            items = [(k, rng.randbytes(rng.choice([0, 10, 1500, 3000]))) for k in dict.fromkeys(keys)]
            known.update(items)
            table.put_many(items)
            assert all(table.get_many([k]) == [value] for k, value in items)
        held = table.keys()
        sizes = [footprint(known[k]) for k in held]
        assert table.held_bytes() == sum(sizes) <= capacity


def test_the_data_file_stays_near_the_bound(tmp_path):
    capacity = 3_000_000
    for size in (100, 1550, 6200):
        store = open_store(tmp_path / str(size), "off")
        table = table_of(store, capacity)
        for _ in range(4 * capacity // (64 * footprint(b"v" * size))):
            table.put_many([(os.urandom(32), os.urandom(size)) for _ in range(64)])
        store.close()
        assert (tmp_path / str(size) / "data.mdb").stat().st_size < 1.6 * capacity


def test_it_outlives_the_store(tmp_path):
    store = open_store(tmp_path, "full")
    table_of(store, 100_000).put_many([(key(1), b"one")])
    store.close()
    store = open_store(tmp_path, "full")
    assert table_of(store, 100_000).get_many([key(1)]) == [b"one"]
    store.close()
