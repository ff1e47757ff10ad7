"""The demo's proof: the published file against the sandbox, by a path of its own.

It reads the file as a notebook would and the sandbox by plain requests, so that an error in the
pipeline's own clients, normaliser or bookkeeping cannot hide itself here.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from mls_assets.demo.comparison import differences
from mls_assets.demo.sandbox_client import SandboxClient
from mls_assets.model.resources import KEY_FIELDS, TABLE_OF_RESOURCE, Resource
from mls_assets.model.states import LedgerEvent

#: Listings of each feed that are compared value by value.
SAMPLED = 50
_CHILDREN = {
    "Media": Resource.MEDIA,
    "Room": Resource.ROOMS,
    "Unit": Resource.UNIT_TYPES,
}
#: Problems named per verdict; the rest is counted.
_NAMED = 3


@dataclass(slots=True)
class ComparisonResult:
    """What the comparison of one feed and resource came to; `problems` is empty if it passed."""

    feed: str
    resource: Resource
    source_rows: int = 0
    local_rows: int = 0
    removed: int = 0
    ledger_entries: int = 0
    values: int | None = None
    problems: list[str] = field(default_factory=list)

    def expect_none(self, keys: Iterable[str], what: str) -> None:
        """Note a problem if there are such keys."""
        keys = sorted(keys)
        if keys:
            more = ", ..." if len(keys) > _NAMED else ""
            self.problems.append(f"{len(keys):,} {what}: {', '.join(keys[:_NAMED])}{more}")


class Copy:
    """The published file, opened as a notebook opens it."""

    def __init__(self, path: Path) -> None:
        self._con = duckdb.connect(str(path), read_only=True)
        self._con.execute("SET TimeZone = 'UTC'")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._con.close()

    def _rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._con.execute(sql, values).fetchall()

    def keys(self, feed: str, resource: Resource) -> set[str]:
        """Return the keys of a feed; open houses that are over count no more."""
        over = ""
        if resource is Resource.OPEN_HOUSE:
            over = " AND coalesce(OpenHouseEndTime, OpenHouseStartTime) > now()"
        rows = self._rows(
            f"SELECT {KEY_FIELDS[resource]} FROM {TABLE_OF_RESOURCE[resource]} WHERE feed = "
            f"?{over}",
            feed,
        )
        return {key for (key,) in rows}

    def ever_over(self, feed: str) -> set[str]:
        """Return the keys of open houses that are over; they stay, whatever the source lists."""
        rows = self._rows(
            "SELECT OpenHouseKey FROM open_houses WHERE feed = ? AND "
            "coalesce(OpenHouseEndTime, OpenHouseStartTime) <= now()",
            feed,
        )
        return {key for (key,) in rows}

    def ledger(self, feed: str, resource: Resource) -> list[tuple[str, str]]:
        """Return (key, event) of every entry, in the order in which they were written."""
        return self._rows(
            "SELECT record_key, event FROM deletion_ledger WHERE feed = ? AND resource = ? "
            "ORDER BY entry_id",
            feed,
            resource,
        )

    def listing(self, feed: str, key: str) -> dict[str, Any] | None:
        """Return a listing's row by column."""
        cursor = self._con.execute(
            "SELECT * FROM listings WHERE feed = ? AND ListingKey = ?", [feed, key]
        )
        names = [column[0] for column in cursor.description or ()]
        rows = cursor.fetchall()
        return dict(zip(names, rows[0], strict=True)) if rows else None

    def children(self, feed: str, key: str, resource: Resource) -> set[str]:
        """Return the keys of a listing's children."""
        rows = self._rows(
            f"SELECT {KEY_FIELDS[resource]} FROM {TABLE_OF_RESOURCE[resource]} "
            "WHERE feed = ? AND ListingKey = ?",
            feed,
            key,
        )
        return {child for (child,) in rows}

    def photos(self, feed: str, key: str) -> list[str]:
        """Return the addresses of a listing's media in order."""
        rows = self._rows(
            'SELECT MediaURL FROM media WHERE feed = ? AND ListingKey = ? ORDER BY "Order"',
            feed,
            key,
        )
        return [address for (address,) in rows]


def verify(
    world: SandboxClient, copy: Copy, feed: str, resource: Resource, ever: set[str], seed: int
) -> ComparisonResult:
    """Compare one feed and resource; `ever` are the keys that were there at some time."""
    truth, here = world.keys(feed, resource), copy.keys(feed, resource)
    entries = copy.ledger(feed, resource)
    verdict = ComparisonResult(
        feed,
        resource,
        source_rows=len(truth),
        local_rows=len(here),
        removed=sum(event == LedgerEvent.REMOVED for _, event in entries),
        ledger_entries=len(entries),
    )
    over = copy.ever_over(feed) if resource is Resource.OPEN_HOUSE else set()
    verdict.expect_none(truth - here, "keys of the source are missing here")
    verdict.expect_none(here - truth, "keys here are gone at the source")
    last = dict(entries)
    gone = ever - here - over
    verdict.expect_none(
        (key for key in gone if last.get(key) != LedgerEvent.REMOVED),
        "keys left without a ledger entry",
    )
    verdict.expect_none(
        (key for key in here if last.get(key) == LedgerEvent.REMOVED), "keys here count as removed"
    )
    if resource is Resource.PROPERTY:
        both = sorted(truth & here)
        dice = random.Random(seed)  # noqa: S311 - the same sample each time is what is wanted
        _compare_values(world, copy, verdict, dice.sample(both, min(SAMPLED, len(both))))
    return verdict


def _compare_values(
    world: SandboxClient, copy: Copy, verdict: ComparisonResult, sample: Sequence[str]
) -> None:
    verdict.values = 0
    answered = set()
    for key, sent in world.served(verdict.feed, sample):
        answered.add(key)
        stored = copy.listing(verdict.feed, key) or {"local_fields": "{}"}
        verdict.values += len(sent)
        verdict.expect_none(
            differences(_as_columns(sent), stored), f"values of listing {key} differ"
        )
        verdict.expect_none(_other_children(copy, verdict.feed, key, sent), f"children of {key}")
    verdict.expect_none(set(sample) - answered, "sampled keys were not answered for")


def _as_columns(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return what Forge sends under names of its own under those of the columns."""
    columns = dict(sent)
    if "ForgeFeatures" in columns:
        columns["forge_features"] = columns.pop("ForgeFeatures")
        for own, standard in (("Remarks", "PublicRemarks"), ("ListDate", "ListingContractDate")):
            if columns.get(standard) is None:
                columns[standard] = columns.get(own)
    return {name: value for name, value in columns.items() if name not in ("DELETED", "Photos")}


def _other_children(copy: Copy, feed: str, key: str, sent: Mapping[str, Any]) -> list[str]:
    """Return the collections of a listing that are not what was sent."""
    if "Photos" in sent:
        return [] if copy.photos(feed, key) == (sent["Photos"] or []) else ["Photos"]
    return [
        name
        for name, resource in _CHILDREN.items()
        if name in sent
        and copy.children(feed, key, resource)
        != {child[KEY_FIELDS[resource]] for child in sent[name]}
    ]
