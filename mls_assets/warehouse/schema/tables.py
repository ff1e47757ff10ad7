"""The declarations of the pipeline's own tables that readers get too. Nothing but declarations.

The RESO tables are declared in the room that knows the dictionary, the raw landing's beside.
"""

from mls_assets.model.declarations import FEED, RESOURCE, Column, Table
from mls_assets.model.rejected_values import REJECTED_VALUES

SWEEP = Column("sweep_id", "VARCHAR", "Name of the sweep.")
RECORD_KEY = Column("record_key", "VARCHAR", "RESO key of the record.")

LEDGER = Table(
    "deletion_ledger",
    "key that left a table or came back to it; rows are only ever added",
    (
        Column("entry_id", "BIGINT", "Number of the entry; it only grows."),
        FEED,
        Column("source", "VARCHAR", "Kind of source, spark or forge."),
        Column("mls", "VARCHAR", "MLS that the record belonged to."),
        RESOURCE,
        RECORD_KEY,
        Column("event", "VARCHAR", "What happened, removed or restored."),
        Column(
            "reason",
            "VARCHAR",
            "Why: absent_from_sweep, absent_from_relation, tombstone, status_delete, "
            "operator_erase, or returned.",
        ),
        Column("evidence_id", "VARCHAR", "The sweep, page or run that proves it."),
        Column("first_evidence_at", "TIMESTAMPTZ", "When the evidence was first seen."),
        Column("removed_at", "TIMESTAMPTZ", "When it left all tables; NULL for a restored one."),
        Column("raw_scrubbed_at", "TIMESTAMPTZ", "When its bytes left the warehouse file."),
        Column("published_at", "TIMESTAMPTZ", "Since when the published file is without it."),
        Column("run_id", "VARCHAR", "The run that wrote the entry."),
    ),
    ("entry_id",),
)

SWEEPS = Table(
    "sweeps",
    "key sweep that began, whatever became of it",
    (
        SWEEP,
        FEED,
        RESOURCE,
        Column("started_at", "TIMESTAMPTZ", "When it began, by the source's clock."),
        Column("finished_at", "TIMESTAMPTZ", "When its verdict was stored."),
        Column("pages", "BIGINT", "How many answers the walk over the keys took."),
        Column(
            "source_keys",
            "BIGINT",
            "Distinct keys that the source listed, but for those that it lists as deleted.",
        ),
        Column("source_count_before", "BIGINT", "The source's count before the walk."),
        Column("source_count_after", "BIGINT", "The source's count after the walk."),
        Column("local_keys_before", "BIGINT", "Keys held here before anything was removed."),
        Column("absent", "BIGINT", "Keys held here that the walk did not list."),
        Column("confirmed_absent", "BIGINT", "Of these, keys that the source denied when asked."),
        Column("removed", "BIGINT", "Keys that were removed."),
        Column("spared", "BIGINT", "Absent keys that turned out to be there."),
        Column("missing_locally", "BIGINT", "Keys of the source that were not held here."),
        Column("refetched", "BIGINT", "Of these, keys that were fetched."),
        Column("local_keys_after", "BIGINT", "Keys held here at the end."),
        Column("changed_keys", "VARCHAR[]", "Keys that provably came or went while it ran."),
        Column("source_digest", "VARCHAR", "SHA-256 of the source's keys but changed_keys."),
        Column("local_digest", "VARCHAR", "SHA-256 of the keys held here but changed_keys."),
        Column("verdict", "VARCHAR", "running, planned, reconciled, unequal, blocked, or void."),
        Column("explanation", "VARCHAR", "The verdict in words, with numbers."),
    ),
    ("sweep_id",),
)

FEEDS = Table(
    "feeds",
    "resource of a feed, with how far it is replicated",
    (
        FEED,
        RESOURCE,
        Column(
            "state",
            "VARCHAR",
            "new, downloading, current, needs_resync, blocked, refused (the source does not take "
            "the token), or unconfigured (stored, but not asked for any more).",
        ),
        Column("cursor", "VARCHAR", "Spark: start of the last retrieval (UTC); Forge: event id."),
        Column("initial_download_complete", "BOOLEAN", "True once everything was downloaded."),
        Column("last_poll_at", "TIMESTAMPTZ", "When the source was last asked."),
        Column("last_success_at", "TIMESTAMPTZ", "As of when all that the source had is here."),
        Column("reconciled_at", "TIMESTAMPTZ", "As of when removals are proven."),
        Column("newest_modification", "TIMESTAMPTZ", "Newest ModificationTimestamp that came."),
        Column("rows", "BIGINT", "Rows held here."),
        Column(
            "source_rows",
            "BIGINT",
            "Rows that the source counted last, but for those that it lists as deleted.",
        ),
    ),
    ("feed", "resource"),
)

LISTING_EVENTS = Table(
    "listing_events",
    "change of a listing that a newer version of it told; they go when their listing goes",
    (
        FEED,
        Column("ListingKey", "VARCHAR", "RESO text: the listing's key."),
        Column(
            "event",
            "VARCHAR",
            "new, returned (after its removal), price_change, status_change, back_on_market, or "
            "relisted.",
        ),
        Column("field", "VARCHAR", "RESO field that changed; of a relisted one, ListingKey."),
        Column("old_value", "VARCHAR", "Its value before, as text; NULL if there was none."),
        Column("new_value", "VARCHAR", "Its value since, as text; NULL if there is none."),
        Column("happened_at", "TIMESTAMPTZ", "When it happened, as the source tells."),
        Column("seen_at", "TIMESTAMPTZ", "When the source was asked for the newer version."),
    ),
    (),
)

_FIELD = Column("field", "VARCHAR", "Name of the field, as the source writes it.")

SOURCE_FIELDS = Table(
    "source_fields",
    "field that a source declares, for as long as it declares it so",
    (
        FEED,
        RESOURCE,
        _FIELD,
        Column("declared_type", "VARCHAR", "Its type in the source's words (Edm or GraphQL)."),
        Column("label", "VARCHAR", "Its readable name; NULL where the source tells none."),
        Column("since", "TIMESTAMPTZ", "When the source was seen to declare it so."),
        Column("until", "TIMESTAMPTZ", "When it was seen not to any more; NULL while it does."),
    ),
    ("feed", "resource", "field", "since"),
)

LOCAL_FIELD_NAMES = Table(
    "local_field_names",
    "field that a feed was seen to have in local_fields",
    (FEED, RESOURCE, _FIELD, Column("label", "VARCHAR", "Its readable name.")),
    ("feed", "resource", "field"),
)

LOOKUPS = Table(
    "lookups",
    "value of a lookup that a feed's source lists",
    (
        FEED,
        Column("lookup", "VARCHAR", "LookupName: the enumeration."),
        Column("value", "VARCHAR", "LookupValue: as records have it."),
        Column("standard_value", "VARCHAR", "StandardLookupValue; NULL if it has none."),
        Column("legacy_value", "VARCHAR", "LegacyODataValue: as old records have it."),
        Column("is_standard", "BOOLEAN", "True if RESO's Data Dictionary 2.0 has this value."),
        Column("lookup_key", "VARCHAR", "LookupKey."),
        Column("modified_at", "TIMESTAMPTZ", "Its ModificationTimestamp."),
        Column("seen_at", "TIMESTAMPTZ", "When the source was asked and first listed all so."),
    ),
    ("feed", "lookup", "value"),
)

#: The pipeline's own tables that readers get too.
PIPELINE_TABLES = (
    LEDGER,
    SWEEPS,
    FEEDS,
    REJECTED_VALUES,
    LISTING_EVENTS,
    SOURCE_FIELDS,
    LOCAL_FIELD_NAMES,
    LOOKUPS,
)
