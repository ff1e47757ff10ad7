"""What Forge's answers say: pages of events, positions, MLSs, and GraphQL's `errors`. Pure.

`errors` in an answer means that nothing of it is applied, whatever `data` came along: engines
answer 200 with 499 results and a null, or with `mls: null`, when one resolver failed.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Raw

from mls_assets import json_scan
from mls_assets.errors import (
    AccessLost,
    AnswerBroken,
    CursorWentBack,
    SourceError,
    SourceRefused,
    TokenRefused,
)
from mls_assets.model.records import RawRecord, Reject, Removal
from mls_assets.model.resources import Reason, Resource
from mls_assets.sources.forge.queries import DELETED, ForgeShape, Mls, MlsList
from mls_assets.sources.transport.links import shown_text
from mls_assets.sources.transport.records import (
    MODIFIED,
    REMOVED_STATUS,
    STATUS,
    BrokenRecord,
    RecordHeader,
    Unpacked,
    Unusable,
    decoded,
    header_of,
    instant,
    reject,
    unpack,
    usable_key,
    without,
)
from mls_assets.sources.transport.vendor_errors import ErrorKind, ErrorVerdict, classify_graphql

#: A number as a text; it is stored in 64 bits.
_DIGITS = re.compile(r"[0-9]{1,18}")
_NOTHING = (b"null", b"[]", b'""')


class AnsweredErrors(Exception):
    """A GraphQL answer with `errors`; `verdict` says what they mean."""

    def __init__(self, verdict: ErrorVerdict, digest: str) -> None:
        super().__init__(verdict.reason)
        self.verdict, self.digest = verdict, digest


@dataclass(frozen=True, slots=True)
class Position:
    """Where an MLS's event log stands as seen from a cursor; `remaining` None if unusable."""

    latest_event: int
    remaining: int | None


@dataclass(frozen=True, slots=True)
class EventPage:
    """One answer of events, read."""

    position: Position
    records: tuple[RawRecord, ...]
    removals: tuple[Removal, ...]
    rejects: tuple[Reject, ...]


def data_of(body: bytes) -> Mapping[str, Any]:
    """The `data` of an answer without `errors`, decoded. Raises AnsweredErrors, AnswerBroken."""
    answer = unpack(body, ("data", "-"))
    _check_errors(answer, body)
    data = answer.member(0, "data")
    if not isinstance(data, dict):
        raise AnswerBroken("it has no data")
    return data


def events_of(body: bytes, shape: ForgeShape) -> EventPage | None:
    """Read an answer of events; None if it says `mls: null`.

    Raises AnsweredErrors, or AnswerBroken for whatever is no proper envelope, and for a
    tombstone without a key: nobody could say what to remove.
    """
    answer = unpack(body, ("data", "mls", shape.query, "results"))
    _check_errors(answer, body)
    if len(answer.levels) < 2:
        raise AnswerBroken("it has no data")
    if len(answer.levels) < 3:
        if answer.levels[1].get("mls") is not None and answer.member(1, "mls") is None:
            return None
        raise AnswerBroken("its data hold no mls")
    if len(answer.levels) < 4 or answer.elements is None:
        raise AnswerBroken(f"it has no list of {shape.query}")
    position = _position(answer.member(3, "latest_event"), answer.member(3, "remaining"))
    records: dict[str, RawRecord] = {}
    removals: dict[str, Removal] = {}
    rejects: list[Reject] = []
    for element in answer.elements:
        match _event_of(element, shape):
            case Reject() as rejected:
                rejects.append(rejected)
                if rejected.key and not rejected.maybe_removed:
                    removals.pop(rejected.key, None)  # it is there again, whatever it is
            case Removal() as removal:  # the last word on a key in a batch counts
                records.pop(removal.key, None)
                rejects = without(rejects, removal.key)
                removals[removal.key] = removal
            case RawRecord() as record:
                removals.pop(record.key, None)
                records.pop(record.key, None)
                rejects = without(rejects, record.key)
                records[record.key] = record
    return EventPage(
        position,
        tuple(records.values()),
        tuple(removals.values()),
        tuple(rejects),
    )


def _event_of(element: bytes, shape: ForgeShape) -> RawRecord | Removal | Reject:
    """One result: a record, a removal, or neither.

    Removed is what has a tombstone (only JSON's `true` is one) or RESO's status "Delete", even
    beside values that cannot be read.
    """
    head = header_of(element, shape.key_field, (DELETED, STATUS, MODIFIED))
    if isinstance(head, Reject) and not isinstance(head, BrokenRecord):
        if _is_tombstone(element):
            raise AnswerBroken(f"it has a tombstone whose {head.problem}")
        return head
    broken = isinstance(head, BrokenRecord)
    deleted = head.members.get(DELETED, b"" if broken else b"null")
    if head.key is None:
        if deleted == b"true":
            raise AnswerBroken(f"it has a tombstone whose {shape.key_field} cannot be read")
        return head.reject()
    if deleted == b"true":
        return Removal(head.key, Reason.TOMBSTONE)
    modified = instant(head.members.get(MODIFIED))
    sure = deleted in (b"null", b"false")
    listed_as_deleted = head.members.get(STATUS) == REMOVED_STATUS
    if sure and listed_as_deleted and shape.resource is Resource.PROPERTY:
        return Removal(head.key, Reason.STATUS_DELETE, modified)
    if broken:
        return head.reject(maybe_removed=not sure)
    if not sure:
        problem = f"{DELETED} is {shown_text(deleted.decode(), 20)}, neither true nor null"
        return reject(problem, element, head.key, maybe_removed=True)
    if _says_nothing(head, shape):
        problem = "all its fields are null, yet it is not deleted"
        return reject(problem, element, head.key, maybe_removed=True)
    return RawRecord(head.key, head.body, modified)


def _is_tombstone(element: bytes) -> bool:
    return json_scan.find_values(element, (DELETED,)).get(DELETED) == b"true"


def _says_nothing(head: RecordHeader, shape: ForgeShape) -> bool:
    record = msgspec.json.decode(head.body, type=dict[str, Raw])
    others = [bytes(v) for name, v in record.items() if name not in (DELETED, shape.key_field)]
    return bool(others) and all(value in _NOTHING for value in others)


def _position(latest_event: object, remaining: object) -> Position:
    event_id = _whole(latest_event)
    if event_id is None:
        raise AnswerBroken("its latest_event is no event id")
    return Position(event_id, _whole(remaining))


def _whole(number: object) -> int | None:
    """A number from 0 up, None if it is none; as a text engines send what may exceed an Int."""
    if isinstance(number, str) and _DIGITS.fullmatch(number):
        return int(number)
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        return None
    return number


def mlses_of(body: bytes) -> MlsList:
    """The MLSs that an answer lists, each key once.

    An entry without a usable key is no other's trouble. Raises AnsweredErrors, or AnswerBroken for
    what is no list, and for one of which no entry is usable.
    """
    listed = data_of(body).get("mlses")
    if not isinstance(listed, list):
        raise AnswerBroken("it lists no MLSs")
    found: dict[str, Mls] = {}
    odd: list[str] = []
    for entry in listed:
        key = _mls_key(entry)
        if isinstance(key, Unusable):
            odd.append(f"Forge lists an MLS whose key {key.problem}, so it is left out")
            continue
        states = entry.get("state") or []
        states = states if isinstance(states, list) else [states]
        name, address = entry.get("name"), entry.get("address")
        found[key] = Mls(
            key,
            name if isinstance(name, str) and name else key,
            address if isinstance(address, str) else None,
            tuple(state for state in states if isinstance(state, str)),
        )
    if odd and not found:
        raise AnswerBroken(f"it lists no MLS with a usable key ({len(odd):,} without)")
    return MlsList(tuple(found.values()), tuple(odd))


def _mls_key(entry: object) -> str | Unusable:
    if not isinstance(entry, dict):
        return Unusable("is missing")
    return usable_key(msgspec.json.encode(entry.get("key")))


def positions_of(
    body: bytes, shape: ForgeShape, asked: Sequence[tuple[str, int]]
) -> dict[str, Position | SourceError]:
    """Read the answer to a question for several positions: per MLS, a position or an error.

    An error counts for the alias in its `path`, one without such a path for all. Raises
    AnsweredErrors where no data came, TokenRefused where one of all speaks of the token, and
    AnswerBroken if it is no answer at all.
    """
    answer = unpack(body, ("data", "-"))
    data = answer.member(0, "data")
    if not isinstance(data, dict):
        _check_errors(answer, body)
        raise AnswerBroken("it has no data")
    errors = _errors(answer)
    found: dict[str, Position | SourceError] = {}
    for number, (mls, after) in enumerate(asked):
        alias = f"m{number}"
        mine = [error for error in errors if _alias(error) in (alias, None)]
        found[mls] = _one_position(mls, after, mine, data.get(alias, {}), shape)
    return found


def _one_position(
    mls: str, after: int, errors: Sequence[Any], answered: object, shape: ForgeShape
) -> Position | SourceError:
    name = shown_text(mls, 60)
    if errors:
        verdict = classify_graphql(list(errors), partial=False)
        text = f"{name}: {verdict.sentence()}. Its events were not looked at."
        if verdict.kind is ErrorKind.ACCESS and _alias(errors[0]) is not None:
            return AccessLost(text)  # of this MLS: the token may ask about the others
        if verdict.kind is ErrorKind.ACCESS:
            raise TokenRefused(text)
        return SourceRefused(text)
    if answered is None:
        return AccessLost(f"{name} is unknown to the source, or access to it has ended.")
    inner = answered.get(shape.query) if isinstance(answered, dict) else None
    if not isinstance(inner, dict):
        return AnswerBroken(f"{name}: the answer tells no position.")
    try:
        position = _position(inner.get("latest_event"), inner.get("remaining"))
    except AnswerBroken as error:
        return AnswerBroken(f"{name}: {error}.")
    if position.latest_event < after:
        return went_back(name, after, position.latest_event)
    return position


def went_back(where: str, after: int, latest_event: int) -> CursorWentBack:
    """The error for a log that ends before our cursor: it was reset."""
    return CursorWentBack(
        f"{where}: the source's latest event is {latest_event:,}, but {after:,} was already "
        "handled here, so its log was reset. Nothing was applied; the feed needs a replay."
    )


def _alias(error: object) -> str | None:
    path = error.get("path") if isinstance(error, dict) else None
    first = path[0] if isinstance(path, list) and path else None
    return first if isinstance(first, str) else None


def _check_errors(answer: Unpacked, body: bytes) -> None:
    if errors := _errors(answer):
        partial = answer.member(0, "data") is not None
        digest = hashlib.sha256(body).hexdigest()
        raise AnsweredErrors(classify_graphql(errors, partial=partial), digest)


def _errors(answer: Unpacked) -> list[Any]:
    """The `errors` of an answer; a malformed member counts as an error too."""
    raw = answer.levels[0].get("errors")
    if raw is None or bytes(raw) in (b"null", b"[]"):
        return []
    errors = decoded(raw)
    return errors if isinstance(errors, list) and errors else [{"message": "unreadable errors"}]
