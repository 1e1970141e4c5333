"""What a collection remembers for `push` and `pull`: how far each peer has been served, how far its log was followed,
which operations wrote what came from it, and the ids of points that were deleted since.

Lies in `meta` under the collection's number, so that it survives a vacuum and goes with the collection. Records tell by
their versions what is newer than an operation; only of deletions nothing would be left. They are kept from the first
`push` or `pull` on, up to `MAX_DELETIONS`. Knows nothing of what a peer is; called by `client.sync` and by drafts.

    b"sync" + number + b"since"          → (operation from which on deletions are kept, how many ids are kept)
    b"sync" + number + b"gone" + seq     → ids an operation deleted
    b"sync" + number + b"peer" + digest  → a `Peer`
    b"sync" + number + b"pull" + digest  → `Followed`
    b"sync" + number + b"sets" + digest  → the settings of both sides (`client.sync.settings`)
    b"sync" + number + b"eras" + opening → see `eras`
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import msgpack
import numpy as np
from numpy.typing import NDArray

from minidb.storage.interface import ReadTransaction, WriteTransaction
from minidb.storage.records import PointId, raise_format, uuid_text

MAX_DELETIONS = 1_000_000
"""Ids kept of a collection, 9 to 18 bytes each: a peer that never comes back takes no more than this."""
_FORMAT = 2
"""An older minidb would delete without keeping ids: it is to refuse a store that is synchronised."""


Ranges: TypeAlias = "list[tuple[int, int]]"
"""Operations from and to, ascending."""


def add_operations(ranges: Ranges, seqs: Iterable[int]) -> None:
    """Take in operations that come after all those there."""
    for seq in seqs:
        if ranges and ranges[-1][1] == seq - 1:
            ranges[-1] = (ranges[-1][0], seq)
        else:
            ranges.append((seq, seq))


def among(ranges: Sequence[tuple[int, int]], versions: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which of these operations are in the ranges."""
    if not ranges:
        return np.zeros(len(versions), bool)
    firsts, lasts = np.array(ranges, np.uint64).T
    at = np.searchsorted(firsts, versions, "right")
    found: NDArray[np.bool_] = (at > 0) & (versions <= lasts[np.maximum(at, 1) - 1])
    return found


@dataclass
class Peer:
    """What is known of one peer of one collection."""

    met: int
    """The operation at which it was first heard of: earlier deletions are no concern of its."""
    marks: list[tuple[str, int]] = field(default_factory=list)
    """Served up to (but without) this operation when that token was left there; the newest first, two at most."""
    received: Ranges = field(default_factory=list)
    """Operations which wrote what came from there: points of these versions are as they came."""

    @property
    def needs(self) -> int:
        """Deletions from this operation on are still to be told."""
        return max(self.met, min((seq for _, seq in self.marks), default=0))

    def served(self, token: str | None) -> int | None:
        """Up to which operation a peer has been served that shows this token; None where it is no token of ours."""
        return next((seq for known, seq in self.marks if known == token), None)

    def serve(self, token: str, seq: int, found: str | None) -> None:
        """Note that all before `seq` is there. The token found stays good: the new one may yet fail to get there."""
        self.marks = [(token, seq), *(mark for mark in self.marks if mark[0] == found and found != token)]

    def pack(self) -> bytes:
        packed: bytes = msgpack.packb((self.met, self.marks, self.received))
        return packed

    @classmethod
    def unpack(cls, data: bytes) -> Peer:
        met, marks, received = msgpack.unpackb(data, use_list=False)
        return cls(met, list(marks), list(received))


@dataclass
class Followed:
    """How far the log of a peer's collection has been followed, which is somebody else's and has other numbers."""

    log: str
    """Its name; one that is not known there is of another collection, or of another history of it."""
    seq: int
    """All before this operation is here."""
    offset: PointId | None = None
    """Of that operation what comes before this id is here, too."""
    sent: dict[str, Ranges] = field(default_factory=dict)
    """Operations there which wrote what came from here, by the log's name when they were written."""

    def add_sent(self, log: str, numbers: Iterable[int]) -> None:
        """Take in operations that come after all those there of this log."""
        add_operations(self.sent.setdefault(log, []), numbers)

    def sent_from(self, seq: int) -> dict[str, Ranges]:
        """What was sent, but for operations before `seq`."""
        left = {log: [each for each in ranges if each[1] >= seq] for log, ranges in self.sent.items()}
        return {log: ranges for log, ranges in left.items() if ranges}

    def pack(self) -> bytes:
        packed: bytes = msgpack.packb((self.log, self.seq, self.offset, self.sent))
        return packed

    @classmethod
    def unpack(cls, data: bytes) -> Followed:
        log, seq, offset, sent = msgpack.unpackb(data, use_list=False)
        if not isinstance(sent, dict):  # of format 2, whose logs have other names now: they are not gone on with
            sent = {}
        return cls(log, seq, offset, {name: list(ranges) for name, ranges in sent.items()})


def find_followed(txn: ReadTransaction, number: int, identity: str) -> Followed | None:
    data = txn.get("meta", _peer_key(number, identity, b"pull"))
    return None if data is None else Followed.unpack(data)


def put_followed(txn: WriteTransaction, number: int, identity: str, followed: Followed) -> None:
    txn.put("meta", _peer_key(number, identity, b"pull"), followed.pack())


def find_settings(txn: ReadTransaction, number: int, identity: str) -> bytes | None:
    return txn.get("meta", _peer_key(number, identity, b"sets"))


def put_settings(txn: WriteTransaction, number: int, identity: str, data: bytes) -> None:
    txn.put("meta", _peer_key(number, identity, b"sets"), data)


def find_peer(txn: ReadTransaction, number: int, identity: str) -> Peer | None:
    data = txn.get("meta", _peer_key(number, identity))
    return None if data is None else Peer.unpack(data)


def meet_peer(txn: WriteTransaction, number: int, identity: str, seq: int) -> Peer:
    """What is known of a peer, who is from now on somebody for whom deletions are kept."""
    peer = find_peer(txn, number, identity)
    if peer is None:
        peer = Peer(seq)
        put_peer(txn, number, identity, peer)
    if kept_since(txn, number) is None:
        txn.put("meta", _since_key(number), msgpack.packb((seq, 0)))
        raise_format(txn, _FORMAT)
    return peer


def put_peer(txn: WriteTransaction, number: int, identity: str, peer: Peer) -> None:
    txn.put("meta", _peer_key(number, identity), peer.pack())


def kept_since(txn: ReadTransaction, number: int) -> int | None:
    """The operation from which on deletions are kept; None where they are not."""
    data = txn.get("meta", _since_key(number))
    return None if data is None else msgpack.unpackb(data)[0]


def keep_deleted(txn: WriteTransaction, number: int, seq: int, ids: Sequence[PointId]) -> None:
    """Keep the ids an operation deletes, where there is a peer to tell."""
    data = txn.get("meta", _since_key(number))
    if data is None or not ids:
        return
    since, n_kept = msgpack.unpackb(data)
    stored = [each if isinstance(each, int) else bytes.fromhex(each.replace("-", "")) for each in ids]
    txn.put("meta", _gone_key(number, seq), msgpack.packb(stored))
    n_kept += len(ids)
    if n_kept > MAX_DELETIONS:
        since, n_forgotten = _forgotten(txn, number, _LAST_SEQ, n_kept - MAX_DELETIONS // 2)
        n_kept -= n_forgotten
    txn.put("meta", _since_key(number), msgpack.packb((since, n_kept)))


def deleted(txn: ReadTransaction, number: int, start: int) -> Iterator[tuple[int, list[PointId]]]:
    """The operations from `start` on that deleted points, with their ids; points may be there again by now."""
    for key, data in txn.scan("meta", _gone_key(number, start), _gone_key(number, _LAST_SEQ)):
        ids = msgpack.unpackb(data)
        yield int.from_bytes(key[-8:], "big"), [each if type(each) is int else uuid_text(each) for each in ids]


def forget_served(txn: WriteTransaction, number: int) -> None:
    """Drop the deletions every peer has been told of."""
    data = txn.get("meta", _since_key(number))
    peers = [Peer.unpack(packed) for _, packed in txn.scan("meta", *sync_key_range(number, b"peer"))]
    if data is None or not peers:
        return
    since, n_kept = msgpack.unpackb(data)
    needed = min(peer.needs for peer in peers)
    if needed > since:
        _, n_forgotten = _forgotten(txn, number, needed, n_kept)
        txn.put("meta", _since_key(number), msgpack.packb((needed, n_kept - n_forgotten)))


def erase_sync_state(txn: WriteTransaction, number: int) -> None:
    """Forget all of it, with the collection."""
    txn.delete_range("meta", *sync_key_range(number))


def _forgotten(txn: WriteTransaction, number: int, stop: int, at_least: int) -> tuple[int, int]:
    """Drop the oldest kept deletions, before `stop` and until `at_least` ids are gone; the operation from which on all
    are still there, and how many ids were dropped."""
    n_forgotten, keys, start = 0, [], 0
    for key, data in txn.scan("meta", _gone_key(number, 0), _gone_key(number, stop)):
        if n_forgotten >= at_least:
            break
        keys.append(key)
        n_forgotten += len(msgpack.unpackb(data))
        start = int.from_bytes(key[-8:], "big") + 1
    for key in keys:
        txn.delete("meta", key)
    return start, n_forgotten


_LAST_SEQ = (1 << 64) - 1


def sync_key(number: int, kind: bytes = b"") -> bytes:
    """Key in `meta` of something kept of a collection for syncs."""
    return b"sync" + number.to_bytes(4, "big") + kind


def sync_key_range(number: int, kind: bytes = b"") -> tuple[bytes, bytes]:
    """Bounds of all there is of a kind."""
    return sync_key(number, kind), sync_key(number, kind) + b"\xff" * 17


def _since_key(number: int) -> bytes:
    return sync_key(number, b"since")


def _gone_key(number: int, seq: int) -> bytes:
    return sync_key(number, b"gone") + seq.to_bytes(8, "big")


def _peer_key(number: int, identity: str, kind: bytes = b"peer") -> bytes:
    return sync_key(number, kind) + hashlib.blake2b(identity.encode(), digest_size=16).digest()
