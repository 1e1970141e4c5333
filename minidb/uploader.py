"""Uploads of qdrant-client's clients in this process: the REST client that each makes for itself is as quick as theirs.

Needs qdrant-client. Called by `transport`; in the processes of `parallel=…` uploads by qdrant-client.
"""

from __future__ import annotations

import functools
from typing import Any

from qdrant_client.uploader.rest_uploader import RestBatchUploader

from minidb.passing import pass_vectors
from minidb.shortcut import cut_short
from minidb.transport import Transport


class Uploader(RestBatchUploader):
    """What sends the batches of an upload."""

    @classmethod
    def start(cls, *args: Any, **options: Any) -> RestBatchUploader:
        uploader = super().start(*args, **options)
        pass_vectors(uploader.openapi_client)
        if isinstance(transport := options.get("transport"), Transport):
            cut_short(uploader.openapi_client.client, transport, is_async=False)
        return uploader


class _Uploads:
    """In the place of the client behind one of qdrant-client's, where its method for uploads asks for that class."""

    _updater_class = Uploader

    def __init__(self, remote: Any) -> None:
        self._remote = remote

    def __getattr__(self, name: str) -> Any:
        return getattr(self._remote, name)


def pass_uploads(remote: Any) -> None:
    """Let the uploads of such a client pass vectors."""
    remote._upload_collection = functools.partial(type(remote)._upload_collection, _Uploads(remote))
