"""Models whose modules are loaded, and whose schemas are built, when a value first needs them."""

from __future__ import annotations

import pickle
import subprocess
import sys
import textwrap

import pytest

from minidb import errors, models
from minidb.models.base import parse

AT_ONCE = """
import sys, threading
from minidb import models
sys.setswitchinterval(1e-5)
filter = {"must": [{"nested": {"key": "n", "filter": {"must": {"key": "a", "match": {"value": 1}}}}}]}
query = {"formula": {"sum": ["$score", {"key": "a", "match": {"value": 1}}]}}
prefetch = {"query": {"text": "words", "model": "m"}, "filter": filter, "params": {"hnsw_ef": 4}}
request = {"query": query, "prefetch": prefetch, "filter": filter}
start, found = threading.Barrier(8), []
def use():
    start.wait()
    found.append(models.QueryRequest.model_validate(request))
threads = [threading.Thread(target=use) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert len(found) == 8 and all(each == found[0] for each in found)
assert type(found[0].filter) is models.Filter and type(found[0].prefetch) is models.Prefetch
assert type(found[0].prefetch.query) is models.Document
"""


def test_threads_may_be_the_first_at_once() -> None:
    subprocess.run([sys.executable, "-c", AT_ONCE], check=True)


def test_a_value_becomes_the_type_the_field_names() -> None:
    request = parse(models.QueryRequest, {"query": {"recommend": {"positive": [1]}}, "filter": {"must": []}})

    assert type(request.query) is models.RecommendQuery
    assert type(request.filter) is models.Filter


def test_an_instance_is_kept() -> None:
    filter, query = models.Filter(must=[]), models.FusionQuery(fusion=models.Fusion.RRF)

    request = models.QueryRequest(query=query, filter=filter)

    assert request.query is query
    assert request.filter is filter


def test_an_error_names_the_whole_path() -> None:
    condition = {"key": "a", "match": {"value": 1.5}}

    with pytest.raises(errors.FormatError, match=r"in prefetch\[1\]\.filter\.must\[0\]\.match\.value(\n|$)"):
        parse(models.QueryRequest, {"prefetch": [{}, {"filter": {"must": [condition]}}]})
    config = {"size": 1, "distance": "Dot", "quantization_config": {"scalar": {"type": "int8", "quantile": 2.0}}}
    with pytest.raises(errors.ValidationError, match=r"quantization_config\.scalar\.quantile: value 2\.0 invalid"):
        models.VectorParams.model_validate(config)


def test_one_prefetch_and_several_have_errors_of_their_own() -> None:
    for prefetch, path in (({"offset": 1}, "prefetch"), ([{}, {"offset": 1}], r"prefetch\[1\]")):
        with pytest.raises(errors.FormatError, match=rf"unknown field `offset` in {path}(\n|$)"):
            parse(models.QueryRequest, {"prefetch": prefetch})


def test_what_is_dumped_is_read_back() -> None:
    content = {
        "query": {"formula": {"mult": [2.0, "$score"]}},
        "filter": {"must": {"key": "a", "match": {"except": ["x"]}}},
        "params": {"quantization": {"rescore": True}},
    }
    request = models.QueryRequest.model_validate(content)

    assert models.QueryRequest.model_validate_json(request.model_dump_json(by_alias=True)) == request
    assert request.model_dump(exclude_unset=True, by_alias=True) == content
    assert pickle.loads(pickle.dumps(request)) == request


def test_all_names_are_there_before_anything_is_loaded() -> None:
    code = "from minidb import models; assert {*models.__all__} <= {*dir(models)}; from minidb.models import *; Slice"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match=r"module 'minidb\.models' has no attribute 'Nothing'"):
        models.Nothing  # type: ignore[attr-defined]  # noqa: B018


def test_what_came_from_json_can_be_dumped_by_its_own_class() -> None:
    """pydantic 2.13 dumps a value that stands for anything by its class alone, and does not build it for that."""
    code = """
        from minidb import models
        from minidb.models.base import parse
        quantized = {"scalar": {"type": "int8"}}
        request = parse(models.CreateCollection, {"quantization_config": quantized, "strict_mode_config": {}})
        for value in (request.quantization_config, request.strict_mode_config):
            assert type(value).__pydantic_complete__, type(value)
        assert request.model_dump(mode="json", exclude_none=True)["quantization_config"] == quantized
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)
