"""Resources of feeds whose token their source refuses: marked, so that readers see it in `feeds`.

Who finds that out, and when it has ended, is the business of `replication.reporting.findings`. The
stored state stays beside the mark, for a token that works again changes nothing that is here.
"""

from collections.abc import Mapping
from datetime import datetime

from mls_assets.model.resources import Resource
from mls_assets.model.states import ReplicationState
from mls_assets.warehouse.schema import counters
from mls_assets.warehouse.storage.queries import Connection, rows


def mark_refused(con: Connection, refused: Mapping[tuple[str, Resource], datetime]) -> None:
    """Store which resources of feeds are refused, and since when."""
    con.execute("delete from raw.refused")
    for (feed, resource), since in refused.items():
        con.execute("insert into raw.refused values (?, ?, ?)", [feed, resource, since])
    counters.changed(con)


def refused_resources(con: Connection) -> set[tuple[str, Resource]]:
    """Return the resources of feeds that are marked."""
    found = rows(con, "select feed, resource from raw.refused")
    return {(feed, Resource(resource)) for feed, resource in found}


#: The state of a row of `feeds` (called `held`) as readers see it.
TOLD_STATE = (
    "case when exists (from raw.refused refused where refused.feed = held.feed "
    f"and refused.resource = held.resource) then '{ReplicationState.REFUSED}' else held.state end"
)
