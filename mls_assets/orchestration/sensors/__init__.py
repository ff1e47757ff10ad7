"""What starts runs by itself. A tick asks a source at most once a feed, and DuckDB never.

Stopped on a fresh checkout; running where MLS_ASSETS_SENSORS=on, or when switched on in the UI.
"""

import dagster as dg

from mls_assets.configuration.feeds import Feeds
from mls_assets.configuration.switches import sensors_on
from mls_assets.orchestration.sensors.alerts import alert_sensors
from mls_assets.orchestration.sensors.forge import forge_sensors
from mls_assets.orchestration.sensors.publication import compaction_schedule, publication_sensors
from mls_assets.orchestration.sensors.spark import spark_sensors


def all_sensors(feeds: Feeds) -> list[dg.SensorDefinition]:
    """Return the sensors of both sources, of publication, and the one that tells of failures."""
    status = dg.DefaultSensorStatus.RUNNING if sensors_on() else dg.DefaultSensorStatus.STOPPED
    return [
        *spark_sensors(status, feeds.spark),
        *forge_sensors(status, feeds.forge),
        *publication_sensors(status),
        *alert_sensors(status),
    ]


def all_schedules() -> list[dg.ScheduleDefinition]:
    """Return the one schedule."""
    status = dg.DefaultScheduleStatus.RUNNING if sensors_on() else dg.DefaultScheduleStatus.STOPPED
    return [compaction_schedule(status)]


__all__ = ["all_schedules", "all_sensors"]
