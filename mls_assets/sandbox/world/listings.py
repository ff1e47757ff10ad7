"""The houses for sale: what differs from listing to listing, under RESO names.

The static part of a record (null padding, hidden fields, local options) belongs in
`prototypes.py`; how a source shows a listing belongs to that source.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from mls_assets.sandbox.world.dice import Dice, mix, salt
from mls_assets.sandbox.world.keys import DAY, SECOND, KeySpace, date, key_at, stamp
from mls_assets.sandbox.world.kinds import (
    CURRENT_LADDER,
    KIND_LADDER,
    LOCAL_TYPE,
    PROPERTY_KINDS,
    SETTLED_LADDER,
    UNDER_CONTRACT,
    PropertyKind,
)
from mls_assets.sandbox.world.people import People
from mls_assets.sandbox.world.words import (
    DIRECTIONS,
    ESTATES,
    STREETS,
    SUFFIXES,
    Place,
    listing_remarks,
)


class Listings:
    """The listings of one feed as pure functions of the seed and an index."""

    def __init__(
        self,
        seed: int,
        feed: str,
        space: KeySpace,
        people: People,
        places: tuple[Place, ...],
        end: int,
    ) -> None:
        self.space = space
        self.people = people
        self.system = feed.partition("/")[2].upper()
        self._places = places
        self._end = end
        self._kind_salt = salt(seed, f"{feed}/kind")
        self._status_salt = salt(seed, f"{feed}/status")
        self._time_salt = salt(seed, f"{feed}/time")
        self._house_salt = salt(seed, f"{feed}/house")
        self._agent_salt = salt(seed, f"{feed}/agent")
        self.listed_by = lru_cache(maxsize=4096)(self._listed_by)

    def kind(self, index: int) -> str:
        """The name of the sort of property, a key of `KINDS`."""
        return KIND_LADDER[mix(self._kind_salt, index) % len(KIND_LADDER)]

    def status(self, index: int) -> str:
        """The StandardStatus before the sandbox began; anything added later starts as Active."""
        if index >= self.space.size:
            return "Active"
        ladder = SETTLED_LADDER if index < self.space.size * 35 // 100 else CURRENT_LADDER
        return ladder[mix(self._status_salt, index) % len(ladder)]

    def listing_id(self, index: int) -> str:
        """The human number."""
        return f"R{10_000_000 + index * 7 + mix(self._time_salt, index) % 7}"

    def modified(self, index: int, created: int) -> int:
        """Microseconds of the last change before the sandbox began.

        One in fifty was last touched by the same bulk correction, so that many share a second.
        """
        draw = mix(self._time_salt, index)
        bulk = self._end - 17 * DAY
        if draw % 50 == 0 and created < bulk:
            return bulk
        room = min(self._end - created, 400 * DAY)
        return created + (draw >> 8) % max(room, 1)

    def photo_count(self, index: int) -> int:
        """1 to 79 photos, 36 on average; a parcel has few."""
        draw = mix(self._house_salt, index)
        if self.kind(index) == "land":
            return 1 + draw % 9
        return 1 + draw % 40 + (draw >> 16) % 40

    def extras(self, index: int) -> dict[str, int]:
        """How many media of the other categories a listing has."""
        draw = mix(self._house_salt, index) >> 32
        return {
            "Unbranded Virtual Tour": 1 if draw % 10 < 9 else 2,
            "Document": (0, 0, 0, 1, 3)[(draw >> 4) % 5],
            "Video": 1 if (draw >> 8) % 8 == 0 else 0,
            "Floor Plan": 2 if (draw >> 12) % 25 == 0 else 0,
        }

    def fields(self, index: int, key: str, created: int) -> dict[str, Any]:
        """The listing's own fields, always the same set of names, as the world first knew it."""
        kind = PROPERTY_KINDS[self.kind(index)]
        return {
            **self._identity(index, key, kind),
            **self._building(index, kind),
            **self._address(index, kind),
            **self._course(index, kind, created),
            **self.listed_by(self.agent_index(index)),
        }

    def _identity(self, index: int, key: str, kind: PropertyKind) -> dict[str, Any]:
        dice = Dice(self._house_salt, ~index)
        local = kind.sub_type == "Unimproved Land" and dice.chance(12.5)
        return {
            "ListingKey": key,
            "ListingId": self.listing_id(index),
            "OriginatingSystemKey": key_at(self.space.created(index) - 2 * DAY),
            "OriginatingSystemName": self.system,
            "SourceSystemKey": key,
            "SourceSystemName": self.system,
            "PropertyType": LOCAL_TYPE if local else kind.property_type,
            "PropertySubType": kind.sub_type,
        }

    def _building(self, index: int, kind: PropertyKind) -> dict[str, Any]:
        dice = Dice(self._house_salt, index)
        beds = dice.between(*kind.beds) if kind.beds else None
        full = max(1, (beds or 0) - dice.below(2)) if kind.area else None
        half = dice.below(2) if full else None
        area = float(dice.between(*kind.area)) if kind.area else None
        acres = 0.0 if kind.unit_share == 100 else dice.between(8, 600) / 100
        photos = self.photo_count(index)
        extras = self.extras(index)
        unit = f"{dice.between(1, 999):03}" if dice.chance(kind.unit_share) else None
        return {
            "BedroomsTotal": beds,
            "BathroomsFull": full,
            "BathroomsHalf": half,
            "BathroomsTotalInteger": None if full is None else full + (half or 0),
            "BathroomsTotalDecimal": None if full is None else full + (half or 0) / 2,
            "LivingArea": area,
            "BuildingAreaTotal": None if area is None else round(area * 1.15, 1),
            "LotSizeAcres": acres,
            "LotSizeArea": acres,
            "LotSizeSquareFeet": round(acres * 43_560, 2) if acres else None,
            "NumberOfUnitsTotal": self.unit_count(index) or None,
            "YearBuilt": dice.between(1905, 2025) if kind.area else None,
            "ParcelNumber": f"{dice.below(10**17):017}",
            "UnitNumber": unit,
            "TaxYear": dice.between(2022, 2025),
            "TaxAnnualAmount": dice.between(30_000, 2_400_000) / 100,
            "TaxLegalDescription": f"LOT {dice.between(1, 90)} BLK {dice.between(1, 40)} PB 12/7",
            "PublicRemarks": listing_remarks(dice.below(997), kind.noun, beds),
            "Directions": None
            if dice.chance(20)
            else f"Exit {dice.below(90)}, then the second left",
            "PhotosCount": photos,
            "DocumentsCount": extras["Document"],
            "VideosCount": extras["Video"],
            "VirtualTourURLUnbranded": f"https://tours.example.com/{index}",
        }

    def unit_count(self, index: int) -> int:
        """Rows of the navigation Unit: none but for multi-family."""
        units = PROPERTY_KINDS[self.kind(index)].units
        return Dice(self._kind_salt, index).between(*units) if units else 0

    def _address(self, index: int, kind: PropertyKind) -> dict[str, Any]:
        dice = Dice(self._house_salt ^ 2, index)
        place = dice.pick(self._places)
        number = dice.between(1, 19_999)
        direction = dice.pick(DIRECTIONS) if dice.chance(44) else None
        street = dice.pick(STREETS)
        suffix = dice.pick(SUFFIXES) if dice.chance(86) else None
        line = " ".join(part for part in (str(number), direction, street, suffix) if part)
        nowhere = dice.chance(2)
        return {
            "StreetNumber": f"{number:04}" if dice.chance(3) else str(number),
            "StreetNumberNumeric": number,
            "StreetDirPrefix": direction,
            "StreetName": street,
            "StreetSuffix": suffix,
            "UnparsedAddress": f"{line}, {place.city}, {place.state} {place.postal}",
            "City": None if nowhere else place.city,
            "StateOrProvince": None if nowhere else place.state,
            "PostalCode": None if nowhere else place.postal,
            "CountyOrParish": place.county,
            "SubdivisionName": dice.pick(ESTATES),
            "MLSAreaMajor": f"{4000 + dice.below(900)}",
            "MLSAreaMinor": f"{place.county[:2].upper()}{dice.below(20):02}",
            "Latitude": None if nowhere else round(place.latitude + dice.below(9000) / 1e5, 6),
            "Longitude": None if nowhere else round(place.longitude - dice.below(9000) / 1e5, 6),
        }

    def _course(self, index: int, kind: PropertyKind, created: int) -> dict[str, Any]:
        dice = Dice(self._time_salt, index)
        added = index >= self.space.size
        modified = created if added else self.modified(index, created)
        status = self.status(index)
        listed = created - dice.below(20) * DAY
        turned = listed + (modified - listed) * dice.between(50, 100) // 100
        low, high = kind.price
        original = float(dice.between(low, high) * 1000 - dice.pick((0, 1, 100, 500)))
        reduced = status != "Coming Soon" and dice.chance(45)
        price = round(original * dice.between(85, 99) / 100, 2) if reduced else original
        closed = status == "Closed"
        contract = closed or status in UNDER_CONTRACT
        photos_changed = created + (modified - created) * dice.between(0, 100) // 100
        extras = self.extras(index)
        return {
            "StandardStatus": status,
            "MlsStatus": "Under Contract" if status in UNDER_CONTRACT else status,
            "ListPrice": None if dice.chance(0.5) else price,
            "OriginalListPrice": original,
            "PreviousListPrice": original if reduced else None,
            "ClosePrice": round(price * dice.between(90, 103) / 100) * 1.0 if closed else None,
            "CloseDate": date(turned) if closed else None,
            "ListingContractDate": date(listed),
            "OnMarketDate": date(listed),
            "OffMarketDate": None if status in ("Active", "Coming Soon") else date(turned),
            "PurchaseContractDate": date(turned - 9 * DAY) if contract else None,
            "ContractStatusChangeDate": date(turned),
            "Contingency": "Pending" if status in UNDER_CONTRACT else None,
            "DaysOnMarket": max(0, (min(turned, self._end) - listed) // DAY),
            "OriginalEntryTimestamp": stamp(created),
            "ModificationTimestamp": stamp(modified),
            "StatusChangeTimestamp": stamp(turned),
            "MajorChangeTimestamp": stamp(turned),
            "MajorChangeType": "Price Reduced" if reduced else "New Listing",
            "PriceChangeTimestamp": stamp(turned) if reduced else None,
            "PhotosChangeTimestamp": stamp(photos_changed),
            "DocumentsChangeTimestamp": stamp(created + SECOND) if extras["Document"] else None,
            "FloorPlansChangeTimestamp": stamp(created + SECOND) if extras["Floor Plan"] else None,
        }

    def _listed_by(self, agent_index: int) -> Mapping[str, Any]:
        """What every listing of an agent embeds about agent and office (and never updates)."""
        agent = self.people.agent(agent_index)
        firm = self.people.firm(agent.office)
        return {
            "ListAgentKey": agent.key,
            "ListAgentMlsId": agent.mls_id,
            "ListAgentFirstName": agent.first,
            "ListAgentMiddleName": agent.middle,
            "ListAgentLastName": agent.last,
            "ListAgentFullName": f"{agent.first} {agent.last}",
            "ListAgentEmail": agent.email,
            "ListAgentOfficePhone": agent.office_phone,
            "ListAgentMobilePhone": agent.mobile,
            "ListAgentPreferredPhone": agent.mobile,
            "ListAgentStateLicense": agent.license,
            "ListAgentURL": agent.url,
            "ListOfficeKey": firm.key,
            "ListOfficeMlsId": firm.mls_id,
            "ListOfficeName": firm.name,
            "ListOfficeEmail": firm.email,
            "ListOfficePhone": firm.phone,
            "ListOfficeFax": firm.fax,
            "ListOfficeURL": firm.url,
        }

    def agent_index(self, index: int) -> int:
        """Which member lists a listing."""
        return mix(self._agent_salt, index) % self.people.members.size

    def buyer(self, index: int) -> dict[str, Any]:
        """Who bought: only of a closed listing, the rest is nobody's to see."""
        agent = self.people.agent(self.agent_index(index + 1))
        firm = self.people.firm(agent.office)
        return {
            "BuyerAgentKey": agent.key,
            "BuyerAgentMlsId": agent.mls_id,
            "BuyerOfficeMlsId": firm.mls_id,
        }
