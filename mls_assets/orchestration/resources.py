"""What assets are handed by Dagster: the warehouse, and how the two sources and a purge are set.

Fields here are what a person sees and may change in the Launchpad; their defaults come from the
dataclasses that the passes take. No token is ever a field, and nothing is asked or opened here.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource
from pydantic import Field

from mls_assets.configuration.feeds import load_feeds
from mls_assets.errors import ConfigurationError
from mls_assets.model.resources import Resource
from mls_assets.orchestration.dagster_home import living_run
from mls_assets.orchestration.running import Narrator
from mls_assets.reconcile.guard import Thresholds
from mls_assets.replication.reporting.status import REMOVAL_HOURS
from mls_assets.replication.settings import ForgeSettings, SparkSettings
from mls_assets.replication.workspace import Progress, Workspace, data_folder, database_of, silent
from mls_assets.sources.source import Source

Settings = TypeVar("Settings", SparkSettings, ForgeSettings, Thresholds)

_SPARK = SparkSettings()
_FORGE = ForgeSettings()
_GUARD = Thresholds()


class MlsWarehouse(DuckDBResource):
    """The warehouse file, the folder it belongs to, and how long a run waits for either.

    By default the one that MLS_ASSETS_DATA and MLS_ASSETS_DATABASE name. Unlike the stock resource
    it never holds the file longer than one batch, always closes, and waits with a message that
    names the holder.
    """

    # both have defaults, so that a run which is told another patience need not repeat them
    database: str = Field(
        default_factory=lambda: str(database_of()),
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
        workspace = Workspace.open(
            Path(self.data_folder),
            self.database,
            run_id=run_id,
            progress=progress,
            patience=self.patience_seconds,
            asks_for=_asked_for_now,
        )
        workspace.warehouse.memory = self.connection_config.get(
            "memory_limit", workspace.warehouse.memory
        )
        return workspace

    @contextmanager
    def read(self, run_id: str = "") -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend a connection for one question; hold it for less than two seconds."""
        with self.workspace(run_id).warehouse.read() as con:
            yield con

    @contextmanager
    def write(self, run_id: str = "") -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend a connection for one transaction: committed at the end, else rolled back."""
        with self.workspace(run_id).warehouse.write() as con:
            yield con

    @contextmanager
    def get_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Do what `write` does: the stock method leaks its lock when the body raises."""
        with self.write() as con:
            yield con


class SparkApi(dg.ConfigurableResource):
    """How Spark is asked. Which feeds there are stands in the feeds file, not here."""

    page_size: int = Field(
        default=_SPARK.page_size,
        description="Records a page ($top); 0: the feed's own `page_size` (feeds file, 1,000).",
    )
    relations_page_size: int = Field(
        default=_SPARK.relations_page_size,
        description="Listings a page while Media, Room and Unit come along; 0: the feed's own "
        "`relations_page_size` (feeds file, 250).",
    )
    overlap_minutes: float = Field(
        default=_SPARK.overlap_minutes,
        description="How far before the last retrieval an update begins; the guide says 20 "
        "minutes, for server-side caching.",
    )
    two_sided_window: bool = Field(
        default=_SPARK.two_sided_window,
        description="Also bound an update above, by the time at which it began.",
    )
    patience_seconds: float = Field(
        default=_SPARK.patience_seconds,
        description="Seconds of fruitless trying after which the host counts as unreachable.",
    )
    page_budget: int = Field(
        default=_SPARK.page_budget,
        description="Pages a run may take before it ends with more to do; 0 is no bound.",
    )

    def settings(self) -> SparkSettings:
        """Return them as the passes take them."""
        return _mirrored(SparkSettings, self)


class ForgeApi(dg.ConfigurableResource):
    """How Forge is asked. Its page size is the vendor's (500 records) and cannot be chosen."""

    patience_seconds: float = Field(
        default=_FORGE.patience_seconds,
        description="Seconds of fruitless trying after which the host counts as unreachable.",
    )
    page_budget: int = Field(
        default=_FORGE.page_budget,
        description="Pages a run may take before it ends with more to do; 0 is no bound.",
    )
    fields: list[str] = Field(
        default=list(_FORGE.fields),
        description="What to ask for where the server refuses introspection; empty: the fields "
        "of the vendor's examples.",
    )

    def settings(self) -> ForgeSettings:
        """Return them as the passes take them."""
        return _mirrored(ForgeSettings, self)


class PurgeGuard(dg.ConfigurableResource):
    """When a purge is more likely an outage than removals, and is held back for a person."""

    share: float = Field(
        default=_GUARD.share,
        description="Share of the local keys above which one sweep's removals are blocked.",
    )
    floor: int = Field(
        default=_GUARD.floor,
        description="So many removals are let pass whatever their share, up to half of all.",
    )
    day_share: float = Field(
        default=_GUARD.day_share,
        description="Share of the keys above which the removals of 24 hours are blocked.",
    )
    renamed_share: float = Field(
        default=_GUARD.renamed_share,
        description="So many gone and so many new at once looks like keys renamed, and blocks.",
    )
    canary_share: float = Field(
        default=_GUARD.canary_share,
        description="Share of the last hour's updated keys whose absence blocks.",
    )
    canary_floor: int = Field(
        default=_GUARD.canary_floor,
        description="Fewer missing canaries than this never block.",
    )

    def thresholds(self) -> Thresholds:
        """Return them as the passes take them."""
        return _mirrored(Thresholds, self)


class RemovalTimes(dg.ConfigurableResource):
    """How long a removal may take, and how old a proof may be (IDX policy 7.58: 12 hours)."""

    warn_hours: float = Field(
        default=REMOVAL_HOURS / 2, description="From then on the check warns: time to act."
    )
    fail_hours: float = Field(
        default=REMOVAL_HOURS, description="From then on a removal is overdue."
    )


def _asked_for_now(feed: str, resource: Resource | None = None) -> bool:
    """Tell whether the configuration, read anew, asks for a feed and resource."""
    return load_feeds().asks_for(feed, resource)


def _mirrored(kind: type[Settings], resource: dg.ConfigurableResource) -> Settings:
    """Build the passes' dataclass from the resource's fields of the same names."""
    values: dict[str, Any] = {}
    for entry in fields(kind):
        value = getattr(resource, entry.name)
        values[entry.name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


def workspace_of(context: dg.OpExecutionContext | dg.AssetExecutionContext) -> Workspace:
    """Return the place in which the passes of a step work; progress goes to the run's log."""
    warehouse: MlsWarehouse = context.resources.warehouse
    return warehouse.workspace(context.run.run_id, Narrator(context.log.info))


def api_of(context: dg.OpExecutionContext | dg.AssetExecutionContext, source: Source) -> Any:
    """Return how a run asks a source: the resource of the source's name."""
    return getattr(context.resources, source.name)


def guard_of(context: dg.OpExecutionContext | dg.AssetExecutionContext) -> Thresholds:
    """Return the guard's thresholds of a run."""
    guard: PurgeGuard = context.resources.guard
    return guard.thresholds()


def source_resources(sources: Iterable[Source]) -> dict[str, dg.ConfigurableResource]:
    """Return the resource of each source, by the source's name."""
    return {source.name: ForgeApi() if source.has_event_log else SparkApi() for source in sources}
