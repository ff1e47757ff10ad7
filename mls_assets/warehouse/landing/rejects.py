"""The table `rejected_values`: what was not taken, and that it goes when its record goes.

Two kinds of rows: a record that was refused at landing (neither field nor value), and what
normalisation could not take. Each carries the page of the version it belongs to. What belongs to
a child stands under its listing's key, so that it goes with the listing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from mls_assets.model.records import Page
from mls_assets.model.rejected_values import REJECTED_VALUES
from mls_assets.model.resources import Resource
from mls_assets.warehouse.schema.ddl import column_list
from mls_assets.warehouse.storage import arrow
from mls_assets.warehouse.storage.queries import Connection, framed, rows, scalar


def store_refused(con: Connection, page: Page, came_well: Sequence[str], page_id: int) -> None:
    """Keep why records of a page were refused, each once; a key that came well is cleared.

    Content is never kept: nothing could erase that of a record without a key.
    """
    refused = dict.fromkeys(
        (reject.key, f"{reject.problem} (sha256 {reject.sha256})") for reject in page.rejects
    )
    problems = arrow.table_of(
        record_key=arrow.of_texts([key for key, _ in refused]),
        problem=arrow.of_texts([problem for _, problem in refused]),
    )
    with framed(con, problems=problems, came_well=arrow.of_keys(came_well)):
        con.execute(
            "delete from rejected_values where feed = ? and resource = ? and field is null "
            "and value is null and "
            "(record_key in (select record_key from came_well) "
            "or record_key in (select record_key from problems) "
            "or (record_key is null and problem in (select problem from problems)))",
            [page.feed, page.resource],
        )
        if refused:
            con.execute(
                "insert into rejected_values (feed, resource, record_key, problem, page_id, "
                "seen_at) select ?, ?, record_key, problem, ?, ? from problems",
                [page.feed, page.resource, page_id, page.fetched_at],
            )


@dataclass(frozen=True, slots=True)
class RejectedVersion:
    """A version of a record (or of a listing's child set), by the page that brought it."""

    resource: Resource
    record_key: str
    page_id: int


def replace_values(
    con: Connection, feed: str, merged: Collection[RejectedVersion], rejected: pl.DataFrame
) -> dict[Resource, int]:
    """Put the rejected values of the merged versions in the place of earlier ones.

    A refusal that the same page brought behind them, or a later one, stays, and of `rejected` only
    what belongs to a merged version is taken. Returns how many were taken, per resource.
    """
    versions = arrow.table_of(
        resource=arrow.of_texts([version.resource for version in merged]),
        record_key=arrow.of_texts([version.record_key for version in merged]),
        page_id=pa.array([version.page_id for version in merged], pa.int64()),
    )
    with framed(con, versions=versions, rejected=rejected):
        con.execute(
            "delete from rejected_values where feed = ? and exists (from versions "
            "where versions.resource = rejected_values.resource "
            "and versions.record_key = rejected_values.record_key "
            "and (versions.page_id > rejected_values.page_id or versions.page_id = "
            "rejected_values.page_id and rejected_values.value is not null))",
            [feed],
        )
        columns = column_list(REJECTED_VALUES)
        taken = "from rejected semi join versions using (resource, record_key)"
        con.execute(f"insert into rejected_values ({columns}) select {columns} {taken}")
        counts = rows(con, f"select resource, count(*) {taken} group by resource")
    return {Resource(resource): count for resource, count in counts}


def count_refused(con: Connection, feed: str, resource: Resource, keys: Sequence[str]) -> int:
    """Count those of some keys whose record was refused as a whole."""
    with framed(con, asked=arrow.of_keys(keys)):
        return scalar(
            con,
            "select count(distinct record_key) from rejected_values where feed = ? "
            "and resource = ? and field is null and record_key in (select record_key from asked)",
            [feed, resource],
        )


def forget_rejects(
    con: Connection, feed: str, resources: Sequence[Resource], keys: Sequence[str]
) -> None:
    """Delete what was rejected of these keys."""
    with framed(
        con,
        rejected_keys=arrow.of_keys(keys),
        of_resources=arrow.table_of(resource=arrow.of_texts(resources)),
    ):
        con.execute(
            "delete from rejected_values where feed = ? "
            "and resource in (select resource from of_resources) "
            "and record_key in (select record_key from rejected_keys)",
            [feed],
        )
