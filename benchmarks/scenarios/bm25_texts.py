"""BM25 vectors of texts: minidb's beside qdrant-edge's and fastembed's, one thread each.

fastembed's is the same formula in Python. It would download its stop words; here they are written to a folder.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.measure import repeated, seconds_of
from benchmarks.results import Table, table
from benchmarks.stage import Stage

_MODEL = "Qdrant/bm25"
_QUICK_TEXTS = 200

_Embed: TypeAlias = Callable[[Sequence[str]], Sequence[Any]]


def run(stage: Stage) -> list[Table]:
    """Microseconds per document: the texts of `--cranfield`, else the sections of Python's language reference."""
    stage.log("BM25 of texts")
    texts = _texts(stage.settings.cranfield)
    if stage.settings.quick:
        texts = texts[:_QUICK_TEXTS]
    makers: dict[str, Callable[[], _Embed]] = {"minidb": _minidb, "minidb, new model": _minidb_anew}
    makers |= {"edge": _edge, "fastembed": lambda: _fastembed(stage.new_path())}
    tasks = {name: _task(make, texts) for name, make in makers.items()}
    timings = repeated(tasks, max(5, stage.settings.rounds), stage.settings.patience_seconds)
    notes = {
        name: f"{1 / samples.median():,.0f} documents/s" for name, samples in timings.samples.items() if samples.values
    }
    characters = sum(map(len, texts)) / len(texts)
    title = f"BM25 vectors of {len(texts):,} texts of {characters:,.0f} characters, per document"
    return [table("bm25-texts", title, "µs", timings, notes=notes)]


def _task(make: Callable[[], _Embed], texts: Sequence[str]) -> Callable[[], float]:
    made_once = cache(make)

    def task() -> float:
        embed = made_once()
        embed(texts[:1])  # imports, and loads what is loaded at first use
        return seconds_of(lambda: embed(texts)) / len(texts)

    return task


def _minidb() -> _Embed:
    """The way of an upsert: `Document`s through the resolver."""
    from minidb import inference, models

    def embed(texts: Sequence[str]) -> Sequence[Any]:
        return inference.resolve([models.Document(text=text, model=_MODEL) for text in texts], operation="update")

    return embed


def _minidb_anew() -> _Embed:
    """The model alone, each time without the memory of words it has met."""
    from minidb.inference.bm25.embed import Bm25
    from minidb.inference.bm25.options import parse_options

    options = parse_options(None)
    return lambda texts: Bm25(options).documents(texts)


def _edge() -> _Embed:
    model = importlib.import_module("qdrant_edge").Bm25()
    return lambda texts: [model.embed_document(text) for text in texts]


def _fastembed(folder: Path) -> _Embed:
    from minidb.text.data import load

    folder.mkdir()
    (folder / "english.txt").write_text("\n".join(load()["stopwords"]["english"]))
    model = importlib.import_module("fastembed").SparseTextEmbedding(_MODEL, specific_model_path=str(folder))
    return lambda texts: list(model.embed(texts))


def _texts(cranfield: Path | None) -> list[str]:
    if cranfield is None:
        topics: dict[str, str] = importlib.import_module("pydoc_data.topics").topics
        return list(topics.values())
    with (cranfield / "corpus.jsonl").open() as lines:
        return [f"{each['title']} {each['text']}" for each in map(json.loads, lines)]
