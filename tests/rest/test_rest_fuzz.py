"""Random damage to valid requests: the answer is a valid 2xx, or a 4xx with the error envelope that changes nothing.

`MINIDB_CASES=50 python -m pytest tests/rest/test_rest_fuzz.py` runs 50 times as many new cases.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from oracles.cases import cases
from rest_world import JSON_BODY, SNAPSHOTS, STANDALONE, UUID, VALID, Answer, Valid, World

REQUESTS = [*VALID, *STANDALONE, *SNAPSHOTS]
WITH_BODY = [case for case in REQUESTS if isinstance(case.body, dict)]
Path = tuple[Any, ...]


class Json(str):
    """Text that stands in a body as it is; as a string it would be quoted."""


def dumps(value: Any) -> str:
    """JSON, with the raw texts of `Json` in their places and pairs of a `list` of pairs as (repeatable) keys."""
    if isinstance(value, Json):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{dumps(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dumps, value)) + "]"
    if isinstance(value, Twice):
        return "{" + ",".join(f"{json.dumps(key)}:{dumps(entry)}" for key, entry in value.pairs) + "}"
    return json.dumps(value)


class Twice:
    """An object with a key that comes twice."""

    def __init__(self, value: dict[str, Any], key: str, other: Any) -> None:
        self.pairs = [*value.items(), (key, other)]


def deep(opening: str, closing: str, times: int) -> Json:
    return Json(opening * times + "1" + closing * times)


RAW = st.sampled_from(
    [
        Json(text)
        for text in (
            "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e-400", "1e308", "18446744073709551615",
            "18446744073709551616", "9223372036854775808", "-9223372036854775809", "-0", "-0.0", "-1", "0", "1.0",
            "0.5", "1" * 400, "1" * 5000, "3.4028236e38", "1e39", "4294967296", "4294967295", '"\\ud800"', '"\\u0000"',
            '"\\udc00x"', "01", "+1", "'x'", "[1,]", "{", "]", "undefined", '""', '"\\x"', "[[]]", "[[[1]]]", "[null]",
            "{}", "[]", '[{"a":1}]', '{"":null}', "[1,2,3,4]", '"1"', f'"{UUID}"', '"2024-02-30"', '"$score"', '"[]"',
        )
    ]
)  # fmt: skip
DEEP = st.builds(
    lambda brackets, times: deep(*brackets, times),
    st.sampled_from([("[", "]"), ('{"a":', "}"), ('{"must":', "}"), ('{"sum":[', "]}"), ('{"prefetch":', "}")]),
    st.sampled_from([20, 60, 64, 100, 120, 126, 127, 128, 200, 245, 254, 300, 511, 1000, 1024, 10_000]),
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def nodes(value: Any, path: Path = ()) -> Iterator[Path]:
    """The places of a JSON value: keys and positions from the root."""
    yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in entries:
        yield from nodes(entry, (*path, key))


def at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def replaced(value: Any, path: Path, new: Any) -> Any:
    if not path:
        return new
    copied = copy.deepcopy(value)
    at(copied, path[:-1])[path[-1]] = new
    return copied


ALL_NODES = {id(case): list(nodes(case.body)) for case in WITH_BODY}
EVERYWHERE = [at(case.body, path) for case in WITH_BODY for path in ALL_NODES[id(case)]]
KEYS = sorted({key for case in WITH_BODY for path in ALL_NODES[id(case)] for key in path if isinstance(key, str)})


@st.composite
def damaged_bodies(draw: st.DrawFn, case: Valid) -> Any:
    """The case's body with one to three changes: another value, a key less, more, or twice, a list element more."""
    body = copy.deepcopy(case.body)
    for _ in range(draw(st.integers(1, 3))):
        places = [path for path in nodes(body) if not isinstance(at(body, path), (Json, Twice))]
        path = draw(st.sampled_from(places)) if places else ()
        old = at(body, path)
        kind = draw(
            st.sampled_from(["raw", "deep", "plain", "other", "other", "delete", "add", "twice", "nest", "many"])
        )
        event(kind)
        other = copy.deepcopy(draw(st.sampled_from(EVERYWHERE)))
        match kind:
            case "raw":
                body = replaced(body, path, draw(RAW))
            case "deep":
                body = replaced(body, path, draw(DEEP))
            case "plain":
                body = replaced(body, path, draw(PLAIN))
            case "other":
                body = replaced(body, path, other)
            case "delete" if path and isinstance(at(body, path[:-1]), dict):
                body = copy.deepcopy(body)
                del at(body, path[:-1])[path[-1]]
            case "add" if isinstance(old, dict):
                body = replaced(body, path, {**old, draw(st.sampled_from(KEYS) | st.text(max_size=3)): other})
            case "twice" if isinstance(old, dict) and old:
                body = replaced(body, path, Twice(old, draw(st.sampled_from(sorted(old))), other))
            case "many" if isinstance(old, list):
                body = replaced(body, path, old + [other] * draw(st.integers(1, 3)))
            case _:
                body = replaced(body, path, [old])
    return body


@st.composite
def damaged_texts(draw: st.DrawFn, case: Valid) -> bytes:
    """The text of the case's body, cut, or with bytes of any kind put in; often no JSON."""
    text = dumps(case.body).encode()
    cut = draw(st.integers(0, len(text)))
    wild = st.binary(max_size=4) | st.sampled_from(
        [b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\0", b"\\", b'"', b"{" * 10_000]
    )
    return draw(st.sampled_from([text[:cut], text[:cut] + draw(wild) + text[cut:], draw(wild), b"", b" ", text + text]))


PARTS = st.sampled_from(
    [
        "c", "other", "also", "nope", "1", "0", UUID, "%00", "%FF", "%C3%28", "..", ".", "%2E%2E", "%2F", "a%2Fb", "%",
        "%zz", "x" * 5000, "9" * 5000, "-1", "1.5", "%20", "a b", "%ED%A0%80", "aliases", "points", "city", "[", "a[]",
        "a..b", "{}", "%22", "18446744073709551616", "\x7f", "two", "words", "~", "{collection}", "%7B%7D", "*",
    ]
) | st.text(max_size=4)  # fmt: skip
PARAMETERS = st.sampled_from(
    [
        "wait=true", "wait=1", "wait=", "wait", "ordering=weak", "ordering=strongest", "timeout=0", "timeout=1",
        "timeout=-5", "timeout=1e9", "timeout=99999999999999999999", "timeout=" + "9" * 5000, "timeout=NaN",
        "consistency=2", "consistency=0", "consistency=%E2%82%82", "%FF=%FF", "&&&", "=", "a=b=c", "with=%00", ";", "%",
        "wait=true&wait=false", "details_level=3", "details_level=-1", "with=queued", "completed_limit=x", "timeout=٣",
        "x" * 10_000,
    ]
) | st.text(max_size=6)  # fmt: skip
HEADERS = st.sampled_from(
    [
        {"content-type": text}
        for text in ("text/plain", "", "multipart/form-data; boundary=x", "application/json;x=\xff", "é")
    ]
    + [{}, {**JSON_BODY, "accept-encoding": "br"}, {**JSON_BODY, "api-key": "k", "authorization": "Bearer \xff"}]
)


class Watched:
    """A world, renewed whenever a request has changed it, and what it looked like before."""

    def __init__(self) -> None:
        self.world: World | None = None
        self.asked = 0

    def check(self, method: str, path: str, body: bytes, query: str = "", headers: dict[str, str] = JSON_BODY) -> None:
        if self.world is None:
            self.world = World()
            self.before = self.world.dump()
        self.asked += 1
        changed = True
        try:
            answer = self.world.send(method, path, body, query, headers)
            event(f"status {answer.status}")
            check_form(answer)
            changed = self.world.dump() != self.before
            kept = path.endswith("/points/batch") and answer.status == 404  # what a batch did before a missing id stays
            assert not changed or answer.status < 300 or kept, "a refused request has changed the store"
        finally:
            if changed:
                self.close()

    def close(self) -> None:
        if self.world is not None:
            self.world.database.close()
        self.world = None


def check_form(answer: Answer) -> None:
    response = answer.response
    assert 200 <= response.status < 500, response
    if response.status >= 400:
        assert answer.json.keys() == {"status", "time"}
        assert isinstance(answer.error, str)
        assert answer.error
    elif response.content_type == "application/json" and "title" not in answer.json:
        assert answer.json.keys() <= {"result", "status", "time", "usage"}
        assert answer.json["status"] == ("accepted" if response.status == 202 else "ok")
        strict_json(response.body)


def strict_json(body: bytes) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    json.loads(body.decode("utf-8"), parse_constant=refuse)


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    watched = Watched()
    yield watched
    watched.close()
    print(f"{watched.asked} requests")


@pytest.mark.parametrize("route", sorted({case.route for case in WITH_BODY}))
@cases(25)
@given(data=st.data())
def test_damaged_bodies(watched: Watched, route: str, data: st.DataObject) -> None:
    case = data.draw(st.sampled_from([case for case in WITH_BODY if case.route == route]), label="case")
    body = dumps(data.draw(damaged_bodies(case), label="body"))
    watched.check(case.method, case.path, body.encode("utf-8", "surrogatepass"), case.query)


@cases(150)
@given(data=st.data(), case=st.sampled_from(WITH_BODY))
def test_damaged_texts(watched: Watched, data: st.DataObject, case: Valid) -> None:
    watched.check(case.method, case.path, data.draw(damaged_texts(case), label="text"), case.query)


@cases(300)
@given(data=st.data(), case=st.sampled_from(REQUESTS))
def test_strange_paths_parameters_and_headers(watched: Watched, data: st.DataObject, case: Valid) -> None:
    names = [part[1:-1] for part in case.route.split("/") if part.startswith("{")]
    parts = {"collection_name": "c", **case.parts}
    for name in names:
        if data.draw(st.booleans(), label=f"strange {name}"):
            parts[name] = data.draw(PARTS, label=name)
    path = case.route.partition(" ")[2].format(**parts)
    if data.draw(st.integers(0, 9), label="longer") == 0:
        path += "/" + data.draw(PARTS, label="tail")
    method = data.draw(st.sampled_from([case.method] * 8 + ["GET", "PUT", "PATCH", "TRACE"]), label="method")
    query = "&".join(data.draw(st.lists(PARAMETERS, max_size=3), label="query"))
    body = b"" if case.body is None else json.dumps(case.body).encode()
    watched.check(method, path, body, query, data.draw(st.just(JSON_BODY) | HEADERS, label="headers"))


MULTIPART = "multipart/form-data; boundary=line"
PIECES = st.sampled_from(
    [
        b"--line", b"--line--", b"\r\n", b"\r\n\r\n", b"\n", b"--", b"x" * 5000, b"\0", b"\xff", b"", b":",
        b'Content-Disposition: form-data; name="snapshot"; filename="a.snapshot"', b"minidb snapshot\n",
        b'content-disposition: form-data; name="snapshot', b"Content-Disposition: ; ; =", b"\x01\0\0\0\0\0\0\0",
    ]
)  # fmt: skip


@cases(150)
@given(
    pieces=st.lists(PIECES, max_size=12),
    content_type=st.sampled_from(
        [
            MULTIPART,
            MULTIPART + ";x",
            "multipart/form-data",
            'multipart/form-data; boundary="',
            "a/b; boundary=line",
            "",
        ]
    ),
    path=st.sampled_from(["/collections/c/snapshots/upload", "/collections/new/snapshots/upload", "/snapshots/upload"]),
)
def test_damaged_uploads(watched: Watched, pieces: list[bytes], content_type: str, path: str) -> None:
    watched.check("POST", path, b"".join(pieces), headers={"content-type": content_type})
