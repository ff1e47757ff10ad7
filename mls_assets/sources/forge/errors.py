"""What GraphQL engines say of a question that they refuse, as far as something follows from it.

Pure. An engine that lacks a field says so in one sentence of its own, which the pattern of each
engine holds whole: "Not authorized to access field 'agents'" and "Field 'agents' is disabled" are
other sentences, and nothing follows from them.
"""

import re

from mls_assets.errors import MlsAssetsError
from mls_assets.sources.transport.vendor_errors import QuestionRefused

_FIELD = r"[\"'`]?(?P<field>\w+)[\"'`]?"
_TYPE = r"[\"'`]?\w+[\"'`]?"
#: Behind the sentence stands at most where that was found, or what may have been meant.
_END = r"\s*[.,]?\s*(?:$|did you mean\b|@|\(line\b|\[)"
_UNKNOWN_FIELD = tuple(
    re.compile(rf"(?:^|[:)\s]\s*){sentence}{_END}", re.IGNORECASE)
    for sentence in (
        # graphql-js, Apollo, graphql-core, .NET, gqlparser, webonyx, Absinthe, Sangria, Lacinia
        rf"cannot query field {_FIELD} on type {_TYPE}",
        # graphql-ruby, Hot Chocolate, Tartiflette
        rf"field {_FIELD} (?:doesn't|does not) exist on (?:the )?(?:type )?{_TYPE}",
        # graphql-java, AppSync
        rf"field {_FIELD} in type {_TYPE} is undefined",
        # Hasura
        rf"field {_FIELD} not found in type:? {_TYPE}",
        # Juniper, async-graphql
        rf"unknown field {_FIELD} on type {_TYPE}",
    )
)
#: Of a refused schema: that it is switched off, or larger than the server's limits allow.
_INTROSPECTION = re.compile(
    r"introspect|__schema|__type|complex|depth|too (many|deep|large)|\bcost", re.IGNORECASE
)


def unknown_field(refusal: MlsAssetsError) -> str | None:
    """The field that the engine says its schema lacks; None if it says anything else."""
    if not (isinstance(refusal, QuestionRefused) and refusal.graphql):
        return None
    found = filter(None, (pattern.search(refusal.said) for pattern in _UNKNOWN_FIELD))
    return next((match["field"] for match in found), None)


def speaks_of_introspection(refusal: MlsAssetsError) -> bool:
    """Whether an engine refused a question for the schema because it was one."""
    if not (isinstance(refusal, QuestionRefused) and refusal.graphql):
        return False
    return _INTROSPECTION.search(refusal.said) is not None
