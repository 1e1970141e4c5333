"""Where inference objects may stand, how often they are computed, and what happens when one fails."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from counting import Counting, registry_of
from qdrant_client import models as m

from minidb import errors, inference
from minidb.inference import InferenceContext, Secret, contains
from minidb.models.inference import Document, Image, InferenceObject
from minidb.models.vectors import SparseVector


def doc(text="x", model="test/m", **options):
    return m.Document(text=text, model=model, options=options or None)


def raw(text="x", model="test/m"):
    return {"text": text, "model": model}


def resolve(tree, embedder=None, operation="search", **keywords):
    return inference.resolve(tree, operation=operation, registry=registry_of(embedder or Counting()), **keywords)


def vector(text="x"):
    return [float(len(text)), 1.0]


POINT = m.PointStruct(id=1, vector=[1.0])
PLACES = {
    "PointStruct.vector": (m.PointStruct(id=1, vector=doc()), lambda t: [t.vector]),
    "PointStruct.vector[name]": (
        m.PointStruct(id=1, vector={"a": doc(), "b": [1.0], "c": doc()}),
        lambda t: [t.vector["a"], t.vector["c"]],
    ),
    "PointVectors.vector": (m.PointVectors(id=1, vector={"a": doc()}), lambda t: [t.vector["a"]]),
    "PointVectors.vector unnamed": (m.PointVectors(id=1, vector=doc()), lambda t: [t.vector]),
    "Batch.vectors": (m.Batch(ids=[1, 2], vectors=[doc(), doc()]), lambda t: t.vectors),
    "Batch.vectors[name]": (
        m.Batch(ids=[1, 2], vectors={"a": [doc(), [1.0, 2.0]], "b": [[1.0], [2.0]]}),
        lambda t: [t.vectors["a"][0]],
    ),
    "query": (m.QueryRequest(query=doc()), lambda t: [t.query]),
    "nearest": (m.QueryRequest(query=m.NearestQuery(nearest=doc())), lambda t: [t.query.nearest]),
    "recommend": (
        m.RecommendQuery(recommend=m.RecommendInput(positive=[1, doc(), [1.0, 2.0]], negative=[doc()])),
        lambda t: [t.recommend.positive[1], t.recommend.negative[0]],
    ),
    "discover": (
        m.DiscoverQuery(
            discover=m.DiscoverInput(target=doc(), context=[m.ContextPair(positive=doc(), negative=[1.0])])
        ),
        lambda t: [t.discover.target, t.discover.context[0].positive],
    ),
    "discover, one pair": (
        m.DiscoverQuery(discover=m.DiscoverInput(target=3, context=m.ContextPair(positive=1, negative=doc()))),
        lambda t: [t.discover.context.negative],
    ),
    "context": (
        m.ContextQuery(context=[m.ContextPair(positive=doc(), negative=doc())]),
        lambda t: [t.context[0].positive, t.context[0].negative],
    ),
    "feedback": (
        m.RelevanceFeedbackQuery(
            relevance_feedback=m.RelevanceFeedbackInput(
                target=doc(),
                feedback=[m.FeedbackItem(example=3, score=1.0), m.FeedbackItem(example=doc(), score=0.5)],
                strategy=m.NaiveFeedbackStrategy(naive=m.NaiveFeedbackStrategyParams(a=1.0, b=1.0, c=1.0)),
            )
        ),
        lambda t: [t.relevance_feedback.target, t.relevance_feedback.feedback[1].example],
    ),
    "prefetch": (
        m.QueryRequest(
            prefetch=m.Prefetch(query=doc(), prefetch=[m.Prefetch(query=m.NearestQuery(nearest=doc()))]),
            query=m.FusionQuery(fusion=m.Fusion.RRF),
        ),
        lambda t: [t.prefetch.query, t.prefetch.prefetch[0].query.nearest],
    ),
    "prefetch list": ([m.Prefetch(query=[1.0]), m.Prefetch(query=doc())], lambda t: [t[1].query]),
    "groups": (m.QueryGroupsRequest(query=doc(), group_by="k"), lambda t: [t.query]),
    "query_batch": (
        m.QueryRequestBatch(searches=[m.QueryRequest(query=3), m.QueryRequest(query=doc())]),
        lambda t: [t.searches[1].query],
    ),
    "batch_update": (
        [
            m.UpsertOperation(upsert=m.PointsList(points=[POINT, m.PointStruct(id=2, vector=doc())])),
            m.UpsertOperation(upsert=m.PointsBatch(batch=m.Batch(ids=[1], vectors={"a": [doc()]}))),
            m.UpdateVectorsOperation(
                update_vectors=m.UpdateVectors(points=[m.PointVectors(id=1, vector={"a": doc()})]),
            ),
            m.DeleteOperation(delete=m.PointIdsList(points=[1, 2])),
        ],
        lambda t: [
            t[0].upsert.points[1].vector,
            t[1].upsert.batch.vectors["a"][0],
            t[2].update_vectors.points[0].vector["a"],
        ],
    ),
    "batch_update as a model": (
        m.UpdateOperations(
            operations=[m.UpsertOperation(upsert=m.PointsList(points=[m.PointStruct(id=2, vector=doc())]))]
        ),
        lambda t: [t.operations[0].upsert.points[0].vector],
    ),
    "itself": (doc(), lambda t: [t]),
    "dict: query": ({"query": raw()}, lambda t: [t["query"]]),
    "dict: nearest": ({"query": {"nearest": raw()}}, lambda t: [t["query"]["nearest"]]),
    "dict: point": ({"points": [{"id": 1, "vector": {"a": raw()}}]}, lambda t: [t["points"][0]["vector"]["a"]]),
    "dict: batch": ({"batch": {"ids": [1], "vectors": {"a": [raw()]}}}, lambda t: [t["batch"]["vectors"]["a"][0]]),
    "dict: recommend": (
        {"query": {"recommend": {"positive": [raw(), 1]}}},
        lambda t: [t["query"]["recommend"]["positive"][0]],
    ),
    "dict: in a model's slot": (m.PointStruct.model_construct(id=1, vector={"a": raw()}), lambda t: [t.vector["a"]]),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_rows_003_to_027_everywhere_a_vector_may_stand(place):
    tree, results = PLACES[place]
    before = copy.deepcopy(tree)
    assert contains(tree)
    resolved = resolve(tree)
    for result in results(resolved):
        assert isinstance(result, np.ndarray)
        assert result.dtype == np.float32
        assert result.tolist() == vector()
    assert not contains(resolved)
    assert tree == before


@pytest.mark.parametrize("place", PLACES)
def test_rows_109_110_111_114_equal_objects_of_a_request_are_one_input(place):
    embedder = Counting()
    resolve(PLACES[place][0], embedder)
    assert embedder.inputs == 1


@pytest.mark.parametrize(
    "tree",
    [
        m.QueryRequest(query=m.OrderByQuery(order_by="text")),
        m.QueryRequest(query=m.FusionQuery(fusion=m.Fusion.DBSF)),
        m.QueryRequest(query=m.RrfQuery(rrf=m.Rrf(k=2))),
        m.QueryRequest(query=m.SampleQuery(sample=m.Sample.RANDOM)),
        m.QueryRequest(query=m.FormulaQuery(formula=m.MultExpression(mult=["$score", 2.0]), defaults=raw())),
        m.QueryRequest(filter=m.Filter(must=[m.FieldCondition(key="text", match=m.MatchValue(value="model"))])),
        [m.PointStruct(id=1, vector=[1.0], payload={"vector": raw(), "query": raw(), **raw()})],
        m.PointStruct(id=1, vector={"text": [1.0], "model": [2.0]}),
        m.PointStruct(id=1, vector=m.SparseVector(indices=[1], values=[1.0]).model_dump()),
        {"query": {"order_by": "text"}, "filter": {"must": [raw()]}, "params": raw()},
        {"vector": {"text": [1.0, 2.0], "image": [1.0]}, "payload": raw()},
        [[1.0, 2.0], [3.0]],
        m.QueryRequest(query=[[1.0, 2.0], [3.0, 4.0]]),
        m.SetPayload(payload=raw(), points=[1, 2]),
        np.zeros(3),
        "text",
        7,
        None,
        [],
        object(),
    ],
)
def test_row_024_nothing_to_infer(tree):
    embedder = Counting()
    assert not contains(tree)
    assert resolve(tree, embedder) is tree
    assert not embedder.requests


def test_untouched_parts_are_shared():
    plain = m.PointStruct(id=1, vector=[1.0, 2.0])
    point = m.PointStruct(id=2, vector={"a": doc(), "b": [1.0]}, payload={"topic": "cooking"})
    resolved = resolve([plain, point])
    assert resolved[0] is plain
    assert resolved[1].payload is point.payload
    assert resolved[1].vector["b"] is point.vector["b"]


def test_row_016_033_several_models_in_one_point():
    point = m.PointStruct(
        id=1,
        vector={"own": doc(), "hash": doc(model="minidb/hash-8"), "sparse": doc("cats", model="bm25"), "given": [1.0]},
    )
    vectors = resolve(point, operation="update").vector
    assert vectors["own"].tolist() == vector()
    assert vectors["hash"].shape == (8,)
    assert vectors["sparse"].indices.size == 1
    assert vectors["given"] == [1.0]


def test_row_027_a_sparse_vector_must_be_named():
    for tree in (m.PointStruct(id=1, vector=doc(model="bm25")), m.Batch(ids=[1], vectors=[doc(model="bm25")])):
        with pytest.raises(errors.InferenceError) as caught:
            resolve(tree, operation="update")
        assert str(caught.value) == "Wrong input: Sparse vector from document inference should be named"


@pytest.mark.parametrize(
    ("tree", "error", "text"),
    [
        (Document(text="x", model=""), errors.ValidationError, "model: must not be empty"),
        ({"text": "x"}, errors.FormatError, "missing field `model`"),
        ({"text": 3, "model": "test/m"}, errors.FormatError, "invalid type: int, expected a string in text"),
        ({"text": "x", "model": "test/m", "options": 5}, errors.FormatError, "expected a map of options"),
    ],
)
def test_row_028_malformed_objects(tree, error, text):
    with pytest.raises(error, match=text):
        resolve(tree)


HOLDS_ITSELF: dict[str, object] = {}
HOLDS_ITSELF["a"] = HOLDS_ITSELF


@pytest.mark.parametrize("value", [{1: 2, "a": 3}, {(1, 2): 3}, HOLDS_ITSELF], ids=["mixed", "tuple", "holds itself"])
def test_row_028_what_is_no_json_is_a_clear_error(value):
    """A TypeError of Python's own, or a ValueError, came out of the comparison of options."""
    for tree in (doc(x=value), m.InferenceObject(object=value, model="test/m")):
        with pytest.raises(errors.FormatError, match="must be JSON"):
            resolve(tree)
    with pytest.raises(errors.FormatError, match="names that are no strings"):
        resolve({**raw(), "options": {1: 2}})


def test_row_110_a_thousand_equal_documents_are_one_input():
    embedder, context = Counting(), InferenceContext()
    resolve([m.PointStruct(id=i, vector=doc()) for i in range(1000)], embedder, context=context)
    assert embedder.inputs == 1
    assert (context.usage.objects, context.usage.inputs, context.usage.calls) == (1000, 1, 1)


def test_row_113_what_makes_objects_different():
    embedder = Counting()
    objects = [
        doc(), doc(), doc("y"), doc(model="test/n"), doc(a=1, b=2), doc(b=2, a=1), doc(a=1), doc(a=True), doc(a=1.0),
        m.Image(image="x", model="test/m"), m.InferenceObject(object="x", model="test/m"),
        m.InferenceObject(object={"k": 1, "l": 2}, model="test/m"),
        m.InferenceObject(object={"l": 2, "k": 1}, model="test/m"),
        m.Image(image=b"x", model="test/m"),
    ]  # fmt: skip
    resolve([m.PointStruct(id=i, vector={"a": item}) for i, item in enumerate(objects)], embedder)
    assert embedder.inputs == len(objects) - 3
    assert len(embedder.requests) == 6


def test_row_109_equal_paths_are_one_input():
    embedder = Counting()
    paths = [Path("a.png"), Path("a.png"), Path("b.png"), "a.png"]
    resolve([{"id": i, "vector": Image(image=path, model="test/m")} for i, path in enumerate(paths)], embedder)
    assert embedder.inputs == 3


def test_row_005_no_options_and_empty_options_are_equal():
    embedder = Counting()
    empty = m.Document(text="x", model="test/m", options={})
    resolve([m.PointStruct(id=1, vector=doc()), m.PointStruct(id=2, vector=empty)], embedder)
    assert embedder.inputs == 1


def test_row_115_results_are_immutable():
    arrays = [resolve(doc())]
    for operation in ("update", "search"):
        point = inference.resolve({"vector": {"a": raw("cats dogs", "bm25")}}, operation=operation)
        arrays += [point["vector"]["a"].indices, point["vector"]["a"].values]
    own = SparseVector(indices=np.array([1]), values=np.array([2.0]))
    vector = resolve(doc(), Counting(lambda _: own))
    for array in (*arrays, vector.indices, vector.values):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_row_115_the_embedders_own_array_is_not_handed_out():
    kept, sparse = np.array([1.0, 2.0], np.float32), SparseVector(indices=np.array([1]), values=np.array([2.0]))
    result, view, terms = (resolve(doc(), Counting(lambda _, it=it: it)) for it in (kept, kept.reshape(1, 2), sparse))
    kept[0] = sparse.values[0] = 9
    assert result.tolist() == [1.0, 2.0]
    assert view.tolist() == [[1.0, 2.0]]
    assert terms.values.tolist() == [2.0]


def test_row_116_one_failure_fails_all():
    def fail(_):
        raise errors.InferenceError("no")

    tree = [m.PointStruct(id=1, vector={"a": doc(model="bm25")}), m.PointStruct(id=2, vector={"a": doc()})]
    before = copy.deepcopy(tree)
    for slow in (False, True):
        with pytest.raises(errors.InferenceError, match="no"):
            resolve(tree, Counting(fail, slow))
    assert tree == before


def test_an_unknown_model_is_found_before_anything_is_called():
    embedder = Counting()
    with pytest.raises(errors.InferenceError) as caught:
        resolve([m.PointStruct(id=1, vector=doc()), m.PointStruct(id=2, vector=doc(model="some/model"))], embedder)
    assert not embedder.requests
    for part in ("some/model", "qdrant/bm25", "minidb/hash-N", "register_provider"):
        assert part in str(caught.value)


def test_an_embedder_must_answer_every_input():
    class Short(Counting):
        def embed(self, request):
            return []

    with pytest.raises(errors.ServiceError, match="test/m returned 0 vectors for 1 inputs"):
        resolve(doc(), Short())


@pytest.mark.parametrize("lacking", ["embed", "slow"])
def test_what_a_provider_gives_must_be_an_embedder(monkeypatch, lacking):
    """Without `slow` it was an AttributeError, and a bare 500 of the server."""

    class Incomplete:
        pass

    setattr(Incomplete, {"embed": "slow", "slow": "embed"}[lacking], False)
    monkeypatch.setattr(inference, "_registry", registry_of(Counting()))
    inference.register_provider("mine/", lambda model: Incomplete())
    with pytest.raises(errors.ServiceError, match=f"of 'mine/a' gave Incomplete: .*it has no `{lacking}`"):
        inference.resolve(doc(model="mine/a"), operation="search")


def test_registered_prefixes_the_longest_first(monkeypatch):
    monkeypatch.setattr(inference, "_registry", registry_of(Counting(lambda _: [1.0])))
    inference.register_provider("test/special-", lambda model: Counting(lambda _: [2.0]))
    inference.register_provider("", lambda model: Counting(lambda _: [3.0]) if model == "Else" else None)
    made = [inference.resolve(doc(model=n), operation="search")[0] for n in ("test/m", "TEST/Special-1", "Else")]
    assert made == [1.0, 2.0, 3.0]
    with pytest.raises(errors.InferenceError, match="No embedding model 'other'"):
        inference.resolve(doc(model="other"), operation="search")


class Tensor:
    """An array of another library."""

    def __array__(self, dtype=None, copy=None):
        return np.array([1.0, 2.0])


@pytest.mark.parametrize(
    ("given", "shape", "dtype"),
    [
        (np.array([1, 2], np.uint8), (2,), np.uint8),
        (np.array([1, 2], np.int8), (2,), np.int8),
        ([1, 2], (2,), np.float32),
        (np.array([1, 2], np.float16), (2,), np.float32),
        (np.array([1, 2], np.float64), (2,), np.float32),
        ([[1.0, 2.0], [3.0, 4.0]], (2, 2), np.float32),
        (Tensor(), (2,), np.float32),
    ],
)
def test_what_an_embedder_may_return(given, shape, dtype):
    vector = resolve(doc(), Counting(lambda _: given))
    assert (vector.shape, vector.dtype) == (shape, dtype)


@pytest.mark.parametrize("kind", [SparseVector, m.SparseVector])
def test_an_embedder_may_return_sparse_vectors_as_lists(kind):
    vector = resolve(doc(), Counting(lambda _: kind(indices=[5, 1], values=[1.0, 2.0])))
    assert (vector.indices.tolist(), vector.values.tolist()) == ([5, 1], [1.0, 2.0])
    assert (vector.indices.dtype, vector.values.dtype) == (np.uint32, np.float32)


def sparse(indices, values):
    return SparseVector.model_construct(indices=indices, values=values)


@pytest.mark.parametrize(
    "given",
    [
        None, "ab", ["a", "b"], ["1", "2"], {"a": 1}, [None, 1.0], 3.0, [[[1.0]]], [[1.0], [1.0, 2.0]], [True, False],
        [1j, 2], slice(3),
        sparse([1, 1], [1.0, 2.0]), sparse([1], [1.0, 2.0]), sparse([1, 2], [1.0]), sparse([-1], [1.0]),
        sparse([2**32], [1.0]), sparse(["1"], [1.0]), sparse([1], ["1"]), sparse(None, None),
        sparse(np.array([1, 1]), np.array([1.0, 2.0])), sparse(np.array([1]), np.array([1.0, 2.0])),
        sparse(np.array([-1]), np.array([1.0])), sparse(np.array([2**32]), np.array([1.0])),
        sparse(np.array([1.5]), np.array([1.0])), sparse(np.array([1]), np.array(["1"])),
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_vector_is_an_error_of_the_embedder(given):
    """Errors of numpy's own; numbers in words, truths and wrapped indices were stored, and with one value too many what
    lay behind it in memory.
    """
    with pytest.raises(errors.ServiceError, match="test/m returned something that is no vector: "):
        resolve(doc(), Counting(lambda _: given))


@pytest.mark.parametrize("given", [None, (v for v in [[1.0]]), 3])
def test_an_embedder_returns_a_list(given):
    class Odd(Counting):
        def embed(self, request):
            return given

    with pytest.raises(errors.ServiceError, match=f"test/m returned {type(given).__name__}, expected a list of vect"):
        resolve(doc(), Odd())


# Keys


def test_rows_087_091_keys_leave_the_options_and_are_never_shown():
    embedder = Counting()
    options = {"Openai-Api-Key": "sk-1", "user": "u"}
    context = InferenceContext(headers={"Cohere-API-Key": "sk-2", "api-key": "sk-3", "x": "y"})
    resolve(Document(text="x", model="test/m", options=options), embedder, context=context)
    (request,) = embedder.requests
    assert dict(request.options) == {"user": "u"}
    assert request.secrets["openai-api-key"].reveal() == "sk-1"
    assert {name: key.reveal() for name, key in request.context.keys.items()} == {"cohere-api-key": "sk-2"}
    for shown in (repr(request), str(request.secrets), f"{context.keys}", repr(Secret("sk-1"))):
        assert "sk-" not in shown
    with pytest.raises(TypeError):
        pickle.dumps(request.secrets)


def test_row_113_different_keys_are_different_groups():
    embedder = Counting()
    resolve([doc(**{"openai-api-key": key}) for key in ("a", "b", "a")], embedder)
    assert [len(request.inputs) for request in embedder.requests] == [1, 1]


# Slow embedders


def test_slow_groups_run_side_by_side():
    together = threading.Barrier(3, timeout=60)

    def meet(content):
        together.wait()
        return [1.0]

    embedder = Counting(meet, slow=True)
    resolve([doc(model=f"test/{i}") for i in range(3)], embedder)
    assert len(embedder.requests) == 3


def test_the_deadline():
    gate = threading.Event()
    embedder = Counting(lambda _: gate.wait(60) and [1.0], slow=True)
    with pytest.raises(errors.Timeout):  # while the gate is shut
        resolve(doc(), embedder, context=InferenceContext(timeout=0.05))
    gate.set()
    with pytest.raises(errors.Timeout):
        resolve(doc(), Counting(), context=InferenceContext(timeout=0))


def test_tokens_are_counted_by_model():
    context = InferenceContext()

    class Charging(Counting):
        def embed(self, request):
            request.context.usage.add_tokens(request.model, 5)
            return super().embed(request)

    resolve([doc(model="test/a"), doc(model="test/b"), doc(model="test/a", k=1)], Charging(), context=context)
    assert context.usage.tokens == {"test/a": 10, "test/b": 5}


def test_row_056_bm25_reports_no_tokens():
    context = InferenceContext()
    inference.resolve(doc(model="bm25"), operation="search", context=context)
    assert context.usage.tokens == {}


def test_row_009_objects_are_refused_by_name():
    with pytest.raises(errors.InferenceError, match=r"Only text input is supported for qdrant/bm25\."):
        inference.resolve(InferenceObject(object={}, model="qdrant/bm25"), operation="search")


def test_importing_loads_no_model():
    code = (
        "import sys, minidb.inference as i; i.contains([1.0]);"
        "print(*(n for n in ('httpx', 'fastembed', 'qdrant_edge', 'py_rust_stemmers', 'mmh3') if n in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
