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

from minidb.address import SCHEMES, address_of, database_at
from minidb.client.border import public
from minidb.client.collections import CollectionMethods
from minidb.client.points import PointMethods
from minidb.client.search import SearchMethods
from minidb.client.service import ServiceMethods
from minidb.database import MEMORY, Database
from minidb.errors import BadRequest
from minidb.inference import ImageRules, settings_of
from minidb.storage.interface import Durability


@public
class QdrantClient(CollectionMethods, PointMethods, SearchMethods, ServiceMethods):
    """A vector database in this process.

    Args:
        location: a directory, created when it is not there, ":memory:" (the default) for a store that ends with the
            client, or a URL.
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

    Raises:
        BadRequest: (a ValueError) arguments that contradict each other, or an address that is none.

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
    ) -> None:
        if sum(given is not None for given in (location, url, host, path)) > 1:
            raise BadRequest("Only one of <location>, <url>, <host> or <path> should be specified.")
        if durability not in ("full", "normal", "off"):
            raise BadRequest(f"durability must be 'full', 'normal' or 'off', got {durability!r}")
        if isinstance(location, str) and location.startswith(SCHEMES):
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
            self._database = database_at(address_of(url, host, port, https, prefix, api_key), inference)
        else:
            where = next((given for given in (location, path) if given is not None), MEMORY)
            if where == "":
                raise BadRequest('the location is empty: give a directory, or ":memory:"')
            if str(where).startswith("~"):
                where = Path(where).expanduser()
            self._database = Database(where, durability, inference=inference, read_only=read_only)
        self._timeout = timeout
        self._headers = dict(headers or {})

    def __enter__(self) -> QdrantClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._database.location!r})"

    def close(self, grpc_grace: float | None = None) -> None:
        """Let go of the store; further calls raise `StoreClosed`. Safe to call again."""
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
