"""What a Forge can be asked, found out once: by its schema, by asking, or from what is remembered.

A refusal is an answer; no answer, or one that is none, decides nothing and is raised.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial
from itertools import product
from typing import Any, Protocol, TypeVar

from mls_assets.errors import AnswerBroken, MlsAssetsError, SourceRefused, TokenRefused
from mls_assets.model.declarations import Declaration, Selection
from mls_assets.sources.forge.answers import data_of, events_of
from mls_assets.sources.forge.errors import speaks_of_introspection, unknown_field
from mls_assets.sources.forge.queries import (
    AGENT_FIELDS,
    RECORD_KINDS,
    ForgeShape,
    MlsList,
    assumed_shape,
)
from mls_assets.sources.forge.schema import (
    DEEP_INTROSPECTION,
    INTROSPECTION,
    ForgeSchema,
    TypeCutOff,
    declared_fields,
    schema_of,
    shape_of,
)
from mls_assets.sources.transport.session import HttpAnswer
from mls_assets.sources.transport.vendor_errors import QuestionRefused

T = TypeVar("T")
log = logging.getLogger(__name__)

#: What reading a schema raises whose parts are of other types than GraphQL says.
_ODD_SCHEMA = (AttributeError, TypeError, KeyError)


class Ask(Protocol):
    """What posts a query with its variables, and reads the answer."""

    def __call__(
        self, query: str, variables: Mapping[str, Any], read: Callable[[bytes], T]
    ) -> HttpAnswer[T]:
        """Raises what the session raises."""
        ...


class ForgeShapes:
    """How "listings" and "agents" of one server are asked for; safe for several threads.

    `fields_fallback` are the listing fields to ask for where introspection is refused; `known` is
    what another one found out of this server, and is added to. `if_refused` holds by kind the step
    to name should the server refuse what it is asked for.
    """

    def __init__(
        self,
        where: str,
        ask: Ask,
        mlses: Callable[[], MlsList],
        fields_fallback: tuple[str, ...],
        known: dict[str, ForgeShape | None],
    ) -> None:
        self._where, self._ask, self._mlses = where, ask, mlses
        self._fields_fallback = fields_fallback
        self._known = known
        self._lock = threading.Lock()
        self._schema: ForgeSchema | None = None
        self._silent = False  # introspection was refused
        self.if_refused: dict[str, str] = {}

    def tells_schema(self) -> bool:
        """Whether the server answers introspection; False only if it refuses it.

        Raises what the session raises: no answer, or none that is a schema, is no refusal.
        """
        with self._lock:
            return self._read_schema() is not None

    def shape(self, kind: str) -> ForgeShape | None:
        """How "listings" or "agents" are asked for, found out once; None if they can't be.

        What the schema says, or without one what is assumed; see `ask_as`. Raises what the
        session raises, also where a question for agents met neither records nor a refusal of it.
        """
        with self._lock:
            if kind not in self._known:
                self._known[kind] = self._find_shape(kind)
            return self._known[kind]

    def ask_as(self, kind: str, asked: Selection, if_refused: str = "") -> None:
        """Ask for what was asked before, unseen whether the server still has it."""
        with self._lock:
            self._known[kind] = ForgeShape.of(kind, asked)
            self.if_refused[kind] = if_refused

    def declared(self) -> Declaration | None:
        """What the server's record types declare; None if it tells no schema."""
        with self._lock:
            schema = self._read_schema()
        return None if schema is None else self._of_schema(declared_fields, schema)

    def _read_schema(self) -> ForgeSchema | None:
        """The server's schema, asked for once; None if it refuses to tell it.

        A refusal that does not speak of introspection counts if the server answers another
        question.
        """
        if self._schema is not None or self._silent:
            return self._schema
        try:
            self._schema = self._ask(INTROSPECTION, {}, _schema_in).content
        except (SourceRefused, TokenRefused) as refusal:
            if not speaks_of_introspection(refusal):
                try:
                    self._mlses()
                except MlsAssetsError:
                    raise refusal from None
            self._silent = True
            log.info("%s refuses to tell its schema: %s", self._where, refusal)
        return self._schema

    def _of_schema(self, read: Callable[[ForgeSchema], T], schema: ForgeSchema) -> T:
        try:
            try:
                return read(schema)
            except TypeCutOff:
                self._schema = self._ask(DEEP_INTROSPECTION, {}, _schema_in).content
                return read(self._schema)
        except (AnswerBroken, *_ODD_SCHEMA) as error:
            raise AnswerBroken(
                f"{self._where}: {error}. Nothing was asked or changed; run again, and tell "
                "the source if it stays so."
            ) from None

    def _find_shape(self, kind: str) -> ForgeShape | None:
        schema = self._read_schema()
        if schema is not None:
            return self._of_schema(partial(shape_of, kind=kind), schema)
        if kind == "listings":
            return assumed_shape(kind, "listings", self._fields_fallback)
        return self._probe(kind)

    def _probe(self, kind: str) -> ForgeShape | None:
        """Find an unpublished query by asking for it.

        Only the engine's own sentence that the MLS has no such field means that there is none.
        Any other failure is raised: it decides nothing. So is a query that is there and does not
        have the key.
        """
        mlses = self._mlses().mlses
        key_alone = (AGENT_FIELDS[1],)
        without_key: QuestionRefused | None = None
        for name, fields in product(RECORD_KINDS[kind][1], (AGENT_FIELDS, key_alone)):
            shape = assumed_shape(kind, name, fields)
            variables = {"mls_key": mlses[0].key if mlses else "", "latest_event": 0}
            query = shape.page_query(filtered=False)
            try:
                self._ask(query, variables, partial(events_of, shape=shape))
            except QuestionRefused as refusal:
                lacking = unknown_field(refusal)
                if lacking not in (name, *shape.asked.fields):
                    raise
                if lacking != name:
                    without_key = refusal
                continue
            return shape
        if without_key is not None:
            raise without_key
        return None


def _schema_in(body: bytes) -> ForgeSchema:
    return schema_of(data_of(body))
