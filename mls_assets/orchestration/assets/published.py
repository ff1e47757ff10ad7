"""The asset of group `published`: the read-only database for notebooks."""

from collections.abc import Iterator

import dagster as dg
from pydantic import Field

from mls_assets.configuration.feeds import Feeds, load_feeds
from mls_assets.errors import ConfigurationError
from mls_assets.orchestration.assets.describing import OWNERS
from mls_assets.orchestration.resources import MlsWarehouse
from mls_assets.orchestration.running import Narrator, failing
from mls_assets.replication.reporting.status import status
from mls_assets.replication.reporting.status_table import as_markdown
from mls_assets.replication.upkeep.publish import publish
from mls_assets.replication.workspace import Workspace
from mls_assets.reso import RESO_TABLES
from mls_assets.warehouse import PIPELINE_TABLES
from mls_assets.warehouse.publication.publication import NEWEST_DIGEST

PUBLICATION_POOL = "publication"


class PublishConfig(dg.Config):
    """What a publication may be told."""

    only_if_changed: bool = Field(
        default=False,
        description="Leave the file as it is when nothing changed since it was written.",
    )
    accept_loss: bool = Field(
        default=False,
        description="Publish although readers lose keys that no entry of the ledger explains.",
    )


@dg.asset(
    group_name="published",
    kinds={"duckdb"},
    owners=OWNERS,
    pool=PUBLICATION_POOL,
    deps=[*RESO_TABLES, "deletion_ledger", "sweeps"],
    output_required=False,
    description="One row per row of the warehouse's public tables "
    f"({', '.join([*RESO_TABLES, *(table.name for table in PIPELINE_TABLES)])}, and the views over "
    "them), in mls.duckdb. Written beside the old file and renamed into its place, so "
    "a notebook never blocks the pipeline and never sees half of anything.",
)
def published_database(
    context: dg.AssetExecutionContext, config: PublishConfig, warehouse: MlsWarehouse
) -> Iterator[dg.MaterializeResult]:
    """Publish; when nothing changed and that was asked for, the old file stays and counts."""
    with failing():
        workspace = warehouse.workspace(context.run.run_id, Narrator(context.log.info))
        try:
            feeds = load_feeds()
        except ConfigurationError as error:
            # what cannot be read says nothing about what is asked for
            context.log.warning(f"{error} What is told as unconfigured stays as it is.")
            feeds = None
        done = publish(
            workspace,
            only_if_changed=config.only_if_changed,
            accept_loss=config.accept_loss,
            feeds=feeds,
        )
        if done is None:
            context.log.info("Nothing changed since the last publication; the file stays.")
            return
        context.log.info(
            f"The ledger holds {done.ledger_entries:,} entries, digest {done.ledger_digest} "
            f"(version {NEWEST_DIGEST})."
        )
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": sum(done.rows.values()),
                "path": dg.MetadataValue.path(workspace.published),
                **({"status": _status(workspace, feeds)} if feeds else {}),
                "bytes": done.bytes,
                "ledger_entries": done.ledger_entries,
                "ledger_digest": done.ledger_digest,
                # as text, for it would plot as a line that never moves
                "ledger_digest_version": str(NEWEST_DIGEST),
                "removals_published": done.published_entries,
                **{f"rows {table}": rows for table, rows in sorted(done.rows.items())},
            },
            data_version=dg.DataVersion(done.version),
        )


def _status(workspace: Workspace, feeds: Feeds) -> dg.MarkdownMetadataValue:
    return dg.MetadataValue.md(as_markdown(status(workspace, feeds)))
