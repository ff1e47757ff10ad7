"""An independent look at a row: is every member of the record explained, and nothing invented?

It works backwards from the row to the source's text, so it shares no conversion with the code.
"""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from mls_assets.model.resources import KEY_FIELDS, Resource
from mls_assets.reso import dictionary
from mls_assets.reso.dictionary import DictionaryField, FieldType

Members = Sequence[tuple[str, str]]
#: Digits of a timestamp beyond the microsecond that say something.
_FINER = re.compile(r"\.\d{6}0*[1-9]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_DECODER = json.JSONDecoder()


def members_of(text: str) -> list[tuple[str, str]]:
    """The members of an object: names decoded, values as sent (by the standard library)."""
    found, place = [], re.compile(r"\s*\{\s*").match(text).end()
    while text[place] != "}":
        name, place = _DECODER.raw_decode(text, place)
        place = re.compile(r"\s*:\s*").match(text, place).end()
        _, end = _DECODER.raw_decode(text, place)
        found.append((name, text[place:end]))
        place = re.compile(r"\s*,?\s*").match(text, end).end()
    return found


def unexplained(
    resource: Resource,
    members: Members,
    row: dict[str, Any],
    rejected: list[dict[str, Any]],
    *,
    children: Iterable[str] = (),
    expansions: Iterable[str] = (),
) -> list[str]:
    """Say what does not agree between a Spark record, its row and its rejected values."""
    faults: list[str] = []
    fields = dictionary.fields_of(resource)
    last = dict(members)
    local = dict(members_of(row["local_fields"])) if row["local_fields"] is not None else {}
    if row["local_fields"] == "{}":
        faults.append("local_fields is an empty object")
    notes = {(note["field"], note["value"]) for note in rejected}
    explained: set[tuple[Any, Any]] = set()
    hidden = set()

    def noted(name: str, token: str) -> bool:
        note = (_name_as_sent(name), _as_sent(token))
        explained.add(note)
        return note in notes

    later: set[str] = set()
    for name, token in reversed(members):
        if name in later and not noted(name, token):
            faults.append(f"an earlier {name!r} is not told of")
        later.add(name)
    for name, token in last.items():
        cell = row.get(name) if name in fields else None
        if _SURROGATE.search(name) or _unstorable(token):
            if cell is not None and name != KEY_FIELDS[resource]:
                faults.append(f"{name!r} holds something")
            if not noted(name, token):
                faults.append(f"{name!r} cannot be stored and is not told of")
        elif name in fields:
            if token == "null":
                agrees = cell is None
            elif cell is None:
                agrees = noted(name, token)
            else:
                agrees = _agree(fields[name], token, cell)
                if fields[name].type is FieldType.TIMESTAMP and _FINER.search(token):
                    agrees = agrees and noted(name, token)
            if not agrees:
                faults.append(f"{name!r}: {token[:60]} became {cell!r}")
        elif name.endswith("@Core.Permissions") and token == '"None"':
            hidden.add(name.removesuffix("@Core.Permissions"))
        elif (
            "@odata." in name
            or ("@" in name and "." not in name.rpartition("@")[2])
            or (name in children and (token == "null" or token.startswith("[")))
            or (name in expansions and not json.loads(token) and token[0] in "n[{")
        ):
            continue
        elif local.pop(name, None) != token:
            faults.append(f"{name!r} is not in local_fields as sent")
    faults += [f"local {name!r} was never sent" for name in local]
    if row["hidden_fields"] != sorted(hidden):
        faults.append(f"hidden_fields are {row['hidden_fields']}")
    for name in fields:
        if row[name] is not None and name not in last and name != KEY_FIELDS[resource]:
            faults.append(f"{name} was never sent")
    faults += [f"nothing explains the rejected {note}" for note in notes - explained]
    return faults


def _unstorable(token: str) -> bool:
    return bool(_SURROGATE.search(json.dumps(json.loads(token), ensure_ascii=False)))


def _name_as_sent(name: str) -> str:
    return json.dumps(name)[1:-1] if _SURROGATE.search(name) else name


def _as_sent(token: str) -> str:
    text = json.loads(token) if token.startswith('"') else token
    return (token if _SURROGATE.search(text) else text)[:1000]


def _characters(token: str) -> str:
    return json.loads(token) if token.startswith('"') else token


def _agree(field: DictionaryField, token: str, cell: Any) -> bool:
    text = _characters(token)
    if field.type is FieldType.LIST:
        return _lists_agree(field, token, cell)
    if token[0] in "[{":
        return False
    match field.type:
        case FieldType.TEXT:
            return cell in _spellings(field, text)
        case FieldType.INTEGER:
            return isinstance(cell, int) and Decimal(text) == cell
        case FieldType.DECIMAL:
            return isinstance(cell, float) and float(text) == cell
        case FieldType.BOOLEAN:
            return text.lower() in (("y", "true", "1") if cell else ("n", "false", "0"))
        case FieldType.DATE:
            return cell.isoformat() == text[:10]
    moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.upper()))
    return cell == (moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _spellings(field: DictionaryField, text: str) -> set[str]:
    legacy = field.lookup.legacy if field.lookup else {}
    return {legacy[text]} if text in legacy else {text}


def _lists_agree(field: DictionaryField, token: str, cell: list[str]) -> bool:
    if token.startswith("["):
        items = json.loads(token)
        return len(items) == len(cell) and all(
            isinstance(item, str) and value in _spellings(field, item)
            for item, value in zip(items, cell, strict=True)
        )
    text, known = json.loads(token), field.lookup.legacy.values() if field.lookup else ()
    if not set(cell).isdisjoint(known):
        return True
    return re.sub(" *, *", ",", text).strip(" ") == re.sub(" *, *", ",", ",".join(cell)).strip(" ")
