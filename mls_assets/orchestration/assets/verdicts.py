"""What key sweeps came to, as checks tell it: reconciled, unequal, blocked or void.

Read here from stored rows; judged in `replication.reconciliation.judge`.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from typing import Any

import dagster as dg

from mls_assets.model.text import counted
from mls_assets.model.verdicts import Verdict
from mls_assets.orchestration.assets.describing import told
from mls_assets.orchestration.running import EXIT_CODE, OFFENDERS, first_exit_code
from mls_assets.replication.reconciliation.case import SweepResult
from mls_assets.replication.workspace import Workspace
from mls_assets.sources.registry import all_sources, known_source
from mls_assets.sources.source import Source
from mls_assets.warehouse import sweeps
from mls_assets.warehouse.landing import cursors
from mls_assets.warehouse.sweeps import SweepRow

#: Verdicts that say whether sets were equal; the others say nothing of it.
_SAYS_SOMETHING = (Verdict.RECONCILED, Verdict.UNEQUAL, Verdict.BLOCKED, Verdict.VOID)

#: Of a check's metadata: one line a feed and resource.
_PLOTTED = ("source_keys", "local_keys_after", "absent", "removed", "spared", "missing_locally",
            "refetched")  # fmt: skip

#: So much of a digest is shown.
_DIGITS = 12
#: Where in the UI a person decides; `workspace.yaml` names the code location.
_JOBS = "/locations/mls_assets/jobs"

_SWEEP_AGAIN = (
    f"To sweep again in the UI: the job of the feed ({_JOBS}), "
    + " or ".join(source.reconcile_job for source in all_sources())
    + "."
)

#: How many keys a check names; the row in `sweeps` has all.
_SAMPLE = 5

_COUNTED = ("source_keys", "local_keys_after", "absent", "confirmed_absent", "removed", "spared",
            "missing_locally", "refetched")  # fmt: skip

_KEY_SETS = dg.TableSchema(
    [
        dg.TableColumn("feed", "string"),
        dg.TableColumn("resource", "string"),
        dg.TableColumn("verdict", "string"),
        dg.TableColumn("at the source", "int", description="keys; nothing where none were proven"),
        dg.TableColumn(
            "here", "int", description="keys afterwards; nothing where none were counted"
        ),
    ]
)


def judged_metadata(feed: str, judged: Sequence[SweepResult]) -> dict[str, Any]:
    """Return what became of a feed's sweeps: sums under the feed's name, and each by itself.

    A number that one of the sweeps does not know has no sum: a smaller one would plot as a loss.
    """
    counts = {name: [getattr(entry, name) for entry in judged] for name in _COUNTED}
    return {
        EXIT_CODE: first_exit_code(entry.exit_code for entry in judged),
        "explanation": "\n".join(entry.explanation for entry in judged),
        "feed": feed,
        **{
            f"{name} {feed}": sum(numbers)
            for name, numbers in counts.items()
            if None not in numbers
        },
        "sweeps": [asdict(entry) for entry in judged],
        "key_sets": dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {
                        "feed": entry.feed,
                        "resource": str(entry.resource),
                        "verdict": entry.verdict.value,
                        "at the source": entry.source_keys,
                        "here": entry.local_keys_after,
                    }
                )
                for entry in judged
            ],
            _KEY_SETS,
        ),
    }


def reconciles(
    workspace: Workspace, name: str, asset: str, judged: Sequence[SweepResult]
) -> dg.AssetCheckResult:
    """Say whether the purges of a run left equal key sets."""
    with workspace.warehouse.read() as con:
        stored = [sweeps.find_sweep(con, entry.sweep_id) for entry in judged]
    return _result(name, asset, [row for row in stored if row])


def stored_reconciles(
    workspace: Workspace, name: str, asset: str, sources: Collection[Source], feed: str | None
) -> dg.AssetCheckResult:
    """Say the same from the newest stored verdicts, for a check that is run by itself."""
    rows = _newest(workspace, sources, feed, _SAYS_SOMETHING)
    return _result(name, asset, rows)


def stored_proof(
    workspace: Workspace, name: str, source: Source, feed: str | None
) -> dg.AssetCheckResult:
    """Say whether the newest sweeps were proven, for a check that is run by itself."""
    rows = _newest(workspace, [source], feed, (*_SAYS_SOMETHING, Verdict.PLANNED))
    void = [row for row in rows if row.verdict == Verdict.VOID]
    return dg.AssetCheckResult(
        asset_key=source.keys_asset,
        check_name=name,
        passed=bool(rows) and not void,
        severity=dg.AssetCheckSeverity.ERROR if rows else dg.AssetCheckSeverity.WARN,
        description=proof_in_words(
            len(rows), [f"{row.resource}: {row.explanation}" for row in void]
        ),
        metadata={
            **of_feed((row.feed for row in rows), (row.feed for row in void)),
            "proven": len(rows) - len(void),
            "void": len(void),
        },
    )


def proof_in_words(proven: int, reasons: Sequence[str]) -> str:
    """Say which sweeps proved nothing, one line a resource, and where to sweep again."""
    if not reasons:
        return f"{counted(proven, 'key set')} proven."
    return "\n".join([*reasons, _SWEEP_AGAIN])


def of_feed(feeds: Iterable[str], wrong: Iterable[str] = ()) -> dict[str, Any]:
    """Return the metadata that says whose result it is; of several feeds also which are wrong."""
    named = sorted(set(feeds))
    if len(named) > 1:
        return {"feeds": named, OFFENDERS: sorted(set(wrong))}
    return {"feed": named[0]} if named else {}


def _newest(
    workspace: Workspace,
    sources: Collection[Source],
    feed: str | None,
    verdicts: Sequence[Verdict],
) -> list[SweepRow]:
    with workspace.warehouse.read() as con:
        newest = [
            sweeps.latest_sweep(con, state.feed, state.resource, verdicts)
            for state in cursors.states(con, feed)
            if known_source(state.feed) in sources
        ]
    return [row for row in newest if row]


def _result(name: str, asset: str, rows: Sequence[SweepRow]) -> dg.AssetCheckResult:
    wrong = [row for row in rows if row.verdict != Verdict.RECONCILED]
    if rows:
        text = "\n".join(f"{row.verdict}: {row.explanation}" for row in wrong or rows)
        if any(row.verdict == Verdict.BLOCKED for row in wrong):
            text += f"\nIn the UI: the job purge_approve ({_JOBS}/purge_approve/playground)."
        if any(row.verdict == Verdict.VOID for row in wrong):
            text += f"\n{_SWEEP_AGAIN}"
    else:
        text = "No purge has been judged yet."
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=name,
        passed=bool(rows) and not wrong,
        severity=dg.AssetCheckSeverity.ERROR if rows else dg.AssetCheckSeverity.WARN,
        description=text,
        metadata={
            **of_feed((row.feed for row in rows), (row.feed for row in wrong)),
            **_numbers(rows),
            **_proofs(rows),
        },
    )


def _numbers(rows: Sequence[SweepRow]) -> dict[str, Any]:
    """Return what plots: verdicts, and key sets under the name of their feed and resource."""
    numbers: dict[str, Any] = {"judged": len(rows)}
    for verdict in _SAYS_SOMETHING:
        numbers[verdict.value] = sum(row.verdict == verdict for row in rows)
    for row in rows:
        whose = f"{row.feed} {row.resource}"
        for column in _PLOTTED:
            value = getattr(row, column)
            if value is not None:
                numbers[f"{column} {whose}"] = value
    return numbers


def _what_to_do(rows: Sequence[SweepRow]) -> str:
    """Say with links where a person looks at what a guard held back, and lets it go."""
    blocked = {row.feed for row in rows if row.verdict == Verdict.BLOCKED}
    plans = sorted(
        {
            f"[{source.plan_job}]({_JOBS}/{source.plan_job}/playground)"
            for source in map(known_source, blocked)
            if source is not None and not source.has_event_log
        }
    )
    return (
        (f"To look first: {', '.join(plans)}, a dry run. " if plans else "")
        + f"To let the keys go: [purge_approve]({_JOBS}/purge_approve/playground), with the "
        "sweep's id."
    )


def _short(digest: str | None, other: str | None = None) -> str:
    # whole ones push all else off the page; the row in `sweeps` has them
    return "the same" if digest and digest == other else (digest or "")[:_DIGITS]


def _proofs(rows: Sequence[SweepRow]) -> dict[str, Any]:
    """Return the evidence of each sweep: counts, digests and a few of the keys that changed."""
    if not rows:
        return {}
    records = [
        dg.TableRecord(
            {
                "sweep": row.sweep_id,
                "verdict": row.verdict.value,
                "source digest": _short(row.source_digest),
                "local digest": _short(row.local_digest, row.source_digest),
                "changed meanwhile": len(row.changed_keys or ()),
                "such as": ", ".join((row.changed_keys or ())[:_SAMPLE]),
            }
        )
        for row in rows
    ]
    blocked = [row.sweep_id for row in rows if row.verdict == Verdict.BLOCKED]
    return {
        "proofs": dg.MetadataValue.table(records),
        **told(blocked_sweeps=", ".join(blocked) or None),
        **({"what_to_do": dg.MetadataValue.md(_what_to_do(rows))} if blocked else {}),
    }
