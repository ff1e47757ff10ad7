"""What Dagster is told of sources that do not serve us: one check, the same words everywhere.

A tick reports it without a run, a run evaluates it; both read the same findings.
"""

from collections.abc import Iterable
from typing import Any

import dagster as dg

from mls_assets.orchestration.running import OFFENDERS
from mls_assets.replication.reporting.findings import Finding, FindingKind, by_cause

CHECK = dg.AssetCheckKey(dg.AssetKey("listings"), "sources_answer")


def verdict(findings: Iterable[Finding], unreadable: str = "") -> dict[str, Any]:
    """Return what the check says, as both an evaluation and a result take it.

    `unreadable` is why the configuration cannot be read: then nobody asks any source.
    """
    findings = tuple(findings)
    lines = by_cause(findings)
    numbers = {str(kind): sum(one.kind is kind for one in findings) for kind in FindingKind}
    return {
        "passed": not lines and not unreadable,
        "severity": dg.AssetCheckSeverity.ERROR,
        "description": "\n".join(filter(None, (unreadable, *lines.values())))
        or "Every source serves us.",
        "metadata": {**numbers, OFFENDERS: [*(["configuration"] if unreadable else []), *lines]},
    }
