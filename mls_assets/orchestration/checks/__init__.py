"""The promises that can be checked, one check each; its description is the promise.

Checks that must look at what a step has just done (`sweep_proven`, `purge_reconciles_keys`,
`replay_reconciles_keys`) belong to that step's asset, not here.
"""

import dagster as dg

from mls_assets.orchestration.checks.configured import stored_is_configured
from mls_assets.orchestration.checks.drift import fields_drift
from mls_assets.orchestration.checks.listings import (
    feeds_fresh,
    keys_unique,
    no_half_applied_batch,
    rejected_share,
    rows_match_source,
)
from mls_assets.orchestration.checks.published import published_equals_warehouse, removed_is_gone
from mls_assets.orchestration.checks.removals import every_removal_explained, removals_in_time
from mls_assets.orchestration.checks.sources import sources_answer


def all_checks() -> list[dg.AssetChecksDefinition]:
    """Return every check that runs by itself."""
    return [
        keys_unique,
        no_half_applied_batch,
        rejected_share,
        feeds_fresh,
        sources_answer,
        rows_match_source,
        fields_drift,
        stored_is_configured,
        every_removal_explained,
        removals_in_time,
        published_equals_warehouse,
        removed_is_gone,
    ]


__all__ = ["all_checks"]
