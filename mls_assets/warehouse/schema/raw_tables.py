"""The declarations of the raw landing and of the pipeline's notes. Nothing but declarations.

Only the pipeline sees these tables; they live in the schema `raw`.
"""

from mls_assets.model.declarations import FEED, RESOURCE, Column, Table
from mls_assets.warehouse.schema.tables import RECORD_KEY, SWEEP

_DIGEST = Column("digest", "BLOB", "BLAKE2b-128 of the body unpacked: tells versions apart unread.")
_SIZE = Column("size", "BIGINT", "Bytes of the body unpacked.")
_PAGE = Column("page_id", "BIGINT", "The page that brought this version.")
_LANDED = Column(
    "landed_at", "TIMESTAMPTZ", "When this version was fetched, by the source's clock."
)

SCHEMA_VERSIONS = Table(
    "raw.schema_versions",
    "change of the schema: a named step, or what was brought to the declared tables",
    (
        Column("name", "VARCHAR", "Name of the step; tables_as_declared where there was none."),
        Column("applied_at", "TIMESTAMPTZ", "When, by the local clock; NULL: before it was noted."),
        Column("program", "VARCHAR", "Version of mls_assets that did it; NULL: not noted."),
    ),
    (),
)

RAW_TABLES = (
    SCHEMA_VERSIONS,
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
            FEED,
            RESOURCE,
            Column("kind", "VARCHAR", "Kind of walk that it belonged to; NULL outside of one."),
            Column("walk_id", "BIGINT", "The walk that it belonged to."),
            Column("run_id", "VARCHAR", "The run that fetched it."),
            Column("fetched_at", "TIMESTAMPTZ", "When it was asked for, by the source's clock."),
            Column("stored_at", "TIMESTAMPTZ", "When it was stored, by the local clock."),
            Column("records", "BIGINT", "Records in it."),
            Column("children", "BIGINT", "Child collections in it."),
            Column("removals", "BIGINT", "Removals told by it."),
            Column("rejects", "BIGINT", "Records in it that could not be stored."),
            Column("outdated", "BIGINT", "Records in it that are older than their removal."),
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
            FEED,
            RESOURCE,
            RECORD_KEY,
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
            FEED,
            Column("listing_key", "VARCHAR", "ListingKey of the listing."),
            Column("resource", "VARCHAR", "RESO resource of the children."),
            Column("body", "BLOB", "The verbatim JSON array (UTF-8), packed with Zstandard."),
            _DIGEST,
            _SIZE,
            _LANDED,
            _PAGE,
            Column("seen_page_id", "BIGINT", "The last page that told this collection."),
        ),
        ("feed", "listing_key", "resource"),
    ),
    Table(
        "raw.untold",
        "child collection of a listing that its source did not tell whole when it was asked for it",
        (
            FEED,
            Column("listing_key", "VARCHAR", "ListingKey of the listing."),
            Column("resource", "VARCHAR", "RESO resource of the children."),
            Column("cut", "BOOLEAN", "True if a part came; else it was left out."),
            Column("asked_at", "TIMESTAMPTZ", "When that was, by the source's clock."),
        ),
        ("feed", "listing_key", "resource"),
    ),
    Table(
        "raw.normalised",
        "resource of a feed, with how far its pages are normalised",
        (
            FEED,
            RESOURCE,
            Column("through", "BIGINT", "The last page_id whose records are in the tables."),
        ),
        ("feed", "resource"),
    ),
    Table(
        "raw.renormalise",
        "feed whose records all wait to be normalised again",
        (FEED,),
        ("feed",),
    ),
    Table(
        "raw.walk_marks",
        "record that an unfinished walk came by and that is not kept",
        (
            FEED,
            RESOURCE,
            Column("walk_id", "BIGINT", "The walk."),
            Column("mark", "VARCHAR", "Its key, or its hash where it has no usable key."),
        ),
        ("walk_id", "mark"),
    ),
    Table(
        "raw.walks",
        "walk over pages that is not finished",
        (
            Column("walk_id", "BIGINT", "Number of the walk; it only grows."),
            FEED,
            RESOURCE,
            Column("kind", "VARCHAR", "download, update, or relations."),
            Column("started_at", "TIMESTAMPTZ", "When its first page was asked for."),
            Column("since", "TIMESTAMPTZ", "From when on changes were asked for."),
            Column("next_link", "VARCHAR", "What asks for the next page."),
            Column("pages", "BIGINT", "Pages stored so far."),
            Column("count_before", "BIGINT", "The source's count at its start."),
            Column("cursor_before", "VARCHAR", "The feed's cursor at its start."),
            Column("until", "TIMESTAMPTZ", "Up to when changes were asked for; NULL: unbounded."),
            Column("last_key", "VARCHAR", "The last key that came."),
            Column("before_last_key", "VARCHAR", "The key before it."),
            Column("bytewise", "BOOLEAN", "True while its keys ascend as texts."),
            Column("numeric", "BOOLEAN", "True while its keys are digits and ascend as numbers."),
        ),
        ("walk_id",),
    ),
    Table(
        "raw.cursors",
        "cursor that a resource had, of the last few hundred",
        (
            FEED,
            RESOURCE,
            Column("number", "BIGINT", "Its place in the order in which they were stored."),
            Column("cursor", "TIMESTAMPTZ", "The cursor."),
        ),
        ("feed", "resource", "number"),
    ),
    Table(
        "raw.origins",
        "feed, with the source that it was first filled from",
        (
            FEED,
            Column("source", "VARCHAR", "Kind of source, spark or forge."),
            Column("origin", "VARCHAR", "Address of the source."),
        ),
        ("feed",),
    ),
    Table(
        "raw.refused",
        "resource of a feed for which the source refuses the token",
        (
            FEED,
            RESOURCE,
            Column("since", "TIMESTAMPTZ", "Since when that is known, by the local clock."),
        ),
        ("feed", "resource"),
    ),
    Table(
        "raw.questions",
        "resource of a feed, with what the source was asked for",
        (
            FEED,
            RESOURCE,
            Column("question_sha", "VARCHAR", "SHA-256 of the question."),
        ),
        ("feed", "resource"),
    ),
    Table(
        "raw.selections",
        "resource of a GraphQL feed, with what was asked for of its records",
        (
            FEED,
            RESOURCE,
            Column("query", "VARCHAR", "The query's name."),
            Column("fields", "VARCHAR[]", "The fields, those of an object in braces behind it."),
            Column("filter_type", "VARCHAR", "Type of its argument filter; NULL if it has none."),
            Column("key_type", "VARCHAR", "Type of the argument that names the MLS."),
            Column("event_type", "VARCHAR", "Type of its argument last_event_id."),
            Column("introspected", "BOOLEAN", "True if the source's schema told the fields."),
            Column("noted_at", "TIMESTAMPTZ", "Since when, by the local clock."),
        ),
        ("feed", "resource"),
    ),
    Table(
        "raw.resets",
        "resource of a GraphQL feed whose log was reset, until it is replayed",
        (
            FEED,
            RESOURCE,
            Column("since", "TIMESTAMPTZ", "Since when that is known, by the local clock."),
        ),
        ("feed", "resource"),
    ),
    Table(
        "raw.unconfigured",
        "resource of a feed that is stored, and that the configuration does not ask for any more",
        (
            FEED,
            RESOURCE,
            Column("since", "TIMESTAMPTZ", "Since when that is known, by the local clock."),
        ),
        ("feed", "resource"),
    ),
    Table(
        "raw.vanished",
        "feed whose MLS its source does not know any more",
        (
            FEED,
            Column("since", "TIMESTAMPTZ", "When that was answered first, by the local clock."),
            Column("answers", "BIGINT", "How often it was answered in a row."),
        ),
        ("feed",),
    ),
    Table(
        "raw.schemas",
        "text in which a source declares its fields, each time that it was another",
        (
            FEED,
            Column("asked_at", "TIMESTAMPTZ", "When it was asked for last, by the local clock."),
            Column("seen_at", "TIMESTAMPTZ", "When it came first; NULL if it never came."),
            Column("body", "BLOB", "The verbatim text, packed; NULL if it never came."),
            Column("digest", "BLOB", "BLAKE2b-128 of it."),
            Column("size", "BIGINT", "Bytes of it, unpacked."),
        ),
        (),
    ),
    Table(
        "raw.sweep_marks",
        "sweep, with what it needs to know of its start",
        (
            SWEEP,
            Column("watermark", "BIGINT", "The last page_id given out before it began."),
            Column("began_here_at", "TIMESTAMPTZ", "When it began, by the local clock."),
            Column("keyless_alone", "BOOLEAN", "True if records without a key alone void it."),
            Column("keyless_passed", "VARCHAR", "The void sweep whose approval passed such here."),
            Column("keyless_passed_by", "VARCHAR", "Who approved that."),
            Column("run_id", "VARCHAR", "The run that began it."),
            Column("source_at", "TIMESTAMPTZ", "When it began, by the source's clock alone."),
        ),
        ("sweep_id",),
    ),
    Table(
        "raw.sweep_keys",
        "key that a sweep was told, as often as it was told",
        (SWEEP, RECORD_KEY),
        (),
    ),
    Table(
        "raw.replayed",
        "record (or refusal of one) that a replay was told last, until the replay ends",
        (
            Column("sweep_id", "VARCHAR", "Name of the sweep that the replay is."),
            FEED,
            RESOURCE,
            Column("page", "BIGINT", "Number of the replay's page that brought it."),
            Column("fetched_at", "TIMESTAMPTZ", "When that was asked for, by the source's clock."),
            RECORD_KEY,
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
        (SWEEP, RECORD_KEY),
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
            Column("released", "BIGINT", "Keys that it released; 0: records without a key."),
        ),
        ("sweep_id",),
    ),
    Table(
        "raw.status_deletes",
        "key that its source still lists, but as deleted",
        (
            FEED,
            RESOURCE,
            RECORD_KEY,
            Column("modified_at", "TIMESTAMPTZ", "ModificationTimestamp of the deleted record."),
        ),
        ("feed", "resource", "record_key"),
    ),
    Table(
        "raw.hidden",
        "key that publication leaves out while a purge is blocked",
        (FEED, RESOURCE, RECORD_KEY),
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

_BY_NAME = {table.name: table for table in RAW_TABLES}
PAGES, WALKS = _BY_NAME["raw.pages"], _BY_NAME["raw.walks"]
