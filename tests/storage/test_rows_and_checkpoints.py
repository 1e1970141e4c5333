"""Row files and checkpoint files by themselves: appending, mapping, checking, and what damage does to them."""

from __future__ import annotations

import mmap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from numpy.typing import NDArray

from minidb.storage.checkpoint import Checkpoint, forget_pages, read_arrays, write_arrays
from minidb.storage.checksum import checksum_of, first_bad_row, seal, seal_rows, stride_of, unseal
from minidb.storage.interface import CorruptRow
from minidb.storage.rows import WAL_LIMIT_BYTES, MappedRowFile, MemoryRowFile
from minidb.system import files

WIDTH = 70


class Log:
    """As much of a write transaction as row files use."""

    def __init__(self) -> None:
        self.entries: dict[bytes, bytes] = {}

    def put(self, table: str, key: bytes, value: bytes) -> None:
        assert table == "wal"
        self.entries[key] = value


def content(n: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(1, 256, (n, WIDTH), np.uint8)


def numbers(*rows: int) -> NDArray[np.uint32]:
    return np.array(rows, np.uint32)


def row_file(path: Path, durable: bool = True) -> MappedRowFile:
    return MappedRowFile(path, path.parents[2], b"key", WIDTH, durable=durable, writable=True)


@pytest.fixture
def log() -> Any:
    return Log()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[MappedRowFile]:
    opened = row_file(tmp_path / "rows" / "1" / "0.vec")
    yield opened
    opened.close()


@pytest.mark.parametrize("width", [1, 3, 4, 12, 70])
def test_sealed_rows_are_aligned_and_closed_by_their_checksum(width: int) -> None:
    rows = np.random.default_rng(width).integers(0, 256, (9, width), np.uint8)
    sealed = seal_rows(rows)
    assert sealed.shape == (9, stride_of(width))
    assert stride_of(width) % 4 == 0
    assert (sealed[:, :width] == rows).all()
    assert first_bad_row(sealed) is None
    for row in range(9):
        for at in range(stride_of(width)):
            damaged = sealed.copy()
            damaged[row, at] ^= 1
            assert first_bad_row(damaged) == row
            assert first_bad_row(damaged, np.arange(9) != row) is None
    assert first_bad_row(np.zeros_like(sealed)) == 0


def test_a_sealed_value_belongs_to_its_key() -> None:
    sealed = seal(b"key", b"value")
    assert unseal(b"key", sealed) == b"value"
    assert unseal(b"kez", sealed) is None
    for at in range(len(sealed)):
        assert unseal(b"key", sealed[:at] + bytes([sealed[at] ^ 4]) + sealed[at + 1 :]) is None
        assert unseal(b"key", sealed[:at]) is None


@pytest.mark.parametrize("n_bytes", [0, 1, 63, 64, 65, 96, 97, 1000, 4096])
def test_a_checksum_made_of_pieces_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch, n_bytes: int) -> None:
    monkeypatch.setattr("minidb.storage.checksum._PIECE_BYTES", 32)
    monkeypatch.setattr("minidb.cores.N_CORES", 2)
    data = np.random.default_rng(n_bytes).integers(0, 256, n_bytes, np.uint8).tobytes()
    assert checksum_of(data) == crc32(data)
    assert checksum_of(bytes(n_bytes)) == crc32(bytes(n_bytes))


def test_rows_are_read_as_they_were_appended(file: MappedRowFile, log: Any) -> None:
    first, second = seal_rows(content(10)), seal_rows(content(5000, 1))
    file.append(log, 0, first)
    mapped = file.raw(10)
    file.append(log, 10, second)
    assert (mapped == first).all()
    assert (file.raw(5010) == np.concatenate([first, second])).all()
    file.verify_all(5010, None)


@pytest.mark.parametrize("mapped_bytes", [0, 1 << 30], ids=["read", "mapped"])
def test_copies_of_rows_are_checked(
    tmp_path: Path, log: Any, monkeypatch: pytest.MonkeyPatch, mapped_bytes: int
) -> None:
    """Few rows of a large file are read one by one, without a map."""
    monkeypatch.setattr("minidb.storage.rows._MAPPED_BYTES", mapped_bytes)
    path = tmp_path / "0.vec"
    assert (row_file(path).copied(numbers(), 10) == 0).all()
    with pytest.raises(CorruptRow):
        row_file(path).copied(numbers(3, 1), 10)
    assert not path.exists()
    file = row_file(path)
    sealed, some = seal_rows(content(100)), numbers(99, 4, 4, 0, 98)
    file.append(log, 0, sealed)
    assert (file.copied(some, 100) == sealed[some]).all()
    target = np.zeros((5, file.stride), np.uint8)
    assert file.copied(some, 100, target) is target
    assert (target == sealed[some]).all()
    file._opened().write_at(7 * file.stride + 3, b"damage")
    with pytest.raises(CorruptRow) as found:
        file.copied(numbers(4, 7, 8), 100)
    assert found.value.row == 7
    assert (file.copied(numbers(6, 8), 100) == sealed[[6, 8]]).all()
    with pytest.raises(CorruptRow):  # and again: it was not remembered as good
        file.copied(numbers(7), 100)
    file.close()
    with path.open("r+b") as opened:
        opened.truncate(50 * file.stride + 10)
    cut = row_file(path)
    assert (cut.copied(numbers(49), 100) == sealed[49]).all()
    with pytest.raises(CorruptRow) as found:
        cut.copied(numbers(49, 50, 99), 100)
    assert found.value.row == 50
    cut.close()


def test_small_appends_go_into_the_log_and_large_ones_do_not(file: MappedRowFile, log: Any) -> None:
    small = seal_rows(content(10))
    file.append(log, 0, small)
    assert log.entries == {b"key" + (0).to_bytes(8, "big"): small.tobytes()}
    large = seal_rows(content(WAL_LIMIT_BYTES // file.stride + 1))
    file.append(log, 10, large)
    assert len(log.entries) == 1


def test_without_durability_there_is_no_log(tmp_path: Path, log: Any) -> None:
    file = row_file(tmp_path / "0.vec", durable=False)
    file.append(log, 0, seal_rows(content(10)))
    assert not log.entries
    file.close()


def test_only_rows_that_are_asked_for_are_errors(file: MappedRowFile, log: Any) -> None:
    file.append(log, 0, seal_rows(content(100)))
    file._opened().write_at(7 * file.stride + 3, b"damage")
    file.verify(numbers(6, 8, 99), 100)
    with pytest.raises(CorruptRow) as found:
        file.verify(numbers(5, 7), 100)
    assert (found.value.row, found.value.file) == (7, str(file.path))
    with pytest.raises(CorruptRow):  # and again: it was not remembered as good
        file.verify(numbers(7), 100)
    with pytest.raises(CorruptRow):
        file.verify_all(100, None)
    present = np.ones(100, bool)
    present[7] = False
    file.verify(numbers(6), 100)
    file.verify_all(100, present)


def test_rows_that_came_after_a_check_are_checked(file: MappedRowFile, log: Any) -> None:
    file.append(log, 0, seal_rows(content(10)))
    file.verify(numbers(*range(10)), 10)
    file.append(log, 10, seal_rows(content(10, 1)))
    file._opened().write_at(12 * file.stride, b"damage")
    file.verify(numbers(11), 20)
    with pytest.raises(CorruptRow):
        file.verify(numbers(12), 20)


def test_a_file_that_is_gone_or_cut_reads_as_bad_rows_and_is_not_made(tmp_path: Path, log: Any) -> None:
    path = tmp_path / "0.vec"
    assert (row_file(path).raw(10) == 0).all()
    assert not path.exists()
    file = row_file(path)
    file.append(log, 0, seal_rows(content(100)))
    file.close()
    with path.open("r+b") as opened:
        opened.truncate(50 * file.stride + 10)
    cut = row_file(path)
    cut.verify(numbers(0, 49), 100)
    with pytest.raises(CorruptRow) as found:
        cut.verify(numbers(49, 50, 99), 100)
    assert found.value.row == 50
    assert (cut.raw(100)[51:] == 0).all()
    cut.close()


def test_growing_at_the_same_time_never_cuts_off_rows(tmp_path: Path, log: Any) -> None:
    """Readers of a field whose last points lack the vector grow the file too; here two openers of it, by turns."""
    path = tmp_path / "0.vec"
    writer, reader = row_file(path), row_file(path)
    writer.append(log, 0, seal_rows(content(1)))
    done = threading.Event()

    def read() -> None:
        n_rows = 1
        while not done.is_set():
            n_rows += 500
            reader.raw(n_rows)

    thread = threading.Thread(target=read)
    thread.start()
    blocks = [seal_rows(content(400, seed)) for seed in range(60)]
    for number, block in enumerate(blocks):
        writer.append(log, 1 + 400 * number, block)
    done.set()
    thread.join()
    assert (writer.raw(1 + 400 * 60)[1:] == np.concatenate(blocks)).all()
    writer.close()
    reader.close()


def test_memory_rows_keep_what_a_reader_has(log: Any) -> None:
    file = MemoryRowFile("0.vec", WIDTH)
    first, second = seal_rows(content(10)), seal_rows(content(100, 1))
    file.append(log, 0, first)
    before = file.raw(20)
    file.append(log, 20, second)
    assert (before[:10] == first).all()
    assert (before[10:] == 0).all()
    assert (file.raw(120)[20:] == second).all()
    with pytest.raises(ValueError, match="read-only"):
        file.raw(10)[0] = 1


ARRAYS = {
    "rows": np.arange(1000, dtype=np.uint32).reshape(100, 10),
    "empty": np.zeros((0, 3), np.float32),
    "values": np.linspace(0, 1, 77, dtype=np.float32),
}


def test_a_checkpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = write_arrays(tmp_path / "1", "sparse-0", 100, {"scale": 2.5}, ARRAYS)
    checkpoint = Checkpoint.unpack(written.pack())
    assert (checkpoint.n_rows, checkpoint.meta["scale"]) == (100, 2.5)
    read = read_arrays(tmp_path / "1", checkpoint)
    assert read is not None
    for name, array in ARRAYS.items():
        assert read[name].dtype == array.dtype
        assert (read[name] == array).all()
    assert [file.name for file in (tmp_path / "1").iterdir()] == ["sparse-0"]


def test_memory_of_a_mapped_array_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = np.arange(100_000, dtype=np.uint32)
    read = read_arrays(tmp_path, write_arrays(tmp_path, "sketch-0", 100_000, {}, {"rows": large}))
    assert read is not None
    forgotten: list[object] = []
    forget = files.forget_pages

    def noted(buffer: object) -> None:
        forgotten.append(buffer)
        forget(buffer)

    monkeypatch.setattr(files, "forget_pages", noted)
    for array in (read["rows"][10:], large):
        forget_pages(array)
    assert [isinstance(buffer, mmap.mmap) for buffer in forgotten] == [True, False]
    assert (read["rows"] == large).all()


def test_a_checkpoint_of_nothing(tmp_path: Path) -> None:
    checkpoint = write_arrays(tmp_path, "sparse-0", 0, {}, {"empty": ARRAYS["empty"]})
    read = read_arrays(tmp_path, checkpoint)
    assert read is not None
    assert read["empty"].shape == (0, 3)


def test_a_damaged_checkpoint_is_not_there(tmp_path: Path) -> None:
    checkpoint = write_arrays(tmp_path, "sparse-0", 100, {}, ARRAYS)
    file = tmp_path / "sparse-0"
    whole = file.read_bytes()
    for at in range(0, len(whole), 97):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        assert read_arrays(tmp_path, checkpoint) is None
    for damaged in (whole[:-1], whole + b"\0", b""):
        file.write_bytes(damaged)
        assert read_arrays(tmp_path, checkpoint) is None
    file.unlink()
    assert read_arrays(tmp_path, checkpoint) is None
