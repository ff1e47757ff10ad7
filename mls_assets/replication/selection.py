"""Holding a Forge feed to the fields that it was asked for, before any event is asked for.

A record that comes with fewer fields than the stored one says nothing of the others, so a narrower
selection is never asked for by itself: a person has to accept it. A wider one is another question,
which what is stored does not answer. A refused schema takes nothing back.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from mls_assets.errors import SelectionNarrowed
from mls_assets.model.declarations import Selection
from mls_assets.model.resources import Resource
from mls_assets.replication.settings import ForgeSettings
from mls_assets.replication.source_binding import resync_note
from mls_assets.replication.workspace import Workspace
from mls_assets.sources import RECORD_KINDS, ForgeClient
from mls_assets.warehouse.landing import cursors, origins, selections

_KINDS = {resource: kind for kind, (resource, _) in RECORD_KINDS.items()}
#: Names of fields in a message.
_NAMED = 8


@dataclass(frozen=True, slots=True)
class Settled:
    """What is to be asked: `asked` is false where the source has no such query, as `notes` say.

    `changed` is true when what is stored no longer answers the question, so a replay is due.
    """

    asked: bool = True
    changed: bool = False
    notes: tuple[str, ...] = ()


def settle(
    workspace: Workspace,
    client: ForgeClient,
    feed: str,
    resource: Resource,
    settings: ForgeSettings,
    *,
    accept: bool = False,
    dry_run: bool = False,
) -> Settled:
    """Find out what can be asked, compare it with what was, and let the client ask for it.

    With `accept` a person takes the fields that the source offers now, fewer or not. A dry run
    notes nothing of it. Raises
    SelectionNarrowed, or what the source raises where it gave no proper answer; then nothing was
    changed.
    """
    kind = _KINDS[resource]
    with workspace.warehouse.read() as con:
        state = cursors.state_of(con, feed, resource)
        before = selections.last_selection(con, feed, resource)
        # of a warehouse whose program did not note it
        came = (
            selections.stored_fields(con, feed, resource)
            if state.cursor and before is None
            else None
        )
    told = client.shapes.tells_schema()
    own = bool(settings.fields) and resource is Resource.PROPERTY
    if before and not told and not accept and (before.introspected or not own):
        client.shapes.ask_as(kind, before, _if_refused(feed))
        return Settled(notes=(_still(feed, resource, before),))
    shape = client.shapes.shape(kind)
    if shape is None:
        if before or state.cursor:
            raise SelectionNarrowed(_query_gone(feed, resource, state.rows))
        if not dry_run:
            with workspace.warehouse.write() as con:
                origins.unask(con, feed, resource)
        none = f"{feed}: the source's schema has no query for {kind}, so there are none here"
        return Settled(asked=False, notes=(none,))
    now = shape.asked
    lost, gained = _difference(before, came, now) if state.cursor else (frozenset(), frozenset())
    if lost and not accept:
        raise SelectionNarrowed(_narrowed(feed, resource, lost, told=told))
    notes = () if told else (_assumed(feed, resource, now),)
    if now != before and not dry_run:
        with workspace.warehouse.write() as con:
            selections.note_selection(con, feed, resource, now, datetime.now(UTC))
            if lost or gained:
                cursors.needs_resync(con, feed, resource)
    if not lost and not gained:
        return Settled(notes=notes)
    changes = [f"{len(names):,} {word} ({_listed(names)})" for names, word in
               ((gained, "more"), (lost, "fewer")) if names]  # fmt: skip
    what = f"the source's records are asked for {' and '.join(changes)} field(s) than before"
    return Settled(changed=True, notes=(*notes, resync_note(state, what)))


def _difference(
    before: Selection | None, came: selections.StoredFields | None, now: Selection
) -> tuple[frozenset[str], frozenset[str]]:
    """Return the values that are not asked for any more, and those asked for anew."""
    if before is not None:
        return before.paths - now.paths, now.paths - before.paths
    if came is None:
        return frozenset(), frozenset()
    names = frozenset(path.partition(".")[0] for path in now.paths)
    return came.ever - names, names - came.always


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    more = len(ordered) - _NAMED
    return ", ".join(ordered[:_NAMED]) + (f" and {more:,} others" if more > 0 else "")


def _accepting(feed: str) -> str:
    return f"run `mls-assets replicate {feed} --accept-fields`"


def _narrowed(feed: str, resource: Resource, lost: frozenset[str], *, told: bool) -> str:
    why = "the source's schema lacks" if told else "the source tells no schema, and the list lacks"
    return (
        f"{feed} {resource}: {why} {len(lost):,} field(s) that its records had until now "
        f"({_listed(lost)}). Nothing was asked for or changed, so no stored value was lost. If the "
        f"source withdrew them for good, {_accepting(feed)}; else run again when it offers them."
    )


def _query_gone(feed: str, resource: Resource, rows: int) -> str:
    return (
        f"{feed} {resource}: the source's schema has no query for {_KINDS[resource]} any more; "
        f"{rows:,} row(s) are here. Nothing was asked for or changed. If it withdrew them for "
        f"good, leave {resource} out of `resources` in [forge] of the feeds file and run "
        f"`mls-assets erase {feed} --resource {resource} --yes`; else run again when it has them."
    )


def _if_refused(feed: str) -> str:
    return (
        "The source tells no schema, so it was asked for the fields that it had until now. If it "
        f"withdrew one for good, {_accepting(feed)}."
    )


def _still(feed: str, resource: Resource, asked: Selection) -> str:
    return (
        f"{feed} {resource}: the source tells no schema, so it is asked for the same "
        f"{len(asked.fields):,} fields as before"
    )


def _assumed(feed: str, resource: Resource, asked: Selection) -> str:
    return (
        f"{feed} {resource}: the source tells no schema, so only {len(asked.fields):,} fields are "
        "asked for, those of the vendor's guide or of the list `fields` of resource `forge` in "
        "Dagster's Launchpad; all others stay empty until it tells its schema"
    )
