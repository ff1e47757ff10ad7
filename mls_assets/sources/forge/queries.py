"""What a Forge server is asked: kinds of records, their shapes, and queries as text.

Pure. Published are `mlses`, `mls(key).listings(last_event_id, filter)` and the fields of one
example; everything else is found by introspection (`schema`), or assumed and named as an
assumption:

- agents come from a query field `agents` of an MLS (or `members`), with the arguments and the
  envelope of `listings`, and are keyed by `MemberKey`;
- where introspection is refused, the fields of the guide's example are asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mls_assets.model.declarations import Selection
from mls_assets.model.resources import KEY_FIELDS, Resource

DELETED = "DELETED"

#: The fields that the vendor's guide shows; asked for where introspection is refused.
DEFAULT_LISTING_FIELDS = (
    DELETED,
    "ListingId",
    "ListingKey",
    "UnparsedAddress",
    "City",
    "StateOrProvince",
    "PostalCode",
    "StandardStatus",
    "ListDate",
    "ListPrice",
    "CloseDate",
    "BedroomsTotal",
    "BathroomsTotalInteger",
    "Remarks",
    "Latitude",
    "Longitude",
    "Photos",
    "ForgeFeatures { name value }",
)

#: Assumed where introspection is refused: dictionary names that any agent record should have.
AGENT_FIELDS = (DELETED, "MemberKey", "MemberMlsId", "MemberFullName", "ModificationTimestamp")

#: The kinds of records Forge replicates: their RESO resource and the query fields they may have.
RECORD_KINDS: Mapping[str, tuple[Resource, tuple[str, ...]]] = {
    "listings": (Resource.PROPERTY, ("listings",)),
    "agents": (Resource.MEMBER, ("agents", "members")),
}


@dataclass(frozen=True, slots=True)
class Mls:
    """One MLS that the token has access to."""

    key: str
    name: str
    address: str | None
    states: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MlsList:
    """The MLSs that a token has access to; `odd` says what is wrong with entries that are none."""

    mlses: tuple[Mls, ...]
    odd: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ForgeShape:
    """How one kind of record is asked for.

    `query` is the field of an MLS, `fields` the selection (nested objects with their own),
    `filter_type` the GraphQL type of its `filter` argument, None if it has none. `introspected`
    says whether the server told this or it is assumed.
    """

    kind: str
    resource: Resource
    query: str
    fields: tuple[str, ...]
    filter_type: str | None = "[DataDictionaryFilterType]"
    key_type: str = "String!"
    event_type: str = "Int!"
    introspected: bool = False

    @classmethod
    def of(cls, kind: str, asked: Selection) -> "ForgeShape":
        """The shape that asks for this once more."""
        return cls(
            kind,
            RECORD_KINDS[kind][0],
            asked.query,
            asked.fields,
            asked.filter_type,
            asked.key_type,
            asked.event_type,
            asked.introspected,
        )

    @property
    def asked(self) -> Selection:
        """What is asked for; `DELETED` and the key are always among the fields."""
        return Selection(
            self.query,
            tuple(dict.fromkeys((DELETED, self.key_field, *self.fields))),
            self.filter_type,
            self.key_type,
            self.event_type,
            self.introspected,
        )

    @property
    def key_field(self) -> str:
        """The RESO key of these records."""
        return KEY_FIELDS[self.resource]

    @property
    def selection(self) -> str:
        """The fields as GraphQL text."""
        return " ".join(self.asked.fields)

    def page_query(self, *, filtered: bool) -> str:
        """The query for one page, like the guide's; variables mls_key, latest_event, filter."""
        variable = f" $filter: {self.filter_type}" if filtered else ""
        argument = " filter: $filter" if filtered else ""
        return (
            f"query Replicate($mls_key: {self.key_type} $latest_event: {self.event_type}{variable})"
            " { mls(key: $mls_key) {"
            f" {self.query}(last_event_id: $latest_event{argument})"
            f" {{ latest_event remaining results {{ {self.selection} }} }} }} }}"
        )

    def positions_query(self, number: int) -> str:
        """The query for the positions of several MLSs: aliases m0.., variables k0.., e0.."""
        declared = " ".join(
            f"$k{n}: {self.key_type} $e{n}: {self.event_type}" for n in range(number)
        )
        asked = " ".join(
            f"m{n}: mls(key: $k{n}) {{ {self.query}(last_event_id: $e{n})"
            " { latest_event remaining } }"
            for n in range(number)
        )
        return f"query Positions({declared}) {{ {asked} }}"


MLSES_QUERY = "query GetMLSList { mlses { key name address state } }"


def assumed_shape(kind: str, query: str, fields: Sequence[str]) -> ForgeShape:
    """The shape to ask with where the server tells nothing of its schema."""
    return ForgeShape(kind, RECORD_KINDS[kind][0], query, tuple(fields))
