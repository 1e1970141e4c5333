"""How points lie in the tables: keys, records, operation-log entries, the head of a collection.

Keys of one generation of one collection share the prefix `space` (u32 big endian), so a generation is one key range.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgpack
import numpy as np
from numpy.typing import NDArray

from minidb.errors import FormatVersionError
from minidb.storage.interface import ReadTransaction, WriteTransaction

PointId = int | str
FORMAT_VERSION = 3
"""The newest this minidb reads. A store has the oldest that does justice to it: 1, and 3 once it is synchronised
(`collection.sync_state`, `collection.eras`; 2 where an older minidb did so)."""
_FIRST_FORMAT = 1

COMMIT_KEY = b"commit"
"""In `meta`: the number of the commit itself, which LMDB's meta pages must agree with."""

_SMALL_PAYLOAD_BYTES = 512

_INT_KEY = struct.Struct(">IBQ")
_ROW_VALUE = struct.Struct("<I")

space_prefix = struct.Struct(">I").pack
row_key = struct.Struct(">II").pack
"""`row_key(space, row)`: key of a record."""
sparse_key = struct.Struct(">IHI").pack
"""`sparse_key(space, slot, row)`: key of one sparse vector."""
seq_key = struct.Struct(">IQ").pack
"""`seq_key(space, seq)`: key of an operation-log entry."""
row_value = _ROW_VALUE.pack


def check_format(txn: ReadTransaction) -> bool:
    """Whether the store is new. Raises `FormatVersionError` for one a newer minidb wrote."""
    data = txn.get("meta", b"format")
    if data is None:
        return True
    version = int.from_bytes(data, "big")
    if version > FORMAT_VERSION:
        raise FormatVersionError(
            f"this store has format {version}, this minidb reads up to {FORMAT_VERSION}: use a newer minidb"
        ).hinting("pip install --upgrade minidb-vector; the store was left as it is")
    return False


def mark_format(txn: WriteTransaction) -> None:
    """Stamp a new store."""
    txn.put("meta", b"format", _FIRST_FORMAT.to_bytes(4, "big"))


def raise_format(txn: WriteTransaction, version: int) -> None:
    """Stamp a store that now holds what only this format tells of: an older minidb refuses it."""
    if version > int.from_bytes(txn.get("meta", b"format") or b"", "big"):
        txn.put("meta", b"format", version.to_bytes(4, "big"))


def space_range(space: int) -> tuple[bytes, bytes]:
    """Bounds of everything a table holds for one space."""
    return space_prefix(space), space_prefix(space + 1)


def id_key(space: int, point_id: PointId) -> bytes:
    """Key of a point in `ids`; keys sort as Qdrant sorts ids: integers first, then UUIDs."""
    if isinstance(point_id, int):
        return _INT_KEY.pack(space, 0, point_id)
    return space_prefix(space) + b"\x01" + bytes.fromhex(point_id.replace("-", ""))


def row_of_value(value: bytes) -> int:
    """The row number an entry of `ids` holds."""
    return int.from_bytes(value, "little")


class Record(NamedTuple):
    """What is stored of a point beside its vectors."""

    id: PointId
    version: int
    slots: int
    """Bit mask: which vector slots the point has."""
    payload: bytes
    """Packed by `pack_payload`; unpacked only when somebody asks."""


def pack_record(
    point_id: PointId, version: int, slots: int, payload: bytes, pack: Callable[[Any], bytes] = msgpack.packb
) -> bytes:
    """`(id, version, slots, payload)` as msgpack; the payload as a byte string: reading the rest does not unpack it.

    Many are packed in half the time by the `pack` of one `Packer`.
    """
    stored_id = point_id if isinstance(point_id, int) else bytes.fromhex(point_id.replace("-", ""))
    stored_slots = slots if slots < 1 << 64 else slots.to_bytes((slots.bit_length() + 7) // 8, "little")
    return pack((stored_id, version, stored_slots, payload))


def unpack_record(data: bytes) -> Record:
    """The inverse of `pack_record`."""
    stored_id, version, slots, payload = msgpack.unpackb(data)
    point_id = stored_id if type(stored_id) is int else uuid_text(stored_id)
    return Record(point_id, version, slots if type(slots) is int else int.from_bytes(slots, "little"), payload)


def uuid_text(stored_id: bytes) -> str:
    """A UUID's 16 bytes as text."""
    digits = stored_id.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def payload_of(data: bytes) -> bytes:
    """The packed payload of a stored record."""
    payload: bytes = msgpack.unpackb(data)[3]
    return payload


def unpack_payload(payload: bytes) -> dict[str, Any]:
    """A packed payload as the caller's own, fresh dictionary."""
    unpacked: dict[str, Any] = msgpack.unpackb(payload)
    return unpacked


def unpack_entries(payload: bytes, keys: Collection[str], others: bool = False) -> dict[str, Any]:
    """The entries of these keys, in their order, or with `others` those of all other keys.

    What is not wanted is skipped, in a tenth of the time that unpacking it takes. Of a small payload everything comes:
    it takes less time than picking.
    """
    if len(payload) < _SMALL_PAYLOAD_BYTES:
        return unpack_payload(payload)
    unpacker = msgpack.Unpacker(max_buffer_size=len(payload))
    unpacker.feed(payload)
    found, n_missing = {}, -1 if others else len(keys)
    for _ in range(unpacker.read_map_header()):
        key = unpacker.unpack()
        if (key in keys) is others:
            unpacker.skip()
            continue
        found[key] = unpacker.unpack()
        n_missing -= 1
        if not n_missing:  # a key comes once
            break
    return found


class LogEntry(NamedTuple):
    """One committed operation, as other processes and a reopened store replay it."""

    first_row: int
    n_added: int
    removed: NDArray[np.uint32]
    """Rows that lost their point (deleted, or replaced by one of the added rows)."""
    changed: NDArray[np.uint32]
    """Rows whose payload was rewritten in place."""

    def pack(self) -> bytes:
        removed, changed = self.removed.astype("<u4").tobytes(), self.changed.astype("<u4").tobytes()
        packed: bytes = msgpack.packb((self.first_row, self.n_added, removed, changed))
        return packed

    @classmethod
    def unpack(cls, data: bytes) -> LogEntry:
        first_row, n_added, removed, changed = msgpack.unpackb(data)
        return cls(first_row, n_added, np.frombuffer(removed, "<u4"), np.frombuffer(changed, "<u4"))


@dataclass(slots=True)
class Head:
    """Where a collection stands: rewritten by every commit that touches it."""

    space: int
    seq: int = 0
    """Operations applied; the next operation's id."""
    n_rows: int = 0
    config_version: int = 0
    n_tokens: dict[int, int] = field(default_factory=dict)
    """Committed token rows per multivector slot."""

    def pack(self) -> bytes:
        tokens = list(self.n_tokens.items())
        packed: bytes = msgpack.packb((self.space, self.seq, self.n_rows, self.config_version, tokens))
        return packed

    @classmethod
    def unpack(cls, data: bytes) -> Head:
        space, seq, n_rows, config_version, tokens = msgpack.unpackb(data)
        return cls(space, seq, n_rows, config_version, dict(tokens))


def pack_sparse(indices: NDArray[np.uint32], values: NDArray[np.float32]) -> bytes:
    """Indices (u32, ascending) then values (f32), little endian."""
    return indices.astype("<u4", copy=False).tobytes() + values.astype("<f4", copy=False).tobytes()


def unpack_sparse(data: bytes) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """The inverse of `pack_sparse`; both arrays are read-only views of `data`."""
    half = len(data) // 2
    return np.frombuffer(data, "<u4", half // 4), np.frombuffer(data, "<f4", half // 4, half)


def n_entries(data: bytes) -> int:
    """How many entries a packed sparse vector has."""
    return len(data) // 8


def new_space(txn: WriteTransaction) -> int:
    """A key range and folder no generation ever had."""
    space = int.from_bytes(txn.get("meta", b"next_space") or b"\x01", "big")
    txn.put("meta", b"next_space", (space + 1).to_bytes(4, "big"))
    return space
