"""Records to columns of raw JSON tokens, and what is no column to `local` and `hidden`.

Nothing is decoded here but names. A usual record goes the fast way (`layout`); one that is
unusual in any way goes the slow way (`json_scan`), to the same result. Which name is what is the
dialect's decision, handed in as a `FieldMapping`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
from msgspec import Raw

from mls_assets import json_scan
from mls_assets.model.resources import MAX_FIELD_NAMES
from mls_assets.reso.filing import (
    WITHHELD,
    FieldMapping,
    FieldRole,
    ParsedRecord,
    json_object,
    left_out,
    member,
)
from mls_assets.reso.layout import StructDecoder

_BLOCK = 100
#: Names that a struct can have for a field: written in JSON without an escape.
_PLAIN_NAME = re.compile(r'[^"\\\x00-\x1f]+')
_TOKEN = msgspec.json.Decoder(Raw)
_TOKENS = msgspec.json.Decoder(dict[str, Raw])
_ELEMENTS = msgspec.json.Decoder(list[Raw])


@dataclass(slots=True)
class Split:
    """What a batch of records was split into; all lists but the last three run with `rows`.

    `rows` are the positions of the records that could be split. `superseded` are (position, name,
    token) of values that a later one of the same name replaced; `unusable` are (position, name,
    token, problem) of values that no JSON decoder takes; `broken` are (position, problem).
    """

    columns: dict[str, list[Raw | None]]
    rows: list[int] = field(default_factory=list)
    local: list[str | None] = field(default_factory=list)
    hidden: list[list[str]] = field(default_factory=list)
    superseded: list[tuple[int, str, bytes]] = field(default_factory=list)
    unusable: list[tuple[int, str, bytes, str]] = field(default_factory=list)
    broken: list[tuple[int, str]] = field(default_factory=list)


def list_elements(body: bytes) -> list[bytes] | None:
    """The elements of a JSON list; None if it is no list. One of them may be no proper JSON."""
    try:
        return [bytes(element) for element in _ELEMENTS.decode(body)]
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        body.decode()
        return json_scan.scan_elements(body)
    except ValueError:
        return None


class RecordParser:
    """Splits the records of one feed and resource; it learns names, and nothing else, as it goes.

    What it has learned changes its speed only, never a result.
    """

    def __init__(self, filing: FieldMapping) -> None:
        self._filing = filing
        self._layout = self._arranged([])

    def split(self, bodies: Sequence[bytes]) -> Split:
        """Split records into columns of tokens; see `Split`."""
        split = Split({name: [] for name in self._filing.columns})
        for start in range(0, len(bodies), _BLOCK):
            self._split_block(bodies[start : start + _BLOCK], start, split)
        return split

    def _split_block(self, bodies: Sequence[bytes], start: int, split: Split) -> None:
        layout = self._layout
        filed = [layout.file(body) for body in bodies]
        unusual = [position for position, record in enumerate(filed) if record is None]
        if unusual and self._learn([bodies[position] for position in unusual]):
            for position in unusual:
                filed[position] = self._layout.file(bodies[position])
        done: list[ParsedRecord] = []
        for position, record in enumerate(filed, start):
            record = record or self._file_slowly(bodies[position - start], position, split)
            if record:
                split.rows.append(position)
                split.local.append(record.local)
                split.hidden.append(record.hidden)
                done.append(record)
        by_column = zip(*(record.tokens for record in done), strict=True)
        for column, tokens in zip(split.columns.values() if done else (), by_column, strict=True):
            column.extend(tokens)

    def _arranged(self, names: list[str]) -> StructDecoder:
        known = set(names)
        return StructDecoder(
            [*names, *(name for name in self._filing.columns if name not in known)], self._filing
        )

    def _learn(self, bodies: Sequence[bytes]) -> bool:
        """Take up the names that these records have and the layout has not, in their order."""
        names = list(self._layout.names)
        for body in bodies:
            try:
                met = list(_TOKENS.decode(body))
            except (msgspec.DecodeError, RecursionError):
                continue
            names = _merged(names, [name for name in met if _PLAIN_NAME.fullmatch(name)])
        if len(names) == len(self._layout.names) or len(names) > MAX_FIELD_NAMES:
            return False
        self._layout = self._arranged(names)
        return True

    def _file_slowly(self, body: bytes, position: int, split: Split) -> ParsedRecord | None:
        try:
            body.decode()
            found = json_scan.scan_members(body)
        except UnicodeDecodeError:
            split.broken.append((position, "the record is not UTF-8"))
            return None
        except json_scan.BrokenJson as error:
            split.broken.append((position, f"the record is no JSON object: {error}"))
            return None
        tokens: dict[str, bytes] = {}
        for literal, token in found:
            name = _decoded(literal)
            problem = "a name with half a surrogate pair" if name is None else _problem(token)
            if name is not None and name in tokens:
                split.superseded.append((position, name, tokens.pop(name)))
            if name is None or problem:
                split.unusable.append((position, name or literal[1:-1].decode(), token, problem))
            else:
                tokens[name] = token
        roles = {name: self._filing.role(name) for name in tokens}
        return ParsedRecord(
            tuple(Raw(tokens[name]) if name in tokens else None for name in self._filing.columns),
            json_object(
                member(name, tokens[name])
                for name in sorted(tokens)
                if not left_out(roles[name], tokens[name])
            ),
            sorted(
                self._filing.withheld(name)
                for name, token in tokens.items()
                if roles[name] is FieldRole.WITHHELD and token == WITHHELD
            ),
        )


def _merged(names: list[str], met: Sequence[str]) -> list[str]:
    """Put names met for the first time behind the one that they followed."""
    known = set(names)
    if known.issuperset(met):
        return names
    behind: dict[str | None, list[str]] = {}
    before: str | None = None
    for name in met:
        if name in known:
            before = name
        else:
            behind.setdefault(before, []).append(name)
    merged = behind.pop(None, [])
    for name in names:
        merged.append(name)
        merged.extend(behind.get(name, ()))
    return merged


def _decoded(literal: bytes) -> str | None:
    try:
        return msgspec.json.decode(literal, type=str)
    except msgspec.DecodeError:
        return None


def _problem(token: bytes) -> str:
    """Why a decoder refuses this token; empty if it does not."""
    try:
        _TOKEN.decode(token)
    except RecursionError:
        return "nested too deeply"
    except msgspec.DecodeError:
        if re.search(rb"\\u[dD][89a-fA-F]", token):
            return "half a surrogate pair, which is no character"
        return "not JSON"
    return ""
