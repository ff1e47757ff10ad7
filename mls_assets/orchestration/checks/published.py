"""Checks on `published_database`: it equals the warehouse, and what was removed is not in it."""

import dagster as dg

from mls_assets.model.text import counted
from mls_assets.orchestration.resources import MlsWarehouse
from mls_assets.orchestration.running import failing
from mls_assets.warehouse.publication import audit, publication
from mls_assets.warehouse.storage.readers_file import published_attached


@dg.asset_check(
    asset="published_database",
    description="The published file holds the same rows as the warehouse (by keys and the time "
    "they landed), but for what publication hides on purpose.",
)
def published_equals_warehouse(warehouse: MlsWarehouse) -> dg.AssetCheckResult:
    """Compare both, unless the warehouse has already moved on."""
    with failing():
        workspace = warehouse.workspace("check")
        with (
            workspace.warehouse.read() as con,
            published_attached(con, workspace.published) as there,
        ):
            moved_on = publication.moved_on(con)
            differing = audit.differing_tables(con) if there and not moved_on else {}
            held, tables = audit.count_held_rows(con)
    if not there:
        text = "There is no published file."
    elif moved_on:
        text = "The warehouse has changed since; the next publication is compared again."
    else:
        text = "; ".join(f"{table}: {count:,} rows differ" for table, count in differing.items())
    return dg.AssetCheckResult(
        passed=there and not differing,
        description=text or f"{counted(held, 'row')} of {counted(tables, 'table')} are equal.",
        metadata={
            "differing_rows": sum(differing.values()),
            "rows": held,
            "compared": there and not moved_on,
        },
    )


@dg.asset_check(
    asset="published_database",
    description="What is removed is gone everywhere: no removed key stands in any table, raw "
    "record or rejected value, nor in the published file.",
)
def removed_is_gone(warehouse: MlsWarehouse) -> dg.AssetCheckResult:
    """Look for removed keys wherever listing content can stand."""
    with failing():
        workspace = warehouse.workspace("check")
        with (
            workspace.warehouse.read() as con,
            published_attached(con, workspace.published) as there,
        ):
            found = audit.lingering(con, published=False)
            if there:
                found |= audit.lingering(con, published=True)
            unread = workspace.published.exists() and not there
            keys = audit.gone_keys(con)
    text = "; ".join(f"{place}: {count:,} rows" for place, count in found.items())
    if unread:
        text = "; ".join(filter(None, (text, "the published file is there and cannot be read")))
    elif not there and not text:
        text = (
            f"{counted(keys, 'removed key')} looked for in the warehouse: none is left in any "
            "table. There is no published file."
        )
    return dg.AssetCheckResult(
        passed=not found and not unread,
        description=text
        or f"{counted(keys, 'removed key')} looked for in the warehouse and in "
        f"{workspace.published.name}: none is left in any table.",
        metadata={
            "rows_left": sum(found.values()),
            "removed_keys": keys,
            "files": 1 + int(there),
        },
    )
