"""In which time zone a state lies, for states that lie in one alone. Facts only; pure."""

from collections.abc import Mapping
from types import MappingProxyType

_STATES = {
    "America/New_York": "CT DC DE GA MA MD ME NC NH NJ NY OH PA RI SC VA VT WV",
    "America/Chicago": "AL AR IA IL LA MN MO MS OK WI",
    "America/Denver": "CO MT NM UT WY",
    "America/Phoenix": "AZ",  # but for the Navajo Nation, an hour ahead in summer
    "America/Los_Angeles": "CA WA",
    "Pacific/Honolulu": "HI",
    "America/Puerto_Rico": "PR VI",
}

#: Time zone by StateOrProvince; states that are split between zones are not here.
ZONE_OF_STATE: Mapping[str, str] = MappingProxyType(
    {state: zone for zone, states in _STATES.items() for state in states.split()}
)
