"""What starts runs by itself. A tick asks a source at most once a feed, and DuckDB never.

Stopped on a fresh checkout; running where MLS_ASSETS_SENSORS=on, or when switched on in the UI.
"""

from collections.abc import Sequence

import dagster as dg

from mls_assets.configuration.feeds import Feeds
from mls_assets.configuration.switches import sensors_on
from mls_assets.orchestration.sensors.alerts import alert_sensors
from mls_assets.orchestration.sensors.event_log import event_log_sensors
from mls_assets.orchestration.sensors.publication import compaction_schedule, publication_sensors
from mls_assets.orchestration.sensors.window import window_sensors
from mls_assets.sources.source import Source


def all_sensors(sources: Sequence[Source], feeds: Feeds) -> list[dg.SensorDefinition]:
    """Return the sensors of the sources, of publication, and the one that tells of failures."""
    status = dg.DefaultSensorStatus.RUNNING if sensors_on() else dg.DefaultSensorStatus.STOPPED
    return [
        *(sensor for source in sources for sensor in _sensors_of(source, status, feeds)),
        *publication_sensors(status),
        *alert_sensors(status),
    ]


def _sensors_of(
    source: Source, status: dg.DefaultSensorStatus, feeds: Feeds
) -> list[dg.SensorDefinition]:
    if source.has_event_log:
        return event_log_sensors(source, status, feeds.log_of(source))
    return window_sensors(source, status, feeds.windows_of(source))


def all_schedules() -> list[dg.ScheduleDefinition]:
    """Return the one schedule."""
    status = dg.DefaultScheduleStatus.RUNNING if sensors_on() else dg.DefaultScheduleStatus.STOPPED
    return [compaction_schedule(status)]


__all__ = ["all_schedules", "all_sensors"]
