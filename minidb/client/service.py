"""The part of the client about the store: snapshots, cluster, models, moving to another client.

One node has no shards, replicas or peers: what only makes sense with them raises `StandaloneMode`, the rest tells of
the one node there is. `**kwargs` stand where qdrant-client takes any and uses none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from typing_extensions import Self

from minidb import models
from minidb.client.base import Base
from minidb.client.border import public
from minidb.errors import BadRequest, StandaloneMode
from minidb.inference.settings import LOCAL_BATCH_SIZE
from minidb.models.base import parse

if TYPE_CHECKING:
    from minidb.client import types
    from minidb.client.sync import SyncReport
    from minidb.collection.verify import VerifyReport
    from minidb.maintenance import CompactReport
    from minidb.migration import CollectionReport
    from minidb.models.service import (
        ClusterStatusOneOf,
        CollectionClusterInfo,
        OptimizationsResponse,
        ShardKeysResponse,
        SnapshotDescription,
        VersionInfo,
    )


class AnyClient:
    """What is the same for `QdrantClient` and `AsyncQdrantClient`: no call goes to the store."""

    DEFAULT_BATCH_SIZE: ClassVar[int] = LOCAL_BATCH_SIZE
    _init_options: Mapping[str, Any]

    @staticmethod
    def list_text_models() -> dict[str, tuple[int, models.Distance]]:
        """fastembed's dense text models: dimensions and distance by name. Raises `InferenceError` without fastembed."""
        return _sizes("text")

    @staticmethod
    def list_image_models() -> dict[str, tuple[int, models.Distance]]:
        """fastembed's image models, as `list_text_models`."""
        return _sizes("image")

    @staticmethod
    def list_late_interaction_text_models() -> dict[str, tuple[int, models.Distance]]:
        """fastembed's models with a vector per token; dimensions are a token's."""
        return _sizes("late_interaction")

    @staticmethod
    def list_late_interaction_multimodal_models() -> dict[str, tuple[int, models.Distance]]:
        """fastembed's models with a vector per token or image patch."""
        return _sizes("multimodal")

    @staticmethod
    def list_sparse_models() -> dict[str, dict[str, Any]]:
        """What fastembed says of its sparse models, by name."""
        from minidb.inference.catalog import entries_of

        return {entry["model"]: {k: v for k, v in entry.items() if k != "model"} for entry in entries_of("sparse")}

    @property
    def init_options(self) -> dict[str, Any]:
        """Arguments that make a client of the same directory or address, synchronous or not; without keys."""
        return dict(self._init_options)

    @property
    def cloud_inference(self) -> bool:
        """As the client was made with."""
        return bool(self._init_options["cloud_inference"])

    @property
    def local_inference_batch_size(self) -> int | None:
        """As the client was made with."""
        return self._init_options["local_inference_batch_size"]  # type: ignore[no-any-return]

    @property
    def _client(self) -> Self:
        """Where qdrant-client's has the one of its two clients that does the work."""
        return self

    if not TYPE_CHECKING:  # a type checker would take any name for an attribute

        def __getattr__(self, name: str) -> NoReturn:
            from minidb.client.removed import no_attribute

            raise no_attribute(self, name)


@public
class ServiceMethods(Base, AnyClient):
    """Part of `QdrantClient`."""

    def info(self) -> VersionInfo:
        """The version of Qdrant whose interface this is."""
        from minidb import node

        return node.version_info()

    # Snapshots

    def create_snapshot(self, collection_name: str, wait: bool = True) -> SnapshotDescription:
        """Write a snapshot of a collection into the store's folder; writes go on meanwhile."""
        return self._database.snapshots.create(collection_name)

    def list_snapshots(self, collection_name: str) -> list[SnapshotDescription]:
        """The snapshots of a collection, the oldest first."""
        return self._database.snapshots.descriptions(collection_name)

    def delete_snapshot(self, collection_name: str, snapshot_name: str, wait: bool = True) -> bool:
        """Delete a snapshot of a collection. Raises `NotFound`."""
        return self._database.snapshots.delete(collection_name, snapshot_name)

    def recover_snapshot(
        self,
        collection_name: str,
        location: str,
        api_key: str | None = None,
        checksum: str | None = None,
        priority: types.SnapshotPriority | None = None,
        wait: bool = True,
    ) -> bool:
        """Replace a collection, made if it is not there, by what a snapshot holds: whole, or not at all.

        Args:
            location: a `file:` or `http(s):` URL of a snapshot minidb has made.
            api_key: sent to the server at that URL.
            checksum: SHA-256 the file must have, in hexadecimal.
            priority: accepted; one node has no replicas to prefer.
        """
        fields = {"location": location, "api_key": api_key, "checksum": checksum, "priority": priority}
        request = parse(models.SnapshotRecover, fields)
        return self._database.snapshots.recover(collection_name, request)

    def create_full_snapshot(self, wait: bool = True) -> SnapshotDescription:
        """Write a snapshot of all collections and aliases, as of one commit, into the store's folder."""
        return self._database.snapshots.create()

    def list_full_snapshots(self) -> list[SnapshotDescription]:
        """The snapshots of the whole store, the oldest first."""
        return self._database.snapshots.descriptions()

    def delete_full_snapshot(self, snapshot_name: str, wait: bool = True) -> bool:
        """Delete a snapshot of the whole store. Raises `NotFound`."""
        return self._database.snapshots.delete(None, snapshot_name)

    def recover_full_snapshot(self, location: str, checksum: str | None = None) -> bool:
        """minidb's own: replace every collection a snapshot of the whole store holds, and set its aliases.

        Collections it does not hold stay as they are.

        Args:
            location: as for `recover_snapshot`, as is `checksum`.
        """
        request = models.SnapshotRecover(location=location, checksum=checksum)
        return self._database.snapshots.recover(None, request)

    def verify(self) -> VerifyReport:
        """minidb's own: read every page, record, vector, derived file and snapshot, and report what is damaged.

        Reads all of the store, and goes on after damage; others may read and write meanwhile. Changes nothing.
        """
        return self._database.verify()

    def compact(self) -> CompactReport:
        """minidb's own: give back the room of points and collections that were deleted.

        Others read and write meanwhile; at the end they wait for some milliseconds. Takes as much room as the store's
        living data while it is at work.

        Raises:
            ServiceError: another process has the store open; it would go on with the file that is replaced.
            InsufficientStorage: the disk is full. Nothing is changed then, and neither after any other error.
        """
        return self._database.compact()

    # One node

    def cluster_status(self) -> ClusterStatusOneOf:
        """Always disabled."""
        from minidb import node

        return node.cluster_status()

    def collection_cluster_info(self, collection_name: str) -> CollectionClusterInfo:
        """The one shard of a collection."""
        from minidb import node

        return node.cluster_info(self._database, collection_name)

    def list_shard_keys(self, collection_name: str, **kwargs: Any) -> ShardKeysResponse:
        """None."""
        from minidb import node

        return node.shard_keys(self._database, collection_name)

    def get_optimizations(
        self,
        collection_name: str,
        completed_limit: int | None = None,
        with_: str | Sequence[str] | None = None,
        **kwargs: Any,
    ) -> OptimizationsResponse:
        """Nothing runs or waits in Qdrant's sense: `get_collection` tells by its status whether indexing goes on.

        Args:
            completed_limit: no effect: there are none.
            with_: of "queued", "completed" and "idle_segments" those to be listed; all of a collection is one idle
                segment, the others are empty.
        """
        wanted = [with_] if isinstance(with_, str) else list(with_ or ())
        from minidb import node

        return node.optimizations(self._database, collection_name, wanted)

    def cluster_collection_update(
        self, collection_name: str, cluster_operation: Any, timeout: int | None = None
    ) -> bool:
        """Raises `StandaloneMode`."""
        raise StandaloneMode

    def cluster_telemetry(self, details_level: int | None = None, timeout: int | None = None, **kwargs: Any) -> Any:
        """Raises `StandaloneMode`."""
        raise StandaloneMode

    def recover_current_peer(self) -> bool:
        """Raises `StandaloneMode`."""
        raise StandaloneMode

    def remove_peer(self, peer_id: int, force: bool | None = None, timeout: int | None = None, **kwargs: Any) -> bool:
        """Raises `StandaloneMode`."""
        raise StandaloneMode

    def create_shard_key(
        self,
        collection_name: str,
        shard_key: models.ShardKey,
        shards_number: int | None = None,
        replication_factor: int | None = None,
        placement: list[int] | None = None,
        **kwargs: Any,
    ) -> bool:
        """Raises `StandaloneMode`."""
        raise StandaloneMode

    def delete_shard_key(self, collection_name: str, shard_key: models.ShardKey, **kwargs: Any) -> bool:
        """Raises `StandaloneMode`."""
        raise StandaloneMode

    def create_shard_snapshot(self, collection_name: str, shard_id: int, wait: bool = True) -> Any:
        """Raises `StandaloneMode`: a collection's snapshot has all of it."""
        raise StandaloneMode

    def list_shard_snapshots(self, collection_name: str, shard_id: int) -> list[SnapshotDescription]:
        """Raises `StandaloneMode`."""
        raise StandaloneMode

    def delete_shard_snapshot(self, collection_name: str, shard_id: int, snapshot_name: str, wait: bool = True) -> bool:
        """Raises `StandaloneMode`."""
        raise StandaloneMode

    def recover_shard_snapshot(
        self,
        collection_name: str,
        shard_id: int,
        location: str,
        api_key: str | None = None,
        checksum: str | None = None,
        priority: types.SnapshotPriority | None = None,
        wait: bool = True,
    ) -> bool:
        """Raises `StandaloneMode`."""
        raise StandaloneMode

    # Elsewhere

    def migrate(
        self,
        dest_client: Any,
        collection_names: Sequence[str] | None = None,
        batch_size: int = 100,
        recreate_on_collision: bool = False,
        *,
        resume: bool = False,
        scroll_filter: models.Filter | None = None,
        parallel: int = 1,
        points_per_second: float | None = None,
    ) -> list[CollectionReport]:
        """Copy collections to another client: settings, points, payload indexes, aliases; then compare both sides.

        Args:
            dest_client: a `QdrantClient` of minidb or of qdrant-client, whatever is behind it.
            collection_names: all by default.
            batch_size: points per request.
            recreate_on_collision: whether collections already there are replaced.
            resume: whether collections already there get what they lack: points that are not there, or not the same.
            scroll_filter: copy only the points that pass.
            parallel: requests at a time; more than 1 for clients that threads may share.
            points_per_second: no faster than this; None for no limit.

        Returns:
            Of each collection how many points were written and compared, and in `settings` what the other side does
            not hold of configuration, indexes and aliases.

        Raises:
            BadRequest: a collection is already there, or is not here; nothing is written then.
            ServiceError: points are missing or different there; the text says which.
        """
        from minidb.migration import Options
        from minidb.migration.clients import json_of, migrate_clients

        if recreate_on_collision and resume:
            raise BadRequest("a collection that is there can be replaced or completed, not both")
        options = Options(
            batch_size,
            "recreate" if recreate_on_collision else "resume" if resume else "refuse",
            parallel,
            points_per_second,
            None if scroll_filter is None else json_of(scroll_filter),
        )
        return migrate_clients(self, dest_client, collection_names, options)

    def push(
        self,
        target: Any,
        collection_names: Sequence[str] | None = None,
        *,
        newest_by: str | None = None,
        mirror: bool = False,
        batch_size: int = 256,
        name: str | None = None,
    ) -> SyncReport:
        """minidb's own: send another client what changed here since the last `push` to it, deletions included.

        Stopped at any moment, it is completed by the next one. Where both sides have changed a point, the one from here
        wins. Points only the target has stay. Collections missing there are made; what changed here in settings,
        vectors, payload indexes and aliases is done there, too, and reported where it cannot be. That a collection was
        deleted is not sent.

        Args:
            target: a client of minidb or qdrant-client, whatever is behind it.
            collection_names: all by default.
            newest_by: a payload field by whose value the greater wins, be it a number, a date or a string; of equal
                ones that from here, and any value is newer than none. Deletions win all the same.
            mirror: compare the ids of both sides, and delete what only the target has.
            batch_size: points per request.
            name: what to call the target. By default it is known by a token in its collection's metadata; a name is for
                one that may not be changed so, or keeps none (Qdrant before 1.16). It is then not noticed when the
                target is another one than the last time.

        Raises:
            BadRequest: a collection is not here, or both are the same store.
        """
        from minidb.client.sync import Rules, push

        return push(self, target, collection_names, Rules(newest_by, batch_size, mirror, name))  # type: ignore[arg-type]

    def pull(
        self,
        source: Any,
        collection_names: Sequence[str] | None = None,
        *,
        newest_by: str | None = None,
        mirror: bool = False,
        batch_size: int = 256,
        name: str | None = None,
    ) -> SyncReport:
        """minidb's own: fetch from another client what changed there since the last `pull`, deletions included.

        From a store or a server of minidb by its operation log. Any other has none: all its points are read, and those
        that differ are written; push first what was changed here, since it would be overwritten. So it is the first
        time from a server, too. Points only this store has stay.

        Args:
            source: as the target of `push`, whose other arguments are the same, the source being the sender. One that
                has no log, may not be written to and got no `name` is a stranger each time: no deletions come from it.

        Raises:
            BadRequest: a collection is not there, or both are the same store.
        """
        from minidb.client.sync import Rules, pull

        return pull(self, source, collection_names, Rules(newest_by, batch_size, mirror, name))  # type: ignore[arg-type]


def _sizes(kind: Any) -> dict[str, tuple[int, models.Distance]]:
    from minidb.inference.catalog import list_models

    return {model.name: (model.dimension or 0, models.Distance.COSINE) for model in list_models(kind)}
