"""Reading JSON by its quotes, brackets, commas and colons alone: parts as sent, in order. Pure.

The slow way, for what a decoder refuses (NaN, a bad escape, a value left out) or hides (a name that
comes twice): it finds where parts begin and end, so that one fault stays in one record or one
value. What a value means is not its matter. Texts are UTF-8.
"""

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

import msgspec

_TEXT = rb'"(?:[^"\\]++|\\.)*+"'
# A text (a name with its colon), a mark, or a bare word.
_TOKEN = re.compile(rb'%b(?:[ \t\r\n]*+:)?|["\[\]{}:,]|[^ \t\r\n"\[\]{}:,]++' % _TEXT, re.DOTALL)
# All up to the next bracket, texts included: what lies deeper than anyone looks.
_FLAT = re.compile(rb'(?:[^"\[\]{}]++|%b)*+' % _TEXT, re.DOTALL)
_SPACE = b" \t\r\n"
_CLOSER = {b"[": b"]", b"{": b"}"}
_KIND = {b"[": "list", b"{": "object"}
_COLON, _NAME = b":", b'":'
#: A name, a value, and whatever is too much.
_PART_TOKENS = 3


class BrokenJson(ValueError):
    """It cannot be said where the parts of a text begin and end.

    The message is a clause that says why; it never holds what the text says.
    """


class _Token(NamedTuple):
    """A text, a bare word, a mark, a name with its colon, or a whole object or list.

    `mark` is its first byte, of a name `_NAME`.
    """

    mark: bytes
    begin: int
    end: int


def scan_members(text: bytes) -> list[tuple[bytes, bytes]]:
    """Return each member of an object: its name (a JSON text with quotes) and its value.

    A value is one text, one bare word, or one object or list whose brackets pair up; it may be no
    proper JSON. Raises BrokenJson where the text is not one object of such members.
    """
    found: list[tuple[bytes, bytes]] = []
    for number, part in enumerate(_parts(text, b"{"), 1):
        if len(part) != 2 or part[0].mark != _NAME or part[1].mark in (_NAME, _COLON):
            raise BrokenJson(f"member {number} is no name with one value")
        name, value = part
        found.append((_literal(text, name), text[value.begin : value.end]))
    return found


def scan_elements(text: bytes) -> list[bytes]:
    """Return each element of a list, which is a value as in `scan_members`.

    Raises BrokenJson where the text is not one list of such elements.
    """
    found: list[bytes] = []
    for number, part in enumerate(_parts(text, b"["), 1):
        if len(part) != 1 or part[0].mark in (_NAME, _COLON):
            raise BrokenJson(f"element {number} is not one value")
        found.append(text[part[0].begin : part[0].end])
    return found


def isolate_elements(text: bytes, path: tuple[str, ...]) -> tuple[bytes, tuple[bytes, ...]]:
    """Return the text without the elements of the list at `path`, and these elements.

    `path` names members of objects, outermost first. An element is whatever stands between two
    commas: it may be empty, or more than one value. Raises BrokenJson where quotes or brackets do
    not pair up, or there is no such list: then it cannot be said where an element ends.
    """
    begin = end = 0
    for name in path:
        found = [
            value
            for member, value in _named_values(text, begin)
            if member == name and value.mark in _KIND
        ]
        if not found:
            raise BrokenJson("it has no such list")
        _, begin, end = found[-1]
    elements = tuple(
        text[part[0].begin : part[-1].end] if part else b"" for part in _parts(text, b"[", begin)
    )
    return text[:begin] + b"[]" + text[end:], elements


def find_values(text: bytes, names: Collection[str]) -> dict[str, bytes]:
    """Return those of some members of an object that can be made out, with their values as sent.

    Of a member that comes twice the last one counts, as it does for a decoder.
    """
    try:
        last = {name: value for name, value in _named_values(text) if name in names}
    except BrokenJson:
        return {}
    values = {name: text[value.begin : value.end] for name, value in last.items()}
    return {name: value for name, value in values.items() if value not in (b",", b":")}


def _named_values(text: bytes, begin: int = 0) -> Iterator[tuple[str, _Token]]:
    """Yield each name with what follows its colon, whatever else of the object is amiss."""
    before: _Token | None = None
    for token in _inside(text, b"{", begin):
        if before and before.mark == _NAME:
            name = _decoded(_literal(text, before))
            if name is not None:
                yield name, token
        before = token


def _literal(text: bytes, token: _Token) -> bytes:
    return text[token.begin : token.end - 1].rstrip(_SPACE)


def _decoded(literal: bytes) -> str | None:
    try:
        return msgspec.json.decode(literal, type=str)
    except msgspec.DecodeError:
        return None


def _parts(text: bytes, opener: bytes, begin: int = 0) -> Iterator[list[_Token]]:
    """Yield what stands between two commas, once for each; of a long part its two ends."""
    part: list[_Token] = []
    commas = 0
    for token in _inside(text, opener, begin):
        if token.mark == b",":
            yield part
            part, commas = [], commas + 1
        elif len(part) < _PART_TOKENS:
            part.append(token)
        else:
            part[-1] = token
    if part or commas:
        yield part


def _inside(text: bytes, opener: bytes, begin: int) -> Iterator[_Token]:
    """Yield the tokens in the object or list that begins at `begin`; one within is one token.

    Raises BrokenJson if it has no end, or is not all of the text that begins at 0.
    """
    opened = _TOKEN.search(text, begin)
    if not opened or opened[0] != opener:
        raise BrokenJson(f"it is no JSON {_KIND[opener]}")
    at = opened.end()
    while found := _TOKEN.search(text, at):
        mark, start, at = found[0][:1], found.start(), found.end()
        if mark in _CLOSER:
            at = _closing_end(text, start)
        elif mark == _CLOSER[opener]:
            if not begin and text[at:].strip(_SPACE):
                raise BrokenJson("it goes on behind its end")
            return
        elif mark in (b"]", b"}"):
            raise BrokenJson("its brackets do not pair up")
        elif found[0] == b'"':
            raise BrokenJson("a text has no end")
        elif mark == b'"' and found[0][-1:] == _COLON:
            mark = _NAME
        yield _Token(mark, start, at)
    raise BrokenJson("it broke off")


def _closing_end(text: bytes, at: int) -> int:
    """Return the end of the object or list that begins here."""
    expected: list[bytes] = []
    while True:
        mark, at = text[at : at + 1], at + 1
        if mark in _CLOSER:
            expected.append(_CLOSER[mark])
        elif not mark:
            raise BrokenJson("it broke off")
        elif mark == b'"':
            raise BrokenJson("a text has no end")
        elif mark != expected.pop():
            raise BrokenJson("its brackets do not pair up")
        if not expected:
            return at
        flat = _FLAT.match(text, at)
        at = flat.end() if flat else at
