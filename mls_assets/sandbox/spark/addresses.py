"""Addresses on the Spark surface: paths to entities, query strings, links as Spark writes them.

Pure text: what a path or an option means to the market is decided in `options` and `surface`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, quote_plus

from mls_assets.sandbox.spark.errors import bad_request, not_found

_SEGMENT = re.compile(r"(?P<name>[$\w]+)(?:\((?:(?P<named>\w+)=)?'(?P<key>(?:[^']|'')*)'\))?")
MAX_OPTIONS = 100


@dataclass(frozen=True, slots=True)
class Segment:
    """One step of a path: a name, and the key in its parentheses if there is one."""

    name: str
    key: str | None = None


def parse_path(path: str) -> tuple[Segment, ...]:
    """The steps of a decoded path below the service root, such as `/Property('1')/Media`.

    The service root itself has no steps. Keys may hold anything, a quote doubled. Raises a 404
    `Refusal` for what is no path of this service.
    """
    segments: list[Segment] = []
    position = 0
    while position < len(path):
        if path[position] != "/":
            raise not_found()
        position += 1
        if position == len(path):
            break  # one slash at the end is allowed
        match = _SEGMENT.match(path, position)
        if match is None:
            raise not_found()
        key = match["key"]
        segments.append(Segment(match["name"], None if key is None else key.replace("''", "'")))
        position = match.end()
    return tuple(segments)


def parse_query(text: str) -> dict[str, str]:
    """The options of a query string, `+` and `%20` both a space, `$` encoded or not.

    Raises a 400 `Refusal` for an option given twice and for text that is not UTF-8.
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_OPTIONS)
    except (UnicodeDecodeError, ValueError):
        raise bad_request("The query string cannot be read.") from None
    options = dict(pairs)
    if len(options) != len(pairs):
        raise bad_request("A query option is given more than once.")
    return options


def link(address: str, options: Mapping[str, str]) -> str:
    """The address with the options as Spark writes its links: by name, all percent-encoded."""
    encoded = "&".join(
        f"{quote_plus(name)}={quote_plus(options[name])}" for name in sorted(options)
    )
    return f"{address}?{encoded}"


def entity(entity_set: str, key: str) -> str:
    """The relative address of an entity, such as `Property('20240101')`."""
    return f"{entity_set}('{quote(key.replace(chr(39), chr(39) * 2), safe=chr(39))}')"
