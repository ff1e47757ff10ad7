"""Spark's RESO Web API in front of the sandbox market: routes, and nothing of the market itself.

Where the vendor publishes nothing, `assumptions` says what was assumed.
"""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from mls_assets.sandbox.access import Access
from mls_assets.sandbox.catalogue import Catalogue, Shape
from mls_assets.sandbox.faults import Faults
from mls_assets.sandbox.spark.surface import SparkSurface

__all__ = ["ROOTS", "spark_routes"]

ROOTS: dict[str, Shape | None] = {
    "/Reso/OData": None,
    "/v1/Reso/OData": None,
    "/Version/2/Reso/OData": "v2",
    "/Version/3/Reso/OData": "v3",
}
"""Service roots, and the payload shape that each forces (None: the one the catalogue has)."""

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def spark_routes(catalogue: Catalogue, access: Access, faults: Faults) -> list[BaseRoute]:
    """Routes with full paths, one for each service root, for the top level of an app."""
    routes: list[BaseRoute] = []
    for root, shape in ROOTS.items():
        seen = catalogue if shape is None else catalogue.with_shape(shape)
        surface = SparkSurface(root, seen, access, faults)
        routes.append(Route(f"{root}{{path:path}}", surface.answer, methods=_METHODS))
    return routes
