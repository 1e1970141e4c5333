"""Names that Qdrant takes for others: of fields, and of languages by their codes. What is kept has the full name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from rest_world import QUERY, World

from minidb.models.inference import LANGUAGE_CODES, Language, SnowballLanguage

C = "/collections/c"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as world:
        yield world


def declared(world: World, body: dict[str, Any]) -> Any:
    world.ask("PUT", C + "/index", {"field_name": "q", **body})
    return world.ask("GET", C).result["payload_schema"]["q"].get("params")


@pytest.mark.parametrize("language", Language)
def test_codes_of_stop_words(world: World, language: Language) -> None:
    code = LANGUAGE_CODES[language.value]
    for given in (code, {"languages": [code]}):
        kept = declared(world, {"field_schema": {"type": "text", "stopwords": given}})["stopwords"]
        assert kept == (language.value if given == code else {"languages": [language.value]})


@pytest.mark.parametrize(
    "language", [each for each in SnowballLanguage if each != "armenian"]
)  # needs an extra package
def test_codes_of_stemmers(world: World, language: SnowballLanguage) -> None:
    stemmer = {"type": "snowball", "language": LANGUAGE_CODES[language.value]}
    kept = declared(world, {"field_schema": {"type": "text", "stemmer": stemmer}})["stemmer"]
    assert kept == {"type": "snowball", "language": language.value}


def test_nothing_else_is_a_language(world: World) -> None:
    for given in ("EN", "xx", "", 1, ["en"]):
        body = {"field_name": "q", "field_schema": {"type": "text", "stopwords": {"languages": [given]}}}
        assert world.try_to("PUT", C + "/index", body).status == 400


def test_the_type_of_a_field(world: World) -> None:
    world.ask("PUT", C + "/index", {"field_name": "q", "field_type": "keyword"})
    assert world.ask("GET", C).result["payload_schema"]["q"]["data_type"] == "keyword"


def test_thresholds_in_kilobytes(world: World) -> None:
    optimizers = {"max_segment_size_kb": 11, "memmap_threshold_kb": 12, "indexing_threshold_kb": 13}
    body = {"optimizers_config": optimizers, "hnsw_config": {"full_scan_threshold_kb": 14}}
    world.ask("PATCH", C, body)
    config = world.ask("GET", C).result["config"]
    assert config["hnsw_config"]["full_scan_threshold"] == 14
    for name, value in optimizers.items():
        assert config["optimizer_config"][name.removesuffix("_kb")] == value


@pytest.mark.parametrize("route", ["/points/search", "/points/recommend"])
def test_top_is_a_limit(world: World, route: str) -> None:
    asked = {"vector": QUERY} if route == "/points/search" else {"positive": [1]}
    found = world.ask("POST", C + route, {**asked, "top": 2, "with_vectors": [""]}).result
    assert [set(hit) >= {"vector"} for hit in found] == [True, True]
