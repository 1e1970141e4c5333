"""A client object as an end of a migration: minidb's or qdrant-client's, whatever stands behind it.

Both have the same methods and models of the same names, so what differs is where the models come from and which
exceptions say that something is impossible.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from minidb.errors import BadRequest, MinidbError, RateLimitExceeded, ServiceError
from minidb.migration.copying import Options, migrate
from minidb.migration.ends import REFUSED, UNAVAILABLE, Busy, Json, PointId, Refusal, Unavailable
from minidb.migration.report import CollectionReport

_ARGUMENTS = {
    "params": "collection_params",
    "vectors": "vectors_config",
    "sparse_vectors": "sparse_vectors_config",
}
"""Of `update_collection`, which call some fields of the body otherwise."""
_NO_ROUTE = (404, 405)
"""Answers of a server that is too old for what was asked."""


def migrate_clients(source: Any, target: Any, names: Sequence[str] | None, options: Options) -> list[CollectionReport]:
    """See `QdrantClient.migrate`."""
    if source is target or getattr(source, "_database", source) is getattr(target, "_database", target):
        raise BadRequest("the destination is the client itself")
    reports = list(migrate(ClientEnd(source), ClientEnd(target), names, options))
    if incomplete := [line for report in reports if not report.has_all_points for line in report.lines()]:
        raise ServiceError("\n".join(incomplete))
    return reports


def json_of(filter: Any) -> Json:
    """A filter, of minidb or of qdrant-client or a dict, as an object."""
    return filter if isinstance(filter, dict) else filter.model_dump(mode="json", exclude_none=True)


def json_point(record: Any) -> Json:
    """A record of minidb or of qdrant-client, as an object."""
    return {"id": record.id, "payload": record.payload or {}, "vector": _plain(record.vector)}


class ClientEnd:
    """See `End`."""

    def __init__(self, client: Any) -> None:
        """`client` is one of minidb's, or one of qdrant-client's."""
        self._client = client
        self._is_official = type(client).__module__.startswith("qdrant_client")
        self._models: Any = import_module("qdrant_client.http.models" if self._is_official else "minidb.models")

    def collections(self) -> list[str]:
        with self._asking():
            return [each.name for each in self._client.get_collections().collections]

    def aliases(self) -> Mapping[str, str]:
        with self._asking():
            return {each.alias_name: each.collection_name for each in self._client.get_aliases().aliases}

    def aliases_of(self, name: str) -> list[str]:
        return [each.alias_name for each in self._client.get_collection_aliases(name).aliases]

    def info(self, name: str) -> Json:
        with self._asking():
            info: Json = self._client.get_collection(name).model_dump(mode="json", exclude_none=True)
        return info

    def create(self, name: str, body: Json) -> None:
        with self._asking():
            fields = self._fields("CreateCollection", body)
            fields["vectors_config"] = fields.pop("vectors", None)
            fields["sparse_vectors_config"] = fields.pop("sparse_vectors", None)
            self._client.create_collection(name, **fields)

    def update(self, name: str, body: Json) -> None:
        with self._asking():
            fields = self._fields("UpdateCollection", body)
            arguments = {_ARGUMENTS.get(field, field): value for field, value in fields.items()}
            self._client.update_collection(name, **arguments)

    def delete(self, name: str) -> None:
        with self._asking():
            self._client.delete_collection(name)

    def create_index(self, name: str, field: str, schema: Any) -> None:
        with self._asking():
            fields = self._fields("CreateFieldIndex", {"field_name": field, "field_schema": schema})
            self._client.create_payload_index(name, wait=True, **fields)

    def delete_index(self, name: str, field: str) -> None:
        with self._asking():
            self._client.delete_payload_index(name, field, wait=True)

    def create_vector(self, name: str, vector: str, config: Json) -> None:
        """As `PUT /collections/{name}/vectors/{vector}`, which Qdrant has from 1.18 on."""
        kind = self._models.DenseVectorNameConfig if "dense" in config else self._models.SparseVectorNameConfig
        with self._asking(_NO_ROUTE):
            self._client.create_vector_name(name, vector, kind.model_validate(config))

    def delete_vector(self, name: str, vector: str) -> None:
        with self._asking(_NO_ROUTE):
            self._client.delete_vector_name(name, vector)

    def create_alias(self, name: str, alias: str) -> None:
        created = {"create_alias": {"collection_name": name, "alias_name": alias}}
        with self._asking():
            self._client.update_collection_aliases([self._models.CreateAliasOperation.model_validate(created)])

    def delete_alias(self, alias: str) -> None:
        deleted = {"delete_alias": {"alias_name": alias}}
        with self._asking():
            self._client.update_collection_aliases([self._models.DeleteAliasOperation.model_validate(deleted)])

    def count(self, name: str, filter: Json | None) -> int:
        with self._asking():
            return int(self._client.count(name, count_filter=self._filter(filter), exact=True).count)

    def ids(
        self, name: str, filter: Json | None, limit: int, offset: PointId | None
    ) -> tuple[list[PointId], PointId | None]:
        with self._asking():
            records, after = self._client.scroll(
                name,
                scroll_filter=self._filter(filter),
                limit=limit,
                offset=offset,
                with_payload=False,
                with_vectors=False,
            )
        return [record.id for record in records], after

    def points(self, name: str, ids: Sequence[PointId]) -> list[Json]:
        with self._asking():
            records = self._client.retrieve(name, list(ids), with_payload=True, with_vectors=True)
        return list(map(json_point, records))

    def write(self, name: str, points: Sequence[Json]) -> None:
        with self._asking():
            structs = [self._models.PointStruct.model_validate(point) for point in points]
            self._client.upsert(name, structs, wait=True)

    def _fields(self, model: str, body: Json) -> dict[str, Any]:
        """The fields given in `body`, as the models they are."""
        request = getattr(self._models, model).model_validate(body)
        return {name: getattr(request, name) for name in body}

    def _filter(self, filter: Json | None) -> Any:
        return None if filter is None else self._models.Filter.model_validate(filter)

    @contextmanager
    def _asking(self, also: Collection[int] = ()) -> Iterator[None]:
        """What refuses raises Refusal, or Busy; `also` are statuses of a server that are a Refusal, too."""
        if not self._is_official:
            try:
                yield
            except RateLimitExceeded as error:
                if error.retry_after is None:
                    raise
                raise Busy(str(error), error.retry_after) from error
            except MinidbError as error:
                if error.status_code in REFUSED:
                    raise Refusal(str(error)) from error
                raise
            return
        answers = import_module("qdrant_client.http.exceptions")
        limits = import_module("qdrant_client.common.client_exceptions")
        try:
            yield
        except limits.ResourceExhaustedResponse as error:
            raise Busy(str(error), error.retry_after_s) from error
        except answers.UnexpectedResponse as error:
            if error.status_code in REFUSED or error.status_code in also:
                raise Refusal(str(error)) from error
            if error.status_code in UNAVAILABLE:
                raise Unavailable(error) from error
            raise
        except answers.ResponseHandlingException as error:
            raise Unavailable(error) from error
        except ValueError as error:  # of local mode, and of their models
            raise Refusal(str(error)) from error


def _plain(vector: Any) -> Any:
    """A point's vectors as JSON has them; a point without any has an object of none."""
    if vector is None:
        return {}
    if isinstance(vector, dict):
        return {name: _plain(each) for name, each in vector.items()}
    return vector.model_dump() if hasattr(vector, "model_dump") else vector
