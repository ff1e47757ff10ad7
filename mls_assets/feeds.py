"""Which MLSs are replicated: from environment variables, or from a TOML feeds file.

Only configuration is read here; no request is made. Tokens are held by the name of their
variable and looked up at the last moment, so that no object that could be printed has one.
"""

import ipaddress
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from itertools import permutations
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mls_assets.errors import ConfigurationError
from mls_assets.values import KEYED_RESOURCES, Resource, Source

SPARK_DEFAULT_URL = "https://replication.sparkapi.com/Reso/OData"
SPARK_RELATIONS = ("Media", "Room", "Unit")
#: The variables that hold the tokens where no feeds file names others.
_SPARK_TOKEN, _FORGE_TOKEN = "SPARK_ACCESS_TOKEN", "FORGE_API_TOKEN"
_ON_BLOCK = ("keep", "hide")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def token_of(token_env: str, environ: Mapping[str, str] | None = None) -> str:
    """Return the token that the variable `token_env` holds.

    Raises ConfigurationError when it is not set, or holds what no header may hold.
    """
    token = (os.environ if environ is None else environ).get(token_env, "").strip()
    if not token:
        raise ConfigurationError(f"The variable {token_env} holds no token. Nothing was asked.")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigurationError(
            f"The variable {token_env} holds characters that no token has (blanks, line breaks "
            "or letters outside ASCII). Nothing was asked; set it again."
        )
    return token


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fed:
    """What every kind of source may be told in the feeds file."""

    on_block: str = "keep"

    @property
    def hides(self) -> bool:
        """Whether readers do not see what a guard holds back until that is decided."""
        return self.on_block == "hide"


@dataclass(frozen=True, slots=True)
class SparkFeed(_Fed):
    """One Spark key: what it may ask, and what its sensors do (minutes, hours).

    `page_size` is the `$top` of its walks, `relations_page_size` that of pages with Media, Room and
    Unit, which are larger; a replication key may ask for 1,000 (guide, "Replication").
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
    source = Source.SPARK

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
class ForgeAccess(_Fed):
    """Access to Forge; its feeds are the MLSs it lists, or those named in `mlses`."""

    url: str
    token_env: str = _FORGE_TOKEN
    mlses: tuple[str, ...] = ()
    filter: tuple[Any, ...] = ()
    resources: tuple[Resource, ...] = (Resource.PROPERTY, Resource.MEMBER)
    poll_seconds: float = 60
    source = Source.FORGE

    def question(self, resource: Resource) -> str:
        """What is asked of the source; a changed filter wants a fresh download."""
        return f"filter={list(self.filter)!r}" if resource is Resource.PROPERTY else ""

    def filter_for(self, resource: Resource) -> tuple[Any, ...] | None:
        """The query's filter; it speaks of listings, so agents are asked for without."""
        return (self.filter or None) if resource is Resource.PROPERTY else None


@dataclass(frozen=True, slots=True)
class Feeds:
    """Everything that is configured."""

    spark: Mapping[str, SparkFeed] = field(default_factory=dict)
    forge: ForgeAccess | None = None

    @property
    def configured(self) -> bool:
        """True if there is anything to replicate."""
        return bool(self.spark) or self.forge is not None

    def spark_feed(self, name: str) -> SparkFeed:
        """Return a Spark feed by its name, or raise ConfigurationError naming the known ones."""
        if name not in self.spark:
            known = ", ".join(sorted(self.spark)) or "none"
            raise ConfigurationError(
                f"Unknown feed {name!r}. Configured Spark feeds: {known}. Nothing was asked."
            )
        return self.spark[name]

    def forge_access(self) -> ForgeAccess:
        """Return the access to Forge, or raise ConfigurationError saying what to set."""
        if self.forge is None:
            raise ConfigurationError(
                "Forge is off. Nothing was asked; set FORGE_API_TOKEN and FORGE_URL, or [forge] "
                "in the feeds file."
            )
        return self.forge


def mls_of(feed: str) -> str:
    """Return the MLS key of a Forge feed's name (`forge/armls` -> `armls`)."""
    return feed.partition("/")[2]


def forge_feed(mls: str) -> str:
    """Return the feed's name of a Forge MLS key."""
    return f"{Source.FORGE}/{mls}"


def load_feeds(environ: Mapping[str, str] | None = None) -> Feeds:
    """Read the configuration.

    With `MLS_ASSETS_FEEDS` the file it names is everything; else the variables of CONTRACT
    section 3 give at most one Spark feed (`spark/default`) and one access to Forge.
    Raises ConfigurationError for anything that could not work.
    """
    environ = os.environ if environ is None else environ
    path = environ.get("MLS_ASSETS_FEEDS", "").strip()
    if path:
        return _from_file(Path(path).expanduser())
    spark, forge = {}, None
    if environ.get(_SPARK_TOKEN, "").strip():
        url = environ.get("SPARK_BASE_URL", "").strip() or SPARK_DEFAULT_URL
        feed = _spark("default", {"base_url": url}, "SPARK_BASE_URL")
        spark[feed.name] = feed
    if environ.get(_FORGE_TOKEN, "").strip() and environ.get("FORGE_URL", "").strip():
        forge = _forge({"url": environ["FORGE_URL"].strip()}, "FORGE_URL")
    return Feeds(spark, forge)


def _from_file(path: Path) -> Feeds:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"The feeds file {path} cannot be read ({error.strerror}). Nothing was done; "
            "correct MLS_ASSETS_FEEDS."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The feeds file {path} is no valid TOML: {error}.") from None
    unknown = sorted(set(content) - {"spark", "forge"})
    if unknown:
        raise ConfigurationError(
            f"The feeds file {path} has the unknown table(s) {', '.join(unknown)}; it may hold "
            "[spark.NAME] and [forge]."
        )
    spark = {}
    for name, table in _table(content.get("spark", {}), f"{path}: [spark]").items():
        feed = _spark(name, _table(table, f"{path}: [spark.{name}]"), f"{path}: [spark.{name}]")
        spark[feed.name] = feed
    forge = None
    if "forge" in content:
        forge = _forge(_table(content["forge"], f"{path}: [forge]"), f"{path}: [forge]")
    return Feeds(spark, forge)


def _table(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigurationError(f"{where} has to be a table.")
    return value


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
    feed = SparkFeed(name=f"{Source.SPARK}/{name}", **options)
    checked_url(feed.base_url, where)
    _at_least(feed.page_size, 1, "page_size", where)
    _at_least(feed.relations_page_size, 1, "relations_page_size", where)
    _at_least(feed.update_minutes, 1, "update_minutes", where)
    _at_least(feed.purge_hours, 0.1, "purge_hours", where)
    return feed


def _forge(table: dict[str, Any], where: str) -> ForgeAccess:
    options = _options(ForgeAccess, table, where)
    if "url" not in options:
        raise ConfigurationError(f"{where} needs `url`: Forge publishes no endpoint of its own.")
    allowed = (Resource.PROPERTY, Resource.MEMBER)
    if "resources" in options:
        options["resources"] = _resources(options["resources"], allowed, where)
    access = ForgeAccess(**options)
    checked_url(access.url, where)
    # the guide: wait at least one minute when current
    _at_least(access.poll_seconds, 60, "poll_seconds", where)
    return access


def _options(kind: type, table: dict[str, Any], where: str) -> dict[str, Any]:
    known = {entry.name: entry for entry in fields(kind) if entry.name != "name"}
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise ConfigurationError(
            f"{where}: unknown setting(s) {', '.join(unknown)}; known are {', '.join(known)}."
        )
    options = {}
    for name, value in table.items():
        expected = str(known[name].type)
        if "tuple" in expected:
            if not isinstance(value, list):
                raise ConfigurationError(f"{where}: `{name}` has to be a list.")
            if name != "filter" and not all(isinstance(item, str) and item for item in value):
                raise ConfigurationError(f"{where}: `{name}` has to be a list of texts.")
            value = tuple(value)
        elif "float" in expected:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ConfigurationError(f"{where}: `{name}` has to be a number.")
        elif known[name].type is int:
            if isinstance(value, bool) or not isinstance(value, int):
                raise ConfigurationError(f"{where}: `{name}` has to be a whole number.")
        elif not isinstance(value, str) or not value.strip():
            raise ConfigurationError(f"{where}: `{name}` has to be a text.")
        options[name] = value
    if options.get("on_block", "keep") not in _ON_BLOCK:
        raise ConfigurationError(
            f'{where}: `on_block` is "{options["on_block"]}", but has to be '
            f"{' or '.join(map(repr, _ON_BLOCK))}."
        )
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


def _at_least(value: float, least: float, name: str, where: str) -> None:
    if not value >= least:
        raise ConfigurationError(f"{where}: `{name}` is {value:g}, but at least {least:g} is due.")


def checked_url(url: str, where: str) -> str:
    """Return the URL if it may carry a token: https, or http to a loopback address.

    Raises ConfigurationError otherwise (CONTRACT section 3).
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ConfigurationError(f"{where}: the URL cannot be read.") from None
    host = parts.hostname or ""
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError(
            f"{where}: the URL has to be scheme, host and path alone; tokens come by variable."
        )
    if parts.scheme == "https" and host:
        return url
    if parts.scheme == "http" and is_loopback(host):
        return url
    raise ConfigurationError(
        f"{where}: {parts.scheme or 'no scheme'}://{host} is refused: a token travels by https "
        "only (plain http to loopback addresses alone). Nothing was asked."
    )


def is_loopback(host: str) -> bool:
    """Tell whether a host's name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
