"""Meridian, a vendor that does not exist, as a source: facts and a dialect, and nothing else.

Its answers have 7 records at most and go on by `$skip`. It calls the price of a listing
`AskingPrice`, names the MLS in none of its records, and marks its own fields with `mx_`.
"""

from functools import cache

from mls_assets.model.resources import Resource
from mls_assets.reso import Dialect, dictionary
from mls_assets.reso.filing import FieldMapping, FieldRole
from mls_assets.sources.source import KeySweep, Source, TimeWindow

_ASKING = "AskingPrice"


@cache
def _fields(resource: Resource) -> FieldMapping:
    columns = tuple(dictionary.fields_of(resource))
    own = (_ASKING,) if resource is Resource.PROPERTY else ()

    def role(name: str) -> FieldRole:
        if name.startswith("@"):
            return FieldRole.ENVELOPE
        return FieldRole.COLUMN if name in columns else FieldRole.LOCAL

    return FieldMapping(columns + own, role)


def _readable(name: str) -> str:
    return name.removeprefix("mx_").replace("_", " ").title()


MERIDIAN = Source(
    name="meridian",
    title="Meridian",
    guide="https://meridian.example/replication",
    changes=TimeWindow(overlap_minutes=5),
    evidence=KeySweep(),
    dialect=Dialect(
        filing=_fields,
        label=_readable,
        filled_from={Resource.PROPERTY: {"ListPrice": _ASKING}},
        feed_is_mls=True,
    ),
    resources={Resource.PROPERTY: "listing", Resource.OFFICE: "office"},
    inside_listings=(),
    page_size=7,
)
