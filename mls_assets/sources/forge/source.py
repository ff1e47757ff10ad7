"""Forge (W+R Studios) as a source: an event log for each MLS that a token may see."""

from mls_assets.model.resources import Resource
from mls_assets.sources.forge.dialect import FORGE_DIALECT
from mls_assets.sources.source import EventStream, LogReplay, Source

FORGE = Source(
    name="forge",
    title="Forge",
    guide="https://github.com/wrstudios/forge-replication/wiki",
    changes=EventStream(),
    evidence=LogReplay(),
    dialect=FORGE_DIALECT,
    resources={Resource.PROPERTY: "listing", Resource.MEMBER: "agent"},
    inside_listings=(Resource.MEDIA,),
    page_size=500,
    variables=("FORGE_API_TOKEN", "FORGE_URL"),
)
