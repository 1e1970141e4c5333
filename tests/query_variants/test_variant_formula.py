"""Formulas against the Rust core: random expression trees over scores, payloads, conditions, places and dates."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest
import qdrant_edge as edge
from hypothesis import given
from hypothesis import strategies as st
from worlds import NAME, WORLDS, World, assert_prefix, assert_ties_by_id, cases, random_vector, world

from minidb import models
from minidb.errors import BadInput

SEEDS = st.integers(0, 2**32).map(Random)
NUMBERS = [0, 1, -1, 2, 0.5, -0.25, 3.75, 0.1, 10, -7]
Json = Any
"""An expression as REST spells it; `to_edge` translates it."""


def expression(random: Random, depth: int, daring: bool) -> Json:
    """A random expression; a daring one may fail on some points."""
    if depth == 0 or random.random() < 0.2:
        return _leaf(random, daring)

    def one() -> Json:
        return expression(random, depth - 1, daring)

    def some(least: int = 0) -> list[Json]:
        return [one() for _ in range(random.randrange(least, 4))]

    kind = random.choice(["mult", "sum", "max", "min", "neg", "abs", "div", "decay", "unary", "pow"])
    if kind in ("mult", "sum"):
        return {kind: some()}
    if kind in ("max", "min"):
        return {kind: some(1)}
    if kind in ("neg", "abs"):
        return {kind: one()}
    if kind == "div":
        default = random.choice(NUMBERS) if not daring or random.random() < 0.5 else None
        return {"div": {"left": one(), "right": one(), "by_zero_default": default}}
    if kind == "decay":
        shape = random.choice(["lin_decay", "exp_decay", "gauss_decay"])
        params = {"x": one(), "scale": random.choice([None, 1.0, 2.5, 1000.0]), "midpoint": random.choice([None, 0.1])}
        if random.random() < 0.6:
            params["target"] = one()
        return {shape: params}
    if kind == "pow":
        base = one() if daring else {"abs": one()}
        return {"pow": {"base": base, "exponent": random.choice([0, 1, 2, 0.5] + ([-1] if daring else []))}}
    inner = one()
    unary = random.choice(["sqrt", "exp", "ln", "log10", "acosh"])
    if not daring:
        inner = {"max": [{"min": [inner, 5]}, -5]} if unary == "exp" else {"sum": [1, {"abs": inner}]}
    return {unary: inner}


def _leaf(random: Random, daring: bool) -> Json:
    kind = random.choice(["number", "score", "variable", "condition", "geo", "datetime", "datetime_key"])
    if kind == "number":
        return random.choice(NUMBERS)
    if kind == "score":
        return random.choice(["$score", "$score[0]", "$score[1]", "$score[7]"])
    if kind == "variable":
        return random.choice(
            ["number", "number[0]", "missing", *(["mixed", "mixed[]", "int", "mixed[0]"] if daring else [])]
        )
    if kind == "condition":
        return {"key": "color", "match": {"value": random.choice(["red", "green"])}}
    if kind == "geo":
        return {
            "geo_distance": {
                "origin": {"lon": 2.0, "lat": 48.0},
                "to": random.choice(["place", "mixed"] if daring else ["place"]),
            }
        }
    if kind == "datetime":
        return {"datetime": random.choice(["2024-02-01T00:00:00Z", "2020-01-01"])}
    return {"datetime_key": random.choice(["moment", *(["mixed"] if daring else [])])}


DEFAULTS = {
    "$score[7]": 0.75,
    "missing": 2,
    "number[0]": 4.5,
    "place": {"lon": 10.0, "lat": 20.0},
    "moment": "2024-05-05",
}


def to_edge(tree: Json) -> Any:
    make = edge.Expression
    if isinstance(tree, str):
        return make.Variable(tree)
    if isinstance(tree, int | float):
        return make.Constant(tree)
    [(kind, body)] = [(key, value) for key, value in tree.items() if key != "match"]
    match kind:
        case "key":
            return make.Condition(edge.FieldCondition(key=body, match=edge.MatchValue(tree["match"]["value"])))
        case "mult" | "sum" | "max" | "min":
            return getattr(make, kind.title())([to_edge(one) for one in body])
        case "div":
            return make.Div(to_edge(body["left"]), to_edge(body["right"]), body["by_zero_default"])
        case "pow":
            return make.Pow(to_edge(body["base"]), to_edge(body["exponent"]))
        case "lin_decay" | "exp_decay" | "gauss_decay":
            target = to_edge(body["target"]) if "target" in body else None
            shape = getattr(edge.DecayKind, kind.removesuffix("_decay").title())
            return make.Decay(shape, to_edge(body["x"]), target, body["midpoint"], body["scale"])
        case "geo_distance":
            return make.GeoDistance(edge.GeoPoint(body["origin"]["lon"], body["origin"]["lat"]), body["to"])
        case "datetime":
            return make.Datetime(body)
        case "datetime_key":
            return make.DatetimeKey(body)
        case _:
            return getattr(make, kind.title())(to_edge(body))


def ask_rust(here: World, tree: Json, sources: list[tuple[str, Any, int]], threshold: float | None) -> list[Any] | None:
    """The ranking by the core, None where it refuses."""
    prefetches = [edge.Prefetch(limit=n, query=edge.Query.Nearest(vector, using=name)) for name, vector, n in sources]
    formula = edge.Formula(to_edge(tree), DEFAULTS)
    try:
        return here.rust.query(
            edge.QueryRequest(limit=100, query=formula, prefetches=prefetches, score_threshold=threshold)
        )
    except Exception:  # noqa: BLE001, the core's errors have no class of their own
        return None


@cases(500)
@given(st.integers(0, WORLDS - 1), SEEDS, st.booleans(), st.integers(1, 30))
def test_formulas_give_the_core_s_scores(number: int, random: Random, daring: bool, limit: int) -> None:
    here = world(number)
    tree = expression(random, random.randrange(4), daring)
    sources = [("dot", random_vector(random, "dot"), 8), ("cos", random_vector(random, "cos"), 30)]
    ranking = ask_rust(here, tree, sources, None)
    ours = models.FormulaQuery.model_validate({"formula": tree, "defaults": DEFAULTS})
    prefetch = [models.Prefetch(query=vector, using=name, limit=n) for name, vector, n in sources]
    for store in here.stores:
        try:
            got = store.query_points(NAME, query=ours, prefetch=prefetch, limit=limit).points
        except BadInput as error:
            if ranking is not None:
                raise AssertionError(f"the core computes {tree}") from error
            continue
        assert ranking is not None, tree
        assert_prefix(got, ranking, limit)
        assert_ties_by_id(got)


@cases(100)
@given(st.integers(0, WORLDS - 1), SEEDS, st.sampled_from([-1.0, 0.0, 0.5, 1.0, 3.0]))
def test_a_threshold_keeps_scores_at_it(number: int, random: Random, threshold: float) -> None:
    here = world(number)
    tree = {"sum": [expression(random, 1, False), "number"]}
    sources = [("dot", random_vector(random, "dot"), 30)]
    whole = ask_rust(here, tree, sources, None)
    if whole is None or any(0 < abs(point.score - threshold) < 1e-4 for point in whole):
        return
    ranking = ask_rust(here, tree, sources, threshold)
    assert ranking is not None
    ours = models.FormulaQuery.model_validate({"formula": tree, "defaults": DEFAULTS})
    prefetch = [models.Prefetch(query=vector, using=name, limit=n) for name, vector, n in sources]
    for store in here.stores:
        got = store.query_points(NAME, query=ours, prefetch=prefetch, limit=100, score_threshold=threshold).points
        assert_prefix(got, ranking, 100)


# --- rules by hand ----------------------------------------------------------------------------------------------------


def value_of(tree: Json, payload: dict[str, Any], defaults: dict[str, Any] | None = None) -> float:
    from minidb import QdrantClient

    with QdrantClient(":memory:") as client:
        client.create_collection("c", models.VectorParams(size=1, distance="Dot"))
        client.upsert("c", [models.PointStruct(id=1, vector=[0.5], payload=payload)])
        query = models.FormulaQuery.model_validate({"formula": tree, "defaults": defaults or {}})
        found = client.query_points("c", query=query, prefetch=models.Prefetch(query=[1.0])).points
        return found[0].score


@pytest.mark.parametrize(
    ("tree", "value"),
    [
        ({"sum": []}, 0.0),
        ({"mult": []}, 1.0),
        ("$score", 0.5),
        ("$score[0]", 0.5),
        ("$score[3]", 0.0),
        ({"mult": [0, "nowhere"]}, 0.0),
        ({"div": {"left": 0, "right": "nowhere"}}, 0.0),
        ({"div": {"left": 1, "right": 0, "by_zero_default": 7}}, 7.0),
        ({"key": "n", "match": {"value": 2}}, 1.0),
        ({"key": "n", "match": {"value": 3}}, 0.0),
        ("one", 4.0),
        ("one[]", 4.0),
        ("one[0]", 4.0),
        ({"lin_decay": {"x": 1}}, 0.5),
        ({"exp_decay": {"x": 1}}, 0.5),
        ({"gauss_decay": {"x": 1}}, 0.5),
        ({"lin_decay": {"x": 5}}, 0.0),
        ({"lin_decay": {"x": 5, "target": 5, "scale": 3, "midpoint": 0.1}}, 1.0),
        ({"datetime": "1970-01-02"}, 86400.0),
        ({"acosh": 1}, 0.0),
        ({"max": [1, 3, 2]}, 3.0),
        ({"min": [1, 3, 2]}, 1.0),
    ],
)
def test_rules(tree: Json, value: float) -> None:
    assert math.isclose(value_of(tree, {"n": 2, "one": [4]}), value, rel_tol=1e-6)


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        ("$foo", "Wrong input: Validation failed: failed to parse variable ID $foo: Invalid reserved word: $foo"),
        (
            "$score[]",
            "Wrong input: Validation failed: failed to parse variable ID $score[]: Invalid reserved variable: $score[]",
        ),
        ("a..b", "Wrong input: Validation failed: failed to parse variable ID a..b: Invalid payload variable: a..b"),
        (
            "nowhere",
            "Wrong input: Expected number value for nowhere in the payload and/or in the formula defaults. "
            "Error: No value found in a payload nor defaults",
        ),
        (
            "text",
            "Wrong input: Expected number value for text in the payload and/or in the formula defaults. "
            "Error: Value is not a number",
        ),
        (
            "null",
            "Wrong input: Expected number value for null in the payload and/or in the formula defaults. "
            "Error: Value is not a number",
        ),
        (
            {"datetime_key": "n"},
            "Wrong input: Expected datetime value for n in the payload and/or in the formula defaults. "
            "Error: Value is not a string",
        ),
        (
            {"geo_distance": {"origin": {"lon": 0, "lat": 0}, "to": "nowhere"}},
            "Wrong input: Expected geo point value for nowhere in the payload and/or in the formula defaults. "
            "Error: No value found in a payload nor defaults",
        ),
        ({"exp": 1000}, "Wrong input: The expression exp(1000) = inf produced a non-finite number"),
        ({"sqrt": -1}, "Wrong input: The expression √-1 = NaN produced a non-finite number"),
        ({"ln": 0}, "Wrong input: The expression ln(0) = -inf produced a non-finite number"),
        ({"log10": 0}, "Wrong input: The expression log10(0) = -inf produced a non-finite number"),
        (
            {"pow": {"base": -1, "exponent": 0.5}},
            "Wrong input: The expression -1^0.5 = NaN produced a non-finite number",
        ),
        ({"div": {"left": 1, "right": 0}}, "Wrong input: The expression 1/0 = inf produced a non-finite number"),
        ({"acosh": 0.5}, "Wrong input: The expression acosh(0.5) = NaN produced a non-finite number"),
        (
            {"exp": 100},
            "Wrong input: The expression 26881171418161356000000000000000000000000000 as f32 = inf produced a "
            "non-finite number",
        ),
        (
            {"exp_decay": {"x": 1, "midpoint": 1}},
            "Wrong input: Validation failed: Decay midpoint should be in the range (0.0, 1.0), got 1.",
        ),
        (
            {"lin_decay": {"x": 1, "midpoint": 2}},
            "Wrong input: Validation failed: Linear decay midpoint should be in the range [0.0, 1.0], got 2.",
        ),
        (
            {"gauss_decay": {"x": 1, "scale": 0}},
            "Wrong input: Validation failed: Decay scale should be non-zero positive, got 0.",
        ),
        (
            {"datetime": "yesterday"},
            "Wrong input: Validation failed: failed to parse date-time yesterday: input contains invalid characters",
        ),
    ],
)
def test_error_texts(tree: Json, text: str) -> None:
    with pytest.raises(BadInput) as raised:
        value_of(tree, {"n": 2, "text": "x", "null": None}, {"text": 1, "null": 1})
    assert str(raised.value) == text


def test_conditions_over_many_candidates_use_the_indexes() -> None:
    from minidb import QdrantClient

    with QdrantClient(":memory:") as client:
        client.create_collection("c", models.VectorParams(size=1, distance="Dot"))
        points = [models.PointStruct(id=i, vector=[1.0], payload={"n": i % 7}) for i in range(3000)]
        client.upsert("c", points)
        tree = {"sum": [{"key": "n", "match": {"value": 3}}, {"mult": [0.1, "n"]}]}
        query = models.FormulaQuery.model_validate({"formula": tree})
        found = client.query_points("c", query=query, prefetch=models.Prefetch(query=[1.0], limit=3000), limit=1).points
        assert [(point.id, round(point.score, 4)) for point in found] == [(3, 1.3)]
