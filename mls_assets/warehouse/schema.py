"""The declarations of the pipeline's own tables and of the raw landing. Nothing but declarations.

The RESO tables are declared in the room that knows the dictionary.
"""

from mls_assets.values import Column, Table

_FEED = Column("feed", "VARCHAR", "Name of the feed, such as spark/default or forge/armls.")
_RESOURCE = Column("resource", "VARCHAR", "RESO resource, such as Property.")
_SWEEP = Column("sweep_id", "VARCHAR", "Name of the sweep.")
_RECORD_KEY = Column("record_key", "VARCHAR", "RESO key of the record.")

LEDGER = Table(
    "deletion_ledger",
    "key that left a table or came back to it; rows are only ever added",
    (
        Column("entry_id", "BIGINT", "Number of the entry; it only grows."),
        _FEED,
        Column("source", "VARCHAR", "Kind of source, spark or forge."),
        Column("mls", "VARCHAR", "MLS that the record belonged to."),
        _RESOURCE,
        _RECORD_KEY,
        Column("event", "VARCHAR", "What happened, removed or restored."),
        Column(
            "reason",
            "VARCHAR",
            "Why: absent_from_sweep, tombstone, status_delete, operator_erase, or returned.",
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
        _SWEEP,
        _FEED,
        _RESOURCE,
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
        _FEED,
        _RESOURCE,
        Column("state", "VARCHAR", "new, downloading, current, needs_resync, or blocked."),
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

REJECTED_VALUES = Table(
    "rejected_values",
    "value, or whole record, that did not fit and was not taken",
    (
        _FEED,
        _RESOURCE,
        Column("record_key", "VARCHAR", "RESO key of the record; NULL if it had none."),
        Column("field", "VARCHAR", "RESO field; NULL if the whole record was refused."),
        Column("value", "VARCHAR", "The value, cut at 1,000 characters; NULL for a record."),
        Column("problem", "VARCHAR", "Why it was not taken."),
        Column("page_id", "BIGINT", "The page that brought it."),
        Column("seen_at", "TIMESTAMPTZ", "When the source sent it."),
    ),
    (),
)

_DIGEST = Column("digest", "BLOB", "BLAKE2b-128 of the body unpacked: tells versions apart unread.")
_SIZE = Column("size", "BIGINT", "Bytes of the body unpacked.")
_PAGE = Column("page_id", "BIGINT", "The page that brought this version.")
_LANDED = Column(
    "landed_at", "TIMESTAMPTZ", "When this version was fetched, by the source's clock."
)

RAW_TABLES = (
    Table(
        "raw.meta",
        "counter or mark of the pipeline",
        (
            Column("name", "VARCHAR", "What is counted."),
            Column("value", "BIGINT", "The number; times in microseconds since 1970."),
        ),
        ("name",),
    ),
    Table(
        "raw.pages",
        "answer of a source: facts about it, no content",
        (
            Column("page_id", "BIGINT", "Number of the page; it only grows."),
            _FEED,
            _RESOURCE,
            Column("kind", "VARCHAR", "Kind of walk that it belonged to; NULL outside of one."),
            Column("walk_id", "BIGINT", "The walk that it belonged to."),
            Column("run_id", "VARCHAR", "The run that fetched it."),
            Column("fetched_at", "TIMESTAMPTZ", "When it was asked for, by the source's clock."),
            Column("stored_at", "TIMESTAMPTZ", "When it was stored, by the local clock."),
            Column("records", "BIGINT", "Records in it."),
            Column("children", "BIGINT", "Child collections in it."),
            Column("removals", "BIGINT", "Removals told by it."),
            Column("rejects", "BIGINT", "Records in it that could not be stored."),
            Column("size", "BIGINT", "Bytes of the answer, inflated."),
            Column("sha256", "VARCHAR", "SHA-256 of the answer."),
            Column("position", "BIGINT", "Forge: latest_event."),
            Column("remaining", "BIGINT", "Forge: remaining."),
            Column("source_count", "BIGINT", "Spark: the count that the answer gave."),
        ),
        ("page_id",),
    ),
    Table(
        "raw.records",
        "record: its latest version as the source sent it",
        (
            _FEED,
            _RESOURCE,
            _RECORD_KEY,
            Column("body", "BLOB", "The verbatim JSON text (UTF-8), packed with Zstandard."),
            _DIGEST,
            _SIZE,
            Column("modified_at", "TIMESTAMPTZ", "Its ModificationTimestamp."),
            _LANDED,
            _PAGE,
            Column("seen_page_id", "BIGINT", "The last page that held this record."),
        ),
        ("feed", "resource", "record_key"),
    ),
    Table(
        "raw.children",
        "child collection of a listing, as the source sent it",
        (
            _FEED,
            Column("listing_key", "VARCHAR", "ListingKey of the listing."),
            Column("resource", "VARCHAR", "RESO resource of the children."),
            Column("body", "BLOB", "The verbatim JSON array (UTF-8), packed with Zstandard."),
            _DIGEST,
            _SIZE,
            _LANDED,
            _PAGE,
        ),
        ("feed", "listing_key", "resource"),
    ),
    Table(
        "raw.normalised",
        "resource of a feed, with how far its pages are normalised",
        (
            _FEED,
            _RESOURCE,
            Column("through", "BIGINT", "The last page_id whose records are in the tables."),
        ),
        ("feed", "resource"),
    ),
    Table(
        "raw.walks",
        "walk over pages that is not finished",
        (
            Column("walk_id", "BIGINT", "Number of the walk; it only grows."),
            _FEED,
            _RESOURCE,
            Column("kind", "VARCHAR", "download, update, or relations."),
            Column("started_at", "TIMESTAMPTZ", "When its first page was asked for."),
            Column("since", "TIMESTAMPTZ", "From when on changes were asked for."),
            Column("next_link", "VARCHAR", "What asks for the next page."),
            Column("pages", "BIGINT", "Pages stored so far."),
            Column("count_before", "BIGINT", "The source's count at its start."),
            Column("cursor_before", "VARCHAR", "The feed's cursor at its start."),
        ),
        ("walk_id",),
    ),
    Table(
        "raw.origins",
        "feed, with the source that it was first filled from",
        (
            _FEED,
            Column("source", "VARCHAR", "Kind of source, spark or forge."),
            Column("origin", "VARCHAR", "Address of the source."),
        ),
        ("feed",),
    ),
    Table(
        "raw.questions",
        "resource of a feed, with what the source was asked for",
        (
            _FEED,
            _RESOURCE,
            Column("question_sha", "VARCHAR", "SHA-256 of the question."),
        ),
        ("feed", "resource"),
    ),
    Table(
        "raw.sweep_marks",
        "sweep, with what it needs to know of its start",
        (
            _SWEEP,
            Column("watermark", "BIGINT", "The last page_id given out before it began."),
            Column("began_here_at", "TIMESTAMPTZ", "When it began, by the local clock."),
            Column("keyless_alone", "BOOLEAN", "True if records without a key alone void it."),
            Column("run_id", "VARCHAR", "The run that began it."),
        ),
        ("sweep_id",),
    ),
    Table(
        "raw.sweep_keys",
        "key that a sweep was told, as often as it was told",
        (_SWEEP, _RECORD_KEY),
        (),
    ),
    Table(
        "raw.replayed",
        "record (or refusal of one) that a replay was told last, until the replay ends",
        (
            Column("sweep_id", "VARCHAR", "Name of the sweep that the replay is."),
            _FEED,
            _RESOURCE,
            Column("page", "BIGINT", "Number of the replay's page that brought it."),
            Column("fetched_at", "TIMESTAMPTZ", "When that was asked for, by the source's clock."),
            _RECORD_KEY,
            Column("body", "BLOB", "As in raw.records; NULL for a record that was refused."),
            Column("size", "BIGINT", "Bytes of the body unpacked."),
            Column("modified_at", "TIMESTAMPTZ", "Its ModificationTimestamp."),
            Column("problem", "VARCHAR", "Why it was refused; NULL for a record."),
            Column("sha256", "VARCHAR", "SHA-256 of the refused record."),
        ),
        (),
    ),
    Table(
        "raw.suspects",
        "key that a blocked sweep would have removed",
        (_SWEEP, _RECORD_KEY),
        ("sweep_id", "record_key"),
    ),
    Table(
        "raw.approvals",
        "blocked sweep whose suspects a person released, and which sweep used that",
        (
            Column("sweep_id", "VARCHAR", "Name of the blocked sweep."),
            Column("approved_by", "VARCHAR", "Who released them."),
            Column("used_at", "TIMESTAMPTZ", "When the approval was used up."),
            Column("used_by", "VARCHAR", "The sweep that used it."),
        ),
        ("sweep_id",),
    ),
    Table(
        "raw.status_deletes",
        "key that its source still lists, but as deleted",
        (
            _FEED,
            _RESOURCE,
            _RECORD_KEY,
            Column("modified_at", "TIMESTAMPTZ", "ModificationTimestamp of the deleted record."),
        ),
        ("feed", "resource", "record_key"),
    ),
    Table(
        "raw.hidden",
        "key that publication leaves out while a purge is blocked",
        (_FEED, _RESOURCE, _RECORD_KEY),
        ("feed", "resource", "record_key"),
    ),
    Table(
        "raw.publishing",
        "ledger entry that the published file being put in place is without",
        (
            Column("entry_id", "BIGINT", "The entry."),
            Column("published_at", "TIMESTAMPTZ", "The time that stands in that file."),
        ),
        ("entry_id",),
    ),
)

#: The pipeline's own tables that readers get too.
PIPELINE_TABLES = (LEDGER, SWEEPS, FEEDS, REJECTED_VALUES)
