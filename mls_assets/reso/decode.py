"""A column of raw tokens to a typed series, all at once where every token fits its field's type.

A column with a misfit is decoded cell by cell, by `convert`; so both ways give the same values,
and the misfits are named. Rows, tables and sources are not known here.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any

import msgspec
import polars as pl
import pyarrow as pa
from msgspec import Raw

from mls_assets.reso.convert import ConversionError, ResoValue, calendar_date, convert, timestamp_of
from mls_assets.reso.dictionary import DictionaryField, FieldType
from mls_assets.reso.tables import COLUMN_TYPES, FEATURES_TYPE

_MOMENT = pl.Datetime("us", "UTC")
_FEATURE = pl.Struct({"name": pl.String, "value": pl.String})

#: What polars calls DuckDB's column types, so that a frame lands without a cast.
POLARS_TYPES: Mapping[str, pl.DataType] = {
    "VARCHAR": pl.String(),
    "VARCHAR[]": pl.List(pl.String),
    "BIGINT": pl.Int64(),
    "DOUBLE": pl.Float64(),
    "BOOLEAN": pl.Boolean(),
    "DATE": pl.Date(),
    "TIMESTAMPTZ": _MOMENT,
    "TIMESTAMP": pl.Datetime("us"),
    "JSON": pl.String(),
    FEATURES_TYPE: pl.List(_FEATURE),
}

#: Lists go through Arrow, which makes them 20 times as fast as polars does.
_ARROW_TYPES: Mapping[str, pa.DataType] = {
    "VARCHAR[]": pa.large_list(pa.large_string()),
    FEATURES_TYPE: pa.large_list(
        pa.struct([("name", pa.large_string()), ("value", pa.large_string())])
    ),
}

_BigInt = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_TEXTS = msgspec.json.Decoder(list[str | None])
_DECODERS: Mapping[FieldType, msgspec.json.Decoder[Any]] = {
    FieldType.TEXT: _TEXTS,
    FieldType.INTEGER: msgspec.json.Decoder(list[_BigInt | None]),
    FieldType.DECIMAL: msgspec.json.Decoder(list[float | None]),
    FieldType.BOOLEAN: msgspec.json.Decoder(list[bool | None]),
    FieldType.TIMESTAMP: _TEXTS,
    FieldType.DATE: _TEXTS,
    FieldType.LIST: msgspec.json.Decoder(list[list[str] | None]),
}

#: A decimal of at most 15 digits has a DOUBLE of its own. One of more is read alike by both ways
#: if it is of a usual size; what an exponent or 300 digits can make of it goes cell by cell.
_LONG_DECIMAL = re.compile(rb"[0-9.]{16}")
_ODD_DECIMAL = re.compile(rb"[0-9.]{300}|[eE]")
_USUAL_SIZE = 2.0**53
_NULL = Raw(b"null")


def series(name: str, values: Sequence[Any], column_type: str) -> pl.Series:
    """Make the series of a column from Python values; `column_type` is DuckDB's name of it."""
    arrow_type = _ARROW_TYPES.get(column_type)
    if arrow_type is not None:
        return pl.Series(name, pa.array(values, type=arrow_type))
    return pl.Series(name, values, dtype=POLARS_TYPES[column_type])


def nulls(name: str, count: int, column_type: str) -> pl.Series:
    """Make a column in which nothing is told."""
    return _one_null(column_type).new_from_index(0, count).alias(name)


@cache
def _one_null(column_type: str) -> pl.Series:
    return pl.Series([None], dtype=POLARS_TYPES[column_type])


def column(
    field: DictionaryField, tokens: Sequence[Raw | None]
) -> tuple[pl.Series, list[tuple[int, str]]]:
    """Decode one column; None stands for an absent field. Misfits are listed with reason, and are
    NULL, but for what their field can hold of them.

    Every token must be one JSON value. Answers the series and (position, problem) of misfits.
    """
    column_type = COLUMN_TYPES[field.type]
    if not any(tokens):
        return nulls(field.name, len(tokens), column_type), []
    text = b",".join([token or _NULL for token in tokens])
    if text == b",".join([b"null"] * len(tokens)):
        return nulls(field.name, len(tokens), column_type), []
    values = _together(field, b"[" + text + b"]")
    misfits: list[tuple[int, str]] = []
    if values is None:
        values, misfits = _one_by_one(field, tokens)
    return series(field.name, values, column_type), misfits


def _together(field: DictionaryField, text: bytes) -> Sequence[Any] | None:
    """Decode a whole column, or None where a token of it doesn't fit its type as it stands."""
    if field.type is FieldType.DECIMAL and _ODD_DECIMAL.search(text):
        return None
    try:
        values = _DECODERS[field.type].decode(text)
        if field.type is FieldType.DECIMAL and _LONG_DECIMAL.search(text):
            usual = all(value is None or -_USUAL_SIZE < value < _USUAL_SIZE for value in values)
            return values if usual else None
        if field.type is FieldType.TIMESTAMP:
            return [value if value is None else timestamp_of(value) for value in values]
        if field.type is FieldType.DATE:
            return [value if value is None else calendar_date(value) for value in values]
    except (msgspec.DecodeError, ConversionError):
        return None
    if field.lookup is not None and field.lookup.legacy:
        _standardise(field.lookup.legacy, values, nested=field.type is FieldType.LIST)
    return values


def _standardise(legacy: Mapping[str, str], values: list[Any], *, nested: bool) -> None:
    """Put standard values in the place of legacy spellings."""
    lists = filter(None, values) if nested else (values,)
    for texts in lists:
        if not legacy.keys().isdisjoint(texts):
            texts[:] = [legacy.get(text, text) for text in texts]


def _one_by_one(
    field: DictionaryField, tokens: Sequence[Raw | None]
) -> tuple[list[ResoValue | None], list[tuple[int, str]]]:
    values: list[ResoValue | None] = []
    misfits: list[tuple[int, str]] = []
    for position, token in enumerate(tokens):
        value = None
        if token is not None:
            try:
                value = convert(field, bytes(token))
            except ConversionError as misfit:
                value = misfit.kept
                misfits.append((position, str(misfit)))
        values.append(value)
    return values, misfits
