"""The acts behind the posted routes: each takes the market and a JSON object, gives one back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from mls_assets.sandbox.access import Access
from mls_assets.sandbox.control.verbs import (
    ControlError,
    Target,
    concerned,
    feeds,
    forge_records,
    number,
    target,
)
from mls_assets.sandbox.faults import Faults
from mls_assets.sandbox.market.market import SPARK_FEED, Market

Body = Mapping[str, Any]


def _target(market: Market, body: Body) -> Target:
    return target(market, body.get("feed", SPARK_FEED), body.get("resource", "Property"))


def _done(keys: Any) -> dict[str, Any]:
    return {"count": len(keys), "keys": keys}


def _fields(body: Body) -> Mapping[str, Any] | None:
    fields = body.get("set")
    if fields is not None and not isinstance(fields, dict):
        raise ControlError('"set" has to be an object of fields and values.')
    return fields


def change(market: Market, body: Body) -> Any:
    """Changes what records say."""
    about = _target(market, body)
    _fields(body)
    return _done(about.change(concerned("change", about, body), body))


def remove_records(market: Market, body: Body) -> Any:
    """Takes records away."""
    about = _target(market, body)
    return _done(about.remove(concerned("remove", about, body)))


def restore_records(market: Market, body: Body) -> Any:
    """Brings removed records back."""
    about = _target(market, body)
    return _done(about.restore(concerned("restore", about, body), body))


def relist(market: Market, body: Body) -> Any:
    """Gives houses new keys; `relisted` maps the old key to the new one."""
    about = _target(market, body)
    pairs = about.relist(concerned("relist", about, body))
    return {"count": len(pairs), "keys": list(pairs.values()), "relisted": pairs}


def add(market: Market, body: Body) -> Any:
    """Adds new records."""
    about = _target(market, body)
    return _done(about.add(number(body, "count"), _fields(body)))


def revoke(market: Market, access: Access, body: Body) -> Any:
    """A token (`token`: true for all of a surface), a whole MLS (`all`), or single records."""
    if "token" in body:
        return {"tokens": access.revoke(_surface(body), _token(body))}
    if body.get("all"):
        mls = _mls(market, body)
        if not body.get("tombstones"):
            mls.hidden = True
            return {"hidden": mls.key}
        counts = {kind: len(it.revoke(list(it.slots()))) for kind, it in mls.records.items()}
        return {"tombstones": counts}
    about = _target(market, body)
    return _done(about.revoke(concerned("revoke", about, body)))


def grant(market: Market, access: Access, body: Body) -> Any:
    """The opposite of `revoke`; a token that is not known yet becomes valid."""
    if "token" in body:
        surface, token = _surface(body), _token(body)
        if token is None or access.knows(token):
            return {"tokens": access.restore(surface, token)}
        access.grant(token, surface, body.get("role", "replication"), body.get("mlses"))
        return {"tokens": 1}
    if body.get("all"):
        mls = _mls(market, body)
        mls.hidden = False
        counts = {kind: len(it.grant(sorted(it.revoked))) for kind, it in mls.records.items()}
        return {"granted": counts}
    about = _target(market, body)
    return _done(about.grant(concerned("grant", about, body)))


def skip_events(market: Market, body: Body) -> Any:
    """Leaves a gap before the next event of a Forge feed."""
    records = forge_records(market, body.get("feed", ""), body.get("resource", "Property"))
    records.log.skip(number(body, "count"))
    return {"last_event": records.log.last_id}


def settings(market: Market, access: Access, body: Body) -> Any:
    """Changes what is given and answers with all settings."""
    unknown = body.keys() - {"delay_minutes", "rate_limit", "occurrences"}
    if unknown:
        raise ControlError(f"No setting {min(unknown)!r}.")
    if "delay_minutes" in body:
        minutes = body["delay_minutes"]
        if not isinstance(minutes, int | float) or minutes < 0:
            raise ControlError('"delay_minutes" has to be a number from 0.')
        market.delay.set(minutes)
    if "rate_limit" in body:
        limit = body["rate_limit"]
        if limit is not None and (not isinstance(limit, int) or limit < 1):
            raise ControlError('"rate_limit" has to be a whole number from 1, or null.')
        access.limit = limit
    if "occurrences" in body:
        if body["occurrences"] not in ("each", "once"):
            raise ControlError('"occurrences" has to be "each" or "once".')
        market.occurrences = body["occurrences"]
    return _settings(market, access)


def _settings(market: Market, access: Access) -> dict[str, Any]:
    return {
        "delay_minutes": market.delay.minutes,
        "rate_limit": access.limit,
        "occurrences": market.occurrences,
    }


def add_fault(faults: Faults, body: Body) -> Any:
    """Switches a fault on; ControlError for a name that does not exist."""
    try:
        return faults.add_from(body).as_dict()
    except (TypeError, ValueError) as problem:
        raise ControlError(f"That is no fault: {problem}") from problem


def clock(market: Market) -> dict[str, Any]:
    """What the sandbox clock shows."""
    now = market.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {"now": now, "frozen": market.clock.frozen}


def move_clock(market: Market, body: Body) -> Any:
    """Does what it is told in this order: reset, set, advance, freeze or run."""
    unknown = body.keys() - {"advance", "advance_minutes", "set", "freeze", "run", "reset"}
    if unknown:
        raise ControlError(f"The clock knows no {min(unknown)!r}.")
    if body.get("reset"):
        market.clock.reset()
    if "set" in body:
        market.clock.set(_moment(body["set"]))
    try:
        by = timedelta(seconds=body.get("advance", 0), minutes=body.get("advance_minutes", 0))
        market.clock.advance(by)
    except (TypeError, OverflowError) as problem:
        raise ControlError("The clock cannot be moved by that.") from problem
    if body.get("freeze"):
        market.clock.freeze()
    if body.get("run"):
        market.clock.run()
    return clock(market)


def _moment(text: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError) as problem:
        raise ControlError('"set" has to be a time such as 2026-12-24T18:00:00Z.') from problem
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def overview(market: Market, access: Access, faults: Faults) -> dict[str, Any]:
    """Everything at a glance: settings, counts, event ids, faults."""
    counts: dict[str, dict[str, int]] = {
        SPARK_FEED: {
            name: market.catalogue.count(name)
            for name in ("Property", "Member", "Office", "OpenHouse", "Lookup")
        }
    }
    events: dict[str, dict[str, int]] = {}
    for key, mls in market.forge.items():
        counts[f"forge/{key}"] = {kind: it.count() for kind, it in mls.records.items()}
        events[f"forge/{key}"] = {kind: it.log.last_id for kind, it in mls.records.items()}
    return {
        "seed": market.seed,
        "shape": market.shape,
        "clock": clock(market),
        "settings": _settings(market, access),
        "counts": counts,
        "last_events": events,
        "not_visible_yet": market.delay.waiting,
        "faults": [fault.as_dict() for fault in faults.active()],
        "feeds": feeds(market),
    }


def _mls(market: Market, body: Body) -> Any:
    feed = body.get("feed", "")
    forge_records(market, feed, "Property")
    return market.forge[feed.removeprefix("forge/")]


def _surface(body: Body) -> Literal["spark", "forge"]:
    surface = body.get("surface", "spark")
    if surface not in ("spark", "forge"):
        raise ControlError('"surface" has to be "spark" or "forge".')
    return surface


def _token(body: Body) -> str | None:
    token = body["token"]
    if token is True:
        return None
    if not isinstance(token, str):
        raise ControlError('"token" has to be true (all) or the token.')
    return token
