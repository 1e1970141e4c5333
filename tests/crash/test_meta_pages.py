"""Flipped bits in LMDB's two meta pages of a killed store: refused, or the newest commit's answer; never an older one.

`MINIDB_EVERY_BIT=1 python -m pytest tests/crash/test_meta_pages.py` tries all bits instead of every 29th beside the
commits' numbers. As a program it opens a store again and again with one bit flipped: damage may end the process.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from minidb import QdrantClient, errors, models
from minidb.storage.interface import Durability
from minidb.storage.pages import read_metas

PAGE = 4096
USED = range(16, 16 + 24 + 2 * 48 + 16)
"""Of a meta page: magic, version, address, size of the map; two trees; the last page and the commit's number."""
NUMBER = range(USED.stop - 8, USED.stop)
STEP = 1 if "MINIDB_EVERY_BIT" in os.environ else 29


@pytest.mark.parametrize("n_more", range(4))  # which bits of a number can be mistaken depends on the number
@pytest.mark.parametrize("durability", ["full", "normal", "off"])
def test_no_bit_of_a_meta_page_takes_the_newest_commit_back(
    tmp_path: Path, n_more: int, durability: Durability
) -> None:
    with QdrantClient(tmp_path / "store", durability=durability) as client:
        client.create_collection("c", vectors_config={})
        for n in range(3 + n_more):
            client.upsert("c", [models.PointStruct(id=1, vector={}, payload={"n": n})])
        shutil.copytree(tmp_path / "store", tmp_path / "killed")
    bits = [(page * PAGE + at, 1 << bit) for page in range(2) for at in USED for bit in range(8)]
    numbers = [(at, mask) for at, mask in bits if at % PAGE in NUMBER]
    others = [bit for bit in bits if bit not in numbers]
    told = subprocess.run(
        [sys.executable, __file__, str(tmp_path / "killed"), json.dumps(numbers + others[n_more::STEP])],
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    ).stdout
    found = json.loads(told)
    assert len(found) == len(numbers) + len(others[n_more::STEP])
    right = {"n": 2 + n_more}
    kinds = {answer.partition(":")[0] if isinstance(answer, str) else json.dumps(answer) for answer in found}
    assert kinds == {json.dumps(right), "CorruptionError"}, found


def test_an_older_number_in_the_older_page_is_no_damage(tmp_path: Path) -> None:
    """As after LMDB has made a table of its own accord, or a compacted file took the place."""
    with QdrantClient(tmp_path / "store") as client:
        client.create_collection("c", vectors_config={})
        client.upsert("c", [models.PointStruct(id=1, vector={}, payload={"n": 1})])
        client.compact()
        client.upsert("c", [models.PointStruct(id=1, vector={}, payload={"n": 2})])
        shutil.copytree(tmp_path / "store", tmp_path / "killed")
    assert not (tmp_path / "killed" / "data.crc").exists()
    assert answer_of(tmp_path / "killed") == {"n": 2}


def answer_of(store: Path) -> object:
    try:
        with QdrantClient(store) as client:
            return client.retrieve("c", [1])[0].payload
    except errors.MinidbError as error:
        return f"{type(error).__name__}: {error}"


def main(store: Path, bits: list[tuple[int, int]]) -> list[object]:
    data, lock = store / "data.mdb", store / "lock.mdb"
    content = data.read_bytes()
    assert read_metas(data)[1].page_bytes == PAGE
    answers = []
    for at, mask in bits:
        flipped = bytearray(content)
        flipped[at] ^= mask
        data.write_bytes(flipped)
        (store / "data.crc").unlink(missing_ok=True)
        lock.unlink(missing_ok=True)
        answers.append(answer_of(store))
    return answers


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), json.loads(sys.argv[2]))))
