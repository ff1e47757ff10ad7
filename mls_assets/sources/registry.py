"""The only list of sources."""

from collections.abc import Iterable

from mls_assets.errors import ConfigurationError
from mls_assets.model.feed_names import FeedName
from mls_assets.sources.forge.source import FORGE
from mls_assets.sources.source import Source
from mls_assets.sources.spark.source import SPARK

_SOURCES = {source.name: source for source in (SPARK, FORGE)}


def all_sources() -> tuple[Source, ...]:
    """Return the sources, in the order in which they were registered."""
    return tuple(_SOURCES.values())


def register(source: Source) -> None:
    """Add a source. Raises ValueError for a name that is taken."""
    if source.name in _SOURCES:
        raise ValueError(f"there is a source {source.name!r} already")
    _SOURCES[source.name] = source


def unregister(source: Source) -> None:
    """Take a source out again."""
    del _SOURCES[source.name]


def known_source(feed: str) -> Source | None:
    """Return the source of a feed by its name; None for one that this program does not know."""
    return _SOURCES.get(FeedName.of(feed).source)


def source_of(feed: str) -> Source:
    """Return the source of a feed. Raises ConfigurationError for one that is not registered."""
    source = known_source(feed)
    if source is None:
        raise ConfigurationError(
            f"{feed} belongs to no source that this program knows ({_listed(_SOURCES)}). Nothing "
            "was asked, and what is stored of it stays."
        )
    return source


def has_event_log(feed: str) -> bool:
    """Tell whether a feed's source tells of each change as an event."""
    source = known_source(feed)
    return source is not None and source.has_event_log


def source_of_job(job: str) -> Source | None:
    """Return the source whose feeds a job works on; None for a job of no source."""
    return next(
        (
            source
            for source in _SOURCES.values()
            if job in (source.replicate_job, source.reconcile_job)
        ),
        None,
    )


def feed_named(feed: str) -> FeedName:
    """Return the identity of a feed by its name; an unknown source's has the default rule."""
    source = known_source(feed)
    return FeedName(feed, is_mls=source is not None and source.dialect.feed_is_mls)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
