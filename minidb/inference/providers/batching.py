"""Splits the inputs of a call into requests a service accepts, sends them side by side, and puts the vectors in order.

Token counts are estimates, made without any tokenizer and rather too high; a batch the service still finds too large is
halved. Called by the providers; knows nothing of what an input looks like on the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, TypeAlias

from numpy.typing import NDArray

from minidb.errors import InferenceError
from minidb.inference.context import InferenceContext, out_of_time
from minidb.inference.providers.failures import is_too_large

Vector: TypeAlias = NDArray[Any]  # (d,), or (n, d) for a multivector
Send: TypeAlias = Callable[[list[Any]], list[Vector]]

_THREADS = 8
_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Limits:
    """What one request may hold."""

    items: int
    tokens: int | None = None
    bytes: int = 16 * _MEGABYTE

    def within(self, batch_size: int | None) -> Limits:
        """The same with no more items than the caller wants."""
        return self if batch_size is None else Limits(min(self.items, batch_size), self.tokens, self.bytes)


@dataclass(frozen=True)
class Item:
    """One input as it goes into a body, and what it counts for."""

    content: Any
    bytes: int
    tokens: int = 0


def text_item(text: str, content: Any = None) -> Item:
    """A text, or whatever stands for it in the body."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return Item(text if content is None else content, size, estimate_tokens(text))


def estimate_tokens(text: str) -> int:
    """About the tokens of a text: one for 3 ASCII characters, 1.5 for a Chinese one (one for 2 bytes of others)."""
    if text.isascii():
        return len(text) // 3 + 1
    ascii_count = len(text.encode("ascii", "ignore"))
    return ascii_count // 3 + (len(text.encode("utf-8", "surrogatepass")) - ascii_count) // 2 + 1


def split(items: Sequence[Item], limits: Limits) -> list[list[Item]]:
    """Batches in the order of the items, each as full as the limits allow. An item beyond them goes alone."""
    batches: list[list[Item]] = []
    tokens = size = 0
    for item in items:
        tokens += item.tokens
        size += item.bytes
        full = (
            not batches
            or len(batches[-1]) >= limits.items
            or size > limits.bytes
            or (limits.tokens is not None and tokens > limits.tokens)
        )
        if full:
            batches.append([])
            tokens, size = item.tokens, item.bytes
        batches[-1].append(item)
    return batches


def run(items: Sequence[Item], limits: Limits, send: Send, context: InferenceContext) -> list[Vector]:
    """One vector per item, in their order.

    Args:
        items: of one call.
        limits: of one request.
        send: makes the vectors of one batch; may be called from several threads.
        context: whose deadline counts.

    Raises:
        Whatever `send` raised first; the rest of the batches is then not sent. Timeout when the deadline passed.
    """
    batches = split(items, limits)
    if len(batches) == 1:
        return _send(batches[0], send)
    pool = ThreadPoolExecutor(min(_THREADS, len(batches)), "minidb-provider")
    try:
        futures = [pool.submit(_send, batch, send) for batch in batches]
        done, late = wait(futures, context.remaining(), FIRST_EXCEPTION)
        failed = next((error for future in futures if future in done and (error := future.exception())), None)
        if failed is not None:
            raise failed
        if late:
            raise out_of_time()
        return [vector for future in futures for vector in future.result()]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def run_parts(parts: Sequence[Hashable], run_part: Callable[[Any, list[int]], list[Vector]]) -> list[Vector]:
    """For inputs that may not share a request: runs each part, and returns the vectors in the order of the inputs.

    Args:
        parts: which part each input belongs to.
        run_part: from a part and the positions of its inputs to their vectors.
    """
    positions: dict[Hashable, list[int]] = {}
    for position, part in enumerate(parts):
        positions.setdefault(part, []).append(position)
    found: dict[int, Vector] = {}
    for part, places in positions.items():
        found.update(zip(places, run_part(part, places), strict=True))
    return [found[position] for position in range(len(parts))]


def _send(batch: list[Item], send: Send) -> list[Vector]:
    try:
        return send([item.content for item in batch])
    except InferenceError as error:
        if len(batch) == 1 or not is_too_large(error):
            raise
    middle = len(batch) // 2
    return _send(batch[:middle], send) + _send(batch[middle:], send)
