"""Qdrant's data types under Qdrant's names: every public name of the modules of this room; import from here.

A module is loaded when one of its names is first asked for: a class takes a third of a millisecond to make, and a
plain upsert and query need a third of them.
"""

# ruff: noqa: F403

from typing import TYPE_CHECKING

from minidb.lazy import loader

if TYPE_CHECKING:
    from minidb.models.aliases import *
    from minidb.models.base import *
    from minidb.models.collection_changes import *
    from minidb.models.collections import *
    from minidb.models.datetimes import *
    from minidb.models.faults import *
    from minidb.models.filters import *
    from minidb.models.formulas import *
    from minidb.models.indexes import *
    from minidb.models.inference import *
    from minidb.models.info import *
    from minidb.models.points import *
    from minidb.models.quantization import *
    from minidb.models.queries import *
    from minidb.models.query_request import *
    from minidb.models.requests import *
    from minidb.models.results import *
    from minidb.models.schema_type import *
    from minidb.models.search_params import *
    from minidb.models.selections import *
    from minidb.models.service import *
    from minidb.models.strict_mode import *
    from minidb.models.updates import *
    from minidb.models.vector_params import *
    from minidb.models.vector_settings import *
    from minidb.models.vectors import *

_NAMES = {
    "aliases": """
        AliasDescription AliasOperations ChangeAliasesOperation CollectionDescription CollectionExistence
        CollectionsAliasesResponse CollectionsResponse CreateAlias CreateAliasOperation DeleteAlias
        DeleteAliasOperation RenameAlias RenameAliasOperation
    """,
    "base": """
        Model Payload StrEnum as_list parse
    """,
    "collection_changes": """
        CollectionParamsDiff IdTrackerParams MaxOptimizationThreads MaxOptimizationThreadsSetting OptimizersConfigDiff
        PayloadStorageParams UpdateCollection WalConfigDiff
    """,
    "collections": """
        CollectionConfig CollectionParams CreateCollection OptimizersConfig ShardingMethod WalConfig
    """,
    "datetimes": """
        Datetime to_datetime
    """,
    "faults": """
        out_of_range translate wrong_shape
    """,
    "filters": """
        AnyVariants Condition DatetimeRange FieldCondition Filter GeoBoundingBox GeoLineString GeoPoint GeoPolygon
        GeoRadius HasIdCondition HasVectorCondition IsEmptyCondition IsNullCondition Match MatchAny MatchExcept
        MatchPhrase MatchPrefix MatchSubstring MatchText MatchTextAny MatchValue MinShould Nested NestedCondition
        PayloadField Range RangeInterface Slice SliceCondition ValueVariants ValuesCount
    """,
    "formulas": """
        AbsExpression AcoshExpression DatetimeExpression DatetimeKeyExpression DecayParamsExpression DivExpression
        DivParams ExpDecayExpression ExpExpression Expression GaussDecayExpression GeoDistance GeoDistanceParams
        LinDecayExpression LnExpression Log10Expression MaxExpression MinExpression MultExpression NegExpression
        PowExpression PowParams SqrtExpression SumExpression
    """,
    "indexes": """
        Bm25Params Bm25Scoring BoolIndexParams BoolIndexType CreateFieldIndex DatetimeIndexParams DatetimeIndexType
        FloatIndexParams FloatIndexType GeoIndexParams GeoIndexType IntegerIndexParams IntegerIndexType
        KeywordIndexParams KeywordIndexType PayloadFieldSchema PayloadIndexInfo PayloadSchemaParams
        TextIndexParams TextIndexType TextQueryScoring TextScoringInterface TextScoringParams TextScoringType
        UuidIndexParams UuidIndexType
    """,
    "inference": """
        Bm25Config DisabledStemmerParams Document DocumentOptions Image InferenceObject Language NoStemmer Snowball
        SnowballLanguage SnowballParams StemmingAlgorithm StopwordsInterface StopwordsSet TokenizerType
    """,
    "info": """
        CollectionInfo CollectionStatus CollectionWarning OptimizersStatus OptimizersStatusOneOf
        OptimizersStatusOneOf1 UpdateQueueInfo
    """,
    "points": """
        PointInsertOperations PointStruct PointsList ShardKey ShardKeySelector UpdateMode UpsertOperation
        WithPayloadInterface WithVector
    """,
    "quantization": """
        BinaryQuantization BinaryQuantizationConfig BinaryQuantizationEncoding BinaryQuantizationQueryEncoding
        CompressionRatio Disabled ProductQuantization ProductQuantizationConfig QuantizationConfig
        QuantizationConfigDiff ScalarQuantization ScalarQuantizationConfig ScalarType TurboQuantBitSize
        TurboQuantQuantizationConfig TurboQuantization
    """,
    "queries": """
        ContextInput ContextPair ContextQuery Direction DiscoverInput DiscoverQuery FeedbackItem FeedbackStrategy
        FormulaQuery Fusion FusionQuery LookupLocation Mmr NaiveFeedbackStrategy NaiveFeedbackStrategyParams
        NearestQuery OrderBy OrderByInterface OrderByQuery RecommendInput RecommendQuery RecommendStrategy
        RelevanceFeedbackInput RelevanceFeedbackQuery Rrf RrfQuery Sample SampleQuery StartFrom TextInterface
        TextQuery TextQueryInput
    """,
    "query_request": """
        Query QueryInterface QueryRequest
    """,
    "requests": """
        CountRequest FacetRequest Prefetch QueryGroupsRequest QueryRequestBatch ScrollRequest SearchMatrixRequest
        WithLookup WithLookupInterface
    """,
    "results": """
        CountResult FacetResponse FacetValue FacetValueHit GroupId GroupsResult OrderValue PointGroup QueryResponse
        Record ScoredPoint ScrollResult SearchMatrixOffsetsResponse SearchMatrixPair SearchMatrixPairsResponse
        UpdateResult UpdateStatus
    """,
    "schema_type": """
        PayloadSchemaType
    """,
    "search_params": """
        AcornSearchParams IdfCorpusParams IdfParams IdfScope QuantizationSearchParams SearchParams
    """,
    "selections": """
        FilterSelector PayloadSelector PayloadSelectorExclude PayloadSelectorInclude PointIdsList PointRequest
        PointsSelector ShardKeyWithFallback
    """,
    "service": """
        ErrorResponse ErrorResponseStatus HardwareUsage InferenceUsage ModelUsage Optimization OptimizationSegmentInfo
        OptimizationsResponse OptimizationsSummary PeerQuotaUsage PendingOptimization ProgressTree QuotaConfig
        QuotaExceeded QuotaStatus QuotaUsage ReadConsistency ReadConsistencyType ShardKeyDescription ShardKeysResponse
        SnapshotDescription SnapshotPriority SnapshotRecover TrackerStatus TrackerStatusOneOf TrackerStatusOneOf1
        TrackerStatusOneOf2 Usage VersionInfo WriteOrdering
    """,
    "strict_mode": """
        StrictModeConfig StrictModeConfigOutput StrictModeMultivector StrictModeMultivectorConfig
        StrictModeMultivectorConfigOutput StrictModeMultivectorOutput StrictModeSparse StrictModeSparseConfig
        StrictModeSparseConfigOutput StrictModeSparseOutput
    """,
    "updates": """
        Batch ClearPayloadOperation DeleteOperation DeletePayload DeletePayloadOperation DeleteVectors
        DeleteVectorsOperation OverwritePayloadOperation PointVectors PointsBatch SetPayload SetPayloadOperation
        UpdateOperation UpdateOperations UpdateVectors UpdateVectorsOperation
    """,
    "vector_params": """
        Datatype Distance HnswConfig Memory SparseVectorsConfig VectorParams VectorsConfig
    """,
    "vector_settings": """
        DenseVectorConfig DenseVectorNameConfig HnswConfigDiff Modifier MultiVectorComparator MultiVectorConfig
        SparseIndexParams SparseVectorConfig SparseVectorNameConfig SparseVectorParams VectorNameConfig
        VectorParamsDiff VectorStorageDatatype VectorsConfigDiff
    """,
    "vectors": """
        BatchVectorStruct ExtendedPointId NumericVector NumericVectorInput NumericVectorStruct NumpyArray PointId
        SparseVector Vector VectorInput VectorOutput VectorStruct VectorStructOutput normalize_id
    """,
}
_HOMES = {name: f"minidb.models.{module}" for module, names in _NAMES.items() for name in names.split()}
__all__ = sorted(_HOMES)


__getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
