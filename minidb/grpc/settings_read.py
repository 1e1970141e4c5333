"""Readers of a collection's settings: vectors, quantization, payload indexes, strict mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minidb.grpc.descriptors import Message
from minidb.grpc.read import field_by_field, read, reader, reads
from minidb.grpc.table import table
from minidb.grpc.words import known_word, malformed, word


@reads("VectorsConfig", "VectorsConfigDiff")
def _vectors(message: Message) -> Any:
    kind = message.WhichOneof("config")
    if kind is None:
        return None
    if kind == "params_map":
        return _map(message.params_map)
    if message.DESCRIPTOR.name == "VectorsConfig":
        return read("VectorParams", message.params)
    return {"": read("VectorParamsDiff", message.params)}


@reads("VectorParamsMap", "VectorParamsDiffMap", "SparseVectorConfig")
def _map(message: Message) -> dict[str, Any]:
    return _by_name(message.DESCRIPTOR.name, "map", message.map)


@reads("StrictModeMultivectorConfig")
def _multivector_limits(message: Message) -> dict[str, Any]:
    return _by_name("StrictModeMultivectorConfig", "multivector_config", message.multivector_config)


@reads("StrictModeSparseConfig")
def _sparse_limits(message: Message) -> dict[str, Any]:
    return _by_name("StrictModeSparseConfig", "sparse_config", message.sparse_config)


def _by_name(message: str, field: str, values: Mapping[str, Message]) -> dict[str, Any]:
    """A message that holds nothing but a map, as that map."""
    one = reader(next(entry.type for entry in table().messages[message] if entry.name == field))
    return {name: one(value) for name, value in values.items()}


@reads("OptimizersConfigDiff")
def _optimizers(message: Message) -> dict[str, Any]:
    plain: dict[str, Any] = field_by_field("OptimizersConfigDiff")(message)
    old = plain.pop("deprecated_max_optimization_threads", None)
    return plain if old is None else {"max_optimization_threads": old, **plain}


@reads("MaxOptimizationThreads")
def _threads(message: Message) -> Any:
    kind = message.WhichOneof("variant")
    if kind is None:
        raise malformed("Malformed MaxOptimizationThreads")
    return message.value if kind == "value" else word("MaxOptimizationThreads.Setting", message.setting)


@reads("QuantizationConfigDiff")
def _quantization_diff(message: Message) -> Any:
    if message.WhichOneof("quantization") == "disabled":
        return "Disabled"
    return field_by_field("QuantizationConfigDiff")(message)


@reads("BinaryQuantizationQueryEncoding")
def _query_encoding(message: Message) -> Any:
    if message.WhichOneof("variant") is None:
        raise malformed("Unknown binary quantization query encoding")
    return word("BinaryQuantizationQueryEncoding.Setting", message.setting)


@reads("CreateFieldIndexCollection")
def _field_index(message: Message) -> dict[str, Any]:
    if not message.HasField("field_type"):
        raise malformed("cannot convert field_type")
    kind = known_word("FieldType", message.field_type)
    if kind is None and message.HasField("field_index_params"):
        raise malformed("field type is missing")
    params = message.field_index_params.WhichOneof("index_params")
    schema: Any = kind
    if params is not None:
        if params != f"{kind}_index_params":
            text = f"field_type ({str(kind).capitalize()}) and field_index_params do not match"
            raise malformed(text)
        name = f"{str(kind).capitalize()}IndexParams"
        schema = {"type": kind, **read(name, getattr(message.field_index_params, params))}
    return {"field_name": message.field_name, "field_schema": schema}


@reads("KeywordIndexParams")
def _keyword(message: Message) -> dict[str, Any]:
    plain: dict[str, Any] = field_by_field("KeywordIndexParams")(message)
    return {**plain, "prefix": True} if message.HasField("prefix") else plain


@reads("StopwordsSet")
def _stopwords(message: Message) -> dict[str, Any]:
    lists = {"languages": list(message.languages), "custom": list(message.custom)}
    return {name: words for name, words in lists.items() if words}


@reads("StemmingAlgorithm")
def _stemmer(message: Message) -> dict[str, str] | None:
    kind = message.WhichOneof("stemming_params")
    if kind == "snowball":
        return {"type": "snowball", "language": message.snowball.language}
    return None if kind is None else {"type": "none"}
