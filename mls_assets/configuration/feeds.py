"""Which MLSs are replicated: from environment variables, or from a TOML feeds file.

Only configuration is read here; no request is made. How the file is read stands in `feeds_file`,
what a token may be in `credentials`.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import permutations
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args
from zoneinfo import available_timezones

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from mls_assets.configuration import feeds_file
from mls_assets.configuration.credentials import VARIABLE_PATTERN, checked_url
from mls_assets.configuration.feeds_file import choice, in_words
from mls_assets.configuration.switches import sensors_on
from mls_assets.errors import ConfigurationError
from mls_assets.model.feed_names import FeedName
from mls_assets.model.resources import KEYED_RESOURCES, Resource
from mls_assets.reconcile.guard import Thresholds
from mls_assets.sources.forge.source import FORGE
from mls_assets.sources.registry import all_sources, source_of
from mls_assets.sources.source import Source
from mls_assets.sources.spark.source import SPARK

SPARK_DEFAULT_URL = "https://replication.sparkapi.com/Reso/OData"
#: The variables that hold the tokens where no feeds file names others.
_SPARK_TOKEN, _FORGE_TOKEN = "SPARK_ACCESS_TOKEN", "FORGE_API_TOKEN"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")

_FORGE_RESOURCES = (Resource.PROPERTY, Resource.MEMBER)
_Relation = Literal["Media", "Room", "Unit"]
SPARK_RELATIONS: tuple[_Relation, ...] = get_args(_Relation)

_Text = Annotated[str, Meta(pattern=r"\S")]
_Variable = Annotated[
    str,
    in_words(
        "the name of a variable (letters, digits and _), not the token itself",
        VARIABLE_PATTERN,
        private=True,
    ),
]

#: Bounds of what a feed's table and a run may say; the defaults are those of a run's settings.
PageSize = Annotated[int, Meta(ge=1, le=1_000_000)]
PageBudget = Annotated[int, Meta(ge=0, le=1_000_000)]
OverlapMinutes = Annotated[float, Meta(ge=0, le=7 * 24 * 60)]
Hours = Annotated[float, Meta(ge=0.1, le=7 * 24)]

#: Hours after which a removal that the source made must be done here (RESO practice, IDX 7.58).
REMOVAL_HOURS = 12.0


class _FeedOptions(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every kind of source may be told in the feeds file.

    What is None is not said here: then the default of the run's settings counts. `page_budget`:
    pages that a run may take (0: no bound). `removal_hours`: within which a removal has to be
    done. `guard`: the limits of a purge.
    """

    on_block: Literal["keep", "hide"] = "keep"
    page_budget: PageBudget | None = None
    removal_hours: Hours = REMOVAL_HOURS
    guard: Thresholds = Thresholds()

    @property
    def hides(self) -> bool:
        """Whether readers do not see what a guard holds back until that is decided."""
        return self.on_block == "hide"


class SparkFeed(_FeedOptions, frozen=True, forbid_unknown_fields=True):
    """One Spark key: what it may ask, and what its sensors do (minutes, hours).

    `page_size`, `relations_page_size`, `overlap_minutes` and `two_sided_window` are those of
    `SparkSettings`. `time_zone` is where its open houses are ("": unknown).
    """

    name: str
    token_env: _Variable = _SPARK_TOKEN
    base_url: _Text = SPARK_DEFAULT_URL
    resources: Annotated[tuple[Resource, ...], choice(KEYED_RESOURCES, least=1)] = KEYED_RESOURCES
    relations: tuple[_Relation, ...] = SPARK_RELATIONS
    select: tuple[_Text, ...] = ()
    page_size: PageSize | None = None
    relations_page_size: PageSize | None = None
    overlap_minutes: OverlapMinutes | None = None
    two_sided_window: bool | None = None
    # a licence asks for twice a day
    update_minutes: Annotated[float, Meta(ge=1, le=24 * 60)] = 5
    purge_hours: Hours = 6
    time_zone: _Text = ""

    @property
    def source(self) -> Source:
        """What is asked."""
        return source_of(self.name)

    @property
    def url(self) -> str:
        """The address that is asked."""
        return self.base_url

    @property
    def title(self) -> str:
        """What messages call it."""
        return self.name

    def covers(self, feed: str) -> bool:
        """Whether a feed is asked through this."""
        return feed == self.name

    def __post_init__(self) -> None:
        """Keep each resource and relation once, the resources in their own order."""
        _keep_once(self, KEYED_RESOURCES)
        force_setattr(self, "relations", tuple(dict.fromkeys(self.relations)))

    def question(self, resource: Resource) -> str:
        """What is asked of the source; when it changes, what is stored no longer answers it."""
        if resource is Resource.PROPERTY:
            return self._question(sorted(self.relations))
        return ""

    def same_questions(self, resource: Resource) -> tuple[str, ...]:
        """Return other texts of the same question, as earlier versions wrote it down.

        They kept the order in which the feeds file names the relations.
        """
        if resource is not Resource.PROPERTY:
            return ()
        return tuple(self._question(order) for order in permutations(self.relations))

    def _question(self, relations: Iterable[str]) -> str:
        return f"select={','.join(sorted(self.select))};relations={','.join(relations)}"


class ForgeAccess(_FeedOptions, frozen=True, forbid_unknown_fields=True):
    """Access to Forge; its feeds are the MLSs it lists but `exclude`, or those in `mlses`."""

    url: Annotated[str, in_words("its endpoint, for Forge publishes none of its own", r"\S")]
    token_env: _Variable = _FORGE_TOKEN
    mlses: tuple[_Text, ...] = ()
    exclude: tuple[_Text, ...] = ()
    filter: tuple[Any, ...] = ()
    resources: Annotated[tuple[Resource, ...], choice(_FORGE_RESOURCES, least=1)] = _FORGE_RESOURCES
    # the guide: wait at least one minute when current
    poll_seconds: Annotated[float, Meta(ge=60, le=24 * 60 * 60)] = 60

    @property
    def source(self) -> Source:
        """What is asked."""
        return FORGE

    @property
    def title(self) -> str:
        """What messages call it."""
        return self.source.name

    def covers(self, feed: str) -> bool:
        """Whether a feed is asked through this, should the source list its MLS."""
        name = FeedName.of(feed)
        return name.source == self.source.name and self.asks_for(name.own)

    def __post_init__(self) -> None:
        """Keep each resource once, in their own order; no MLS is both wanted and left out."""
        _keep_once(self, _FORGE_RESOURCES)
        if both := sorted(set(self.mlses) & set(self.exclude)):
            raise ValueError(
                f"{', '.join(both)} stands in `mlses` and in `exclude`; take it out of one of them"
            )

    def question(self, resource: Resource) -> str:
        """What is asked of the source; a changed filter wants a fresh download."""
        return f"filter={list(self.filter)!r}" if resource is Resource.PROPERTY else ""

    def asks_for(self, mls: str) -> bool:
        """Whether an MLS is to be replicated, should Forge list it."""
        return mls not in self.exclude and (not self.mlses or mls in self.mlses)

    def filter_for(self, resource: Resource) -> tuple[Any, ...] | None:
        """The query's filter; it speaks of listings, so agents are asked for without."""
        return (self.filter or None) if resource is Resource.PROPERTY else None


def _keep_once(options: SparkFeed | ForgeAccess, order: Iterable[Resource]) -> None:
    kept = tuple(resource for resource in order if resource in options.resources)
    force_setattr(options, "resources", kept)


@dataclass(frozen=True, slots=True)
class Feeds:
    """Everything that is configured; `file` is the feeds file, empty with variables alone."""

    spark: Mapping[str, SparkFeed] = field(default_factory=dict)
    forge: ForgeAccess | None = None
    file: str = ""

    @property
    def configured(self) -> bool:
        """True if there is anything to replicate."""
        return bool(self.spark) or self.forge is not None

    def asks_for(self, feed: str, resource: Resource | None = None) -> bool:
        """Whether a feed (a resource of it) is to be replicated."""
        access = self.access_of(feed)
        return access is not None and (resource is None or resource in access.resources)

    @property
    def accesses(self) -> tuple["SparkFeed | ForgeAccess", ...]:
        """All that is configured, each with a token and an address of its own."""
        return (*self.spark.values(), *([self.forge] if self.forge else ()))

    def access_of(self, feed: str) -> "SparkFeed | ForgeAccess | None":
        """Return through what a feed is asked; None if it is not configured."""
        return next((each for each in self.accesses if each.covers(feed)), None)

    def windows_of(self, source: Source) -> dict[str, SparkFeed]:
        """Return the feeds of a source that is asked by time windows, by name."""
        return {name: feed for name, feed in self.spark.items() if feed.source is source}

    def log_of(self, source: Source) -> ForgeAccess | None:
        """Return the access to a source with an event log; None if it is off."""
        return self.forge if self.forge is not None and self.forge.source is source else None

    def removal_hours(self, feed: str) -> float:
        """Return the hours within which a removal of a feed has to be done."""
        access = self.access_of(feed)
        return access.removal_hours if access else REMOVAL_HOURS

    def expect(self, feed: str) -> None:
        """Raise ConfigurationError for a feed that is not, or no longer, asked for."""
        if not self.asks_for(feed):
            raise ConfigurationError(
                f"{feed} is not configured (any more). Nothing was asked, and nothing stored."
            )

    def spark_feed(self, name: str) -> SparkFeed:
        """Return a Spark feed by its name, or raise ConfigurationError naming the known ones."""
        if name not in self.spark:
            known = ", ".join(sorted(self.spark)) or "none"
            raise ConfigurationError(
                f"Unknown feed {name!r}. Configured Spark feeds: {known}. Nothing was asked."
            )
        return self.spark[name]

    def log_access(self, feed: str) -> ForgeAccess:
        """Return the access to the event log of a feed's source.

        Raises ConfigurationError that says what to set where the source is off.
        """
        if self.forge is None or self.forge.source.name != FeedName.of(feed).source:
            raise ConfigurationError(
                "Forge is off. Nothing was asked; set FORGE_API_TOKEN and FORGE_URL, or [forge] "
                "in the feeds file."
            )
        return self.forge


def mls_of_feed(feed: str) -> str:
    """Return the MLS key of a Forge feed's name (`forge/armls` -> `armls`)."""
    return FeedName.of(feed).own


def forge_feed(mls: str) -> str:
    """Return the feed's name of a Forge MLS key."""
    return FORGE.feed(mls)


def load_feeds(environ: Mapping[str, str] | None = None) -> Feeds:
    """Read the configuration.

    With `MLS_ASSETS_FEEDS` the file it names is everything; else the variables give at
    most one Spark feed (`spark/default`) and one access to Forge.
    Raises ConfigurationError for anything that could not work, and for a mistyped switch.
    """
    environ = os.environ if environ is None else environ
    sensors_on(environ)  # so that every verb tells of a slip there, not only those with sensors
    path = environ.get("MLS_ASSETS_FEEDS", "").strip()
    if path:
        return _from_file(Path(path).expanduser())
    spark, forge = {}, None
    if environ.get(_SPARK_TOKEN, "").strip():
        url = environ.get("SPARK_BASE_URL", "").strip() or SPARK_DEFAULT_URL
        settings = {"base_url": url}
        if zone := environ.get("SPARK_TIME_ZONE", "").strip():
            settings["time_zone"] = _time_zone(zone, "SPARK_TIME_ZONE")
        feed = _window(SPARK, SPARK.default_feed, settings, "SPARK_BASE_URL")
        spark[feed.name] = feed
    if environ.get(_FORGE_TOKEN, "").strip() and environ.get("FORGE_URL", "").strip():
        forge = _forge({"url": environ["FORGE_URL"].strip()}, "FORGE_URL")
    return Feeds(spark, forge)


def _from_file(path: Path) -> Feeds:
    content = feeds_file.read_feeds_file(path)
    known = [source.name for source in all_sources()]
    feeds_file.only_known(content, known, "table", f"The feeds file {path}")
    windows = {}
    for source in all_sources():
        if source.has_event_log:
            continue
        place = f"{path}: [{source.name}"
        tables = feeds_file.checked_table(content.get(source.name, {}), f"{place}]")
        feeds_file.named_once(tables, "feeds", f"{place}]")
        for name, settings in tables.items():
            feed = _window(source, name, settings, f"{place}.{name}]")
            windows[feed.name] = feed
    forge = None
    if FORGE.name in content:
        forge = _forge(content[FORGE.name], f"{path}: [{FORGE.name}]")
    return Feeds(windows, forge, str(path))


@cache
def _window_type(source: Source) -> type[SparkFeed]:
    """Return the table of a source's feeds: Spark's with the resources and relations it has."""
    if source is SPARK:
        return SparkFeed
    resources, relations = tuple(source.resources), tuple(source.relations)
    of_resources = Annotated[tuple[Resource, ...], choice(resources, least=1)]
    of_relations = Annotated[tuple[str, ...], choice(relations)]
    made = msgspec.defstruct(
        f"{source.title}Feed",
        [
            ("token_env", _Variable),
            ("base_url", Annotated[str, in_words("its address", r"\S")]),
            ("resources", of_resources, resources),
            ("relations", of_relations, relations),
        ],
        bases=(SparkFeed,),
        frozen=True,
        forbid_unknown_fields=True,
        kw_only=True,
    )
    return cast("type[SparkFeed]", made)


def _window(source: Source, name: str, table: object, where: str) -> SparkFeed:
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{where}: a feed's name has letters, digits, '_', '-' and '.' only, not {name!r}."
        )
    feed = feeds_file.read_table(_window_type(source), table, where, name=str(source.feed(name)))
    checked_url(feed.base_url, where)
    if feed.time_zone:
        _time_zone(feed.time_zone, where)
    return feed


def _forge(table: object, where: str) -> ForgeAccess:
    access = feeds_file.read_table(ForgeAccess, table, where)
    if isinstance(table, dict) and "mlses" in table and not access.mlses:
        # else who takes out the last MLS would get every one that Forge lists
        raise ConfigurationError(
            f"{where}: `mlses` is empty. Nothing was done; leave it out for every MLS that Forge "
            "lists, or leave out [forge] for none."
        )
    feeds_file.named_once(access.mlses, "MLSs", where)
    checked_url(access.url, where)
    return access


def _time_zone(name: str, where: str) -> str:
    if name not in available_timezones():
        near = feeds_file.nearest(name, available_timezones())
        raise ConfigurationError(
            f"{where}: there is no time zone {feeds_file.shown(name)}{near}. Nothing was done; "
            "name one of the IANA database, such as America/Phoenix."
        )
    return name
