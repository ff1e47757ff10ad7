"""What is stored of fields that Forge was asked for and did not send: it stays, and that is said.

GraphQL answers with every field that it was asked for, be it null. One that is missing was not
told, so it empties nothing.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import msgspec

from mls_assets.model.records import Page, RawRecord, Reject
from mls_assets.warehouse import Connection
from mls_assets.warehouse.landing import landing, selections

_NULL = b"null"
_NAMED = 5


def keeping(con: Connection, page: Page) -> Page:
    """Return the page with what is stored of the fields that did not come, behind those that did.

    A reject says so of each such record. A record that is new here, or had nothing in these fields,
    is left as it came.
    """
    asked = selections.last_selection(con, page.feed, page.resource)
    if asked is None:
        return page
    names = {path.partition(".")[0] for path in asked.paths}
    cut = {
        record.key: missing
        for record in page.records
        if (missing := names - _members(record.body).keys())
    }
    if not cut:
        return page
    stored = landing.bodies(con, page.feed, page.resource, list(cut))
    records: list[RawRecord] = []
    rejects = list(page.rejects)
    for record in page.records:
        before = _members(stored[record.key]) if record.key in stored else {}
        kept = {
            name: before[name]
            for name in sorted(cut.get(record.key, ()))
            if bytes(before.get(name, _NULL)) != _NULL
        }
        if kept:
            rejects.append(_said(record, kept))
            record = replace(record, body=_filled(record.body, kept))
        records.append(record)
    return replace(page, records=tuple(records), rejects=tuple(rejects))


def _members(body: bytes) -> Mapping[str, msgspec.Raw]:
    return msgspec.json.decode(body, type=dict[str, msgspec.Raw])


def _filled(body: bytes, kept: Mapping[str, msgspec.Raw]) -> bytes:
    more = b",".join(msgspec.json.encode(name) + b":" + bytes(raw) for name, raw in kept.items())
    return body.rstrip()[:-1] + b"," + more + b"}"


def _said(record: RawRecord, kept: Mapping[str, msgspec.Raw]) -> Reject:
    named = ", ".join(list(kept)[:_NAMED]) + (", ..." if len(kept) > _NAMED else "")
    return Reject(
        f"{len(kept):,} field(s) were asked for and did not come ({named}); their stored values "
        "were kept",
        hashlib.sha256(record.body).hexdigest(),
        record.key,
    )
