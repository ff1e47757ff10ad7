"""What a source and a table declare: fields, lookups, selections, columns. Values only."""

from dataclasses import dataclass, field
from datetime import datetime

from mls_assets.model.resources import Resource


@dataclass(frozen=True, slots=True)
class DeclaredField:
    """A field as its source's schema declares it; `label` is empty where the schema tells none."""

    resource: Resource
    name: str
    type: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a source declares: the fields, and the text in which it does so."""

    fields: tuple[DeclaredField, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Selection:
    """What a GraphQL source is asked for of each record: the query, its fields and argument types.

    A field that is an object has its own fields in braces behind its name. `introspected` says
    whether the source's schema told this, or it is assumed.
    """

    query: str
    fields: tuple[str, ...]
    filter_type: str | None
    key_type: str
    event_type: str
    introspected: bool

    @property
    def paths(self) -> frozenset[str]:
        """Every single value that is asked for: `City`, or `ForgeFeatures.name` of an object."""
        return frozenset(path for field in self.fields for path in _paths(field))


def _paths(field: str) -> tuple[str, ...]:
    name, _, inner = field.partition("{")
    within = inner.rstrip(" }").split()
    return tuple(f"{name.strip()}.{each}" for each in within) or (name.strip(),)


@dataclass(frozen=True, slots=True)
class LookupValue:
    """A value of an enumeration, as a source lists it; texts are None where it tells none."""

    lookup: str
    value: str
    standard_value: str | None = None
    legacy_value: str | None = None
    lookup_key: str | None = None
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: `type` is DuckDB's name of it, `comment` one plain sentence."""

    name: str
    type: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One declaration that serves as DDL, Dagster column schema, documentation and test.

    `grain` completes "One row per ..."; `key` names the columns that are unique together.
    """

    name: str
    grain: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    column_names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "column_names", tuple(column.name for column in self.columns))


#: The columns that most tables begin with.
FEED = Column("feed", "VARCHAR", "Name of the feed, such as spark/default or forge/armls.")
RESOURCE = Column("resource", "VARCHAR", "RESO resource, such as Property.")
