"""Writers of a collection's settings and payload indexes, as its info shows them."""

from __future__ import annotations

from typing import Any

from minidb.grpc.words import number
from minidb.grpc.write import Fields, field_by_field, fields, writes


@writes("VectorsConfig")
def _vectors(plain: dict[str, Any]) -> Fields:
    """One vector's parameters, or several by name."""
    if isinstance(plain.get("size"), int):
        return {"params": fields("VectorParams", plain)}
    return {"params_map": {"map": {name: fields("VectorParams", params) for name, params in plain.items()}}}


@writes("SparseVectorConfig")
def _sparse_vectors(plain: dict[str, Any]) -> Fields:
    return {"map": {name: fields("SparseVectorParams", params) for name, params in plain.items()}}


@writes("StrictModeMultivectorConfig")
def _multivector_limits(plain: dict[str, Any]) -> Fields:
    return {"multivector_config": {name: fields("StrictModeMultivector", one) for name, one in plain.items()}}


@writes("StrictModeSparseConfig")
def _sparse_limits(plain: dict[str, Any]) -> Fields:
    return {"sparse_config": {name: fields("StrictModeSparse", one) for name, one in plain.items()}}


@writes("MaxOptimizationThreads")
def _threads(plain: int | str) -> Fields:
    return {"value": plain} if isinstance(plain, int) else {"setting": number("MaxOptimizationThreads.Setting", plain)}


@writes("BinaryQuantizationQueryEncoding")
def _query_encoding(plain: str) -> Fields:
    return {"setting": number("BinaryQuantizationQueryEncoding.Setting", plain)}


@writes("CollectionParams")
def _params(plain: dict[str, Any]) -> Fields:
    return field_by_field("CollectionParams", {"vectors": {}, **plain})  # without any, clients expect an empty map


@writes("OptimizerStatus")
def _optimizer_status(plain: Any) -> Fields:
    return {"ok": True} if plain == "ok" else {"ok": False, "error": plain["error"]}


@writes("PayloadSchemaInfo")
def _payload_index(plain: dict[str, Any]) -> Fields:
    written: Fields = {"data_type": number("PayloadSchemaType", plain["data_type"]), "points": plain["points"]}
    params = plain.get("params")
    if params is not None:
        kind = params["type"]
        written["params"] = {f"{kind}_index_params": fields(f"{kind.capitalize()}IndexParams", params)}
    return written


@writes("KeywordIndexParams")
def _keyword(plain: dict[str, Any]) -> Fields:
    return field_by_field("KeywordIndexParams", {**plain, "prefix": {} if plain.get("prefix") else None})


@writes("TextIndexParams")
def _text(plain: dict[str, Any]) -> Fields:
    scoring = plain.get("scoring")
    if isinstance(scoring, bool):
        plain = {**plain, "scoring": {"type": "bm25"} if scoring else None}
    return field_by_field("TextIndexParams", plain)


@writes("StopwordsSet")
def _stopwords(plain: Any) -> Fields:
    return {"languages": [plain]} if isinstance(plain, str) else field_by_field("StopwordsSet", plain)


@writes("StemmingAlgorithm")
def _stemmer(plain: dict[str, Any]) -> Fields:
    return {"snowball": {"language": plain["language"]}} if plain["type"] == "snowball" else {"disabled": {}}
