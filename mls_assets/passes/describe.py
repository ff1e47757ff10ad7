"""Asking a source what it declares: its fields and, of Spark, its lookups. Once a day.

Nothing here is needed to replicate: a source that does not tell is asked again an hour later, and
no run fails for it.
"""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from mls_assets import reso
from mls_assets.errors import MlsAssetsError, TokenRefused
from mls_assets.feeds import ForgeAccess, SparkFeed
from mls_assets.passes.clients import forge_client, spark_client
from mls_assets.passes.settings import ForgeSettings, SparkSettings
from mls_assets.passes.site import Site
from mls_assets.values import Declaration, LookupValue
from mls_assets.warehouse import vocabulary

AGAIN_AFTER = timedelta(days=1)
AFTER_SILENCE = timedelta(hours=1)


def describe_spark(site: Site, feed: SparkFeed, settings: SparkSettings) -> str:
    """Ask a Spark feed for `$metadata` and the Lookup set, if that is due.

    Returns what the operator should know, empty if nothing. Raises FeedBusy or a fault of the
    warehouse, but nothing that the source does, except that it refuses the token.
    """

    def ask() -> tuple[Declaration, list[LookupValue]]:
        with spark_client(feed, settings) as client:
            return client.declared(), list(itertools.chain.from_iterable(client.lookups()))

    return _describe(site, feed.name, ask)


def describe_forge(site: Site, feed: str, access: ForgeAccess, settings: ForgeSettings) -> str:
    """Ask Forge for its record types by introspection, if that is due; see `describe_spark`."""

    def ask() -> tuple[Declaration | None, list[LookupValue]]:
        with forge_client(access, settings) as client:
            return client.declared(), []

    return _describe(site, feed, ask)


def _describe(
    site: Site, feed: str, ask: Callable[[], tuple[Declaration | None, list[LookupValue]]]
) -> str:
    with site.feed_lock(feed):
        with site.warehouse.read() as con:
            asked = vocabulary.asked_at(con, feed)
        now = datetime.now(UTC)
        if asked and now - asked[0] < (AGAIN_AFTER if asked[1] else AFTER_SILENCE):
            return ""
        note = ""
        declaration: Declaration | None = None
        lookups: list[LookupValue] = []
        try:
            declaration, lookups = ask()
        except TokenRefused:
            raise
        except MlsAssetsError as error:
            note = f"{feed} did not tell what it declares: {error} It is asked again in an hour."
        with site.warehouse.write() as con:
            if declaration is None:
                vocabulary.note_silence(con, feed, now)
            else:
                vocabulary.declare(con, feed, declaration, now)
                vocabulary.replace_lookups(con, feed, lookups, now, is_standard=reso.is_standard)
        return note
