"""What an inference service's refusal means to the caller: which exception, with which words, and no key in them.

Called by `http` and `replies`; knows nothing of connections. The mapping is Qdrant's: 400 and other 4xx are the
caller's fault, 401 and 403 and 5xx a failed service, 429 a rate limit. The service's own status stays on the exception.

    InferenceError                    400  upstream 4xx
    RateLimitExceeded
    └── ProviderRateLimitExceeded     429  upstream 429
    ServiceError
    └── ProviderError                 500  upstream 401, 403, 5xx, no connection, an answer that makes no sense
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from minidb.errors import InferenceError, MinidbError, RateLimitExceeded, ServiceError
from minidb.inference.secret import Secret

_MAX_DETAIL = 500  # characters of a service's explanation that are worth repeating

# Keys as services echo them: with a known beginning, after "Bearer", or shortened by asterisks.
_LOOKS_LIKE_KEY = re.compile(
    r"\b(?:sk|pa|al|jina)[-_][\w*.-]{6,}|\bbearer\s+[^\s\"',]+|[\w-]*\*{2,}[\w*-]*", re.IGNORECASE
)

_TOO_LARGE_STATUSES = (400, 413, 422)
_TOO_LARGE = re.compile(
    r"too (?:large|many|long|big)|at most \d+"
    r"|max(?:imum)?\b.*\b(?:batch|tokens|inputs|items|texts|elements|per request)"
    r"|exceed\w*|max_tokens_per_request|batch size|larger than",
    re.IGNORECASE | re.DOTALL,
)
_ONE_TOO_LONG = re.compile(r"context.length|context.window|one of the inputs|example in", re.IGNORECASE)


class ProviderError(ServiceError):
    """An inference service failed, could not be reached or refused the key; nothing was written."""

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        upstream_status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.upstream_status = upstream_status
        self.retry_after = retry_after


class ProviderRateLimitExceeded(RateLimitExceeded):
    """An inference service wants fewer requests, or its quota is used up."""

    def __init__(
        self, message: str, *, provider: str, upstream_status: int = 429, retry_after: float | None = None
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.provider = provider
        self.upstream_status = upstream_status


class Refusal(NamedTuple):
    """A service's explanation. `code`: its word for the reason ("insufficient_quota"), where it gives one."""

    text: str
    code: str


def refusal_of(content: bytes) -> Refusal:
    """Reads the body of an error: `{error: {message, code}}`, `{error}`, `{message}`, `{detail}`, or plain text."""
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return Refusal(content.decode("utf-8", "replace").strip(), "")
    return refusal_in(body)


def refusal_in(body: Any) -> Refusal:
    """The same, of a body that is parsed already."""
    if not isinstance(body, Mapping):
        return Refusal(_words(body), "")
    reason: Any = body
    for name in ("error", "detail", "message"):
        if body.get(name):
            reason = body[name]
            break
    if not isinstance(reason, Mapping):
        return Refusal(_words(reason), str(body.get("code") or ""))
    code = f"{reason.get('code') or ''} {reason.get('type') or ''}".strip()
    return Refusal(_words(reason.get("message") or reason), code)


def failure(provider: str, status: int, text: str, retry_after: float | None = None) -> MinidbError:
    """The exception for an answer that is no success; `text` is scrubbed already."""
    text = text or "no reason given"
    known: dict[str, Any] = {"provider": provider, "upstream_status": status, "retry_after": retry_after}
    if status == 429:
        return ProviderRateLimitExceeded(f"{provider}: {text}", **known)
    if status in (401, 403):
        return ProviderError(f"Authentication failed for inference service {provider} ({status}): {text}", **known)
    if status == 400:
        return InferenceError(f"Inference request validation failed: {provider}: {text}", **known)
    if 400 < status < 500:
        return InferenceError(f"Inference service {provider} refused the request ({status}): {text}", **known)
    return ProviderError(f"Inference service {provider} failed ({status}): {text}", **known)


def nonsense(provider: str, why: str) -> ProviderError:
    """The exception for a successful answer that cannot be used."""
    return ProviderError(f"Inference service {provider} {why}", provider=provider, upstream_status=200)


def is_too_large(error: InferenceError) -> bool:
    """Whether fewer inputs in one request may help. One input that is too long stays too long."""
    if error.upstream_status == 413:
        return True
    return (
        error.upstream_status in _TOO_LARGE_STATUSES
        and _TOO_LARGE.search(error.message) is not None
        and _ONE_TOO_LONG.search(error.message) is None
    )


def scrub(text: str, secrets: Iterable[Secret]) -> str:
    """`text` without keys, those of this call and whatever looks like one, on one line of bounded length."""
    for secret in sorted((secret.reveal() for secret in secrets), key=len, reverse=True):
        if secret:
            text = text.replace(secret, "***")
    text = " ".join(text.split())[: 2 * _MAX_DETAIL]  # bounded before the pattern, whose time grows with the square
    text = _LOOKS_LIKE_KEY.sub("***", text)
    return text if len(text) <= _MAX_DETAIL else text[:_MAX_DETAIL] + "…"


def _words(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
