"""The members of one JSON object, or the elements of one list, as verbatim text and in order.

The slow, plain way to take JSON apart, for what the fast way (`split`) leaves: it alone sees a
name that came twice, and it gets past values that are no proper JSON, so that one of them doesn't
take its record along. It finds boundaries only; what a token means is not its matter.
"""

import re

_SPACE = r"[ \t\r\n]*"
_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_NAME = re.compile(rf"({_STRING}){_SPACE}:{_SPACE}", re.DOTALL)
_SCALAR = re.compile(rf"{_STRING}|[^\s,\[\]{{}}\":]+", re.DOTALL)
_NESTED = re.compile(rf"{_STRING}|[\[\]{{}}]", re.DOTALL)
_MARK = re.compile(rf"{_SPACE}([,\[\]{{}}]){_SPACE}")


def scan_members(text: str) -> list[tuple[str, str]]:
    """Each member's name (a JSON string literal) and value (the characters as sent).

    Raises ValueError with the place where the text stops being an object.
    """
    found: list[tuple[str, str]] = []
    place = _opened(text, "{", "}", "not a JSON object")
    while place < len(text):
        name = _NAME.match(text, place)
        if not name:
            raise ValueError(f"no field name at character {place}")
        end = _value_end(text, name.end())
        found.append((name[1], text[name.end() : end]))
        place = _behind(text, end, "}")
    return found


def scan_elements(text: str) -> list[str]:
    """Each element of a list, as sent; ValueError where the text stops being a list."""
    found: list[str] = []
    place = _opened(text, "[", "]", "not a JSON list")
    while place < len(text):
        end = _value_end(text, place)
        found.append(text[place:end])
        place = _behind(text, end, "]")
    return found


def _opened(text: str, opening: str, closing: str, problem: str) -> int:
    """Where the first part begins; the end of the text if there is none."""
    mark = _MARK.match(text)
    if not mark or mark[1] != opening or mark.end() == len(text):
        raise ValueError(problem)
    if text.startswith(closing, mark.end()):
        return _behind(text, mark.end(), closing)
    return mark.end()


def _behind(text: str, end: int, closing: str) -> int:
    """Where the part behind a comma begins; the end of the text behind the closing mark."""
    mark = _MARK.match(text, end)
    if not mark or mark[1] not in (",", closing):
        raise ValueError(f"neither a comma nor {closing} at character {end}")
    if (mark[1] == closing) != (mark.end() == len(text)):
        raise ValueError(f"the end is not where it should be, at character {mark.end()}")
    return mark.end()


def _value_end(text: str, start: int) -> int:
    """Where the value that starts here ends: a scalar's last character, or the bracket's match."""
    if text[start : start + 1] not in ("[", "{"):
        scalar = _SCALAR.match(text, start)
        if not scalar:
            raise ValueError(f"no value at character {start}")
        return scalar.end()
    depth = 0
    for mark in _NESTED.finditer(text, start):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(mark[0], 0)
        if not depth:
            return mark.end()
    raise ValueError(f"the value at character {start} never ends")
