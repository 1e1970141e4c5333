"""Fetches what is behind a URL somebody else wrote: no more bytes than allowed, no longer, and not from this network.

The name of every hop is looked up once, all its addresses are checked, and the connection goes to a checked address:
neither a redirect nor a name that changes its mind leads to 127.0.0.1. Proxies of the environment are not used, since
they would look up names by themselves. Called by `images`.
"""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias
from urllib.parse import urljoin

import httpx

from minidb.errors import InferenceError
from minidb.inference.context import InferenceContext
from minidb.inference.settings import ImageRules

_Address: TypeAlias = IPv4Address | IPv6Address

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_TYPES: Final = ("image/", "application/octet-stream", "binary/octet-stream")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_SHOWN = 200


def fetch(
    url: str, rules: ImageRules, context: InferenceContext, transport: httpx.BaseTransport | None = None
) -> bytes:
    """The bytes of an image.

    Args:
        url: http or https.
        rules: limits.
        context: whose deadline counts, too. A caller that is not trusted reaches no private address whatever the rules.
        transport: in place of the network, for tests.

    Raises:
        InferenceError: not there, too large, no image by its own words, or behind an address that is not allowed.
        Timeout: the context's deadline passed.
    """
    errand = _Errand(url, rules, context, time.monotonic() + rules.timeout_seconds)
    with transport or httpx.HTTPTransport(verify=_tls(), trust_env=False) as network:
        target = url
        for _ in range(rules.max_redirects + 1):
            found = errand.hop(network, target)
            if isinstance(found, bytes):
                return found
            target = urljoin(target, found)
    raise errand.refused(f"redirects more than {rules.max_redirects} times")


@dataclass(frozen=True)
class _Errand:
    """One image to fetch. `url` is the one that was asked for, wherever it led; `deadline` by the monotonic clock."""

    url: str
    rules: ImageRules
    context: InferenceContext
    deadline: float

    def hop(self, network: httpx.BaseTransport, target: str) -> bytes | str:
        """One request: the bytes, or where they are said to be."""
        try:
            parsed = httpx.URL(target)
        except httpx.InvalidURL as error:
            raise self.refused(f"is no URL: {error}") from error
        if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo:
            raise self.refused("leads to something that is no http or https address without a user name")
        failure: httpx.TransportError | None = None
        for address in self._allowed_addresses(parsed):
            try:
                return self._get(network, parsed, address)
            except httpx.TransportError as error:
                failure = error
            if not isinstance(failure, httpx.ConnectError):
                break
        self.context.remaining()
        raise self.refused(f"cannot be fetched: {type(failure).__name__}: {failure}".rstrip(": "))

    def _allowed_addresses(self, parsed: httpx.URL) -> list[_Address]:
        """What the host's name stands for, all of it allowed."""
        port = parsed.port or (443 if parsed.scheme == "https" else 80)
        try:
            found = socket.getaddrinfo(parsed.host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise self.refused(f"names a host that is not known: {parsed.host}") from error
        addresses = list(dict.fromkeys(ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))
        if not (self.rules.allow_private_addresses and self.context.trusted):
            private = next((address for address in addresses if not is_public(address)), None)
            if private is not None:
                raise self.refused(
                    f"leads to {private}, an address of this machine or its network; a client may allow that with "
                    "ImageRules(allow_private_addresses=True)"
                )
        return addresses

    def _get(self, network: httpx.BaseTransport, parsed: httpx.URL, address: _Address) -> bytes | str:
        """One request to one address. The host's name stays in the header and in the certificate's check."""
        timeout = httpx.Timeout(self._seconds_left())
        request = httpx.Request(
            "GET",
            parsed.copy_with(host=str(address)),
            headers={
                "Host": parsed.netloc.decode("ascii"),
                "Accept": "image/*",
                "Accept-Encoding": "identity",
                "User-Agent": "minidb",
                "Connection": "close",
            },
            extensions={"sni_hostname": parsed.host, "timeout": timeout.as_dict()},
        )
        answer = network.handle_request(request)
        try:
            if answer.status_code in _REDIRECTS and "location" in answer.headers:
                return answer.headers["location"]
            self._check(answer)
            pieces, size = [], 0
            for piece in answer.iter_raw():
                self._seconds_left()
                size += len(piece)
                if size > self.rules.max_bytes:
                    raise self._too_large()
                pieces.append(piece)
            return b"".join(pieces)
        finally:
            answer.close()

    def _check(self, answer: httpx.Response) -> None:
        """What can be told before the body is read."""
        if answer.status_code != 200:
            raise self.refused(f"answers with status {answer.status_code}")
        kind = answer.headers.get("content-type", "").strip().lower()
        if kind and not kind.startswith(_TYPES):
            raise self.refused(f"is {kind.split(';')[0]!r}, not an image")
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            raise self.refused("comes compressed though it was asked for as it is")
        length = answer.headers.get("content-length", "")
        if length.isdigit() and int(length) > self.rules.max_bytes:
            raise self._too_large()

    def _seconds_left(self) -> float:
        left = self.context.remaining()
        own = self.deadline - time.monotonic()
        if own <= 0:
            raise self.refused(f"takes longer than {self.rules.timeout_seconds:g} s")
        return own if left is None else min(own, left)

    def _too_large(self) -> InferenceError:
        return self.refused(f"is larger than the {self.rules.max_bytes} bytes that are allowed")

    def refused(self, why: str) -> InferenceError:
        """The error that says why there is no image."""
        shown = self.url if len(self.url) <= _SHOWN else self.url[:_SHOWN] + "…"
        return InferenceError(f"the image {shown} {why}")


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)  # reading the certificates takes 40 ms


def is_public(address: _Address) -> bool:
    """Whether an address is one of the open internet, itself and the IPv4 address it may carry."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:  # fec0::/10, retired, yet routed within a site where it is still in use
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved
