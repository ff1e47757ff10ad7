"""The Forge surface: GraphQL over HTTP, as the replication guide describes it.

What the vendor leaves unpublished is listed in `mls_assets.sandbox.assumptions`.
"""

from mls_assets.sandbox.forge.routes import forge_routes

__all__ = ["forge_routes"]
