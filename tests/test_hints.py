"""Hints of errors: what would have been right, below Qdrant's own text, and on no network.

The cases are the mistakes that are made most.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from minidb import AsyncQdrantClient, QdrantClient, Transport, models
from minidb.errors import FormatError, MinidbError, ServiceError, StoreClosed, choice
from minidb.inference import catalog, local
from minidb.storage import records
from minidb.system import files
from minidb.system.calls import System

POINT = "a point is models.PointStruct(id=…, vector=…, payload={…}), or a dict of these"
RED = "a filter is models.Filter(must=[models.FieldCondition(key='color', match=models.MatchValue(value='red'))])"
ANY_FILTER = "a filter is models.Filter(must=[models.FieldCondition(key=…, match=models.MatchValue(value=…))])"
VECTORS = "vectors here: `text`, `image`, `words`"
DENSE = "the dense vector `text` takes a list or array of 2 numbers, "
NAME_IT = f"name the vector (`using` of a query, a dict of names in a point); {VECTORS}"
NO_OBJECT = "Format error: input should be a valid dictionary or object to extract fields from"
NOT_AN_ID = "is not a valid point ID, valid values are either an unsigned integer or a UUID in"
SPARSE = models.SparseVector(indices=[1], values=[1.0])
PARAMS = models.VectorParams(size=2, distance=models.Distance.DOT)
CONDITION = models.FieldCondition(key="color", match=models.MatchValue(value="red"))


def upsert(vector: Any = None, /, **point: Any) -> Call:
    return lambda client: client.upsert("documents", [{"id": 1, "vector": vector, **point}])  # type: ignore[list-item]


def points(points: Any) -> Call:
    return lambda client: client.upsert("documents", points)


def query(query: Any = (1.0, 2.0), using: str | None = "text", **options: Any) -> Call:
    return lambda client: client.query_points("documents", query, using=using, **options)


def where(filter: Any) -> Call:
    return lambda client: client.count("documents", filter)


def document(model: str) -> Call:
    return query(models.Document(text="a", model=model))


Call = Callable[[QdrantClient], object]
CASES: dict[str, tuple[Call, str, str]] = {
    "wrong dimension": (
        upsert({"text": [1.0, 2.0, 3.0]}),
        "Wrong input: Vector dimension error: expected dim: 2, got 3 for vector 'text'",
        "the dense vector `text` takes 2 numbers (VectorParams(size=2)), got 3",
    ),
    "wrong dimension of a query": (
        query([1.0]),
        "Wrong input: Vector dimension error: expected dim: 2, got 1 for vector 'text'",
        "the dense vector `text` takes 2 numbers (VectorParams(size=2)), got 1",
    ),
    "missing collection": (
        lambda client: client.query_points("document", [1.0, 2.0]),
        "Not found: Collection `document` doesn't exist!",
        "did you mean `documents`? collections here: `documents`",
    ),
    "no name of a collection": (
        lambda client: client.count(None),  # type: ignore[arg-type]
        "Not found: Collection `None` doesn't exist!",
        "collections here: `documents`",
    ),
    "aliases of a missing collection": (
        lambda client: client.get_collection_aliases("document"),
        "Not found: Collection `document` doesn't exist!",
        "did you mean `documents`? collections here: `documents`",
    ),
    "forgotten using": (query(using=None), "Wrong input: Not existing vector name error: ", NAME_IT),
    "forgotten name": (upsert([1.0, 2.0]), "Wrong input: Not existing vector name error: ", NAME_IT),
    "wrong vector name": (
        query(using="Txt"),
        "Wrong input: Not existing vector name error: Txt",
        f"did you mean `text`? {VECTORS}",
    ),
    "text as id": (
        upsert({}, id="doc-1"),
        f"Format error: value doc-1 {NOT_AN_ID} points[0].id",
        "the text can stand in the payload; str(uuid.uuid5(uuid.NAMESPACE_URL, 'doc-1')) makes one of a text",
    ),
    "float as id": (
        upsert({}, id=1.0),
        f"Format error: value 1.0 {NOT_AN_ID} points[0].id",
        "a number with a point is none: int(1.0)",
    ),
    "negative id": (
        lambda client: client.retrieve("documents", [-1]),
        f"Format error: value -1 {NOT_AN_ID} ids[0]",
        "an id is a whole number from 0 to 2**64 - 1, or a UUID",
    ),
    "misspelt field": (
        upsert({}, payloads={}),
        "Format error: unknown field `payloads` in points[0]",
        "did you mean `payload`? fields here: `id`, `vector`, `payload`, `vectors`",
    ),
    "misspelt field that is needed": (
        points([{"id": 1, "vectr": {}}]),
        "Format error: missing field `vector` in points[0]",
        "did you mean `vector`? it has `id`, `vectr`",
    ),
    "misspelt argument of a model": (
        lambda _: models.PointStruct(id=1, vector=[1.0], paylod={}),  # type: ignore[call-arg]
        "Format error: unknown field `paylod`",
        "did you mean `payload`? fields here: `id`, `vector`, `payload`, `vectors`",
    ),
    "dicts where points are wanted": (
        points([{"text": "a", "source": "b"}]),
        "Format error: missing field `id` in points[0]",
        f"{POINT}; it has `text`, `source`",
    ),
    "tuples where points are wanted": (
        points([(1, [1.0, 2.0])]),
        f"{NO_OBJECT}, got (1, [1.0, 2.0]) in points[0]",
        f"{POINT}; got a tuple",
    ),
    "an array where points are wanted": (
        points(np.zeros((1, 2))),
        f"{NO_OBJECT}, got array([0., 0.]) in points[0]",
        f"{POINT}; got a ndarray",
    ),
    "a single point": (
        points(models.PointStruct(id=9, vector={})),
        "Format error: Expected a list of points, got one PointStruct",
        "one alone goes into a list: [x]",
    ),
    "a single dict": (
        points({"id": 9, "vector": {}}),
        "Format error: Expected a list of points, got one dict",
        "one alone goes into a list: [x]",
    ),
    "a single id": (
        lambda client: client.retrieve("documents", 1),  # type: ignore[arg-type]
        "Format error: Expected a list of ids, got one int",
        "one alone goes into a list: [1]",
    ),
    "a single key": (
        lambda client: client.delete_payload("documents", "key", [1]),
        "Format error: Expected a list of keys, got one str",
        "one alone goes into a list: ['key']",
    ),
    "an array of texts": (
        query(np.array(["a", "b"])),
        "Format error: Expected an array of numbers, got dtype <U1 in query",
        "array.astype(numpy.float32) makes numbers of what can be read as such",
    ),
    "numbers as texts": (
        upsert(["1", "2"]),
        "Format error: input should be a valid number, got '1' in points[0].vector[0]",
        "numbers, no texts: [float(number) for number in vector]",
    ),
    "a filter of Chroma's": (
        where({"color": {"$eq": "red"}}),
        "Format error: unknown field `color` in filter",
        RED,
    ),
    "a filter of Mongo's": (where({"$and": []}), "Format error: unknown field `$and` in filter", ANY_FILTER),
    "a filter of LanceDB's": (where("color = 'red'"), f"{NO_OBJECT}, got \"color = 'red'\" in filter", ANY_FILTER),
    "conditions without a filter": (
        where([]),
        f"{NO_OBJECT}, got [] in filter",
        "conditions stand in a filter: models.Filter(must=[…])",
    ),
    "a misspelt clause": (
        where({"mst": []}),
        "Format error: unknown field `mst` in filter",
        "did you mean `must`? fields here: `should`, `min_should`, `must`, `must_not`",
    ),
    "a value for a match": (
        lambda _: models.FieldCondition(key="color", match="red"),  # type: ignore[arg-type]
        "Format error: Expected a match with one of value, text, text_any, phrase, prefix, substring, any, except in "
        "match",
        "a match is models.MatchValue(value='red')",
    ),
    "a sparse vector for a dense one": (
        upsert({"text": SPARSE}),
        "Wrong input: Conversion between sparse and regular vectors failed",
        f"{DENSE}got a SparseVector",
    ),
    "a dense vector for a sparse one": (
        query([1.0, 2.0], "words"),
        "Wrong input: Conversion between sparse and regular vectors failed",
        "the sparse vector `words` takes models.SparseVector(indices=[…], values=[…]), got a list of 2 numbers",
    ),
    "a matrix of one row": (
        query(np.zeros((1, 2))),
        "Wrong input: Conversion between multi and regular vectors failed",
        f"{DENSE}got one in a list: leave out the list around it",
    ),
    "limit=0": (
        query(limit=0),
        "Validation error: [limit: value 0 invalid, must be 1 or larger]",
        "limit is the most results to return; client.count(…) returns none",
    ),
    "limit as text": (
        query(limit="10"),
        "Format error: invalid value '10', expected an integer in limit",
        "a number, without quotes: 10",
    ),
    "a text as query": (
        query("hello"),
        f"Format error: value hello {NOT_AN_ID} query",
        "a string as query is a point's id; to search for a text: models.Document(text='hello', model=…)",
    ),
    "a text as vector": (
        upsert("hello"),
        "Format error: Expected some form of vector, or an object of named vectors in points[0].vector",
        "to embed a text: models.Document(text='hello', model=…)",
    ),
    "no vector": (
        upsert(None),
        "Format error: Expected some form of vector, or an object of named vectors in points[0].vector",
        "a point without vectors has `vector={}`",
    ),
    "a path for a list of paths": (
        query(with_payload="color"),
        "Format error: Expected a bool, a list of paths, include or exclude in with_payload",
        "one goes into a list: ['color']",
    ),
    "a missing key": (
        document("openai/text-embedding-3-small"),
        "Wrong input: openai/text-embedding-3-small needs a key of openai: give it with every request, as the option "
        "openai-api-key of the object or as the request header openai-api-key",
        'QdrantClient(…, headers={"openai-api-key": …}); no variable of the environment is read',
    ),
    "a collection that is there": (
        lambda client: client.create_collection("documents", PARAMS),
        "Wrong input: Collection `documents` already exists!",
        "client.collection_exists(…) tells before; client.recreate_collection(…) deletes what is there",
    ),
    "a size for params": (
        lambda client: client.create_collection("other", 128),  # type: ignore[arg-type]
        "Format error: Expected vector params with size and distance, or an object of them by name in vectors",
        "models.VectorParams(size=128, distance=models.Distance.COSINE)",
    ),
    "a misspelt distance": (
        lambda _: models.VectorParams(size=2, distance="cosine"),  # type: ignore[arg-type]
        "Format error: input should be 'Cosine', 'Euclid', 'Dot' or 'Manhattan', got 'cosine' in distance",
        "did you mean `Cosine`? values here: `Cosine`, `Euclid`, `Dot`, `Manhattan`",
    ),
    "digits as id": (
        lambda client: client.retrieve("documents", ["17"]),
        f"Format error: value 17 {NOT_AN_ID} ids[0]",
        "a number, without quotes: 17",
    ),
    "a UUID that is too short": (
        lambda client: client.retrieve("documents", ["123e4567-e89b-12d3-a456-42661417400"]),
        f"Format error: value 123e4567-e89b-12d3-a456-42661417400 {NOT_AN_ID} ids[0]",
        "a UUID has 32 hexadecimal digits, this has 31",
    ),
    "NaN in a vector": (
        upsert({"text": [1.0, float("nan")]}),
        "Wrong input: Vector contains values that are not finite numbers for vector 'text'",
        "nan at [1]; what is beyond 3.4e38 is infinite as float32",
    ),
    "infinity in a sparse vector": (
        upsert({"words": models.SparseVector(indices=[7], values=[float("inf")])}),
        "Wrong input: Vector contains values that are not finite numbers for vector 'words'",
        "inf at [0]; what is beyond 3.4e38 is infinite as float32",
    ),
    "an empty vector": (
        upsert([]),
        "Validation error: [points[0].vector.vector: dense vector must not be empty]",
        "a point without vectors has `vector={}`",
    ),
    "a set as vector": (
        upsert({1.0, 2.0}),
        "Format error: Expected some form of vector, or an object of named vectors in points[0].vector",
        "a vector is a list or an array of numbers: list(…), got a set",
    ),
    "None in a vector": (
        upsert([None, 1.0]),
        "Format error: input should be a valid number, got None in points[0].vector[0]",
        "",
    ),
    "several vectors as query": (
        query(np.zeros((3, 2))),
        "Wrong input: Conversion between multi and regular vectors failed",
        f"{DENSE}got an array (3, 2) (one at a time, or client.query_batch_points)",
    ),
    "vectors as requests": (
        lambda client: client.query_batch_points("documents", [[1.0, 2.0]]),  # type: ignore[list-item]
        f"{NO_OBJECT}, got [1.0, 2.0] in searches[0]",
        "a request is models.QueryRequest(query=…, limit=…)",
    ),
    "weights by index": (
        upsert({"words": {1: 0.5, 7: 0.25}}),
        "Format error: Expected some form of vector (dense, sparse, multivector, document, image or object) in "
        "points[0].vector.words",
        "a sparse vector is models.SparseVector(indices=[1, 7], values=[0.5, 0.25])",
    ),
    "an index twice": (
        lambda _: models.SparseVector(indices=[1, 1], values=[1.0, 2.0]),
        "Validation error: [indices: Validation error: must be unique [{}]]",
        "an index of a sparse vector stands once: add up the values of equal ones",
    ),
    "fewer values than indices": (
        lambda _: models.SparseVector(indices=[1, 2], values=[1.0]),
        "Validation error: [values: Validation error: must be the same length as indices [{}]]",
        "a sparse vector has a value for each index",
    ),
    "a negative index": (
        lambda _: models.SparseVector(indices=[-1], values=[1.0]),
        "Format error: input should be greater than or equal to 0, got -1 in indices[0]",
        "indices are integers from 0 to 2**32 - 1, values their weights",
    ),
    "a payload that is none": (
        upsert({}, payload=["red"]),
        "Format error: input should be a valid dictionary, got ['red'] in points[0].payload",
        "a payload is a dict: {'color': 'red'}",
    ),
    "a number as key": (
        lambda _: models.PointStruct(id=1, vector={}, payload={1: "red"}),  # type: ignore[dict-item]
        "Format error: input should be a valid string, got 1 in payload[1].[key]",
        "keys are texts: '1'",
    ),
    "words of another library": (
        points([{"id": 1, "vector": {}, "metadata": {}}]),
        "Format error: unknown field `metadata` in points[0]",
        "did you mean `payload`? fields here: `id`, `vector`, `payload`, `vectors`",
    ),
    "a table where points are wanted": (
        lambda client: client.upsert("documents", DataFrame()),  # type: ignore[arg-type]
        "Format error: Expected a list of points, got one DataFrame",
        "the rows of a table, as dicts: x.to_dicts()",
    ),
    "a condition without one": (
        lambda _: models.FieldCondition(key="color"),
        "Validation error: [__all__: Validation error: At least one field condition must be specified [{}]]",
        "beside the key stands a condition: match=models.MatchValue(value=…), range=models.Range(gte=…), "
        "is_empty=True, …",
    ),
    "a date in a range of numbers": (
        lambda _: models.Range(gt="2024-01-01"),  # type: ignore[arg-type]
        "Format error: invalid value '2024-01-01', expected a number in gt",
        "bounds that are dates stand in models.DatetimeRange",
    ),
    "seconds in a range of dates": (
        lambda _: models.DatetimeRange(gt=1700000000),  # type: ignore[arg-type]
        "Format error: invalid value 1700000000, expected a datetime or a string in RFC 3339 in gt",
        "of seconds since 1970: datetime.datetime.fromtimestamp(1700000000, datetime.timezone.utc)",
    ),
    "a number as text": (
        query(score_threshold="0.5"),
        "Format error: invalid value '0.5', expected a number in score_threshold",
        "a number, without quotes: 0.5",
    ),
    "a whole number with a point": (
        query(limit=5.0),
        "Format error: invalid value 5.0, expected an integer in limit",
        "a whole number, without a point: 5",
    ),
    "a timeout as text": (
        query(timeout="5"),
        "Format error: invalid value '5', expected a number of seconds in timeout",
        "a number, without quotes",
    ),
    "a float to match": (
        lambda _: models.MatchValue(value=1.5),  # type: ignore[arg-type]
        "Format error: invalid value 1.5, expected a string, an integer or a bool in value",
        "floats are compared by a range: models.Range(gte=1.5, lte=1.5)",
    ),
    "None to match": (
        lambda _: models.MatchValue(value=None),  # type: ignore[arg-type]
        "Format error: invalid value None, expected a string, an integer or a bool in value",
        "a missing value is found by models.IsEmptyCondition, a null by models.IsNullCondition",
    ),
    "several to match one": (
        lambda _: models.MatchValue(value=["a"]),  # type: ignore[arg-type]
        "Format error: invalid value ['a'], expected a string, an integer or a bool in value",
        "one of several is models.MatchAny(any=[…])",
    ),
    "one to match any": (
        lambda _: models.MatchAny(any="a"),  # type: ignore[arg-type]
        "Format error: Expected a list of strings or a list of integers in any",
        "one alone goes into a list: ['a']",
    ),
    "one id as condition": (
        lambda _: models.HasIdCondition(has_id=1),  # type: ignore[arg-type]
        "Format error: input should be a valid list, got 1 in has_id",
        "one alone goes into a list: [1]",
    ),
    "a key that is empty": (
        lambda _: models.IsEmptyCondition(is_empty="color"),  # type: ignore[arg-type]
        f"{NO_OBJECT}, got 'color' in is_empty",
        "models.IsEmptyCondition(is_empty=models.PayloadField(key=…))",
    ),
    "latitude and longitude the wrong way round": (
        lambda _: models.GeoPoint(lat=113.3, lon=52.5),
        "Format error: Wrong format of GeoPoint payload: expected `lat` = 113.3 within [-90;90] and `lon` = 52.5 "
        "within [-180;180]",
        "did you mean lat=52.5, lon=113.3?",
    ),
    "a fusion as query": (
        query(models.Fusion.RRF, None, prefetch=[models.Prefetch(query=[1.0, 2.0], using="text")]),
        f"Format error: value rrf {NOT_AN_ID} query",
        "models.FusionQuery(fusion=models.Fusion.RRF)",
    ),
    "a misspelt query": (
        query({"recomend": {"positive": [1]}}),
        "Format error: Expected some form of vector, id, or a type of query in query",
        "did you mean `recommend`? queries here: `nearest`, `recommend`, `discover`, `context`, `order_by`, `fusion`, "
        "`rrf`, `formula`, …",
    ),
    "prefetches without a query": (
        query(None, None, prefetch=models.Prefetch(query=[1.0, 2.0], using="text")),
        "Bad request: A query is needed to merge the prefetches. Can't have prefetches without defining a query.",
        "query=models.FusionQuery(fusion=models.Fusion.RRF), for instance",
    ),
    "a fusion of nothing": (
        query(models.FusionQuery(fusion=models.Fusion.RRF), None),
        "Wrong input: Validation failed: cannot apply Fusion without prefetches",
        "what it works on comes from prefetch=[models.Prefetch(query=…, using=…, limit=…), …]",
    ),
    "an order without an index": (
        lambda client: client.scroll("documents", order_by="year"),
        "Wrong input: No range index for `order_by` key: `year`. Please create one to use `order_by`. Check "
        "https://qdrant.tech/documentation/concepts/indexing/#payload-index to see which payload schemas support Range "
        "conditions",
        "client.create_payload_index(…, 'year', 'integer'), or 'float' or 'datetime'",
    ),
    "a facet without an index": (
        lambda client: client.facet("documents", "color"),
        "Wrong input: No appropriate index for faceting: `color`. Please create one to facet on this field. Check "
        "https://qdrant.tech/documentation/concepts/indexing/#payload-index to see which payload schemas support Match "
        "conditions",
        "client.create_payload_index(…, 'color', 'keyword'), or 'integer', 'bool' or 'uuid'",
    ),
    "a schema of another library": (
        lambda client: client.create_payload_index("documents", "color", "string"),  # type: ignore[arg-type]
        "Format error: input should be 'keyword', 'integer', 'float', 'geo', 'text', 'bool', 'datetime' or 'uuid', got "
        "'string'",
        "did you mean `keyword`? values here: `keyword`, `integer`, `float`, `geo`, `text`, `bool`, `datetime`, `uuid`",
    ),
    "dim for size": (
        lambda _: models.VectorParams(dim=2, distance=models.Distance.DOT),  # type: ignore[call-arg]
        "Format error: missing field `size`",
        "did you mean `size`? it has `dim`, `distance`",
    ),
    "params without a name": (
        lambda client: client.create_collection(PARAMS),  # type: ignore[arg-type]
        "Format error: input should be a valid string, got VectorParams in collection_name",
        "the name of the collection comes first",
    ),
    "dense params for a sparse vector": (
        lambda client: client.create_collection("other", sparse_vectors_config={"words": 5}),  # type: ignore[dict-item]
        f"{NO_OBJECT}, got 5 in sparse_vectors.words",
        "a sparse vector has models.SparseVectorParams()",
    ),
    "quantization by a word": (
        lambda _: models.VectorParams(size=2, distance=models.Distance.DOT, quantization_config="scalar"),  # type: ignore[arg-type]
        "Format error: Expected quantization: one of scalar, product, binary, turbo in quantization_config",
        "as in models.ScalarQuantization(scalar=models.ScalarQuantizationConfig(type='int8'))",
    ),
    "an alias that is no operation": (
        lambda client: client.update_collection_aliases(
            [models.CreateAlias(collection_name="documents", alias_name="a")]  # type: ignore[list-item]
        ),
        "Format error: Expected one of create_alias, delete_alias, rename_alias in [0]",
        "models.CreateAliasOperation(create_alias=models.CreateAlias(…))",
    ),
    "several texts in a document": (
        lambda _: models.Document(text=["a", "b"], model="Qdrant/bm25"),  # type: ignore[arg-type]
        "Format error: input should be a valid string, got ['a', 'b'] in text",
        "an object holds one text: [models.Document(text=text, model=…) for text in texts]",
    ),
    "one vector to upload": (
        lambda client: client.upload_collection("documents", np.zeros(2)),
        "Format error: Expected an array of numbers with 2 dimensions (points, dimension) or 3 (points, vectors, "
        "dimension) in vectors",
        "one vector alone is a row: vectors[None, :]",
    ),
    "points before the name": (
        lambda client: client.upsert([{"id": 1, "vector": {}}], "documents"),  # type: ignore[arg-type]
        "Format error: Expected a list of points, got one str",
        "the name of the collection comes first, a text: upsert('…', …); got a list",
    ),
    "a vector before the name": (
        lambda client: client.query_points([1.0, 2.0], "documents"),  # type: ignore[arg-type]
        f"Format error: value documents {NOT_AN_ID} query",
        "the name of the collection comes first, a text: query_points('…', …); got a list",
    ),
    "a name that is a path": (
        lambda client: client.count(Path("documents")),  # type: ignore[arg-type]
        "Not found: Collection `documents` doesn't exist!",
        f"the name of the collection comes first, a text: count('…', …); got a {type(Path()).__name__}",
    ),
    "a limit by its place": (
        lambda client: client.query_points("documents", [1.0, 2.0], 5),  # type: ignore[arg-type]
        "Format error: input should be a valid string, got 5 in using",
        "by place this is `using`: give it by its name, as in limit=5",
    ),
    "a filter by its place": (
        lambda client: client.query_points("documents", [1.0, 2.0], models.Filter(must=[CONDITION])),  # type: ignore[arg-type]
        f"Format error: input should be a valid string, got {models.Filter(must=[CONDITION])!r} in using",
        "by place this is `using`: give it by its name, as in query_filter=…",
    ),
    "a pair as a range": (
        lambda _: models.FieldCondition(key="year", range=(1990, 2000)),  # type: ignore[arg-type]
        "Format error: Expected a range with lt, gt, gte, lte in range",
        "a range is models.Range(gte=1990, lte=2000), with gt and lt for what is left out",
    ),
    "a named vector as a pair": (
        query(("text", [1.0, 2.0]), None),
        "Format error: input should be a valid number, got 'text' in query[0]",
        "a query of a named vector: query=[…], using='text'",
    ),
    "a named vector as a dict": (
        query({"text": [1.0, 2.0]}, None),
        "Format error: Expected a string or an object with query in query.text",
        "a query of a named vector: query=[…], using='text'",
    ),
    "another named vector as a dict": (
        query({"image": [1.0, 2.0]}, None),
        "Format error: missing field `model` in query",
        "a query of a named vector: query=[…], using='image'",
    ),
    "a third named vector as a dict": (
        query({"photo": [1.0, 2.0]}, None),
        "Format error: Expected some form of vector, id, or a type of query in query",
        "a query of a named vector: query=[…], using='photo'",
    ),
    "a sparse query as a dict": (
        query({3: 1.5, 8: 2.0}, "words"),
        "Format error: Expected some form of vector, id, or a type of query in query",
        "a sparse vector is models.SparseVector(indices=[3, 8], values=[1.5, 2.0])",
    ),
    "a fusion by a word": (
        query("rrf", None, prefetch=[models.Prefetch(query=[1.0, 2.0], using="text")]),
        f"Format error: value rrf {NOT_AN_ID} query",
        "models.FusionQuery(fusion=models.Fusion.RRF)",
    ),
    "a prefetch that is a vector": (
        query(prefetch=[[1.0, 2.0]]),
        f"{NO_OBJECT}, got [1.0, 2.0] in prefetch[0]",
        "a prefetch is models.Prefetch(query=…, using=…, limit=…)",
    ),
    "a schema of Python's": (
        lambda client: client.create_payload_index("documents", "color", int),  # type: ignore[arg-type]
        "Format error: Expected a type or index params with a type of keyword, integer, float, geo, text, bool, "
        "datetime, uuid",
        "'integer'",
    ),
    "a generator that has been used up": (
        lambda client: client.upload_points("documents", used_up()),
        "Format error: Expected points, got a generator that has been used up",
        "a generator gives what it has once: make another, or a list of it",
    ),
    "ids that have been used up": (
        lambda client: client.upload_collection("documents", [[1.0, 2.0]], ids=used_up()),
        "Format error: Expected ids, got a generator that has been used up",
        "a generator gives what it has once: make another, or a list of it",
    ),
    "no schema": (
        lambda client: client.create_payload_index("documents", "color"),
        "Format error: Unable to infer type for the field 'color'. Please specify `field_type`",
        'as in field_schema="keyword"; others are integer, float, bool, datetime, uuid, geo, text',
    ),
}


def used_up() -> Iterator[Any]:
    generator = (each for each in ())
    return list(generator) or generator


class DataFrame:
    """A table as polars has it."""

    def to_dicts(self) -> list[dict[str, object]]:
        return []


def assert_hint(error: MinidbError, text: str, hint: str) -> None:
    assert (error.message, error.hint) == (text, hint)
    if not hint:
        return
    if sys.version_info >= (3, 11):
        assert str(error) == text
        assert error.__notes__ == [hint]
    else:
        assert str(error) == f"{text}\n{hint}"


@pytest.mark.parametrize("mistake", CASES)
def test_the_text_is_qdrants_and_the_hint_comes_below(client: QdrantClient, mistake: str) -> None:
    call, text, hint = CASES[mistake]
    sparse = {"words": models.SparseVectorParams()}
    client.create_collection("documents", {"text": PARAMS, "image": PARAMS}, sparse_vectors_config=sparse)
    with pytest.raises(MinidbError) as caught:
        call(client)
    assert_hint(caught.value, text, hint)


def test_an_object_that_is_no_filter_is_none(client: QdrantClient) -> None:
    client.create_collection("documents", PARAMS)
    with pytest.raises(MinidbError, match=r"^Format error: input should be a valid dictionary or object") as caught:
        client.count("documents", CONDITION)  # type: ignore[arg-type]
    assert caught.value.hint == "conditions stand in a filter: models.Filter(must=[…])"


def test_a_closed_client() -> None:
    with QdrantClient(":memory:") as client:
        pass
    with pytest.raises(StoreClosed) as caught:
        client.count("documents")
    assert_hint(
        caught.value,
        "Service internal error: this client has been closed",
        "calls come before close(), inside the `with` block; a new QdrantClient opens the store again",
    )


def test_the_nearest_model(client: QdrantClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "is_installed", lambda: False)
    monkeypatch.setattr(catalog, "is_installed", lambda: False)
    client.create_collection("documents", {"text": PARAMS})
    for model, near in (("qdrant/bm52", "qdrant/bm25"), ("opnai/some-model", "openai/some-model")):
        with pytest.raises(MinidbError, match=f"No embedding model '{model}'") as caught:
            document(model)(client)
        assert caught.value.hint.startswith(f"did you mean `{near}`? models here: ")
        assert caught.value.hint.endswith("`qdrant/bm25`, `minidb/hash-256`")


@pytest.mark.parametrize(
    ("model", "near"),
    [
        ("text-embedding-3-small", "openai/text-embedding-3-small"),
        ("openai:text-embedding-3-small", "openai/text-embedding-3-small"),
        ("embed-english-v3.0", "cohere/embed-english-v3.0"),
        ("voyage-3-large", "voyage/voyage-3-large"),
        ("jina-embeddings-v3", "jinaai/jina-embeddings-v3"),
        ("hash-256", "minidb/hash-256"),
        ("MiniLM-L6", "sentence-transformers/MiniLM-L6"),
    ],
)
def test_a_model_without_its_maker(
    client: QdrantClient, model: str, near: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenAI's own name of a model led to one of Jina AI's."""
    monkeypatch.setattr(local, "is_installed", lambda: False)
    monkeypatch.setattr(catalog, "is_installed", lambda: True)
    monkeypatch.setattr(catalog, "entries_of", lambda kind: [{"model": "sentence-transformers/MiniLM-L6"}])
    client.create_collection("documents", {"text": PARAMS})
    with pytest.raises(MinidbError) as caught:
        document(model)(client)
    assert caught.value.hint == f"did you mean `{near}`?"


def test_the_path_of_a_snapshot(client: QdrantClient) -> None:
    client.create_collection("documents", PARAMS)
    with pytest.raises(FormatError, match="expected relative URL without a base") as caught:
        client.recover_snapshot("documents", "docs.snapshot")
    assert caught.value.hint == "of a file: pathlib.Path('docs.snapshot').resolve().as_uri()"


@pytest.mark.parametrize(
    ("call", "near"),
    [
        (lambda client: QdrantClient(persist_directory="x"), "path"),  # type: ignore[call-arg]
        (lambda client: client.delete("documents", points=[1]), "points_selector"),
        (lambda client: client.upsert("documents", vectors=[[1]], ids=[1]), "points"),
        (lambda client: client.upsert("documents", documents=["a"]), "points"),
        (lambda client: client.create_collection("documents", vectors=PARAMS), "vectors_config"),
    ],
)
def test_arguments_as_others_call_them(client: QdrantClient, call: Any, near: str) -> None:
    with pytest.raises(TypeError) as caught:
        call(client)
    texts = [str(caught.value), *getattr(caught.value, "__notes__", ())]  # no notes in Python 3.10
    assert any(f"did you mean `{near}`? " in text for text in texts)


def test_the_nearest_local_model(client: QdrantClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "is_installed", lambda: False)
    monkeypatch.setattr(catalog, "is_installed", lambda: True)
    monkeypatch.setattr(catalog, "entries_of", lambda kind: [{"model": "BAAI/bge-small-en"}])
    client.create_collection("documents", {"text": PARAMS})
    with pytest.raises(MinidbError) as caught:
        document("baai/bge-small")(client)
    assert caught.value.hint.startswith("did you mean `BAAI/bge-small-en`? ")


def test_a_store_of_a_newer_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(records, "_FIRST_FORMAT", 99)
        QdrantClient(tmp_path).close()
    with pytest.raises(ServiceError, match=r"this store has format 99, this minidb reads up to \d+") as caught:
        QdrantClient(tmp_path)
    assert caught.value.hint == "pip install --upgrade minidb-vector; the store was left as it is"


def test_the_path_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("")
    with pytest.raises(ServiceError, match=f"could not open {file}") as caught:
        QdrantClient(file)
    assert caught.value.hint == f"a store is a folder: `{file}` is, or is below, a file"


def test_the_path_of_a_stores_own_file(tmp_path: Path) -> None:
    QdrantClient(tmp_path).close()
    with pytest.raises(ServiceError) as caught:
        QdrantClient(tmp_path / "data.mdb")
    assert caught.value.hint == f"a store is a folder: did you mean `{tmp_path}`?"


class ReadOnlyDisk(System):
    """A disk on which nothing may be made."""

    def make_folder(self, path: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    def open(self, path: Path, *, write: bool, create: bool) -> int:
        if write:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return super().open(path, write=write, create=create)


def test_a_folder_that_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "system", ReadOnlyDisk())
    with pytest.raises(ServiceError, match=f"could not open {tmp_path}.*: Read-only file system") as caught:
        QdrantClient(tmp_path / "store")
    assert caught.value.hint == 'a store needs a folder you may write, or ":memory:"'


def test_what_was_not_awaited() -> None:
    async def vector() -> list[float]:
        return [1.0, 2.0]

    def refused(call: Callable[[Any], object]) -> MinidbError:
        pending: Coroutine[Any, Any, list[float]] = vector()
        with pytest.raises(MinidbError) as caught:
            call(pending)
        pending.close()
        return caught.value

    hint = "it was not awaited: `await` goes before the call that made it"
    with QdrantClient(":memory:") as client:
        client.create_collection("documents", PARAMS)
        assert refused(lambda pending: client.query_points("documents", pending)).hint == hint
        assert refused(lambda pending: client.upsert("documents", pending)).hint == hint
        assert refused(lambda pending: client.upsert("documents", [{"id": 1, "vector": pending}])).hint == hint  # type: ignore[list-item]


def test_a_call_that_was_not_awaited_says_which() -> None:
    async def program() -> None:
        async with AsyncQdrantClient(":memory:") as client:
            call = client.get_collections()
            assert call.__qualname__ == "AsyncQdrantClient.get_collections"
            await call

    asyncio.run(program())


def hint_of_type_error(call: Callable[[], object]) -> str:
    with pytest.raises(TypeError) as caught:
        call()
    error: Any = caught.value
    return str(error.__notes__[0]) if sys.version_info >= (3, 11) else str(error).partition("\n")[2]


@pytest.mark.parametrize(
    ("method", "given", "meant"),
    [
        ("query_points", "top", "limit"),
        ("query_points", "query_vector", "query"),
        ("query_points", "filter", "query_filter"),
        ("query_points", "collection", "collection_name"),
        ("scroll", "query_filter", "scroll_filter"),
        ("set_payload", "ids", "points"),
        ("delete", "ids", "points_selector"),
        ("create_collection", "vectors", "vectors_config"),
        ("create_payload_index", "field", "field_name"),
    ],
)
def test_an_argument_nobody_knows(method: str, given: str, meant: str) -> None:
    with QdrantClient(":memory:") as client:
        hint = hint_of_type_error(lambda: getattr(client, method)(**{given: 1}))
        assert hint.startswith(f"did you mean `{meant}`? arguments here: `collection_name`, ")
    asynchronous = AsyncQdrantClient(":memory:")
    assert hint_of_type_error(lambda: asyncio.run(getattr(asynchronous, method)(**{given: 1}))) == hint


def test_an_argument_nobody_knows_of_the_client() -> None:
    hint = hint_of_type_error(lambda: QdrantClient(paht="db"))  # type: ignore[call-arg]
    assert hint.startswith("did you mean `path`? arguments here: `location`, `url`, ")


def test_a_missing_argument_is_one_of_those_there_are() -> None:
    with QdrantClient(":memory:") as client, pytest.raises(TypeError, match=r"QdrantClient\.count\(\) missing 1"):
        client.count()  # type: ignore[call-arg]


def test_a_type_error_of_the_users_own_has_no_hint() -> None:
    def points() -> Any:
        yield len(5)  # type: ignore[arg-type]

    with QdrantClient(":memory:") as client, pytest.raises(TypeError) as caught:
        client.upload_points("documents", points())
    assert not hasattr(caught.value, "__notes__")


def test_fields_go_by_name() -> None:
    with pytest.raises(TypeError, match=r"^fields go by name: PointStruct\(id=…, vector=…\)$"):
        models.PointStruct(1, [1.0])  # type: ignore[call-arg, misc]


def test_a_location_that_is_none() -> None:
    with pytest.raises(MinidbError, match=r'a directory, an address or ":memory:", got a int'):
        QdrantClient(6333)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [QdrantClient, AsyncQdrantClient])
def test_a_method_qdrant_client_has_removed(kind: type) -> None:
    client = kind(":memory:")
    with pytest.raises(AttributeError, match=r"no attribute 'search', which .*; instead: query_points\(name, query="):
        client.search("documents", [1.0])
    with pytest.raises(AttributeError, match=r"recommend.*instead: .*RecommendQuery\(recommend="):
        client.recommend("documents", positive=[1])
    with pytest.raises(AttributeError) as caught:
        client.upsrt("documents", [])
    assert str(caught.value).startswith(f"{kind.__name__!r} object has no attribute 'upsrt'; ")
    assert (caught.value.name, caught.value.obj) == ("upsrt", client)  # of which Python makes "Did you mean"


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("insert", "upsert("),
        ("get", "retrieve("),
        ("drop_collection", "delete_collection("),
        ("save", "nothing: "),
        ("create_table", "create_collection("),
        ("open_table", "nothing to open: every method takes"),
        ("table_names", "get_collections().collections"),
    ],
)
def test_a_method_of_other_databases(client: QdrantClient, name: str, instead: str) -> None:
    with pytest.raises(AttributeError, match=rf"no attribute '{name}'; instead: {re.escape(instead)}"):
        getattr(client, name)


def hint_of(error: Any) -> str:
    return str(error.__notes__[0]) if sys.version_info >= (3, 11) else str(error).partition("\n")[2]


def test_a_member_that_is_written_as_its_value() -> None:
    with pytest.raises(AttributeError, match="'Distance' has no member 'Cosine'") as caught:
        models.Distance.Cosine  # type: ignore[attr-defined] # noqa: B018
    assert hint_of(caught.value).startswith("did you mean `COSINE`? members here: `COSINE`, ")
    assert not hasattr(models.Distance, "__cosine__")


def test_a_misspelt_model() -> None:
    with pytest.raises(AttributeError, match=r"'minidb.models' has no attribute 'PointsStruct'") as caught:
        models.PointsStruct  # noqa: B018
    assert hint_of(caught.value) == "did you mean `PointStruct`?"


def test_one_store_opened_in_two_ways(tmp_path: Path) -> None:
    with QdrantClient(tmp_path), pytest.raises(MinidbError) as caught:
        QdrantClient(f"{tmp_path}/", durability="off")
    assert caught.value.hint == "give both durability='full', or close that client first; got 'off'"
    with QdrantClient(tmp_path, read_only=True) as reader:
        with pytest.raises(MinidbError) as caught:
            QdrantClient(tmp_path)
        assert caught.value.hint == "close that client first, or open this one with read_only=True, too"
        with pytest.raises(MinidbError) as caught:
            reader.create_collection("documents", PARAMS)
        assert caught.value.hint == "a client that writes is one opened without it"


def test_places_of_an_asynchronous_client() -> None:
    client: Any = AsyncQdrantClient(":memory:")
    with pytest.raises(MinidbError) as caught:
        asyncio.run(client.upsert([], "documents"))
    assert caught.value.hint == "the name of the collection comes first, a text: upsert('…', …); got a list"


def test_no_answer_over_http_names_other_collections() -> None:
    with httpx.Client(transport=Transport(":memory:"), base_url="http://minidb") as http:
        http.put("/collections/secret", json={"vectors": {"size": 2, "distance": "Dot"}})
        answer = http.get("/collections/secre")
        assert answer.json()["status"] == {"error": "Not found: Collection `secre` doesn't exist!"}


def test_a_choice_of_many_is_cut_short() -> None:
    assert choice("x", [], "vectors") == "vectors here: none"
    assert choice("n7", (f"n{at}" for at in range(1000)), "vectors").startswith(
        "did you mean `n7`? vectors here: `n0`,"
    )
    assert choice("zzz", map(str, range(1000)), "vectors").endswith("`7`, …")
