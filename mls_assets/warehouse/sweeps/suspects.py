"""The keys that blocked sweeps would have removed: kept until a person or a later sweep decides."""

from collections.abc import Sequence
from datetime import datetime

from mls_assets.model.resources import Resource
from mls_assets.warehouse.removals import hiding
from mls_assets.warehouse.storage import arrow
from mls_assets.warehouse.storage.queries import Connection, framed, rows
from mls_assets.warehouse.sweeps.verdicts import about


def keep_suspects(con: Connection, sweep_id: str, keys: Sequence[str]) -> None:
    """Keep the keys that a blocked sweep would have removed, for an approval to release."""
    with framed(con, suspected=arrow.of_keys(keys)):
        con.execute("insert into raw.suspects select ?, record_key from suspected", [sweep_id])


def listed_again(con: Connection, sweep_id: str) -> None:
    """Drop earlier suspects that this sweep was told: it found them alive."""
    whose = about(con, sweep_id)
    con.execute(
        "delete from raw.suspects where record_key in (select record_key from raw.sweep_keys "
        "where sweep_id = ?) and sweep_id in (select sweep_id from sweeps where feed = ? "
        "and resource = ?)",
        [sweep_id, whose.feed, whose.resource],
    )


def forget_suspects(con: Connection, feed: str, resource: Resource) -> None:
    """Drop all suspects of a resource, once it is reconciled; nothing is hidden any more."""
    con.execute(
        "delete from raw.suspects where sweep_id in "
        "(select sweep_id from sweeps where feed = ? and resource = ?)",
        [feed, resource],
    )
    hiding.hide_keys(con, feed, resource, ())


def oldest_evidence(con: Connection) -> dict[tuple[str, Resource], datetime]:
    """Return when keys that are held back and still here were first found absent, where any are."""
    found = rows(
        con,
        "select sweep.feed, sweep.resource, min(sweep.started_at) from sweeps sweep "
        "join raw.suspects suspect using (sweep_id) join raw.records held on "
        "held.feed = sweep.feed and held.resource = sweep.resource "
        "and held.record_key = suspect.record_key group by sweep.feed, sweep.resource",
    )
    return {(feed, Resource(resource)): moment for feed, resource, moment in found}


def first_absent(con: Connection, feed: str, resource: Resource) -> dict[str, datetime]:
    """Return when each key that was held back was first found absent."""
    return dict(
        rows(
            con,
            "select record_key, min(started_at) from raw.suspects join sweeps using (sweep_id) "
            "where feed = ? and resource = ? group by record_key",
            [feed, resource],
        )
    )


def came_back(con: Connection, feed: str, resource: Resource, keys: Sequence[str]) -> None:
    """Take keys that the source sent again out of what is held back, and show them to readers."""
    with framed(con, alive=arrow.of_keys(keys)):
        con.execute(
            "delete from raw.suspects where record_key in (select record_key from alive) "
            "and sweep_id in (select sweep_id from sweeps where feed = ? and resource = ?)",
            [feed, resource],
        )
    hiding.show_keys(con, feed, resource, keys)
