"""What assets are handed by Dagster: the warehouse, and how the two sources and a purge are set.

Fields here are what a person sees and may change in the Launchpad, for one run: what is left empty
is as the feed's table says, else the default of the passes (`replication/settings.py`). No token is
ever a field, and nothing is asked or opened here.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_duckdb import DuckDBResource
from pydantic import Field

from mls_assets.configuration.feeds import REMOVAL_HOURS, ForgeAccess, SparkFeed, load_feeds
from mls_assets.errors import ConfigurationError
from mls_assets.model.resources import Resource
from mls_assets.orchestration.dagster_home import living_run
from mls_assets.orchestration.running import Narrator
from mls_assets.reconcile.guard import Thresholds
from mls_assets.replication.settings import (
    ForgeSettings,
    RemovalLimits,
    SparkSettings,
    facts_of,
    settings_of,
)
from mls_assets.replication.workspace import Progress, Workspace, data_folder, database_of, silent
from mls_assets.sources.source import Source
from mls_assets.warehouse import Connection

_SPARK = SparkSettings()
_FORGE = ForgeSettings()
_GUARD = Thresholds()
_UNSAID = "Empty: as the feed's table in the feeds file says, else "


class MlsWarehouse(DuckDBResource):
    """The warehouse file, the folder it belongs to, and how long a run waits for either.

    By default the one that MLS_ASSETS_DATA and MLS_ASSETS_DATABASE name. Unlike the stock resource
    it never holds the file longer than one batch, always closes, and waits with a message that
    names the holder.
    """

    # both have defaults, so that a run which is told another patience need not repeat them
    database: str = Field(
        default_factory=database_of,
        description="The warehouse file (MLS_ASSETS_DATABASE).",
    )
    data_folder: str = Field(
        default_factory=lambda: str(data_folder()),
        description="Data folder (MLS_ASSETS_DATA): locks, Dagster's own folder, mls.duckdb.",
    )
    patience_seconds: float = Field(
        default=60.0,
        description="How long to wait for another process to let go of the warehouse file.",
    )
    connection_config: dict[str, Any] = Field(
        default={},
        description="Of DuckDB's options only memory_limit (such as '4GB'); all others are set "
        "so that files stay readable and nothing is fetched from the network.",
    )

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator["MlsWarehouse"]:
        """Lend itself to a run, whose death is noticed meanwhile, whatever it died of."""
        with ExitStack() as stack:
            if context.run and context.instance:
                stack.enter_context(living_run(context.instance, context.run.run_id))
            yield self

    def workspace(self, run_id: str, progress: Callable[[Progress], None] = silent) -> Workspace:
        """Return the place in which the passes of one run work.

        Raises ConfigurationError for a connection_config that is not ours to give.
        """
        refused = sorted(set(self.connection_config) - {"memory_limit"})
        if refused:
            raise ConfigurationError(
                f"connection_config may set memory_limit only, not {', '.join(refused)}. Nothing "
                "was done."
            )
        return Workspace.open(
            Path(self.data_folder),
            self.database,
            run_id=run_id,
            progress=progress,
            patience=self.patience_seconds,
            memory=self.connection_config.get("memory_limit"),
            asks_for=_asked_for_now,
        )

    @contextmanager
    def read(self, run_id: str = "") -> Iterator[Connection]:
        """Lend a connection for one question; hold it for less than two seconds."""
        with self.workspace(run_id).warehouse.read() as con:
            yield con

    @contextmanager
    def write(self, run_id: str = "") -> Iterator[Connection]:
        """Lend a connection for one transaction: committed at the end, else rolled back."""
        with self.workspace(run_id).warehouse.write() as con:
            yield con

    @contextmanager
    def get_connection(self) -> Iterator[Connection]:
        """Do what `write` does: the stock method leaks its lock when the body raises."""
        with self.write() as con:
            yield con


class SparkApi(dg.ConfigurableResource):
    """How a run asks Spark, if not as its feed's table says. Which feeds there are stands there."""

    page_size: int | None = Field(
        default=None,
        description=f"Records a page ($top). {_UNSAID}{_SPARK.page_size:,}.",
    )
    relations_page_size: int | None = Field(
        default=None,
        description="Listings a page while Media, Room and Unit come along. "
        f"{_UNSAID}{_SPARK.relations_page_size:,}.",
    )
    overlap_minutes: float | None = Field(
        default=None,
        description="How far before the last retrieval an update begins; the guide says 20 "
        f"minutes, for server-side caching. {_UNSAID}{_SPARK.overlap_minutes:.0f}.",
    )
    two_sided_window: bool | None = Field(
        default=None,
        description="Also bound an update above, by the time at which it began. "
        f"{_UNSAID}{str(_SPARK.two_sided_window).lower()}.",
    )
    patience_seconds: float = Field(
        default=_SPARK.patience_seconds,
        description="Seconds of fruitless trying after which the host counts as unreachable.",
    )
    page_budget: int | None = Field(
        default=None,
        description="Pages a run may take before it ends with more to do; 0 is no bound. "
        f"{_UNSAID}{_SPARK.page_budget}.",
    )

    def settings(self, feed: SparkFeed) -> SparkSettings:
        """Return them as the passes take them, for one feed."""
        source = feed.source
        return settings_of(SparkSettings, feed, dict(self), source.name, facts_of(source))


class ForgeApi(dg.ConfigurableResource):
    """How a run asks Forge. Its page size is the vendor's (500 records) and cannot be chosen."""

    patience_seconds: float = Field(
        default=_FORGE.patience_seconds,
        description="Seconds of fruitless trying after which the host counts as unreachable.",
    )
    page_budget: int | None = Field(
        default=None,
        description="Pages a run may take before it ends with more to do; 0 is no bound. "
        f"{_UNSAID}{_FORGE.page_budget}.",
    )
    fields: list[str] = Field(
        default=list(_FORGE.fields),
        description="What to ask for where the server refuses introspection; empty: the fields "
        "of the vendor's examples.",
    )

    def settings(self, access: ForgeAccess) -> ForgeSettings:
        """Return them as the passes take them, for the feeds of one access."""
        told = {**dict(self), "fields": tuple(self.fields)}
        return settings_of(ForgeSettings, access, told, "forge")


class PurgeGuard(dg.ConfigurableResource):
    """When a purge is more likely an outage than removals, and is held back for a person.

    A run's own limits, if not those of the table `guard` of its feed.
    """

    share: float | None = Field(
        default=None,
        description="Share of the local keys above which one sweep's removals are blocked. "
        f"{_UNSAID}{_GUARD.share}.",
    )
    floor: int | None = Field(
        default=None,
        description="So many removals are let pass whatever their share, up to half of all. "
        f"{_UNSAID}{_GUARD.floor}.",
    )
    day_share: float | None = Field(
        default=None,
        description="Share of the keys above which the removals of 24 hours are blocked. "
        f"{_UNSAID}{_GUARD.day_share}.",
    )
    renamed_share: float | None = Field(
        default=None,
        description="So many gone and so many new at once looks like keys renamed, and blocks. "
        f"{_UNSAID}{_GUARD.renamed_share}.",
    )
    canary_share: float | None = Field(
        default=None,
        description="Share of the last hour's updated keys whose absence blocks. "
        f"{_UNSAID}{_GUARD.canary_share}.",
    )
    canary_floor: int | None = Field(
        default=None,
        description=f"Fewer missing canaries than this never block. {_UNSAID}"
        f"{_GUARD.canary_floor}.",
    )

    def thresholds(self, feed: SparkFeed | ForgeAccess) -> Thresholds:
        """Return them as the passes take them, for one feed (of Forge: the feeds of one access)."""
        return settings_of(Thresholds, feed.guard, dict(self), "guard")


class RemovalTimes(dg.ConfigurableResource):
    """How long a removal may take, and how old a proof may be (IDX policy 7.58: 12 hours)."""

    warn_hours: float | None = Field(
        default=None,
        description="From then on the check warns: time to act. Empty: half of the feed's "
        f"`removal_hours` (feeds file, {REMOVAL_HOURS:.0f}).",
    )
    fail_hours: float | None = Field(
        default=None,
        description="From then on a removal is overdue. Empty: the feed's `removal_hours` (feeds "
        f"file, {REMOVAL_HOURS:.0f}).",
    )

    def limits(self, removal_hours: float) -> RemovalLimits:
        """Return them for a feed whose removals have to be done within so many hours."""
        feed = RemovalLimits.within(removal_hours)
        return settings_of(RemovalLimits, feed, dict(self), "removal_times")


def _asked_for_now(feed: str, resource: Resource | None = None) -> bool:
    """Tell whether the configuration, read anew, asks for a feed and resource."""
    return load_feeds().asks_for(feed, resource)


def workspace_of(context: dg.OpExecutionContext | dg.AssetExecutionContext) -> Workspace:
    """Return the place in which the passes of a step work; progress goes to the run's log."""
    warehouse: MlsWarehouse = context.resources.warehouse
    return warehouse.workspace(context.run.run_id, Narrator(context.log.info))


def api_of(context: dg.OpExecutionContext | dg.AssetExecutionContext, source: Source) -> Any:
    """Return how a run asks a source: the resource of the source's name."""
    return getattr(context.resources, source.name)


def guard_of(
    context: dg.OpExecutionContext | dg.AssetExecutionContext, feed: SparkFeed | ForgeAccess
) -> Thresholds:
    """Return the guard's thresholds of a run, for one feed."""
    guard: PurgeGuard = context.resources.guard
    return guard.thresholds(feed)


def source_resources(sources: Iterable[Source]) -> dict[str, dg.ConfigurableResource]:
    """Return the resource of each source, by the source's name."""
    return {source.name: ForgeApi() if source.has_event_log else SparkApi() for source in sources}
