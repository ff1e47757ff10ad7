"""What the records of a page can leave unsaid: signals, parts of collections, empty ones.

Pure: a record as JSON text in, another one out. Which fault strikes is decided in `faults`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

FOREIGN_ROOT = "https://replication.elsewhere.invalid/Reso/OData"
_SIGNALS = ("PhotosCh", "PhotosCo", "VideosC", "DocumentsC", "FloorPlansC", "VirtualTourURL")
_NAVIGATIONS = ("Media", "Room", "Unit", "OpenHouse")
_LINKS = {"link_401": "@nextLink"}


def without_signals(record: bytes, params: Mapping[str, Any], root: str) -> bytes:
    """Nothing tells that media changed: hidden as Spark hides, absent as in v3, or null."""
    members = msgspec.json.decode(record)
    how = params.get("how", "hidden")
    for name in [name for name in members if name.startswith(_SIGNALS) and "@" not in name]:
        if how == "null":
            members[name] = None
            continue
        del members[name]
        if how == "hidden":
            members[f"{name}@Core.Permissions"] = "None"
    return msgspec.json.encode(members)


def with_cut_collections(record: bytes, params: Mapping[str, Any], root: str) -> bytes:
    """Collections longer than `keep` (1) are cut, as by servers that page them, and say so.

    `told_by` is `link`, `link_401` (the name of OData 4.01), `elsewhere` (a link to another
    host) or `count` (no link at all).
    """
    members = msgspec.json.decode(record, type=dict[str, msgspec.Raw])
    keep, told_by = int(params.get("keep", 1)), params.get("told_by", "link")
    for name in [name for name in _NAVIGATIONS if name in members]:
        items = msgspec.json.decode(members[name], type=list[msgspec.Raw])
        if len(items) <= keep:
            continue
        members[name] = msgspec.Raw(msgspec.json.encode(items[:keep]))
        if told_by == "count":
            members[f"{name}@odata.count"] = msgspec.Raw(msgspec.json.encode(len(items)))
            continue
        key = msgspec.json.decode(members["ListingKey"])
        place = FOREIGN_ROOT if told_by == "elsewhere" else root
        link = f"{place}/Property('{key}')/{name}?%24skip={keep}"
        members[f"{name}{_LINKS.get(told_by, '@odata.nextLink')}"] = msgspec.Raw(
            msgspec.json.encode(link)
        )
    return msgspec.json.encode(members)


def with_empty_collections(record: bytes, params: Mapping[str, Any], root: str) -> bytes:
    """The collection `of` a name is told as none, or (`how: absent`) not at all."""
    members = msgspec.json.decode(record, type=dict[str, msgspec.Raw])
    name = str(params.get("of", "Media"))
    if name in members:
        members[name] = msgspec.Raw(b"[]")
        if params.get("how") == "absent":
            del members[name]
    return msgspec.json.encode(members)


def without_empty(record: bytes, params: Mapping[str, Any], root: str) -> bytes:
    """What is empty or null is left out, as by a serialiser that omits such values."""
    members = msgspec.json.decode(record)
    kept = {name: value for name, value in members.items() if value not in ([], None)}
    return msgspec.json.encode(kept)


EVERY_RECORD: Mapping[str, Callable[[bytes, Mapping[str, Any], str], bytes]] = {
    "signals_hidden": without_signals,
    "collections_cut": with_cut_collections,
    "collections_empty": with_empty_collections,
    "empty_left_out": without_empty,
}
"""What each of these faults makes of every record of a page."""
