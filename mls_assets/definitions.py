"""The code location: wires assets, checks, jobs, sensors and resources. No other logic here."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from mls_assets.configuration.feeds import load_feeds
from mls_assets.orchestration.assets import all_assets, op_jobs
from mls_assets.orchestration.checks import all_checks
from mls_assets.orchestration.jobs import all_jobs
from mls_assets.orchestration.resources import (
    MlsWarehouse,
    PurgeGuard,
    RemovalTimes,
    source_resources,
)
from mls_assets.orchestration.sensors import all_schedules, all_sensors
from mls_assets.sources.registry import all_sources


def build_defs(overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Return fresh definitions from the environment; `overrides` replaces resources by name.

    Works with no configuration at all (then there is no Spark partition). Raises
    ConfigurationError, one line, for a feeds file that could not work.
    """
    feeds, sources = load_feeds(), all_sources()
    resources = {
        "warehouse": MlsWarehouse(),
        "guard": PurgeGuard(),
        "removal_times": RemovalTimes(),
        **source_resources(sources),
    }
    return dg.Definitions(
        assets=all_assets(sources, feeds),
        asset_checks=all_checks(),
        jobs=[*all_jobs(sources), *op_jobs(sources)],
        sensors=all_sensors(sources, feeds),
        schedules=all_schedules(),
        resources={**resources, **(overrides or {})},
        # one process holds the file in turn, and a run of three steps takes 4 s instead of 13
        executor=dg.in_process_executor,
    )


defs = build_defs()
