"""The feeds file as text and tables: its encoding, its TOML, and what is wrong with a setting.

Which settings there are, and their bounds, is declared by msgspec structs; what they mean is said
by `feeds`. No message shows what could be a token.
"""

import codecs
import re
import tomllib
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Meta, Struct, inspect

from mls_assets.errors import ConfigurationError

SettingsTable = TypeVar("SettingsTable", bound=Struct)

_OTHER_UNICODE = (
    codecs.BOM_UTF32_LE,
    codecs.BOM_UTF32_BE,
    codecs.BOM_UTF16_LE,
    codecs.BOM_UTF16_BE,
)
#: From so many characters on a text may be a token; from so many digits on a number is no help.
_TOKEN_LIKE, _HUGE = 16, 10**30
_ITEM = re.compile(r"at `\$\[(\d+)\]")


def choice(values: Iterable[str], least: int = 0) -> Meta:
    """Return the constraint that each text of a list is one of these, and that so many are."""
    return Meta(min_length=least, extra={"choice": tuple(values)})


def in_words(allowed: str, pattern: str, *, private: bool = False) -> Meta:
    """Return the constraint that a text matches `pattern`, with what a message says of it.

    What is found instead of a `private` one may be a token and is never shown.
    """
    return Meta(pattern=pattern, extra={"allowed": allowed, "private": private})


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


def read_table(
    kind: type[SettingsTable], settings: object, where: str, **given: object
) -> SettingsTable:
    """Return a table of the file as the struct `kind`; `given` are fields no table may set.

    Raises ConfigurationError for what is no table, and for a setting that is unknown, missing, of
    another type or out of bounds: `where`, the key, what was found, and what is allowed.
    """
    table = checked_table(settings, where)
    known = {
        field.encode_name: field
        for field in msgspec.structs.fields(kind)
        if field.name not in given
    }
    only_known(table, known, "setting", where)
    for name, value in table.items():
        expected = known[name].type
        if nested := _struct_of(inspect.type_info(expected)):
            read_table(nested, value, f"{where.removesuffix(']')}.{name}]")
        elif wrong := problem(expected, value):
            raise ConfigurationError(f"{where}: `{name}` {wrong}. Nothing was done.")
    for name, field in known.items():
        if field.required and name not in table:
            raise ConfigurationError(
                f"{where} needs `{name}`, {_allowed(inspect.type_info(field.type))}. Nothing was "
                "done."
            )
    try:
        return msgspec.convert({**table, **given}, kind)
    except msgspec.ValidationError as error:  # a check of the struct itself, over several fields
        text = str(error).partition(" - at `$")[0]
        raise ConfigurationError(f"{where}: {text}. Nothing was done.") from None


def checked_table(value: object, where: str) -> dict[str, Any]:
    """Return a value that has to be a table, or raise ConfigurationError."""
    if not isinstance(value, dict):
        raise ConfigurationError(
            f"{where} is {shown(value)}, but has to be a table. Nothing was done."
        )
    return value


def only_known(found: Iterable[str], known: Collection[str], what: str, where: str) -> None:
    """Raise ConfigurationError for names that are not known, with the nearest that are."""
    unknown = [f"`{name}`{nearest(name, known)}" for name in sorted(set(found) - set(known))]
    if unknown:
        raise ConfigurationError(
            f"{where}: unknown {what}(s) {', '.join(unknown)}. Nothing was done; known are "
            f"{', '.join(known)}."
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


def nearest(name: str, known: Iterable[object]) -> str:
    """Return a remark with the known name that was probably meant, empty if there is none."""
    by_case = {str(each).casefold(): str(each) for each in known}
    near = get_close_matches(name.casefold(), by_case, n=1)
    return f" (did you mean `{by_case[near[0]]}`?)" if near else ""


def shown(value: object) -> str:
    """Return a value as a message shows it: a long text may be a token and is cut."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            is_short = isinstance(value, float) or abs(value) < _HUGE
            return str(value) if is_short else "a huge number"
        case str():
            return repr(value) if len(value) < _TOKEN_LIKE else f"'{value[:3]}... (cut)'"
        case list():
            return "a list" if value else "an empty list"
        case dict():
            return "a table"
        case _:
            return "a date or time"


def problem(expected: Any, value: object) -> str:
    """Say what is wrong with a value of a type, and what is allowed instead; empty if nothing is.

    To be put behind the name of the setting.
    """
    kind = inspect.type_info(expected)
    choice = _choice(kind)
    if choice and isinstance(value, list) and value:
        wrong = [item for item in value if item not in choice]
        if wrong:
            near = nearest(str(wrong[0]), choice)
            return f"holds {shown(wrong[0])}{near}, but has to be {_allowed(kind)}"
    try:
        msgspec.convert(value, expected)
    except msgspec.ValidationError as error:
        at = _ITEM.search(str(error))
        if at and isinstance(value, list):
            return f"holds {_found(value[int(at[1])])}, but has to be {_allowed(kind)}"
        if _is_private(kind):
            return f"has to be {_allowed(kind)}; what it is now is not shown here"
        near = nearest(str(value), choice) if choice else ""
        return f"is {_found(value)}{near}, but has to be {_allowed(kind)}"
    return ""


def _is_private(kind: inspect.Type) -> bool:
    return bool(_bare(kind)[1].get("private"))


def _found(value: object) -> str:
    return "an empty text" if isinstance(value, str) and not value.strip() else shown(value)


def _struct_of(kind: inspect.Type) -> type[Struct] | None:
    bare = _bare(kind)[0]
    return bare.cls if isinstance(bare, inspect.StructType) else None


def _bare(kind: inspect.Type) -> tuple[inspect.Type, dict[str, Any]]:
    """Return a type without metadata and None (which TOML has not), and the metadata."""
    extra: dict[str, Any] = {}
    while isinstance(kind, inspect.Metadata | inspect.UnionType):
        if isinstance(kind, inspect.Metadata):
            extra |= kind.extra or {}
            kind = kind.type
        else:
            (kind,) = (each for each in kind.types if not isinstance(each, inspect.NoneType))
    return kind, extra


def _choice(kind: inspect.Type) -> tuple[Any, ...]:
    """Return the values that a text, or each text of a list, may have; empty if any."""
    bare, extra = _bare(kind)
    if "choice" in extra:
        return tuple(extra["choice"])
    if isinstance(bare, inspect.VarTupleType):
        return _choice(bare.item_type)
    return tuple(bare.values) if isinstance(bare, inspect.LiteralType) else ()


def _allowed(kind: inspect.Type) -> str:
    """Say in words what a type allows."""
    bare, extra = _bare(kind)
    if "allowed" in extra:
        return str(extra["allowed"])
    words = [f"'{each}'" for each in _choice(kind)]
    if isinstance(bare, inspect.VarTupleType):
        least = "at least one of " if bare.min_length else ""
        return f"a list of {least}{', '.join(words) or 'texts'}"
    if words:
        return " or ".join(words)
    match bare:
        case inspect.IntType():
            return f"a whole number{_bounds(bare)}"
        case inspect.FloatType():
            return f"a number{_bounds(bare)}"
        case inspect.BoolType():
            return "true or false"
        case _:
            return "a text"


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    named = (("at least", kind.ge), ("more than", kind.gt), ("at most", kind.le))
    told = [f"{words} {bound:,.10g}" for words, bound in named if bound is not None]
    return f" of {' and '.join(told)}" if told else ""
