"""What Dagster shows about an asset: column schemas, metadata of passes. No pass is run here."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from mls_assets.model.declarations import Table
from mls_assets.model.resources import TABLE_OF_RESOURCE, Resource
from mls_assets.model.states import LedgerEvent
from mls_assets.orchestration.standing import VERSION_TAG
from mls_assets.replication.normalise import NormalisedRows
from mls_assets.replication.outcome import Replicated
from mls_assets.replication.reporting.status import LATE_HOURS, STALE_HOURS
from mls_assets.replication.workspace import Workspace
from mls_assets.warehouse.landing import cursors
from mls_assets.warehouse.publication import figures
from mls_assets.warehouse.tables import data_versions

OWNERS = ["team:mls-data"]
#: How many days the table of removals goes back.
_DAYS_SHOWN = 30
_REMOVALS_BY_DAY = dg.TableSchema(
    [
        dg.TableColumn("day", "string", description="in UTC; days without entries are left out"),
        dg.TableColumn(LedgerEvent.REMOVED.value, "int"),
        dg.TableColumn(LedgerEvent.RESTORED.value, "int"),
    ]
)

#: When a table that every replication materialises is late, and when that is a breach.
FRESH = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=STALE_HOURS), warn_window=timedelta(hours=LATE_HOURS)
)


def table_metadata(table: Table) -> Mapping[str, Any]:
    """Return the definition metadata of a table's asset: its name, columns and key."""
    columns = [
        dg.TableColumn(column.name, column.type, description=column.comment or None)
        for column in table.columns
    ]
    return {
        "dagster/table_name": f"main.{table.name}",
        "dagster/column_schema": dg.TableSchema(columns),
        "unique together": ", ".join(table.key),
    }


def pages_metadata(workspace: Workspace, done: Replicated) -> dict[str, Any]:
    """Return what a landing did, in numbers; the same keys every time, so that plots go on."""
    return {
        "kind": done.kind.value,
        "pages": done.pages,
        "records": done.records,
        **done.figures,
        "complete": done.complete,
        **state_metadata(workspace, done.feed, done.resource),
        **told(source_rows=done.source_rows, notes="\n".join(done.notes) or None),
        **_sizes(workspace, done),
    }


def pages_version(workspace: Workspace, feed: str, resource: Resource) -> dg.DataVersion:
    """Return which data a feed's pages are: another only if something of it changed."""
    with workspace.warehouse.read() as con:
        return dg.DataVersion(data_versions.version_of_landing(con, feed, resource))


def as_tag(version: dg.DataVersion) -> dict[str, str]:
    """Return the tag that says a version of a materialisation that is no output of its step."""
    return {VERSION_TAG: version.value}


def ledger_version(workspace: Workspace) -> dg.DataVersion:
    """Return which ledger this is."""
    with workspace.warehouse.read() as con:
        return dg.DataVersion(data_versions.version_of_ledger(con))


def table_versions(workspace: Workspace) -> dict[str, dg.DataVersion]:
    """Return which data each RESO table is."""
    with workspace.warehouse.read() as con:
        found = data_versions.versions_of_tables(con)
    return {table: dg.DataVersion(version) for table, version in found.items()}


def sweeps_version(workspace: Workspace) -> dg.DataVersion:
    """Return which verdicts the table of sweeps holds."""
    with workspace.warehouse.read() as con:
        return dg.DataVersion(data_versions.version_of_sweeps(con))


def _sizes(workspace: Workspace, done: Replicated) -> dict[str, int]:
    with workspace.warehouse.read() as con:
        sizes = figures.page_sizes(con, done.feed, done.resource, run_id=workspace.run_id)
    return {"bytes": sizes.total, "largest_page_bytes": sizes.largest}


def ledger_metadata(workspace: Workspace) -> dict[str, Any]:
    """Return what left and what came back, by day, newest first."""
    with workspace.warehouse.read() as con:
        days = figures.removals_by_day(con, _DAYS_SHOWN)
    records = [
        dg.TableRecord(
            {"day": f"{day}", LedgerEvent.REMOVED.value: left, LedgerEvent.RESTORED.value: back}
        )
        for day, left, back in days
    ]
    return {"by_day": dg.MetadataValue.table(records, _REMOVALS_BY_DAY)}


def state_metadata(workspace: Workspace, feed: str, resource: Resource) -> dict[str, Any]:
    """Return how far a resource is: what its state is, and what sensors compare the source with."""
    with workspace.warehouse.read() as con:
        state = cursors.state_of(con, feed, resource)
    return {
        "state": state.state.value,
        **told(
            cursor=state.cursor,
            lag_seconds=_age(state.last_success_at),
            newest_modification=_text(state.newest_modification),
        ),
    }


def tables_metadata(
    workspace: Workspace, done: NormalisedRows, feed: str | None
) -> dict[str, dict[str, int]]:
    """Return per table its rows, and how many rows and rejected values this run wrote.

    What a run wrote stands under its feed's name.
    """
    whose = feed or "all"
    with workspace.warehouse.read() as con:
        return {
            table: {
                "dagster/row_count": len(con.table(table)),
                f"written {whose}": done.rows[table],
                rejected_values(whose): done.rejected[table],
            }
            for table in TABLE_OF_RESOURCE.values()
        }


def rejected_values(feed: str) -> str:
    """Return the name under which a table's metadata count the values rejected of a feed."""
    return f"rejected values {feed}"


def told(**values: Any) -> dict[str, Any]:
    """Return the values that are known; Dagster's metadata has no nulls worth showing."""
    return {name: value for name, value in values.items() if value is not None}


def _age(moment: datetime | None) -> float | None:
    if moment is None:
        return None
    return max(round((datetime.now(UTC) - moment).total_seconds(), 1), 0.0)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()
