"""Asking Spark for the collections of listings, so far as `children` says that it is due.

What came is the caller's to land. A collection that was left out, or came cut, is noted with it:
nothing that the source did not say is a no, so what is stored of it stays.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from mls_assets.configuration.feeds import SparkFeed
from mls_assets.errors import AnswerBroken, CollectionCut, SourceRefused
from mls_assets.model.records import ChildSet, Page, UntoldCollection
from mls_assets.model.resources import Resource
from mls_assets.replication import open_houses
from mls_assets.replication.children import due
from mls_assets.replication.workspace import Workspace
from mls_assets.sources import (
    OPEN_HOUSES,
    RELATIONS,
    ExpandedAnswer,
    NotThere,
    QuestionRefused,
    SparkClient,
)
from mls_assets.warehouse import Walk
from mls_assets.warehouse.landing import child_sets, cursors, landing

#: Listings asked for in one question.
LISTING_BATCH_SIZE = 50
#: So many listings, spread over all, whose collection is left out when asked for by key too: then
#: it is the source's way, and the others are not asked for one by one.
ENOUGH_ASKED = 1_000
#: Cut collections that a run asks for again, and such as were left out.
MAX_CUT_PER_RUN, MAX_LEFT_OUT_PER_RUN = 500, 200
#: So many selected fields a message shows.
_SHOWN = 10


def with_children(
    workspace: Workspace,
    client: SparkClient,
    feed: SparkFeed,
    page: Page,
    *,
    updating: open_houses.Removing | None = None,
) -> Page:
    """Return the page with the child sets that its listings ask for (see `children.due`).

    `updating` asks for the open houses of changed listings too (guide, step 2); they come as a
    page along with this one.
    """
    page = without_unasked(feed, page)
    if page.resource is not Resource.PROPERTY or not page.records:
        return page
    wanted = _wanted(workspace, client, feed, page, updating=updating is not None)
    children, untold, told_houses = list(page.children), list(page.untold), {}
    for names, listing_keys in wanted.items():
        for told in _answers(client, feed, listing_keys, names):
            children += told.children
            untold += told.untold
            told_houses |= told.open_houses
    along: tuple[Page, ...] = ()
    if told_houses and updating is not None:
        along = open_houses.pages_of(workspace, client, feed, told_houses, updating)
    return replace(page, children=tuple(children), untold=tuple(untold), along=along)


def _wanted(
    workspace: Workspace, client: SparkClient, feed: SparkFeed, page: Page, *, updating: bool
) -> dict[tuple[str, ...], list[str]]:
    """The listings of a page by the collections that they ask for."""
    keys = [record.key for record in page.records]
    with workspace.warehouse.read() as con:
        before = landing.bodies(con, feed.name, page.resource, keys)
        stored = child_sets.stored_child_sets(con, feed.name, keys)
    houses = updating and Resource.OPEN_HOUSE in feed.resources and client.expands_open_houses
    came = {(child.listing_key, child.resource) for child in page.children}
    wanted: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for record in page.records:
        asked = due(
            before.get(record.key),
            record.body,
            stored=stored.get(record.key, frozenset()),
            dated=record.modified_at is not None,
            relations=feed.relations,
        )
        names = [
            name
            for name in feed.relations
            if name in asked and (record.key, RELATIONS[name]) not in came
        ]
        if houses and before.get(record.key) != record.body:
            names.append(OPEN_HOUSES)
        if names:
            wanted[tuple(names)].append(record.key)
    return wanted


def _answers(
    client: SparkClient, feed: SparkFeed, listing_keys: Sequence[str], names: Sequence[str]
) -> Iterator[ExpandedAnswer]:
    """Ask by key for collections; listings that were not answered are asked for once more, alone.

    An answer that repeats a record can be full before it came to the last one.
    """
    answer = fetch_collections(client, feed, listing_keys, names)
    yield answer
    silent = [key for key in listing_keys if key not in answer.answered]
    if silent and len(silent) < len(listing_keys):
        answer = fetch_collections(client, feed, silent, names)
        yield answer
    refuse_silence(client, feed.name, set(silent) - answer.answered)


def fetch_collections(
    client: SparkClient, feed: SparkFeed, listing_keys: Sequence[str], names: Sequence[str]
) -> ExpandedAnswer:
    """Ask by key for collections of listings.

    A source that refuses to tell of open houses is asked without; a refusal of others names the
    place where they can be taken out.
    """
    try:
        return client.children(listing_keys, tuple(names))
    except QuestionRefused as refusal:
        others = tuple(name for name in names if name != OPEN_HOUSES)
        if len(others) == len(names):
            raise refused_relations(feed, names, refusal) from None
        try:
            told = client.children(listing_keys, others) if others else ExpandedAnswer()
        except QuestionRefused as again:
            raise refused_relations(feed, others, again) from None
        client.expands_open_houses = False
        client.notes.append(
            f"{feed.name}: the source does not tell of the open houses of a listing ({refusal}) "
            "They come from their own set, and those that were called off go with the next purge."
        )
        return told


def or_what_to_correct(
    feed: SparkFeed, resource: Resource, pages: Iterator[Page]
) -> Iterator[Page]:
    """Yield the pages; where the source refuses them, the refusal names the setting to change.

    Where fields are selected, that is the selection: it is far likelier than an MLS that has no
    listings, and who leaves out the resource for it has none any more.
    """
    try:
        yield from pages
    except (NotThere, QuestionRefused) as refusal:
        section = feed.name.replace("/", ".", 1)
        if feed.select and resource is Resource.PROPERTY:
            shown = ", ".join(feed.select[:_SHOWN]) + (", ..." if feed.select[_SHOWN:] else "")
            remedy = (
                f"Nothing of that answer was stored. Correct `select` ({shown}) under [{section}] "
                "in the feeds file: the source has to know each field that it names."
            )
        else:
            remedy = (
                f"If the source has no {resource}, leave it out of `resources` under [{section}] "
                "in the feeds file."
            )
        raise SourceRefused(f"{refusal} {remedy}") from None


def refused_relations(
    feed: SparkFeed, names: Sequence[str], refusal: SourceRefused
) -> SourceRefused:
    """Return a refusal of collections in words that name the place to take them out."""
    section = feed.name.replace("/", ".", 1)
    return SourceRefused(
        f"{refusal} It was asked for {', '.join(names)} of listings. If the source has none of "
        f"one of these, leave it out of `relations` under [{section}] in the feeds file."
    )


def without_unasked(feed: SparkFeed, page: Page) -> Page:
    """Return the page without the child sets of relations that the feed does not ask for.

    Some servers send them along all the same.
    """
    asked = {RELATIONS[name] for name in feed.relations}
    kept = tuple(child for child in page.children if child.resource in asked)
    untold = tuple(one for one in page.untold if one.resource in asked)
    return replace(page, children=kept, untold=untold)


def refuse_silence(client: SparkClient, feed: str, listing_keys: set[str]) -> None:
    """Raise AnswerBroken if listings that are there were not answered with their collections.

    Their old collections would else stay for good: nothing asks again before the next change.
    """
    present = (
        client.existing_keys(Resource.PROPERTY, sorted(listing_keys)) if listing_keys else set()
    )
    if present:
        raise AnswerBroken(
            f"{feed}: the source left {len(present):,} listings out of an answer about their "
            "media, rooms and units, although it has them. That answer was not stored; the next "
            "run asks again."
        )


def untold_after_walk(
    workspace: Workspace,
    client: SparkClient,
    feed: SparkFeed,
    walk: Walk,
    land: Callable[[Page], object],
) -> tuple[str, ...]:
    """Ask by key for what the walk over all listings left out; return what the user should know.

    What is left out again is noted as not told, so that a walk comes to its end however many
    they are.
    """
    notes = []
    for name in feed.relations:
        resource = RELATIONS[name]
        with workspace.warehouse.read() as con:
            silent = child_sets.listings_without(
                con,
                feed.name,
                resource,
                since_page=cursors.first_page_of(con, walk),
                since=walk.started_at,
            )
        told = asked = unasked = 0
        while asked < len(silent):
            if not told and asked >= ENOUGH_ASKED:
                rest = [UntoldCollection(key, resource) for key in silent[asked:]]
                land(_page(client, feed, untold=rest))
                unasked = len(rest)
                break
            batch = silent[asked : asked + LISTING_BATCH_SIZE]
            for answer in _answers(client, feed, batch, (name,)):
                land(_page(client, feed, answer.children, answer.untold))
                told += len(answer.children)
            asked += len(batch)
        with workspace.warehouse.read() as con:
            left_out = child_sets.count_untold(con, feed.name, resource)
            some = child_sets.is_told(con, feed.name, resource)
        if left_out:
            notes.append(_left_out(feed, name, left_out, unasked, some=some))
    return tuple(notes)


def _left_out(feed: SparkFeed, name: str, listings: int, unasked: int, *, some: bool) -> str:
    section = feed.name.replace("/", ".", 1)
    whose = f"{listings:,} listings" if some else "every listing"
    by_key = (
        f"; {listings - unasked:,} of them were asked for by key, and left out again"
        if unasked
        else ", also when asked by key"
    )
    return (
        f"{feed.name}: the source leaves {name} of {whose} out of its answers{by_key}. That does "
        "not say that there is none, so what is stored of it stays, and it is "
        f"asked for when a listing changes. If the MLS has no {name}, leave it out of `relations` "
        f"under [{section}] in the feeds file."
    )


def complete_untold(workspace: Workspace, client: SparkClient, feed: SparkFeed) -> None:
    """Ask again for collections that did not come whole; raises CollectionCut while some are cut.

    Such as were left out are asked for where something older is stored, a bounded number a run;
    what stays left out is noted for the user.
    """
    asked = {RELATIONS[name] for name in feed.relations}
    with workspace.warehouse.read() as con:
        cut = child_sets.cut(con, feed.name, asked, MAX_CUT_PER_RUN)
        left_out = child_sets.left_out_sets(con, feed.name, asked, MAX_LEFT_OUT_PER_RUN)
    silent = _ask_again(workspace, client, feed, left_out)
    if silent:
        listings = len({one.listing_key for one in silent})
        kinds = ", ".join(sorted({one.resource for one in silent}))
        client.notes.append(
            f"{feed.name}: asked again for {kinds} of {listings:,} listing(s), such as of "
            f"{silent[0].listing_key}, the source leaves them out of its answers. What is stored "
            "of them stays and may be old; each run asks again."
        )
    still = _ask_again(workspace, client, feed, cut)
    if still:
        listings = len({one.listing_key for one in still})
        kinds = ", ".join(sorted({one.resource for one in still}))
        raise CollectionCut(
            f"{feed.name}: the source says that there are more {kinds} of {listings:,} listing(s) "
            f"than it sent, such as of {still[0].listing_key}, and the rest could not be had. All "
            "else landed; what is stored of these collections stays as it is. Each run asks "
            "again; if it stays so, tell the source."
        )


def _ask_again(
    workspace: Workspace,
    client: SparkClient,
    feed: SparkFeed,
    collections: Sequence[tuple[str, Resource]],
) -> list[UntoldCollection]:
    """Ask by key for collections and store what comes; return what still does not come whole."""
    wanted: defaultdict[str, list[str]] = defaultdict(list)
    for listing_key, resource in collections:
        name = next((each for each in feed.relations if RELATIONS[each] is resource), None)
        if name:
            wanted[name].append(listing_key)
    still: list[UntoldCollection] = []
    for name, listing_keys in wanted.items():
        for batch in _batches(listing_keys):
            answer = fetch_collections(client, feed, batch, (name,))
            page = _page(client, feed, answer.children, answer.untold)
            with workspace.warehouse.write() as con:
                landing.land_page(con, page, walk=None, run_id=workspace.run_id)
            still += answer.untold
    return still


def _batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (
        keys[start : start + LISTING_BATCH_SIZE]
        for start in range(0, len(keys), LISTING_BATCH_SIZE)
    )


def _page(
    client: SparkClient,
    feed: SparkFeed,
    children: Sequence[ChildSet] = (),
    untold: Sequence[UntoldCollection] = (),
) -> Page:
    """A page that carries collections only, asked for by key."""
    return Page(
        feed.name,
        Resource.PROPERTY,
        client.clock or datetime.now(UTC),
        children=tuple(children),
        untold=tuple(untold),
    )
