"""What a command speaks to: a store in this process or a server, both by Qdrant's REST interface.

So every command is written once. Errors are the text the store or the server answers with, and the nearest right name
where a collection or a vector is missing. Called by the commands.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from minidb.cli.parser import nearest
from minidb.cli.places import without_password
from minidb.errors import MinidbError, NotFound
from minidb.rest.encoding import dumps, loads
from minidb.storage.interface import Durability

_CONNECT_SECONDS = 10.0
_PAGE = 256
_LINES = {
    "WRONG_VERSION_NUMBER": "http://, without TLS?",
    "disconnected without": "https://, with TLS?",
    "self-signed": "SSL_CERT_FILE=FILE trusts its certificate",
    "unable to get local issuer": "SSL_CERT_FILE=FILE trusts the certificate of its CA",
    "certificate has expired": "the server needs a new one",
    "illegal request line": "is it the port of gRPC?",
}
"""What may be meant, by a part of what httpx says."""


class Refused(MinidbError):
    """What the other side answered, in its words. `status` is the answer's, None without one or by this side's choice;
    `retry_after` are seconds, where it named them.
    """

    def __init__(self, message: str, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class Target:
    """A store or a server. `name` is what to call it; `path` is None for a server."""

    def __init__(self, http: httpx.Client, name: str, path: Path | None) -> None:
        self._http = http
        self.name = name
        self.path = path

    def ask(self, method: str, path: str, body: Any = None, *, seconds: float | None = None, **parameters: str) -> Any:
        """The `result` of an answer, waited for no longer than `seconds`. Raises Refused with the answer's error, also
        when there is no answer.
        """
        try:
            content = None if body is None else dumps(body)
        except TypeError as error:  # bytes, decimals, … of a file
            raise Refused(f"{error.__cause__ or error}: payloads are JSON") from error
        timeout = httpx.Timeout(seconds, connect=_CONNECT_SECONDS)
        return self._value(self._send(method, path, content=content, params=parameters, timeout=timeout))["result"]

    def version(self) -> str:
        answer = self._value(self._send("GET", "/"))
        return f"{answer.get('title', 'unknown server')}, version {answer.get('version', '?')}"

    def upload(self, path: str, file: Path) -> Any:
        with file.open("rb") as content:
            response = self._send("POST", path, files={"snapshot": (file.name, content)}, params={"wait": "true"})
        return self._value(response)["result"]

    def download(self, path: str, file: Path) -> None:
        with self._answering(), self._http.stream("GET", path) as response:
            if response.status_code != 200:
                response.read()
                raise self._refused(response, path)
            with file.open("wb") as into:
                for piece in response.iter_bytes():
                    into.write(piece)

    def collections(self) -> list[str]:
        return sorted(each["name"] for each in self.ask("GET", "/collections")["collections"])

    def exists(self, name: str) -> bool:
        return bool(self.ask("GET", f"{collection(name)}/exists")["exists"])

    def vectors(self, name: str) -> dict[str, dict[str, Any]]:
        """Parameters of the collection's vectors by name; sparse ones have no size."""
        params = self.ask("GET", collection(name))["config"]["params"]
        dense = params.get("vectors") or {}
        named = {"": dense} if isinstance(dense.get("size"), int) else dense
        return {**named, **(params.get("sparse_vectors") or {})}

    def scroll(self, name: str, **request: Any) -> Iterator[list[dict[str, Any]]]:
        """All points, a page at a time."""
        offset = None
        while True:
            body = {"limit": _PAGE, "with_payload": True, "offset": offset, **request}
            page = self.ask("POST", f"{collection(name)}/points/scroll", body)
            if page["points"]:
                yield page["points"]
            offset = page.get("next_page_offset")
            if offset is None:
                return

    def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        with self._answering():
            response = self._http.request(method, path, **content)
        if response.status_code >= 400:
            raise self._refused(response, path)
        return response

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPError as error:
            raise Refused(no_answer(self.name, error)) from error

    def _value(self, response: httpx.Response) -> dict[str, Any]:
        try:
            value = loads(response.content)
        except MinidbError:
            value = None
        if not isinstance(value, dict) or not {"result", "version"} & set(value):
            raise Refused(f"{self.name} answers, but not as Qdrant does")
        return value

    def _refused(self, response: httpx.Response, path: str) -> Refused:
        retry_after = _seconds(response.headers.get("retry-after", ""))
        text = answered(self.name, response.status_code, response.reason_phrase, response.content, response.headers)
        return Refused(text + self._suggestion(text, path), response.status_code, retry_after)

    def _suggestion(self, text: str, path: str) -> str:
        """The nearest right name of a collection or a vector."""
        if missing := re.search(r"Collection `(.*)` doesn't exist", text):
            return _nearest(missing[1], self.collections(), "collections")
        if wrong := re.search(r"unknown field `(.*)` in filter", text):
            return _nearest(wrong[1], ["must", "should", "must_not", "min_should"], "clauses")
        owner = re.match(r"/collections/([^/]+)", path)
        if owner and (missing := re.search(r"[Nn]ot existing vector name error: (.*)", text)):
            return _nearest(missing[1], self._named(owner[0]), "vectors")
        return ""

    def _named(self, path: str) -> list[str]:
        params = self.ask("GET", path)["config"]["params"]
        return [name for kind in ("vectors", "sparse_vectors") for name in params.get(kind) or {}]


def no_answer(name: str, error: Exception) -> str:
    """What to say of a server there is no answer from, with what may be meant."""
    hint = next((hint for part, hint in _LINES.items() if part in str(error)), "")
    if "refused" in str(error) and (without_port := re.fullmatch(r"(\w+://[^/:]+)(/.*)?", name)):
        hint = f"Qdrant's port is 6333: {without_port[1]}:6333"
    text = str(error) or f"{type(error).__name__} without a word"
    return f"{name} does not answer: {text}{hint and f' ({hint})'}"


def answered(name: str, status: int, phrase: str, content: bytes, headers: Mapping[str, str]) -> str:
    """The error of an answer: in Qdrant's words, or whose it is, in a line."""
    try:
        return str(loads(content)["status"]["error"])
    except (MinidbError, KeyError, TypeError):  # of somebody between
        is_text = headers.get("content-type", "").startswith("text/plain")
        said = content.decode(errors="replace").strip().partition("\n")[0][:200] if is_text else ""
        return f"{name} answers with {status}: {said or f'{phrase}, and not as Qdrant does'}"


def _seconds(retry_after: str) -> float | None:
    """What the header says, which is a number of seconds or a date; None for anything else."""
    if retry_after.isdecimal():
        return float(retry_after)
    with suppress(TypeError, ValueError):
        date = parsedate_to_datetime(retry_after)
        return max(0.0, (date.astimezone(timezone.utc) - datetime.now(timezone.utc)).total_seconds())
    return None


def _nearest(given: str, known: list[str], what: str) -> str:
    return f" ({guess})" if (guess := nearest(given, known)) else f" ({what} here: {', '.join(known[:10]) or 'none'})"


def collection(name: str) -> str:
    """The path of a collection."""
    return f"/collections/{quote(name, safe='')}"


@contextmanager
def open_target(
    arguments: argparse.Namespace, *, created: bool = False, durability: Durability = "full"
) -> Iterator[Target]:
    """What `--path` or `--url` names. Raises NotFound for a path without a store, unless it may be created."""
    if arguments.url is not None:
        headers = {"api-key": arguments.api_key} if arguments.api_key else {}
        timeout = httpx.Timeout(None, connect=_CONNECT_SECONDS)
        with httpx.Client(base_url=arguments.url, headers=headers, timeout=timeout) as http:
            yield Target(http, without_password(arguments.url), None)
        return
    from minidb.transport import Transport

    read_only = not created and check_store(arguments.path)
    transport = Transport(arguments.path, durability=durability, read_only=read_only)
    with httpx.Client(base_url="http://minidb", transport=transport, timeout=None) as http:
        yield Target(http, str(arguments.path), arguments.path)


def check_store(path: Path) -> bool:
    """Whether the store is on a disk or in a folder that cannot be written, and so is to be opened for reading.

    Raises NotFound where there is none: a mistyped path makes no directory.
    """
    if not (path / "data.mdb").is_file():
        raise NotFound(f"there is no store at {path}")
    return not (os.access(path, os.W_OK) and os.access(path / "data.mdb", os.W_OK))
