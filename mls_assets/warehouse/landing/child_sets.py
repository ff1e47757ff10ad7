"""Child collections of listings as the source sent them: one set a listing and child resource.

All SQL that stores them; reading for the tables, and removing a listing with all that it has,
belong to `merging` and `ledger`.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import pyarrow as pa

from mls_assets.model.records import ChildSet, Page, UntoldCollection
from mls_assets.model.resources import Resource
from mls_assets.warehouse.storage import arrow
from mls_assets.warehouse.storage.queries import Connection, framed, rows, scalar

#: The body of a collection that has nothing in it.
NONE = b"[]"


def store_child_sets(
    con: Connection, page: Page, children: Sequence[ChildSet], page_id: int
) -> int:
    """Store the sets of listings that are here, so far as they changed; return how many."""
    sets = {(child.listing_key, child.resource): child for child in children}
    if not sets:
        return 0
    incoming = pa.table(
        {
            "listing_key": arrow.of_texts([key for key, _ in sets]),
            "resource": arrow.of_texts([resource for _, resource in sets]),
            **arrow.of_bodies([child.body for child in sets.values()]),
        }
    )
    with framed(con, incoming=incoming):
        taken = rows(
            con,
            "select listing_key, resource from incoming where listing_key in (select record_key "
            "from raw.records where feed = ? and resource = ?) and not exists (from raw.children "
            "stored where stored.feed = ? and stored.listing_key = incoming.listing_key and "
            "stored.resource = incoming.resource and stored.digest = incoming.digest)",
            [page.feed, Resource.PROPERTY, page.feed],
        )
        _note_told_again(con, page.feed, page_id, sets.keys() - set(taken))
        if not taken:
            return 0
        differing = pa.table(
            {
                "listing_key": arrow.of_texts([key for key, _ in taken]),
                "resource": arrow.of_texts([resource for _, resource in taken]),
            }
        )
        with framed(con, differing=differing):
            con.execute(
                "delete from raw.children where feed = ? and (listing_key, resource) in "
                "(select (listing_key, resource) from differing)",
                [page.feed],
            )
            con.execute(
                "insert into raw.children (feed, listing_key, resource, body, digest, size, "
                "landed_at, page_id, seen_page_id) "
                "select ?, listing_key, resource, body, digest, size, ?, ?, ? "
                "from incoming semi join differing using (listing_key, resource)",
                [page.feed, page.fetched_at, page_id, page_id],
            )
    return len(taken)


def _note_told_again(
    con: Connection, feed: str, page_id: int, unchanged: Collection[tuple[str, Resource]]
) -> None:
    """Note of sets that came as they are stored that this page told them."""
    if not unchanged:
        return
    with framed(con, unchanged=_pairs(unchanged)):
        con.execute(
            "update raw.children set seen_page_id = ? where feed = ? and (listing_key, resource) "
            "in (select (listing_key, resource) from unchanged)",
            [page_id, feed],
        )


def note_untold(con: Connection, page: Page, untold: Sequence[UntoldCollection]) -> None:
    """Note which collections of listings that are here did not come whole, and forget it of those
    that a page tells. One that came cut stays so until it is told; it was asked for last now.
    """
    told = {(child.listing_key, child.resource) for child in page.children}
    open_ones: dict[tuple[str, Resource], bool] = {}
    for one in untold:
        pair = (one.listing_key, one.resource)
        open_ones[pair] = one.cut or open_ones.get(pair, False)
    if told and scalar(con, "select count(*) from raw.untold where feed = ?", [page.feed]):
        with framed(con, told=_pairs(told)):
            con.execute(
                "delete from raw.untold where feed = ? and (listing_key, resource) in "
                "(select (listing_key, resource) from told)",
                [page.feed],
            )
    waiting = [pair for pair in open_ones if pair not in told]
    if not waiting:
        return
    incoming = _pairs(waiting).append_column(
        "cut", pa.array([open_ones[pair] for pair in waiting], pa.bool_())
    )
    with framed(con, incoming=incoming):
        con.execute(
            "update raw.untold held set cut = held.cut or incoming.cut, asked_at = ? from incoming "
            "where held.feed = ? and held.listing_key = incoming.listing_key "
            "and held.resource = incoming.resource",
            [page.fetched_at, page.feed],
        )
        con.execute(
            "insert into raw.untold (feed, listing_key, resource, cut, asked_at) select ?, "
            "listing_key, resource, cut, ? from incoming where listing_key in (select record_key "
            "from raw.records where feed = ? and resource = ?) and (listing_key, resource) not in "
            "(select (listing_key, resource) from raw.untold where feed = ?)",
            [page.feed, page.fetched_at, page.feed, Resource.PROPERTY, page.feed],
        )


def _pairs(pairs: Iterable[tuple[str, Resource]]) -> pa.Table:
    pairs = list(pairs)
    return pa.table(
        {
            "listing_key": arrow.of_texts([key for key, _ in pairs]),
            "resource": arrow.of_texts([resource for _, resource in pairs]),
        }
    )


def cut(
    con: Connection, feed: str, asked: Collection[Resource], most: int
) -> list[tuple[str, Resource]]:
    """Return collections of these kinds that came cut, as (listing key, resource).

    At most so many; those that were asked for longest ago come first.
    """
    return _unsettled(con, feed, asked, most, "cut")


def left_out_sets(
    con: Connection, feed: str, asked: Collection[Resource], most: int
) -> list[tuple[str, Resource]]:
    """Return such as were left out of an answer, while something is stored that may be old."""
    something = (
        "not cut and exists (from raw.children stored where stored.feed = raw.untold.feed "
        "and stored.listing_key = raw.untold.listing_key "
        f"and stored.resource = raw.untold.resource and stored.size > {len(NONE)})"
    )
    return _unsettled(con, feed, asked, most, something)


def _unsettled(
    con: Connection, feed: str, asked: Collection[Resource], most: int, which: str
) -> list[tuple[str, Resource]]:
    found = rows(
        con,
        f"select listing_key, resource from raw.untold where feed = ? and {which} "
        "and list_contains(?::varchar[], resource) "
        "order by asked_at, listing_key, resource limit ?",
        [feed, [*map(str, asked)], most],
    )
    return [(key, Resource(resource)) for key, resource in found]


def count_untold(con: Connection, feed: str, child: Resource) -> int:
    """Count the listings whose collection of a child resource was left out."""
    return scalar(
        con,
        "select count(*) from raw.untold where feed = ? and resource = ? and not cut",
        [feed, child],
    )


def stored_child_sets(
    con: Connection, feed: str, listing_keys: Sequence[str]
) -> dict[str, frozenset[Resource]]:
    """Return which child resources are stored for those of the listings that have any.

    Left out are those that the source did not tell whole when it was asked last.
    """
    with framed(con, asked=arrow.of_keys(listing_keys)):
        found = rows(
            con,
            "select listing_key, list(resource) from raw.children semi join asked "
            "on listing_key = record_key where feed = ? and (listing_key, resource) not in "
            "(select (listing_key, resource) from raw.untold where feed = ?) group by listing_key",
            [feed, feed],
        )
    return {key: frozenset(map(Resource, resources)) for key, resources in found}


def is_told(con: Connection, feed: str, child: Resource) -> bool:
    """Return whether any listing's set of this child resource is stored."""
    return bool(
        rows(
            con, "select 1 from raw.children where feed = ? and resource = ? limit 1", [feed, child]
        )
    )


def listings_without(
    con: Connection, feed: str, child: Resource, *, since_page: int, since: datetime
) -> list[str]:
    """Return the listings here of whose set of this child resource nothing was told since a page.

    A set that is stored from before says nothing of now. Left out are those that were asked for
    by key since that time. In no order: the first are spread over all.
    """
    found = rows(
        con,
        "select record_key from raw.records where feed = ? and resource = ? and record_key not in "
        "(select listing_key from raw.children where feed = ? and resource = ? "
        "and coalesce(seen_page_id, page_id) >= ?) and record_key "
        "not in (select listing_key from raw.untold where feed = ? and resource = ? "
        "and asked_at >= ?) order by hash(record_key)",
        [feed, Resource.PROPERTY, feed, child, since_page, feed, child, since],
    )
    return [key for (key,) in found]
