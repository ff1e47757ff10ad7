"""Records that come twice, that cannot be read, or that go while they come: none hides another."""

from pathlib import Path

import pytest

from mls_assets.errors import DownloadIncomplete
from mls_assets.model.resources import Resource
from mls_assets_tests.replication.stubs import OLD, asked_keys, listing, moment, page, stubbed
from mls_assets_tests.sources.servers import TOKEN, Asked, Reply

PROPERTY, OPEN_HOUSE = Resource.PROPERTY, Resource.OPEN_HOUSE
KEYS = "ABCDE"


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_ACCESS_TOKEN", TOKEN)


@pytest.mark.parametrize("how", ["refused", "deleted"])
def test_one_that_comes_twice_does_not_stand_for_one_that_did_not_come(tmp_path: Path, how: str):
    """A server that pages by offset shows B again, and never C; the window counts four."""
    changed = False
    bad = f'{{"ListingKey":"B","ModificationTimestamp":"{moment(minutes=-9)}","ListPrice":NaN}}'
    if how == "deleted":
        bad = listing("B", StandardStatus="Delete", ModificationTimestamp=moment(minutes=-9))

    def answer(asked: Asked) -> Reply:
        options, top = asked.options, asked.options.get("$top", "99")
        wanted = options.get("$filter", "")
        if (keys := asked_keys(asked)) is not None or "$expand" in options:
            return page([listing(key) for key in keys or KEYS])
        if wanted.startswith("ModificationTimestamp gt") and changed:
            if "$skip" in options:
                return page([bad, listing("D")], count=4)
            if int(top) < 3:
                return page([listing("A")], count=4)
            link = f"{asked.path}?$top={top}&$skip=2&$filter={wanted.replace(' ', '%20')}"
            return page([listing("A"), bad], count=4, link=link)
        if wanted:
            return page([])
        return page([listing(key) for key in KEYS])

    with stubbed(tmp_path, answer) as place:
        place.replicate(PROPERTY)
        before = place.state()["cursor"]
        changed = True
        with pytest.raises(DownloadIncomplete, match="4 before"):
            place.replicate(PROPERTY)
        assert place.state()["cursor"] == before, "C comes with the next update"


def test_an_open_house_goes_with_its_listing_although_both_came_in_one_update(tmp_path: Path):
    others = {"OpenHouseStartTime": moment(hours=9), "OpenHouseEndTime": moment(hours=10)}
    known = {"OpenHouseKey": "Z9", "ListingKey": "A", "ModificationTimestamp": OLD, **others}
    new = {"OpenHouseKey": "O1", "ListingKey": "B", **others}
    new["ModificationTimestamp"] = moment(minutes=-5)
    updating = False

    def answer(asked: Asked) -> Reply:
        options, top = asked.options, asked.options.get("$top", "99")
        wanted, keys = options.get("$filter", ""), asked_keys(asked)
        if asked.path.endswith("/OpenHouse"):
            return page([] if wanted.startswith("Modif") else [known], top=top)
        if "$expand" in options:
            houses = [new] if "OpenHouse" in options["$expand"] else []
            return page(
                [listing(key, OpenHouse=houses if key == "B" else []) for key in keys or "ABC"]
            )
        if keys is not None:
            return page([listing(key) for key in keys if not (updating and key == "B")])
        if wanted.startswith("ModificationTimestamp") and updating:
            gone = listing("B", StandardStatus="Delete", ModificationTimestamp=moment(minutes=-1))
            came = listing("B", City="Mesa", ModificationTimestamp=moment(minutes=-3))
            if "$skiptoken" in options:
                return page([gone], count=1)
            link = f"{asked.path}?$top={top}&$skiptoken=x&$filter={wanted.replace(' ', '%20')}"
            return page([came], count=1, link=link if top != "2" else "")
        return page([] if wanted else [listing(key) for key in "ABC"], top=top)

    with stubbed(tmp_path, answer) as place:
        place.replicate(PROPERTY, OPEN_HOUSE)
        updating = True
        place.replicate(PROPERTY)
        assert place.keys() == {"A", "C"}
        assert place.keys(OPEN_HOUSE) == {"Z9"}
        assert place.rows("select resource, record_key from deletion_ledger order by all") == [
            ("OpenHouse", "O1"),
            ("Property", "B"),
        ]


@pytest.mark.parametrize("broken", ["NaN", '"\\ud83c"'])
def test_a_listing_whose_photos_cannot_be_read_stops_no_other(tmp_path: Path, broken: str):
    """Not at the first download, and not at an update: the others come, the cursor moves."""
    recent = ""

    def record(key: str, *, expand: bool) -> object:
        told = listing(key, City="Mesa", ModificationTimestamp=recent or OLD)
        if not expand:
            return {name: value for name, value in told.items() if not isinstance(value, list)}
        if key == "C":
            media = f'[{{"MediaKey":"M-C","ShortDescription":{broken}}}]'
            return f'{{"ListingKey":"C","Media":{media},"Room":[],"Unit":[]}}'
        return {"ListingKey": key, "Media": [{"MediaKey": f"M-{key}"}], "Room": [], "Unit": []}

    def answer(asked: Asked) -> Reply:
        options = asked.options
        wanted, keys = options.get("$filter", ""), asked_keys(asked)
        shown = keys if keys is not None else list(KEYS)
        if wanted.startswith("ListingKey gt") or (wanted.startswith("Modif") and not recent):
            shown = []
        expand = "$expand" in options
        return page([record(key, expand=expand) for key in shown], top=options.get("$top"))

    with stubbed(tmp_path, answer) as place:
        (done,) = place.replicate(PROPERTY)
        assert done.complete
        assert place.state()["state"] == "current"
        assert {key for (key,) in place.rows('select "MediaKey" from media')} == {
            f"M-{key}" for key in "ABDE"
        }
        before, recent = place.state()["cursor"], moment(minutes=-1)
        (done,) = place.replicate(PROPERTY)
        assert done.changed == len(KEYS)
        assert place.state()["cursor"] > before


def test_an_answer_that_repeats_a_record_is_not_taken_for_silence_about_the_last(tmp_path: Path):
    recent = ""

    def answer(asked: Asked) -> Reply:
        options = asked.options
        wanted, keys = options.get("$filter", ""), asked_keys(asked)
        shown = keys if keys is not None else list(KEYS)
        if wanted.startswith("ListingKey gt") or (wanted.startswith("Modif") and not recent):
            shown = []
        records = [listing(key, ModificationTimestamp=recent or OLD) for key in shown]
        if keys is not None and "A" in keys:
            records.insert(0, records[0])
        return page(records, top=options.get("$top"))

    with stubbed(tmp_path, answer) as place:
        place.replicate(PROPERTY)
        recent = moment(minutes=-1)
        (done,) = place.replicate(PROPERTY)
        assert done.changed == len(KEYS)
        assert place.purge().verdict == "reconciled"
