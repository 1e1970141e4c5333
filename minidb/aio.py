"""The asynchronous client door: every method of `QdrantClient`, run in a thread so that the event loop goes on.

There is one implementation: the methods here are made from the synchronous ones. Their signatures for type checkers
and editors stand in `aio.pyi`, which `python tests/async_stub.py` writes.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any

from minidb.client import QdrantClient
from minidb.client.base import Base
from minidb.client.border import advise, look_at_places, shorten
from minidb.client.service import AnyClient
from minidb.errors import MinidbError


class AsyncQdrantClient(AnyClient):
    """A vector database in this process, for `async` code; arguments as for `QdrantClient`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._sync = QdrantClient(*args, **kwargs)
        self._init_options = self._sync._init_options

    async def __aenter__(self) -> AsyncQdrantClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        from asyncio import to_thread  # asyncio takes 30 ms to import, and whoever awaits has it already

        await to_thread(self._sync.close)

    def __repr__(self) -> str:
        return repr(self._sync).replace("QdrantClient", "AsyncQdrantClient", 1)


def public_methods() -> dict[str, Callable[..., Any]]:
    """The methods of `QdrantClient` a caller may use, by name."""
    return {
        name: method
        for kind in QdrantClient.__mro__
        if issubclass(kind, Base)
        for name, method in vars(kind).items()
        if inspect.isfunction(method) and name[0] != "_"
    }


def _in_thread(method: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
    plain = inspect.unwrap(method)

    @functools.wraps(method)
    async def run(self: AsyncQdrantClient, *args: Any, **kwargs: Any) -> Any:
        from asyncio import to_thread

        try:
            return await to_thread(plain, self._sync, *args, **kwargs)
        except MinidbError as error:
            shorten(error, plain.__code__)
            look_at_places(error, plain, (self, *args))
            raise
        except TypeError as error:
            advise(error, plain)
            raise

    run.__qualname__ = f"AsyncQdrantClient.{method.__name__}"  # what Python calls one that was never awaited
    return run


for _name, _method in public_methods().items():
    setattr(AsyncQdrantClient, _name, _in_thread(_method))
