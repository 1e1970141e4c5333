"""Quality of minidb's BM25 with idf on the Cranfield collection: nDCG@10 beside the figure known for Qdrant's own."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results import Row, Table
from benchmarks.stage import Stage

KNOWN_NDCG = 0.4969
"""Qdrant's BM25, default options, idf modifier, title + " " + text."""
_TOLERANCE = 0.0005
_MODEL = "Qdrant/bm25"


def run(stage: Stage) -> list[Table]:
    """Runs only when `--cranfield DIR` says where the collection lies."""
    folder = stage.settings.cranfield
    if folder is None:
        return []
    stage.log("Cranfield")
    ndcg = ndcg_at_10(folder)
    row = Row("minidb", ndcg, ndcg, ndcg, 1, None, target=f"{KNOWN_NDCG}", is_met=abs(ndcg - KNOWN_NDCG) <= _TOLERANCE)
    peer = Row("qdrant (known)", KNOWN_NDCG, KNOWN_NDCG, KNOWN_NDCG, 0, None, note="figure measured elsewhere")
    return [Table("cranfield", "Cranfield, BM25 with idf: nDCG@10 (more is better)", "nDCG", [row, peer])]


def ndcg_at_10(folder: Path) -> float:
    """Mean over all queries; binary judgements."""
    from minidb import QdrantClient, models

    relevant: dict[str, set[str]] = defaultdict(set)
    with (folder / "qrels.tsv").open(newline="") as lines:
        for record in csv.DictReader(lines, delimiter="\t"):
            if int(record["score"]) > 0:
                relevant[record["query-id"]].add(record["corpus-id"])
    documents, queries = _read(folder / "corpus.jsonl"), _read(folder / "queries.jsonl")
    with QdrantClient(":memory:") as client:
        config = {"text": models.SparseVectorParams(modifier=models.Modifier.IDF)}
        client.create_collection("cranfield", sparse_vectors_config=config)
        points = [
            models.PointStruct(
                id=int(each["_id"]),
                vector={"text": models.Document(text=f"{each['title']} {each['text']}", model=_MODEL)},
                payload={},
            )
            for each in documents
        ]
        client.upload_points("cranfield", points)
        gains = []
        for query in queries:
            document = models.Document(text=query["text"], model=_MODEL)
            hits = client.query_points("cranfield", query=document, using="text", limit=10, with_payload=False).points
            gains.append(_ndcg([str(hit.id) for hit in hits], relevant[str(query["_id"])]))
    return float(np.mean(gains))


def _ndcg(found: list[str], relevant: set[str]) -> float:
    discounts = 1.0 / np.log2(np.arange(2, 12))
    gain = sum(discount for discount, point in zip(discounts, found, strict=False) if point in relevant)
    best = float(discounts[: len(relevant)].sum())
    return float(gain / best) if best else 0.0


def _read(path: Path) -> list[dict[str, Any]]:
    with path.open() as lines:
        return [json.loads(line) for line in lines]
