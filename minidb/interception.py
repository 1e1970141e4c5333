"""Clients of a server's address, answered in this process: for tests of code that makes its own clients.

    with minidb.intercept("http://localhost:6333") as store:
        code_under_test()
        assert store.count("docs").count == 3

minidb's own clients look for a block themselves; of qdrant-client, when it is installed, the two classes behind its
clients are patched as long as there is any block, so that they get a `Transport`.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from minidb.address import address_of, begin_block, end_block, intercepted
from minidb.client import QdrantClient
from minidb.errors import BadRequest
from minidb.opening import MEMORY
from minidb.system.processes import open_in_child
from minidb.transport import Transport, fit

_ADDRESS = ("url", "host", "port", "https", "prefix", "api_key")
_OTHER_WAYS = ("transport", "proxy", "mounts")
"""What httpx can be given in order to send requests elsewhere."""


@contextmanager
def intercept(url: str, location: str | Path = MEMORY, **options: Any) -> Iterator[QdrantClient]:
    """A block in which clients of a server's address are answered by a store of this process, and no port is opened.

    It holds for clients made inside, by any thread: qdrant-client's and minidb's, synchronous and asynchronous, whether
    they prefer gRPC or not; of one that does, errors are gRPC's. After the block they fail, since its store is closed.
    Blocks may be nested; of those with the same address the innermost answers. Other addresses are left alone.

    Args:
        url: the address: scheme, host, port (6333 by default) and path have to be those the clients are given.
        location: of the store: ":memory:" (the default), fresh for this block, or a directory.
        options: keywords of `minidb.QdrantClient` (`durability`, `image_rules`, …).

    Yields:
        A `minidb.QdrantClient` of the store, to prepare it or look inside.

    Raises:
        BadRequest: `url` is no address.
    """
    address = address_of(url)
    with QdrantClient(path=location, **options) as store:
        begin_block(address, store)
        try:
            _patch()
            yield store
        finally:
            with _patching:
                if end_block(store):
                    _unpatch()


_patching = open_in_child(threading.Lock())
_originals: dict[type, Callable[..., None]] = {}


def _patch() -> None:
    if find_spec("qdrant_client") is None:
        return
    from qdrant_client.async_qdrant_remote import AsyncQdrantRemote
    from qdrant_client.qdrant_remote import QdrantRemote

    with _patching:
        if not _originals:
            for kind, is_async in ((QdrantRemote, False), (AsyncQdrantRemote, True)):
                _originals[kind] = kind.__init__
                kind.__init__ = _diverted(kind.__init__, is_async=is_async)  # type: ignore[method-assign]


def _unpatch() -> None:
    while _originals:
        kind, original = _originals.popitem()
        kind.__init__ = original  # type: ignore[misc]


def _diverted(original: Callable[..., None], *, is_async: bool) -> Callable[..., None]:
    """A constructor of qdrant-client's that leads requests into a store, if its address is that of a block."""
    from minidb.in_process import construct

    signature = inspect.signature(original)

    @functools.wraps(original)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        given = signature.bind(self, *args, **kwargs)
        arguments = given.arguments
        try:
            address = address_of(**{name: arguments[name] for name in _ADDRESS if name in arguments})
        except (BadRequest, TypeError):  # qdrant-client has its own words for it
            return construct(original, given, is_here=False)
        store = intercepted(address)
        if store is None:
            return construct(original, given, is_here=False)
        others = {name: value for name, value in arguments.get("kwargs", {}).items() if name not in _OTHER_WAYS}
        transport = Transport(store, prefix=address.prefix)
        arguments["kwargs"] = {**others, "transport": transport}
        if arguments.get("auth_token_provider") is None:
            arguments["check_compatibility"] = False  # nobody would notice
        construct(original, given, is_here=True)
        fit(self, transport, is_async=is_async)
        return None

    return init
