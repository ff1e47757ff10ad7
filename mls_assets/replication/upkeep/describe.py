"""Asking a source what it declares: its fields and, of Spark, its lookups. Once a day.

Nothing here is needed to replicate: a source that does not tell is asked again an hour later, and
no run fails for it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from mls_assets import reso
from mls_assets.configuration.feeds import ForgeAccess, SparkFeed
from mls_assets.errors import AnswerBroken, FeedBusy, MlsAssetsError, WarehouseBusy
from mls_assets.model.declarations import Declaration, LookupValue
from mls_assets.replication.clients import forge_client, spark_client
from mls_assets.replication.settings import ForgeSettings, SparkSettings
from mls_assets.replication.workspace import Workspace
from mls_assets.sources import SparkClient
from mls_assets.warehouse import Connection
from mls_assets.warehouse.landing import selections, vocabulary

AGAIN_AFTER = timedelta(days=1)
AFTER_SILENCE = timedelta(hours=1)
#: For how long a source that is out of reach is tried: nobody waits for what is told here.
PATIENCE_SECONDS = 15.0
#: Values of a Lookup set; a real MLS has some thousands.
MOST_LOOKUPS = 200_000


@dataclass(slots=True)
class _Told:
    """What a source told; None is what it did not tell, and `silence` says why."""

    declaration: Declaration | None = None
    lookups: list[LookupValue] | None = None
    silence: list[str] = field(default_factory=list)


def describe_spark(workspace: Workspace, feed: SparkFeed, settings: SparkSettings) -> str:
    """Ask a Spark feed for `$metadata` and the Lookup set, if that is due.

    Returns what the operator should know, empty if nothing. Raises nothing that the source does,
    nor for a feed that another run works on: the next run asks then.
    """

    def ask(told: _Told) -> None:
        with spark_client(feed, replace(settings, patience_seconds=_hasty(settings))) as client:
            with _forgiving(told):
                told.declaration = client.declared()
            with _forgiving(told):
                told.lookups = _all_lookups(client)

    return _describe(workspace, feed.name, ask)


def describe_forge(
    workspace: Workspace, feed: str, access: ForgeAccess, settings: ForgeSettings
) -> str:
    """Ask Forge for its record types by introspection, if that is due; see `describe_spark`.

    A schema without fields that are asked for is not taken over: that they went is for a person
    to accept, see `selection`.
    """

    def ask(told: _Told) -> None:
        hasty = replace(settings, patience_seconds=_hasty(settings))
        with forge_client(access, hasty) as client, _forgiving(told):
            declaration = client.declared()
            if declaration is not None:
                _expect_selected(workspace, feed, access, declaration)
            told.declaration = declaration

    return _describe(workspace, feed, ask)


def _expect_selected(
    workspace: Workspace, feed: str, access: ForgeAccess, declaration: Declaration
) -> None:
    declared = {(field.resource, field.name) for field in declaration.fields}
    with workspace.warehouse.read() as con:
        asked = [
            (resource, path.partition(".")[0])
            for resource in access.resources
            if (selected := selections.last_selection(con, feed, resource))
            for path in selected.paths
        ]
    lacking = set(asked) - declared
    if lacking:
        raise AnswerBroken(
            f"Its schema lacks {len(lacking):,} field(s) that it is asked for, so it was not "
            "taken over."
        )


def _hasty(settings: SparkSettings | ForgeSettings) -> float:
    return min(settings.patience_seconds, PATIENCE_SECONDS)


@contextmanager
def _forgiving(told: _Told) -> Iterator[None]:
    """Note what a source does not tell. A refusal too: the landing has just proven the token."""
    try:
        yield
    except MlsAssetsError as error:
        told.silence.append(str(error))


def _all_lookups(client: SparkClient) -> list[LookupValue]:
    values: list[LookupValue] = []
    for page in client.lookups():
        values += page
        if len(values) > MOST_LOOKUPS:
            raise AnswerBroken(f"The Lookup set has more than {MOST_LOOKUPS:,} values.")
    if not values:
        raise AnswerBroken("The Lookup set is empty.")
    return values


def _describe(workspace: Workspace, feed: str, ask: Callable[[_Told], None]) -> str:
    told = _Told()
    try:
        with workspace.warehouse.read() as con:
            asked = vocabulary.asked_at(con, feed)
        now = datetime.now(UTC)
        if asked and now - asked[0] < (AGAIN_AFTER if asked[1] else AFTER_SILENCE):
            return ""
        with _forgiving(told):
            ask(told)
        with workspace.feed_lock(feed), workspace.warehouse.write() as con:
            if workspace.asks_for(feed, None):  # it may have been erased meanwhile
                _take_over(con, feed, told, now)
    except (FeedBusy, WarehouseBusy) as busy:
        return f"{feed}: what the source declares was not taken over: {busy}"
    if not told.silence:
        return ""
    return f"{feed} did not tell all of its own words: {' '.join(told.silence)} Nothing is lost."


def _take_over(con: Connection, feed: str, told: _Told, now: datetime) -> None:
    if told.declaration is not None:
        vocabulary.declare(con, feed, told.declaration, now)
    if told.lookups is not None:
        vocabulary.replace_lookups(con, feed, told.lookups, now, is_standard=reso.is_standard)
    if told.silence or told.declaration is None:
        vocabulary.note_silence(con, feed, now)
