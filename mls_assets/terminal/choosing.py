"""Which feeds a command line means. Decisions only: whoever asks Forge is passed in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mls_assets.configuration.credentials import token_of
from mls_assets.configuration.feeds import Feeds, ForgeAccess, forge_feed, load_feeds
from mls_assets.errors import ConfigurationError, MlsAssetsError, SourceError
from mls_assets.model.resources import KEYED_RESOURCES, Source

NOTHING_CONFIGURED = (
    "No feed is configured. Set SPARK_ACCESS_TOKEN (and SPARK_BASE_URL, unless it is Spark's "
    "replication host), or FORGE_API_TOKEN and FORGE_URL, or MLS_ASSETS_FEEDS for several feeds. "
    "Without an account: `mls-assets demo`, or `mls-assets sandbox` and the lines that it prints."
)


def configured_feeds(names: Sequence[str] = ()) -> Feeds:
    """Return what is configured; raises ConfigurationError when that is nothing.

    Where feeds are named, `choose` says it of each, for one can be stored all the same.
    """
    feeds = load_feeds()
    if not feeds.configured and not names:
        raise ConfigurationError(NOTHING_CONFIGURED)
    return feeds


#: Names the MLSs that a Forge token may see, such as ["armls", "rmls"].
ListMlses = Callable[[ForgeAccess], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Choice:
    """Feeds to work on, in the order asked for, and what is wrong with the others, each by name.

    `forge` is the name where it could not be asked which MLSs there are.
    """

    feeds: tuple[str, ...]
    problems: tuple[tuple[str, MlsAssetsError], ...] = ()


def choose(
    feeds: Feeds,
    names: Sequence[str],
    list_mlses: ListMlses,
    *,
    sources: Sequence[Source] = (Source.SPARK, Source.FORGE),
) -> Choice:
    """Return the feeds that `names` means; without names, all feeds of `sources`.

    A feed that cannot be asked (unknown, without a token) is a problem of its own and holds no
    other back. Raises ConfigurationError when nothing is meant at all.
    """
    listed = _Listed(feeds, list_mlses)
    chosen: list[str] = []
    problems: list[tuple[str, MlsAssetsError]] = []
    if not names and Source.FORGE in sources and feeds.forge is not None:
        try:
            forge_names = listed.names()
        except MlsAssetsError as error:
            problems.append((Source.FORGE, error))
            forge_names = ()
    else:
        forge_names = ()
    spark_names = sorted(feeds.spark) if Source.SPARK in sources else ()
    for name in dict.fromkeys(names or (*spark_names, *forge_names)):
        try:
            _check(feeds, name, listed)
        except MlsAssetsError as error:
            problems.append((name, error))
        else:
            chosen.append(name)
    if not chosen and not problems:
        raise ConfigurationError(
            f"No {' or '.join(source.title() for source in sources)} feed is configured, and no "
            "feed was named. Nothing was done."
        )
    return Choice(tuple(chosen), tuple(problems))


class _Listed:
    """Forge's feeds: the configured ones, else what Forge lists; asked at most once."""

    def __init__(self, feeds: Feeds, list_mlses: ListMlses) -> None:
        self._feeds = feeds
        self._list_mlses = list_mlses
        self._names: tuple[str, ...] | None = None

    def names(self) -> tuple[str, ...]:
        if self._names is None:
            access = self._feeds.forge_access()
            token_of(access.token_env)
            listed = access.mlses or tuple(self._list_mlses(access))
            mlses = tuple(mls for mls in listed if access.asks_for(mls))
            if not mlses:
                raise SourceError(
                    "Forge answered, but lists no MLS for this token"
                    f"{' that `exclude` leaves' if access.exclude else ''}. Nothing was done; ask "
                    "its support which MLSs the token was granted."
                )
            self._names = tuple(forge_feed(mls) for mls in mlses)
        return self._names


def _check(feeds: Feeds, name: str, listed: _Listed) -> None:
    if not feeds.configured:
        raise ConfigurationError(NOTHING_CONFIGURED)
    if name in feeds.spark:
        token_of(feeds.spark[name].token_env)
        return
    if name.startswith(f"{Source.FORGE}/"):
        known = listed.names()
        if name in known:
            return
    else:
        known = (
            *sorted(feeds.spark),
            *(("forge/<an MLS that Forge lists>",) if feeds.forge is not None else ()),
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
            if sweep_id.startswith(f"{feed.replace('/', '-')}-{resource}-"):
                return feed
    raise ConfigurationError(
        f"The approval {sweep_id!r} names no sweep of {', '.join(feeds) or 'any feed'}. Nothing "
        "was done; `mls-assets status` shows the sweeps that are blocked."
    )
