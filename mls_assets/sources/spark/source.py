"""Spark (FBS) as a set of facts about a RESO Web API; its guide is numbered by steps."""

from mls_assets.model.resources import Resource
from mls_assets.sources.source import KeySweep, Source, TimeWindow
from mls_assets.sources.spark.dialect import SPARK_DIALECT

SPARK = Source(
    name="spark",
    title="Spark",
    guide="https://sparkplatform.com/docs/reso/replication",
    changes=TimeWindow(overlap_minutes=20),
    evidence=KeySweep(),
    dialect=SPARK_DIALECT,
    resources={
        Resource.PROPERTY: "listing",
        Resource.MEMBER: "member",
        Resource.OFFICE: "office",
        Resource.OPEN_HOUSE: "open_house",
    },
    # of a replication key; smaller with relations, which make records some ten times larger
    page_size=1000,
    relations=("Media", "Room", "Unit"),
    relations_page_size=250,
    variables=("SPARK_ACCESS_TOKEN",),
    default_feed="default",
    one_feed_an_address=True,
)
