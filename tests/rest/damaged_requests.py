"""Random damage to the valid requests of `rest_world`: every function makes one of a `random.Random`.

No hypothesis here: of ten milliseconds that a case took, the request itself had one.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any

from rest_world import JSON_BODY, SNAPSHOTS, STANDALONE, UUID, VALID, Valid

REQUESTS = [*VALID, *STANDALONE, *SNAPSHOTS]
WITH_BODY = [case for case in REQUESTS if isinstance(case.body, dict)]
ROUTES = {route: [case for case in WITH_BODY if case.route == route] for route in sorted({c.route for c in WITH_BODY})}
Path = tuple[Any, ...]


@dataclass(frozen=True)
class Damaged:
    """A request of any bytes."""

    method: str
    path: str
    body: bytes
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: JSON_BODY)


class Json(str):
    """Text that stands in a body as it is; as a string it would be quoted."""


class Twice:
    """An object with a key that comes twice."""

    def __init__(self, value: dict[str, Any], key: str, other: Any) -> None:
        self.pairs = [*value.items(), (key, other)]


def dumps(value: Any) -> str:
    """JSON, with the raw texts of `Json` in their places, and keys that come twice."""
    if isinstance(value, Json):
        return str(value)
    if isinstance(value, (dict, Twice)):
        pairs = value.items() if isinstance(value, dict) else value.pairs
        return "{" + ",".join(f"{json.dumps(key)}:{dumps(entry)}" for key, entry in pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dumps, value)) + "]"
    return json.dumps(value)


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


ALL_NODES = [(case, path) for case in WITH_BODY for path in nodes(case.body)]
EVERYWHERE = [at(case.body, path) for case, path in ALL_NODES]
KEYS = sorted({key for _, path in ALL_NODES for key in path if isinstance(key, str)})
RAW = [
    Json(text)
    for text in (
        "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e-400", "1e308", "18446744073709551615",
        "18446744073709551616", "9223372036854775808", "-9223372036854775809", "-0", "-0.0", "-1", "0", "1.0",
        "0.5", "1" * 400, "1" * 5000, "3.4028236e38", "1e39", "4294967296", "4294967295", '"\\ud800"', '"\\u0000"',
        '"\\udc00x"', "01", "+1", "'x'", "[1,]", "{", "]", "undefined", '""', '"\\x"', "[[]]", "[[[1]]]", "[null]",
        "{}", "[]", '[{"a":1}]', '{"":null}', "[1,2,3,4]", '"1"', f'"{UUID}"', '"2024-02-30"', '"$score"', '"[]"',
    )
]  # fmt: skip
INFERENCE = [
    {"text": "a text", "model": "minidb/hash-4"},
    {"text": "", "model": "Qdrant/bm25"},
    {"text": "a text", "model": "Qdrant/bm25", "options": {"language": "none", "k": 1.5, "avg_len": 10}},
    {"text": "a text", "model": "minidb/hash-4", "options": {"mrl": 2}},
    {"text": "a text", "model": "nobody/knows"},
    {"image": "data:image/png;base64,AA==", "model": "nobody/knows"},
    {"object": {"a": 1}, "model": "minidb/hash-4"},
]
BRACKETS = [("[", "]"), ('{"a":', "}"), ('{"must":', "}"), ('{"sum":[', "]}"), ('{"prefetch":', "}")]
DEPTHS = [20, 60, 64, 100, 120, 126, 127, 128, 200, 245, 254, 300, 511, 1000, 1024, 10_000]
LETTERS = 'abzAZ019 _-.[]"\\/$%\0\x7f\x80é€\u0660\ud800\udfff\ufeff\U0001f600'


def text(random: Random, most: int) -> str:
    return "".join(random.choices(LETTERS, k=random.randint(0, most)))


def plain(random: Random, leaves: int = 5) -> Any:
    """A small JSON value of any kind."""
    kind = random.randrange(7 if leaves else 5)
    if kind >= 5:
        entries = [plain(random, leaves // 2) for _ in range(random.randint(0, 3))]
        return entries if kind == 5 else {text(random, 5): entry for entry in entries}
    number = random.getrandbits(random.randint(1, 70)) * random.choice((1, -1))
    return (
        (None, random.random() < 0.5, number, random.uniform(-2, 2) * 10 ** random.randint(-320, 307), None)[kind]
        if kind < 4
        else text(random, 5)
    )


def _changed(random: Random, old: Any, kind: str) -> Any:
    """What comes into the place of `old`."""
    other = copy.deepcopy(random.choice(EVERYWHERE))
    match kind:
        case "raw":
            return random.choice(RAW)
        case "deep":
            opening, closing = random.choice(BRACKETS)
            times = random.choice(DEPTHS)
            return Json(opening * times + "1" + closing * times)
        case "plain":
            return plain(random)
        case "inference":
            return copy.deepcopy(random.choice(INFERENCE))
        case "add" if isinstance(old, dict):
            return {**old, random.choice(KEYS) if random.random() < 0.8 else text(random, 3): other}
        case "twice" if isinstance(old, dict) and old:
            return Twice(old, random.choice(list(old)), other)
        case "many" if isinstance(old, list):
            return old + [other] * random.randint(1, 3)
        case "nest":
            return [old]
        case _:
            return other


KINDS = ["raw", "raw", "deep", "plain", "inference", "other", "other", "delete", "add", "twice", "nest", "many"]


def damaged_body(random: Random, case: Valid) -> Damaged:
    """One to three changes of the body: another value, a key less, more, or twice, a list element more."""
    body = copy.deepcopy(case.body)
    for _ in range(random.choice((1, 1, 2, 3))):
        path = random.choice([path for path in nodes(body) if not isinstance(at(body, path), (Json, Twice))] or [()])
        kind = random.choice(KINDS)
        holder = at(body, path[:-1]) if path else None
        if kind == "delete" and isinstance(holder, dict):
            del holder[path[-1]]
            continue
        new = _changed(random, at(body, path), kind)
        if holder is None:
            body = new
        else:
            holder[path[-1]] = new
    return Damaged(case.method, case.path, dumps(body).encode("utf-8", "surrogatepass"), case.query)


WILD = [
    b"\xff",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\0",
    b"\\",
    b'"',
    b"{" * 10_000,
    b"\x1f\x8b\x08",
    b"\xff\xfe{\0}\0",
]
ENCODINGS = ["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7"]


def damaged_text(random: Random) -> Damaged:
    """The text of a body, cut, or with bytes of any kind put in, or in another encoding; often no JSON."""
    case = random.choice(WITH_BODY)
    whole = dumps(case.body)
    body = whole.encode()
    cut = random.randint(0, len(body))
    wild = random.choice(WILD) if random.random() < 0.5 else random.randbytes(random.randint(0, 4))
    flipped = bytearray(body)
    flipped[cut % len(body)] ^= 1 << random.randrange(8)
    return Damaged(
        case.method,
        case.path,
        random.choice(
            [
                body[:cut], body[:cut] + wild + body[cut:], wild, b"", b" ", body + body, bytes(flipped),
                bytes(flipped), whole.encode(random.choice(ENCODINGS)),
            ]
        ),
        case.query,
    )  # fmt: skip


PARTS = [
    "c", "other", "also", "nope", "1", "0", UUID, "%00", "%FF", "%C3%28", "..", ".", "%2E%2E", "%2F", "a%2Fb", "%",
    "%zz", "x" * 5000, "9" * 5000, "-1", "1.5", "%20", "a b", "%ED%A0%80", "aliases", "points", "city", "[", "a[]",
    "a..b", "{}", "%22", "18446744073709551616", "\x7f", "two", "words", "~", "{collection}", "%7B%7D", "*",
]  # fmt: skip
PARAMETERS = [
    "wait=true", "wait=1", "wait=", "wait", "ordering=weak", "ordering=strongest", "timeout=0", "timeout=1",
    "timeout=-5", "timeout=1e9", "timeout=99999999999999999999", "timeout=" + "9" * 5000, "timeout=NaN",
    "consistency=2", "consistency=0", "consistency=%E2%82%82", "%FF=%FF", "&&&", "=", "a=b=c", "with=%00", ";", "%",
    "wait=true&wait=false", "details_level=3", "details_level=-1", "with=queued", "completed_limit=x", "timeout=٣",
    "x" * 10_000,
]  # fmt: skip
HEADERS = [
    *(
        {"content-type": text}
        for text in ("text/plain", "", "multipart/form-data; boundary=x", "application/json;x=\xff", "é")
    ),
    {},
    {**JSON_BODY, "accept-encoding": "br"},
    {**JSON_BODY, "api-key": "k", "authorization": "Bearer \xff"},
    *[JSON_BODY] * 8,
]


@cache
def _text_of(at: int) -> bytes:
    body = REQUESTS[at].body
    return b"" if body is None else json.dumps(body).encode()


def strange_request(random: Random) -> Damaged:
    """A right body; path, method, parameters and headers as nobody should send them."""

    def one_of(texts: list[str], most: int) -> str:
        return random.choice(texts) if random.random() < 0.8 else text(random, most)

    number = random.randrange(len(REQUESTS))
    case = REQUESTS[number]
    parts = {"collection_name": "c", **case.parts}
    for name in (part[1:-1] for part in case.route.split("/") if part.startswith("{")):
        if random.random() < 0.5:
            parts[name] = one_of(PARTS, 4)
    path = case.route.partition(" ")[2].format(**parts)
    if random.randrange(10) == 0:
        path += "/" + one_of(PARTS, 4)
    method = random.choice([case.method] * 8 + ["GET", "PUT", "PATCH", "TRACE"])
    query = "&".join(one_of(PARAMETERS, 6) for _ in range(random.randint(0, 3)))
    return Damaged(method, path, _text_of(number), query, random.choice(HEADERS))


MULTIPART = "multipart/form-data; boundary=line"
PIECES = [
    b"--line", b"--line--", b"\r\n", b"\r\n\r\n", b"\n", b"--", b"x" * 5000, b"\0", b"\xff", b"", b":",
    b'Content-Disposition: form-data; name="snapshot"; filename="a.snapshot"', b"minidb snapshot\n",
    b'content-disposition: form-data; name="snapshot', b"Content-Disposition: ; ; =", b"\x01\0\0\0\0\0\0\0",
]  # fmt: skip
FORMS = [
    MULTIPART,
    MULTIPART + ";x",
    "multipart/form-data",
    'multipart/form-data; boundary="',
    "a/b; boundary=line",
    "",
]
UPLOADS = ["/collections/c/snapshots/upload", "/collections/new/snapshots/upload", "/snapshots/upload"]


def damaged_upload(random: Random) -> Damaged:
    body = b"".join(random.choices(PIECES, k=random.randint(0, 12)))
    return Damaged("POST", random.choice(UPLOADS), body, headers={"content-type": random.choice(FORMS)})


KINDS_OF_REQUESTS: dict[str, tuple[int, Callable[[Random], Damaged]]] = {
    "texts": (150, damaged_text),
    "paths, parameters and headers": (300, strange_request),
    "uploads": (150, damaged_upload),
    **{
        f"bodies of {route}": (40, lambda random, cases=cases: damaged_body(random, random.choice(cases)))
        for route, cases in ROUTES.items()
    },
}
"""How many of each in a short run, and what makes one."""
