"""What a pass over one resource did, in numbers; summed page by page. Values only."""

from dataclasses import dataclass, field, replace

from mls_assets.model.resources import Resource
from mls_assets.warehouse import Landing


@dataclass(frozen=True, slots=True)
class Replicated:
    """The sum of a landing.

    `kind` is `download`, `update`, `events` or `replay`. `complete` is false when the run's page
    budget was used up and there is more to do. `cursor` is the stored one (text), `source_rows`
    what the source counts, if it told. `children` counts replaced child sets.
    """

    feed: str
    resource: Resource
    kind: str
    pages: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    stale: int = 0
    removed: int = 0
    restored: int = 0
    rejected: int = 0
    children: int = 0
    cursor: str | None = None
    source_rows: int | None = None
    complete: bool = True
    notes: tuple[str, ...] = field(default=())

    @property
    def records(self) -> int:
        """How many records came, whatever became of them."""
        return self.new + self.changed + self.unchanged + self.stale

    def plus(self, landing: Landing) -> "Replicated":
        """Return the sum with one more page."""
        return replace(
            self,
            pages=self.pages + 1,
            new=self.new + landing.new,
            changed=self.changed + landing.changed,
            unchanged=self.unchanged + landing.unchanged,
            stale=self.stale + landing.stale,
            removed=self.removed + landing.removed,
            restored=self.restored + landing.restored,
            rejected=self.rejected + landing.rejected,
            children=self.children + landing.children,
        )

    def noting(self, notes: tuple[str, ...]) -> "Replicated":
        """Return the same with more notes for the user."""
        return replace(self, notes=self.notes + notes) if notes else self
