"""Collections from one place to another: settings, points, aliases, and a check that what arrived is what was sent.

Both places are an `End` (`ends`): a client object (`clients`) or, on the command line, a store or server by REST. What
travels is what Qdrant's REST interface has: plain dicts. Called by `client.migrate` and `minidb migrate`; `copying` has
the way of a collection.
"""

from minidb.migration.copying import Options, migrate
from minidb.migration.ends import Busy, End, Refusal
from minidb.migration.report import CollectionReport

__all__ = ["Busy", "CollectionReport", "End", "Options", "Refusal", "migrate"]
