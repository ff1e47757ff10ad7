"""What a pass over one resource did, in numbers; summed page by page. Values only."""

from dataclasses import dataclass, field, replace

from mls_assets.model.resources import Resource
from mls_assets.model.states import PassKind
from mls_assets.warehouse import Figures, Landing


@dataclass(frozen=True, slots=True)
class Replicated(Figures):
    """The figures of a landing, summed over its pages.

    `complete` is false when the run's page
    budget was used up and there is more to do. `cursor` is the stored one (text), `source_rows`
    what the source counts, if it told.
    """

    feed: str
    resource: Resource
    kind: PassKind
    pages: int = 0
    cursor: str | None = None
    source_rows: int | None = None
    complete: bool = True
    notes: tuple[str, ...] = field(default=())

    def plus(self, landing: Landing) -> "Replicated":
        """Return the sum with one more page."""
        return replace(self.with_figures(landing), pages=self.pages + 1)

    def noting(self, notes: tuple[str, ...]) -> "Replicated":
        """Return the same with more notes for the user."""
        return replace(self, notes=self.notes + notes) if notes else self
