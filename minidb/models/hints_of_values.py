"""What would have been right in place of a value: of vectors, filters and settings.

Called by `hints.hint` for what is none of its own cases. Errors are known by their text: pydantic's kinds are coarser.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SPARSE = "a sparse vector is models.SparseVector(indices={indices}, values={values})"
_CONDITION = (
    "beside the key stands a condition: match=models.MatchValue(value=…), range=models.Range(gte=…), is_empty=True, …"
)
_MOST_SHOWN = 4
_LONGEST = 40


def of_range(message: str, last: str) -> str:
    """Of a value out of range."""
    if last == "limit":
        return "limit is the most results to return; client.count(…) returns none"
    for part, text in _RANGES.items():
        if part in message:
            return text
    return ""


_RANGES = {
    "must not be empty": "a point without vectors has `vector={}`",
    "the same length as indices": "a sparse vector has a value for each index",
    "must be unique": "an index of a sparse vector stands once: add up the values of equal ones",
    "At least one field condition": _CONDITION,
}


def of_value(kind: str, message: str, names: list[str], last: str, value: Any) -> str:
    """Of a value of another type or form, or ""."""
    if message.startswith("input should be a valid list"):
        return f"one alone goes into a list: [{_short(value)}]" if isinstance(value, (int, str)) else ""
    if "a valid dictionary" in message and names[-2:-1] == ["sparse_vectors"]:
        return "a sparse vector has models.SparseVectorParams()"
    if "a valid dictionary" in message and last in ("payload", "sparse_vectors", "vectors"):
        return _DICTS[last]
    if last == "payload" and "a valid string" in message:
        return f"keys are texts: {str(value)!r}"
    if "expected a number" in message and _is_number(value):
        return f"a number, without quotes: {value[:_LONGEST]}"
    if message.startswith("Expected a range with"):
        bounds = value if isinstance(value, (list, tuple)) and len(value) == 2 else ("…", "…")
        return f"a range is models.Range(gte={bounds[0]}, lte={bounds[1]}), with gt and lt for what is left out"
    if last == "text" and isinstance(value, (list, tuple)) and value and isinstance(value[0], (int, float)):
        return of_pairs({last: value})
    if last in _OBJECTS:
        return _OBJECTS[last]
    if last in ("lt", "gt", "gte", "lte"):
        return _bound(message, value)
    if last in ("value", "any", "except"):
        return _match(last, value)
    if last in ("lat", "lon") or "GeoPoint" in message:
        return _place(value)
    return _vector(kind, message, names, last, value)


_DICTS = {
    "payload": "a payload is a dict: {'color': 'red'}",
    "sparse_vectors": "sparse vectors have names: {'words': models.SparseVectorParams()}",
    "vectors": "models.VectorParams(size=…, distance=models.Distance.COSINE), or a dict of these by name",
}
_OBJECTS = {
    "is_empty": "models.IsEmptyCondition(is_empty=models.PayloadField(key=…))",
    "is_null": "models.IsNullCondition(is_null=models.PayloadField(key=…))",
    "center": "a place is models.GeoPoint(lat=…, lon=…)",
    "top_left": "a place is models.GeoPoint(lat=…, lon=…)",
    "bottom_right": "a place is models.GeoPoint(lat=…, lon=…)",
    "quantization_config": "as in models.ScalarQuantization(scalar=models.ScalarQuantizationConfig(type='int8'))",
    "text": "an object holds one text: [models.Document(text=text, model=…) for text in texts]",
}


def _bound(message: str, value: Any) -> str:
    if "a number" in message:
        is_date = value[:1].isdecimal() if isinstance(value, str) else hasattr(value, "isoformat")
        return "bounds that are dates stand in models.DatetimeRange" if is_date else ""
    if isinstance(value, (int, float)):
        return f"of seconds since 1970: datetime.datetime.fromtimestamp({value}, datetime.timezone.utc)"
    return ""


def _match(last: str, value: Any) -> str:
    if last != "value":
        if isinstance(value, (str, int)):
            return f"one alone goes into a list: [{_short(value)}]"
        return "all of them texts, or all of them integers"
    if isinstance(value, float):
        return f"floats are compared by a range: models.Range(gte={value}, lte={value})"
    if value is None:
        return "a missing value is found by models.IsEmptyCondition, a null by models.IsNullCondition"
    return "one of several is models.MatchAny(any=[…])" if isinstance(value, (list, tuple, set)) else ""


def _place(value: Any) -> str:
    lat, lon = (value.get("lat"), value.get("lon")) if isinstance(value, Mapping) else (None, None)
    if isinstance(lat, (int, float)) and isinstance(lon, (int, float)) and abs(lon) <= 90 < abs(lat) <= 180:
        return f"did you mean lat={lon}, lon={lat}?"
    return ""


def _vector(kind: str, message: str, names: list[str], last: str, value: Any) -> str:
    if last == "indices":
        return "indices are integers from 0 to 2**32 - 1, values their weights"
    if message.startswith("Expected an array of numbers with"):
        return "one vector alone is a row: vectors[None, :]"
    if message.startswith("Expected some form of vector (") and isinstance(value, Mapping) and value:
        return of_pairs(value) if all(isinstance(each, (int, float)) for each in value.values()) else ""
    if message.startswith("Expected some form of vector") and names[-1:] in (["vector"], ["query"]):
        if hasattr(value, "__iter__") and not isinstance(value, (str, bytes, Mapping)):
            return f"a vector is a list or an array of numbers: list(…), got a {type(value).__name__}"
        return f"a vector is a list or an array of numbers, got a {type(value).__name__}" if value is not None else ""
    return ""


def of_pairs(value: Mapping[Any, Any]) -> str:
    """Of a dict in place of a query: numbers by index, or a vector by its name."""
    name, vector = next(iter(value.items()))
    if not isinstance(vector, (int, float)):
        return f"a query of a named vector: query=[…], using={name!r}"
    first = list(value.items())[:_MOST_SHOWN]
    more = ", …" if len(value) > len(first) else ""
    indices, values = (", ".join(str(item[at]) for item in first) + more for at in (0, 1))
    return _SPARSE.format(indices=f"[{indices}]", values=f"[{values}]")


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(float(value) or True)
    except ValueError:
        return False


def _short(value: Any) -> str:
    return repr(value[:_LONGEST] if isinstance(value, str) else value)
