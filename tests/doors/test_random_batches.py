"""Upserts by column at every door against the same points by row: results, stored points and refusals are the same."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import Any, TypeAlias

import httpx
import numpy as np
import pytest
import qdrant_client
from door_answers import plain, refusal
from hypothesis import event, given
from hypothesis import strategies as st
from oracles.cases import cases
from oracles.compare import everything
from oracles.stores import KINDS, new_store

import minidb
from minidb import models

Body: TypeAlias = dict[str, Any]
NAME = "c"
UUID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
MULTI = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
FAULTS: dict[str, list[Any]] = {
    "": [[], [0.5], [0.5, "x", 1.0], [None, 0.5, 0.5], [[0.5, 0.5, 0.5]], "text", 7, [1e39, 0.5, 0.5]],
    "two": [[], [0.5, 0.5, 0.5], [True, 0.5], {"indices": [1], "values": [0.5]}, [65520.0, 0.5], None],
    "many": [[], [[]], [[0.5, 0.5], [0.5]], [[0.5]], [["x", 0.5]], {"indices": [1], "values": [0.5]}],
    "words": [{"indices": [1, 1], "values": [0.5, 1.0]}, {"indices": [1], "values": []}, [0.5, 0.5], {"indices": [1]},
              {"indices": [-1], "values": [1.0]}],
}  # fmt: skip

numbers = st.sampled_from([at / 4 for at in range(-8, 9) if at])
dense = {size: st.lists(numbers, min_size=size, max_size=size) for size in (2, 3)}
vectors: dict[str, st.SearchStrategy[Any]] = {
    "": dense[3],
    "two": dense[2],
    "many": st.lists(dense[2], min_size=1, max_size=3),
    "words": st.dictionaries(st.integers(0, 9), numbers, min_size=1, max_size=4).map(
        lambda entries: {"indices": list(entries), "values": list(entries.values())}
    ),
}
payloads = st.none() | st.dictionaries(st.sampled_from("abc"), st.none() | st.integers(0, 3) | st.text(max_size=2))
upserts = st.fixed_dictionaries(
    {},
    optional={
        "update_mode": st.sampled_from(list(models.UpdateMode)).map(str),
        "update_filter": st.integers(0, 3).map(lambda at: {"must": [{"key": "a", "match": {"value": at}}]}),
    },
)


@st.composite
def batches(draw: st.DrawFn) -> tuple[Body, bool]:
    """A batch, and whether something in it is wrong."""
    ids: list[Any] = draw(st.lists(st.integers(0, 5) | st.just(UUID), min_size=1, max_size=6))
    names = draw(st.sets(st.sampled_from(sorted(vectors)), max_size=4))
    columns = {name: [draw(vectors[name]) for _ in ids] for name in sorted(names)}
    body: Body = {"ids": ids, "vectors": columns, "payloads": [draw(payloads) for _ in ids]}
    kind = draw(st.sampled_from([None, None, "vector", "vector", "id", "payload", "name"]))
    at = draw(st.integers(0, len(ids) - 1))
    if kind == "vector" and columns:
        name = draw(st.sampled_from(sorted(columns)))
        columns[name][at] = draw(st.sampled_from(FAULTS[name]))
    elif kind == "id":
        ids[at] = draw(st.sampled_from([-1, 1.5, "seven", None, True]))
    elif kind == "payload":
        body["payloads"][at] = draw(st.sampled_from([7, [1], "x", True]))
    elif kind == "name":
        columns["zz"] = [[0.5] for _ in ids]
    if list(columns) == [""] and draw(st.booleans()):
        body["vectors"] = columns[""]
    if kind is None and draw(st.booleans()):
        del body["payloads"]
    return body, kind is not None and not (kind == "vector" and not columns)


def as_rows(batch: Body) -> list[Body]:
    columns, n = batch["vectors"], len(batch["ids"])
    each = (
        [{name: column[at] for name, column in columns.items()} for at in range(n)]
        if type(columns) is dict
        else columns
    )
    return [
        {"id": point_id, "vector": vector, "payload": payload}
        for point_id, vector, payload in zip(batch["ids"], each, batch.get("payloads", [None] * n), strict=True)
    ]


def as_arrays(batch: Body) -> Body:
    """Dense columns as arrays, which say nothing about single elements."""

    def column(name: str, values: list[Any]) -> Any:
        return np.array(values, np.float32) if name in ("", "two") else values

    columns = batch["vectors"]
    made = (
        {name: column(name, values) for name, values in columns.items()}
        if type(columns) is dict
        else column("", columns)
    )
    return {**batch, "vectors": made}


def words(outcome: Any) -> Any:
    """A refusal without the place, which rows and columns have each their own of."""
    if not isinstance(outcome, tuple):
        return outcome
    status, text = outcome
    text = re.sub(r" in (?:operations\[0\]\.upsert\.)?(?:points|batch)[^ ]*$", "", text)
    # Python names the vector, or counts the rows of a column, where REST has "?"
    place = r"(?:operations\[0\]\.upsert\.)?(?:points\[\d+\]\.vector|batch(?:\.vectors)?)\."
    place += r"(?:\?\.|\w*\.|(?:\w*\.)?\[\d+\]\.)?"
    return status, re.sub(rf"(?:(?<=\[)|(?<=; )){place}", "", text)


class Doors:
    """Stores with the same collection, each behind another way to upsert: rows first, then columns."""

    def __init__(self, stack: ExitStack, kind: str) -> None:
        self._stack, self._kind = stack, kind
        self.stores: dict[str, minidb.QdrantClient] = {}
        self.upsert: dict[str, Callable[[Body, Body], Any]] = {}
        for name, made in {
            "rows": lambda client: lambda batch, rest: client.upsert(NAME, as_rows(batch), **rest),
            "columns": lambda client: lambda batch, rest: client.upsert(NAME, batch, **rest),
            "rows over REST": lambda client: self._rest(client, lambda batch: {"points": as_rows(batch)}),
            "columns over REST": lambda client: self._rest(client, lambda batch: {"batch": batch}),
            "columns in an operation": self._in_an_operation,
        }.items():
            self._add(name, made)

    def _add(self, name: str, made: Callable[[minidb.QdrantClient], Callable[[Body, Body], Any]]) -> None:
        client = self.stores[name] = self._stack.enter_context(new_store(self._kind))
        client.create_collection(
            NAME,
            {
                "": models.VectorParams(size=3, distance=models.Distance.DOT),
                "two": models.VectorParams(size=2, distance="Euclid", datatype=models.Datatype.FLOAT16),
                "many": models.VectorParams(size=2, distance=models.Distance.COSINE, multivector_config=MULTI),
            },
            {"words": models.SparseVectorParams()},
        )
        client.upsert(NAME, [{"id": at, "vector": {"two": [1.0, at]}, "payload": {"a": at}} for at in range(4)])
        self.upsert[name] = made(client)

    def add_arrays(self) -> None:
        self._add("arrays", lambda client: lambda batch, rest: client.upsert(NAME, as_arrays(batch), **rest))

    def add_official(self) -> None:
        self._add("official", self._official)

    def _http(self, client: minidb.QdrantClient) -> httpx.Client:
        return self._stack.enter_context(httpx.Client(base_url="http://minidb", transport=minidb.Transport(client)))

    def _rest(self, client: minidb.QdrantClient, form: Callable[[Body], Body]) -> Callable[[Body, Body], Any]:
        http = self._http(client)
        return lambda batch, rest: _answered(
            http.put(f"/collections/{NAME}/points?wait=true", json={**form(batch), **rest})
        )

    def _in_an_operation(self, client: minidb.QdrantClient) -> Callable[[Body, Body], Any]:
        http = self._http(client)

        def upsert(batch: Body, rest: Body) -> Any:
            operations = {"operations": [{"upsert": {"batch": batch, **rest}}]}
            answer = _answered(http.post(f"/collections/{NAME}/points/batch?wait=true", json=operations))
            return answer[0] if isinstance(answer, list) else answer

        return upsert

    def _official(self, client: minidb.QdrantClient) -> Callable[[Body, Body], Any]:
        m = qdrant_client.models
        official = self._stack.enter_context(
            closing(qdrant_client.QdrantClient(
                url="http://minidb", transport=minidb.Transport(client), check_compatibility=False
            ))
        )  # fmt: skip

        def upsert(batch: Body, rest: Body) -> Any:
            update_filter = m.Filter(**rest["update_filter"]) if "update_filter" in rest else None
            mode = m.UpdateMode(rest["update_mode"]) if "update_mode" in rest else None
            if "payloads" in batch:  # its class takes no null there
                batch = {**batch, "payloads": [payload or {} for payload in batch["payloads"]]}
            return official.upsert(NAME, m.Batch(**batch), update_filter=update_filter, update_mode=mode)

        return upsert


def _answered(response: httpx.Response) -> Any:
    body = response.json()
    return body["result"] if response.is_success else (response.status_code, body["status"]["error"])


def outcome(upsert: Callable[[Body, Body], Any], batch: Body, rest: Body) -> Any:
    try:
        answer = upsert(copy.deepcopy(batch), rest)
    except Exception as error:  # noqa: BLE001 - `refusal` raises what is none
        answer = refusal(error)
    return answer if isinstance(answer, tuple) else plain(answer)["status"]


@pytest.mark.parametrize("kind", KINDS)
@given(given_batches=st.lists(st.tuples(batches(), upserts), min_size=1, max_size=4))
@cases(25)
def test_columns_do_what_the_same_rows_do(kind: str, given_batches: list[tuple[tuple[Body, bool], Body]]) -> None:
    with ExitStack() as stack:
        doors = Doors(stack, kind)
        if not any(wrong for (_, wrong), _ in given_batches):
            doors.add_arrays()
            doors.add_official()
        for (batch, wrong), rest in given_batches:
            found = {name: words(outcome(upsert, batch, rest)) for name, upsert in doors.upsert.items()}
            expected = found["rows"]
            event(f"refused with {expected[0]}" if isinstance(expected, tuple) else "written")
            assert isinstance(expected, tuple) == wrong
            assert found == dict.fromkeys(found, expected)
        stored = {name: plain(everything(client, NAME, page=7)) for name, client in doors.stores.items()}
        assert stored == dict.fromkeys(stored, stored["rows"])


@pytest.mark.parametrize("kind", KINDS)
@given(batch=batches().filter(lambda made: not made[1]), change=st.sampled_from([-1, 1]), data=st.data())
@cases(15)
def test_columns_of_other_lengths_are_refused_at_every_door(
    kind: str, batch: tuple[Body, bool], change: int, data: st.DataObject
) -> None:
    body = batch[0]
    columns = body["vectors"] if type(body["vectors"]) is dict else {"": body["vectors"]}
    parts = [*columns.values(), *([body["payloads"]] if "payloads" in body else [])]
    if not parts:
        return
    longer = data.draw(st.sampled_from(parts))
    longer.pop() if change < 0 else longer.append(copy.deepcopy(longer[0]))
    with ExitStack() as stack:
        doors = Doors(stack, kind)
        found = {name: words(outcome(doors.upsert[name], body, {})) for name in doors.upsert if "rows" not in name}
        what = "payloads" if longer is body.get("payloads") else "vectors"
        text = f"number of ids and {what} must be equal ({len(body['ids'])} != {len(longer)})"
        assert found == dict.fromkeys(found, (422, f"Validation error in JSON body: [batch: {text}]"))
