"""Whether a stored value is what the source sent: the demo's own judgement, value by value.

Written without the normaliser on purpose, and looser than it (spelling of options, order of
nothing): it is there to catch a value that is wrong, lost or in the wrong place.
"""

import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

#: What sources put beside fields: annotations, and collections that have tables of their own.
_NOT_A_FIELD = ("@", "Media", "Room", "Rooms", "Unit", "UnitTypes", "OpenHouse", "CustomFields")


def read_json(text: str) -> Any:
    """Return JSON with every number as its own characters, so that `1.10` stays `1.10`."""
    return json.loads(text, parse_float=str, parse_int=str)


def differences(sent: Mapping[str, Any], stored: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the fields whose stored value is not the one sent.

    `sent` is a record as `read_json` gives it, `stored` a row of `listings`; what has no column
    is looked for in `local_fields`.
    """
    local = read_json(stored["local_fields"] or "{}")
    for name, value in sent.items():
        if name in _NOT_A_FIELD or "@" in name:
            continue
        if name in stored:
            if not same(value, stored[name]):
                yield name
        elif value is not None and not (name in local and local[name] == value):
            yield name


def same(sent: Any, stored: Any) -> bool:
    """Return whether one value arrived; the stored one has its column's type."""
    if sent is None or stored is None:
        return sent is None and stored is None
    if isinstance(stored, bool):
        return str(sent).lower() in (("true", "y", "1") if stored else ("false", "n", "0"))
    if isinstance(stored, int | float):
        return math.isclose(float(sent), stored, rel_tol=0, abs_tol=0)
    if isinstance(stored, datetime):
        return _moment(sent) == stored.astimezone(UTC)
    if isinstance(stored, date):
        return str(sent)[:10] == stored.isoformat()
    if isinstance(stored, list):
        items = sent if isinstance(sent, list) else str(sent).split(",") if sent else []
        return [_folded(item) for item in items] == [_folded(item) for item in stored]
    return sent == stored or _folded(sent) == _folded(stored)


def _moment(sent: Any) -> datetime:
    moment = datetime.fromisoformat(str(sent))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _folded(value: Any) -> str:
    """Return the letters and digits of a text: `ActiveUnderContract` is `Active Under Contract`.

    A list in a text column, or the reverse, is compared by its items joined.
    """
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return "".join(character for character in text.casefold() if character.isalnum()) or text
