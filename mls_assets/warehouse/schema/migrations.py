"""The one list of the steps that bring a warehouse to the newest schema, and who runs them.

A step has a name, its function's, that is never used again; `raw.schema_versions` says which ones
a warehouse had. What only adds or retypes needs none: see `comparison`.
"""

import secrets
from collections.abc import Callable

from mls_assets.warehouse.schema import comparison, counters, ddl, versions
from mls_assets.warehouse.schema.ddl import WarehouseSchema
from mls_assets.warehouse.schema.raw_tables import SCHEMA_VERSIONS
from mls_assets.warehouse.storage.queries import Connection, transaction

Step = Callable[[Connection, WarehouseSchema], None]


def m001_create_all(con: Connection, schema: WarehouseSchema) -> None:
    """Make all tables as they are declared now, so a new warehouse needs no other step."""
    ddl.create_tables(con, schema.tables, schema.packed_column)
    versions.note_named(con)
    m002_number(con, schema)


def m002_number(con: Connection, schema: WarehouseSchema) -> None:
    """Give the warehouse a number of its own, by which its data folder knows it again."""
    counters.set_mark(con, counters.WAREHOUSE_NUMBER, secrets.randbits(62) + 1)


def m003_named_steps(con: Connection, schema: WarehouseSchema) -> None:
    """Note steps by name and time from now on; they were counted before."""
    ddl.create_tables(con, [SCHEMA_VERSIONS])
    versions.note_counted(con, _names())
    versions.note_named(con)


#: In the order in which they are run; only ever appended to.
MIGRATIONS: tuple[Step, ...] = (
    m001_create_all,
    m002_number,
    m003_named_steps,
)


def create(con: Connection, schema: WarehouseSchema) -> None:
    """Make a new warehouse, in one transaction, in an empty database."""
    with transaction(con):
        m001_create_all(con, schema)
        for name in _names():
            versions.note(con, name)


def migrate(con: Connection, schema: WarehouseSchema) -> None:
    """Bring a warehouse to the newest schema, each step in a transaction of its own.

    Raises WarehouseRefused for what `is_outdated` refuses, and where values of a table that
    nothing can fill again would not survive a new type.
    """
    done = {each.name for each in versions.applied(con, _names())}
    unnoted: list[str] = []
    for step in MIGRATIONS:
        if step.__name__ in done:
            continue
        with transaction(con):
            step(con, schema)
            unnoted.append(step.__name__)
            if versions.are_named(con):
                for name in unnoted:
                    versions.note(con, name)
                unnoted.clear()
    comparison.bring_up(con, schema)
    con.execute("checkpoint")


def is_outdated(con: Connection, schema: WarehouseSchema) -> bool:
    """Tell whether `migrate` has something to do, by reading only.

    Raises WarehouseRefused for a database that is not ours or from a newer program: one with a
    step, table or column that is not known here, or with tables that a higher version of the
    program changed and that this one would change back.
    """
    changes = versions.applied(con, _names())
    if not {each.name for each in changes}.issuperset(_names()):
        return True
    found = comparison.difference(con, schema)
    if found.unknown:
        raise versions.of_newer_program(
            f"it has {len(found.unknown):,} table(s) or column(s) that this program does not know "
            f"({', '.join(found.unknown[:3])})",
            changes,
        )
    if found and versions.by_newer_program(changes):
        raise versions.of_newer_program(
            "its tables differ from those that this program knows", changes
        )
    comparison.refuse_losses(con, schema, found)
    return bool(found)


def _names() -> list[str]:
    return [step.__name__ for step in MIGRATIONS]
