"""The GraphQL schema and its resolvers; introspection comes with them.

Published names (guide): mlses, mls, listings, latest_event, remaining, results, DELETED, Photos,
ForgeFeatures. The types' own names, `agents` and the shape of the filter are assumptions.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo, GraphQLSchema, assert_object_type
from graphql import build_schema as from_sdl

from mls_assets.sandbox.access import AccessDecision
from mls_assets.sandbox.forge.rows import OPERATORS, ResolvedPage, answer
from mls_assets.sandbox.market.forge_feed import FORGE_OWN, ForgeKind, ForgeMls
from mls_assets.sandbox.market.market import Market
from mls_assets.sandbox.world.schema import forge_fields

_TYPES = {
    "s": "String",
    "n": "Float",
    "i": "Int",
    "b": "Boolean",
    "d": "String",
    "t": "String",
    "l": "[String]",
}

_SDL = """
type Query {
  "Every MLS that the token has access to."
  mlses: [Mls!]!
  "One MLS, null without access."
  mls(key: String!): Mls
}

type Mls {
  key: String!
  name: String
  address: String
  state: [String]
  listings(last_event_id: Int!, filter: [DataDictionaryFilterType]): ListingReplication
  agents(last_event_id: Int!, filter: [DataDictionaryFilterType]): AgentReplication
}

type ListingReplication { latest_event: Int! remaining: Int! results: [Listing!]! }
type AgentReplication { latest_event: Int! remaining: Int! results: [Agent!]! }

"All values have to stand in the named relation to the field (EQ: one of them is enough)."
input DataDictionaryFilterType {
  field: String!
  operator: DataDictionaryOperator = EQ
  values: [String!]!
}
enum DataDictionaryOperator { %(operators)s }

type ForgeFeature { name: String value: String }
type Listing {
  DELETED: Boolean
  %(listing)s
  ListDate: String
  Remarks: String
  Photos: [String]
  ForgeFeatures: [ForgeFeature]
}
type Agent {
  DELETED: Boolean
  %(agent)s
}
"""


class Visible:
    """What one token may see of the market; the context of an execution."""

    def __init__(self, market: Market, decision: AccessDecision) -> None:
        self.market = market
        self._granted = decision.mlses

    def mlses(self) -> list[ForgeMls]:
        """The MLSs that exist for this token."""
        return [
            mls
            for mls in self.market.forge.values()
            if not mls.hidden and (self._granted is None or mls.key in self._granted)
        ]


def _mlses(_root: Any, info: GraphQLResolveInfo) -> list[ForgeMls]:
    return info.context.mlses()


def _mls(_root: Any, info: GraphQLResolveInfo, key: str) -> ForgeMls | None:
    return next((mls for mls in info.context.mlses() if mls.key == key), None)


def _replication(kind: ForgeKind) -> Any:
    known = {*forge_fields(kind), *(FORGE_OWN[:2] if kind == "listings" else ())}

    def resolve(
        mls: ForgeMls, info: GraphQLResolveInfo, last_event_id: int, **arguments: Any
    ) -> ResolvedPage:
        filters = [wanted for wanted in arguments.get("filter") or () if wanted is not None]
        for wanted in filters:
            if wanted["field"] not in known:
                raise GraphQLError(f"Field '{wanted['field']}' cannot be filtered on.")
        return answer(mls.records[kind], last_event_id, filters, info.context.market.occurrences)

    return resolve


@cache
def build_schema() -> GraphQLSchema:
    """The executable schema; its context is a `Visible`."""

    def fields(kind: ForgeKind) -> str:
        return "\n  ".join(f"{name}: {_TYPES[it]}" for name, it in forge_fields(kind).items())

    schema = from_sdl(
        _SDL
        % {
            "operators": " ".join(OPERATORS),
            "listing": fields("listings"),
            "agent": fields("agents"),
        }
    )
    resolvers = {
        ("Query", "mlses"): _mlses,
        ("Query", "mls"): _mls,
        ("Mls", "state"): lambda mls, _info: mls.states,
        ("Mls", "listings"): _replication("listings"),
        ("Mls", "agents"): _replication("agents"),
    }
    for (type_name, field), resolve in resolvers.items():
        assert_object_type(schema.type_map[type_name]).fields[field].resolve = resolve
    return schema
