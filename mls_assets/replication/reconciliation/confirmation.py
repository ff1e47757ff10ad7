"""What the source is asked once its key set is proven: do suspects answer, and what is missing?

Only questions and what their answers mean; whether to ask is decided in `judge`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from mls_assets.errors import DownloadIncomplete, SweepVoid
from mls_assets.model.resources import Resource
from mls_assets.reconcile.plan import Plan
from mls_assets.replication.normalise import normalise_locked
from mls_assets.replication.reconciliation.case import Reconciliation
from mls_assets.replication.workspace import Progress
from mls_assets.warehouse import Connection, sweeps
from mls_assets.warehouse.landing import cursors, landing, status_deletes
from mls_assets.warehouse.tables import open_houses

#: Suspects asked for in one confirmation, and how many keys known to exist go with them.
CONFIRMATION_BATCH = 40
CONTROLS = 3

#: Of the keys that the source lists as deleted, how many a sweep asks for whether they still are.
MAX_STATUS_DELETES_PER_SWEEP = 500

#: Missing keys that are fetched by key in any case; beyond, a twentieth of the source's keys.
MAX_FETCHED_BY_KEY = 5_000

#: By how much an open house's end may lie ahead of the source's clock and count as over.
_MARGIN = timedelta(minutes=1)


def confirm_absent(case: Reconciliation, suspects: Sequence[str]) -> list[str]:
    """Ask for each suspect again by key; what answers is spared.

    Each question carries keys that the sweep did see: a source that does not answer for those
    does not answer at all, and then silence about the others means nothing.
    """
    workspace, row, existing_keys = case.workspace, case.row, case.evidence.existing_keys
    if existing_keys is None or not suspects:
        case.facts["confirmed_absent"] = len(suspects)
        return list(suspects)
    suspects = _not_over(case, suspects)
    gone: list[str] = []
    controls = _controls(case) if suspects else []
    for start in range(0, len(suspects), CONFIRMATION_BATCH):
        batch = suspects[start : start + CONFIRMATION_BATCH]
        answered = existing_keys(row.resource, batch, controls)
        spared = [key for key in batch if key in answered]
        case.changed.update(spared)
        case.facts["spared"] += len(spared)
        gone += [key for key in batch if key not in answered]
        workspace.progress(
            Progress(row.feed, row.resource, "purge", 0, start + len(batch), len(suspects))
        )
    gone = _not_over(case, gone)
    case.facts["confirmed_absent"] = len(gone)
    return gone


def fetch_missing(case: Reconciliation, plan: Plan) -> None:
    """Fetch and merge what the source lists and we do not have.

    Also asked for are keys that it listed as deleted: those that are not kept may live again,
    those that are kept because a newer version is here may really be gone. What does not come is
    asked for once more, by key and with controls: only if the source denies it did it go meanwhile.
    """
    workspace, row, fetch = case.workspace, case.row, case.evidence.fetch
    existing_keys = case.evidence.existing_keys
    if fetch is None or existing_keys is None:
        return
    with workspace.warehouse.read() as con:
        deleted = status_deletes.listed_by(
            con, row.feed, row.resource, row.sweep_id, MAX_STATUS_DELETES_PER_SWEEP
        )
    wanted = [*plan.missing, *deleted]
    if not wanted:
        return
    if len(plan.missing) > max(MAX_FETCHED_BY_KEY, plan.source // 20):
        # by key that takes longer than a download
        with workspace.warehouse.write() as con:
            cursors.needs_resync(con, row.feed, row.resource)
        raise DownloadIncomplete(
            f"{len(plan.missing):,} of {plan.source:,} keys are missing here, too many to fetch "
            "one by one. The next replication downloads them; then purge again."
        )
    came: set[str] = set()
    refused: set[str] = set()
    for page in fetch(row.resource, wanted):
        with workspace.warehouse.write() as con:
            landing.land_page(
                con,
                page,
                walk=None,
                run_id=workspace.run_id,
                by_key=True,
            )
        came.update(record.key for record in page.records)
        came.update(removal.key for removal in page.removals)
        settled = [record.key for record in page.records if deleted.get(record.key) is False]
        settled += [removal.key for removal in page.removals if deleted.get(removal.key)]
        case.changed.update(settled)
        case.settled += len(settled)
        refused.update(reject.key for reject in page.rejects if reject.key)
        workspace.progress(
            Progress(row.feed, row.resource, "purge", 0, len(came), len(plan.missing))
        )
    normalise_locked(workspace, row.feed)
    case.facts["refetched"] = len(came & set(plan.missing))
    silent = sorted(set(plan.missing) - came - refused)
    if silent:
        case.changed.update(set(silent) - existing_keys(row.resource, silent, _controls(case)))


def _not_over(case: Reconciliation, suspects: Sequence[str]) -> list[str]:
    """Leave out open houses that ended while we walked or asked: history, and not removed."""
    if case.row.resource is not Resource.OPEN_HOUSE or not suspects:
        return list(suspects)
    with case.workspace.warehouse.read() as con:
        over = open_houses.over_by(con, case.row.feed, suspects, _now(case, con))
    case.changed.update(over)
    return [key for key in suspects if key not in over]


def _now(case: Reconciliation, con: Connection) -> datetime:
    """The time by the source's clock, and a little later."""
    elapsed = datetime.now(UTC) - sweeps.began_here_at(con, case.row.sweep_id)
    return sweeps.source_at(con, case.row.sweep_id) + elapsed + _MARGIN


def _controls(case: Reconciliation) -> list[str]:
    """Return keys that the sweep did see. Only a source that lists nothing has none.

    Then a person released every key. Raises SweepVoid should there be none otherwise.
    """
    row = case.row
    with case.workspace.warehouse.read() as con:
        controls = sweeps.sample_staged(con, row.sweep_id, CONTROLS)
        if row.resource is Resource.OPEN_HOUSE:
            # the source drops what is over: its silence about that says nothing
            over = open_houses.over_by(con, row.feed, controls, _now(case, con))
            controls = [key for key in controls if key not in over]
    if case.row.source_keys and not controls:
        raise SweepVoid(f"{case.name}: no key that the sweep saw can be asked for now")
    return controls
