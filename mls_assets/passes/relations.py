"""Asking Spark for the child collections of listings, so far as `children` says that it is due."""

from collections import defaultdict
from dataclasses import replace

from mls_assets.errors import AnswerBroken
from mls_assets.feeds import SparkFeed
from mls_assets.passes.children import due
from mls_assets.passes.site import Site
from mls_assets.sources import RELATIONS, SparkClient
from mls_assets.values import Page, Resource
from mls_assets.warehouse import child_sets, landing


def with_children(site: Site, client: SparkClient, feed: SparkFeed, page: Page) -> Page:
    """Return the page with the child sets that its listings ask for (see `children.due`)."""
    page = without_unasked(feed, page)
    if page.resource is not Resource.PROPERTY or not feed.relations or not page.records:
        return page
    keys = [record.key for record in page.records]
    with site.warehouse.read() as con:
        before = landing.bodies(con, feed.name, page.resource, keys)
        stored = child_sets.stored(con, feed.name, keys)
    wanted: defaultdict[frozenset[str], list[str]] = defaultdict(list)
    for record in page.records:
        relations = due(
            before.get(record.key),
            record.body,
            stored=stored.get(record.key, frozenset()),
            relations=feed.relations,
        )
        if relations:
            wanted[relations].append(record.key)
    children = list(page.children)
    for relations, listing_keys in wanted.items():
        ordered = tuple(name for name in feed.relations if name in relations)
        found, answered = client.children(listing_keys, ordered)
        refuse_silence(client, feed.name, set(listing_keys) - answered)
        children += found
    return replace(page, children=tuple(children))


def without_unasked(feed: SparkFeed, page: Page) -> Page:
    """Return the page without the child sets of relations that the feed does not ask for.

    Some servers send them along all the same.
    """
    asked = {RELATIONS[name] for name in feed.relations}
    kept = tuple(child for child in page.children if child.resource in asked)
    return page if len(kept) == len(page.children) else replace(page, children=kept)


def refuse_silence(client: SparkClient, feed: str, listing_keys: set[str]) -> None:
    """Raise AnswerBroken if listings that are there were not answered with their collections.

    Their old collections would else stay for good: nothing asks again before the next change.
    """
    present = client.answering(Resource.PROPERTY, sorted(listing_keys)) if listing_keys else set()
    if present:
        raise AnswerBroken(
            f"{feed}: the source left {len(present):,} listings out of an answer about their "
            "media, rooms and units, although it has them. Their page was not stored; the next "
            "run asks again."
        )
