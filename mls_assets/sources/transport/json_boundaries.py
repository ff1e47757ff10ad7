"""Reading broken JSON by its quotes and brackets alone, so that one fault stays in one record.

The slow path of `split`: for answers in which something is no proper JSON (NaN, a bad escape, a
value left out). Pure; decides nothing about records but where each begins and ends.
"""

import re
from collections.abc import Iterator

from mls_assets.errors import AnswerBroken

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{}:,]', re.DOTALL)
# All up to the next bracket, texts included: what lies deeper than anyone looks.
_FLAT = re.compile(rb'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
_OPENER = {b"]": b"[", b"}": b"{"}


def isolate_records(text: bytes, path: tuple[str, ...]) -> tuple[bytes, tuple[bytes, ...]]:
    """The answer without the items of the list at `path`, and these items.

    Raises AnswerBroken where brackets or quotes do not pair up, or there is no such list: then
    it cannot be said where a record ends.
    """
    wanted = _names(path)
    begin = edge = end = -1
    items: list[bytes] = []
    for found, names in _scan(text, len(wanted) + 1):
        token, inside = found[0], begin >= 0 > end
        if token == b"[" and begin < 0 and names == wanted:
            begin = edge = found.end()
        elif token == b"," and inside and len(names) == len(wanted) + 1:
            items.append(text[edge : found.start()].strip())
            edge = found.end()
        elif token == b"]" and inside and len(names) == len(wanted):
            end = found.start()
            if items or text[edge:end].strip():
                items.append(text[edge:end].strip())
    if end < 0:
        raise AnswerBroken("it is no proper JSON, and no list of records can be made out")
    return text[:begin] + text[end:], tuple(items)


def text_member(text: bytes, name: str) -> bytes | None:
    """The text (with its quotes) that an object has as this member, if one can be made out."""
    wanted, colon = _names((name,)), -1
    try:
        for found, names in _scan(text, 1):
            if found[0] == b":":
                colon = found.end() if names == wanted else -1
            elif colon >= 0:
                direct = found[0].startswith(b'"') and not text[colon : found.start()].strip()
                return found[0] if direct else None
    except AnswerBroken:
        pass  # what came before the fault did not hold the member
    return None


def _names(path: tuple[str, ...]) -> list[bytes | None]:
    return [f'"{name}"'.encode() for name in path]


def _scan(text: bytes, depth: int) -> Iterator[tuple[re.Match[bytes], list[bytes | None]]]:
    """Quotes, brackets, colons and commas, with the current member name of each open bracket.

    Below `depth` only brackets are given. A bracket comes with the names around it, itself
    excluded.
    """
    names: list[bytes | None] = []
    opened: list[bytes] = []
    last_text: bytes | None = None
    at = 0
    while found := _TOKEN.search(text, _past_flat(text, at) if len(names) > depth else at):
        token, at = found[0], found.end()
        if token in (b"[", b"{"):
            yield found, names
            names.append(None)
            opened.append(token)
            continue
        if token in (b"]", b"}"):
            if not opened or opened.pop() != _OPENER[token]:
                raise AnswerBroken("it is no proper JSON: its brackets do not pair up")
            names.pop()
        elif token == b'"':
            raise AnswerBroken("it is no proper JSON: a text has no end")
        elif token == b":":
            if names:
                names[-1] = last_text
        elif token != b",":
            last_text = token
        yield found, names
    if opened:
        raise AnswerBroken("it is no proper JSON, or it broke off")


def _past_flat(text: bytes, at: int) -> int:
    flat = _FLAT.match(text, at)
    return flat.end() if flat else at
