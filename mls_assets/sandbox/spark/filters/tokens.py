"""Cuts the text of a `$filter` into tokens with their positions; knows no grammar."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mls_assets.sandbox.spark.errors import bad_request

_TOKEN = re.compile(
    r"""(?P<space>[ \t]+)
    | (?P<shape>geography'[^']*')
    | (?P<string>'(?:[^']|'')*')
    | (?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)
    | (?P<date>\d{4}-\d\d-\d\d)
    | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    | (?P<name>[A-Za-z_][\w.]*)
    | (?P<mark>[(),])""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """kind: shape, string, moment, date, number, name, mark or end; start: offset in the text."""

    kind: str
    text: str
    start: int


def tokenize(text: str) -> list[Token]:
    """All tokens, with an `end` token last. Raises a 400 refusal at a character that fits none.

    A word needs a boundary: `gt5` is a name, `5gt` is refused, as `1and` or a date glued to a
    word would otherwise pass unnoticed.
    """
    tokens: list[Token] = []
    position = 0
    glued = False
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise bad_request(f"The $filter has an unexpected character at position {position}.")
        kind = match.lastgroup or ""
        worded = kind not in ("space", "mark")
        if worded and glued:
            raise bad_request(f"The $filter lacks a space at position {position}.")
        if kind != "space":
            tokens.append(Token(kind, match.group(), position))
        glued = worded
        position = match.end()
    return [*tokens, Token("end", "", len(text))]
