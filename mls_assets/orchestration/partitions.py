"""How feeds become partitions (a feed's name is the key), and which assets are partitioned by them.

Assets, jobs and sensors agree on these names; nothing else belongs here.
"""

from functools import cache

import dagster as dg

from mls_assets.configuration.feeds import Feeds
from mls_assets.sources.source import Source


@cache
def mls_partitions(source: str) -> dg.DynamicPartitionsDefinition:
    """Return one partition an MLS of a source with an event log, such as `forge/armls`.

    The sensor of its MLSs and the verbs add new ones.
    """
    return dg.DynamicPartitionsDefinition(name=f"{source}_mls")


def feed_partitions(source: Source, feeds: Feeds) -> dg.StaticPartitionsDefinition:
    """Return one partition a configured feed (`spark/default`), in the order configured."""
    return dg.StaticPartitionsDefinition(list(feeds.windows_of(source)))
