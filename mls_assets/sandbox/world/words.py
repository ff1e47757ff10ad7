"""Invented people, places and prose, with the awkward characters that real feeds carry."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from mls_assets.sandbox.world.dice import Dice

FIRST = (
    "Ada",
    "Ben",
    "Carla",
    "Dmitri",
    "Elena",
    "Frank",
    "Grace",
    "Hugo",
    "Inés",
    "José",
    "Karin",
    "Liam",
    "Mei",
    "Noor",
    "Olga",
    "Pablo",
    "Quinn",
    "Rosa",
    "Søren",
    "Tara",
    "Uma",
    "Víctor",
    "Wendy",
    "Xavier",
    "Yusuf",
    "Zoë",
)
LAST = (
    "Abbott",
    "Baker",
    "Castillo",
    "D'Angelo",
    "Eriksen",
    "Fischer",
    "García",
    "Hughes",
    "Ivanova",
    "Jansen",
    "Kowalski",
    "Larsen",
    "Müller",
    "Nguyen",
    "O'Brien",
    "Park",
    "Quiroga",
    "Rossi",
    "Singh",
    "Tanaka",
    "Underwood",
    "Vargas",
    "Webb",
    "Xu",
    "Young",
    "Zhang",
)
FIRMS = ("Harbour", "Cornerstone", "Blue Heron", "Summit & Vale", "Keystone", "Café Row", "Lantern")
STREETS = (
    "Bobcat",
    "Quarry",
    "Larkspur",
    "Meridian",
    "Old Mill",
    "Peregrine",
    "Sycamore",
    "Windward",
    "Juniper",
    "Copper",
    "Orchard",
    "Foxglove",
    "Harbor",
    "Cañada",
    "St. Ives",
    "Kestrel",
    "Alder",
    "Pinnacle",
)
SUFFIXES = ("Street", "Avenue", "Court", "Lane", "Drive", "Way", "Terrace", "Boulevard")
DIRECTIONS = ("N", "S", "E", "W", "NE", "SW")
ESTATES = (
    "Willow Bend",
    "The Preserve",
    "Coral Walk",
    "Eagle's Nest",
    "Sunrise Pointe",
    "Lago Azul",
)
OPENINGS = (
    "Welcome home to this inviting {kind} with {beds} bedrooms.",
    "A rare {kind} in a street that seldom has one for sale.",
    "Bring your ideas: this {kind} is offered as it stands.",
    "Light on three sides and a plan that makes sense.",
)
SENTENCES = (
    "The kitchen was renewed with stone counters and soft-close drawers.",
    "Windows face south; the evenings are for the patio.",
    "Roof and air conditioning have been replaced by the present owner.",
    "Schools, shops and the park are within a short walk.",
    "The association takes care of the grounds, the pool and the gate.",
    "Room for a boat, a workshop or both.",
    "Measurements are approximate and should be verified by the buyer.",
    'The owner calls the study "the quiet room" & means it.',
    "A fenced garden leads to the community trail.",
    "Furniture is available by separate agreement.",
)
ODD_REMARKS = (
    "Vue imprenable sur la mer, à visiter d'urgence! 日当たり良好 🏡",
    'She said: "a gem", then \\ left.\r\nSecond line.\tTabbed.',
    "<b>NEW PRICE</b> &amp; seller credit <br/>",
    "",
    "Acreage, acreage, acreage. " * 140,
)
TOPICS = (
    "Sewer",
    "Water",
    "Road Frontage",
    "Topography",
    "Numberof Lots",
    "Zone",
    "Gas",
    "Electric",
)
VALUES = ("Available", "In Street, Stubbed In", "Golf Course, Level", "75", "1", "See Deed", "None")


class Place(NamedTuple):
    """A town that the world's listings lie in; the coordinates are its middle."""

    city: str
    state: str
    county: str
    postal: str
    latitude: float
    longitude: float


FLORIDA = (
    Place("Port Marlow", "FL", "Marlow", "33401", 26.71, -80.06),
    Place("Cayo Verde", "FL", "Marlow", "33460", 26.62, -80.07),
    Place("Lake Sabine", "FL", "Sabine", "34990", 27.17, -80.28),
    Place("St. Brendan", "FL", "Sabine", "34952", 27.29, -80.31),
    Place("West Harbor", "FL", "Conway", "33063", 26.25, -80.2),
)
ARIZONA = (
    Place("Red Mesa", "AZ", "Copper", "85201", 33.42, -111.83),
    Place("Cañon Alto", "AZ", "Copper", "85281", 33.41, -111.94),
    Place("Dry Fork", "AZ", "Saguaro", "85701", 32.22, -110.97),
)
OREGON = (
    Place("Fern Crossing", "OR", "Alder", "97201", 45.5, -122.68),
    Place("Tidewater", "OR", "Alder", "97103", 46.18, -123.83),
    Place("Salmon Bar", "WA", "Chinook", "98660", 45.63, -122.67),
    Place("New Bedford", "MA", "Bristol", "02740", 41.63, -70.93),
)
PLACES = {"forge/armls": ARIZONA, "forge/rmls": OREGON}
"""By feed; every other feed lies in Florida. One town has a postal code with a leading zero."""


@lru_cache(maxsize=8192)
def listing_remarks(variant: int, kind: str, beds: int | None) -> str | None:
    """Public remarks: usually a paragraph, sometimes odd, now and then missing."""
    dice = Dice(0, variant)
    if dice.chance(2):
        return None
    if dice.chance(3):
        return dice.pick(ODD_REMARKS)
    start = dice.below(len(SENTENCES))
    step = 1 + 2 * dice.below(2)
    chosen = [SENTENCES[(start + n * step) % len(SENTENCES)] for n in range(dice.between(4, 9))]
    opening = dice.pick(OPENINGS).format(kind=kind, beds=beds or "no")
    return " ".join((opening, *chosen))


def phone(dice: Dice) -> str:
    """A number in the range that is reserved for fiction."""
    return f"555-01{dice.below(100):02}-{dice.below(10_000):04}"
