"""Reading a Spark resource's whole key set, as the guide's step 3, and proving that it is whole.

Only keys are staged here; what follows from them is decided and done in `judge`.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from mls_assets.configuration.feeds import SparkFeed
from mls_assets.errors import MlsAssetsError, NotDownloaded
from mls_assets.model.feed_names import FeedName
from mls_assets.model.records import KeyPage
from mls_assets.model.resources import Resource
from mls_assets.model.verdicts import Verdict
from mls_assets.reconcile.proof import SweepProof
from mls_assets.replication.clients import spark_client
from mls_assets.replication.clocks import lead_of_source
from mls_assets.replication.ending import Window, beyond_last_key, how_to_widen
from mls_assets.replication.reconciliation.case import (
    ApprovalOf,
    how_to_approve,
    once_mended,
    voided,
)
from mls_assets.replication.settings import SparkSettings
from mls_assets.replication.source_binding import bind_source
from mls_assets.replication.workspace import Progress, Workspace
from mls_assets.sources import SparkClient, ahead
from mls_assets.warehouse import sweeps

#: Keys that wait in memory to be staged together: opening the warehouse takes longer than them.
KEY_BATCH_SIZE = 50_000


@dataclass(frozen=True, slots=True)
class SweptKeys:
    """A sweep that ended; `void` says why it proves nothing, and is empty if it is a proof.

    `notes` is what else the operator has to know, such as a download that became due.
    """

    sweep_id: str
    feed: str
    resource: Resource
    keys: int
    pages: int
    void: str = ""
    exit_code: int = 0
    notes: str = ""


def new_sweep_id(feed: str, resource: Resource, moment: datetime) -> str:
    """Return an id that sorts by time within a feed and can be typed."""
    return f"{FeedName.of(feed).id_part}-{resource}-{moment:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


def sweep_keys(
    workspace: Workspace,
    feed: SparkFeed,
    resource: Resource,
    settings: SparkSettings,
    *,
    approve: ApprovalOf | None = None,
) -> SweptKeys:
    """Walk all keys of a resource into the staging area and judge the walk.

    `approve` names a blocked or void sweep that a person released (see `purge`). A sweep that
    breaks off is void, not an error: its row in `sweeps` says why. Raises NotDownloaded when
    there is nothing to sweep for, and ConfigurationError when the approval does not hold.
    """
    with workspace.feed_lock(feed.name), spark_client(feed, settings) as client:
        state, notes = bind_source(
            workspace,
            feed.name,
            feed.base_url,
            resource,
            feed.question(resource),
            feed.same_questions(resource),
            note=False,
        )
        with workspace.warehouse.read() as con:
            keyless_approved = (
                approve is not None
                and sweeps.approval(con, approve.sweep_id, feed.name, resource).keyless
            )
        if not state.initial_download_complete:
            raise NotDownloaded(
                f"{feed.name} {resource} was not downloaded completely yet, so there is nothing "
                f"to purge. Run `mls-assets replicate {feed.name}` first."
            )
        keyless = approve if keyless_approved else None
        return _sweep(workspace, client, feed.name, resource, keyless, notes)


def _sweep(
    workspace: Workspace,
    client: SparkClient,
    feed: str,
    resource: Resource,
    keyless: ApprovalOf | None,
    notes: tuple[str, ...],
) -> SweptKeys:
    started_at = datetime.now(UTC)
    sweep_id = new_sweep_id(feed, resource, started_at)
    with workspace.warehouse.write() as con:
        sweeps.begin_sweep(con, sweep_id, feed, resource, started_at, workspace.run_id)
    proof = SweepProof()
    exit_code, step = 1, ""
    try:
        _walk(workspace, client, feed, resource, sweep_id, proof)
        if proof.paged_by_skip:
            _walk_again(workspace, client, resource, sweep_id, proof)
        count_after = client.count(resource)
        with workspace.warehouse.read() as con:
            distinct = sweeps.count_staged(con, sweep_id)
            unknown = sweeps.unknown_locally(con, sweep_id)
        reasons = proof.reasons(
            distinct=distinct,
            count_after=count_after,
            unknown_locally=unknown,
            keyless_approved=keyless is not None,
        )
    except MlsAssetsError as error:
        distinct, count_after = proof.keys, None
        reasons = (f"the walk broke off after {proof.pages} page(s): {error}",)
        exit_code, step = error.exit_code, once_mended(feed)
    if proof.end_untold:
        step = how_to_widen(feed)
    others = len(reasons) - (0 if keyless else len(proof.keyless_breaches))
    if proof.keyless and not others:
        step = f"If such records may stay out, {how_to_approve(feed, sweep_id)}"
    void = voided("; ".join(reasons), feed, step) if reasons else ""
    with workspace.warehouse.write() as con:
        sweeps.update_sweep(
            con,
            sweep_id,
            pages=proof.pages,
            source_keys=distinct,
            source_count_before=proof.count_before,
            source_count_after=count_after,
        )
        if proof.keyless and not others:
            # a person may pass it, or has
            passed = (keyless.sweep_id, keyless.by) if keyless else None
            sweeps.mark_keyless(con, sweep_id, passed)
        if void:
            sweeps.close_sweep(con, sweep_id, verdict=Verdict.VOID, explanation=void)
    return SweptKeys(
        *(sweep_id, feed, resource, distinct, proof.pages, void, exit_code if void else 0),
        notes="; ".join(notes),
    )


def _walk(
    workspace: Workspace,
    client: SparkClient,
    feed: str,
    resource: Resource,
    sweep_id: str,
    proof: SweepProof,
) -> None:
    pages = client.key_pages(resource)
    while True:
        _follow(workspace, client, feed, resource, sweep_id, proof, pages)
        last, items = proof.order.last, proof.keys + proof.keyless
        if not proof.end_untold or proof.count_before == items:
            return
        beyond = beyond_last_key(client, Window(resource), proof.order, items)
        proof.end_untold = beyond != "nothing"
        if beyond != "more" or last is None:
            return
        # the source takes `$top` for a limit of the whole answer
        pages = client.key_pages(resource, behind=last)


def _follow(
    workspace: Workspace,
    client: SparkClient,
    feed: str,
    resource: Resource,
    sweep_id: str,
    proof: SweepProof,
    pages: Iterator[KeyPage],
) -> None:
    waiting: list[str] = []
    for page in ahead(pages):
        if proof.pages == 0:
            with workspace.warehouse.write() as con:
                # the earlier of both clocks says as of when removals will be proven
                sweeps.update_sweep(con, sweep_id, started_at=page.fetched_at)
                lead = lead_of_source(client.skew)
                sweeps.note_source_at(con, sweep_id, page.fetched_at + lead)
        proof.take(page)
        full = len(page.keys) + page.keyless >= client.page_size
        proof.end_untold = full and page.next is None
        waiting = _staged(workspace, sweep_id, [*waiting, *page.keys])
        workspace.progress(
            Progress(feed, resource, "sweep", proof.pages, proof.keys, proof.count_before)
        )
    _staged(workspace, sweep_id, waiting, all_of_them=True)


def _staged(
    workspace: Workspace, sweep_id: str, keys: list[str], *, all_of_them: bool = False
) -> list[str]:
    """Stage keys once they are many (a killed sweep starts over anyway); return what waits."""
    if len(keys) < KEY_BATCH_SIZE and not all_of_them:
        return keys
    with workspace.warehouse.write() as con:
        sweeps.stage_keys(con, sweep_id, keys)
    return []


def _walk_again(
    workspace: Workspace, client: SparkClient, resource: Resource, sweep_id: str, proof: SweepProof
) -> None:
    """Walk a set that is paged by offset a second time: both must show the same keys."""
    again = f"{sweep_id}{sweeps.SECOND_WALK}"
    second = SweepProof()
    waiting: list[str] = []
    for page in ahead(client.key_pages(resource)):
        second.take(page)
        waiting = _staged(workspace, again, [*waiting, *page.keys])
    _staged(workspace, again, waiting, all_of_them=True)
    with workspace.warehouse.write() as con:
        differing = sweeps.staged_difference(con, sweep_id, again)
        sweeps.drop_staged_keys(con, again)
    proof.breaches += second.breaches
    if differing:
        proof.breaches.append(
            f"the set is paged by $skip, and two walks differed in {differing:,} keys"
        )
