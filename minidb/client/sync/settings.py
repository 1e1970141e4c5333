"""What a collection is set to, kept in step: payload indexes, vectors, aliases, configuration.

As with points, what changed at the sender since the last time is done at the receiver, and nothing else: what was
changed there stays. So both sides' settings are noted after each sync. Where nothing was noted, or the other side is a
stranger, the receiver gets the indexes, vectors and aliases it lacks, and keeps its configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import msgpack

from minidb.collection.collection import Collection
from minidb.collection.sync_state import find_settings, put_settings
from minidb.database import Database
from minidb.migration.clients import ClientEnd
from minidb.migration.ends import Json, Refusal
from minidb.migration.settings import TOKENS, index_schemas, schema_of, without_nulls
from minidb.storage.interface import WriteTransaction

Setting: TypeAlias = tuple[str, ...]
"""Its place in the body of an update; or `index`, `vector` or `alias` and a name."""
Settings: TypeAlias = dict[Setting, Any]

_ADDED = ("vector", "index", "alias")
_OF_VECTOR = ("size", "distance", "datatype", "multivector_config")
_OF_COLLECTION = (
    "replication_factor",
    "write_consistency_factor",
    "read_fan_out_factor",
    "read_fan_out_delay_ms",
    "on_disk_payload",
)
_SECTIONS = {
    "hnsw_config": "hnsw_config",
    "optimizers_config": "optimizer_config",
    "strict_mode_config": "strict_mode_config",
}
"""Of an update's body, and their names in what is shown."""
_WHOLE = "quantization_config"
"""Not a field at a time: its fields belong together."""


@dataclass(frozen=True)
class Side:
    """A sender or a receiver.

    Args:
        database: of a store of this process, which notes the settings of both sides.
        other: under what it notes them.
    """

    end: ClientEnd
    database: Database | None
    other: str


def carry(name: str, sender: Side, receiver: Side, *, is_known: bool) -> tuple[str, ...]:
    """Do at the receiver what was changed at the sender; a line for each setting it does not hold.

    Args:
        is_known: of an other side that notes nothing, that it is still the one that was met.
    """
    noted = _noted(name, sender, receiver, is_known=is_known)
    now = _settings(sender.end, name)
    if noted is not None and noted[0] == now:
        return ()
    there = _settings(receiver.end, name)
    if noted is None:
        changes = {path: value for path, value in now.items() if path[0] in _ADDED and path not in there}
        wanted = dict(changes)
        theirs, own = there, {}
    else:
        changes = {
            path: now.get(path) for path in sorted(now.keys() | noted[0].keys()) if now.get(path) != noted[0].get(path)
        }
        wanted = {path: value for path, value in changes.items() if there.get(path) != value}
        theirs, own = noted[1], {path: value for path, value in there.items() if noted[1].get(path) != value}
    refusals = dict(_done(receiver.end, name, wanted, there, own, is_new=noted is None))
    if wanted:
        there = _settings(receiver.end, name)
    theirs = {**theirs, **{path: there.get(path) for path in changes}}
    _note(name, sender, receiver, now, {path: value for path, value in theirs.items() if value is not None})
    return tuple(
        f"{_shown_path(path)}: {_shown(value)} at the sender, {_shown(there.get(path))} at the receiver"
        + (f": {refusals[path]}" if path in refusals else "")
        for path, value in wanted.items()
        if there.get(path) != value
    )


def _settings(end: ClientEnd, name: str) -> Settings:
    info = end.info(name)
    config = without_nulls(info["config"])
    params = config["params"]
    found: Settings = {
        ("index", field): schema_of(without_nulls(schema)) for field, schema in index_schemas(info).items()
    }
    found |= {("alias", alias): name for alias in end.aliases_of(name)}
    vectors = params.get("vectors") or {}
    for vector, given in ({"": vectors} if isinstance(vectors.get("size"), int) else vectors).items():
        found["vector", vector] = {"dense": {field: given[field] for field in _OF_VECTOR if field in given}}
        found |= {("vectors", vector, field): value for field, value in given.items() if field not in _OF_VECTOR}
    for vector, given in (params.get("sparse_vectors") or {}).items():
        index = dict((given or {}).get("index") or {})
        kept = {"datatype": index.pop("datatype", None), "modifier": (given or {}).get("modifier")}
        found["vector", vector] = {
            "sparse": {field: value for field, value in kept.items() if value not in (None, "none")}
        }
        if index:
            found["sparse_vectors", vector, "index"] = index
    found |= {("params", field): params[field] for field in _OF_COLLECTION if field in params}
    for section, ours in _SECTIONS.items():
        found |= {(section, field): value for field, value in (config.get(ours) or {}).items()}
    if config.get(_WHOLE):
        found[(_WHOLE,)] = config[_WHOLE]
    metadata = info["config"].get("metadata") or {}
    return found | {("metadata", key): value for key, value in metadata.items() if not key.startswith(TOKENS)}


def _done(
    end: ClientEnd, name: str, wanted: Settings, there: Settings, own: Settings, *, is_new: bool
) -> Iterator[tuple[Setting, str]]:
    """Make the settings of `end` those wanted, None for none; what is refused, and why.

    Args:
        there: its settings as they are.
        own: those of them that were changed there.
    """
    steps: list[tuple[list[Setting], Callable[[], object]]] = []
    sections: dict[str, list[Setting]] = {}
    for path, value in wanted.items():
        match path:
            case ("index", field):
                steps.append(([path], partial(_set_index, end, name, field, value)))
            case ("vector", vector):
                steps.append(([path], partial(_set_vector, end, name, vector, value, path in there, path in own)))
            case ("alias", alias):
                steps.append(([path], partial(_set_alias, end, name, alias, value, is_new=is_new)))
            case (section, *_):
                sections.setdefault(section, []).append(path)
    steps.sort(key=lambda step: _ADDED.index(step[0][0][0]))
    steps += [
        (paths, partial(_update, end, name, {path: wanted[path] for path in paths})) for paths in sections.values()
    ]
    while steps:
        paths, ask = steps.pop(0)
        try:
            ask()
        except Refusal as error:
            if len(paths) == 1:
                yield paths[0], str(error)
            else:  # of one section, of which the others may be taken
                steps += [([path], partial(_update, end, name, {path: wanted[path]})) for path in paths]


def _update(end: ClientEnd, name: str, wanted: Settings) -> None:
    """Change the configuration. What was set can be changed, but few of it taken back."""
    body: Json = {}
    for path, value in wanted.items():
        if value is None and path[-1] != _WHOLE and path[0] != "metadata":
            continue
        within = body
        for part in path[:-1]:
            within = within.setdefault(part, {})
        within[path[-1]] = "Disabled" if value is None and path[-1] == _WHOLE else value
    if body:
        end.update(name, body)


def _set_index(end: ClientEnd, name: str, field: str, schema: Any) -> None:
    if schema is None:
        end.delete_index(name, field)
    else:
        end.create_index(name, field, schema["type"] if schema.keys() == {"type"} else schema)


def _set_vector(end: ClientEnd, name: str, vector: str, config: Any, is_there: bool, is_own: bool) -> None:
    if is_own:
        raise Refusal("it is one of its own")  # and goes with all that points have under that name
    if is_there:
        end.delete_vector(name, vector)
    if config is not None:
        end.create_vector(name, vector, config)


def _set_alias(end: ClientEnd, name: str, alias: str, is_wanted: Any, *, is_new: bool) -> None:
    """One that means something else there stays so until it is changed here."""
    meant = end.aliases().get(alias)
    if is_wanted is None:
        if meant == name:
            end.delete_alias(alias)
    elif meant is not None and is_new:
        raise Refusal(f"it is {meant} there")
    elif alias in end.collections():
        raise Refusal("it is a collection there")
    else:
        end.create_alias(name, alias)


def _noted(name: str, sender: Side, receiver: Side, *, is_known: bool) -> tuple[Settings, Settings] | None:
    """The settings of sender and receiver after the last sync, if the two are still those they were then."""
    notes = [_note_of(name, side) for side in (sender, receiver) if side.database is not None]
    if None in notes or not (is_known or len(notes) == 2):  # a collection made anew has none
        return None
    mine, theirs = ({tuple(path): value for path, value in pairs} for pairs in msgpack.unpackb(notes[0]))
    return (mine, theirs) if sender.database is not None else (theirs, mine)


def _note_of(name: str, side: Side) -> bytes | None:
    assert side.database is not None
    with side.database.snapshot(name) as snapshot:
        return find_settings(snapshot.txn, snapshot.collection.number, side.other)


def _note(name: str, sender: Side, receiver: Side, senders: Settings, receivers: Settings) -> None:
    for side, mine, theirs in ((sender, senders, receivers), (receiver, receivers, senders)):
        if side.database is not None:
            data = msgpack.packb([list(mine.items()), list(theirs.items())])

            def work(
                txn: WriteTransaction, collection: Collection, data: bytes = data, other: str = side.other
            ) -> None:
                put_settings(txn, collection.number, other, data)

            side.database.remember(name, work)


def _shown_path(path: Setting) -> str:
    return (" of " if path[0] in _ADDED else ".").join(filter(None, path))


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)
