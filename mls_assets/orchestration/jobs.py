"""The jobs, and `run_job`, which is all that the command line knows of Dagster.

What the jobs do stands in the assets; that sensors start them too is the sensors' business.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg

from mls_assets.errors import ConfigurationError
from mls_assets.model.resources import Resource
from mls_assets.orchestration.dagster_home import (
    FEED_TAG,
    FILE_TAG,
    MODE_TAG,
    end_dead_runs,
    living_run,
    partition_problem,
    persistent_instance,
    run_in_flight,
)
from mls_assets.orchestration.running import (
    EXIT_CODE,
    TROUBLES,
    Listener,
    first_exit_code,
    listening,
    plain_metadata,
)
from mls_assets.sources.registry import source_of_job
from mls_assets.sources.source import Source

#: Places in Dagster's queue before the replications of hundreds of feeds: for finding what is gone,
#: and before that for ridding readers of it.
_SOON, _NEXT = {"dagster/priority": "1"}, {"dagster/priority": "2"}
_groups, _assets = dg.AssetSelection.groups, dg.AssetSelection.assets

#: Checks that hold after any change; those of a publication and of purges are named by their job.
#: What has to read all feeds' tables runs there, once for all, and not with each feed's update.
_FRESH, _IN_TIME = ("listings", "feeds_fresh"), ("deletion_ledger", "removals_in_time")
_COUNTS, _SOURCES = ("listings", "rows_match_source"), ("listings", "sources_answer")
_CONFIGURED = ("listings", "stored_is_configured")
_REJECTED = ("listings", "rejected_share")
_OF_REMOVALS = (("deletion_ledger", "every_removal_explained"), _IN_TIME)
_ALWAYS = (
    _FRESH,
    _SOURCES,
    _COUNTS,
    ("listings", "fields_drift"),
    _CONFIGURED,
    _IN_TIME,
)
_BEFORE_PUBLICATION = (("listings", "keys_unique"), ("listings", "no_half_applied_batch"))
_WITH_PUBLICATION = (*_BEFORE_PUBLICATION, _REJECTED, _FRESH, _SOURCES, *_OF_REMOVALS, _CONFIGURED)
#: Of `listings`, those that only publications run: what they found stands until something changes.
OF_PUBLICATIONS = tuple(
    dg.AssetCheckKey(dg.AssetKey(asset), name)
    for asset, name in _WITH_PUBLICATION
    if asset == "listings" and (asset, name) not in _ALWAYS
)


def _checks(*names: tuple[str, str]) -> dg.AssetSelection:
    return dg.AssetSelection.checks(
        *(dg.AssetCheckKey(dg.AssetKey(asset), name) for asset, name in names)
    )


def all_jobs(sources: Sequence[Source]) -> list[Any]:
    """Return the jobs that materialise assets (`compact` materialises none)."""
    publication = _assets("published_database")
    return [
        *(
            job
            for source in sources
            for job in (_event_log_jobs(source) if source.has_event_log else _window_jobs(source))
        ),
        dg.define_asset_job(
            "publish",
            tags={MODE_TAG: "publish", FILE_TAG: "whole", **_NEXT},
            selection=publication | _checks(*_WITH_PUBLICATION),
            description="Checks that the tables are whole, then writes the readers' database.",
        ),
    ]


def _window_jobs(source: Source) -> list[Any]:
    reso = _groups("reso").without_checks()
    pages = (_groups(source.name) - _assets(source.keys_asset)).without_checks()
    return [
        dg.define_asset_job(
            source.replicate_job,
            tags={MODE_TAG: "replicate"},
            selection=pages | reso | _checks(*_ALWAYS),
            description=f"Brings one {source.title} feed from its cursor to current: a download "
            "the first time, an update afterwards; then the RESO tables.",
        ),
        dg.define_asset_job(
            source.reconcile_job,
            tags={MODE_TAG: "purge", **_SOON},
            selection=_assets(source.keys_asset, "sweeps")
            | _checks(*_OF_REMOVALS, _COUNTS, _SOURCES, _FRESH),
            description=f"Sweeps the keys of one {source.title} feed and removes what is proven "
            "gone.",
        ),
    ]


def _event_log_jobs(source: Source) -> list[Any]:
    reso = _groups("reso").without_checks()
    pages = _groups(source.name).without_checks()
    replayed = (source.pages_asset(Resource.PROPERTY), "replay_reconciles_keys")
    return [
        dg.define_asset_job(
            source.replicate_job,
            tags={MODE_TAG: "replicate"},
            selection=pages | reso | _checks(*_ALWAYS),
            description=f"Follows the event log of one {source.title} MLS until nothing remains; "
            "then the RESO tables.",
        ),
        dg.define_asset_job(
            source.reconcile_job,
            tags={MODE_TAG: "replay"},
            selection=pages | reso | _checks(replayed, *_ALWAYS, *_OF_REMOVALS),
            config={"ops": {_pages_op(source): {"config": {"replay": True}}}},
            description=f"Reads the whole event log of one {source.title} MLS again, from event "
            "0, and reconciles the key sets.",
        ),
    ]


def _pages_op(source: Source) -> str:
    """Return the step that lands the pages of a source; its assets are declared under this."""
    return f"{source.name}_pages"


def run_config(
    job: str,
    *,
    patience: float | None = None,
    file_patience: float | None = None,
    page_budget: int | None = None,
    dry_run: bool = False,
    approve: str = "",
    approved_by: str = "",
    only_if_changed: bool = False,
    accept_loss: bool = False,
    accept_fields: bool = False,
) -> dict[str, Any]:
    """Return the run configuration of a job; what does not concern the job is left out.

    `patience` is how many seconds a host may not answer, `file_patience` how many another process
    may hold the warehouse file.
    """
    ops: dict[str, Any] = {}
    resources: dict[str, Any] = {}
    source = source_of_job(job)
    if source is not None:
        api = {"patience_seconds": patience, "page_budget": page_budget}
        api = {name: value for name, value in api.items() if value is not None}
        resources = {source.name: {"config": api}} if api else {}
    if file_patience is not None:
        resources["warehouse"] = {"config": {"patience_seconds": file_patience}}
    approval = {"approve": approve, "approved_by": approved_by}
    if job == "publish":
        publishing = {"only_if_changed": only_if_changed, "accept_loss": accept_loss}
        ops = {"published_database": {"config": publishing}}
    elif source is not None and job == source.reconcile_job:
        ops = {
            "sweeps": {"config": {**approval, "dry_run": dry_run}},
            source.keys_asset: {"config": approval},
        }
        if source.has_event_log:
            replaying = {"replay": True, **approval, "dry_run": dry_run}
            ops = {_pages_op(source): {"config": replaying}}
    elif source is not None and source.has_event_log and accept_fields:
        ops = {_pages_op(source): {"config": {"accept_fields": True}}}
    return {**({"ops": ops} if ops else {}), **({"resources": resources} if resources else {})}


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What became of a run.

    `success` is Dagster's word: a blocked purge is one, with exit code 3. `error` is one line,
    empty at exit code 0; `troubles` are its parts, a line for each thing that went wrong.
    `results` has the metadata of each asset's last materialisation as plain values, `checks`
    whether each check (`asset:name`) passed.
    """

    success: bool
    run_id: str
    exit_code: int
    error: str = ""
    results: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    checks: Mapping[str, bool] = field(default_factory=dict)
    troubles: tuple[str, ...] = ()


def run_job(
    defs: dg.Definitions,
    job: str,
    *,
    feed: str | None = None,
    run_config: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    verbose: bool = False,
    log_file: Path | None = None,
    on_progress: Listener | None = None,
) -> RunOutcome:
    """Run a job in this process on the persistent instance, so that the UI shows it.

    `feed` is the partition of a job that has them; one that Dagster does not know yet is added
    where partitions are MLSs, else it is an outcome with exit code 2. `run_config` is what the
    function of that name returns. Dagster's log goes to `log_file`, with `verbose` to the screen,
    else nowhere; progress of the passes goes to `on_progress`, called in this thread. Raises
    KeyboardInterrupt after Ctrl-C, when the run has been marked as failed.
    """
    run_id = str(uuid4())
    definition = defs.resolve_job_def(job)
    with ExitStack() as stack:
        instance = stack.enter_context(persistent_instance())
        end_dead_runs(instance)
        try:
            _ensure_partition(instance, definition, feed)
        except ConfigurationError as error:
            return RunOutcome(False, "", error.exit_code, str(error), troubles=(str(error),))
        if not verbose:
            log = stack.enter_context(_log_to(log_file))
            definition = definition.with_logger_defs({"file": log})
        config = {**(run_config or {}), **({} if verbose else {"loggers": {"file": {}}})}
        own_tags = stack.enter_context(living_run(instance, run_id))
        stack.enter_context(listening(on_progress))
        result = definition.execute_in_process(
            run_config=config,
            instance=instance,
            partition_key=feed,
            raise_on_error=False,
            run_id=run_id,
            tags={**(tags or {}), **({FEED_TAG: feed} if feed else {}), **own_tags},
        )
    return _outcome(result)


def _ensure_partition(
    instance: dg.DagsterInstance, job: dg.JobDefinition, feed: str | None
) -> None:
    partitions = job.partitions_def
    if isinstance(partitions, dg.DynamicPartitionsDefinition):
        name = partitions.name
        if name and feed and not instance.has_dynamic_partition(name, feed):
            if problem := partition_problem(feed):
                raise ConfigurationError(f"{feed!r}: {problem}. Nothing was asked.")
            instance.add_dynamic_partitions(name, [feed])
    elif partitions is not None and feed not in partitions.get_partition_keys():
        known = ", ".join(partitions.get_partition_keys()) or "none"
        raise ConfigurationError(
            f"Unknown feed {feed!r}. {job.name} knows: {known}. Nothing was asked."
        )


def forget_partition(name: str, feed: str) -> str:
    """Take an erased feed out of the dynamic partitions of a name; return what to tell, if any.

    While a run is in flight it stays: the sensor of the source's MLSs takes it away later.
    """
    with persistent_instance() as instance:
        end_dead_runs(instance)
        if not instance.has_dynamic_partition(name, feed):
            return ""
        running = run_in_flight(instance, feed=feed)
        if running:
            return f"{feed} keeps its partition in Dagster for now: {running}; it can store nothing"
        instance.delete_dynamic_partition(name, feed)
    return f"{feed} has no partition in Dagster any more"


@contextmanager
def _log_to(path: Path | None) -> Iterator[dg.LoggerDefinition]:
    """Lend a logger that writes to a file, or nowhere."""
    handler: logging.Handler = logging.NullHandler()
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))

    def log(_context: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("mls_assets.run", logging.DEBUG)
        logger.addHandler(handler)
        return logger

    try:
        yield dg.LoggerDefinition(log, description="The log of a run that a verb started.")
    finally:
        handler.close()


def _outcome(result: dg.ExecuteInProcessResult) -> RunOutcome:
    results: dict[str, dict[str, Any]] = {}
    codes: list[int] = []
    errors: list[str] = []
    for event in result.all_events:
        if event.is_step_materialization:
            materialization = event.step_materialization_data.materialization
            name = materialization.asset_key.to_user_string()
            results[name] = plain_metadata(materialization.metadata)
        elif event.is_step_failure:
            code, texts = _read_failure(event.step_failure_data)
            codes.append(code)
            errors += texts
    for metadata in results.values():
        if metadata.get(EXIT_CODE):
            codes.append(metadata[EXIT_CODE])
            errors += str(metadata.get("explanation", "")).splitlines()
    checks = {
        f"{check.asset_key.to_user_string()}:{check.check_name}": check.passed
        for check in result.get_asset_check_evaluations()
    }
    code = first_exit_code(codes)
    if not result.success and not code:
        code, errors = 1, ["The run failed outside of its steps; its log says where."]
    troubles = tuple(dict.fromkeys(" ".join(text.split()) for text in errors if text.strip()))
    return RunOutcome(
        result.success,
        result.run_id,
        code,
        " ".join(troubles) if code else "",
        results,
        checks,
        troubles if code else (),
    )


def _read_failure(data: Any) -> tuple[int, list[str]]:
    """Return exit code and texts of a failed step: what `running.failure` put there, or less."""
    told = data.user_failure_data
    if told is not None and EXIT_CODE in told.metadata:
        texts = told.metadata[TROUBLES].value if TROUBLES in told.metadata else [told.description]
        return int(told.metadata[EXIT_CODE].value), [str(text or "") for text in texts]
    kind = data.error.cls_name if data.error else "error"
    if kind in ("KeyboardInterrupt", "DagsterExecutionInterruptedError"):
        # Dagster makes a failed step of Ctrl-C; whoever pressed it means everything, not a step
        raise KeyboardInterrupt
    return 1, [f"A step failed ({kind}); the run's log says where."]
