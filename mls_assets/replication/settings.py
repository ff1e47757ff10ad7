"""What a run is told: its own configuration, else its feed's table, else the default here.

The defaults are from the vendors' guides; bounds stand with the feeds. Nothing is asked here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar, get_type_hints

from mls_assets.configuration.feeds import Hours, OverlapMinutes, PageBudget, PageSize
from mls_assets.configuration.feeds_file import problem
from mls_assets.errors import ConfigurationError
from mls_assets.reconcile.guard import Thresholds
from mls_assets.sources.source import Source, changes_of
from mls_assets.sources.spark.source import SPARK


@dataclass(frozen=True, slots=True)
class SparkSettings:
    """How Spark is asked.

    `page_size`: the `$top` of walks; a replication key may ask for 1,000 (guide, "Replication").
    `relations_page_size`: that of pages with Media, Room and Unit, which are larger.
    `overlap_minutes`: how far before the last retrieval an update begins (guide, "Update
    Data"). `two_sided_window`: bound an update above by the time it began. `page_budget`: pages
    a run may take before it ends with more to do; 0 is no bound.
    """

    page_size: PageSize = SPARK.page_size
    relations_page_size: PageSize = SPARK.relations_page_size
    overlap_minutes: OverlapMinutes = changes_of(SPARK).overlap_minutes
    two_sided_window: bool = False
    patience_seconds: float = 30.0
    page_budget: PageBudget = 0


@dataclass(frozen=True, slots=True)
class ForgeSettings:
    """How Forge is asked; the page size is the vendor's (500) and cannot be chosen.

    `fields`: what to ask for where the server refuses introspection.
    """

    patience_seconds: float = 30.0
    page_budget: PageBudget = 0
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RemovalLimits:
    """After how many hours a removal, or the proof of removals, is late, and overdue."""

    warn_hours: Hours
    fail_hours: Hours

    @classmethod
    def within(cls, removal_hours: float) -> Self:
        """Return those of a feed whose removals have to be done within so many hours."""
        return cls(removal_hours / 2, removal_hours)


Settings = TypeVar("Settings", SparkSettings, ForgeSettings, RemovalLimits, Thresholds)


def facts_of(source: Source) -> SparkSettings:
    """Return the settings that a source's own facts are."""
    return SparkSettings(
        page_size=source.page_size,
        relations_page_size=source.relations_page_size or source.page_size,
        overlap_minutes=changes_of(source).overlap_minutes,
    )


def settings_of(
    kind: type[Settings],
    feed: object,
    run: Mapping[str, object],
    resource: str,
    default: Settings | None = None,
) -> Settings:
    """Return what a run uses: what it was told itself, else what its feed says, else the default.

    Args:
        kind: Which settings; the others know theirs by the same names.
        feed: What the feed's table says, by the same names; what it lacks or has as None is unsaid.
        run: The run's configuration of one resource; None is unsaid.
        resource: Its name, for the message.
        default: What counts where neither says it; else the defaults of `kind`.

    Raises:
        ConfigurationError: If the run was told what is out of bounds.
    """
    values: dict[str, Any] = {}
    for name, bounds in get_type_hints(kind, include_extras=True).items():
        value = run.get(name)
        if value is None:
            value = getattr(feed, name, None)
        elif wrong := problem(bounds, value):
            raise ConfigurationError(
                f"The run's configuration of the resource `{resource}`: `{name}` {wrong}. Nothing "
                "was asked."
            )
        if value is None and default is not None:
            value = getattr(default, name)
        if value is not None:
            values[name] = value
    return kind(**values)
