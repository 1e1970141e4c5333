"""Qdrant's data types under Qdrant's names: every public name of the modules of this room; import from here.

The rarely needed names of `service` are loaded when first asked for, to keep `import minidb` quick.
"""

# ruff: noqa: F403, F405

from typing import TYPE_CHECKING, Any

from minidb.models.aliases import *
from minidb.models.base import *
from minidb.models.collections import *
from minidb.models.filters import *
from minidb.models.formulas import *
from minidb.models.indexes import *
from minidb.models.inference import *
from minidb.models.points import *
from minidb.models.quantization import *
from minidb.models.queries import *
from minidb.models.requests import *
from minidb.models.results import *
from minidb.models.strict_mode import *
from minidb.models.vector_params import *
from minidb.models.vectors import *

if TYPE_CHECKING:
    from minidb.models.service import *

# fmt: off
__all__ = [
    "AbsExpression", "AcornSearchParams", "AcoshExpression", "AliasDescription", "AliasOperations", "AnyVariants",
    "Batch", "BatchVectorStruct", "BinaryQuantization", "BinaryQuantizationConfig", "BinaryQuantizationEncoding",
    "BinaryQuantizationQueryEncoding", "Bm25Config", "Bm25Params", "Bm25Scoring", "BoolIndexParams", "BoolIndexType",
    "ChangeAliasesOperation", "ClearPayloadOperation",
    "CollectionConfig", "CollectionDescription", "CollectionExistence", "CollectionInfo", "CollectionParams",
    "CollectionParamsDiff", "CollectionStatus", "CollectionWarning", "CollectionsAliasesResponse",
    "CollectionsResponse", "CompressionRatio", "Condition", "ContextInput", "ContextPair", "ContextQuery",
    "CountRequest", "CountResult", "CreateAlias", "CreateAliasOperation", "CreateCollection", "CreateFieldIndex",
    "Datatype", "Datetime", "DatetimeExpression", "DatetimeIndexParams", "DatetimeIndexType", "DatetimeKeyExpression",
    "DatetimeRange", "DecayParamsExpression", "DeleteAlias", "DeleteAliasOperation", "DeleteOperation", "DeletePayload",
    "DeletePayloadOperation", "DeleteVectors", "DeleteVectorsOperation", "DenseVectorConfig", "DenseVectorNameConfig",
    "Direction", "Disabled", "DisabledStemmerParams", "DiscoverInput", "DiscoverQuery", "Distance", "DivExpression",
    "DivParams", "Document", "DocumentOptions", "ErrorResponse", "ErrorResponseStatus", "ExpDecayExpression",
    "ExpExpression", "Expression", "ExtendedPointId", "FacetRequest", "FacetResponse", "FacetValue", "FacetValueHit",
    "FeedbackItem", "FeedbackStrategy", "FieldCondition", "Filter", "FilterSelector", "FloatIndexParams",
    "FloatIndexType", "FormulaQuery", "Fusion", "FusionQuery", "GaussDecayExpression", "GeoBoundingBox", "GeoDistance",
    "GeoDistanceParams", "GeoIndexParams", "GeoIndexType", "GeoLineString", "GeoPoint", "GeoPolygon", "GeoRadius",
    "GroupId", "GroupsResult", "HardwareUsage", "HasIdCondition", "HasVectorCondition", "HnswConfig", "HnswConfigDiff",
    "IdTrackerParams", "IdfCorpusParams", "IdfParams", "IdfScope", "Image", "InferenceObject", "InferenceUsage",
    "IntegerIndexParams", "IntegerIndexType", "IsEmptyCondition", "IsNullCondition", "KeywordIndexParams",
    "KeywordIndexType", "Language", "LinDecayExpression", "LnExpression", "Log10Expression",
    "LookupLocation", "Match", "MatchAny", "MatchExcept", "MatchPhrase", "MatchPrefix", "MatchSubstring", "MatchText",
    "MatchTextAny", "MatchValue", "MaxExpression", "MaxOptimizationThreads", "MaxOptimizationThreadsSetting", "Memory",
    "MinExpression", "MinShould", "Mmr", "Model", "ModelUsage", "Modifier", "MultExpression", "MultiVectorComparator",
    "MultiVectorConfig", "NaiveFeedbackStrategy", "NaiveFeedbackStrategyParams", "NearestQuery", "NegExpression",
    "Nested", "NestedCondition", "NoStemmer", "NumericVector", "NumericVectorInput", "NumericVectorStruct",
    "NumpyArray", "Optimization", "OptimizationSegmentInfo", "OptimizationsResponse", "OptimizationsSummary",
    "OptimizersConfig", "OptimizersConfigDiff", "OptimizersStatus", "OptimizersStatusOneOf", "OptimizersStatusOneOf1",
    "OrderBy", "OrderByInterface", "OrderByQuery", "OrderValue", "OverwritePayloadOperation", "Payload", "PayloadField",
    "PayloadFieldSchema", "PayloadIndexInfo", "PayloadSchemaParams", "PayloadSchemaType", "PayloadSelector",
    "PayloadSelectorExclude", "PayloadSelectorInclude", "PayloadStorageParams", "PeerQuotaUsage", "PendingOptimization",
    "PointGroup", "PointId", "PointIdsList", "PointInsertOperations", "PointRequest", "PointStruct", "PointVectors",
    "PointsBatch", "PointsList", "PointsSelector", "PowExpression", "PowParams", "Prefetch", "ProductQuantization",
    "ProductQuantizationConfig", "ProgressTree", "QuantizationConfig", "QuantizationConfigDiff",
    "QuantizationSearchParams", "Query", "QueryGroupsRequest", "QueryInterface", "QueryRequest", "QueryRequestBatch",
    "QueryResponse", "QuotaConfig", "QuotaExceeded", "QuotaStatus", "QuotaUsage", "Range", "RangeInterface",
    "ReadConsistency", "ReadConsistencyType", "RecommendInput", "RecommendQuery", "RecommendStrategy", "Record",
    "RelevanceFeedbackInput", "RelevanceFeedbackQuery", "RenameAlias", "RenameAliasOperation", "Rrf",
    "RrfQuery", "Sample", "SampleQuery", "ScalarQuantization", "ScalarQuantizationConfig", "ScalarType", "ScoredPoint",
    "ScrollRequest", "ScrollResult", "SearchMatrixOffsetsResponse", "SearchMatrixPair", "SearchMatrixPairsResponse",
    "SearchMatrixRequest", "SearchParams", "SetPayload", "SetPayloadOperation", "ShardKey", "ShardKeyDescription",
    "ShardKeySelector", "ShardKeyWithFallback", "ShardKeysResponse", "ShardingMethod", "Slice", "SliceCondition",
    "SnapshotDescription", "SnapshotPriority", "SnapshotRecover", "Snowball", "SnowballLanguage", "SnowballParams",
    "SparseIndexParams", "SparseVector", "SparseVectorConfig", "SparseVectorNameConfig", "SparseVectorParams",
    "SparseVectorsConfig", "SqrtExpression", "StartFrom", "StemmingAlgorithm", "StopwordsInterface", "StopwordsSet",
    "StrEnum", "StrictModeConfig", "StrictModeConfigOutput", "StrictModeMultivector", "StrictModeMultivectorConfig",
    "StrictModeMultivectorConfigOutput", "StrictModeMultivectorOutput", "StrictModeSparse", "StrictModeSparseConfig",
    "StrictModeSparseConfigOutput", "StrictModeSparseOutput", "SumExpression", "TextIndexParams", "TextIndexType",
    "TextInterface", "TextQuery", "TextQueryInput", "TextQueryScoring", "TextScoringInterface", "TextScoringParams",
    "TextScoringType", "TokenizerType", "TrackerStatus", "TrackerStatusOneOf", "TrackerStatusOneOf1",
    "TrackerStatusOneOf2", "TurboQuantBitSize", "TurboQuantQuantizationConfig", "TurboQuantization", "UpdateCollection",
    "UpdateMode", "UpdateOperation", "UpdateOperations", "UpdateQueueInfo", "UpdateResult", "UpdateStatus",
    "UpdateVectors", "UpdateVectorsOperation", "UpsertOperation", "Usage", "UuidIndexParams", "UuidIndexType",
    "ValueVariants", "ValuesCount", "Vector", "VectorInput", "VectorNameConfig", "VectorOutput", "VectorParams",
    "VectorParamsDiff", "VectorStorageDatatype", "VectorStruct", "VectorStructOutput", "VectorsConfig",
    "VectorsConfigDiff", "VersionInfo", "WalConfig", "WalConfigDiff", "WithLookup", "WithLookupInterface",
    "WithPayloadInterface", "WithVector", "WriteOrdering", "as_list", "normalize_id", "out_of_range", "parse",
    "to_datetime", "translate", "wrong_shape",
]
# fmt: on


def __getattr__(name: str) -> Any:
    if name in __all__:
        from minidb.models import service

        return getattr(service, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
