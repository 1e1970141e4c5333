"""Reads off a request what a provider needs: the upstream model, the key, where to send it, the options of the body.

Called by every provider at the start of `embed`; knows no provider and opens no connection. Options whose value is null
take a default of minidb's out of the body; options of `TRANSPORT_OPTIONS` steer minidb and are not sent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from minidb.errors import InferenceError
from minidb.inference.context import InferenceContext
from minidb.inference.execute import Request
from minidb.inference.secret import Secret
from minidb.models.faults import shown

TRANSPORT_OPTIONS: Final = ("base_url", "timeout", "max_retries", "batch_size", "auto_input_type")
_OURS = frozenset({"model", "input", "inputs", "texts", "images"})  # of a body; the caller's come from the objects
_MAX_RETRIES = 10


@dataclass(frozen=True)
class Profile:
    """What minidb knows of a service before any request.

    `key_name` is the option and the header that carry its key, None if it takes none; `base_url` None: the caller says.
    """

    name: str
    key_name: str | None
    base_url: str | None
    key_required: bool = True
    timeout_seconds: float = 60.0
    max_retries: int = 2


@dataclass(frozen=True)
class Call:
    """One request to one service, before it is split into batches."""

    provider: str
    model: str  # as the service calls it
    full_model: str  # as the caller does
    operation: str
    base_url: str
    key: Secret | None
    secrets: tuple[Secret, ...]  # whatever must not show up in an error
    options: Mapping[str, Any]
    context: InferenceContext
    timeout_seconds: float  # of one attempt
    max_retries: int
    batch_size: int | None
    auto_input_type: bool

    def body(self, content: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON body: the content, the defaults, each with the caller's value if there is one, and the rest."""
        parameters = {**defaults, **self.options}
        return {**content, **{name: value for name, value in parameters.items() if value is not None}}

    def option(self, name: str, default: Any = None) -> Any:
        """The caller's value, None included, or the default."""
        return self.options.get(name, default)

    def by_operation(self, update: str, search: str) -> str | None:
        """What to tell the service about the use of the vectors; None if the caller switched that off."""
        if not self.auto_input_type:
            return None
        return search if self.operation == "search" else update

    def identity(self, *, by_operation: bool) -> dict[str, Any]:
        """What decides the vectors besides the inputs; see `identity.Identified`. The key is no part of it.

        Args:
            by_operation: whether the service is told what the vectors are for.
        """
        return {
            "provider": self.provider,
            "base_url": self.base_url,
            "model": self.model,
            "options": dict(self.options),
            "operation": self.operation if by_operation else None,
        }

    def spent(self, tokens: Any) -> None:
        """Counts tokens, if the service reported a number."""
        if isinstance(tokens, int) and not isinstance(tokens, bool) and tokens > 0:
            self.context.usage.add_tokens(self.full_model, tokens)

    def error(self, message: str) -> InferenceError:
        """What is wrong with the request, before it is sent."""
        return InferenceError(message, provider=self.provider)


def read(request: Request, profile: Profile) -> Call:
    """The call a request asks for.

    Raises:
        InferenceError: no model after the prefix, no key, a key no header can hold, or a transport option of no sense.
    """
    options = request.options
    _, _, model = request.model.partition("/")
    if not model:
        raise _error(profile, f"model {request.model!r} names no model of {profile.name}")
    clash = sorted(_OURS & set(options))
    if clash:
        raise _error(profile, f"option {clash[0]} is set by minidb and cannot be given for {request.model}")
    if not request.inputs:
        raise _error(profile, f"no inputs for {request.model}")
    return Call(
        provider=profile.name,
        model=model,
        full_model=request.model,
        operation=request.operation,
        base_url=_base_url(request, profile),
        key=_key(request, profile),
        secrets=(*request.secrets.values(), *request.context.keys.values()),
        options={name: value for name, value in options.items() if name not in TRANSPORT_OPTIONS},
        context=request.context,
        timeout_seconds=_seconds(options, profile),
        max_retries=_count(options, profile, "max_retries", 0, _MAX_RETRIES, profile.max_retries),
        batch_size=_count(options, profile, "batch_size", 1, None, 0) or None,
        auto_input_type=_flag(options, profile, "auto_input_type", True),
    )


def has_key(request: Request, key_name: str) -> bool:
    """Whether a request brings a key."""
    return _find_key(request, key_name) is not None


def _find_key(request: Request, key_name: str) -> Secret | None:
    """The option's key, else the header's. An empty one is none."""
    for keys in (request.secrets, request.context.keys):
        key = keys.get(key_name)
        if key is not None and key.reveal().strip():
            return key
    return None


def _key(request: Request, profile: Profile) -> Secret | None:
    name = profile.key_name
    if name is None:
        return None
    key = _find_key(request, name)
    if key is None:
        if not profile.key_required:
            return None
        raise _error(
            profile,
            f"{request.model} needs a key of {profile.name}: give it with every request, as the option {name} "
            f"of the object or as the request header {name}",
        ).hinting(key_hint(name))
    if not is_header_value(key):
        raise _error(profile, f"the key in {name} has characters that no header can hold")
    return key


def key_hint(name: str) -> str:
    """Where a key goes, for who calls from Python."""
    return f'QdrantClient(…, headers={{"{name}": …}}); no variable of the environment is read'


def is_header_value(secret: Secret) -> bool:
    """Whether a secret can be sent in a header. Checked here, since whoever else finds out would print it."""
    value = secret.reveal()
    return value.isascii() and value.isprintable() and " " not in value


def _base_url(request: Request, profile: Profile) -> str:
    url = request.options.get("base_url")
    if url is None:
        url = profile.base_url
    elif not request.context.trusted:
        raise _error(profile, "option base_url is not allowed here: it would let a request reach any address")
    if url is None:
        raise _error(profile, f'{request.model} needs the option base_url, such as "http://localhost:11434/v1"')
    if not is_plain_url(url):
        raise _error(profile, "option base_url must be an http or https address without user name, query and fragment")
    return str(url).rstrip("/")


def is_plain_url(url: Any) -> bool:
    """Whether this is an address to which a path can be added, with no secrets in it."""
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
    return usable and "@" not in parts.netloc and not parts.query and not parts.fragment


def _seconds(options: Mapping[str, Any], profile: Profile) -> float:
    value = options.get("timeout")
    if value is None:
        return profile.timeout_seconds
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value <= 0:
        raise _error(profile, f"option timeout must be a positive number of seconds, got {shown(value)}")
    return float(value)


def _count(options: Mapping[str, Any], profile: Profile, name: str, least: int, most: int | None, default: int) -> int:
    value = options.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value < least or (most is not None and value > most):
        limits = f"at least {least}" if most is None else f"from {least} to {most}"
        raise _error(profile, f"option {name} must be an integer of {limits}, got {shown(value)}")
    return value


def _flag(options: Mapping[str, Any], profile: Profile, name: str, default: bool) -> bool:
    value = options.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise _error(profile, f"option {name} must be true or false, got {shown(value)}")
    return value


def _error(profile: Profile, message: str) -> InferenceError:
    return InferenceError(message, provider=profile.name)
