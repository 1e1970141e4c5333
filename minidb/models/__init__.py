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
    from minidb.models.collections import *
    from minidb.models.datetimes import *
    from minidb.models.filters import *
    from minidb.models.formulas import *
    from minidb.models.indexes import *
    from minidb.models.inference import *
    from minidb.models.info import *
    from minidb.models.points import *
    from minidb.models.quantization import *
    from minidb.models.queries import *
    from minidb.models.requests import *
    from minidb.models.results import *
    from minidb.models.search_params import *
    from minidb.models.service import *
    from minidb.models.strict_mode import *
    from minidb.models.vector_params import *
    from minidb.models.vectors import *

_NAMES = {
    "aliases": """
        AliasDescription AliasOperations ChangeAliasesOperation CollectionDescription CollectionExistence
        CollectionsAliasesResponse CollectionsResponse CreateAlias CreateAliasOperation DeleteAlias
        DeleteAliasOperation RenameAlias RenameAliasOperation
    """,
    "base": """
        Model Payload StrEnum as_list out_of_range parse translate wrong_shape
    """,
    "collections": """
        CollectionConfig CollectionParams CollectionParamsDiff CreateCollection IdTrackerParams MaxOptimizationThreads
        MaxOptimizationThreadsSetting OptimizersConfig OptimizersConfigDiff PayloadStorageParams ShardingMethod
        UpdateCollection WalConfig WalConfigDiff
    """,
    "datetimes": """
        Datetime to_datetime
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
        KeywordIndexParams KeywordIndexType PayloadFieldSchema PayloadIndexInfo PayloadSchemaParams PayloadSchemaType
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
        Batch ClearPayloadOperation DeleteOperation DeletePayload DeletePayloadOperation DeleteVectors
        DeleteVectorsOperation FilterSelector OverwritePayloadOperation PayloadSelector PayloadSelectorExclude
        PayloadSelectorInclude PointIdsList PointInsertOperations PointRequest PointStruct PointVectors PointsBatch
        PointsList PointsSelector SetPayload SetPayloadOperation ShardKey ShardKeySelector ShardKeyWithFallback
        UpdateMode UpdateOperation UpdateOperations UpdateVectors UpdateVectorsOperation UpsertOperation
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
        NearestQuery OrderBy OrderByInterface OrderByQuery Query QueryInterface RecommendInput RecommendQuery
        RecommendStrategy RelevanceFeedbackInput RelevanceFeedbackQuery Rrf RrfQuery Sample SampleQuery StartFrom
        TextInterface TextQuery TextQueryInput
    """,
    "requests": """
        CountRequest FacetRequest Prefetch QueryGroupsRequest QueryRequest QueryRequestBatch ScrollRequest
        SearchMatrixRequest WithLookup WithLookupInterface
    """,
    "results": """
        CountResult FacetResponse FacetValue FacetValueHit GroupId GroupsResult OrderValue PointGroup QueryResponse
        Record ScoredPoint ScrollResult SearchMatrixOffsetsResponse SearchMatrixPair SearchMatrixPairsResponse
        UpdateResult UpdateStatus
    """,
    "search_params": """
        AcornSearchParams IdfCorpusParams IdfParams IdfScope QuantizationSearchParams SearchParams
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
    "vector_params": """
        Datatype DenseVectorConfig DenseVectorNameConfig Distance HnswConfig HnswConfigDiff Memory Modifier
        MultiVectorComparator MultiVectorConfig SparseIndexParams SparseVectorConfig SparseVectorNameConfig
        SparseVectorParams SparseVectorsConfig VectorNameConfig VectorParams VectorParamsDiff VectorStorageDatatype
        VectorsConfig VectorsConfigDiff
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
