"""Which MLSs are replicated: from environment variables, or from a TOML feeds file.

Only configuration is read here; no request is made. How the file is read stands in `feeds_file`,
what a token may be in `credentials`.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from mls_assets.configuration import feeds_file
from mls_assets.configuration.credentials import checked_url, checked_variable
from mls_assets.configuration.switches import sensors_on
from mls_assets.errors import ConfigurationError
from mls_assets.model.feed_names import FeedName
from mls_assets.model.resources import KEYED_RESOURCES, Resource
from mls_assets.sources.forge.source import FORGE
from mls_assets.sources.source import Source
from mls_assets.sources.spark.source import SPARK

SPARK_DEFAULT_URL = "https://replication.sparkapi.com/Reso/OData"
SPARK_RELATIONS = ("Media", "Room", "Unit")
#: The variables that hold the tokens where no feeds file names others.
_SPARK_TOKEN, _FORGE_TOKEN = "SPARK_ACCESS_TOKEN", "FORGE_API_TOKEN"
_ON_BLOCK = ("keep", "hide")
#: The longest intervals that sensors may be told: a licence asks for twice a day.
_DAY_MINUTES, _WEEK_HOURS = 24 * 60, 7 * 24
_MOST_A_PAGE = 1_000_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class _FeedOptions:
    """What every kind of source may be told in the feeds file."""

    on_block: str = "keep"

    @property
    def hides(self) -> bool:
        """Whether readers do not see what a guard holds back until that is decided."""
        return self.on_block == "hide"


@dataclass(frozen=True, slots=True)
class SparkFeed(_FeedOptions):
    """One Spark key: what it may ask, and what its sensors do (minutes, hours).

    `page_size` is the `$top` of its walks, `relations_page_size` that of pages with Media, Room and
    Unit, which are larger; a replication key may ask for 1,000 (guide, "Replication"). `time_zone`
    is where its open houses are ("": unknown).
    """

    name: str
    token_env: str = _SPARK_TOKEN
    base_url: str = SPARK_DEFAULT_URL
    resources: tuple[Resource, ...] = KEYED_RESOURCES
    relations: tuple[str, ...] = SPARK_RELATIONS
    select: tuple[str, ...] = ()
    page_size: int = 1000
    relations_page_size: int = 250
    update_minutes: float = 5
    purge_hours: float = 6
    time_zone: str = ""
    source: Source = SPARK

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


@dataclass(frozen=True, slots=True)
class ForgeAccess(_FeedOptions):
    """Access to Forge; its feeds are the MLSs it lists but `exclude`, or those in `mlses`."""

    url: str
    token_env: str = _FORGE_TOKEN
    mlses: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    filter: tuple[Any, ...] = ()
    resources: tuple[Resource, ...] = (Resource.PROPERTY, Resource.MEMBER)
    poll_seconds: float = 60
    source: Source = FORGE

    @property
    def title(self) -> str:
        """What messages call it."""
        return self.source.name

    def covers(self, feed: str) -> bool:
        """Whether a feed is asked through this, should the source list its MLS."""
        name = FeedName.of(feed)
        return name.source == self.source.name and self.asks_for(name.own)

    def question(self, resource: Resource) -> str:
        """What is asked of the source; a changed filter wants a fresh download."""
        return f"filter={list(self.filter)!r}" if resource is Resource.PROPERTY else ""

    def asks_for(self, mls: str) -> bool:
        """Whether an MLS is to be replicated, should Forge list it."""
        return mls not in self.exclude and (not self.mlses or mls in self.mlses)

    def filter_for(self, resource: Resource) -> tuple[Any, ...] | None:
        """The query's filter; it speaks of listings, so agents are asked for without."""
        return (self.filter or None) if resource is Resource.PROPERTY else None


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
        feed = _spark("default", settings, "SPARK_BASE_URL")
        spark[feed.name] = feed
    if environ.get(_FORGE_TOKEN, "").strip() and environ.get("FORGE_URL", "").strip():
        forge = _forge({"url": environ["FORGE_URL"].strip()}, "FORGE_URL")
    return Feeds(spark, forge)


def _from_file(path: Path) -> Feeds:
    content = feeds_file.read_feeds_file(path)
    unknown = sorted(set(content) - {"spark", "forge"})
    if unknown:
        raise ConfigurationError(
            f"The feeds file {path} has the unknown table(s) {', '.join(unknown)}; it may hold "
            "[spark.NAME] and [forge]."
        )
    spark = {}
    tables = feeds_file.table(content.get("spark", {}), f"{path}: [spark]")
    feeds_file.named_once(tables, "feeds", f"{path}: [spark]")
    for name, settings in tables.items():
        where = f"{path}: [spark.{name}]"
        feed = _spark(name, feeds_file.table(settings, where), where)
        spark[feed.name] = feed
    forge = None
    if "forge" in content:
        where = f"{path}: [forge]"
        forge = _forge(feeds_file.table(content["forge"], where), where)
    return Feeds(spark, forge, str(path))


def _spark(name: str, table: dict[str, Any], where: str) -> SparkFeed:
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{where}: a feed's name has letters, digits, '_', '-' and '.' only, not {name!r}."
        )
    options = _options(SparkFeed, table, where)
    if "resources" in options:
        options["resources"] = _resources(options["resources"], KEYED_RESOURCES, where)
    for relation in options.get("relations", ()):
        if relation not in SPARK_RELATIONS:
            raise ConfigurationError(
                f"{where}: relation {relation!r} is unknown; there are {', '.join(SPARK_RELATIONS)}"
                " (open houses come from their own resource)."
            )
    if "relations" in options:  # one name twice is one relation, and few have few orders
        options["relations"] = tuple(dict.fromkeys(options["relations"]))
    feed = SparkFeed(name=SPARK.feed(name), **options)
    checked_url(feed.base_url, where)
    if feed.time_zone:
        _time_zone(feed.time_zone, where)
    feeds_file.between(feed.page_size, 1, _MOST_A_PAGE, "page_size", where)
    feeds_file.between(feed.relations_page_size, 1, _MOST_A_PAGE, "relations_page_size", where)
    feeds_file.between(feed.update_minutes, 1, _DAY_MINUTES, "update_minutes", where)
    feeds_file.between(feed.purge_hours, 0.1, _WEEK_HOURS, "purge_hours", where)
    return feed


def _forge(table: dict[str, Any], where: str) -> ForgeAccess:
    options = _options(ForgeAccess, table, where)
    if "url" not in options:
        raise ConfigurationError(f"{where} needs `url`: Forge publishes no endpoint of its own.")
    allowed = (Resource.PROPERTY, Resource.MEMBER)
    if "resources" in options:
        options["resources"] = _resources(options["resources"], allowed, where)
    access = ForgeAccess(**options)
    if "mlses" in options and not access.mlses:
        # else who takes out the last MLS would get every one that Forge lists
        raise ConfigurationError(
            f"{where}: `mlses` is empty. Nothing was done; leave it out for every MLS that Forge "
            "lists, or leave out [forge] for none."
        )
    feeds_file.named_once(access.mlses, "MLSs", where)
    both = sorted(set(access.mlses) & set(access.exclude))
    if both:
        raise ConfigurationError(
            f"{where}: {', '.join(both)} stands in `mlses` and in `exclude`. Nothing was done; "
            "take it out of one of them."
        )
    checked_url(access.url, where)
    # the guide: wait at least one minute when current
    feeds_file.between(access.poll_seconds, 60, _DAY_MINUTES * 60, "poll_seconds", where)
    return access


def _time_zone(name: str, where: str) -> str:
    if name not in available_timezones():
        raise ConfigurationError(
            f"{where}: there is no time zone {name!r}. Nothing was done; name one of the IANA "
            "database, such as America/Phoenix."
        )
    return name


def _options(kind: type, table: dict[str, Any], where: str) -> dict[str, Any]:
    options = feeds_file.options(kind, table, where)
    if options.get("on_block", "keep") not in _ON_BLOCK:
        raise ConfigurationError(
            f'{where}: `on_block` is "{options["on_block"]}", but has to be '
            f"{' or '.join(map(repr, _ON_BLOCK))}."
        )
    if "token_env" in options:
        checked_variable(options["token_env"], where)
    return options


def _resources(
    names: tuple[str, ...], allowed: tuple[Resource, ...], where: str
) -> tuple[Resource, ...]:
    unknown = [name for name in names if name not in set(allowed)]
    if unknown or not names:
        raise ConfigurationError(
            f"{where}: unknown or no resource(s) {', '.join(unknown)}; there are "
            f"{', '.join(allowed)}."
        )
    return tuple(resource for resource in allowed if resource in names)
