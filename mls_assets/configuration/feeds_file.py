"""The feeds file as text and tables: its encoding, its TOML, and which values a setting may have.

What the settings mean is said by `feeds`.
"""

import codecs
import math
import tomllib
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from mls_assets.errors import ConfigurationError

_OTHER_UNICODE = (
    codecs.BOM_UTF32_LE,
    codecs.BOM_UTF32_BE,
    codecs.BOM_UTF16_LE,
    codecs.BOM_UTF16_BE,
)
#: Characters of a value that a message shows.
_SHOWN = 40


def read_feeds_file(path: Path) -> dict[str, Any]:
    """Return the content of a feeds file; a byte order mark of UTF-8 is no part of it.

    Raises ConfigurationError for a file that cannot be read, is in another encoding, or is no
    TOML.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"The feeds file {path} cannot be read ({error.strerror}). Nothing was done; "
            "correct MLS_ASSETS_FEEDS."
        ) from None
    # UTF-16 without a mark is full of NULs, which no TOML has
    if data.startswith(_OTHER_UNICODE) or b"\0" in data:
        raise ConfigurationError(
            f"The feeds file {path} is saved as UTF-16 or UTF-32, as Windows' editors and "
            "PowerShell do. Nothing was done; save it as UTF-8."
        )
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"The feeds file {path} is no valid UTF-8 (byte {error.start:,}). Nothing was done; "
            "save it as UTF-8."
        ) from None
    except (ValueError, RecursionError) as error:
        why = " ".join(str(error).split())
        raise ConfigurationError(
            f"The feeds file {path} is no valid TOML: {why}. Nothing was done."
        ) from None


def table(value: object, where: str) -> dict[str, Any]:
    """Return a value that has to be a table."""
    if not isinstance(value, dict):
        raise ConfigurationError(f"{where} has to be a table.")
    return value


def options(kind: type, settings: dict[str, Any], where: str) -> dict[str, Any]:
    """Return the settings of a table as the dataclass `kind` takes them; lists become tuples.

    Raises ConfigurationError for a setting that `kind` does not have, or of another type.
    """
    known = {entry.name: entry for entry in fields(kind) if entry.name != "name"}
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise ConfigurationError(
            f"{where}: unknown setting(s) {', '.join(unknown)}; known are {', '.join(known)}."
        )
    found = {}
    for name, value in settings.items():
        expected = str(known[name].type)
        if "tuple" in expected:
            if not isinstance(value, list):
                raise ConfigurationError(f"{where}: `{name}` has to be a list.")
            if name != "filter" and not all(_is_text(item) for item in value):
                raise ConfigurationError(f"{where}: `{name}` has to be a list of texts.")
            value = tuple(value)
        elif "float" in expected:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ConfigurationError(f"{where}: `{name}` has to be a number.")
        elif "int" in expected:
            if isinstance(value, bool) or not isinstance(value, int):
                raise ConfigurationError(f"{where}: `{name}` has to be a whole number.")
        elif not _is_text(value):
            raise ConfigurationError(f"{where}: `{name}` has to be a text.")
        found[name] = value
    return found


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def between(value: float, least: float, most: float, name: str, where: str) -> None:
    """Raise ConfigurationError unless a number is finite and within both bounds."""
    # not by `math.isfinite` alone: an integer of 400 digits is too large for it
    if value <= most and value >= least and math.isfinite(value):
        return
    raise ConfigurationError(
        f"{where}: `{name}` is {str(value)[:_SHOWN]}, but has to be at least {least:,.10g} "
        f"and at most {most:,.10g}."
    )


def named_once(names: Iterable[str], what: str, where: str) -> None:
    """Raise ConfigurationError for a name that is there twice, if only in another case."""
    seen: dict[str, str] = {}
    for name in names:
        if name.casefold() in seen:
            raise ConfigurationError(
                f"{where}: the {what} {seen[name.casefold()]!r} and {name!r} differ by case at "
                "most, so one of them is a slip. Nothing was done; take one out."
            )
        seen[name.casefold()] = name
