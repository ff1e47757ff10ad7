"""How a pass gets a client of a source: the token is read here, at the last moment."""

from mls_assets.configuration.credentials import token_of
from mls_assets.configuration.feeds import ForgeAccess, SparkFeed
from mls_assets.replication.settings import ForgeSettings, SparkSettings
from mls_assets.sources import DEFAULT_LISTING_FIELDS, ForgeClient, SparkClient


def spark_client(feed: SparkFeed, settings: SparkSettings) -> SparkClient:
    """Return a client of this feed's key."""
    return SparkClient(
        feed.name,
        feed.base_url,
        token_of(feed.token_env),
        page_size=settings.page_size,
        relations_page_size=settings.relations_page_size,
        select=feed.select,
        relations=feed.relations,
        patience=settings.patience_seconds,
    )


def forge_client(access: ForgeAccess, settings: ForgeSettings) -> ForgeClient:
    """Return a client of this access to Forge."""
    return ForgeClient(
        access.url,
        token_of(access.token_env),
        patience=settings.patience_seconds,
        fields_fallback=settings.fields or DEFAULT_LISTING_FIELDS,
    )
