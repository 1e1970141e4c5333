"""Points and queries: synthetic, from a seed, or a user's. Queries are fresh draws from the distribution of the points.

"easy": many tight clusters, which every graph finds its way in. "hard": variances that fall by a power law over rotated
axes, as embeddings' do, around topics of Zipf-distributed size: recall costs effort. A user's file gives up some rows
as queries. Knows nothing of contestants.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.requests import Columns, DenseField, Floats, IndexKind, Payload, Schema, SparseRows

SHARES = {"half": 2, "quarter": 4, "tenth": 10, "hundredth": 100, "thousandth": 1000}
"""Keyword fields, and how many values each has, evenly spread: a filter on one selects 1/n of the points."""
_POINTS_PER_CLUSTER = 100
_CLUSTER_SPREAD = 0.7
_HARD_EXPONENT, _HARD_TOPICS, _HARD_SPREAD = 0.3, 300, 2.0
"""hnswlib, 100,000 × 384, M 16: recall .78 at ef 32, .89 at 64, .97 at 200, .99 at 512; chosen to be like hard100k."""
_PREFIX_EXPONENT = 0.7
_WORDS = 30_000
_TOKEN_WORDS = 8_000


@dataclass(frozen=True)
class Dataset:
    """Points, how to store them, and query vectors for one field: `dense (q, d)` or sparse rows."""

    name: str
    schema: Schema
    columns: Columns
    queries: Floats
    sparse_queries: SparseRows | None = None

    @property
    def shape(self) -> str:
        sizes = " + ".join(str(field.size) for field in self.schema.dense.values())
        return f"{len(self.columns):,} × {sizes}" if sizes else f"{len(self.columns):,} points"


def easy(n: int, dim: int, n_queries: int, graph: bool = False) -> Dataset:
    """Clusters of about 100 points."""
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((max(1, n // _POINTS_PER_CLUSTER), dim), dtype=np.float32)

    def draw(count: int) -> Floats:
        noise = rng.standard_normal((count, dim), dtype=np.float32) * np.float32(_CLUSTER_SPREAD)
        return unit(centres[rng.integers(len(centres), size=count)] + noise)

    return _dense("easy", draw(n), draw(n_queries), graph)


def hard(n: int, dim: int, n_queries: int) -> Dataset:
    """Power-law spectrum, Zipf topics."""
    rng = np.random.default_rng(2)
    scales = (np.arange(1, dim + 1) ** -_HARD_EXPONENT).astype(np.float32)
    weights = 1.0 / np.arange(1, _HARD_TOPICS + 1)
    topics = rng.standard_normal((_HARD_TOPICS, dim), dtype=np.float32)
    rotation = np.linalg.qr(rng.standard_normal((dim, dim)))[0].astype(np.float32)

    def draw(count: int) -> Floats:
        of = rng.choice(_HARD_TOPICS, count, p=weights / weights.sum())
        noise = rng.standard_normal((count, dim), dtype=np.float32) * np.float32(_HARD_SPREAD)
        return unit(((topics[of] + noise) * scales) @ rotation)

    return _dense("hard", draw(n), draw(n_queries), graph=False)


def from_file(file: Path, n: int, n_queries: int, graph: bool = False) -> Dataset:
    """Rows of a user's `(n, d)` array, scaled to length one; the queries are rows held out, chosen at random."""
    rows = np.load(file, mmap_mode="r")
    order = np.random.default_rng(8).permutation(len(rows))
    held_out, kept = order[:n_queries], np.sort(order[n_queries : n_queries + n])
    return _dense(file.stem, unit(rows[kept].astype(np.float32)), unit(rows[held_out].astype(np.float32)), graph)


def nested_prefix(n: int, large: int, small: int, n_queries: int) -> Dataset:
    """Embeddings of `large` dimensions whose first `small` carry most of the meaning, as Matryoshka models' do."""
    rng = np.random.default_rng(3)
    scales = (np.arange(1, large + 1) ** -_PREFIX_EXPONENT).astype(np.float32)
    centres = rng.standard_normal((max(1, n // _POINTS_PER_CLUSTER), large), dtype=np.float32)

    def draw(count: int) -> Floats:
        noise = rng.standard_normal((count, large), dtype=np.float32) * np.float32(_CLUSTER_SPREAD)
        return unit((centres[rng.integers(len(centres), size=count)] + noise) * scales)

    points = draw(n)
    columns = Columns(dense={"large": points, "small": unit(points[:, :small])}, payloads=payloads(n))
    fields = {"large": DenseField(large, "never"), "small": DenseField(small)}
    return Dataset("prefix", Schema(dense=fields), columns, draw(n_queries))


def bm25_like(n: int, n_queries: int) -> Dataset:
    """Texts of about 60 Zipf-distributed words with saturated counts; questions of 8 words, scored with idf."""
    rng = np.random.default_rng(4)
    rows = _zipf_rows(rng, n, 80, 1.0, lambda counts: counts * 2.2 / (counts + 1.2))
    queries = _zipf_rows(rng, n_queries, 8, 0.7, lambda counts: np.ones_like(counts))
    schema = Schema(sparse_idf={"text": True})
    return Dataset(
        "bm25", schema, Columns(sparse={"text": rows}, payloads=payloads(n)), np.zeros((0, 0), np.float32), queries
    )


def splade_like(n: int, n_queries: int) -> Dataset:
    """About 120 expanded terms a text and 30 a question, log-normal weights, flatter frequencies, no idf."""
    rng = np.random.default_rng(5)

    def weights(counts: Floats) -> Floats:
        return rng.lognormal(-0.5, 0.6, len(counts)).astype(np.float32)

    rows = _zipf_rows(rng, n, 140, 0.75, weights)
    queries = _zipf_rows(rng, n_queries, 32, 0.75, weights)
    schema = Schema(sparse_idf={"text": False})
    return Dataset(
        "splade", schema, Columns(sparse={"text": rows}, payloads=payloads(n)), np.zeros((0, 0), np.float32), queries
    )


def hybrid(n: int, dim: int, n_queries: int) -> Dataset:
    """Easy vectors, and beside each a SPLADE-like one, whose scores hardly ever tie, that tells nothing about it."""
    dense, sparse = easy(n, dim, n_queries), splade_like(n, n_queries)
    schema = Schema(dense={"dense": DenseField(dim)}, sparse_idf={"text": False})
    columns = Columns({"dense": dense.columns.dense[""]}, sparse.columns.sparse, sparse.columns.payloads)
    return Dataset("hybrid", schema, columns, dense.queries, sparse.sparse_queries)


def with_rich_payload(n: int, dim: int, n_queries: int, indexed: bool) -> Dataset:
    """Easy vectors with numbers, places, texts and arrays of objects to filter on."""
    base = easy(n, dim, n_queries)
    rng = np.random.default_rng(6)
    places = rng.uniform((-60.0, -180.0), (60.0, 180.0), (n, 2))
    words = rng.integers(1000, size=(n, 12))
    rich: list[Payload] = [
        payload
        | {
            "place": {"lat": float(places[i, 0]), "lon": float(places[i, 1])},
            "text": " ".join(f"word{word}" for word in words[i]),
            "parts": [{"kind": f"k{(i + j) % 20}", "size": (7 * i + j) % 100} for j in range(3)],
        }
        for i, payload in enumerate(base.columns.payloads)
    ]
    kinds: dict[str, IndexKind] = {}
    if indexed:
        kinds = {"number": "integer", "place": "geo", "text": "text", "tenth": "keyword"}
        kinds |= {"parts[].kind": "keyword", "parts[].size": "integer"}
    schema = Schema(dense=base.schema.dense, indexed=kinds)
    return Dataset("rich", schema, Columns(dense=base.columns.dense, payloads=rich), base.queries)


def token_sets(n: int, shape: tuple[int, int], asked: int, n_queries: int) -> Dataset:
    """What a late interaction model makes of texts: `n` sets `(tokens, size)` of words in context, each text of three
    topics; questions that have two thirds of their `asked` words in common with a text; beside the sets their means.

    A word is a vector around one of 400 centres, and somewhat another each time it comes; words are Zipf-distributed.
    """
    rng = np.random.default_rng(9)
    tokens, size = shape

    def noisy(vectors: Floats, spread: float) -> Floats:
        noise = rng.standard_normal(vectors.shape, dtype=np.float32)
        return unit(vectors + noise * np.float32(spread / size**0.5))

    centres = unit(rng.standard_normal((400, size), dtype=np.float32))
    common = unit(rng.standard_normal((1, size), dtype=np.float32)) * np.float32(0.3)
    words = noisy(centres[rng.integers(400, size=_TOKEN_WORDS)], 0.9) + common
    weights = np.arange(1, _TOKEN_WORDS + 1) ** -0.9
    topics = rng.integers(_TOKEN_WORDS, size=(300, 200))
    ranks = np.arange(1, 201) ** -0.7

    def any_words(count: tuple[int, int]) -> NDArray[np.int64]:
        return rng.choice(_TOKEN_WORDS, count, p=weights / weights.sum())

    of = np.take_along_axis(rng.integers(300, size=(n, 3)), rng.integers(3, size=(n, tokens)), axis=1)
    topical = topics[of, rng.choice(200, (n, tokens), p=ranks / ranks.sum())]
    texts = np.where(rng.random((n, tokens)) < 0.6, topical, any_words((n, tokens)))
    points = noisy(words[texts], 0.6)
    shared = 2 * asked // 3
    positions = rng.integers(tokens, size=(n_queries, shared))
    copied = noisy(points[rng.integers(n, size=(n_queries, 1)), positions], 0.7)
    queries = np.concatenate([copied, noisy(words[any_words((n_queries, asked - shared))], 0.6)], axis=1)
    columns = Columns({"tokens": points, "mean": unit(points.mean(axis=1))}, payloads=payloads(n))
    return Dataset(
        "tokens", Schema({"tokens": DenseField(size, multi=True), "mean": DenseField(size)}), columns, queries
    )


def payloads(n: int) -> list[Payload]:
    """Six small fields; values are spread by a permutation, so that they tell nothing about the vectors."""
    order = np.random.default_rng(0).permutation(n).tolist()
    return [{name: f"v{at % count}" for name, count in SHARES.items()} | {"number": at} for at in order]


def unit(vectors: Floats) -> Floats:
    """Rows, along the last axis, scaled to length one."""
    scaled: Floats = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True).astype(np.float32)
    return np.ascontiguousarray(scaled, np.float32)


def _dense(name: str, points: Floats, queries: Floats, graph: bool) -> Dataset:
    field = DenseField(points.shape[1], "always" if graph else "auto")
    kinds: dict[str, IndexKind] = dict.fromkeys(SHARES, "keyword")
    schema = Schema(dense={"": field}, indexed=kinds)
    return Dataset(name, schema, Columns(dense={"": points}, payloads=payloads(len(points))), queries)


def _zipf_rows(
    rng: np.random.Generator, n: int, length: int, exponent: float, weigh: Callable[[Floats], Floats]
) -> SparseRows:
    """`n` bags of `length` draws; equal draws become one entry, weighted by their count."""
    weights = (np.arange(_WORDS) + 10.0) ** -exponent
    words = rng.choice(_WORDS, (n, length), p=weights / weights.sum())
    keys, counts = np.unique((np.arange(n)[:, None] * _WORDS + words).reshape(-1), return_counts=True)
    starts: NDArray[np.int64] = np.searchsorted(keys, np.arange(n + 1) * _WORDS).astype(np.int64)
    return SparseRows(starts, (keys % _WORDS).astype(np.uint32), weigh(counts.astype(np.float32)).astype(np.float32))
