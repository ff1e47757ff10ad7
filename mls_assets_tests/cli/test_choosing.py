"""Which feeds a command line means."""

import pytest

from mls_assets.configuration.feeds import Feeds, ForgeAccess, SparkFeed
from mls_assets.errors import ConfigurationError, SourceUnreachable
from mls_assets.sources.spark.source import SPARK
from mls_assets.terminal.choosing import choose, swept_feed

FEEDS = Feeds(
    {"spark/default": SparkFeed("spark/default")}, ForgeAccess("https://forge.example/graphql")
)


@pytest.fixture(autouse=True)
def _tokens(monkeypatch):
    monkeypatch.setenv("SPARK_ACCESS_TOKEN", "s")
    monkeypatch.setenv("FORGE_API_TOKEN", "f")


def listing(*mlses):
    return lambda access: mlses


def unreachable(access):
    raise SourceUnreachable("Nobody answers.")


def never_asked(access):
    raise AssertionError("Forge was asked although nobody needed it")


def test_without_names_all_spark_feeds_and_all_mlses_that_forge_lists_are_meant():
    choice = choose(FEEDS, (), listing("armls", "rmls"))
    assert choice.feeds == ("spark/default", "forge/armls", "forge/rmls")
    assert not choice.problems


def test_without_names_a_purge_means_spark_alone_and_does_not_ask_forge():
    assert choose(FEEDS, (), never_asked, sources=[SPARK]).feeds == ("spark/default",)


def test_a_silent_forge_does_not_hold_spark_back():
    choice = choose(FEEDS, (), unreachable)
    assert choice.feeds == ("spark/default",)
    assert [(name, error.exit_code) for name, error in choice.problems] == [("forge", 1)]


def test_an_unknown_feed_is_named_with_the_known_ones_and_the_others_are_still_tried():
    choice = choose(FEEDS, ("spark/nope", "spark/default"), never_asked)
    assert choice.feeds == ("spark/default",)
    ((_, problem),) = choice.problems
    assert problem.exit_code == 2
    assert "spark/default" in str(problem)


def test_an_unknown_mls_is_named_with_those_that_forge_lists():
    ((name, problem),) = choose(FEEDS, ("forge/zzz",), listing("armls", "rmls")).problems
    assert name == "forge/zzz"
    assert problem.exit_code == 2
    assert "forge/armls, forge/rmls" in str(problem)


def test_configured_mlses_are_known_without_asking_forge():
    feeds = Feeds({}, ForgeAccess("https://forge.example/graphql", mlses=("armls",)))
    assert choose(feeds, ("forge/armls",), never_asked).feeds == ("forge/armls",)


def test_a_feed_named_twice_is_meant_once():
    names = ("spark/default", "spark/default")
    assert choose(FEEDS, names, never_asked).feeds == ("spark/default",)


def test_a_feed_without_its_token_is_a_problem_of_configuration(monkeypatch):
    monkeypatch.delenv("SPARK_ACCESS_TOKEN")
    ((_, problem),) = choose(FEEDS, ("spark/default",), never_asked).problems
    assert problem.exit_code == 2
    assert "SPARK_ACCESS_TOKEN" in str(problem)


def test_a_purge_without_names_where_only_forge_is_configured_says_so():
    feeds = Feeds({}, ForgeAccess("https://forge.example/graphql"))
    with pytest.raises(ConfigurationError, match="Spark"):
        choose(feeds, (), never_asked, sources=[SPARK])


def test_an_approval_finds_the_feed_whose_sweep_it_names():
    sweep = "spark-a-b-Property-20260501T120000Z-1a2b"
    assert swept_feed(sweep, ("spark/a", "spark/a-b")) == "spark/a-b"
    with pytest.raises(ConfigurationError):
        swept_feed("spark-c-Property-20260501T120000Z-1a2b", ("spark/a", "spark/a-b"))
