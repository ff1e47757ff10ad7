"""What becomes of each field of a record, in the words that a dialect uses to say it.

The vocabulary of `split` and the dialects belongs here, and what follows from a role alone; which
field has which role is a dialect's decision.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto

import msgspec
from msgspec import Raw

#: The value of an annotation which says that a field is withheld.
WITHHELD = b'"None"'


class FieldRole(Enum):
    """What becomes of a field."""

    COLUMN = auto()  # a column, or taken apart by the dialect
    LOCAL = auto()  # kept verbatim in local_fields
    WITHHELD = auto()  # says that another field is withheld: that field's name to hidden_fields
    ENVELOPE = auto()  # speaks of the answer, not of the record: dropped
    CHILDREN = auto()  # an array is stored as a child set by the landing; anything else is local
    EXPANSION = auto()  # local if there is anything in it


@dataclass(frozen=True)
class FieldMapping:
    """How one source's records of one resource are to be filed.

    `columns` are the names to be handed out as columns of tokens; `role` says what any other name
    is (a name in `columns` may be LOCAL as well); `withheld` is the name that an annotation of
    the role WITHHELD speaks of.
    """

    columns: tuple[str, ...]
    role: Callable[[str], FieldRole]
    withheld: Callable[[str], str] = str


@dataclass(slots=True)
class ParsedRecord:
    """One record: its tokens in the order of FieldMapping.columns, its local text, its hidden
    names."""

    tokens: tuple[Raw | None, ...]
    local: str | None
    hidden: list[str]


def member(name: str, token: bytes | Raw) -> bytes:
    """One member of an object, as JSON text."""
    return msgspec.json.encode(name) + b":" + token


def json_object(members: Iterable[bytes]) -> str | None:
    """An object's JSON text from that of its members; None if it has none."""
    text = b",".join(members)
    return f"{{{text.decode()}}}" if text else None


def left_out(role: FieldRole, token: bytes) -> bool:
    """Whether a field with this role has no place in local_fields."""
    match role:
        case FieldRole.COLUMN | FieldRole.ENVELOPE:
            return True
        case FieldRole.WITHHELD:
            return token == WITHHELD
        case FieldRole.CHILDREN:
            return token == b"null" or token.startswith(b"[")
        case FieldRole.EXPANSION:
            return token.translate(None, b" \t\r\n") in (b"null", b"[]", b"{}")
        case FieldRole.LOCAL:
            return False
