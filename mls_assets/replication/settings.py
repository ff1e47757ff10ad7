"""What a run may be told, with defaults from the vendors' guides. Values only, no behaviour."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SparkSettings:
    """How Spark is asked.

    `page_size` and `relations_page_size`: in place of the feed's own; 0 leaves them as they are.
    `overlap_minutes`: how far before the last retrieval an update begins (guide, "Update
    Data"). `two_sided_window`: bound an update above by the time it began. `page_budget`: pages
    a run may take before it ends with more to do; 0 is no bound.
    """

    page_size: int = 0
    relations_page_size: int = 0
    overlap_minutes: float = 20.0
    two_sided_window: bool = False
    patience_seconds: float = 30.0
    page_budget: int = 0


@dataclass(frozen=True, slots=True)
class ForgeSettings:
    """How Forge is asked; the page size is the vendor's (500) and cannot be chosen.

    `fields`: what to ask for where the server refuses introspection.
    """

    patience_seconds: float = 30.0
    page_budget: int = 0
    fields: tuple[str, ...] = ()
