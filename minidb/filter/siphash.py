"""SipHash-2-4 of point ids, the public contract behind the `slice` condition.

A point belongs to slice `index` of `total` when `slice_hash(id) % total == index`; clients may compute it themselves,
so it must equal Qdrant's bit for bit. Called by conditions and by evaluators that precompute hashes for all rows.
"""

from __future__ import annotations

import uuid
from typing import Final

_MASK: Final = 2**64 - 1


def slice_hash(point_id: int | str) -> int:
    """SipHash-2-4, zero key, over the 8 little-endian bytes of a number or the 16 bytes of a UUID."""
    if isinstance(point_id, int):
        return siphash24(point_id.to_bytes(8, "little"))
    return siphash24(uuid.UUID(point_id).bytes)


def siphash24(data: bytes) -> int:
    """SipHash-2-4 with a zero key (Aumasson and Bernstein 2012)."""
    state = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    whole = len(data) - len(data) % 8
    blocks = [int.from_bytes(data[at : at + 8], "little") for at in range(0, whole, 8)]
    blocks.append(int.from_bytes(data[whole:], "little") | (len(data) & 0xFF) << 56)
    for block in blocks:
        v0, v1, v2, v3 = _rounds((state[0], state[1], state[2], state[3] ^ block), 2)
        state = (v0 ^ block, v1, v2, v3)
    v0, v1, v2, v3 = _rounds((state[0], state[1], state[2] ^ 0xFF, state[3]), 4)
    return v0 ^ v1 ^ v2 ^ v3


def _rounds(state: tuple[int, int, int, int], count: int) -> tuple[int, int, int, int]:
    v0, v1, v2, v3 = state
    for _ in range(count):
        v0 = (v0 + v1) & _MASK
        v1 = _rotate(v1, 13) ^ v0
        v0 = _rotate(v0, 32)
        v2 = (v2 + v3) & _MASK
        v3 = _rotate(v3, 16) ^ v2
        v0 = (v0 + v3) & _MASK
        v3 = _rotate(v3, 21) ^ v0
        v2 = (v2 + v1) & _MASK
        v1 = _rotate(v1, 17) ^ v2
        v2 = _rotate(v2, 32)
    return v0, v1, v2, v3


def _rotate(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (64 - bits))) & _MASK
