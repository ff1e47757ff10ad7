"""Keys that a source still lists, but with the status `Delete`.

Not kept, and accounted for: a sweep meets them at the source although nothing is here. Kept is
one whose `Delete` was older than the version here; a sweep asks which of both holds. All SQL
on `raw.status_deletes`.
"""

from collections.abc import Sequence

from mls_assets.model.records import Page, RawRecord, Removal
from mls_assets.model.resources import KEY_FIELDS, TABLE_OF_RESOURCE, Reason, Resource
from mls_assets.warehouse.landing.versions import StoredVersion
from mls_assets.warehouse.schema.ddl import quoted
from mls_assets.warehouse.storage import arrow
from mls_assets.warehouse.storage.queries import Connection, framed, rows, scalar

#: The keys listed as deleted, of the feed and resource given as parameters.
KEYS = "select record_key from raw.status_deletes where feed = ? and resource = ?"


def of_page(page: Page) -> list[Removal]:
    """Return what a page lists as deleted."""
    return [item for item in page.removals if item.reason is Reason.STATUS_DELETE]


def note_status_deletes(
    con: Connection,
    page: Page,
    told: Sequence[RawRecord | Removal],
    deleted: Sequence[Removal],
) -> None:
    """Keep the keys that a page lists as deleted, and no others of those that it tells of."""
    noted = arrow.table_of(
        record_key=arrow.of_texts([item.key for item in deleted]),
        modified_at=arrow.of_instants([item.modified_at for item in deleted]),
    )
    settled = arrow.of_keys(item.key for item in (*told, *deleted))
    with framed(con, told=settled, deleted=noted):
        con.execute(
            "delete from raw.status_deletes where feed = ? and resource = ? "
            "and record_key in (select record_key from told)",
            [page.feed, page.resource],
        )
        if deleted:
            con.execute(
                "insert into raw.status_deletes (feed, resource, record_key, modified_at) "
                "select ?, ?, record_key, modified_at from deleted",
                [page.feed, page.resource],
            )


def known_status_deletes(con: Connection, page: Page) -> dict[str, StoredVersion]:
    """Return when those records of a page that were listed as deleted had been modified."""
    if not page.records:
        return {}
    with framed(con, incoming=arrow.of_keys(record.key for record in page.records)):
        found = rows(
            con,
            "select record_key, modified_at from raw.status_deletes semi join incoming "
            "using (record_key) where feed = ? and resource = ?",
            [page.feed, page.resource],
        )
    return {key: StoredVersion(None, modified_at) for key, modified_at in found}


def count_status_deletes(con: Connection, feed: str, resource: Resource) -> int:
    """Count the keys that are listed as deleted and not kept."""
    whose = [feed, resource]
    return scalar(
        con,
        f"select count(*) from ({KEYS} and record_key not in (select record_key "
        "from raw.records where feed = ? and resource = ?))",
        [*whose, *whose],
    )


def listed_by(
    con: Connection, feed: str, resource: Resource, sweep_id: str, most: int
) -> dict[str, bool]:
    """Return keys that a sweep was told, listed as deleted before, with whether they are kept.

    At most so many: first those that are kept, then others in each sweep, so that all have
    their turn.
    """
    table, key = TABLE_OF_RESOURCE[resource], quoted(KEY_FIELDS[resource])
    found = rows(
        con,
        f"select record_key, record_key in (select {key} from {table} where feed = ?) as kept "
        f"from ({KEYS}) where record_key in "
        "(select record_key from raw.sweep_keys where sweep_id = ?) "
        "order by kept desc, hash(concat(record_key, ?)) limit ?",
        [feed, feed, resource, sweep_id, sweep_id, most],
    )
    return dict(found)


def forget_unlisted(con: Connection, feed: str, resource: Resource, sweep_id: str) -> None:
    """Forget the keys that the source does not list any more, as a proven sweep tells.

    Should such a key come back later, it is then missing here, and no longer accounted for.
    """
    con.execute(
        "delete from raw.status_deletes where feed = ? and resource = ? and record_key not in "
        "(select record_key from raw.sweep_keys where sweep_id = ?)",
        [feed, resource, sweep_id],
    )
