"""`minidb demo`: indexes Python's language reference and answers questions on it by BM25, by dense vectors and by both.

Also the example of the client's API to read first: `_create`, `_index` and the three query functions are all a program
needs. A store that holds the corpus is opened, one whose indexing was interrupted is completed. Called by `main`.
"""

from __future__ import annotations

import argparse
import platform
import re
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import minidb
from minidb import QdrantClient, models
from minidb.cli.corpus import SENTENCES, Passage, fingerprint, passages, split_sentences
from minidb.cli.parser import count
from minidb.cli.places import directory
from minidb.cli.table import clip, render, terminal_width
from minidb.errors import AlreadyExists, NotFound
from minidb.progress import Progress
from minidb.storage.interface import Durability

COLLECTION = "python-reference"
QUESTIONS = (
    "When is __del__ called?",
    "In which order are decorators applied?",
    "Free variables of nested functions",
    "Are default parameter values evaluated once?",
    "What does a return in a finally clause do?",
    "Matching a sequence pattern",
)

_BM25_MODEL = "Qdrant/bm25"
_DENSE_MODEL = "minidb/hash-1024"
_LARGE, _SMALL = 1024, 64
_MARK = "minidb demo"
_BATCH = 128
_CANDIDATES = 1000  # found by the small vectors, rescored by the large ones
_FUSED = 100  # best of each ranking that RRF fuses
_FETCHED, _SHOWN = 10, 3  # overlapping passages among those fetched are not shown
_REPEATS = 5


def add_demo(commands: argparse._SubParsersAction[Any]) -> None:
    summary = "index Python's language reference and search it three ways"
    demo = commands.add_parser("demo", help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    demo.add_argument(
        "question", nargs="*", metavar="QUESTION", help="a question of yours instead of the built-in ones"
    )
    demo.add_argument(
        "--path",
        type=directory,
        metavar="DIR",
        help="keep the store here; the next run opens it instead of indexing again (default: in memory)",
    )
    demo.add_argument("--durability", choices=("full", "normal", "off"), default="full", help="default: full")
    demo.add_argument("--limit", type=count, help=argparse.SUPPRESS)  # a smaller corpus, for tests
    demo.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    questions = [" ".join(arguments.question)] if arguments.question else QUESTIONS
    run(arguments.path, arguments.durability, questions, arguments.limit)
    return 0


def run(path: Path | None, durability: Durability, questions: Sequence[str], limit: int | None) -> None:
    """Index the corpus into `path` (None: memory) unless it is there, ask the questions and print the answers."""
    corpus = _corpus(limit)
    started = time.perf_counter()
    with QdrantClient(path or ":memory:", durability=durability) as client:
        how = _ensure_indexed(client, corpus)
        print(_heading(corpus, how, path, time.perf_counter() - started))
        _ask_all(client, questions)
    if path is None:
        print("\nThis store was in memory. With --path DIR it is kept, and the next run opens it.")


def _corpus(limit: int | None) -> list[Passage]:
    """The passages; with a limit, about so many of them from all topics."""
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise NotFound("this Python comes without its documentation (the module pydoc_data)") from error
    found = passages(topics)
    return found if limit is None else found[:: max(1, len(found) // limit)][:limit]


# Indexing


def _ensure_indexed(client: QdrantClient, corpus: list[Passage]) -> str:
    """Bring the collection to hold exactly this corpus; what had to be done for it."""
    mark = {"made_by": _MARK, "corpus": fingerprint(corpus)}
    found = _mark_of(client)
    if found is not None and found != mark:  # another Python version's text
        client.delete_collection(COLLECTION)
        found = None
    if found is None:
        _create(client, mark)
    missing = _missing(client, corpus)
    if not missing:
        return "opened"
    _index(client, corpus, missing)
    return "indexed" if len(missing) == len(corpus) else f"completed ({len(missing):,} passages were missing)"


def _mark_of(client: QdrantClient) -> dict[str, Any] | None:
    """What an earlier run noted in the collection's metadata; None when there is no collection."""
    if not client.collection_exists(COLLECTION):
        return None
    mark = client.get_collection(COLLECTION).config.metadata or {}
    if mark.get("made_by") != _MARK:
        raise AlreadyExists(f"Collection `{COLLECTION}` was not made by the demo; choose another --path")
    return mark


def _create(client: QdrantClient, mark: dict[str, Any]) -> None:
    client.create_collection(
        COLLECTION,
        vectors_config={
            "large": models.VectorParams(size=_LARGE, distance=models.Distance.COSINE),
            "small": models.VectorParams(size=_SMALL, distance=models.Distance.COSINE),
        },
        sparse_vectors_config={"bm25": models.SparseVectorParams(modifier=models.Modifier.IDF)},
        metadata=mark,
    )


def _missing(client: QdrantClient, corpus: list[Passage]) -> list[int]:
    """Numbers of the passages not stored yet; a passage's number is its point's id."""
    stored = {record.id for record in client.retrieve(COLLECTION, range(len(corpus)), with_payload=False)}
    return [number for number in range(len(corpus)) if number not in stored]


def _index(client: QdrantClient, corpus: list[Passage], numbers: list[int]) -> None:
    with Progress("indexing", len(numbers), sys.stderr, enabled=sys.stderr.isatty()) as progress:
        for start in range(0, len(numbers), _BATCH):
            batch = numbers[start : start + _BATCH]
            client.upsert(COLLECTION, [_point(number, corpus[number]) for number in batch])
            progress.advance(len(batch))
    client.wait_until_indexed(COLLECTION)


def _point(number: int, passage: Passage) -> models.PointStruct:
    topic, position, text = passage
    return models.PointStruct(
        id=number,
        vector={"bm25": _bm25(text), "large": _large(text), "small": _small(text)},
        payload={"topic": topic, "position": position, "length": len(text), "text": text},
    )


def _bm25(text: str) -> models.Document:
    return models.Document(text=text, model=_BM25_MODEL)


def _large(text: str) -> models.Document:
    return models.Document(text=text, model=_DENSE_MODEL)


def _small(text: str) -> models.Document:
    return models.Document(text=text, model=_DENSE_MODEL, options={"mrl": _SMALL})


# Searching


def by_bm25(client: QdrantClient, question: str) -> list[models.ScoredPoint]:
    """Lexical search: BM25 over the sparse vectors."""
    return client.query_points(COLLECTION, query=_bm25(question), using="bm25", limit=_FETCHED).points


def by_mrl(client: QdrantClient, question: str) -> list[models.ScoredPoint]:
    """Candidates by the 64-dimensional vectors, rescored by the 1024-dimensional ones they were cut from."""
    return client.query_points(
        COLLECTION,
        prefetch=models.Prefetch(query=_small(question), using="small", limit=_CANDIDATES),
        query=_large(question),
        using="large",
        limit=_FETCHED,
    ).points


def by_both(client: QdrantClient, question: str) -> list[models.ScoredPoint]:
    """Hybrid search: the two rankings above, fused by reciprocal rank."""
    small = models.Prefetch(query=_small(question), using="small", limit=_CANDIDATES)
    return client.query_points(
        COLLECTION,
        prefetch=[
            models.Prefetch(query=_bm25(question), using="bm25", limit=_FUSED),
            models.Prefetch(prefetch=small, query=_large(question), using="large", limit=_FUSED),
        ],
        query=models.FusionQuery(fusion=models.Fusion.RRF),
        limit=_FETCHED,
    ).points


WAYS: dict[str, Callable[[QdrantClient, str], list[models.ScoredPoint]]] = {
    "BM25": by_bm25,
    "MRL": by_mrl,
    "hybrid": by_both,
}


# Showing


def _ask_all(client: QdrantClient, questions: Sequence[str]) -> None:
    width = terminal_width()
    times_ms: dict[str, list[float]] = {way: [] for way in WAYS}
    for number, question in enumerate(questions, 1):
        rows: list[tuple[str, ...]] = []
        for way, search in WAYS.items():
            hits, ms = _timed(search, client, question)
            times_ms[way].append(ms)
            rows += _rows(way, ms, question, hits)
        table = render(("way", "ms", "score", "topic", "passage"), rows, width, right=(1, 2))
        print("\n".join(["", clip(f"{number}. {question}", width), *table]))
    medians = ", ".join(f"{way} {statistics.median(times):.2f}" for way, times in times_ms.items())
    print(f"\nms per query, median: {medians} (the question's embedding included)")


def _timed(
    search: Callable[[QdrantClient, str], list[models.ScoredPoint]], client: QdrantClient, question: str
) -> tuple[list[models.ScoredPoint], float]:
    """The hits, and the median time of a few calls in milliseconds."""
    times: list[float] = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        hits = search(client, question)
        times.append(1000 * (time.perf_counter() - started))
    return hits, statistics.median(times)


def _rows(way: str, ms: float, question: str, hits: Sequence[models.ScoredPoint]) -> list[tuple[str, ...]]:
    rows = [
        ("", "", f"{hit.score:.3f}", hit.payload["topic"], _excerpt(hit.payload["text"], question))
        for hit in _apart(hits)[:_SHOWN]
        if hit.payload
    ]
    first = rows[0] if rows else ("", "", "", "", "(nothing found)")
    return [(way, f"{ms:.2f}", *first[2:]), *rows[1:]]


def _apart(hits: Sequence[models.ScoredPoint]) -> list[models.ScoredPoint]:
    """The hits without those that share a sentence with a better one."""
    kept: list[models.ScoredPoint] = []
    taken: set[tuple[str, int]] = set()
    for hit in hits:
        payload = hit.payload or {}
        topic, position = payload["topic"], payload["position"]
        if (topic, position) not in taken:
            kept.append(hit)
            taken.update((topic, position + step) for step in range(1 - SENTENCES, SENTENCES))
    return kept


def _excerpt(text: str, question: str) -> str:
    """The passage from the sentence on that has most letters of words in common with the question."""
    wanted = _words(question)
    sentences = split_sentences(text)
    letters = [sum(map(len, wanted & _words(sentence))) for sentence in sentences]
    return " ".join(sentences[letters.index(max(letters)) :])


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def _heading(corpus: Sequence[Passage], how: str, path: Path | None, seconds: float) -> str:
    topics = len({passage.topic for passage in corpus})
    version = ".".join(platform.python_version_tuple()[:2])
    what = f"Python {version} language reference: {len(corpus):,} passages of {topics} topics"
    return f"minidb {minidb.__version__}\n{what}\n{how} in {seconds:.2f} s, {path or 'in memory'}"
