"""One MLS on Forge as it stands: listings and agents by slot, made on demand, with their events.

Removed and no longer accessible records are tombstones. Times in microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from math import gcd
from typing import Any, Literal

from mls_assets.sandbox.market import changes
from mls_assets.sandbox.market.event_log import EventLog
from mls_assets.sandbox.market.spark_feed import World
from mls_assets.sandbox.world import schema
from mls_assets.sandbox.world.children import photo_url
from mls_assets.sandbox.world.dice import Dice, mix, salt
from mls_assets.sandbox.world.keys import key_at, micros_of, stamp
from mls_assets.sandbox.world.words import TOPICS, VALUES

ForgeKind = Literal["listings", "agents"]
FORGE_KEY_FIELDS: Mapping[str, str] = {"listings": "ListingKey", "agents": "MemberKey"}
FORGE_OWN = ("Remarks", "ListDate", "Photos", "ForgeFeatures")
"""Fields of a listing that the Data Dictionary does not have."""
_FIRST_KEY = {"listings": 1_100_000, "agents": 500_000}
_STRIDE = 3


class ForgeRecords:
    """The records of one kind in one MLS: base and overlay, and the log of what happened.

    patches: fields that differ. gone: removed slots. revoked: slots that one may not see any more.
    """

    def __init__(
        self,
        seed: int,
        feed: str,
        kind: ForgeKind,
        world: World,
        now: Callable[[], datetime],
        agent_key: Callable[[int], str] | None = None,
    ) -> None:
        self.kind: ForgeKind = kind
        self._agent_key = agent_key or self.key
        self.key_field = FORGE_KEY_FIELDS[kind]
        self._now = now
        self._world = world
        self._space = world.listings.space if kind == "listings" else world.people.members
        self.size = self._space.size
        self.log = EventLog(salt(seed, f"{feed}/{kind}/events"), self.size)
        self.patches: dict[int, dict[str, Any]] = {}
        self.gone: set[int] = set()
        self.revoked: set[int] = set()
        self._born: dict[int, int] = {}
        self._origins: dict[int, int] = {}
        self._modified: dict[int, int] = {}
        self._photos: dict[int, tuple[tuple[int, ...], int]] = {}
        self._kinds = schema.forge_fields(kind)
        self._rests: dict[tuple[str, int], Mapping[str, Any]] = {}
        self._key_salt = salt(seed, f"{feed}/{kind}/keys")
        self._change_salt = salt(seed, f"{feed}/{kind}/changes")
        self._number = 0

    # -- reading

    def key(self, slot: int) -> str:
        """Forge's keys are short numbers in text; they ascend with the slot."""
        return str(_FIRST_KEY[self.kind] + slot * _STRIDE + mix(self._key_salt, slot) % _STRIDE)

    def slot(self, key: str) -> int | None:
        """The slot of a key, None if there never was such a record."""
        if not (key.isascii() and key.isdigit()):
            return None
        slot = (int(key) - _FIRST_KEY[self.kind]) // _STRIDE
        known = 0 <= slot < self.size + len(self._born)
        return slot if known and self.key(slot) == key else None

    def is_deleted(self, slot: int) -> bool:
        """Whether it is a tombstone now."""
        return slot in self.gone or slot in self.revoked

    def count(self) -> int:
        """How many records one may see."""
        return self.size + len(self._born) - len(self.gone | self.revoked)

    def slots(self) -> Iterator[int]:
        """Accessible slots, ascending; so are their keys, as they have equally many digits."""
        total = self.size + len(self._born)
        return (slot for slot in range(total) if not self.is_deleted(slot))

    def fields(self, slot: int) -> dict[str, Any]:
        """What the record has under Data Dictionary names, in Forge's manner; absent means null."""
        index = self._origins.get(slot, slot)
        created = self._born.get(slot) or self._space.created(index)
        if self.kind == "agents":
            modified = self._modified.get(slot) or self._world.people.modified("Member", index)
            fields = self._world.people.member(index, self.key(slot), created, modified)
            return self._shown({**fields, **self.patches.get(slot, {})})
        return self._listing(slot, index, created)

    def _shown(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        kinds = self._kinds
        return {name: _forge(kinds.get(name), value) for name, value in fields.items()}

    def _rest(self, kind: str, variant: int, index: int) -> Mapping[str, Any]:
        """What listings of a kind and variant share, as far as Forge shows it."""
        place = (kind, variant)
        if place not in self._rests:
            shared = self._world.prototype(index, "v2").fields
            known = {name: value for name, value in shared.items() if name in self._kinds}
            self._rests[place] = self._shown(known)
        return self._rests[place]

    def _listing(self, slot: int, index: int, created: int) -> dict[str, Any]:
        listings = self._world.listings
        own = listings.fields(index, key_at(created), created)
        own["ListingKey"] = self.key(slot)
        if own["StandardStatus"] == "Closed":
            own |= listings.buyer(index)
        own["ListAgentKey"] = self._agent_key(listings.agent_index(index))
        if slot in self._modified:
            own["ModificationTimestamp"] = stamp(self._modified[slot])
        numbers = self._photo_numbers(slot)[0]
        own["PhotosCount"] = len(numbers)
        rest = self._rest(listings.kind(index), self._world.variant(index), index)
        patch = self.patches.get(slot, {})
        fields = {**rest, **self._shown({**own, **patch})}
        # Forge's own spellings stand where the dictionary's would, so those are null.
        fields["Remarks"] = fields.pop("PublicRemarks", None)
        listed = fields.pop("ListingContractDate", None)
        fields["ListDate"] = listed
        picture = key_at(created)
        fields["Photos"] = [photo_url(picture, number) for number in numbers]
        dice = Dice(self._key_salt, index)
        start = dice.below(len(TOPICS))
        fields["ForgeFeatures"] = [
            {"name": TOPICS[(start + n) % len(TOPICS)], "value": dice.pick(VALUES)}
            for n in range(dice.below(len(TOPICS)))
        ]
        return fields | {name: patch[name] for name in FORGE_OWN if name in patch}

    def _photo_numbers(self, slot: int) -> tuple[Sequence[int], int]:
        if slot in self._photos:
            return self._photos[slot]
        count = self._world.listings.photo_count(self._origins.get(slot, slot))
        return range(1, count + 1), count

    # -- changing; every verb appends events and returns the slots concerned

    def status(self, slot: int) -> str | None:
        """A listing's StandardStatus, cheaply."""
        known = self._world.listings.status(self._origins.get(slot, slot))
        return self.patches.get(slot, {}).get("StandardStatus", known)

    def choose(self, count: int, statuses: Collection[str] | None = None) -> list[int]:
        """`count` accessible slots (fewer if there are not so many), of these statuses if given.

        Which ones is decided by the seed and by how often it was asked.
        """
        self._number += 1
        draw = mix(self._change_salt, self._number)
        total = self.size + len(self._born)
        stride = 1 + mix(draw, 1) % max(total, 1)
        while gcd(stride, total) != 1:
            stride += 1
        chosen: list[int] = []
        for n in range(total):
            if len(chosen) >= count:
                break
            slot = (draw + n * stride) % total
            if not self.is_deleted(slot) and (not statuses or self.status(slot) in statuses):
                chosen.append(slot)
        return sorted(chosen)

    def change(
        self,
        slots: Sequence[int],
        what: str | None = "price",
        fields: Mapping[str, Any] | None = None,
        to: str | None = None,
    ) -> list[int]:
        """Changes accessible records; see `SparkChanges.change` for the arguments."""
        now = micros_of(self._now())
        concerned = [slot for slot in slots if not self.is_deleted(slot)]
        for slot in concerned:
            patch = {**self._patch(slot, what, to, now), **(fields or {})}
            if patch:
                self.patches[slot] = {**self.patches.get(slot, {}), **patch}
            self._touch(slot, now)
        return concerned

    def _patch(self, slot: int, what: str | None, to: str | None, now: int) -> dict[str, Any]:
        if self.kind == "agents" or what in (None, "touch"):
            return {}
        self._number += 1
        dice = Dice(self._change_salt, self._number)
        if what == "remarks":
            return changes.changed_remarks(dice)
        if what == "photos":
            numbers, highest = self._photo_numbers(slot)
            new = changes.changed_photos(numbers, highest, dice)
            self._photos[slot] = (new, max(highest, *new))
            return {"PhotosChangeTimestamp": stamp(now)}
        record = self.fields(slot)
        return (
            changes.price(record, dice, now)
            if what == "price"
            else changes.next_status(record, now, to)
        )

    def _touch(self, slot: int, now: int) -> None:
        self._modified[slot] = now
        self.log.append(slot)

    def _mark(self, slots: Sequence[int], marked: set[int], mark: bool) -> list[int]:
        concerned = [slot for slot in slots if (slot in marked) != mark]
        for slot in concerned:
            (marked.add if mark else marked.discard)(slot)
            self._touch(slot, micros_of(self._now()))
        return concerned

    def remove(self, slots: Sequence[int]) -> list[int]:
        """The records exist no more: tombstones."""
        return self._mark(slots, self.gone, True)

    def restore(self, slots: Sequence[int]) -> list[int]:
        """Removed records return."""
        return self._mark(slots, self.gone, False)

    def revoke(self, slots: Sequence[int]) -> list[int]:
        """Access to these records is lost: tombstones, though they exist elsewhere."""
        return self._mark(slots, self.revoked, True)

    def grant(self, slots: Sequence[int]) -> list[int]:
        """Access to revoked records is regained."""
        return self._mark(slots, self.revoked, False)

    def add(self, count: int, fields: Mapping[str, Any] | None = None) -> list[int]:
        """New records; returns their slots."""
        return [self._add(None, dict(fields or {})) for _ in range(count)]

    def relist(self, slots: Sequence[int]) -> dict[int, int]:
        """The same houses under new keys and numbers; the old listings are withdrawn."""
        now = micros_of(self._now())
        pairs = {}
        for old in self.change(slots, "status", to="Withdrawn"):
            number = self._world.listings.listing_id(self.size + len(self._born))
            origin = self._origins.get(old, old)
            pairs[old] = self._add(origin, changes.relisted(number, now))
        return pairs

    def _add(self, origin: int | None, patch: dict[str, Any]) -> int:
        now = micros_of(self._now())
        slot = self.size + len(self._born)
        self._born[slot] = now
        if origin is not None:
            self._origins[slot] = origin
        if patch:
            self.patches[slot] = patch
        self._touch(slot, now)
        return slot


class ForgeMls:
    """One MLS: who it is, its two kinds of records, and whether one may see it at all."""

    def __init__(
        self,
        seed: int,
        key: str,
        name: str,
        states: Sequence[str],
        size: int,
        now: Callable[[], datetime],
    ) -> None:
        self.key = key
        self.name = name
        self.address: str | None = None
        self.states = list(states)
        self.hidden = False
        world = World(seed, f"forge/{key}", size)
        agents = ForgeRecords(seed, f"forge/{key}", "agents", world, now)
        listings = ForgeRecords(seed, f"forge/{key}", "listings", world, now, agents.key)
        self.records: dict[ForgeKind, ForgeRecords] = {"listings": listings, "agents": agents}


def _forge(kind: str | None, value: Any) -> Any:
    """Forge's manner: times and dates without a zone, whole numbers without a fraction."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        if kind == "t":
            return value.removesuffix("Z")
        if kind == "d" and len(value) == 10:
            return f"{value}T00:00:00"
    return value
