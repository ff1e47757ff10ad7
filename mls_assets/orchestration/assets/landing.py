"""Landing several resources of one feed in one step, whatever becomes of each.

Shared by the two sources. When one resource breaks off, the others are still tried, and what
landed is normalised before the run fails: downstream steps will not run then.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import dagster as dg

from mls_assets.configuration.feeds import ForgeAccess, SparkFeed
from mls_assets.errors import (
    AnswerBroken,
    CollectionCut,
    ConfigurationError,
    CursorWentBack,
    DownloadIncomplete,
    LinkExpired,
    MlsAssetsError,
    PagingLoop,
    SelectionNarrowed,
    SourceRefused,
    SweepBlocked,
    SweepVoid,
)
from mls_assets.model.resources import Resource
from mls_assets.orchestration.assets.describing import (
    as_tag,
    ledger_metadata,
    ledger_version,
    pages_metadata,
    pages_version,
    table_versions,
    tables_metadata,
)
from mls_assets.orchestration.running import StepError, failure
from mls_assets.replication.normalise import normalise_landed
from mls_assets.replication.outcome import Replicated
from mls_assets.replication.reporting.findings import FINDING_KINDS, Findings
from mls_assets.replication.workspace import Workspace

Events = Iterator[dg.MaterializeResult | dg.AssetMaterialization]

#: Errors that say something about one resource; any other would meet the next one as well.
_OF_ONE_RESOURCE = (
    AnswerBroken,
    CollectionCut,
    CursorWentBack,
    DownloadIncomplete,
    LinkExpired,
    PagingLoop,
    SelectionNarrowed,
    SourceRefused,
    SweepBlocked,
    SweepVoid,
)


def replicate_resources(
    context: dg.AssetExecutionContext,
    workspace: Workspace,
    feed: str,
    assets: Mapping[str, Resource],
    configured: Collection[Resource],
    replicate: Callable[[Resource], Replicated],
    describe: Callable[[], str],
    access: SparkFeed | ForgeAccess,
) -> Events:
    """Replicate the selected resources of a feed, one after the other.

    A resource that the feed is not configured for is materialised with zero pages and a note:
    it is up to date with what was asked for, and what stands downstream of it may go on.
    Last `describe` asks what the source declares, unless the host failed; a note it returns goes
    to the log. Raises a Failure at the end if anything broke off.
    """
    troubles: list[StepError] = []
    served: set[str] = set()
    for name, resource in selected_assets(context, assets):
        if resource not in configured:
            note = f"{feed} is not configured for {resource}; nothing was asked."
            yield unasked_pages(workspace, feed, name, resource, note)
            continue
        try:
            done = replicate(resource)
        except MlsAssetsError as error:
            context.log.warning(f"{feed} {resource}: {error}")
            troubles.append(StepError.of(error))
            if isinstance(error, CollectionCut):
                served.add(str(resource))  # all else of it came through
            if not isinstance(error, _OF_ONE_RESOURCE):
                break
            continue
        served.add(str(resource))
        for note in done.notes:
            context.log.warning(note)
        yield dg.MaterializeResult(
            asset_key=name,
            metadata=pages_metadata(workspace, done),
            data_version=pages_version(workspace, feed, resource),
        )
        yield from ledger_event(workspace, feed, done.removed, done.restored)
    else:  # nothing failed that would fail this too
        note = describe()
        if note:
            context.log.warning(note)
    wanted = [str(resource) for _, resource in selected_assets(context, assets)]
    unserved = [resource for resource in wanted if resource not in served]
    tell_of_source(
        context, workspace, feed, access, troubles, served=len(served) > 0, rest=unserved
    )
    if troubles:
        yield from _normalise_what_landed(context, workspace, feed)
        raise failure(troubles, landed=len(served))


def unasked_pages(
    workspace: Workspace, feed: str, asset: str, resource: Resource, note: str
) -> dg.MaterializeResult:
    """Return what is told of pages for which nothing was asked: they are as they were."""
    return dg.MaterializeResult(
        asset_key=asset,
        metadata={"pages": 0, "notes": note},
        data_version=pages_version(workspace, feed, resource),
    )


def tell_of_source(
    context: dg.AssetExecutionContext,
    workspace: Workspace,
    feed: str,
    access: SparkFeed | ForgeAccess,
    troubles: Iterable[StepError],
    *,
    served: bool,
    rest: Sequence[str] = (),
) -> None:
    """Leave in the data folder whether the source refused this step, or served it.

    `rest` are the resources that were not served, where others were.
    """
    step, findings = context.op_execution_context.op.name, Findings(workspace.folder)
    met = [trouble for trouble in troubles if trouble.kind in FINDING_KINDS]
    try:
        for trouble in met:
            kind, of = FINDING_KINDS[trouble.kind], rest if served else ()
            findings.note(feed, step, kind, trouble.text, access, of)
        if served and not met:
            findings.succeeded(feed, step)
    except OSError as error:
        context.log.warning(f"What the source said could not be noted ({error.strerror}).")


def selected_assets(
    context: dg.AssetExecutionContext, assets: Mapping[str, Resource]
) -> Iterator[tuple[str, Resource]]:
    """Yield those of the assets that this run was asked for, in their order."""
    wanted = {key.to_user_string() for key in context.selected_asset_keys}
    return ((name, resource) for name, resource in assets.items() if name in wanted)


def chosen_feed(context: dg.AssetExecutionContext) -> str:
    """Return the run's partition; raises ConfigurationError where none was chosen."""
    if not context.has_partition_key:
        raise ConfigurationError(
            "No feed was chosen, so nothing was asked. Start the run with a partition, such as "
            'spark/default (on the command line: --tags \'{"dagster/partition": '
            '"spark/default"}\').'
        )
    return context.partition_key


def ledger_event(
    workspace: Workspace, feed: str, removed: int, restored: int = 0
) -> Iterator[dg.AssetMaterialization]:
    """Tell that the ledger grew; it has no step of its own, for whoever removes writes it."""
    if removed or restored:
        numbers = {f"removed {feed}": removed, f"restored {feed}": restored}
        yield dg.AssetMaterialization(
            "deletion_ledger",
            metadata={**numbers, **ledger_metadata(workspace)},
            tags=as_tag(ledger_version(workspace)),
        )


def _normalise_what_landed(
    context: dg.AssetExecutionContext, workspace: Workspace, feed: str
) -> Iterator[dg.AssetMaterialization]:
    try:
        done = normalise_landed(workspace, [feed])
    except MlsAssetsError as error:
        # the first error is the one to tell; the next run normalises what is left
        context.log.warning(f"{feed}: what landed could not be normalised: {error}")
        return
    versions = table_versions(workspace)
    for table, metadata in tables_metadata(workspace, done, feed).items():
        if done.rows[table]:
            yield dg.AssetMaterialization(table, metadata=metadata, tags=as_tag(versions[table]))
