"""Taking in the body of a request: into memory up to a limit, or, of an upload, into a temporary file."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from mmap import ACCESS_READ, mmap

from starlette.requests import Request

from minidb.errors import InsufficientStorage, MinidbError


class TooLarge(MinidbError):
    """A body beyond the server's limit."""

    status_code = 413


class TooSlow(MinidbError):
    """A body of which no next piece came in time."""

    status_code = 408


async def pieces(request: Request, patience_s: float) -> AsyncIterator[bytes]:
    """The body as it comes. Raises TooSlow when it stops coming."""
    stream = request.stream()
    while True:
        try:
            yield await asyncio.wait_for(anext(stream), patience_s)
        except StopAsyncIteration:  # noqa: PERF203 - each piece has its own time
            return
        except asyncio.TimeoutError:
            raise TooSlow(f"nothing of the body came for {patience_s:g} seconds") from None


async def read(request: Request, limit_bytes: int, patience_s: float) -> bytes:
    """The whole body. Raises TooLarge as soon as that is known: by its announced length, or when too much has come."""
    size = int(request.headers.get("content-length", 0))  # digits: the HTTP parser has refused anything else
    chunks = []
    if size <= limit_bytes:
        size = 0
        async for chunk in pieces(request, patience_s):
            size += len(chunk)
            if size > limit_bytes:
                break
            chunks.append(chunk)
    if size > limit_bytes:
        raise TooLarge(f"the request is larger than allowed (limit: {limit_bytes} bytes)")
    return b"".join(chunks)


@asynccontextmanager
async def spooled(request: Request, threads: Executor, patience_s: float) -> AsyncIterator[bytes | mmap]:
    """The whole body in a temporary file, mapped for as long as the block lasts; writing is done by `threads`."""
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryFile() as file:
        try:
            async for chunk in pieces(request, patience_s):
                await loop.run_in_executor(threads, file.write, chunk)
            file.flush()
        except OSError as error:
            raise InsufficientStorage(f"the upload could not be kept: {error.strerror}") from error
        if not file.tell():
            yield b""  # nothing cannot be mapped
            return
        with mmap(file.fileno(), 0, access=ACCESS_READ) as mapped:
            yield mapped
