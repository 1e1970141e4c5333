"""Every integer that a request may carry has the width of Qdrant's type: one more is of the wrong form (400)."""

from __future__ import annotations

from typing import Any

import pytest

from minidb import errors, models

# model | width in bits | smallest | fields
TABLE: list[tuple[Any, int, int, str]] = [
    (models.CreateCollection, 32, 1, "shard_number replication_factor write_consistency_factor"),
    (models.CollectionParamsDiff, 32, 1, "replication_factor write_consistency_factor"),
    (models.CollectionParamsDiff, 32, 0, "read_fan_out_factor"),
    (models.CollectionParamsDiff, 64, 0, "read_fan_out_delay_ms"),
    (models.WalConfigDiff, 64, 1, "wal_capacity_mb"),
    (models.WalConfigDiff, 64, 0, "wal_segments_ahead"),
    (models.OptimizersConfigDiff, 64, 100, "vacuum_min_vector_number"),
    (models.OptimizersConfigDiff, 64, 1, "max_segment_size"),
    (
        models.OptimizersConfigDiff,
        64,
        0,
        "default_segment_number memmap_threshold indexing_threshold flush_interval_sec max_optimization_threads",
    ),
    (models.HnswConfigDiff, 64, 0, "m max_indexing_threads payload_m"),
    (models.HnswConfigDiff, 64, 4, "ef_construct"),
    (models.HnswConfigDiff, 64, 10, "full_scan_threshold"),
    (models.SparseIndexParams, 64, 0, "full_scan_threshold"),
    (models.StrictModeConfig, 64, 1, "max_query_limit max_timeout read_rate_limit write_rate_limit max_points_count"),
    (
        models.StrictModeConfig,
        64,
        0,
        "search_max_hnsw_ef upsert_max_batchsize search_max_batchsize max_collection_vector_size_bytes "
        "max_collection_payload_size_bytes filter_max_conditions condition_max_size max_payload_index_count",
    ),
    (models.StrictModeMultivector, 64, 1, "max_vectors"),
    (models.StrictModeSparse, 64, 1, "max_length"),
    (models.ValuesCount, 64, 0, "lt gt gte lte"),
    (models.SearchParams, 64, 1, "hnsw_ef"),
    (models.Rrf, 64, 1, "k"),
    (models.TextIndexParams, 64, 0, "min_token_len max_token_len"),
    (models.Bm25Config, 64, 0, "min_token_len max_token_len"),
    (models.QueryRequest, 64, 1, "limit"),
    (models.QueryRequest, 64, 0, "offset"),
    (models.Prefetch, 64, 1, "limit"),
    (models.QueryGroupsRequest, 64, 1, "limit group_size"),
    (models.ScrollRequest, 64, 1, "limit"),
    (models.FacetRequest, 64, 1, "limit"),
    (models.SearchMatrixRequest, 64, 1, "limit"),
    (models.SearchMatrixRequest, 64, 2, "sample"),
    (models.MinShould, 64, 1, "min_count"),
    (models.Slice, 32, 1, "total"),
    (models.Slice, 32, 0, "index"),
]
NEEDED: dict[Any, dict[str, Any]] = {
    models.TextIndexParams: {"type": "text"},
    models.QueryGroupsRequest: {"group_by": "a"},
    models.FacetRequest: {"key": "a"},
    models.MinShould: {"conditions": []},
    models.Slice: {"total": 1, "index": 0},
}
FIELDS = [(model, bits, least, field) for model, bits, least, fields in TABLE for field in fields.split()]


@pytest.mark.parametrize(
    ("model", "bits", "least", "field"), FIELDS, ids=lambda value: getattr(value, "__name__", None)
)
def test_a_number_of_more_bits_is_of_the_wrong_form(model: Any, bits: int, least: int, field: str) -> None:
    needed = NEEDED.get(model, {})
    for fitting in (least, 2**bits - 1):
        assert getattr(model(**{**needed, field: fitting}), field) == fitting
    for too_large in (2**bits, 10**5000):
        with pytest.raises(errors.FormatError):
            model(**{**needed, field: too_large})
    with pytest.raises(errors.FormatError):
        model(**{**needed, field: -1})


@pytest.mark.parametrize("percent", [101, 255])
def test_a_percentage_beyond_its_bounds(percent: int) -> None:
    with pytest.raises(errors.ValidationError):
        models.StrictModeConfig(max_resident_memory_percent=percent)
    with pytest.raises(errors.FormatError):
        models.StrictModeConfig(max_resident_memory_percent=percent + 256)


def test_an_infinite_quantile_is_refused_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    with pytest.raises(errors.ValidationError):
        models.ScalarQuantizationConfig(type="int8", quantile=1e300)
    assert not recwarn.list
