"""Which feeds a command line means. Decisions only: whoever asks Forge is passed in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mls_assets.configuration.credentials import token_of
from mls_assets.configuration.feeds import Feeds, ForgeAccess, load_feeds
from mls_assets.errors import ConfigurationError, MlsAssetsError, SourceError
from mls_assets.model.feed_names import FeedName
from mls_assets.model.resources import KEYED_RESOURCES
from mls_assets.sources.registry import all_sources, has_event_log
from mls_assets.sources.source import Source

_NOTHING_CONFIGURED = (
    "No feed is configured. Set SPARK_ACCESS_TOKEN (and SPARK_BASE_URL, unless it is Spark's "
    "replication host), or FORGE_API_TOKEN and FORGE_URL, or MLS_ASSETS_FEEDS for several feeds. "
    "Without an account: `mls-assets demo`, or `mls-assets sandbox` and the lines that it prints."
)


def nothing_configured(feeds: Feeds) -> ConfigurationError:
    """Return the error that says what to set, or that a feeds file is empty."""
    if not feeds.file:
        return ConfigurationError(_NOTHING_CONFIGURED)
    return ConfigurationError(
        f"No feed is configured: {feeds.file}, which MLS_ASSETS_FEEDS names, has none, and beside "
        "it SPARK_ACCESS_TOKEN and FORGE_API_TOKEN alone configure nothing. Nothing was done; put "
        "[spark.NAME] or [forge] into that file, or unset MLS_ASSETS_FEEDS."
    )


def configured_feeds(names: Sequence[str] = ()) -> Feeds:
    """Return what is configured; raises ConfigurationError when that is nothing.

    Where feeds are named, `choose` says it of each, for one can be stored all the same.
    """
    feeds = load_feeds()
    if not feeds.configured and not names:
        raise nothing_configured(feeds)
    return feeds


#: Names the MLSs that a Forge token may see, such as ["armls", "rmls"].
ListMlses = Callable[[ForgeAccess], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Choice:
    """Feeds to work on, in the order asked for, and what is wrong with the others, each by name.

    A source's name stands where it could not be asked which MLSs there are.
    """

    feeds: tuple[str, ...]
    problems: tuple[tuple[str, MlsAssetsError], ...] = ()


def choose(
    feeds: Feeds,
    names: Sequence[str],
    list_mlses: ListMlses,
    *,
    sources: Sequence[Source] | None = None,
) -> Choice:
    """Return the feeds that `names` means; without names, all feeds of `sources` (default: of all).

    A feed that cannot be asked (unknown, without a token) is a problem of its own and holds no
    other back. Raises ConfigurationError when nothing is meant at all.
    """
    sources = all_sources() if sources is None else sources
    listed = _Listed(feeds, list_mlses)
    chosen: list[str] = []
    problems: list[tuple[str, MlsAssetsError]] = []
    wanted = list(dict.fromkeys(names))
    for source in () if names else sources:
        wanted += sorted(feeds.windows_of(source))
        access = feeds.log_of(source)
        if access is None:
            continue
        try:
            wanted += listed.names(access)
        except MlsAssetsError as error:
            problems.append((source.name, error))
    for name in wanted:
        try:
            _check(feeds, name, listed)
        except MlsAssetsError as error:
            problems.append((name, error))
        else:
            chosen.append(name)
    if not chosen and not problems:
        raise ConfigurationError(
            f"No {' or '.join(source.title for source in sources)} feed is configured, and no "
            "feed was named. Nothing was done."
        )
    return Choice(tuple(chosen), tuple(problems))


class _Listed:
    """The MLSs of each access: the configured ones, else what it lists; asked at most once."""

    def __init__(self, feeds: Feeds, list_mlses: ListMlses) -> None:
        self._feeds = feeds
        self._list_mlses = list_mlses
        self._names: dict[str, tuple[str, ...]] = {}

    def names(self, access: ForgeAccess) -> tuple[str, ...]:
        source = access.source
        if source.name not in self._names:
            token_of(access.token_env)
            listed = access.mlses or tuple(self._list_mlses(access))
            mlses = tuple(mls for mls in listed if access.asks_for(mls))
            if not mlses:
                raise SourceError(
                    f"{source.title} answered, but lists no MLS for this token"
                    f"{' that `exclude` leaves' if access.exclude else ''}. Nothing was done; ask "
                    "its support which MLSs the token was granted."
                )
            self._names[source.name] = tuple(map(source.feed, mlses))
        return self._names[source.name]


def _check(feeds: Feeds, name: str, listed: _Listed) -> None:
    if not feeds.configured:
        raise nothing_configured(feeds)
    if name in feeds.spark:
        token_of(feeds.spark[name].token_env)
        return
    if has_event_log(name):
        known = listed.names(feeds.log_access(name))
        if name in known:
            return
    else:
        known = (
            *sorted(feeds.spark),
            *(
                f"{source.name}/<an MLS that {source.title} lists>"
                for source in all_sources()
                if feeds.log_of(source) is not None
            ),
        )
    raise ConfigurationError(
        f"Unknown feed {name!r}. Known: {', '.join(known)}. Nothing was asked of it."
    )


def swept_feed(sweep_id: str, feeds: Sequence[str]) -> str:
    """Return the feed whose sweep this id names, for `purge --approve` without a feed.

    Raises ConfigurationError if it names none of them.
    """
    for feed in feeds:
        for resource in KEYED_RESOURCES:
            if sweep_id.startswith(f"{FeedName.of(feed).id_part}-{resource}-"):
                return feed
    raise ConfigurationError(
        f"The approval {sweep_id!r} names no sweep of {', '.join(feeds) or 'any feed'}. Nothing "
        "was done; `mls-assets status` shows the sweeps that are blocked."
    )
