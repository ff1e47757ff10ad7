"""A feed's own words: the fields that its source declares, its lookups, names of local fields.

What a listing's fields hold is no part of it. Nothing here is needed to replicate.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

import polars as pl

from mls_assets.model.declarations import Declaration, LookupValue
from mls_assets.model.resources import MAX_FIELD_NAMES, TABLE_OF_RESOURCE, Resource
from mls_assets.warehouse.schema import counters
from mls_assets.warehouse.schema.ddl import literal
from mls_assets.warehouse.storage import arrow
from mls_assets.warehouse.storage.queries import Connection, framed, rows, scalar

#: Texts of schemas that are kept of a feed: one with a date in it is another each day.
KEPT_TEXTS = 10
#: Names of local fields that are labelled: such as a field has.
_NAME = "[A-Za-z_][A-Za-z0-9_.@-]{0,127}"


def asked_at(con: Connection, feed: str) -> tuple[datetime, bool] | None:
    """Return when a source was asked last what it declares, and whether it told; None if never."""
    found = rows(
        con,
        "select asked_at, seen_at is not null from raw.schemas where feed = ? "
        "order by asked_at desc, seen_at nulls first limit 1",
        [feed],
    )
    return found[0] if found else None


def note_silence(con: Connection, feed: str, moment: datetime) -> None:
    """Note that a source was asked, and did not tell what it declares."""
    con.execute("delete from raw.schemas where feed = ? and seen_at is null", [feed])
    con.execute("insert into raw.schemas (feed, asked_at) values (?, ?)", [feed, moment])


def declare(con: Connection, feed: str, declaration: Declaration, moment: datetime) -> None:
    """Take over what a source declares; fields that came, went or changed keep their times."""
    con.execute("delete from raw.schemas where feed = ? and seen_at is null", [feed])
    digest = arrow.digest_of(declaration.body)
    newest = rows(
        con,
        "select seen_at, digest from raw.schemas where feed = ? order by seen_at desc",
        [feed],
    )
    if newest and newest[0][1] == digest:
        con.execute(
            "update raw.schemas set asked_at = ? where feed = ? and seen_at = ?",
            [moment, feed, newest[0][0]],
        )
        return
    if len(newest) >= KEPT_TEXTS:
        con.execute(
            "delete from raw.schemas where feed = ? and seen_at <= ?",
            [feed, newest[KEPT_TEXTS - 1][0]],
        )
    con.execute(
        "insert into raw.schemas (feed, asked_at, seen_at, body, digest, size) "
        "values (?, ?, ?, ?, ?, ?)",
        [feed, moment, moment, arrow.packed(declaration.body), digest, len(declaration.body)],
    )
    fields = declaration.fields
    told = arrow.table_of(
        resource=arrow.of_texts([field.resource for field in fields]),
        field=arrow.of_texts([field.name for field in fields]),
        declared_type=arrow.of_texts([field.type for field in fields]),
        label=arrow.of_texts([field.label or None for field in fields]),
    )
    with framed(con, told=told):
        con.execute(
            "update source_fields set until = ? where feed = ? and until is null "
            # of a resource that is not declared at all nothing was said
            "and resource in (select resource from told) and not exists (from told where "
            "told.resource = source_fields.resource and told.field = "
            "source_fields.field and told.declared_type = source_fields.declared_type)",
            [moment, feed],
        )
        con.execute(
            "insert into source_fields select ?, resource, field, declared_type, label, ?, null "
            "from told where not exists (from source_fields known where known.feed = ? "
            "and known.until is null and known.resource = told.resource "
            "and known.field = told.field)",
            [feed, moment, feed],
        )
        con.execute(
            "update source_fields set label = told.label from told where source_fields.feed = ? "
            "and until is null and told.resource = source_fields.resource "
            "and told.field = source_fields.field",
            [feed],
        )
        con.execute(
            "update local_field_names set label = told.label from told where "
            "local_field_names.feed = ? and told.resource = local_field_names.resource "
            "and told.field = local_field_names.field and told.label is not null",
            [feed],
        )
    counters.changed(con)


def drift(con: Connection, since: datetime) -> list[tuple[str, str, str, str, str]]:
    """Return what sources declare otherwise since a time: (feed, resource, field, what, how).

    `what` is `came`, `went` or `changed`, `how` the type or types. What a source declared when
    it was asked first is no news.
    """
    return rows(
        con,
        "with first as (select feed, min(since) as since from source_fields group by feed), "
        "came as (select * from source_fields join first using (feed) where "
        "source_fields.since > first.since and source_fields.since >= ?), "
        "went as (select * from source_fields where until >= ?) "
        "select coalesce(came.feed, went.feed), coalesce(came.resource, went.resource), "
        "coalesce(came.field, went.field), case when went.field is null then 'came' "
        "when came.field is null then 'went' else 'changed' end, "
        "concat_ws(' -> ', went.declared_type, came.declared_type) from came full join went on "
        "came.feed = went.feed and came.resource = went.resource and came.field = went.field "
        "and came.since = went.until order by all",
        [since, since],
    )


def replace_lookups(
    con: Connection,
    feed: str,
    values: Sequence[LookupValue],
    moment: datetime,
    *,
    is_standard: Callable[[str, str], bool],
) -> None:
    """Take over the values that a source lists, in the place of those before, if any differs.

    `is_standard` tells of a lookup and a value whether RESO has it.
    """
    told = arrow.table_of(
        lookup=arrow.of_texts([value.lookup for value in values]),
        value=arrow.of_texts([value.value for value in values]),
        standard_value=arrow.of_texts([value.standard_value for value in values]),
        legacy_value=arrow.of_texts([value.legacy_value for value in values]),
        is_standard=arrow.of_flags([is_standard(each.lookup, each.value) for each in values]),
        lookup_key=arrow.of_texts([value.lookup_key for value in values]),
        modified_at=arrow.of_instants([value.modified_at for value in values]),
    )
    columns = ", ".join(told.column_names)
    before = f"select {columns} from lookups where feed = ?"
    with framed(con, told=told):
        now = f"select distinct on (lookup, value) {columns} from told order by all"
        differing = scalar(
            con,
            f"select count(*) from (({before} except ({now})) union all (({now}) except {before}))",
            [feed, feed],
        )
        if not differing:
            return
        con.execute("delete from lookups where feed = ?", [feed])
        con.execute(
            f"insert into lookups (feed, seen_at, {columns}) select ?, ?, * from ({now})",
            [feed, moment],
        )
    counters.changed(con)


def note_local_fields(
    con: Connection,
    feed: str,
    resource: Resource,
    versions: pl.DataFrame,
    *,
    label: Callable[[str], str],
) -> None:
    """Note the names of local fields in rows, as the source calls them, else as `label` does."""
    if versions["local_fields"].null_count() == len(versions):
        return
    known = scalar(
        con,
        "select count(*) from local_field_names where feed = ? and resource = ?",
        [feed, resource],
    )
    with framed(con, incoming=versions.select("local_fields")):
        found = rows(
            con,
            "select name from (select distinct unnest(json_keys(local_fields)) as name "
            "from incoming where local_fields is not null) where name not in "
            "(select field from local_field_names where feed = ? and resource = ?) "
            "and regexp_full_match(name, ?) limit ?",
            [feed, resource, _NAME, MAX_FIELD_NAMES - known],
        )
    new = [name for (name,) in found]
    if new:
        _name_local_fields(con, feed, resource, new, label)


def _name_local_fields(
    con: Connection,
    feed: str,
    resource: Resource,
    names: Collection[str],
    label: Callable[[str], str],
) -> None:
    named = arrow.table_of(
        field=arrow.of_texts(list(names)), label=arrow.of_texts([label(name) for name in names])
    )
    with framed(con, named=named):
        con.execute(
            "insert into local_field_names select ?, ?, named.field, coalesce(told.label, "
            "named.label) from named left join source_fields told on told.feed = ? and "
            "told.resource = ? and told.field = named.field and told.until is null",
            [feed, resource, feed, resource],
        )


def forget_unused_names(con: Connection) -> None:
    """Forget names of local fields that no row has any more; reads all rows, so once a day."""
    used = " union ".join(
        f"select feed, {literal(resource)}, unnest(json_keys(local_fields)) from {table} "
        "where local_fields is not null"
        for resource, table in TABLE_OF_RESOURCE.items()
    )
    unused = f"from local_field_names where (feed, resource, field) not in ({used})"
    if scalar(con, f"select count(*) {unused}"):
        con.execute(f"delete {unused}")
        counters.changed(con)
