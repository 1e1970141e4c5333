"""Uploads of qdrant-client's clients in this process: what each makes for itself to send batches leads here, too.

Needs qdrant-client. Called by `transport`; in the processes of `parallel=…` uploads by qdrant-client.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from types import MethodType
from typing import Any

from qdrant_client.uploader.grpc_uploader import GrpcBatchUploader
from qdrant_client.uploader.rest_uploader import RestBatchUploader

from minidb.in_process import with_channels, with_names
from minidb.passing import pass_vectors
from minidb.shortcut import cut_short
from minidb.transport import Transport


class Uploader(RestBatchUploader):
    """What sends the batches of an upload; it is as quick as the client itself."""

    @classmethod
    def start(cls, *args: Any, **options: Any) -> RestBatchUploader:
        uploader = super().start(*args, **options)
        pass_vectors(uploader.openapi_client)
        if isinstance(transport := options.get("transport"), Transport):
            cut_short(uploader.openapi_client.client, transport, is_async=False)
        return uploader


class GrpcUploads:
    """In the place of the class of what sends them over gRPC."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def start(self, **options: Any) -> GrpcBatchUploader:
        uploader = GrpcBatchUploader.start(**options)
        process = with_channels(GrpcBatchUploader.process_upload, self._transport)
        uploader.process_upload = MethodType(process, uploader)  # type: ignore[method-assign]
        return uploader


class _Uploads:
    """In the place of the client behind one of qdrant-client's, where its method for uploads asks for a class."""

    def __init__(self, remote: Any, transport: Transport) -> None:
        self._remote = remote
        self._updater_class = GrpcUploads(transport) if remote._prefer_grpc else Uploader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._remote, name)


class _InThisProcess:
    """In the place of a pool of processes (`parallel=…`), where no other process could reach the store: all batches are
    sent one after the other.
    """

    def __init__(self, size: int, uploads: Any, start_method: str) -> None:
        self._uploads = uploads

    def unordered_map(self, batches: Iterable[Any], **options: Any) -> Iterable[bool]:
        sent: Iterable[bool] = self._uploads.start(**options).process(batches)
        return sent


def pass_uploads(remote: Any, transport: Transport) -> None:
    """Let the uploads of such a client go to a transport, and pass vectors."""
    upload = type(remote)._upload_collection
    if transport.is_in_memory:
        upload = with_names(upload, ParallelWorkerPool=_InThisProcess)
    remote._upload_collection = functools.partial(upload, _Uploads(remote, transport))
