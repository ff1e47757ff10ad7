"""Which version of a record counts, told without reading the stored one. Pure; no SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from mls_assets.model.records import RawRecord
from mls_assets.model.resources import EARLIEST_TIMESTAMP
from mls_assets.warehouse.storage import arrow


class StoredVersion(NamedTuple):
    """What is known of a stored version without reading it; one that was deleted has no digest."""

    digest: bytes | None
    modified_at: datetime | None


@dataclass(frozen=True, slots=True)
class SortedRecords:
    """The records of a page, by what they mean for what is stored."""

    new: tuple[RawRecord, ...]
    changed: tuple[RawRecord, ...]
    unchanged: tuple[RawRecord, ...]
    stale: tuple[RawRecord, ...]


def sort_records(
    records: Sequence[RawRecord],
    stored: Mapping[str, StoredVersion],
    *,
    now: datetime,
    in_event_order: bool = False,
) -> SortedRecords:
    """Sort records by what they mean for what is stored. Pure; the last of a key counts.

    With equal timestamps, or one that is not usable, the later fetch counts; `in_event_order` it
    always does. `now` is the latest time that any clock tells.
    """
    new, changed, unchanged, stale = [], [], [], []
    for record in {record.key: record for record in records}.values():
        before = stored.get(record.key)
        if before is None:
            new.append(record)
        elif not in_event_order and is_older(record.modified_at, before, now):
            stale.append(record)
        elif before.digest is None:
            new.append(record)
        elif arrow.digest_of(record.body) == before.digest:
            unchanged.append(record)
        else:
            changed.append(record)
    return SortedRecords(tuple(new), tuple(changed), tuple(unchanged), tuple(stale))


def is_older(modified_at: datetime | None, before: StoredVersion, now: datetime) -> bool:
    """Tell whether a version is older than the stored one; not if either has no usable timestamp.

    One in the future, or out of our time, is not usable: what corrects it has an earlier one.
    """
    told, known = _usable(modified_at, now), _usable(before.modified_at, now)
    return told is not None and known is not None and told < known


def _usable(moment: datetime | None, now: datetime) -> datetime | None:
    return moment if moment is not None and EARLIEST_TIMESTAMP <= moment <= now else None
