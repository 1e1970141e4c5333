"""The configuration of a collection: checked at creation, completed with Qdrant's defaults, changed by PATCH, stored
whole.

Every field Qdrant takes is kept and echoed, also those that mean nothing in one process (shards, replication); the
engine itself reads only vectors, HNSW, optimizer thresholds and strict mode.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from enum import Enum
from typing import Any, TypeVar

import msgpack

from minidb import models
from minidb.collection.declared import index_key, parse_schema, spelled
from minidb.collection.fields import VectorField, no_vector
from minidb.collection.payload_json import check_json, plain_json
from minidb.errors import AlreadyExists, BadInput, CorruptionError, ValidationError
from minidb.models.base import Model

_MAX_SLOTS = 1 << 16
_MAX_VECTOR_NAME_BYTES = 200
_FORBIDDEN = '<>:"/\\|?*\0\x1f'
_FORBIDDEN_EVER = "/\0"
_HNSW_DEFAULTS: dict[str, Any] = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000, "max_indexing_threads": 0}
_OPTIMIZER_DEFAULTS: dict[str, Any] = {
    "deleted_threshold": 0.2,
    "vacuum_min_vector_number": 1000,
    "default_segment_number": 0,
    "indexing_threshold": 10000,
    "flush_interval_sec": 5,
}
_WAL_DEFAULTS: dict[str, Any] = {"wal_capacity_mb": 32, "wal_segments_ahead": 0, "wal_retain_closed": 1}

M = TypeVar("M", bound=Model)


def _usual_config(plain: dict[str, Any]) -> models.CollectionConfig | None:
    """The configuration of dense vectors with a size and a distance, of sparse ones with a modifier, and of no other
    settings than numbers; None for any other. It was checked when it was made: no schema has to be built for it, which
    a new process that opens a store waits for.
    """
    params = dict(plain["params"])
    dense, sparse = params.pop("vectors", {}), params.pop("sparse_vectors", {})
    is_one = isinstance(dense.get("size"), int)
    named = {"": dense} if is_one else dense
    numbers = {part: plain.get(part, {}) for part in ("hnsw_config", "optimizer_config", "wal_config")}
    if (
        plain.keys() != {"params", *numbers}
        or any(field.keys() != {"size", "distance"} for field in named.values())
        or any(not field.keys() <= {"modifier"} for field in sparse.values())
        or any(not isinstance(value, (int, float)) for part in (params, *numbers.values()) for value in part.values())
    ):
        return None
    if "vectors" in plain["params"]:
        fields = {
            name: models.VectorParams.model_construct(size=field["size"], distance=models.Distance(field["distance"]))
            for name, field in named.items()
        }
        params["vectors"] = fields[""] if is_one else fields
    if "sparse_vectors" in plain["params"]:
        params["sparse_vectors"] = {
            name: models.SparseVectorParams.model_construct({*field}, modifier=_modifier(field.get("modifier")))
            for name, field in sparse.items()
        }
    return models.CollectionConfig.model_construct(
        params=models.CollectionParams.model_construct(**params),
        hnsw_config=models.HnswConfig.model_construct(**numbers["hnsw_config"]),
        optimizer_config=models.OptimizersConfig.model_construct(**numbers["optimizer_config"]),
        wal_config=models.WalConfig.model_construct(**numbers["wal_config"]),
    )


def _modifier(name: str | None) -> models.Modifier | None:
    return None if name is None else models.Modifier(name)


def _packable(value: Any) -> Any:
    """What `model_dump(mode="json", exclude_none=True)` makes of settings, without a schema."""
    if isinstance(value, Model):
        return {name: _packable(entry) for name, entry in value.__dict__.items() if entry is not None}
    if isinstance(value, dict):
        return {name: _packable(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_packable(entry) for entry in value]
    return value.value if isinstance(value, Enum) else value


def _plain_schema(declared: Any) -> Any:
    return (
        str(getattr(declared, "value", declared))
        if isinstance(declared, str)
        else declared.model_dump(mode="json", exclude_none=True)
    )


def _declared(plain: Any) -> Any:
    if isinstance(plain, str):
        return models.PayloadSchemaType(plain)  # most have no settings, whose models take as long to load as a query
    return models.parse(models.PayloadFieldSchema, plain)


@dataclass(frozen=True)
class StoredConfig:
    """A collection's config and the slot numbers of its vectors; slots are never used twice."""

    config: models.CollectionConfig
    slots: dict[str, int]
    next_slot: int
    asked: dict[str, Any] = field(default_factory=dict)
    """The `hnsw_config` and `optimizers_config` fields the user set: what Qdrant's defaults would hide."""
    created_at: str = ""
    payload_schema: dict[str, Any] = field(default_factory=dict)
    """Declared payload indexes by path: a schema type's name, or a params model."""

    def pack(self) -> bytes:
        config = _packable(self.config)
        schema = {path: _plain_schema(declared) for path, declared in self.payload_schema.items()}
        packed: bytes = msgpack.packb((config, self.slots, self.next_slot, self.asked, self.created_at, schema))
        return packed

    @classmethod
    def unpack(cls, data: bytes, is_foreign: bool = False) -> StoredConfig:
        """What `pack` made.

        Args:
            is_foreign: the bytes come from elsewhere, so that types have to be looked at; `check` looks at the rest.
        """
        if not data:
            raise CorruptionError("the configuration of a collection is missing")
        plain, slots, next_slot, asked, created_at, schema = msgpack.unpackb(data)
        declared = {spelled(path): _declared(plain) for path, plain in schema.items()}
        config = None if is_foreign else _usual_config(plain)
        if config is None:
            config = models.CollectionConfig.model_validate(plain)
        return cls(config, slots, next_slot, asked, created_at, declared)

    def fields(self) -> dict[str, VectorField]:
        """The vector fields by name."""
        params = self.config.params
        default = self.config.quantization_config
        fields = {
            name: dense_field(name, self.slots[name], dense, default) for name, dense in dense_params(params).items()
        }
        for name, sparse in (params.sparse_vectors or {}).items():
            fields[name] = sparse_field(name, self.slots[name], sparse)
        return fields

    def check(self) -> None:
        """Refuse what `new_config` and its like would not have made: this configuration comes from elsewhere.

        Raises `MinidbError`, or what a value of another type leads to.
        """
        dense, sparse = dense_params(self.config.params), self.config.params.sparse_vectors or {}
        _check_vectors(dense, sparse)
        slots = list(self.slots.values())
        if self.slots.keys() != {*dense, *sparse} or any(type(slot) is not int for slot in (*slots, self.next_slot)):
            raise BadInput("its vectors are not numbered")
        if len(set(slots)) < len(slots) or not all(0 <= slot < self.next_slot <= _MAX_SLOTS for slot in slots):
            raise BadInput("its vectors are numbered wrongly")
        if not 0 <= self.next_slot <= _MAX_SLOTS or not isinstance(self.created_at, str):
            raise BadInput("its counters or times are of no use")
        if self.created_at:
            datetime.fromisoformat(self.created_at)
        check_json(self.config.metadata, "metadata")
        known: set[str] = set()
        for settings in (models.HnswConfigDiff, models.OptimizersConfigDiff):
            own = settings.model_fields.keys() & self.asked.keys()
            settings.model_validate({name: self.asked[name] for name in own})
            known |= own
        if known != self.asked.keys():
            raise BadInput("unknown settings")
        for path, schema in self.payload_schema.items():
            index_key(path, parse_schema(path, schema))

    def hnsw(self, name: str) -> models.HnswConfig:
        """The graph settings of one vector: its own over the collection's."""
        own = dense_params(self.config.params)[name].hnsw_config
        return _merged(self.config.hnsw_config, own)

    def compares_all(self, name: str) -> bool:
        """Whether searches of a vector are to be exact, by `m=0`; also of one that is there no more."""
        return name not in dense_params(self.config.params) or self.hnsw(name).m == 0


def dense_params(params: models.CollectionParams) -> dict[str, models.VectorParams]:
    """The dense vectors by name; an unnamed one has the name ""."""
    if params.vectors is None:
        return {}
    return params.vectors if isinstance(params.vectors, dict) else {"": params.vectors}


def dense_field(
    name: str, slot: int, params: models.VectorParams, default: models.QuantizationConfig | None
) -> VectorField:
    """`default` is the collection's quantization, for vectors without their own."""
    datatype = params.datatype or models.Datatype.FLOAT32
    if datatype.value.startswith("turbo"):  # accepted and echoed; kept in full precision
        datatype = models.Datatype.FLOAT32
    kind = "dense" if params.multivector_config is None else "multi"
    distance = models.Distance(params.distance.value)
    field = VectorField(name, slot, kind, params.size, distance, datatype.value)  # type: ignore[arg-type]
    quantization = _quantization(field, params.quantization_config or default)
    return replace(field, **quantization) if quantization else field


def _quantization(field: VectorField, config: models.QuantizationConfig | None) -> dict[str, Any]:
    """What a field keeps in place of floats. Product and turbo quantization are answered from the floats, and so is
    what bits or bytes would make no sense of: bytes, Manhattan distances, and distances by signs.
    """
    if config is None or field.kind != "dense":
        return {}
    if field.datatype == "uint8" or field.distance == models.Distance.MANHATTAN:
        return {}
    if isinstance(config, models.ScalarQuantization):
        quantile = config.scalar.quantile
        return {"quantized": "int8", "quantile": 1.0 if quantile is None else quantile}
    if isinstance(config, models.BinaryQuantization) and field.distance != models.Distance.EUCLID:
        return {"quantized": "binary"}
    return {}


def sparse_field(name: str, slot: int, params: models.SparseVectorParams) -> VectorField:
    datatype = params.index.datatype if params.index is not None and params.index.datatype is not None else None
    idf = params.modifier == models.Modifier.IDF
    return VectorField(name, slot, "sparse", datatype=datatype.value if datatype else "float32", idf=idf)


def new_config(request: models.CreateCollection) -> StoredConfig:
    """The stored configuration of a new collection. Raises `ValidationError` for names and settings Qdrant refuses."""
    sparse = request.sparse_vectors
    params = models.CollectionParams.model_construct(  # of values that the request has been checked for
        vectors=request.vectors,
        sparse_vectors=sparse,
        shard_number=request.shard_number or 1,
        sharding_method=request.sharding_method,
        replication_factor=request.replication_factor or 1,
        write_consistency_factor=request.write_consistency_factor or 1,
        on_disk_payload=True if request.on_disk_payload is None else request.on_disk_payload,
        payload=request.payload,
        id_tracker=request.id_tracker,
    )
    names = [*dense_params(params), *(sparse or {})]
    _check_vectors(dense_params(params), sparse or {})
    strict = request.strict_mode_config
    config = models.CollectionConfig.model_construct(
        params=params,
        hnsw_config=_merged(models.HnswConfig.model_construct(**_HNSW_DEFAULTS), request.hnsw_config),
        optimizer_config=_merged(
            models.OptimizersConfig.model_construct(**_OPTIMIZER_DEFAULTS), request.optimizers_config
        ),
        wal_config=_merged(models.WalConfig.model_construct(**_WAL_DEFAULTS), request.wal_config),
        quantization_config=request.quantization_config,
        strict_mode_config=None if strict is None else models.StrictModeConfigOutput.model_validate(strict),
        metadata=plain_json(request.metadata, "metadata"),
    )
    slots = {name: slot for slot, name in enumerate(names)}
    created_at = datetime.now(timezone.utc).isoformat()
    return StoredConfig(config, slots, len(slots), _asked({}, request), created_at)


def updated_config(stored: StoredConfig, request: models.UpdateCollection) -> StoredConfig:
    """The configuration after a PATCH: every given field over the stored one."""
    config = stored.config.model_copy(deep=True)
    vectors = dense_params(config.params)
    for name, diff in (request.vectors or {}).items():
        if name not in vectors:
            raise no_vector(name, vectors)
        vectors[name] = _patched(vectors[name], diff)
    if vectors:
        config.params.vectors = vectors[""] if set(vectors) == {""} else vectors
    for name, sparse in (request.sparse_vectors or {}).items():
        if name not in (config.params.sparse_vectors or {}):
            raise no_vector(name, config.params.sparse_vectors or {})
        assert config.params.sparse_vectors is not None
        config.params.sparse_vectors[name] = _patched(config.params.sparse_vectors[name], sparse)
    if request.params is not None:
        config.params = _patched(config.params, request.params)
    config.hnsw_config = _merged(config.hnsw_config, request.hnsw_config)
    config.optimizer_config = _merged(config.optimizer_config, request.optimizers_config)
    if request.quantization_config is not None:
        off = str(getattr(request.quantization_config, "value", "")) == "Disabled"
        config.quantization_config = None if off else request.quantization_config  # type: ignore[assignment]
    if request.strict_mode_config is not None:
        old = config.strict_mode_config or models.StrictModeConfigOutput()
        config.strict_mode_config = _patched(old, request.strict_mode_config)
    if request.metadata is not None:
        merged = {**(config.metadata or {}), **plain_json(request.metadata, "metadata")}
        config.metadata = {key: value for key, value in merged.items() if value is not None}
    return replace(stored, config=config, asked=_asked(stored.asked, request))


def with_vector(stored: StoredConfig, name: str, request: models.VectorNameConfig) -> StoredConfig:
    """The configuration with one more vector; the same again is no change, another under that name an error."""
    check_part("vector_name", vector_name_faults(name))
    config = stored.config.model_copy(deep=True)
    dense, sparse = dict(dense_params(config.params)), dict(config.params.sparse_vectors or {})
    if isinstance(request, models.DenseVectorNameConfig):
        datatype = request.dense.datatype
        params = models.VectorParams(
            size=request.dense.size,
            distance=request.dense.distance,
            multivector_config=request.dense.multivector_config,
            datatype=models.Datatype(datatype.value) if datatype is not None else None,
        )
        known: object = dense.get(name, sparse.get(name))
        dense[name] = params
        new: object = params
    else:
        _check_datatype("sparse.datatype", request.sparse.datatype)
        index = None
        if request.sparse.datatype is not None:
            index = models.SparseIndexParams(datatype=models.Datatype(request.sparse.datatype.value))
        new = models.SparseVectorParams(index=index, modifier=request.sparse.modifier)
        known = dense.get(name, sparse.get(name))
        sparse[name] = new
        _check_sparse({name: new}, {})
    if known is not None:
        if known == new:
            return stored
        raise AlreadyExists(f"Vector name `{name}` already exists with a different configuration")
    config.params.vectors = dense[""] if set(dense) == {""} else dense
    config.params.sparse_vectors = sparse or None
    slots = {**stored.slots, name: stored.next_slot}
    return replace(stored, config=config, slots=slots, next_slot=stored.next_slot + 1)


def without_vector(stored: StoredConfig, name: str) -> StoredConfig:
    """The configuration with one vector less."""
    if name not in stored.slots:
        raise no_vector(name, stored.slots)
    config = stored.config.model_copy(deep=True)
    dense, sparse = dict(dense_params(config.params)), dict(config.params.sparse_vectors or {})
    dense.pop(name, None)
    sparse.pop(name, None)
    config.params.vectors = dense[""] if set(dense) == {""} else dense
    config.params.sparse_vectors = sparse or None
    return replace(stored, config=config, slots={key: slot for key, slot in stored.slots.items() if key != name})


def with_payload_index(stored: StoredConfig, path: str, schema: Any) -> StoredConfig:
    """The configuration with the schema declared for the path as it is spelled; None takes it away."""
    declared = {key: old for key, old in stored.payload_schema.items() if spelled(key) != path}
    if schema is not None:
        declared[path] = schema
    return replace(stored, payload_schema=declared)


def collection_name_faults(name: str, *, is_new: bool) -> list[str]:
    """What is wrong with a collection's name, in Qdrant's words; of one that is there it asks less."""
    faults = []
    if not 1 <= len(name) <= 255:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        faults.append(f'value "{quoted}" invalid, must be from 1 to 255 characters')
    return faults + _forbidden(name, "collection", _FORBIDDEN if is_new else _FORBIDDEN_EVER)


def vector_name_faults(name: str) -> list[str]:
    """What is wrong with a vector's name, in Qdrant's words."""
    if len(name.encode("utf-8", "replace")) > _MAX_VECTOR_NAME_BYTES:
        return [f"vector name must be at most {_MAX_VECTOR_NAME_BYTES} bytes long"]
    return _forbidden(name, "vector", _FORBIDDEN)


def _forbidden(name: str, what: str, characters: str) -> list[str]:
    if not name.isascii() and any("\ud800" <= character <= "\udfff" for character in name):
        return [f"{what} name cannot contain lone surrogates"]  # of Python's strings only
    return [f'{what} name cannot contain "{character}" char' for character in characters if character in name][:1]


def check_part(field: str, faults: list[str], where: str = "path parameters") -> None:
    """Refuse what stands in a request's path (422)."""
    if faults:
        text = f"[{'; '.join(f'{field}: {fault}' for fault in faults)}]"
        raise ValidationError(text).reworded(f"Validation error in {where}: {text}")


def _check_vectors(dense: dict[str, models.VectorParams], sparse: dict[str, models.SparseVectorParams]) -> None:
    for at, (_, params) in enumerate(sorted(sparse.items())):
        if params.index is not None:
            _check_datatype(f"sparse_vectors[{at}].index.datatype", params.index.datatype)
    for kind, names in (("dense", dense), ("sparse", sparse)):
        for name in names:
            for fault in vector_name_faults(name):
                raise BadInput(f"Invalid {kind} vector name `{name}`: {fault}")
    _check_sparse(sparse, dense)


def _check_sparse(sparse: dict[str, models.SparseVectorParams], dense: dict[str, models.VectorParams]) -> None:
    for name in sparse:
        if not name:
            raise BadInput("Sparse vector name cannot be empty")
        if name in dense:
            raise BadInput(f"Dense and sparse vector names must be unique - duplicate found with '{name}'")


def _check_datatype(place: str, datatype: models.Datatype | models.VectorStorageDatatype | None) -> None:
    """Refuse what only dense vectors are kept in; `place` is where a request says so."""
    if datatype is not None and datatype.value.startswith("turbo"):
        raise ValidationError(f"[{place}: sparse vectors do not support the `{datatype.value}` datatype]")


def _asked(known: dict[str, Any], request: models.CreateCollection | models.UpdateCollection) -> dict[str, Any]:
    asked = dict(known)
    for diff in (request.hnsw_config, request.optimizers_config):
        if diff is not None:
            asked.update(diff.model_dump(mode="json", exclude_none=True))
    return asked


def _given(diff: Model) -> dict[str, Any]:
    return {name: value for name in type(diff).model_fields if (value := getattr(diff, name)) is not None}


def _merged(base: M, diff: Model | None) -> M:
    """`base` with the fields `diff` sets."""
    if diff is None:
        return base
    given = _given(diff)
    if given.get("max_optimization_threads") == "auto":
        given["max_optimization_threads"] = None
    return base.model_copy(update=given)


def _patched(base: M, diff: Model) -> M:
    """Like `_merged`, but a nested settings object is merged into the nested one that is there."""
    update: dict[str, Any] = {}
    for name, value in _given(diff).items():
        old = getattr(base, name, None)
        if name == "quantization_config" and str(getattr(value, "value", "")) == "Disabled":
            update[name] = None
        elif isinstance(old, Model) and isinstance(value, type(old)):
            update[name] = _merged(old, value)
        else:
            update[name] = value
    return base.model_copy(update=update)
