"""The client door: `QdrantClient`, with the method names, arguments and results of qdrant-client's.

It turns arguments into request models and calls the `Database`; no logic lives here. Arguments that steer a cluster
(`consistency`, `ordering`, `shard_key_selector`) are accepted and have no effect on one machine; `wait=False` too
waits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from typing_extensions import Unpack

from minidb.address import ConnectionOptions, address_of, database_at, is_address
from minidb.client.border import public
from minidb.client.collections import CollectionMethods
from minidb.client.points import PointMethods
from minidb.client.search import SearchMethods
from minidb.client.service import ServiceMethods
from minidb.database import Database
from minidb.errors import BadRequest, choice, hinted
from minidb.inference import ImageRules, settings_of
from minidb.inference.secret import Secret
from minidb.models.keys import is_key_name
from minidb.opening import MEMORY
from minidb.storage.interface import Durability


@public
class QdrantClient(CollectionMethods, PointMethods, SearchMethods, ServiceMethods):
    """A vector database in this process.

    Args:
        location: a directory, created when it is not there, ":memory:" (the default) for a store that ends with the
            client, or an address. A string is a directory if it has a separator, begins with "." or "~" (the home
            folder), or is there; an address if it is a URL, localhost, an IP address, host:port, or, beside other
            parts of an address, a host's name. Any other word is refused: give it as `path` or `url`.
        url: the address of a server, as qdrant-client takes it. minidb connects to nothing: all clients of an address
            share a store in memory, inside `minidb.intercept` that of the block, else one that stays as long as the
            process. Its options are those of the client that came first.
        port: part of the address.
        grpc_port: no effect, as that of `prefer_grpc`, `force_disable_check_same_thread`, `grpc_options`,
            `auth_token_provider`, `check_compatibility` and `pool_size`.
        https: part of the address.
        api_key: accepted and kept nowhere; with one, an address without a scheme is of https.
        prefix: part of the address.
        timeout: seconds the inference of one call may take; None for no limit.
        host: the address by host name.
        path: the directory, by qdrant-client's name for it.
        cloud_inference: False (default): local models and providers are asked from here. True: the inference service at
            `inference_url`, which speaks Qdrant's protocol, makes all vectors but those of built-in models; with an
            address and no `inference_url`, whoever answers for the address does, which is here.
        local_inference_batch_size: inputs a local model (fastembed) gets at once; 8 by default.
        headers: sent along with every call; provider keys among them (`openai-api-key`, …) reach only their provider.
        durability: "full" (default): every acknowledged write survives a power cut. "normal": the store is never
            corrupt, but the last write may be lost to a power cut. "off": for tests; survives a crash of the process,
            not of the machine.
        read_only: writes are refused (403) and no file is written, not even where the folder may not be; LMDB's table
            of readers, `lock.mdb`, is used where it may be, so that writers in other processes keep what is read here.
        inference_url: the address of an inference service.
        inference_token: sent to it with every request.
        embedding_cache_bytes: size of a cache of embeddings in the store, where equal inputs are found again after a
            restart, too; it holds neither inputs nor keys. None (default) for no cache.
        image_rules: limits for images decoded here, for local models; see `minidb.inference.ImageRules`.
        connection: what qdrant-client hands on to httpx and gRPC; no effect, but that `metadata` are headers.

    Raises:
        BadRequest: (a ValueError) arguments that contradict each other, an address that is none, or a location that
            may be a directory or an address.

    Any number of threads may share a client, any number of processes may open one path.
    """

    def __init__(
        self,
        location: str | Path | None = None,
        url: str | None = None,
        port: int | None = 6333,
        grpc_port: int = 6334,
        prefer_grpc: bool = False,
        https: bool | None = None,
        api_key: str | None = None,
        prefix: str | None = None,
        timeout: float | None = None,
        host: str | None = None,
        path: str | Path | None = None,
        force_disable_check_same_thread: bool = False,
        grpc_options: Mapping[str, Any] | None = None,
        auth_token_provider: Callable[[], str] | Callable[[], Awaitable[str]] | None = None,
        cloud_inference: bool = False,
        local_inference_batch_size: int | None = None,
        check_compatibility: bool = True,
        pool_size: int | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        durability: Durability = "full",
        read_only: bool = False,
        inference_url: str | None = None,
        inference_token: str | None = None,
        embedding_cache_bytes: int | None = None,
        image_rules: ImageRules | None = None,
        **connection: Unpack[ConnectionOptions],
    ) -> None:
        options = {name: value for name, value in locals().items() if name not in ("self", "connection")}
        if unknown := connection.keys() - ConnectionOptions.__annotations__.keys():
            text = f"QdrantClient.__init__() got an unexpected keyword argument {min(unknown)!r}"
            known = [*options, *ConnectionOptions.__annotations__]
            raise hinted(TypeError(text), choice(min(unknown), known, "arguments"))
        if sum(given is not None for given in (location, url, host, path)) > 1:
            raise BadRequest("Only one of <location>, <url>, <host> or <path> should be specified.")
        if durability not in ("full", "normal", "off"):
            raise BadRequest(f"durability must be 'full', 'normal' or 'off', got {durability!r}")
        if isinstance(location, str) and location not in ("", MEMORY):
            parts = (https, api_key, prefix, auth_token_provider, prefer_grpc or None)
            has_options = (port, grpc_port) != (6333, 6334) or any(given is not None for given in parts)
            if is_address(location, has_options):
                location, url = None, location
        has_address = url is not None or host is not None
        inference = settings_of(
            cloud_inference=cloud_inference and not (has_address and inference_url is None),
            inference_url=inference_url,
            inference_token=inference_token,
            local_inference_batch_size=local_inference_batch_size,
            embedding_cache_bytes=embedding_cache_bytes,
            images=image_rules,
        )
        self._owns_database = not has_address
        if has_address:
            address = address_of(url, host, port, https, prefix, api_key)
            self._database = database_at(address, inference)
            self._place = str(address)
        else:
            where = next((given for given in (location, path) if given is not None), MEMORY)
            if where == "":
                raise BadRequest('the location is empty: give a directory, or ":memory:"')
            if not isinstance(where, str) and not hasattr(where, "__fspath__"):
                raise BadRequest(f'the location is a directory, an address or ":memory:", got a {type(where).__name__}')
            if str(where).startswith("~"):
                where = Path(where).expanduser()
            self._database = Database(where, durability, inference=inference, read_only=read_only)
            self._place = self._database.location
        self._timeout = timeout
        self._init_options = self._kept({**options, **connection})
        self._headers = {**(connection.get("metadata") or {}), **(headers or {})}

    def __enter__(self) -> QdrantClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._place!r})"

    def __copy__(self) -> QdrantClient:
        """One of the same store, which closing it leaves open."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__, _owns_database=False)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> QdrantClient:
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        """For other processes: they open the same directory. Keys stay here."""
        if self._database.location == MEMORY or self._place != self._database.location:
            raise TypeError("a store in memory belongs to its process: a client of a directory can be pickled")
        if any(map(is_key_name, self._headers)):
            raise TypeError("a client with keys in its headers is not pickled: keys are written nowhere")
        return _made, (type(self), self._init_options)

    @classmethod
    def _kept(cls, options: dict[str, Any]) -> dict[str, Any]:
        """What makes a client like this one, with no keys: options of qdrant-client's, and of our own those given."""
        constructor: Any = getattr(cls.__init__, "__wrapped__", cls.__init__)  # see `border.public`
        own: dict[str, Any] = constructor.__kwdefaults__
        kept = {name: value for name, value in options.items() if name not in own or value != own[name]}
        if kept["https"] is None and kept["api_key"] is not None:
            kept["https"] = True
        if isinstance(token := kept.get("inference_token"), str):
            kept["inference_token"] = Secret(token)
        return {**kept, "api_key": None, "auth_token_provider": None}

    def close(self, grpc_grace: float | None = None, **kwargs: Any) -> None:
        """Let go of the store; further calls raise `StoreClosed`. Safe to call again. Arguments have no effect."""
        if not self._owns_database:  # others go on with the store of the address
            self._database, self._owns_database = Database(MEMORY), True
        self._database.close()

    # Inference

    def get_embedding_size(self, model_name: str) -> int:
        """Dimensions of the vectors of a local model (fastembed, `minidb/hash-N`): what `VectorParams(size=…)` wants.

        Raises `InferenceError`, a ValueError, for models whose vectors are sparse and for unknown ones.
        """
        from minidb.inference.catalog import get_embedding_size

        return get_embedding_size(model_name)


def _made(kind: type[QdrantClient], options: dict[str, Any]) -> QdrantClient:
    return kind(**options)
