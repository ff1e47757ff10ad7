"""A source as one value: what it is called, how it tells of changes, how it proves what is gone.

Everything above is handed a source, and goes by what it can do, never by which one it is.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from mls_assets.model.feed_names import FeedName
from mls_assets.model.resources import CHILD_RESOURCES, Resource
from mls_assets.model.states import PassKind
from mls_assets.reso import Dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeWindow:
    """Changes are asked for by ModificationTimestamp, from the last retrieval less an overlap.

    `overlap_minutes` covers the caches of the source's servers (Spark's guide, "Update Data": 20).
    """

    overlap_minutes: float


@dataclass(frozen=True, slots=True)
class EventStream:
    """Changes follow an event id, removals among them (Forge's guide, "Replication")."""


@dataclass(frozen=True, slots=True)
class KeySweep:
    """What is gone is found by reading all keys, and confirmed by asking for each (Spark, step
    3)."""


@dataclass(frozen=True, slots=True)
class LogReplay:
    """What is gone is found by reading the whole event log again."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """One kind of origin that feeds have.

    `name` stands before the slash in its feeds' names, and in those of its assets, jobs and
    sensors; `title` is its name in messages. `guide` is the address of its replication guide.
    `resources` are those that it can serve, each with the noun by which its assets are called
    (`listing`: `spark_listing_pages`), `relations` the collections inside of its listings,
    `inside_listings` the resources that come so.
    `page_size` is how many records an answer has at most, `relations_page_size` the same with
    relations. `variables` are those that configure it without a feeds file, `default_feed` the
    own name of its only feed then. With `one_feed_an_address` two feeds of one address are the same
    listings twice.
    """

    name: str
    title: str
    guide: str
    changes: TimeWindow | EventStream
    evidence: KeySweep | LogReplay
    dialect: Dialect
    resources: Mapping[Resource, str]
    page_size: int
    relations: Sequence[str] = ()
    inside_listings: Collection[Resource] = CHILD_RESOURCES
    relations_page_size: int = 0
    variables: Sequence[str] = ()
    default_feed: str = ""
    one_feed_an_address: bool = False

    def feed(self, own: str) -> FeedName:
        """Return the name of one of its feeds."""
        return FeedName(f"{self.name}/{own}", is_mls=self.dialect.feed_is_mls)

    @property
    def has_event_log(self) -> bool:
        """Whether it tells of each change as an event, and proves by a replay of them."""
        return isinstance(self.changes, EventStream)

    def pages_asset(self, resource: Resource) -> str:
        """Return the asset of the raw pages of a resource."""
        return f"{self.name}_{self.resources[resource]}_pages"

    @property
    def pages(self) -> Mapping[str, Resource]:
        """The assets of raw pages, with the resource of each."""
        return {self.pages_asset(resource): resource for resource in self.resources}

    @property
    def keys_asset(self) -> str:
        """The asset of proven key sets, of a source whose keys are swept."""
        return f"{self.name}_keys"

    @property
    def replicate_job(self) -> str:
        """The job that brings a feed to current."""
        return f"{self.name}_replicate"

    @property
    def plan_job(self) -> str:
        """The job that shows what a purge would remove, of a source whose keys are swept."""
        return f"{self.name}_purge_plan"

    @property
    def reconcile_job(self) -> str:
        """The job that proves what is gone."""
        kind = "purge" if isinstance(self.evidence, KeySweep) else PassKind.REPLAY
        return f"{self.name}_{kind}"


def changes_of(source: Source) -> TimeWindow:
    """Return how a source that is asked by time windows is asked. Raises TypeError for another."""
    if not isinstance(source.changes, TimeWindow):
        raise TypeError(f"{source.name} is not asked by time windows")
    return source.changes
