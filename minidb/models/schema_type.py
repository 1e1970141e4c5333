"""The type of a payload index, which every collection that declares one has. Its settings are in `indexes`."""

from minidb.models.base import StrEnum


class PayloadSchemaType(StrEnum):
    """The type of an indexed payload field."""

    KEYWORD = "keyword"
    INTEGER = "integer"
    FLOAT = "float"
    GEO = "geo"
    TEXT = "text"
    BOOL = "bool"
    DATETIME = "datetime"
    UUID = "uuid"
