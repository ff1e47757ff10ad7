"""What a warehouse knows of its schema's versions: which steps it had, when, by which program.

Here a warehouse of a newer program is told from an older one, by reading only. What the steps do
stands in `migrations`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata

import duckdb

from mls_assets.errors import WarehouseRefused
from mls_assets.warehouse.schema.raw_tables import SCHEMA_VERSIONS
from mls_assets.warehouse.storage.queries import Connection, rows

#: The name under which a change is noted that no step made: additive columns, types, comments.
AS_DECLARED = "tables_as_declared"
#: Steps were counted before they had names; so many were.
COUNTED_STEPS = 2
#: What stands in the place of the count since. Programs that count refuse it as newer than theirs.
NAMED = COUNTED_STEPS + 1
_COUNT = "schema_version"


@dataclass(frozen=True, slots=True)
class Applied:
    """A change of the schema; `at` and `program` are None where they were not noted."""

    name: str
    at: datetime | None
    program: str | None


@cache
def program_version() -> str:
    """Return the version of this program, empty where it was never installed."""
    try:
        return metadata.version("mls_assets")
    except metadata.PackageNotFoundError:
        return ""


def applied(con: Connection, steps: Sequence[str]) -> list[Applied]:
    """Return what was done to the schema, oldest first; `steps` are the known ones, in order.

    Raises WarehouseRefused for a database that is no warehouse, and for one of a newer program.
    """
    count = _count(con)
    if count <= COUNTED_STEPS:
        return [Applied(name, None, None) for name in steps[:count]]
    try:
        found = rows(con, f"select name, applied_at, program from {SCHEMA_VERSIONS.name}")
    except (duckdb.CatalogException, duckdb.BinderException):
        raise of_newer_program(f"its schema is version {count}, without names of steps") from None
    changes = [Applied(*each) for each in found]
    if count > NAMED:
        raise of_newer_program(
            f"its schema is version {count}, this program knows up to {NAMED}", changes
        )
    unknown = [each.name for each in changes if each.name not in (*steps, AS_DECLARED)]
    if unknown:
        raise of_newer_program(
            f"its schema had {len(unknown):,} step(s) that this program does not know "
            f"({', '.join(map(_shortened, unknown[:3]))})",
            changes,
        )
    return changes


def note(con: Connection, name: str) -> None:
    """Note a change of the schema as made now, by this program."""
    con.execute(
        f"insert into {SCHEMA_VERSIONS.name} (name, applied_at, program) values (?, ?, ?)",
        [name, datetime.now(UTC), program_version() or None],
    )


def note_counted(con: Connection, steps: Sequence[str]) -> None:
    """Note the steps that were counted; nobody knows when they were, nor who made them."""
    for name in steps[: _count(con)]:
        con.execute(f"insert into {SCHEMA_VERSIONS.name} (name) values (?)", [name])


def are_named(con: Connection) -> bool:
    """Tell whether steps are noted by name here already."""
    return _count(con) >= NAMED


def note_named(con: Connection) -> None:
    """Note that steps have names here, where programs that count them look."""
    con.execute("delete from raw.meta where name = ?", [_COUNT])
    con.execute("insert into raw.meta values (?, ?)", [_COUNT, NAMED])


def of_newer_program(what: str, changes: Sequence[Applied] = ()) -> WarehouseRefused:
    """Return the refusal of a warehouse that a newer program made: what it is told by, and whom."""
    last = max(
        (each for each in changes if each.program and each.at),
        key=lambda each: (_parts(each.program), each.at),
        default=None,
    )
    ours = f"mls_assets {program_version()}".strip()
    if last is None or last.at is None or last.program is None:
        return WarehouseRefused(
            f"a newer program made it: {what}; this program is {ours}",
            remedy="install the newest mls_assets, and run again",
        )
    return WarehouseRefused(
        f"a newer program made it: {what}. mls_assets {_shortened(last.program)} changed it at "
        f"{last.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC; this program is {ours}",
        remedy=f"install mls_assets {_shortened(last.program)} or newer, and run again",
    )


def by_newer_program(changes: Sequence[Applied]) -> bool:
    """Tell whether a program with a higher version than this one changed the schema."""
    ours = _parts(program_version())
    return bool(ours) and any(_parts(each.program) > ours for each in changes)


def _parts(version: str | None) -> tuple[int, ...]:
    """Return the numbers of a release, which order versions; none where there is no version."""
    found = re.match(r"\d+(?:\.\d+)*", version or "")
    return tuple(map(int, found[0].split("."))) if found else ()


def _shortened(text: str) -> str:
    return re.sub(r"[^\w.+-]", "?", text)[:60]


def _count(con: Connection) -> int:
    try:
        found = rows(con, "select value from raw.meta where name = ?", [_COUNT])
    except (duckdb.CatalogException, duckdb.BinderException):
        raise WarehouseRefused(
            "it is a DuckDB database, but not a warehouse of mls_assets"
        ) from None
    if len(found) != 1 or not isinstance(found[0][0], int) or found[0][0] < 1:
        raise WarehouseRefused("its schema's version cannot be told")
    return found[0][0]
