"""Which collections and aliases a database has: one record, read again whenever a commit may have changed it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgpack

from minidb import models
from minidb.collection.collection import Collection
from minidb.collection.config import check_part, collection_name_faults
from minidb.errors import AlreadyExists, BadInput, FormatError, NotFound, choice
from minidb.storage.interface import ReadTransaction, Store, WriteTransaction

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
        number = self.collections.get(self.real_name(name))
        if number is None:
            raise self.missing(name, (*self.collections, *self.aliases))
        return number

    def real_name(self, name: str) -> str:
        """What an alias stands for; any other name stands for itself. No collection has the name of an alias."""
        return self.aliases.get(name, name)

    def missing(self, name: str, known: Iterable[str]) -> NotFound:
        """Qdrant's error for a collection that is not there, and for the caller those that would have done."""
        return NotFound(f"Collection `{name}` doesn't exist!").hinting(choice(name, known, "collections"))

    def has(self, name: str) -> bool:
        return name in self.collections or name in self.aliases

    def add(self, name: str) -> int:
        """A number for a new collection. Raises `AlreadyExists`, `BadInput` for the name of an alias."""
        if not isinstance(name, str):
            text = f"input should be a valid string, got {type(name).__name__} in collection_name"
            raise FormatError(text).hinting("the name of the collection comes first")
        check_part("collection_name", collection_name_faults(name, is_new=True))
        if name in self.collections:
            hint = "client.collection_exists(…) tells before; client.recreate_collection(…) deletes what is there"
            raise AlreadyExists(f"Collection `{name}` already exists!").hinting(hint)
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
                    hint = choice(rename.old_alias_name, self.aliases, "aliases")
                    raise NotFound(f"Alias {rename.old_alias_name} does not exists!").hinting(hint)
                self._free_of_collections(rename.new_alias_name)
                self.aliases[rename.new_alias_name] = self.aliases.pop(rename.old_alias_name)

    def set_alias(self, alias: str, name: str) -> None:
        """Make `alias`, which may be any text, mean a collection. Raises `NotFound`, `AlreadyExists`."""
        if name not in self.collections:
            raise self.missing(name, self.collections)
        self._free_of_collections(alias)
        self.aliases[alias] = name

    def _free_of_collections(self, name: str) -> None:
        if name in self.collections:
            raise AlreadyExists(f"Collection `{name}` already exists!")


class Directory:
    """The catalog as each transaction sees it, and the one object this process has of each collection."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._collections: dict[int, Collection] = {}
        self._newest = (Catalog(), b"", -1)

    def opened(self) -> list[Collection]:
        """Those this process has worked with and that are still there."""
        with self._lock:
            return list(self._collections.values())

    def find(self, name: str, txn: ReadTransaction) -> Collection:
        """The collection a name or alias means. Raises `NotFound`."""
        number = self.catalog(txn).number_of(name)
        collection = self._collections.get(number)
        return collection or self.keep(Collection(self._store, number, name))

    def keep(self, collection: Collection) -> Collection:
        """The one this process works with, which may be there already."""
        with self._lock:
            return self._collections.setdefault(collection.number, collection)

    def catalog(self, txn: ReadTransaction) -> Catalog:
        """The catalog `txn` shows; decoded only when its record has changed."""
        catalog, data, known = self._newest
        if txn.txn_id == known:
            return catalog
        newest = Catalog.data(txn)
        is_other = newest != data
        if is_other:
            catalog = Catalog.of(newest)
        if txn.is_write:  # what a writer sees may never be committed
            return catalog
        self._newest = (catalog, newest, txn.txn_id)
        if is_other:
            with self._lock:
                for number in self._collections.keys() - set(catalog.collections.values()):
                    del self._collections[number]
        return catalog
