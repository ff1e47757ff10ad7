"""Which source a feed was first filled from, and what it was asked: a feed is its source."""

from collections.abc import Collection
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from mls_assets.errors import ConfigurationError
from mls_assets.model.addresses import DEFAULT_PORTS
from mls_assets.model.feed_names import FeedName
from mls_assets.model.resources import Resource
from mls_assets.warehouse.landing import selections
from mls_assets.warehouse.storage.queries import Connection, rows, scalar


def bind_origin(
    con: Connection,
    feed: FeedName,
    origin: str,
    resource: Resource,
    question_sha: str,
    same_shas: Collection[str] = (),
) -> Literal["new", "same", "asked_otherwise"]:
    """Hold a feed to the origin that answered it first, and note what is asked of it now.

    `asked_otherwise` is said once: the new question is stored in this transaction, in which the
    caller marks the resource `needs_resync`. An origin that never answered gives way to another:
    it was mistyped. `same_shas` are those of the same question in other words. Raises
    ConfigurationError for another origin than the one that did answer.
    """
    claimed = compared(con, feed, origin, resource, question_sha, same_shas)
    origin = _normalised(origin)
    known = _known_origin(con, feed)
    if known is not None and _normalised(known) != origin:
        forget_origin(con, feed)
        known = None
    if known is None:
        con.execute("insert into raw.origins values (?, ?, ?)", [feed, feed.source, origin])
    elif known != origin:
        con.execute("update raw.origins set origin = ? where feed = ?", [origin, feed])
    if _asked(con, feed, resource) != question_sha:
        unask(con, feed, resource)
        con.execute("insert into raw.questions values (?, ?, ?)", [feed, resource, question_sha])
    return claimed


def compared(
    con: Connection,
    feed: str,
    origin: str,
    resource: Resource,
    question_sha: str,
    same_shas: Collection[str] = (),
) -> Literal["new", "same", "asked_otherwise"]:
    """Return what `bind_origin` would, and raise what it would; nothing is noted."""
    known = _known_origin(con, feed)
    if known is not None and _normalised(known) != _normalised(origin):
        if scalar(con, "select count(*) from raw.pages where feed = ?", [feed]):
            raise ConfigurationError(
                f"{feed} was filled from {known}, but is configured for {_normalised(origin)}. "
                "Nothing was done. Give the other source a name of its own; or end this one in "
                "three steps: take it out of the configuration (its table in the feeds file, or "
                f"the variable of its token), run `mls-assets erase {feed} --yes`, and configure "
                "it anew."
            )
        return "new"
    asked = _asked(con, feed, resource)
    if asked == question_sha or asked in same_shas:
        return "same"
    return "new" if asked is None else "asked_otherwise"


def _known_origin(con: Connection, feed: str) -> str | None:
    return scalar(con, "select origin from raw.origins where feed = ?", [feed])


def _asked(con: Connection, feed: str, resource: Resource) -> str | None:
    return scalar(
        con,
        "select question_sha from raw.questions where feed = ? and resource = ?",
        [feed, resource],
    )


def sharing(con: Connection, feed: str) -> list[str]:
    """Return the other feeds that were filled from the same address as this one, in order."""
    found = rows(
        con,
        "select other.feed from raw.origins mine join raw.origins other using (source, origin) "
        "where mine.feed = ? and other.feed <> mine.feed order by other.feed",
        [feed],
    )
    return [other for (other,) in found]


def asked(con: Connection) -> list[tuple[str, Resource]]:
    """Return the feeds and resources that were ever asked for."""
    found = rows(
        con,
        "select feed, resource from raw.questions semi join raw.origins using (feed) order by all",
    )
    return [(feed, Resource(resource)) for feed, resource in found]


def unask(con: Connection, feed: str, resource: Resource) -> None:
    """Forget that a resource was asked for: its source has none."""
    con.execute("delete from raw.questions where feed = ? and resource = ?", [feed, resource])


def forget_origin(con: Connection, feed: str) -> None:
    """Forget where a feed came from, so that its name is free."""
    con.execute("delete from raw.origins where feed = ?", [feed])
    con.execute("delete from raw.questions where feed = ?", [feed])
    selections.forget_selection(con, feed)


def _normalised(address: str) -> str:
    """Return an address in the one spelling in which addresses are stored and compared."""
    parts = urlsplit(address.strip())
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    if parts.port not in (None, DEFAULT_PORTS.get(parts.scheme)):
        host = f"{host}:{parts.port}"
    return urlunsplit((parts.scheme, host, parts.path.rstrip("/"), parts.query, ""))
