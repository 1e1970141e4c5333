"""The settings of a collection: from what info shows to what makes one like it, and what differs between two infos."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minidb.migration.ends import Json

_CREATED = (
    "vectors",
    "sparse_vectors",
    "shard_number",
    "replication_factor",
    "write_consistency_factor",
    "on_disk_payload",
    "payload",
    "id_tracker",
)
"""Of `config.params`. Not `sharding_method`: what custom shards hold cannot be written without their keys."""
TOKENS = "minidb-sync/"
"""Keys of metadata that begin so say how far a push has got, in the collection they are in and in no copy of it."""
_UPDATED = ("read_fan_out_factor", "read_fan_out_delay_ms")
_DIFFERENT = "{}: {} here, {} there"


def creation(info: Json) -> Json:
    """The body that creates a collection like this, except for what `completion` adds."""
    config = without_nulls(info["config"])
    params = config["params"]
    return {
        **{name: params[name] for name in _CREATED if name in params},
        **{name: config[name] for name in ("hnsw_config", "wal_config", "quantization_config") if name in config},
        "optimizers_config": config["optimizer_config"],
        **({"metadata": metadata} if (metadata := _own_metadata(info["config"])) else {}),
    }


def completion(info: Json) -> Json:
    """The body that updates it when its points are there: strict mode might refuse what brings them."""
    config = without_nulls(info["config"])
    params = {name: config["params"][name] for name in _UPDATED if name in config["params"]}
    strict = config.get("strict_mode_config")
    return {**({"params": params} if params else {}), **({"strict_mode_config": strict} if strict else {})}


def index_schemas(info: Json) -> dict[str, Any]:
    """Of each indexed field what creates its index."""
    return {field: index.get("params") or index["data_type"] for field, index in info["payload_schema"].items()}


def differences(here: Json, there: Json) -> Iterator[str]:
    """A line for each setting and payload index that is not the same."""
    yield from _compared("", _normal(here["config"]), _normal(there["config"]))
    indexes = (without_nulls(index_schemas(here)), without_nulls(index_schemas(there)))
    for field in sorted(indexes[0].keys() | indexes[1].keys()):
        mine, other = (schema_of(each.get(field)) for each in indexes)
        if mine != other:
            yield _DIFFERENT.format(f"index of {field}", *(_shown(each.get(field)) for each in indexes))


def _normal(config: Json) -> Json:
    """With what a sparse vector has when it says nothing, so that one that is not there is seen, and without tokens."""
    sparse = config["params"].get("sparse_vectors") or {}
    said = {name: {"modifier": "none", **without_nulls(params or {})} for name, params in sparse.items()}
    return {**config, "params": {**config["params"], "sparse_vectors": said}, "metadata": _own_metadata(config)}


def _own_metadata(config: Json) -> Json:
    return {name: value for name, value in (config.get("metadata") or {}).items() if not name.startswith(TOKENS)}


def _compared(path: str, here: Any, there: Any) -> Iterator[str]:
    if isinstance(here, dict) or isinstance(there, dict):
        mine, other = (without_nulls(each) if isinstance(each, dict) else {} for each in (here, there))
        for name in [*mine, *(name for name in other if name not in mine)]:
            yield from _compared(f"{path}.{name}" if path else name, mine.get(name), other.get(name))
    elif here != there:
        yield _DIFFERENT.format(path, _shown(here), _shown(there))


def schema_of(schema: Any) -> Any:
    """An index's parameters; a type alone is the same as parameters that have nothing else."""
    return {"type": schema} if isinstance(schema, str) else schema


def without_nulls(value: Any) -> Any:
    """Without fields that are null: some show those, some do not."""
    if not isinstance(value, dict):
        return value
    return {name: without_nulls(each) for name, each in value.items() if each is not None}


def _shown(value: Any) -> str:
    return "nothing" if value is None or value == {} else str(value)
