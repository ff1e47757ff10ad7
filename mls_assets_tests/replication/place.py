"""A sandbox, a data folder and the passes, in the words the tests use."""

import json
import shutil
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mls_assets.configuration.feeds import Feeds, ForgeAccess, SparkFeed, forge_feed, load_feeds
from mls_assets.model.resources import KEY_FIELDS, TABLE_OF_RESOURCE, Resource
from mls_assets.reconcile.guard import Thresholds
from mls_assets.replication.normalise import normalise_landed
from mls_assets.replication.outcome import Replicated
from mls_assets.replication.reconciliation.case import ApprovalOf
from mls_assets.replication.reconciliation.purge import purge
from mls_assets.replication.reconciliation.replay import replay
from mls_assets.replication.reconciliation.sweep import sweep_keys
from mls_assets.replication.replicate import replicate_forge, replicate_spark
from mls_assets.replication.settings import ForgeSettings, SparkSettings
from mls_assets.replication.workspace import Progress, Workspace, anything, silent
from mls_assets.sandbox.server import SandboxServer
from mls_assets.warehouse import rows

#: The market of a place, unless its test made another: the same at every start.
MARKET = {"listings": 60, "seed": 11}
WAREHOUSE = "warehouse.duckdb"
SPARK = "spark/default"
ARMLS = forge_feed("armls")
#: Small pages, so that small markets have several.
PAGES = SparkSettings(page_size=25, relations_page_size=25, patience_seconds=2)


FORGE = ForgeSettings(patience_seconds=2)


@dataclass
class Place:
    """Everything a test of a pass needs; `spark` and `forge` are the configured feeds."""

    #: a SandboxServer, or a server of the test's own that tells its `environment` too
    sandbox: Any
    folder: Path
    settings: SparkSettings = PAGES
    beginnings: Path = Path()
    run: int = 0
    forge_settings: ForgeSettings = FORGE
    progress: Callable[[Progress], None] = silent
    asks_for: Callable[[str, Resource | None], bool] = anything
    feeds: Feeds = field(init=False)
    _opened: Workspace | None = None

    def __post_init__(self) -> None:
        self.feeds = load_feeds(self.sandbox.environment())

    @property
    def spark(self) -> SparkFeed:
        return self.feeds.spark[SPARK]

    @spark.setter
    def spark(self, feed: SparkFeed) -> None:
        self.feeds = replace(self.feeds, spark={**self.feeds.spark, SPARK: feed})

    @property
    def forge(self) -> ForgeAccess:
        return self.feeds.log_access("forge/armls")

    @property
    def workspace(self) -> Workspace:
        """The data folder as one run sees it; a new run opens it anew."""
        if self._opened is None or self._opened.run_id != f"run-{self.run}":
            self._opened = Workspace.open(
                self.folder,
                run_id=f"run-{self.run}",
                progress=self.progress,
                patience=10,
                asks_for=lambda feed, resource: self.asks_for(feed, resource),
            )
        return self._opened

    def control(self, verb: str, **body: Any) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self.sandbox.control_url}/{verb}", json.dumps(body).encode(), method="POST"
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def fault(self, name: str, surface: str = "spark", **params: Any) -> None:
        self.control("faults", name=name, surface=surface, **params)

    def truth(self, resource: Resource = Resource.PROPERTY, feed: str = SPARK) -> set[str]:
        url = f"{self.sandbox.control_url}/truth?feed={feed}&resource={resource}&format=text"
        with urllib.request.urlopen(url) as answer:
            return set(answer.read().decode().split())

    def replicate(
        self, *resources: Resource, settings: SparkSettings | None = None
    ) -> list[Replicated]:
        """Replicate (all) resources of the Spark feed and normalise."""
        self.run += 1
        workspace = self.workspace
        done = [
            replicate_spark(workspace, self.spark, resource, settings or self.settings)
            for resource in resources or self.spark.resources
        ]
        normalise_landed(workspace)
        return done

    def follow(self, feed: str = ARMLS, resource: Resource = Resource.PROPERTY) -> Replicated:
        """Follow a Forge event log and normalise."""
        self.run += 1
        workspace = self.workspace
        done = replicate_forge(workspace, feed, self.forge, resource, self.forge_settings)
        normalise_landed(workspace)
        return done

    def purge(self, resource: Resource = Resource.PROPERTY, **how: Any) -> Any:
        """Sweep and judge; returns the Judged, or the Swept if it is void."""
        self.run += 1
        workspace = self.workspace
        thresholds = how.pop("thresholds", Thresholds())
        approve = self._approval(how)
        swept = sweep_keys(workspace, self.spark, resource, self.settings, approve=approve)
        if swept.void:
            return swept
        return purge(
            workspace, self.spark, swept.sweep_id, self.settings, thresholds, approve=approve, **how
        )

    def replay(self, feed: str = ARMLS, resource: Resource = Resource.PROPERTY, **how: Any) -> Any:
        self.run += 1
        thresholds = how.pop("thresholds", Thresholds())
        approve = self._approval(how)
        return replay(
            self.workspace,
            feed,
            self.forge,
            resource,
            self.forge_settings,
            thresholds,
            approve=approve,
            **how,
        )

    @staticmethod
    def _approval(how: dict[str, Any]) -> ApprovalOf | None:
        sweep_id = how.pop("approve", "")
        return ApprovalOf(sweep_id, "a tester") if sweep_id else None

    def begin(self, *resources: Resource) -> None:
        """Have replicated these resources of the Spark feed, once, before anything else."""
        self._take_over(lambda begun: begun.replicate(*resources), ("replicate", *resources))

    def begin_following(self) -> None:
        """Have followed the listings of a Forge feed, once, before anything else."""
        self._take_over(lambda begun: begun.follow(), ("follow",))

    def _take_over(self, begin: Callable[["Place"], object], name: tuple[str, ...]) -> None:
        """Copy a warehouse that a first run left: a download costs a second, its copy nothing."""
        assert self.run == 0, "a place can only begin once"
        kept = self.beginnings / "-".join(name)
        if not kept.exists():
            kept.mkdir()
            shutil.copy(self.folder / WAREHOUSE, kept / WAREHOUSE)
            with SandboxServer(**MARKET) as sandbox:
                begin(Place(sandbox, kept, beginnings=self.beginnings))
        shutil.copy(kept / WAREHOUSE, self.folder / WAREHOUSE)
        self.run = 1
        with self.workspace.warehouse.write() as con:
            # the same market, which this time listens on another port
            for source, url in (
                ("spark", self.sandbox.spark_url),
                ("forge", self.sandbox.forge_url),
            ):
                con.execute("update raw.origins set origin = ? where source = ?", [url, source])

    def rows(self, sql: str, *params: object) -> list[tuple[Any, ...]]:
        with self.workspace.warehouse.read() as con:
            return rows(con, sql, params)

    def keys(self, resource: Resource = Resource.PROPERTY, feed: str = SPARK) -> set[str]:
        found = self.rows(
            f'select "{KEY_FIELDS[resource]}" from {TABLE_OF_RESOURCE[resource]} where feed = ?',
            feed,
        )
        keys = [key for (key,) in found]
        assert len(keys) == len(set(keys)), "a key stands in the table twice"
        return set(keys)

    def state(self, resource: Resource = Resource.PROPERTY, feed: str = SPARK) -> dict[str, Any]:
        columns = "state, cursor, initial_download_complete, rows, source_rows, reconciled_at"
        found = self.rows(
            f"select {columns} from feeds where feed = ? and resource = ?", feed, resource
        )
        return dict(zip(columns.split(", "), found[0], strict=True)) if found else {}

    def ledger(self, **where: str) -> list[tuple[str, str, str]]:
        """Return (record_key, event, reason) in order, of one feed or resource if named."""
        found = self.rows(
            "select record_key, event, reason, feed, resource from deletion_ledger "
            "order by entry_id"
        )
        return [
            row[:3]
            for row in found
            if row[3] == where.get("feed", row[3]) and row[4] == where.get("resource", row[4])
        ]

    def tables(self) -> dict[str, list[str]]:
        """Return the sorted content of all RESO tables, as text."""
        return {
            table: sorted(map(repr, self.rows(f"select * from {table}")))
            for table in TABLE_OF_RESOURCE.values()
        }

    def copy_to(self, folder: Path) -> "Place":
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return Place(self.sandbox, folder, self.settings, self.beginnings, self.run)
