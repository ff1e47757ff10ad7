"""What is stored and no longer asked for, and which line of the configuration asks for a feed.

Decisions and words; what is erased stands in `erase`.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mls_assets.configuration.feeds import Feeds, ForgeAccess, SparkFeed, mls_of_feed
from mls_assets.model.feed_names import FeedName
from mls_assets.model.resources import CHILD_RESOURCES, Resource
from mls_assets.replication.workspace import Workspace
from mls_assets.sources import RELATIONS
from mls_assets.sources.registry import known_source
from mls_assets.warehouse import Connection
from mls_assets.warehouse.landing import cursors, origins, vanishing
from mls_assets.warehouse.removals import unasked


@dataclass(frozen=True, slots=True)
class UnconfiguredResource:
    """A stored feed (or some resources of it) that is not asked for any more.

    `whole` says that no resource of the feed is asked for, `why` what has happened, `remedy`
    what to do.
    """

    feed: str
    resources: tuple[Resource, ...]
    whole: bool
    why: str
    remedy: str

    def __str__(self) -> str:
        """Say what is stored, why nobody looks after it, and the way out."""
        what = self.feed if self.whole else f"{self.feed} {', '.join(self.resources)}"
        return f"{what}: stored, but {self.why}, so nobody updates or purges it. {self.remedy}"


def is_asked(
    feeds: Feeds, vanished: Collection[str], feed: str, resource: Resource | None = None
) -> bool:
    """Tell whether a feed is asked for: also that its MLS has not vanished, unless named."""
    named = feeds.forge is not None and mls_of_feed(feed) in feeds.forge.mlses
    return feeds.asks_for(feed, resource) and (feed not in vanished or named)


def unasked_of(
    feeds: Feeds, stored: Iterable[tuple[str, Resource]], vanished: Mapping[str, datetime]
) -> list[UnconfiguredResource]:
    """Return what of the stored resources is not asked for (`is_asked`), feed by feed.

    An MLS that has vanished although it is configured by name is told too: its runs fail.
    """
    by_feed: dict[str, list[Resource]] = {}
    for feed, resource in sorted(stored):
        if feed in vanished or not feeds.asks_for(feed, resource):
            by_feed.setdefault(feed, []).append(resource)
    found = []
    for feed, resources in by_feed.items():
        whole = feed in vanished or not feeds.asks_for(feed)
        why, remedy = "not configured any more", _erasing(feed, resources, whole)
        if feeds.asks_for(feed) and whole:
            why = f"Forge does not know it any more (since {vanished[feed]:%Y-%m-%d %H:%M} UTC)"
            first = ""
            if not is_asked(feeds, vanished, feed):
                other = "if access is to go on, ask Forge for it"
            else:
                first = f"{line_to_remove(feeds, feed)}, then "
                other = "ask Forge for access again"
            remedy = f"If the licence has ended, {first}{remedy} ends it; else {other}"
        else:
            remedy += f" ends it; or {_asking_again(feeds, feed, whole)}"
        found.append(UnconfiguredResource(feed, tuple(resources), whole, why, remedy))
    return found


def _erasing(feed: str, resources: Sequence[Resource], whole: bool) -> str:
    if whole:
        return f"`mls-assets erase {feed} --yes`"
    verbs = (f"`mls-assets erase {feed} --resource {resource} --yes`" for resource in resources)
    return " and ".join(verbs)


def _asking_again(feeds: Feeds, feed: str, whole: bool) -> str:
    name, source, where = FeedName.of(feed), known_source(feed), feeds.file or "the variables"
    if not whole:
        return f"name it in `resources` of {_table(feed)} in {where} again"
    is_log = source is not None and source.has_event_log
    off = is_log and all(access.source is not source for access in feeds.accesses)
    if source is not None and not feeds.file and (off or name.own == source.default_feed):
        return f"set {' and '.join(source.variables)} again"
    if is_log:
        return f"let {_table(feed)} in {where} ask for {name.own} again"
    return f"put {_table(feed)} back into {feeds.file or 'the file MLS_ASSETS_FEEDS names'}"


def stored_unasked(workspace: Workspace, feeds: Feeds, feed: str) -> str:
    """Say that a feed is stored, since when nobody asks for it, and the ways out; else ""."""
    if not workspace.warehouse.exists():
        return ""
    with workspace.warehouse.read() as con:
        stored = unasked.holding(con)
        found = unasked_of(feeds, [each for each in stored if each[0] == feed], {})
        noted = [
            since for (name, _), since in unasked.unconfigured_since(con).items() if name == feed
        ]
        polled = [each.last_success_at for each in cursors.states(con) if each.feed == feed]
    if not found:
        return ""
    if noted:
        when = f"That is so since {min(noted):%Y-%m-%d %H:%M} UTC"
    else:
        known = [each for each in polled if each is not None]
        last = f"{max(known):%Y-%m-%d %H:%M} UTC" if known else "never"
        when = f"Its last success was: {last}"
    return f"{found[0]}. {when}."


def mark_unconfigured_resources(workspace: Workspace, feeds: Feeds) -> None:
    """Let readers see what is stored and not asked for (the `state` in `feeds`)."""
    with workspace.warehouse.read() as con:
        stored = {(state.feed, state.resource) for state in cursors.states(con)}
        vanished = vanishing.vanished_feeds(con)
        gone = {pair for pair in stored if not is_asked(feeds, vanished, *pair)}
        if gone == set(unasked.unconfigured_since(con)):
            return
    with workspace.warehouse.write() as con:
        unasked.mark_unconfigured(con, gone, datetime.now(UTC))


def children_unasked(con: Connection, feeds: Feeds) -> list[str]:
    """Say which relations are stored that a configured Spark feed does not ask for any more."""
    held = unasked.children_held(con)
    return [
        f"{feed.name} {', '.join(left)}: stored, but not in `relations` any more; it leaves when "
        f"the next `mls-assets replicate {feed.name}` ends"
        for feed in feeds.spark.values()
        if Resource.PROPERTY in feed.resources
        and (
            left := [
                child
                for child in CHILD_RESOURCES
                if (feed.name, child) in held and child not in children_of(feed)
            ]
        )
    ]


def doubled(con: Connection, feeds: Feeds) -> list[str]:
    """Say which feeds hold listings of each other, with how many: one may be renamed."""
    told = []
    for name, feed in sorted(feeds.spark.items()):
        for other in origins.sharing(con, name):
            twin = feeds.spark.get(other)
            if twin and (twin.token_env != feed.token_env or other < name):
                continue  # two tokens may see the same listings; and a pair is told once
            count = unasked.shared_listings(con, name, other)
            if count:
                way = (
                    f"end the old name with `mls-assets erase {other} --yes`, or give {name} its "
                    "old name back"
                    if twin is None
                    else f"keep one of the two in {feeds.file}, and erase the other"
                )
                told.append(
                    f"{name} and {other}: {count:,} listings are here twice, for both were filled "
                    f"from the same address. If it is one feed, {way}"
                )
    return told


def children_of(feed: SparkFeed) -> set[Resource]:
    """Return the child resources that a feed asks for."""
    return {RELATIONS[name] for name in feed.relations}


def line_to_remove(feeds: Feeds, feed: str, resource: Resource | None = None) -> str:
    """Say how to stop asking for a configured feed (or a resource of it), in one clause."""
    access = feeds.access_of(feed)
    if access is None:
        raise ValueError(f"{feed} is not configured")
    kept = [each for each in access.resources if each != resource]
    if resource is not None and kept:
        change = f"resources = {json.dumps(kept)}"
        of_all = " (for every MLS)" if isinstance(access, ForgeAccess) else ""
        if feeds.file:
            return f"set {change} in {_table(feed)} of {feeds.file}{of_all}"
        return _by_file(feeds, access, change) + of_all
    if isinstance(access, SparkFeed):
        if feeds.file:
            return f"take the table {_table(feed)} out of {feeds.file}"
        return f"unset {access.token_env}"
    mls, table = mls_of_feed(feed), _table(feed)
    if access.mlses:
        if len(access.mlses) == 1:
            return f"take the table {table} out of {feeds.file}"
        return f"take {json.dumps(mls)} out of `mlses` in {table} of {feeds.file}"
    change = f"exclude = {json.dumps([*access.exclude, mls])}"
    if feeds.file:
        return f"set {change} in {table} of {feeds.file}"
    return _by_file(feeds, access, change)


def _table(feed: str) -> str:
    """Return the table of the feeds file in which a feed is configured."""
    name, source = FeedName.of(feed), known_source(feed)
    if source is not None and source.has_event_log:
        return f"[{name.source}]"
    return f"[{name.source}.{json.dumps(name.own) if '.' in name.own else name.own}]"


def _by_file(feeds: Feeds, changed: SparkFeed | ForgeAccess, change: str) -> str:
    """Say which feeds file asks for all that the variables do, but for one change."""
    lines = []
    for access in feeds.accesses:
        is_log = isinstance(access, ForgeAccess)
        address = "url" if is_log else "base_url"
        name = access.source.name if is_log else access.name.replace("/", ".", 1)
        settings = f'token_env = "{access.token_env}", {address} = "{access.url}"'
        settings += f", {change}" if access is changed else ""
        lines.append(f"{name} = {{ {settings} }}")
    return (
        "the variables alone cannot say that: write a file with the line(s) "
        f"{' and '.join(f'`{line}`' for line in lines)}, and let MLS_ASSETS_FEEDS name it"
    )
