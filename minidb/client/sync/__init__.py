"""`push` and `pull`: two stores keep up with each other, sending only what changed since the last time.

**What is sent.** Every record has the number of the operation that wrote it (its version), so what changed since
operation `n` are the points of versions from `n` on; the ids of deleted points are kept from the first sync on
(`collection.sync_state`). A *mark* says up to which operation a peer has been served (`sending`). Points are read in
batches while others write: what changes meanwhile goes with the next push, and all writes may be repeated without harm.

**When a mark counts.** It is written here, durably, once the peer has acknowledged everything; then a random *token*,
under which the mark is filed, is left in the metadata of the peer's collection (`minidb-sync/<this store>`). A kill
before that leaves the old token, so the next push begins at the old mark. A peer that was deleted, made anew or
restored from an older snapshot shows another token or none: it is a stranger and gets everything again. With `name=`
nothing is left there; the caller vouches for the peer.

**What came from there does not go back.** A store that receives notes, in the same commit, which of its operations
wrote what came from whom. Points of these versions are unchanged since, and are left out of what is sent to that peer:
an old state would else overwrite what changed there meanwhile. A stranger gets those it lacks.

**From a server of minidb** a pull follows the collection's log (`following`): it asks for what has changed since a
*cursor*, and keeps the cursor of each page in the commit that writes the page. The log's name is in it, so a collection
that was made anew or restored is found out, and one that lost operations (`collection.eras`); nothing is left there.
What was pushed there is left out by the numbers of the operations the server answered with, which are noted after each
batch: of a push that was killed in between one batch may come back.

**Without a log** (another server, qdrant-client's local mode), and from a log that is new here, a pull reads all pages
and writes what differs (`reading`). A point that is not there any more is deleted here if it is known to have been
there: it came from there, or was pushed there, and has not changed since. That takes a token, too; a source without a
log that may not be written to is a stranger each time.

**Conflicts.** The sender wins, or, by `newest_by`, the greater value of that payload field: of equal values the
sender's, and any value is newer than none. A deletion has no such value: one the log knows of always wins. A pull
without a log cannot know of changes on both sides; a point changed here and deleted there stays, and comes back with
the next push.

**Strangers and lost logs.** Points only the receiver has stay: they may be somebody else's. `mirror=True` deletes them,
comparing ids by page. Where deletions are no longer kept back to the mark, ids are compared, too, and counted: `extra`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minidb.client import QdrantClient
from minidb.client.sync.peers import identity_of, plain, told_apart
from minidb.client.sync.reading import Reading
from minidb.client.sync.receiving import Receiver
from minidb.client.sync.report import CollectionSync, SyncReport
from minidb.client.sync.rules import Rules
from minidb.client.sync.sending import Sending
from minidb.migration.clients import ClientEnd
from minidb.migration.copying import wanted_of
from minidb.migration.ends import told_as_it_was

__all__ = ["CollectionSync", "Rules", "SyncReport", "pull", "push"]


def push(source: QdrantClient, target: Any, names: Sequence[str] | None, rules: Rules) -> SyncReport:
    """See `QdrantClient.push`."""
    target = plain(target)
    told_apart(source, target)
    here, identity = source._database.identity(), identity_of(target, rules)
    return _done(Sending(source, here, Receiver(target, here), identity, rules), source, names)


def pull(target: QdrantClient, source: Any, names: Sequence[str] | None, rules: Rules) -> SyncReport:
    """See `QdrantClient.pull`."""
    source = plain(source)
    if isinstance(source, QdrantClient) and not source._database.read_only:
        told_apart(source, target)
        there, identity = source._database.identity(), target._database.identity()
        # what came from there is noted under the same name a push to it would look for
        return _done(Sending(source, there, Receiver(target, rules.name or there), identity, rules), source, names)
    return _done(Reading(source, target, identity_of(source, rules), rules), source, names)


def _done(way: Sending | Reading, source: Any, names: Sequence[str] | None) -> SyncReport:
    with told_as_it_was():
        return SyncReport(tuple(way.run(name) for name in wanted_of(ClientEnd(source), names)))
