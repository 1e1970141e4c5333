"""What different clients answer, in one form: results of minidb's and of qdrant-client's classes, and their errors."""

from __future__ import annotations

import json
import re
from enum import Enum
from typing import Any

import numpy as np
from grpc import RpcError
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import UnexpectedResponse

from minidb.errors import MinidbError


def plain(value: Any, exact: bool = False) -> Any:
    """Models of any library as dicts without nulls; vectors and scores as 32-bit floats, payload `exact`."""
    if hasattr(value, "model_dump"):
        return {"type": type(value).__name__, **plain(dict(value))}
    if isinstance(value, dict):
        return {k: plain(v, exact or k in ("payload", "metadata")) for k, v in value.items() if exact or v is not None}
    if isinstance(value, (list, tuple)):
        return [plain(entry, exact) for entry in value]
    if isinstance(value, Enum):
        return value.value
    return float(np.float32(value)) if isinstance(value, float) and not exact else value


def refusal(error: Exception) -> tuple[int | str, str]:
    """Status and text of an error, by minidb's or qdrant-client's class; gRPC's status is a word."""
    match error:
        case MinidbError():
            return error.status_code, error.answer()  # hints are told to Python only, on 3.10 below the text
        case UnexpectedResponse():
            text = json.loads(error.content)["status"]["error"]
            return error.status_code, text.replace("internal.", "")  # which a Python call of minidb's does not say
        case ResourceExhaustedResponse():
            return 429, error.message
        case RpcError():
            return error.code().name, error.details()
    raise error


_GRPC_CODES = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    409: "ALREADY_EXISTS",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
}


def over_grpc(refused: tuple[int | str, str]) -> tuple[int | str, str]:
    """What REST's refusal is over gRPC: another status, the same text, but there is no JSON and nothing internal."""
    status, text = refused
    assert isinstance(status, int)
    if status == 429 and "split" not in text:
        return refused  # qdrant-client has one class for those that say when to come back, whatever the way
    words = re.sub(r"^(\w+ error in )(JSON body|query parameters|path parameters)", r"\1body", text)
    words = re.sub(r"\b(internal|\w+_request)\.", "", words) if words.startswith("Validation") else words
    return _GRPC_CODES[status], words


def without_empty_payloads(value: Any) -> Any:
    """What of a result is left over gRPC, whose hits cannot tell an empty payload from none."""
    if isinstance(value, list):
        return [without_empty_payloads(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    is_empty = value.get("type") == "ScoredPoint" and value.get("payload") == {}
    return {
        name: without_empty_payloads(entry) for name, entry in value.items() if not (is_empty and name == "payload")
    }
