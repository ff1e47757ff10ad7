"""Landed records and child sets to the rows of the RESO tables, by one exact path.

What makes a row a table's row belongs here: its key, its MLS, what is taken apart into other
tables. How an object is read is `rows`' matter, what a value becomes `convert`'s. No SQL, no I/O.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from mls_assets.model.feed_names import FeedName
from mls_assets.model.records import LandedChildren, LandedRecord
from mls_assets.model.resources import KEY_FIELDS, TABLE_OF_RESOURCE, Resource
from mls_assets.reso.decode import series
from mls_assets.reso.dialect import Dialect
from mls_assets.reso.reading import read_rows
from mls_assets.reso.rejects import LandedItem, Rejects
from mls_assets.reso.rows import Rows
from mls_assets.reso.split import list_elements


@dataclass(frozen=True, slots=True)
class NormalisedBatch:
    """A batch ready to be merged.

    `frames` has a frame per table, in exactly the columns and types of `RESO_TABLES`: always the
    resource's own table, and a child table where a listing's set is replaced. `replaced` lists
    those listings per child table: their rows are the ones in the frame, also if there are none.
    `rejected` has the columns of `rejected_values`; children's rows carry their listing's key as
    `record_key`, those of photos inside of listings also the resource Property.
    """

    frames: dict[str, pl.DataFrame]
    replaced: dict[str, list[str]]
    rejected: pl.DataFrame


def normalise_batch(
    dialect: Dialect,
    feed: FeedName,
    resource: Resource,
    records: Sequence[LandedRecord],
    children: Sequence[LandedChildren] = (),
    *,
    mls_of: Mapping[str, str] | None = None,
) -> NormalisedBatch:
    """Turn landed records, and child sets of listings, into rows.

    Every record with a JSON object for a body becomes a row under the key that it landed with,
    whatever is in it. `mls_of` maps listing keys to the MLS that their stored rows have, so that
    children and open houses agree with them; listings of this batch need not be in it. Keys are
    unique in `records`, and so are (listing, resource) in `children`.
    """
    rejects = Rejects(feed)
    items = [
        LandedItem(record.key, record.body, record.page_id, record.landed_at) for record in records
    ]
    rows = read_rows(dialect, feed, resource, items, rejects)
    keys = [item.record_key for item in rows.items]
    _set_key(rows, KEY_FIELDS[resource], keys, rejects)
    listing_mls = dict(mls_of or {})
    mls = _mls_of_records(dialect, feed, rows, listing_mls)
    rows.columns["mls"] = series("mls", mls, "VARCHAR")
    frames: dict[str, pl.DataFrame] = {}
    replaced: dict[str, list[str]] = {}
    if resource is Resource.PROPERTY:
        listing_mls.update(zip(keys, mls, strict=True))
    for part in dialect.take_apart(feed, rows, rejects):
        frames[TABLE_OF_RESOURCE[part.resource]] = part.frame
        replaced[TABLE_OF_RESOURCE[part.resource]] = part.listings
    frames[TABLE_OF_RESOURCE[resource]] = rows.frame()
    for kind in dict.fromkeys(children_set.resource for children_set in children):
        sets = [children_set for children_set in children if children_set.resource is kind]
        frames[TABLE_OF_RESOURCE[kind]], told = _children(
            dialect, feed, kind, sets, listing_mls, rejects
        )
        if told:
            replaced[TABLE_OF_RESOURCE[kind]] = told
    return NormalisedBatch(frames, replaced, rejects.frame())


def _set_key(rows: Rows, name: str, keys: Sequence[str], rejects: Rejects) -> None:
    """Set the key under which rows landed; one whose body says another is told on."""
    said = rows.texts(name)
    for position, key in enumerate(keys):
        if said[position] is not None and said[position] != key:
            token = bytes(rows.tokens[name][position] or b"null")
            problem = "not the key that this landed under, which counts"
            rejects.add(rows.resource, rows.items[position], name, token, problem)
    rows.columns[name] = series(name, keys, "VARCHAR")


def _mls_of_records(
    dialect: Dialect, feed: FeedName, rows: Rows, listing_mls: Mapping[str, str]
) -> list[str]:
    """Each row's MLS; an open house that names none belongs to that of its listing."""
    names = rows.texts("OriginatingSystemName")
    if rows.resource is Resource.OPEN_HOUSE:
        listings = rows.texts("ListingKey")
        names = [
            name if name and name.strip() else listing_mls.get(listing or "")
            for name, listing in zip(names, listings, strict=True)
        ]
    return dialect.mls_of(feed, names)


def _children(
    dialect: Dialect,
    feed: FeedName,
    resource: Resource,
    sets: Sequence[LandedChildren],
    listing_mls: Mapping[str, str],
    rejects: Rejects,
) -> tuple[pl.DataFrame, list[str]]:
    """The rows of child sets, and the listings whose sets they replace."""
    told: list[str] = []
    items: list[LandedItem] = []
    for one in sets:
        whole = LandedItem(one.listing_key, one.body, one.page_id, one.landed_at)
        members = list_elements(one.body)
        if members is None:
            problem = "no list of records, so the stored ones stay"
            rejects.add(resource, whole, None, one.body, problem)
            continue
        told.append(one.listing_key)
        items += [LandedItem(one.listing_key, body, one.page_id, one.landed_at) for body in members]
    rows = read_rows(dialect, feed, resource, items, rejects)
    listings = [item.record_key for item in rows.items]
    _set_key(rows, "ListingKey", listings, rejects)
    own = rows.texts("OriginatingSystemName")
    mls = [listing_mls.get(listing, name) for listing, name in zip(listings, own, strict=True)]
    rows.columns["mls"] = series("mls", dialect.mls_of(feed, mls), "VARCHAR")
    return rows.frame().filter(_usable(rows, rejects)), told


def _usable(rows: Rows, rejects: Rejects) -> pl.Series:
    """Which children have a key that is theirs alone in their listing; the last one counts."""
    name = KEY_FIELDS[rows.resource]
    seen: set[tuple[str, str]] = set()
    usable = [False] * len(rows.items)
    pairs = list(zip(rows.items, rows.texts(name), strict=True))
    for position in range(len(pairs) - 1, -1, -1):
        item, key = pairs[position]
        if not key or not key.strip():
            rejects.add(rows.resource, item, name, item.body, f"a record without {name}")
        elif (item.record_key, key) in seen:
            problem = f"its {name} comes again in this listing; the last one counts"
            rejects.add(rows.resource, item, name, item.body, problem)
        else:
            seen.add((item.record_key, key))
            usable[position] = True
    return pl.Series(usable, dtype=pl.Boolean)
