"""The Spark surface over HTTP: who may ask, what is asked, which answer goes out.

The thin shell around `options`, `pages`, `records` and `metadata`; it also gives the faults their
turn. A request is answered without giving way to another one, so a page shows one moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response

from mls_assets.sandbox.access import Access, Role
from mls_assets.sandbox.catalogue import Catalogue
from mls_assets.sandbox.faults import Faults
from mls_assets.sandbox.spark import schema
from mls_assets.sandbox.spark.addresses import Segment, entity, link, parse_path, parse_query
from mls_assets.sandbox.spark.errors import Refusal, not_allowed, not_found
from mls_assets.sandbox.spark.metadata import metadata, service_document
from mls_assets.sandbox.spark.mischief import (
    JSON_HEADER,
    Draft,
    disturb,
    instead,
    mangle,
    refusal_response,
)
from mls_assets.sandbox.spark.options import CHILD_OPTIONS, ENTITY_OPTIONS, Query, read_query
from mls_assets.sandbox.spark.pages import arrange, served_page
from mls_assets.sandbox.spark.records import Writer, envelope, has_content, single

OVERRIDE = "x-http-method-override"


@dataclass(frozen=True)
class _Asked:
    """One request, read: its path below the root, its options, and the addresses around it."""

    segments: tuple[Segment, ...]
    options: Mapping[str, str]
    query_text: str
    role: Role
    root: str
    url: str

    @property
    def resource(self) -> str | None:
        """The entity set (or `$metadata`) that the request is about."""
        return self.segments[0].name if self.segments else None


class SparkSurface:
    """Answers requests below one root path in the shape of its catalogue."""

    def __init__(self, path: str, catalogue: Catalogue, access: Access, faults: Faults) -> None:
        self._path = path
        self._catalogue = catalogue
        self._access = access
        self._faults = faults

    async def answer(self, request: Request) -> Response:
        """The endpoint for every path and method below the root."""
        response = await self._admit(request)
        response.headers["x-request-id"] = str(uuid4())
        response.headers["OData-Version"] = "4.0"
        return response

    async def _admit(self, request: Request) -> Response:
        decision = self._access.check(request.headers.get("authorization"))
        if not decision.allowed:
            refusal = Refusal(decision.status, decision.code, decision.message)
            return refusal_response(refusal, retry_after=decision.retry_after)
        try:
            asked = await self._read(request, decision.role)
            return self._respond(asked, "gzip" in request.headers.get("accept-encoding", ""))
        except Refusal as refusal:
            return refusal_response(refusal)

    async def _read(self, request: Request, role: Role) -> _Asked:
        query_text = request.scope["query_string"].decode("latin-1")
        tunnelled = request.method == "POST" and request.headers.get(OVERRIDE, "").upper() == "GET"
        if tunnelled:
            form = (await request.body()).decode("latin-1")
            query_text = "&".join(part for part in (query_text, form) if part)
        elif request.method not in ("GET", "HEAD"):
            raise not_allowed()
        origin = f"{request.url.scheme}://{request.url.netloc}{request.scope.get('root_path', '')}"
        path = request.path_params["path"]
        return _Asked(
            segments=parse_path(path),
            options=parse_query(query_text),
            query_text=unquote_plus(query_text),
            role=role,
            root=f"{origin}{self._path}",
            url=str(request.url),
        )

    def _respond(self, asked: _Asked, accepts_gzip: bool) -> Response:
        fault = self._faults.take("spark", asked.resource, "answer", asked.query_text)
        if fault is not None:
            return instead(fault)
        if asked.resource == "$metadata" and len(asked.segments) == 1:
            return Response(metadata(self._catalogue), media_type="application/xml")
        body = self._body(asked)
        fault = self._faults.take("spark", asked.resource, "wire", asked.query_text)
        if fault is not None:
            return mangle(fault, body, accepts_gzip)
        return Response(body, media_type=JSON_HEADER)

    def _body(self, asked: _Asked) -> bytes:
        match asked.segments:
            case ():
                return service_document(asked.root)
            case (Segment(name), *_) if not schema.is_entity_set(name):
                raise not_found()
            case (Segment(name, None),):
                return self._collection(asked, name)
            case (Segment(name, str() as key),):
                return self._entity(asked, name, key)
            case (Segment(name, str() as key), Segment(navigation, child_key)):
                if child_key is None:
                    return self._children(asked, name, key, navigation)
                return self._child(asked, name, key, navigation, child_key)
        raise not_found()

    # -- entity sets and their entities

    def _collection(self, asked: _Asked, resource: str) -> bytes:
        query = read_query(asked.options, resource, self._catalogue, asked.role)
        page = served_page(self._catalogue, resource, query)
        writer = Writer(self._catalogue, asked.root)
        written = (writer.entity(resource, key, query) for key in page.keys)
        address = f"{asked.root}/{resource}"
        next_link = None
        if page.next_token is not None:
            next_link = _link(address, query, "$skiptoken", page.next_token)
        elif page.next_skip is not None:
            next_link = _link(address, query, "$skip", str(page.next_skip))
        draft = Draft(
            records=[record for record in written if record is not None],
            count=page.count,
            next_link=next_link,
            own_link=asked.url,
            repeat_link=_same_page(address, query, by_skip=page.next_skip is not None),
            key_field=self._catalogue.key_field(resource),
        )
        fault = self._faults.take("spark", resource, "page", asked.query_text)
        if fault is not None:
            draft = disturb(fault, draft)
        context = f"{asked.root}/$metadata#{resource}"
        return envelope(context, draft.records, draft.count, draft.next_link)

    def _entity(self, asked: _Asked, resource: str, key: str) -> bytes:
        query = read_query(asked.options, resource, self._catalogue, asked.role, ENTITY_OPTIONS)
        body = Writer(self._catalogue, asked.root).entity(resource, key, query)
        if body is None:
            raise not_found()
        return single(f"{asked.root}/$metadata#{resource}/$entity", body)

    # -- what stands under an entity

    def _children(self, asked: _Asked, resource: str, key: str, navigation: str) -> bytes:
        child_type = self._child_type(resource, key, navigation)
        query = read_query(asked.options, child_type, self._catalogue, asked.role, CHILD_OPTIONS)
        found = self._found_children(resource, key, navigation)
        arranged = arrange(found, query, schema.properties(self._catalogue, child_type))
        end = query.skip + (query.top or 1)
        address = f"{asked.root}/{entity(resource, key)}/{navigation}"
        writer = Writer(self._catalogue, asked.root)
        return envelope(
            f"{asked.root}/$metadata#{entity(resource, key)}/{navigation}",
            writer.children(resource, key, navigation, arranged[query.skip : end], query),
            len(arranged) if query.count else None,
            _link(address, query, "$skip", str(end)) if end < len(arranged) else None,
        )

    def _child(
        self, asked: _Asked, resource: str, key: str, navigation: str, child_key: str
    ) -> bytes:
        child_type = self._child_type(resource, key, navigation)
        query = read_query(asked.options, child_type, self._catalogue, asked.role, ENTITY_OPTIONS)
        key_field = schema.key_field(self._catalogue, child_type)
        found = self._found_children(resource, key, navigation)
        child = [each for each in found if each[key_field] == child_key]
        if not child:
            raise not_found()
        writer = Writer(self._catalogue, asked.root)
        (body, *_) = writer.children(resource, key, navigation, child, query)
        context = f"{asked.root}/$metadata#{entity(resource, key)}/{navigation}/$entity"
        return single(context, body)

    def _child_type(self, resource: str, key: str, navigation: str) -> str:
        child_type = schema.navigations(self._catalogue, resource).get(navigation)
        if child_type is None or self._catalogue.head(resource, key) is None:
            raise not_found()
        return child_type

    def _found_children(self, resource: str, key: str, navigation: str) -> list[dict]:
        if not has_content(resource, navigation):
            return []
        return self._catalogue.children(resource, key, navigation)


def _link(address: str, query: Query, option: str, position: str) -> str:
    options = {
        name: value
        for name, value in (query.given or {}).items()
        if name not in ("$skip", "$skiptoken")
    }
    return link(address, {**options, option: position})


def _same_page(address: str, query: Query, *, by_skip: bool) -> str:
    """Another address of the same page: no key lies between a key and the same with a `!`."""
    if by_skip or query.skip:
        return _link(address, query, "$skip", f"0{query.skip}")
    return _link(address, query, "$skiptoken", f"{query.skiptoken or ''}!")
