"""What a key sweep stores: its verdict's row, the keys it was told, its blocked suspects.

The proof, the plan and the guard are pure and live in another room.
"""

from mls_assets.warehouse.sweeps.approvals import (
    Approval,
    approval,
    first_absent,
    forget_suspects,
    hide,
    keep_suspects,
    oldest_evidence,
    use_approval,
)
from mls_assets.warehouse.sweeps.staging import (
    over_by_now,
    sample_staged,
    sorted_local,
    sorted_staged,
    stage,
    stage_events,
    staged,
    staged_difference,
    unknown_locally,
    unstage,
)
from mls_assets.warehouse.sweeps.verdicts import (
    SweepRow,
    began_here_at,
    begin,
    blocked,
    close,
    get,
    latest,
    note,
    recently_seen,
    removed_since,
    row,
    waiting,
)

__all__ = [
    "Approval",
    "SweepRow",
    "approval",
    "began_here_at",
    "begin",
    "blocked",
    "close",
    "first_absent",
    "forget_suspects",
    "get",
    "hide",
    "keep_suspects",
    "latest",
    "note",
    "oldest_evidence",
    "over_by_now",
    "recently_seen",
    "removed_since",
    "row",
    "sample_staged",
    "sorted_local",
    "sorted_staged",
    "stage",
    "stage_events",
    "staged",
    "staged_difference",
    "unknown_locally",
    "unstage",
    "use_approval",
    "waiting",
]
