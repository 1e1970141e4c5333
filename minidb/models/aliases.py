"""Aliases and lists of collections: the requests that change aliases, and the answers that name collections."""

from typing import Annotated, TypeAlias

from pydantic import StrictStr

from minidb.models.base import Bool, Model, one_of, tag
from minidb.models.bounded import Items


class CollectionDescription(Model):
    """A collection in a list."""

    name: StrictStr


class CollectionsResponse(Model):
    """All collections."""

    collections: Items[CollectionDescription]


class CollectionExistence(Model):
    """Whether a collection is there."""

    exists: Bool


class AliasDescription(Model):
    """An alias and what it stands for."""

    alias_name: StrictStr
    collection_name: StrictStr


class CollectionsAliasesResponse(Model):
    """Several aliases."""

    aliases: Items[AliasDescription]


class CreateAlias(Model):
    """A new name for a collection."""

    collection_name: StrictStr
    alias_name: StrictStr


class DeleteAlias(Model):
    """A name to give up."""

    alias_name: StrictStr


class RenameAlias(Model):
    """A name to change."""

    old_alias_name: StrictStr
    new_alias_name: StrictStr


class CreateAliasOperation(Model):
    """Create (or redirect) an alias."""

    create_alias: CreateAlias


class DeleteAliasOperation(Model):
    """Delete an alias."""

    delete_alias: DeleteAlias


class RenameAliasOperation(Model):
    """Rename an alias."""

    rename_alias: RenameAlias


AliasOperations: TypeAlias = Annotated[
    Annotated[CreateAliasOperation, tag("CreateAliasOperation")]
    | Annotated[DeleteAliasOperation, tag("DeleteAliasOperation")]
    | Annotated[RenameAliasOperation, tag("RenameAliasOperation")],
    one_of(
        "one of create_alias, delete_alias, rename_alias",
        {
            "create_alias": "CreateAliasOperation",
            "delete_alias": "DeleteAliasOperation",
            "rename_alias": "RenameAliasOperation",
        },
    ),
]


class ChangeAliasesOperation(Model):
    """Changes of aliases that take effect together."""

    actions: Items[AliasOperations]
