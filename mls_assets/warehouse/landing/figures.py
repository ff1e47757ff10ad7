"""The figures of a landing: each is declared here once, with how it is counted on a page.

Passes sum them, materialisations show them, and the summary of a run has those it is told to have.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from mls_assets.model.records import Page
from mls_assets.warehouse.landing.versions import SortedRecords

_COUNT, _SUMMARY = "count", "summary"


@dataclass(frozen=True, slots=True)
class LandedPage:
    """What became of one page: its records by their versions, and how many entries and sets it
    wrote. `removed` and `restored` are ledger entries, `child_sets` replaced collections.
    """

    page: Page
    records: SortedRecords
    removed: int
    restored: int
    child_sets: int


def _figure(count: Callable[[LandedPage], int], *, summary: bool = False) -> Any:
    """Declare a figure by how it is counted; with `summary` a verb's summary has it as a column."""
    return field(default=0, metadata={_COUNT: count, _SUMMARY: summary})


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one page, or many, did; one line declares a figure, and all else follows from it.

    Records are new, changed, unchanged, or stale: older than the stored version, so not taken.
    Rejected are records without a usable key or body.
    """

    new: int = _figure(lambda landed: len(landed.records.new), summary=True)
    changed: int = _figure(lambda landed: len(landed.records.changed), summary=True)
    unchanged: int = _figure(lambda landed: len(landed.records.unchanged))
    stale: int = _figure(lambda landed: len(landed.records.stale))
    removed: int = _figure(lambda landed: landed.removed, summary=True)
    restored: int = _figure(lambda landed: landed.restored, summary=True)
    rejected: int = _figure(lambda landed: len(landed.page.rejects), summary=True)
    child_sets: int = _figure(lambda landed: landed.child_sets)

    @property
    def records(self) -> int:
        """How many records came, whatever became of them."""
        return self.new + self.changed + self.unchanged + self.stale

    @property
    def figures(self) -> dict[str, int]:
        """Every figure by its name."""
        return {name: getattr(self, name) for name in FIGURES}

    def with_figures(self, other: "Figures") -> Self:
        """Return the same with the figures of another added."""
        mine, others = self.figures, other.figures
        return replace(self, **{name: mine[name] + others[name] for name in FIGURES})


_DECLARED = {each.name: each.metadata for each in fields(Figures)}

#: The names of all figures, as materialisations show them.
FIGURES: tuple[str, ...] = tuple(_DECLARED)

#: Those that a verb's summary has a column for.
SUMMARY_FIGURES: tuple[str, ...] = tuple(name for name in FIGURES if _DECLARED[name][_SUMMARY])


@dataclass(frozen=True, slots=True)
class Landing(Figures):
    """What a page did, and the number it was given."""

    page_id: int

    @classmethod
    def of(cls, page_id: int, landed: LandedPage) -> Self:
        """Count every figure of a page that has landed."""
        return cls(page_id, **{name: _DECLARED[name][_COUNT](landed) for name in FIGURES})
