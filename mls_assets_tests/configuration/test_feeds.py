"""Configuration from variables and from a feeds file, and what is refused in one clear line."""

import pytest

from mls_assets.configuration.credentials import token_of
from mls_assets.configuration.feeds import SPARK_DEFAULT_URL, ForgeAccess, load_feeds
from mls_assets.errors import ConfigurationError
from mls_assets.model.resources import Resource
from mls_assets.reconcile.guard import Thresholds


def test_nothing_configured_is_no_error_and_no_feed():
    assert not load_feeds({}).configured


def test_a_spark_token_alone_gives_the_default_feed_at_the_vendors_root():
    feeds = load_feeds({"SPARK_ACCESS_TOKEN": "t"})
    assert feeds.spark["spark/default"].base_url == SPARK_DEFAULT_URL
    assert feeds.forge is None


def test_a_spark_feed_may_be_told_its_time_zone(tmp_path):
    variables = {"SPARK_ACCESS_TOKEN": "t", "SPARK_TIME_ZONE": "America/Phoenix"}
    assert load_feeds(variables).spark["spark/default"].time_zone == "America/Phoenix"
    path = tmp_path / "feeds.toml"
    path.write_text("[spark.hills]\ntime_zone = 'America/Denver'\n[spark.sea]\n")
    feeds = load_feeds({"MLS_ASSETS_FEEDS": str(path)}).spark
    assert [feed.time_zone for feed in feeds.values()] == ["America/Denver", ""]
    with pytest.raises(ConfigurationError, match="SPARK_TIME_ZONE: there is no time zone 'MST7'"):
        load_feeds({**variables, "SPARK_TIME_ZONE": "MST7"})


def test_forge_needs_both_token_and_url():
    assert load_feeds({"FORGE_API_TOKEN": "t"}).forge is None
    assert load_feeds({"FORGE_URL": "https://forge.example/graphql"}).forge is None
    both = load_feeds({"FORGE_API_TOKEN": "t", "FORGE_URL": "https://forge.example/graphql"})
    assert both.log_access("forge/armls").url == "https://forge.example/graphql"


def test_no_configuration_object_shows_a_token():
    feeds = load_feeds({"SPARK_ACCESS_TOKEN": "S3CR3T", "FORGE_API_TOKEN": "S3CR3T"})
    assert "S3CR3T" not in repr(feeds)


def test_a_feeds_file_names_several_feeds(tmp_path):
    path = tmp_path / "feeds.toml"
    path.write_text(
        """
        [spark.beaches]
        token_env = "BEACHES_TOKEN"
        resources = ["OpenHouse", "Property"]
        select = ["City"]
        [spark.hills]
        token_env = "HILLS_TOKEN"
        purge_hours = 12
        [forge]
        url = "https://forge.example/graphql"
        mlses = ["armls", "rmls"]
        filter = [{field = "City"}]
        """
    )
    feeds = load_feeds({"MLS_ASSETS_FEEDS": str(path), "SPARK_ACCESS_TOKEN": "ignored"})
    assert sorted(feeds.spark) == ["spark/beaches", "spark/hills"]
    beaches = feeds.spark["spark/beaches"]
    assert beaches.resources == (Resource.PROPERTY, Resource.OPEN_HOUSE)
    assert beaches.select == ("City",)
    assert feeds.log_access("forge/armls").mlses == ("armls", "rmls")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[spark.a", "no valid TOML"),
        ("[sparks.a]", "unknown table"),
        ("[spark]\na = 1", "has to be a table"),
        ("[spark.a]\ntoken = 'x'", "unknown setting(s) `token` (did you mean `token_env`?)"),
        ("[spark.a]\nresources = ['Media']", "Media"),
        ("[spark.a]\nresources = []", "resource"),
        ("[spark.a]\nrelations = ['OpenHouse']", "OpenHouse"),
        ("[spark.a]\nselect = 'City'", "has to be a list"),
        ("[spark.a]\nselect = [1]", "list of texts"),
        ("[spark.a]\nbase_url = 'http://replication.sparkapi.com/x'", "https"),
        ("[spark.a]\nbase_url = 'https://u:p@host/x'", "host and path alone"),
        ("[spark.a]\nbase_url = 'https://host:99999/x'", "cannot be read"),
        ("[spark.a]\ntime_zone = 'Arizona'", "no time zone 'Arizona'"),
        ("[spark.a]\npurge_hours = 'often'", "has to be a number"),
        ("[spark.a]\npurge_hours = 0", "at least"),
        ("[spark.a]\npage_size = 0", "at least 1"),
        ("[spark.a]\npage_size = 2.5", "whole number"),
        ("[spark.a]\nrelations_page_size = true", "whole number"),
        ("[spark.a]\non_block = 'remove'", "'hide' or 'keep'"),
        ("[forge]\nurl = 'https://h/g'\non_block = 'remove'", "'hide' or 'keep'"),
        ("[spark.a]\npurge_hours = inf", "at most 168"),
        ("[spark.a]\npurge_hours = nan", "at least 0.1"),
        ("[spark.a]\npurge_hours = -1", "at least 0.1"),
        ("[spark.a]\npurge_hours = true", "has to be a number"),
        ("[spark.a]\nupdate_minutes = 1e300", "at most 1,440"),
        (f"[spark.a]\nupdate_minutes = 1{'0' * 400}", "at most 1,440"),
        (f"[spark.a]\npage_size = 1{'0' * 5000}", "no valid TOML"),
        ("[spark.a]\npage_size = 10000000", "at most 1,000,000"),
        ("[forge]\nurl = 'https://h/g'\npoll_seconds = inf", "at most 86,400"),
        ("[forge]\nurl = 'https://h/g'\npoll_seconds = nan", "at least 60"),
        ("[forge]\nurl = 'https://h/g'\nmlses = []", "`mlses` is empty"),
        ("[forge]\nurl = 'https://h/g'\nmlses = ['a', 'A']", "differ by case at most"),
        ("[forge]\nurl = 'https://h/g'\nmlses = ['a']\nexclude = ['a']", "`exclude`"),
        ("[spark.a]\n[spark.A]", "differ by case at most"),
        ("[spark.a]\ntoken_env = '1a2b.3c4d'", "not the token itself"),
        ("a = " + "[" * 5000, "no valid TOML"),
        ("[spark.'a b']", "letters, digits"),
        ("[forge]\nmlses = ['a']", "needs `url`"),
        ("[forge]\nurl = 'https://h/g'\npoll_seconds = 59", "at least 60"),
    ],
)
def test_a_feeds_file_that_could_not_work_is_refused_in_words(tmp_path, content, words):
    path = tmp_path / "feeds.toml"
    path.write_text(content)
    with pytest.raises(ConfigurationError) as refusal:
        load_feeds({"MLS_ASSETS_FEEDS": str(path)})
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value).strip()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            "[spark.a]\npage_sise = 5",
            "[spark.a]: unknown setting(s) `page_sise` (did you mean `page_size`?). Nothing was "
            "done; known are token_env, ",
        ),
        (
            "[spark.a]\nname = 'spark/b'",
            "[spark.a]: unknown setting(s) `name`. Nothing was done",
        ),
        (
            "[forge]\nurl = 'https://h/g'\nPOLL_SECONDS = 90",
            "[forge]: unknown setting(s) `POLL_SECONDS` (did you mean `poll_seconds`?)",
        ),
        ("[sparc.a]", "unknown table(s) `sparc` (did you mean `spark`?)"),
        (
            "[spark.a]\npage_size = 0",
            "[spark.a]: `page_size` is 0, but has to be a whole number of at least 1 and at most "
            "1,000,000. Nothing was done.",
        ),
        (
            "[spark.a]\nupdate_minutes = 'often'",
            "`update_minutes` is 'often', but has to be a number of at least 1 and at most 1,440.",
        ),
        (
            "[spark.a]\nselect = ['City', 7]",
            "`select` holds 7, but has to be a list of texts",
        ),
        ("[spark.a]\nselect = ['City', ' ']", "`select` holds an empty text, but"),
        (
            "[spark.a]\nresources = ['Property', 'Members']",
            "`resources` holds 'Members' (did you mean `Member`?), but has to be a list of at "
            "least one of 'Property', 'Member', 'Office', 'OpenHouse'",
        ),
        (
            "[forge]\nurl = 'https://h/g'\nresources = ['Office']",
            "`resources` holds 'Office', but has to be a list of at least one of 'Property', "
            "'Member'.",
        ),
        ("[spark.a]\nrelations = ['room']", "`relations` holds 'room' (did you mean `Room`?)"),
        ("[spark.a]\non_block = 2026-01-01", "`on_block` is a date or time, but has to be"),
        ("[spark]\na = 5", "[spark.a] is 5, but has to be a table"),
        (
            "[spark.a]\nguard.share = 50",
            "[spark.a.guard]: `share` is 50, but has to be a number of at least 0 and at most 1.",
        ),
        (
            "[spark.a.guard]\nflor = 5",
            "[spark.a.guard]: unknown setting(s) `flor` (did you mean `floor`?)",
        ),
        ("[spark.a]\nguard = 0.5", "[spark.a.guard] is 0.5, but has to be a table"),
        ("[spark.a]\nremoval_hours = 0", "`removal_hours` is 0, but has to be a number of at"),
        ("[spark.a]\noverlap_minutes = -1", "at least 0 and at most 10,080"),
        ("[spark.a]\npage_budget = -1", "a whole number of at least 0 and at most 1,000,000"),
        ("[spark.a]\ntwo_sided_window = 'no'", "is 'no', but has to be true or false"),
        ("[forge]\nurl = 'https://h/g'\npage_size = 5", "unknown setting(s) `page_size`"),
        ("[forge]\nurl = 'https://h/g'\nguard.day_share = nan", "[forge.guard]: `day_share` is"),
        ("[spark.a]\ntime_zone = 'America/Pheonix'", "(did you mean `America/Phoenix`?)"),
    ],
)
def test_a_message_names_table_key_what_was_found_and_what_is_allowed(tmp_path, content, told):
    path = tmp_path / "feeds.toml"
    path.write_text(content)
    with pytest.raises(ConfigurationError) as refusal:
        load_feeds({"MLS_ASSETS_FEEDS": str(path)})
    assert str(path) in str(refusal.value)
    assert told in str(refusal.value)


@pytest.mark.parametrize(
    "line",
    [
        "token = '{}'",
        "token_env = '{}'",
        "token_env = 'Bearer {}'",
        "token_env = ['{}']",
        "base_url = 'https://h/x?token={}'",
        "base_url = 'http://h/{}'",
        "time_zone = '{}'",
        "page_size = '{}'",
        "on_block = '{}'",
        "resources = ['{}']",
        "select = '{}'",
    ],
)
def test_no_message_shows_a_token_that_stands_in_a_wrong_place(tmp_path, line):
    token = "1a2b-3c4d5e6f7a8b9c0d1e2f"
    path = tmp_path / "feeds.toml"
    path.write_text(f"[spark.a]\n{line.format(token)}\n")
    with pytest.raises(ConfigurationError) as refusal:
        load_feeds({"MLS_ASSETS_FEEDS": str(path)})
    assert token not in str(refusal.value)
    assert token[5:] not in str(refusal.value)


@pytest.mark.parametrize("token", ["12345", "'tok-1'", "true"])
def test_what_stands_in_the_place_of_a_variables_name_is_never_shown(tmp_path, token):
    path = tmp_path / "feeds.toml"
    path.write_text(f"[spark.a]\ntoken_env = {token}\n")
    with pytest.raises(ConfigurationError, match="not the token itself") as refusal:
        load_feeds({"MLS_ASSETS_FEEDS": str(path)})
    assert token.strip("'") not in str(refusal.value)


def test_a_feed_may_have_limits_of_its_own(tmp_path):
    path = tmp_path / "feeds.toml"
    path.write_text(
        "[spark.a]\nguard.share = 0.5\nremoval_hours = 24\n[spark.b]\n"
        "[forge]\nurl = 'https://h/g'\nremoval_hours = 6\n[forge.guard]\nfloor = 100\n"
    )
    feeds = load_feeds({"MLS_ASSETS_FEEDS": str(path)})
    a, b = feeds.spark.values()
    assert (a.guard, b.guard) == (Thresholds(share=0.5), Thresholds())
    assert feeds.log_access("forge/armls").guard == Thresholds(floor=100)
    named = ("spark/a", "spark/b", "forge/armls", "spark/gone")
    assert [feeds.removal_hours(name) for name in named] == [24, 12, 6, 12]


def test_each_resource_and_relation_counts_once_whatever_its_order(tmp_path):
    path = tmp_path / "feeds.toml"
    path.write_text(
        "[spark.a]\nresources = ['Office', 'Property', 'Office']\nrelations = ['Room', 'Room']\n"
    )
    feed = load_feeds({"MLS_ASSETS_FEEDS": str(path)}).spark["spark/a"]
    assert feed.resources == (Resource.PROPERTY, Resource.OFFICE)
    assert feed.resources[0] is Resource.PROPERTY
    assert feed.relations == ("Room",)


SHORT = "[spark.a]\r\ntoken_env = 'A_TOKEN'\r\n"


@pytest.mark.parametrize("data", [SHORT.encode(), SHORT.encode("utf-8-sig")])
def test_a_feeds_file_that_windows_saved_as_utf_8_is_read(tmp_path, data):
    path = tmp_path / "feeds.toml"
    path.write_bytes(data)
    assert load_feeds({"MLS_ASSETS_FEEDS": str(path)}).spark["spark/a"].token_env == "A_TOKEN"


@pytest.mark.parametrize(
    ("encoding", "named"),
    [("utf-16", "UTF-16"), ("utf-16-be", "UTF-16"), ("utf-32", "UTF-32"), ("cp1252", "UTF-8")],
)
def test_a_feeds_file_in_another_encoding_is_refused_by_its_name(tmp_path, encoding, named):
    path = tmp_path / "feeds.toml"
    path.write_bytes(f"# caf\u00e9\n{SHORT}".encode(encoding))
    with pytest.raises(ConfigurationError, match=named) as refusal:
        load_feeds({"MLS_ASSETS_FEEDS": str(path)})
    assert "save it as UTF-8" in str(refusal.value)


def test_a_missing_feeds_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml"):
        load_feeds({"MLS_ASSETS_FEEDS": str(tmp_path / "nowhere.toml")})


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8400/Reso/OData", "http://localhost:1/x", "http://[::1]:1/x"]
)
def test_plain_http_is_taken_for_loopback_addresses(url):
    assert load_feeds({"SPARK_ACCESS_TOKEN": "t", "SPARK_BASE_URL": url}).configured


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/x", "http://127.0.0.1.evil.example/x", "ftp://127.0.0.1/x", "/x"]
)
def test_plain_http_to_anything_else_is_refused(url):
    with pytest.raises(ConfigurationError):
        load_feeds({"SPARK_ACCESS_TOKEN": "t", "SPARK_BASE_URL": url})


def test_an_unknown_feed_is_answered_with_the_known_ones():
    with pytest.raises(ConfigurationError, match="spark/default"):
        load_feeds({"SPARK_ACCESS_TOKEN": "t"}).spark_feed("spark/other")


@pytest.mark.parametrize("value", ["", "  ", "a b", "a\nb", "é"])
def test_a_token_that_no_header_may_hold_is_refused_without_showing_it(value):
    with pytest.raises(ConfigurationError) as refusal:
        token_of("T", {"T": value})
    assert value.strip() == "" or value not in str(refusal.value)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("\ufefftok-1234", "byte order mark"),
        ('"tok-1234"', "quotation marks"),
        ("\u201ctok-1234\u201d", "quotation marks"),
        ("Bearer tok-1234", "the word Bearer"),
        ("bearer\ttok-1234", "the word Bearer"),
        ("Authorization: Bearer tok-1234", "Authorization header"),
    ],
)
def test_what_is_wrong_with_a_token_is_named_without_showing_it(value, named):
    with pytest.raises(ConfigurationError, match=named) as refusal:
        token_of("T", {"T": value})
    assert "tok-1234" not in str(refusal.value)


def test_a_line_break_behind_a_token_is_no_part_of_it():
    assert token_of("T", {"T": "tok-1234\r\n"}) == "tok-1234"


def test_a_token_in_the_place_of_its_variables_name_is_not_shown():
    with pytest.raises(ConfigurationError) as refusal:
        token_of("abcdefghijklmnop0123456789", {})
    assert "defghijk" not in str(refusal.value)


def test_what_is_asked_for_is_what_the_file_names(tmp_path):
    path = tmp_path / "feeds.toml"
    path.write_text(
        "[spark.a]\nresources = ['Property']\n"
        "[forge]\nurl = 'https://h/g'\nexclude = ['gone']\nresources = ['Property']\n"
    )
    feeds = load_feeds({"MLS_ASSETS_FEEDS": str(path)})
    assert feeds.asks_for("spark/a")
    assert feeds.asks_for("spark/a", Resource.PROPERTY)
    assert not feeds.asks_for("spark/a", Resource.MEMBER)
    assert not feeds.asks_for("spark/b")
    assert feeds.asks_for("forge/armls", Resource.PROPERTY)
    assert not feeds.asks_for("forge/armls", Resource.MEMBER)
    assert not feeds.asks_for("forge/gone")
    assert not load_feeds({}).asks_for("forge/armls")


def test_a_listing_filter_is_not_sent_to_the_agents():
    access = ForgeAccess("https://h/g", filter=({"field": "StandardStatus"},))
    assert access.filter_for(Resource.PROPERTY) == access.filter
    assert access.filter_for(Resource.MEMBER) is None
    assert ForgeAccess("https://h/g").filter_for(Resource.PROPERTY) is None
