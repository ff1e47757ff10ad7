"""Answers split into records, verbatim: JSON bytes in, tokens out, next to nothing decoded.

Pure. Of a record only the key and what names it are read, never its other values: those are
`reso`'s. A record that is no proper JSON is isolated, so that it doesn't take its page along;
an answer whose structure is broken raises AnswerBroken as a whole.
"""

import codecs
import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from mls_assets import json_scan, moments
from mls_assets.errors import AnswerBroken
from mls_assets.model.records import Reject

#: What is read of a record beside its key, and the status by which RESO says that it is gone.
MODIFIED, STATUS = "ModificationTimestamp", "StandardStatus"
REMOVED_STATUS = b'"Delete"'

KEY_LENGTH = 255
RECORD_BYTES = 16 * 1024 * 1024

_BOM = codecs.BOM_UTF8
_CHUNK = 1024 * 1024
_FAULTS = (msgspec.DecodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Unpacked:
    """An answer taken apart along a path of object members that ends in a list.

    `levels` are the members of the objects on the way, outermost first; the walk ends early
    where a member is missing or no object. `elements` are the list's items verbatim, or None
    where the path does not lead to a list.
    """

    levels: tuple[Mapping[str, Raw], ...]
    elements: tuple[bytes, ...] | None

    def member(self, level: int, name: str) -> Any:
        """A member decoded, None where it, its level, or a meaning is missing."""
        if level >= len(self.levels) or name not in self.levels[level]:
            return None
        return decoded(self.levels[level][name])


def unpack(body: bytes, path: tuple[str, ...]) -> Unpacked:
    """Take an answer apart. Raises AnswerBroken unless it is one JSON object in UTF-8."""
    text = body.removeprefix(_BOM)
    _check_utf8(text)
    try:
        return _descend(text, path)
    except _FAULTS:
        pass
    try:
        skeleton, elements = json_scan.isolate_elements(text, path)
        return Unpacked(_descend(skeleton, path).levels, elements)
    except json_scan.BrokenJson as error:
        raise AnswerBroken(f"it is no proper JSON: {error}") from None
    except _FAULTS:
        raise AnswerBroken("it is no proper JSON") from None


def _descend(text: bytes, path: tuple[str, ...]) -> Unpacked:
    try:
        here = msgspec.json.decode(text, type=dict[str, Raw])
    except msgspec.ValidationError:
        raise AnswerBroken("it is JSON, but no object") from None
    levels = [here]
    for name in path[:-1]:
        inner = here.get(name)
        if inner is None or not _begins(inner, b"{"):
            return Unpacked(tuple(levels), None)
        here = msgspec.json.decode(inner, type=dict[str, Raw])
        levels.append(here)
    last = here.get(path[-1])
    if last is None or not _begins(last, b"["):
        return Unpacked(tuple(levels), None)
    items = msgspec.json.decode(last, type=list[Raw])
    return Unpacked(tuple(levels), tuple(bytes(item) for item in items))


def _begins(token: Raw, bracket: bytes) -> bool:
    return bytes(memoryview(token)[:1]) == bracket


def _check_utf8(text: bytes) -> None:
    """Piecewise, for as one string a page with one emoji takes four bytes a character."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(text), _CHUNK):
            decoder.decode(text[start : start + _CHUNK])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise AnswerBroken("it is no valid UTF-8") from None


@dataclass(frozen=True, slots=True)
class RecordHeader:
    """What is read of a record: its key, and the members asked for that it has, verbatim."""

    key: str
    body: bytes
    members: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class BrokenRecord(Reject):
    """A record that cannot be stored, with the members asked for that can still be made out.

    One value that cannot be read must not hide that the record was removed.
    """

    members: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def reject(self, *, maybe_removed: bool = False) -> Reject:
        """Return the refusal without any content."""
        return Reject(self.problem, self.sha256, self.key, maybe_removed)


def header_of(
    element: bytes, key_field: str, wanted: tuple[str, ...] = ()
) -> RecordHeader | Reject:
    """Read the head of one record, or say why it cannot be stored under a key."""
    names = (key_field, *wanted)
    if len(element) > RECORD_BYTES:
        return _broken(f"a record of {len(element):,} bytes is too large", element, names)
    try:
        record = msgspec.json.decode(element, type=_struct(names))
    except msgspec.ValidationError:
        kind = "null" if element == b"null" else "not an object"
        return reject(f"the record is {kind}", element)
    except _FAULTS:
        return _broken("the record is no proper JSON", element, names)
    members = {
        name: bytes(value)
        for name, value in zip(names, msgspec.structs.astuple(record), strict=True)
        if value is not UNSET
    }
    key = usable_key(members.get(key_field))
    if isinstance(key, Unusable):
        return reject(f"{key_field} {key.problem}", element)
    return RecordHeader(key, element, members)


def reject(
    problem: str, element: bytes, key: str | None = None, *, maybe_removed: bool = False
) -> Reject:
    """A Reject that keeps nothing of the record but its hash."""
    return Reject(problem, hashlib.sha256(element).hexdigest(), key, maybe_removed)


def without(rejects: list[Reject], key: str) -> list[Reject]:
    """The rejects of a page less those of a key that came well behind them."""
    return [rejected for rejected in rejects if rejected.key != key] if rejects else rejects


@functools.cache
def _struct(names: tuple[str, ...]) -> type[msgspec.Struct]:
    fields = [
        (f"f{number}", Raw | UnsetType, msgspec.field(name=name, default=UNSET))
        for number, name in enumerate(names)
    ]
    return msgspec.defstruct("RecordHeader", fields)


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why a token is no key."""

    problem: str


def usable_key(token: bytes | None) -> str | Unusable:
    """A key as it is: never trimmed, never converted. Only a text of printable characters is
    one, since digests list keys by line, and a number has lost digits by the time it is read.
    """
    if token is None:
        return Unusable("is missing")
    if not token.startswith(b'"'):
        return Unusable("is null" if token == b"null" else "is not a text")
    key = decoded(token)
    if not isinstance(key, str):
        return Unusable("is not a readable text")
    if not key.strip():
        return Unusable("is blank")
    if len(key) > KEY_LENGTH:
        return Unusable(f"is longer than {KEY_LENGTH} characters")
    if any(ord(c) < 32 or 127 <= ord(c) < 160 for c in key):
        return Unusable("holds control characters")
    return key


def _broken(problem: str, element: bytes, names: tuple[str, ...]) -> BrokenRecord:
    """A record that is no proper JSON, or too large; `names` begin with its key's."""
    members = json_scan.find_values(element, names)
    key = usable_key(members.get(names[0]))
    sha256 = hashlib.sha256(element).hexdigest()
    return BrokenRecord(problem, sha256, key if isinstance(key, str) else None, members=members)


def decoded(token: bytes | Raw) -> Any:
    """A JSON token as a Python value; None where it has none (a lone surrogate, 1e400)."""
    try:
        return msgspec.json.decode(token)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


def instant(token: bytes | None) -> datetime | None:
    """A JSON timestamp as an aware UTC instant, None where the tables would have none either."""
    text = decoded(token) if token is not None else None
    if not isinstance(text, str):
        return None
    try:
        return moments.parse_timestamp(text).at
    except moments.NoMoment:
        return None
