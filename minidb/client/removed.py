"""Methods qdrant-client had once, and what to call instead; loaded when somebody asks for one."""

from __future__ import annotations

_DOCUMENT = "models.Document(text=…, model=…)"
_RECOMMEND = "models.RecommendQuery(recommend=models.RecommendInput(positive=[…]))"
_DISCOVER = "models.DiscoverQuery(discover=models.DiscoverInput(target=…, context=[…]))"
_BATCH = "query_batch_points(name, [models.QueryRequest(query={query}, limit=…), …])"
_GROUPS = "query_points_groups(name, group_by=…, query={query})"

_INSTEAD = {
    "search": "query_points(name, query=vector).points",
    "search_batch": _BATCH.format(query="vector"),
    "search_groups": _GROUPS.format(query="vector"),
    "recommend": f"query_points(name, query={_RECOMMEND}).points",
    "recommend_batch": _BATCH.format(query=_RECOMMEND),
    "recommend_groups": _GROUPS.format(query=_RECOMMEND),
    "discover": f"query_points(name, query={_DISCOVER}).points",
    "discover_batch": _BATCH.format(query=_DISCOVER),
    "upload_records": "upload_points(name, points)",
    "add": f"upsert or upload_collection, with {_DOCUMENT} as vectors",
    "query": f"query_points(name, query={_DOCUMENT}).points",
    "query_batch": _BATCH.format(query=_DOCUMENT),
    "set_model": f"{_DOCUMENT}: each names its own model",
    "set_sparse_model": f"{_DOCUMENT}: each names its own model",
    "get_fastembed_vector_params": "models.VectorParams(size=client.get_embedding_size(model), distance=…)",
    "get_fastembed_sparse_vector_params": "models.SparseVectorParams(…)",
    "lock_storage": "minidb.QdrantClient(path, read_only=True), which writes nothing",
    "unlock_storage": "minidb.QdrantClient(path, read_only=True), which writes nothing",
}

_UNLESS = "create_collection(name, …), unless collection_exists(name)"
_RETRIEVE = "retrieve(name, ids), or scroll(name, scroll_filter=…)"
_NOTHING = "nothing: what a call has written is on the disk when it returns"
_OTHERS = {
    **dict.fromkeys(("insert", "add_texts", "add_documents", "add_points", "index"), "upsert(name, points)"),
    **dict.fromkeys(("get", "fetch", "get_point", "get_points"), _RETRIEVE),
    **dict.fromkeys(("similarity_search", "vector_search"), "query_points(name, query=vector).points"),
    **dict.fromkeys(("list_collections", "collections"), "get_collections().collections"),
    **dict.fromkeys(("has_collection", "exists"), "collection_exists(name)"),
    **dict.fromkeys(("drop_collection", "remove_collection"), "delete_collection(name)"),
    **dict.fromkeys(("remove", "delete_points"), "delete(name, ids or a filter)"),
    **dict.fromkeys(("create_index", "create_field_index"), "create_payload_index(name, field_name, field_schema)"),
    **dict.fromkeys(("get_or_create_collection", "create_table"), _UNLESS),
    **dict.fromkeys(("table_names", "list_tables"), "get_collections().collections"),
    **dict.fromkeys(("open_table", "collection", "table"), "nothing to open: every method takes the collection's name"),
    **dict.fromkeys(("drop_table", "reset"), "delete_collection(name)"),
    **dict.fromkeys(("heartbeat", "health"), "info()"),
    "load": "QdrantClient(path), which opens the store that is there",
    **dict.fromkeys(("save", "persist", "flush", "commit"), _NOTHING),
}
"""Names other databases have."""


def no_attribute(owner: object, name: str) -> AttributeError:
    """The error for an attribute that is not there."""
    text = f"{type(owner).__name__!r} object has no attribute {name!r}"
    if name in _INSTEAD:  # Python would add the name that looks most alike
        return AttributeError(f"{text}, which qdrant-client has removed, too; instead: {_INSTEAD[name]}")
    if name in _OTHERS:
        return AttributeError(f"{text}; instead: {_OTHERS[name]}")
    text += "; qdrant-client's own client, over the same store, is minidb.qdrant_client(path)"
    return AttributeError(text, name=name, obj=owner)
