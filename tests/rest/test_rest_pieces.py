"""Large upserts are read in pieces: what they take in memory, counted, and that nobody can tell by the answers."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rest_world import JSON_BODY, POINTS, World

from minidb import register_provider
from minidb.database import Database
from minidb.inference import Request
from minidb.rest import bodies, json_text, pieces

PUT = "/collections/c/points"
LARGE = 2 << 20
MOST_TIMES = 8
"""As many bytes of memory as the body has, itself and LMDB's pages not counted."""
random_numbers = random.Random(1)


def floats(n: int) -> str:
    return "[" + ",".join(f"{random_numbers.random():.8f}" for _ in range(n)) + "]"


def large(item: Callable[[int], str]) -> list[str]:
    items: list[str] = []
    n_bytes = 0
    while n_bytes < LARGE:
        items.append(item(len(items)))
        n_bytes += len(items[-1]) + 1
    return items


def by_point(vector: Callable[[], str], payload: str = "") -> str:
    more = f',"payload":{payload}' if payload else ""
    points = large(lambda n: f'{{"id":{n},"vector":{vector()}{more}}}')
    return f'{{"points":[{",".join(points)}]}}'


def by_column(vector: Callable[[], str], payload: str = "", column: str = "") -> str:
    vectors = large(lambda n: vector())
    payloads = f',"payloads":[{",".join([payload] * len(vectors))}]' if payload else ""
    named = f"[{','.join(vectors)}]"
    if column:
        named = f'{{"{column}":{named}}}'
    return f'{{"batch":{{"ids":{[*range(len(vectors))]},"vectors":{named}{payloads}}}}}'


def sparse() -> str:
    indices = sorted(random_numbers.sample(range(30_000), 60))
    return f'{{"words":{{"indices":{indices},"values":{floats(60)}}}}}'


def dense(size: int) -> dict[str, Any]:
    return {"vectors": {"size": size, "distance": "Dot"}}


def text() -> str:
    words = " ".join(f"word{random_numbers.randrange(20_000)}" for _ in range(12))
    return f'{{"words":{{"text":"{words}","model":"Qdrant/bm25"}}}}'


DOCUMENT = {"text": "a bicycle", "model": "Qdrant/bm25"}
SMALL_PAYLOAD = '{"a":1,"b":"some text","tags":["x","y"],"nested":{"list":[{"id":1,"q":2},{"id":2,"q":3}]}}'
SHAPES: dict[str, tuple[dict[str, Any], Callable[[], str]]] = {
    "2 dimensions": (dense(2), lambda: by_point(lambda: floats(2))),
    "8 dimensions": (dense(8), lambda: by_point(lambda: floats(8))),
    "8 of one digit": (dense(8), lambda: by_point(lambda: "[1,2,3,4,5,6,7,8]")),
    "128 of one digit": (dense(128), lambda: by_point(lambda: str([1] * 128).replace(" ", ""))),
    "payloads": (dense(4), lambda: by_point(lambda: floats(4), SMALL_PAYLOAD)),
    "only payloads": (dense(4), lambda: by_point(lambda: "{}", '{"a":1}')),
    "sparse": ({"sparse_vectors": {"words": {}}}, lambda: by_point(sparse)),
    "texts": ({"sparse_vectors": {"words": {}}}, lambda: by_point(text)),
    "texts by column": ({"sparse_vectors": {"words": {}}}, lambda: by_column(lambda: text()[9:-1], column="words")),
    "2 by column": (dense(2), lambda: by_column(lambda: floats(2))),
    "8 by column": (dense(8), lambda: by_column(lambda: floats(8), SMALL_PAYLOAD)),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_large_body_takes_a_few_times_its_size(tmp_path: Path, shape: str) -> None:
    config, make = SHAPES[shape]
    body = make().encode()
    with World(str(tmp_path / "store")) as world:
        for name in ("few", "many"):
            world.ask("PUT", f"/collections/{name}", {**config, "optimizers_config": {"indexing_threshold": 0}})
        few = json.loads(body)
        if "points" in few:
            del few["points"][1:]
            world.ask("PUT", "/collections/few/points", few)  # what is made at first use is made
        tracemalloc.start()
        try:
            answer = world.send("PUT", "/collections/many/points", body, "wait=true")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert answer.status == 200
        assert world.ask("POST", "/collections/many/points/count", {}).result["count"] > 100
    assert peak < MOST_TIMES * len(body), peak / len(body)


def others(size: int) -> dict[str, tuple[str, str, str]]:
    """Requests beside upserts that hold as much: method, path below the collection's points, body."""
    upsert = by_point(lambda: floats(size))
    one_by_one = large(lambda n: f'{{"upsert":{{"points":[{{"id":{n},"vector":{floats(size)}}}]}}}}')
    return {
        "a batch of one": ("POST", "/batch", f'{{"operations":[{{"upsert":{upsert}}}]}}'),
        "a batch of many": ("POST", "/batch", f'{{"operations":[{",".join(one_by_one)}]}}'),
        "vectors": ("PUT", "/vectors", upsert),
        "wrong in the end": ("PUT", "", upsert[:-2] + ',{"id":-1,"vector":[1]}]}'),
        "of a wrong size in the end": ("PUT", "", upsert[:-2] + ',{"id":1,"vector":[1]}]}'),
        "for a collection that is not there": ("PUT", "/../../none/points", upsert),
    }


REFUSED = {"wrong in the end": 400, "of a wrong size in the end": 400, "for a collection that is not there": 404}


@pytest.mark.parametrize("name", others(0))
def test_other_requests_take_a_few_times_their_size(name: str) -> None:
    method, below, body = others(128)[name]
    with World() as world:
        config = {**dense(128), "sparse_vectors": {"words": {}}, "strict_mode_config": {"enabled": True}}
        world.ask("PUT", "/collections/many", config)
        path = "/collections/none/points" if "none" in below else f"/collections/many/points{below}"
        if name == "vectors":
            ids = [{"id": at, "vector": {}} for at in range(body.count('"id"'))]
            world.ask("PUT", "/collections/many/points", {"points": ids})
        world.send(method, path, json.dumps({"points": [{"id": 0, "vector": {"words": DOCUMENT}}]}).encode())
        tracemalloc.start()
        try:
            answer = world.send(method, path, body.encode(), "wait=true")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert answer.status == REFUSED.get(name, 200), answer.json
    assert peak < MOST_TIMES * len(body), peak / len(body)


def columns(points: list[dict[str, Any]]) -> dict[str, Any]:
    names = points[0]["vector"]
    return {
        "ids": [point["id"] for point in points],
        "vectors": {name: [point["vector"][name] for point in points] for name in names},
        "payloads": [point["payload"] for point in points],
    }


def document(n: int, model: str = "Qdrant/bm25") -> dict[str, str]:
    return {"text": f"a bicycle {n}", "model": model}


LISTED = [{"id": at, "vector": {"": [1, 2, 3, at]}, "payload": {"x": [{"id": 1, "vector": 2}] * 3}} for at in range(9)]
BODIES = {
    "points": json.dumps({"points": POINTS}),
    "points without spaces": json.dumps({"points": POINTS}, separators=(",", ":")),
    "points with many": json.dumps({"points": POINTS}, indent=2),
    "the last of equal ids counts": json.dumps({"points": [*POINTS, *LISTED, *POINTS[::-1]]}),
    "objects like points within": json.dumps({"points": LISTED}),
    "texts like points within": json.dumps({"points": [{**LISTED[0], "payload": {"x": '},{"id":1,"vector":[1'}}] * 9}),
    "what is beside": json.dumps(
        {"points": [*LISTED, *POINTS], "update_mode": "update_only", "update_filter": {"must": [{"has_id": [1, 2]}]}}
    ),
    "only new ones": json.dumps({"points": [*LISTED, *LISTED], "update_mode": "insert_only", "shard_key": None}),
    "columns": json.dumps({"batch": columns(POINTS)}),
    "columns in another order": json.dumps({"batch": dict(reversed(columns(POINTS).items()))}, separators=(",", ":")),
    "one column": '{"batch":{"ids":[7,8,9],"vectors":[[1,2,3,4],[1,2,3,5],[1,2,3,6]],"payloads":[{},null,{"a":1}]}}',
    "no payloads": '{"batch":{"ids":[7,8,9],"vectors":[[1,2,3,4],[1,2,3,5],[1,2,3,6]],"payloads":null}}',
    "texts": json.dumps({"points": [{"id": at, "vector": {"words": document(at % 4)}} for at in range(9)]}),
    "texts and vectors": json.dumps(
        {"points": [{"id": at, "vector": {"": [1, 2, 3, at], "words": document(at % 4)}} for at in range(9)]}
    ),
    "texts of some": json.dumps(
        {"points": [{"id": at, "vector": {"words": document(at)} if at % 3 else {"two": [1, at]}} for at in range(9)]}
    ),
    "texts without a name": json.dumps(
        {"points": [{"id": at, "vector": document(at % 4, "minidb/hash-4"), "payload": {"a": at}} for at in range(9)]}
    ),
    "texts in columns": json.dumps(
        {"batch": {"ids": [4, 3, 2], "vectors": {"words": [document(at) for at in (1, 2, 1)]}}}
    ),
    "texts in a column without a name": json.dumps(
        {"batch": {"ids": [4, 3, 2], "vectors": [document(at, "minidb/hash-4") for at in (1, 2, 1)]}}
    ),
    "inference with options": json.dumps(
        {"points": [{"id": 1, "vector": {"words": {**document(1), "options": {"language": "german"}}}}]}
    ),
    "inference beside vectors": json.dumps(
        {
            "points": [
                *({"id": at, "vector": {"words": document(at)}} for at in range(9)),
                {**LISTED[0], "vector": {"words": {"indices": [1], "values": [2]}}},
            ]
        }
    ),
}


UPDATES = [
    {"id": point["id"], "vector": {"two": [1, 2], "words": {"indices": [5, 3], "values": [1, 2]}}} for point in POINTS
]
VECTORS: dict[str, Any] = {
    "points": {"points": UPDATES},
    "by filter": {"update_filter": {"must": [{"has_id": [1, 2]}]}, "points": [*UPDATES, *UPDATES[::-1]]},
    "unnamed": {"points": [{"id": at, "vector": [at, 1, 2, 3], "payload": 5} for at in (1, 2, 3)]},
    "inference": {"points": [UPDATES[0], {"id": 2, "vector": {"words": DOCUMENT}}]},
}
OPERATIONS: dict[str, Any] = {
    "all kinds": [
        {"upsert": {"points": LISTED}},
        {"set_payload": {"payload": {"a": [{"b": "},{"}]}, "points": [1, 2]}},
        {"update_vectors": {"points": UPDATES}},
        {"delete_payload": {"keys": ["city"], "filter": {"must": [{"has_id": [3]}]}}},
        {"upsert": {"batch": columns(POINTS[:2])}},
        {"delete_vectors": {"points": [4], "vector": ["two"]}},
        {"delete": {"points": [5]}},
    ],
    "texts": [
        {"upsert": {"points": [{"id": 9, "vector": {"words": DOCUMENT}}]}},
        {"update_vectors": {"points": [{"id": 9, "vector": {"words": {**DOCUMENT, "text": "a chain"}}}]}},
        {"upsert": {"batch": {"ids": [8, 7], "vectors": {"words": [DOCUMENT, DOCUMENT]}}}},
    ],
    "that name points": [{"clear_payload": {"points": [1, 2]}}, {"delete": {"points": [1]}}],
}
REQUESTS = {
    **{f"points: {name}": ("PUT", PUT, body.encode()) for name, body in BODIES.items()},
    **{f"vectors: {name}": ("PUT", f"{PUT}/vectors", json.dumps(body).encode()) for name, body in VECTORS.items()},
    **{
        f"operations: {name}": ("POST", f"{PUT}/batch", json.dumps({"operations": body}).encode())
        for name, body in OPERATIONS.items()
    },
}


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Everything is read in pieces, of a point or two; of each body, whether it was."""
    monkeypatch.setattr(bodies, "LEAST_BYTES", 0)
    monkeypatch.setattr(json_text, "PIECE_BYTES", 30)
    monkeypatch.setattr(json_text, "_VALUE_BYTES", 3)
    monkeypatch.setattr(json_text, "_SHORT_BYTES", 60)
    monkeypatch.setattr(pieces, "_FEW", 1)
    done: list[bool] = []
    read = bodies._read

    def noting(*args: Any) -> Any:
        done.append(True)
        found = read(*args)
        done[-1] = found is not None
        return found

    monkeypatch.setattr(bodies, "_read", noting)
    return done


def as_a_whole(world: World, method: str, path: str, body: bytes) -> Any:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(bodies, "LEAST_BYTES", len(body) + 1)
        return outcome(world, method, path, body)


def outcome(world: World, method: str, path: str, body: bytes) -> Any:
    answer = world.send(method, path, body, "wait=true", JSON_BODY)
    return answer.status, answer.json["status"]


def contents(world: World) -> Any:
    return world.ask("POST", "/collections/c/points/scroll", {"limit": 100, "with_vector": True}).result


@pytest.mark.parametrize("name", REQUESTS)
def test_what_is_written_is_the_same(tiny: list[bool], name: str) -> None:
    request = REQUESTS[name]
    with World() as world, World() as other:
        del tiny[:]
        assert outcome(world, *request) == as_a_whole(other, *request) == (200, "ok")
        assert contents(world) == contents(other)
    assert tiny == ["inference" not in name, False]  # of what is unusual beside inference nothing is read in pieces


@pytest.mark.parametrize("name", REQUESTS)
def test_damaged_bodies_are_refused_alike(tiny: list[bool], name: str) -> None:
    *request, body = REQUESTS[name]
    chance = random.Random(name)
    with World() as world, World() as other:
        for _ in range(100):
            at, with_what = chance.randrange(len(body)), chance.choice([b"", b",", b"]", b"}", b"[", b"{", b'"', b"1"])
            damaged = body[:at] + with_what + body[at + chance.choice([0, 1]) :]
            assert outcome(world, *request, damaged) == as_a_whole(other, *request, damaged), damaged
        assert contents(world) == contents(other)


WRONG_FORMS: list[Any] = [None, True, "x", -1, 1.5, {}, [[]], ["a"], [True], [[1, 2], [3]], {"indices": [1, 1]}, 2**64]
OUT_OF_RANGE: list[Any] = [[], {"": []}, {"words": {"indices": [1, 1], "values": [1, 2]}}, {"many": [[]]}]
UNSUITABLE: list[Any] = [
    [1, 2],
    {"two": [1, 1e39]},
    {"none": [1]},
    {"words": [1]},
    {"many": [[1]]},
    {"": [[1, 2, 3, 4]]},
]


@pytest.mark.parametrize("seed", range(4))
def test_what_is_wrong_in_several_points_is_told_as_of_a_whole(tiny: list[bool], seed: int) -> None:
    chance = random.Random(seed)
    with World() as world, World() as other:
        for _ in range(15):
            wrong = [chance.choice(OUT_OF_RANGE) for _ in range(chance.choice([0, 0, 1, 3]))]
            wrong += [chance.choice(WRONG_FORMS) for _ in range(chance.choice([0, 0, 1, 2]))]
            wrong += [chance.choice(UNSUITABLE) for _ in range(chance.choice([0, 1]))]
            points = [dict(point) for point in (*POINTS, *LISTED)]
            for value in wrong:
                points[chance.randrange(len(points))][chance.choice(["vector", "vector", "id", "payload"])] = value
            for value in ({"points": points}, {"batch": columns([{"payload": None, **point} for point in POINTS])}):
                if "batch" in value and wrong:
                    of_batch: Any = value["batch"]
                    column = chance.choice([of_batch["ids"], of_batch["payloads"], *of_batch["vectors"].values()])
                    column[chance.randrange(6) :] = chance.choices(wrong)
                for method, path, body in (
                    ("PUT", PUT, value),
                    ("PUT", f"{PUT}/vectors", value),
                    ("POST", f"{PUT}/batch", {"operations": [{"delete": {"points": [77]}}, {"upsert": value}]}),
                    ("POST", f"{PUT}/batch", {"operations": [{"upsert": value}, {"update_vectors": value}]}),
                ):
                    text = json.dumps(body).encode()
                    assert outcome(world, method, path, text) == as_a_whole(other, method, path, text), text
        assert contents(world) == contents(other)


@pytest.mark.parametrize("short", [60, 1 << 13])
@pytest.mark.parametrize("vector", [{}, [], {"two": [1, True]}, {"two": [1]}, {"two": [1.5, 1e39]}])
def test_of_an_operation_it_is_told_where_it_is_wrong(
    tiny: list[bool], monkeypatch: pytest.MonkeyPatch, short: int, vector: Any
) -> None:
    monkeypatch.setattr(json_text, "_SHORT_BYTES", short)
    update = {"points": [{"id": 1, "vector": {"two": [1, 2]}}, {"id": 2, "vector": vector}]}
    text = json.dumps({"operations": [{"delete": {"points": [9]}}, {"update_vectors": update}] * 2}).encode()
    with World() as world, World() as other:
        assert outcome(world, "POST", f"{PUT}/batch", text) == as_a_whole(other, "POST", f"{PUT}/batch", text)
        assert contents(world) == contents(other)


@pytest.mark.parametrize(
    "wrong",
    [
        '{"points":[{"id":1,"vector":{"":[1,2,3,4]}}],"points":[{"id":2,"vector":{"":[1,2,3,4]}}]}',
        '{"points":[{"id":1,"vector":{"":[1,2,3,4]}}],"p\\u006fints":[]}',
        '{"batch":{"ids":[1],"vectors":[[1,2,3,4]],"ids":[2]}}',
        '{"points":[{"id":1,"vector":{"":[1,2,3,4]}},]}',
        '{"points":[]}',
        '{"batch":{"ids":[],"vectors":[],"payloads":[]}}',
        '{"batch":{"ids":[1,2],"vectors":[[1,2,3,4]]}}',
        '{"batch":{"ids":[1],"vectors":[[1,2,3,4]],"payloads":[]}}',
        '{"points":[{"id":1,"vector":{"":[1,2,3,4]}},{"id":2,"vector":{"":[1,2,3]}}]}',
        '{"points":[{"id":1,"vector":{"":[1,2,3,4]}},{"id":2,"vector":{"":[1,2,3,1e39]}}]}',
        '{"points":[{"id":1,"vector":{"":[1,2,3,4]}}],"update_mode":"never"}',
    ],
)
def test_what_is_unusual_is_read_as_a_whole(tiny: list[bool], wrong: str) -> None:
    with World() as world, World() as other:
        assert outcome(world, "PUT", PUT, wrong.encode()) == as_a_whole(other, "PUT", PUT, wrong.encode())
        assert contents(world) == contents(other)


def test_strict_mode_sees_all_points(tiny: list[bool]) -> None:
    with World() as world:
        strict = {"enabled": True, "upsert_max_batchsize": 5}
        world.ask("PATCH", "/collections/c", {"strict_mode_config": strict})
        status, text = outcome(world, "PUT", PUT, BODIES["points"].encode())
    assert status == 400
    assert "upsert limit" in text["error"]


def test_a_vector_that_was_made_anew_meanwhile_gets_what_was_sent(
    tiny: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    with World() as world:
        update = Database.update

        def made_anew(database: Database, *args: Any) -> Any:
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(Database, "update", update)
                world.ask("DELETE", "/collections/c/vectors/two")
                world.ask("PUT", "/collections/c/vectors/two", {"dense": {"size": 3, "distance": "Dot"}})
            return update(database, *args)

        two = {"points": [{"id": at, "vector": {"two": [1.0, float(at)]}} for at in range(1, 9)]}
        three = {"points": [{"id": at, "vector": {"two": [1.0, 2.0, float(at)]}} for at in range(1, 9)]}
        monkeypatch.setattr(Database, "update", made_anew)
        status, text = outcome(world, "PUT", PUT, json.dumps(two).encode())
        assert (status, "expected dim: 3, got 2" in text["error"]) == (400, True)
        assert outcome(world, "PUT", PUT, json.dumps(three).encode())[0] == 200
        assert [record["vector"]["two"][2] for record in contents(world)["points"][:8]] == [*range(1, 9)]


class Counted:
    """An embedder that remembers what it was asked for."""

    slow = False

    def __init__(self) -> None:
        self.texts: list[str] = []

    def embed(self, request: Request) -> list[Any]:
        self.texts += request.texts()
        return [np.array([len(text), 1.0], np.float32) for text in request.texts()]


def test_what_comes_twice_is_embedded_once_however_far_apart_it_is() -> None:
    counted = Counted()
    register_provider("counted/", lambda model: counted)
    first, second = ({"text": text, "model": "counted/words"} for text in ("a cake", "a chain"))
    plain = [{"id": n, "vector": [0.5, 1.0], "payload": {"text": "x" * 1000}} for n in range(1200)]
    points = [{"id": 5000, "vector": first}, *plain, {"id": 5001, "vector": second}, {"id": 5002, "vector": first}]
    operations = [{"upsert": {"points": points}}, {"update_vectors": {"points": [{"id": 5001, "vector": first}]}}]

    with World() as world:
        world.ask("PUT", "/collections/own", dense(2))
        assert world.ask("PUT", "/collections/own/points", {"points": points}).status == 200
        assert world.ask("POST", "/collections/own/points/batch", {"operations": operations}).status == 200

    assert sorted(counted.texts) == ["a cake", "a cake", "a chain", "a chain"]  # each once for each request


class Meddling:
    """Embeds, and changes what the points were read for meanwhile."""

    slow = False

    def __init__(self) -> None:
        self.meddle: Callable[[], object] = lambda: None

    def embed(self, request: Request) -> list[Any]:
        self.meddle()
        return [np.array([len(text), 1.0]) for text in request.texts()]


def test_vectors_that_come_or_go_while_texts_are_embedded(tiny: list[bool]) -> None:
    meddling = Meddling()
    register_provider("meddling/", lambda model: meddling)
    document = {"text": "a cake", "model": "meddling/words"}
    points = [{"id": at, "vector": {"of text": document, "other": [1, at]}} for at in range(5)]
    body = json.dumps({"points": points}).encode()
    config = {"vectors": {"of text": {"size": 2, "distance": "Dot"}, "other": {"size": 2, "distance": "Dot"}}}
    with World() as world:
        world.ask("PUT", "/collections/own", config)
        vectors = "/collections/own/vectors"
        meddling.meddle = lambda: world.ask("DELETE", f"{vectors}/other")
        status, text = outcome(world, "PUT", "/collections/own/points", body)
        assert (status, "Not existing vector name error: other" in text["error"]) == (400, True)
        assert world.ask("POST", "/collections/own/points/count", {}).result["count"] == 0

        meddling.meddle = lambda: world.ask("PUT", f"{vectors}/new", {"dense": {"size": 3, "distance": "Dot"}})
        for point in points:
            del point["vector"]["other"]
        assert outcome(world, "PUT", "/collections/own/points", json.dumps({"points": points}).encode()) == (200, "ok")
        assert all(tiny)
        (hit, *_) = world.ask("POST", "/collections/own/points/query", {"with_vector": True}).result["points"]
        assert hit["vector"] == {"of text": [6.0, 1.0]}
