"""Readers of queries: what to search for, how, and what to return."""

from __future__ import annotations

from typing import Any

from minidb.grpc.descriptors import Message
from minidb.grpc.read import field_by_field, floats, read, reader, reads, shortest
from minidb.grpc.table import table
from minidb.grpc.vectors_read import sparse
from minidb.grpc.words import malformed, word

_QUERIES = {field.name: field.type for field in table().messages["Query"]}
_EXPRESSIONS = {field.name: field.type for field in table().messages["Expression"]}


@reads("Query")
def _query(message: Message) -> Any:
    kind = message.WhichOneof("variant")
    if kind is None:
        raise malformed("Query variant is missing")
    content = getattr(message, kind)
    if kind == "nearest":
        return read("VectorInput", content)
    if kind in ("fusion", "sample"):
        return {kind: word(_QUERIES[kind], content)}
    plain = reader(_QUERIES[kind])(content)
    return plain if kind in ("formula", "nearest_with_mmr") else {kind: plain}


@reads("NearestInputWithMmr")
def _nearest_with_mmr(message: Message) -> dict[str, Any]:
    for field in ("nearest", "mmr"):
        if not message.HasField(field):
            raise malformed("nearest vector is missing" if field == "nearest" else "mmr is missing")
    return {"nearest": read("VectorInput", message.nearest), "mmr": read("Mmr", message.mmr)}


@reads("Rrf")
def _rrf(message: Message) -> dict[str, Any]:
    plain: dict[str, Any] = {"k": message.k} if message.HasField("k") else {}
    return {**plain, "weights": [shortest(weight) for weight in floats(message.weights)]} if message.weights else plain


@reads("ContextInput")
def _context(message: Message) -> list[Any]:
    return [read("ContextInputPair", pair) for pair in message.pairs]


@reads("OrderBy")
def _order_by(message: Message) -> dict[str, Any]:
    plain: dict[str, Any] = {"key": message.key}
    if message.HasField("direction"):
        plain["direction"] = "desc" if message.direction == 1 else "asc"  # an unknown one is ascending, too
    kind = message.start_from.WhichOneof("value") if message.HasField("start_from") else None
    if kind is not None:
        start = getattr(message.start_from, kind)
        plain["start_from"] = read("Timestamp", start) if kind == "timestamp" else start
    return plain


@reads("TextQuery")
def _text(message: Message) -> dict[str, Any]:
    kind = message.WhichOneof("scoring")
    scoring = {} if kind is None else {"scoring": {kind: read("Bm25Params", getattr(message, kind))}}
    return {"query": message.query, **scoring}


@reads("Formula")
def _formula(message: Message) -> dict[str, Any]:
    if not message.HasField("expression"):
        raise malformed("missing field: expression")
    defaults = {name: read("Value", value) for name, value in message.defaults.items()}
    return {"formula": _expression(message.expression), "defaults": defaults}


@reads("Expression")
def _expression(message: Message) -> Any:
    kind = message.WhichOneof("variant")
    if kind is None:
        raise malformed("missing field: variant")
    content = getattr(message, kind)
    if kind == "constant":
        return shortest(content)
    if kind == "variable":
        return content
    if kind == "condition":
        condition = read("Condition", content)
        if condition is None:
            raise malformed("missing field: condition")
        return condition
    if kind in ("mult", "sum", "max", "min"):
        return {kind: [_expression(operand) for operand in getattr(content, kind)]}
    if kind in ("datetime", "datetime_key"):
        return {kind: content}
    return {kind: reader(_EXPRESSIONS[kind])(content)}


@reads("IdfParams")
def _idf(message: Message) -> Any:
    return {"corpus": read("Filter", message.corpus)} if message.HasField("corpus") else "global"


@reads("WithPayloadSelector")
def _with_payload(message: Message) -> Any:
    kind = message.WhichOneof("selector_options")
    if kind is None:
        raise malformed("No PayloadSelector")
    return message.enable if kind == "enable" else {kind: list(getattr(message, kind).fields)}


@reads("WithVectorsSelector")
def _with_vectors(message: Message) -> bool | list[str]:
    kind = message.WhichOneof("selector_options")
    if kind is None:
        return False
    return message.enable if kind == "enable" else list(message.include.names)


# The requests of older clients, as the bodies of REST's older routes


@reads("SearchPoints", "SearchPointGroups")
def _search(message: Message) -> dict[str, Any]:
    plain: dict[str, Any] = field_by_field(message.DESCRIPTOR.name)(message)
    name = plain.pop("vector_name", None)
    indices = plain.pop("sparse_indices", None)
    vector = plain["vector"] if indices is None else sparse(indices["data"], message.vector)
    if name is None and indices is not None:
        raise malformed("Sparse vector must have a name specified")
    plain["vector"] = vector if name is None else {"name": name, "vector": vector}
    return plain


@reads("RecommendPoints", "RecommendPointGroups")
def _recommend(message: Message) -> dict[str, Any]:
    plain: dict[str, Any] = field_by_field(message.DESCRIPTOR.name)(message)
    for side in ("positive", "negative"):
        plain[side] = [*plain.get(side, ()), *plain.pop(f"{side}_vectors")]
    return plain


@reads("TargetVector")
def _target(message: Message) -> Any:
    if message.WhichOneof("target") is None:
        raise malformed("Target vector is malformed")
    return read("VectorExample", message.single)


@reads("ContextExamplePair")
def _example_pair(message: Message) -> dict[str, Any]:
    if not (message.HasField("positive") and message.HasField("negative")):
        raise malformed("Both positive and negative are required in a context pair")
    return {side: read("VectorExample", getattr(message, side)) for side in ("positive", "negative")}
