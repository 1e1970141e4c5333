"""Taking in the body of a request: into memory up to a limit, or, of an upload, into a temporary file."""

from __future__ import annotations

import asyncio
import tempfile
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from mmap import ACCESS_READ, mmap
from typing import IO

from starlette.requests import Request

from minidb.errors import BadInput, MinidbError
from minidb.models.faults import printable
from minidb.system import files

_MOST_BYTES = 1 << 30
LEAST_BYTES_PER_S = 1_000
"""A client that sends, or reads, less in the long run is given up."""


class TooLarge(MinidbError):
    """A body beyond the server's limit."""

    status_code = 413


class TooMuch(MinidbError):
    """A body beyond what those of all requests may have together."""

    status_code = 503


class Encoded(MinidbError):
    """A body in an encoding that is not read here."""

    status_code = 415


class TooSlow(MinidbError):
    """A body of which no next piece came in time, or too few bytes."""

    status_code = 408


async def pieces(request: Request, patience_s: float) -> AsyncIterator[bytes]:
    """The body as it comes. Raises TooSlow when it stops coming, or trickles: so does who means to hold a place."""
    stream, n_bytes = request.stream(), 0
    clock = asyncio.get_running_loop().time
    began = clock()
    while True:
        bought_s = n_bytes / LEAST_BYTES_PER_S - (clock() - began)  # by what has come, beyond our patience
        try:
            piece = await asyncio.wait_for(anext(stream), patience_s + min(bought_s, 0.0))
        except StopAsyncIteration:
            return
        except asyncio.TimeoutError:
            raise TooSlow(
                f"of the body only {n_bytes} bytes came in {clock() - began:.3g} seconds: expected a piece within "
                f"{patience_s:g} seconds, and {LEAST_BYTES_PER_S} bytes a second"
            ) from None
        n_bytes += len(piece)
        yield piece


class Bodies:
    """What all requests of a server have sent, from its first byte to the end of the answer."""

    def __init__(self, limit_bytes: int) -> None:
        self._most_bytes = max(_MOST_BYTES, limit_bytes)
        self._n_bytes = 0

    @contextmanager
    def one(self) -> Iterator[Callable[[int], None]]:
        """For one request; what is given says that so many bytes more have come. It raises TooMuch."""
        own = 0

        def take(n_bytes: int) -> None:
            nonlocal own
            if self._n_bytes + n_bytes > self._most_bytes:
                raise TooMuch(f"{self._n_bytes} bytes of requests are in memory already: try again later")
            own += n_bytes
            self._n_bytes += n_bytes

        try:
            yield take
        finally:
            self._n_bytes -= own


async def read(request: Request, limit_bytes: int, patience_s: float, take: Callable[[int], None]) -> bytes:
    """The whole body. Raises TooLarge as soon as that is known: by its announced length, or when too much has come."""
    size = int(request.headers.get("content-length", 0))  # digits: the HTTP parser has refused anything else
    chunks = []
    if size <= limit_bytes:
        size = 0
        async for chunk in pieces(request, patience_s):
            size += len(chunk)
            if size > limit_bytes:
                break
            take(len(chunk))
            chunks.append(chunk)
    if size > limit_bytes:
        raise TooLarge(f"the request is larger than allowed (limit: {limit_bytes} bytes)")
    return b"".join(chunks)


def decoded(content: bytes, encoding: str, limit_bytes: int) -> bytes:
    """A body as it was before a client has packed it. The limit is for what comes out, too.

    Raises:
        Encoded: it is not gzip's or zlib's form.
        BadInput: it is neither, whatever its header says, or has something behind its end.
        TooLarge: more comes out than is allowed; no more than that was made of it.
    """
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        check_not_encoded(encoding)
        return content
    unpacking = zlib.decompressobj(zlib.MAX_WBITS + 32)  # either, by its first bytes
    try:
        unpacked = unpacking.decompress(content, limit_bytes + 1)
    except zlib.error as error:
        raise BadInput(f"the body cannot be unpacked: {error}") from None
    if len(unpacked) > limit_bytes:
        raise TooLarge(f"the request is larger than allowed (limit: {limit_bytes} bytes)")
    if not unpacking.eof or unpacking.unused_data:
        raise BadInput("the body cannot be unpacked: it is cut short, or goes on behind its end")
    return unpacked


def check_not_encoded(encoding: str) -> None:
    """Raises Encoded for all that has to be unpacked."""
    if encoding.strip().lower() not in ("", "identity"):
        raise Encoded(f"Content-Encoding {printable(encoding[:80])!r}: expected gzip or deflate, of uploads none")


@asynccontextmanager
async def spooled(request: Request, threads: Executor, patience_s: float) -> AsyncIterator[bytes | mmap]:
    """The whole body in a temporary file, mapped for as long as the block lasts; writing is done by `threads`.

    Raises `InsufficientStorage`, `ServiceError` where no such file can be had.
    """
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        try:
            # without a buffer: what failed would be written again at closing
            file = stack.enter_context(tempfile.TemporaryFile(buffering=0))
            async for chunk in pieces(request, patience_s):
                await loop.run_in_executor(threads, _write, file, chunk)
            content: bytes | mmap = b""  # nothing cannot be mapped
            if file.tell():
                content = stack.enter_context(mmap(file.fileno(), 0, access=ACCESS_READ))
        except OSError as error:
            raise files.failure(error, "the upload could not be kept") from error
        yield content


def _write(file: IO[bytes], data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
