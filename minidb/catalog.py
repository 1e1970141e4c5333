"""Which collections and aliases a database has: one record, read again whenever a commit may have changed it."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgpack

from minidb import models
from minidb.collection.config import check_name
from minidb.errors import AlreadyExists, BadInput, NotFound
from minidb.storage.interface import ReadTransaction, WriteTransaction

_KEY = b"catalog"


@dataclass
class Catalog:
    """Names → numbers, aliases → names."""

    collections: dict[str, int] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    next_number: int = 1

    @staticmethod
    def data(txn: ReadTransaction) -> bytes:
        """The stored record; equal bytes are an equal catalog."""
        return txn.get("meta", _KEY) or b""

    @classmethod
    def of(cls, data: bytes) -> Catalog:
        return cls(*msgpack.unpackb(data)) if data else cls()

    @classmethod
    def read(cls, txn: ReadTransaction) -> Catalog:
        return cls.of(cls.data(txn))

    def write(self, txn: WriteTransaction) -> None:
        txn.put("meta", _KEY, msgpack.packb((self.collections, self.aliases, self.next_number)))

    def number_of(self, name: str) -> int:
        """The collection a name or alias means. Raises `NotFound`."""
        number = self.collections.get(name)
        if number is None:
            number = self.collections.get(self.aliases.get(name, ""), -1)
        if number < 0:
            raise NotFound(f"Collection `{name}` doesn't exist!")
        return number

    def has(self, name: str) -> bool:
        return name in self.collections or name in self.aliases

    def add(self, name: str) -> int:
        """A number for a new collection. Raises `AlreadyExists`, `BadInput` for the name of an alias."""
        check_name(name, "collection", 255)
        if name in self.collections:
            raise AlreadyExists(f"Collection `{name}` already exists!")
        if name in self.aliases:
            raise BadInput(f"Can't create collection with name {name}. Alias with the same name already exists")
        number = self.next_number
        self.collections[name] = number
        self.next_number += 1
        return number

    def replace(self, name: str) -> tuple[int, int | None]:
        """A new number for a collection, and the one it had if it was there; its aliases stay."""
        old = self.collections.pop(name, None)
        return self.add(name), old

    def remove(self, name: str) -> int | None:
        """The number of a collection that was there, which goes with its aliases. An alias is no way to delete."""
        number = self.collections.pop(name, None)
        if number is not None:
            self.aliases = {alias: target for alias, target in self.aliases.items() if target != name}
        return number

    def change_alias(self, action: models.AliasOperations) -> None:
        """One alias action. Raises `NotFound`, `AlreadyExists`."""
        match action:
            case models.CreateAliasOperation(create_alias=create):
                self.set_alias(create.alias_name, create.collection_name)
            case models.DeleteAliasOperation(delete_alias=delete):
                self.aliases.pop(delete.alias_name, None)
            case models.RenameAliasOperation(rename_alias=rename):
                if rename.old_alias_name not in self.aliases:
                    raise NotFound(f"Alias {rename.old_alias_name} does not exists!")
                self._free_of_collections(rename.new_alias_name)
                self.aliases[rename.new_alias_name] = self.aliases.pop(rename.old_alias_name)

    def set_alias(self, alias: str, name: str) -> None:
        """Make `alias` mean a collection. Raises `NotFound`, `AlreadyExists`, `ValidationError`."""
        if name not in self.collections:
            raise NotFound(f"Collection `{name}` doesn't exist!")
        self._free_of_collections(alias)
        check_name(alias, "collection", 255)
        self.aliases[alias] = name

    def _free_of_collections(self, name: str) -> None:
        if name in self.collections:
            raise AlreadyExists(f"Collection `{name}` already exists!")
