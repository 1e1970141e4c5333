"""CRC-32 on everything that is stored, so that a flipped bit is an error and never an answer.

`seal`/`unseal` guard one value of a table, `seal_rows`/`first_bad_row` rows of one width, `checksum_of` whole files.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from minidb.cores import on_all_cores

if TYPE_CHECKING:
    from typing_extensions import Buffer

CRC_BYTES = 4
_PIECE_BYTES = 8 << 20
"""Of a whole file, checked by one core; 2 ms."""
_POLYNOMIAL = 0xEDB88320
_ONE = 1 << 31
RESIDUE = 0x2144DF1C
"""The CRC-32 of anything followed by its own CRC-32, little endian."""


def seal(key: bytes, value: bytes) -> bytes:
    """The value followed by the CRC-32 of key and value, little endian."""
    return value + crc32(value, crc32(key)).to_bytes(CRC_BYTES, "little")


def unseal(key: bytes, sealed: bytes) -> bytes | None:
    """The value, or None when the checksum does not match: damage to the key counts too."""
    return sealed[:-CRC_BYTES] if crc32(sealed, crc32(key)) == RESIDUE else None


def checksum_of(data: Buffer) -> int:
    """The CRC-32 of a whole file; of a large one, piece by piece on all cores.

    A CRC-32 is the remainder of a polynomial, so that of a beginning and an end is that of the beginning, multiplied by
    `x` to the number of bits that follow, plus that of the end.
    """
    view = memoryview(data)
    if len(view) <= 2 * _PIECE_BYTES:
        return crc32(view)
    pieces = [view[start : start + _PIECE_BYTES] for start in range(0, len(view), _PIECE_BYTES)]
    whole = 0
    for piece, found in zip(pieces, on_all_cores(crc32, pieces), strict=True):
        whole = _product(_power_of_x(8 * len(piece)), whole) ^ found
    return whole


@lru_cache(maxsize=8)
def _power_of_x(exponent: int) -> int:
    found, square = _ONE, _ONE >> 1
    while exponent:
        if exponent & 1:
            found = _product(found, square)
        square = _product(square, square)
        exponent >>= 1
    return found


def _product(one: int, other: int) -> int:
    """Of two polynomials, modulo that of CRC-32; the highest bit is the coefficient of 1, the lowest that of x³¹."""
    found = 0
    while one:
        if one & _ONE:
            found ^= other
        one = one << 1 & 0xFFFFFFFF
        other = other >> 1 ^ (_POLYNOMIAL if other & 1 else 0)
    return found


def stride_of(width: int) -> int:
    """Bytes one row of `width` content bytes takes: padded to 4, so that float rows and the checksum stay aligned."""
    return (width + 3) // 4 * 4 + CRC_BYTES


def seal_rows(content: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`(n, width) uint8` → `(n, stride) uint8`, each row padded with zeros and closed by its CRC-32."""
    n, width = content.shape
    stride = stride_of(width)
    if n == 1:  # as bytes: a third of the time that arrays of one row take
        row = content.tobytes() + bytes(stride - CRC_BYTES - width)
        return np.frombuffer(row + crc32(row).to_bytes(CRC_BYTES, "little"), np.uint8).reshape(1, stride)
    rows = np.zeros((n, stride), np.uint8)
    rows[:, :width] = content
    body = stride - CRC_BYTES
    flat = rows.reshape(-1).data
    checksums = [crc32(flat[start : start + body]) for start in range(0, n * stride, stride)]
    rows[:, body:] = np.array(checksums, "<u4").view(np.uint8).reshape(n, CRC_BYTES)
    return rows


def first_bad_row(rows: NDArray[np.uint8], present: NDArray[np.bool_] | None = None) -> int | None:
    """Number of the first row of a C-contiguous `(n, stride)` array that does not match its checksum.

    Rows where `present` is False are not looked at. A row of zeros, checksum included, never matches.
    """
    n, stride = rows.shape
    body = stride - CRC_BYTES
    expected = np.ascontiguousarray(rows[:, body:]).view("<u4").reshape(n).tolist()
    flat = rows.reshape(-1).data
    numbers = range(n) if present is None or present.all() else np.flatnonzero(present).tolist()
    for row in numbers:
        start = row * stride
        if crc32(flat[start : start + body]) != expected[row]:
            return int(row)
    return None


def unmatched(content: NDArray[np.uint8], start: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Which of the stretches `content[start : start + length]` do not end in the CRC-32 of what is before.

    A checksum is the exclusive or of what each byte adds to it at its place, so all are made column by column.
    """
    found = np.full(len(start), crc32(bytes(length)), np.uint32)
    for place, table in enumerate(_contributions(length)):
        found ^= table.take(content.take(start + place))
    return np.flatnonzero(found != RESIDUE)


@lru_cache
def _contributions(length: int) -> tuple[NDArray[np.uint32], ...]:
    """`(256,)` for each place: what a byte there adds to the CRC-32 of so many bytes."""
    last = np.array([crc32(bytes([byte])) ^ crc32(b"\0") for byte in range(256)], np.uint32)
    tables = [last]
    while len(tables) < length:
        tables.append(last[tables[-1] & 255] ^ tables[-1] >> 8)
    return tuple(tables[::-1])
