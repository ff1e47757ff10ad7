"""How feeds become partitions (a feed's name is the key), and which assets are partitioned by them.

Assets, jobs and sensors agree on these names; nothing else belongs here.
"""

from collections.abc import Mapping
from types import MappingProxyType

import dagster as dg

from mls_assets.configuration.feeds import Feeds
from mls_assets.model.resources import Resource

#: The asset that lands each resource of a Spark feed.
SPARK_PAGES: Mapping[str, Resource] = MappingProxyType(
    {
        "spark_listing_pages": Resource.PROPERTY,
        "spark_member_pages": Resource.MEMBER,
        "spark_office_pages": Resource.OFFICE,
        "spark_open_house_pages": Resource.OPEN_HOUSE,
    }
)

#: The asset that lands each kind of a Forge MLS.
FORGE_PAGES: Mapping[str, Resource] = MappingProxyType(
    {
        "forge_listing_pages": Resource.PROPERTY,
        "forge_agent_pages": Resource.MEMBER,
    }
)

#: One partition a Forge MLS (`forge/armls`); `forge_mls_sensor` and the verbs add new ones.
forge_mls = dg.DynamicPartitionsDefinition(name="forge_mls")


def spark_feeds(feeds: Feeds) -> dg.StaticPartitionsDefinition:
    """Return one partition a configured Spark feed (`spark/default`), in the order configured."""
    return dg.StaticPartitionsDefinition(list(feeds.spark))
