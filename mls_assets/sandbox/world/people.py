"""Offices and members (agents): who they are, and their records on Spark."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from mls_assets.sandbox.world.dice import Dice, mix, salt
from mls_assets.sandbox.world.keys import DAY, KeySpace, stamp
from mls_assets.sandbox.world.words import FIRMS, FIRST, LAST, STREETS, SUFFIXES, Place, phone


class Agent(NamedTuple):
    """What listings embed about a member."""

    key: str
    mls_id: str
    first: str
    middle: str | None
    last: str
    email: str
    office_phone: str
    mobile: str
    license: str | None
    url: str | None
    office: int


class Firm(NamedTuple):
    """What listings and members embed about an office."""

    key: str
    mls_id: str
    name: str
    email: str | None
    phone: str
    fax: str | None
    url: str | None


class People:
    """The offices and members of one feed; both are pure functions of the seed and an index."""

    def __init__(
        self, seed: int, feed: str, members: KeySpace, offices: KeySpace, places: tuple[Place, ...]
    ) -> None:
        self.members = members
        self.offices = offices
        self._system = feed.partition("/")[2].upper()
        self._places = places
        self._member_salt = salt(seed, f"{feed}/member")
        self._office_salt = salt(seed, f"{feed}/office")
        self.agent = lru_cache(maxsize=4096)(self._agent)
        self.firm = lru_cache(maxsize=1024)(self._firm)

    def _firm(self, index: int) -> Firm:
        dice = Dice(self._office_salt, index)
        name = f"{dice.pick(FIRMS)} {dice.pick(('Realty', 'Homes', 'Properties, LLC'))}"
        slug = f"office{index}.example.com"
        return Firm(
            key=self.offices.key(index),
            mls_id=f"{1000 + index:06}",
            name=f"{name} {index}" if index % 3 else name,
            email=f"desk@{slug}" if dice.chance(90) else None,
            phone=phone(dice),
            fax=phone(dice) if dice.chance(58) else None,
            url=f"https://{slug}" if dice.chance(38) else None,
        )

    def _agent(self, index: int) -> Agent:
        dice = Dice(self._member_salt, index)
        return Agent(
            key=self.members.key(index),
            mls_id=f"{200_000 + index * 3:09}",
            first=dice.pick(FIRST),
            middle=dice.pick("ABCDEFGH") if dice.chance(56) else None,
            last=dice.pick(LAST),
            email=f"agent{index}@example.com",
            office_phone=phone(dice),
            mobile=phone(dice),
            license=f"SL{3_000_000 + index}" if dice.chance(94) else None,
            url=dice.pick((None, "", f"https://agent{index}.example.com")),
            office=dice.below(self.offices.size),
        )

    def modified(self, resource: str, index: int) -> int:
        """Microseconds of the last change before the sandbox began."""
        space = self.members if resource == "Member" else self.offices
        created = space.created(index)
        return created + mix(self._member_salt, ~index & 0xFFFFFFFF) % (200 * DAY)

    def member(self, index: int, key: str, created: int, modified: int) -> dict[str, Any]:
        """A Member record in the order of the dictionary; unused fields are null."""
        agent = self.agent(index)
        firm = self.firm(agent.office)
        dice = Dice(self._member_salt ^ 1, index)
        place = dice.pick(self._places)
        return {
            "MemberKey": key,
            "MemberMlsId": agent.mls_id,
            "MemberFirstName": agent.first,
            "MemberMiddleName": agent.middle,
            "MemberLastName": agent.last,
            "MemberNameSuffix": "Jr." if dice.chance(2) else None,
            "MemberNickname": None,
            "MemberFullName": f"{agent.first} {agent.last}",
            "MemberEmail": agent.email,
            "MemberPreferredPhone": agent.mobile,
            "MemberPreferredPhoneExt": None,
            "MemberOfficePhone": agent.office_phone,
            "MemberOfficePhoneExt": f"{dice.below(900):03}" if dice.chance(20) else None,
            "MemberMobilePhone": agent.mobile,
            "MemberFax": phone(dice) if dice.chance(8) else None,
            "MemberPager": None,
            "MemberTollFreePhone": None,
            "MemberStateLicense": agent.license,
            "MemberStatus": "Active" if dice.chance(93) else "Inactive",
            "MemberType": dice.weighted(
                {"MLS Participant": 15, "MLS Subscriber": 75, "Office Manager": 10}
            ),
            "MemberDesignation": ["GRI"] if dice.chance(15) else [],
            "MemberLanguages": ["English", "Spanish"] if dice.chance(30) else ["English"],
            "MemberAddress1": f"{dice.between(1, 999)} {dice.pick(STREETS)} {dice.pick(SUFFIXES)}",
            "MemberAddress2": "",
            "MemberCity": place.city,
            "MemberStateOrProvince": place.state,
            "MemberPostalCode": place.postal,
            "MemberBio": None,
            "MemberMlsAccessYN": True,
            "MlsStatusYN": True,
            "SystemAccessYN": dice.chance(95),
            "Visible": True,
            "OfficeKey": firm.key,
            "OfficeMlsId": firm.mls_id,
            "OfficeName": firm.name,
            "OriginatingSystemMemberKey": key,
            "OriginatingSystemName": self._system,
            "SourceSystemMemberKey": key,
            "SourceSystemName": self._system,
            "OriginalEntryTimestamp": stamp(created),
            "ModificationTimestamp": stamp(modified),
        }

    def office(self, index: int, key: str, created: int, modified: int) -> dict[str, Any]:
        """An Office record."""
        firm = self.firm(index)
        dice = Dice(self._office_salt ^ 1, index)
        place = dice.pick(self._places)
        main = index - index % 4
        return {
            "OfficeKey": key,
            "OfficeMlsId": firm.mls_id,
            "OfficeName": firm.name,
            "OfficeEmail": firm.email,
            "OfficePhone": firm.phone,
            "OfficePhoneExt": None,
            "OfficeFax": firm.fax,
            "OfficeStatus": "Active" if dice.chance(96) else "Inactive",
            "OfficeType": "MLS",
            "OfficeBrokerKey": self.members.key(dice.below(self.members.size)),
            "OfficeAddress1": f"{dice.between(1, 999)} {dice.pick(STREETS)} {dice.pick(SUFFIXES)}",
            "OfficeAddress2": None,
            "OfficeCity": place.city,
            "OfficeStateOrProvince": place.state,
            "OfficePostalCode": place.postal,
            "MainOfficeKey": self.offices.key(main),
            "MainOfficeMlsId": self.firm(main).mls_id,
            "IDXOfficeParticipationYN": dice.chance(92),
            "OfficeMlsAccessYN": True,
            "MlsStatusYN": True,
            "SystemAccessYN": True,
            "Visible": True,
            "OriginatingSystemOfficeKey": key,
            "OriginatingSystemName": self._system,
            "SourceSystemOfficeKey": key,
            "SourceSystemName": self._system,
            "OriginalEntryTimestamp": stamp(created),
            "ModificationTimestamp": stamp(modified),
        }
