"""What a protocol surface may ask of the market, and nothing about how the market answers.

The Spark surface (`mls_assets.sandbox.spark`) is written against `Catalogue` alone; the market
implements it. Keys are strings; their order is the bytewise order of the strings.

Fast path. Serialising a 25 kB record costs more than making it, so the market also hands out
finished JSON text built from prepared fragments:

* `record_json` is the text of exactly what `record` returns: an object that ends in `}` and has at
  least one field, so a surface may append `,"@odata.id":"..."}` after cutting the last byte;
* `children_json` is the text of the array that `children` returns, with the `@odata.id` of each
  child already in it (Media: absolute under `root`, all others relative, as Spark writes them).

Use them whenever a page is asked for without `$select` or with `$select` of fields in `head`
alone; use `record` where fields have to be picked or compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, Protocol

Shape = Literal["v2", "v3"]

ENTITY_SETS = ("Property", "Member", "Office", "OpenHouse", "Lookup")
"""Entity sets in the order in which the service document lists them."""


class Catalogue(Protocol):
    """The visible content of one Spark feed in one payload shape, at the sandbox's own time."""

    @property
    def shape(self) -> Shape:
        """`v2` (null-padded, one boolean a custom option) or `v3` (enabled fields, arrays)."""
        ...

    def with_shape(self, shape: Shape) -> Catalogue:
        """The same market seen in another shape."""
        ...

    def now(self) -> datetime:
        """The sandbox clock, aware and in UTC."""
        ...

    def count(self, resource: str) -> int:
        """Number of visible entities."""
        ...

    def keys(self, resource: str, after: str | None = None) -> Iterator[str]:
        """Visible keys strictly after `after`, ascending, lazily; O(log n) to start."""
        ...

    def head(self, resource: str, key: str) -> dict[str, Any] | None:
        """The cheap fields: key, ModificationTimestamp, status, number; None if invisible."""
        ...

    def record(self, resource: str, key: str) -> dict[str, Any] | None:
        """The full record with hidden-field annotations, without expansions and `@odata.id`."""
        ...

    def record_json(self, resource: str, key: str) -> bytes | None:
        """`record` as compact JSON text in UTF-8."""
        ...

    def children(self, resource: str, key: str, navigation: str) -> list[dict[str, Any]]:
        """The entities under a navigation, `[]` if there are none; without `@odata.id`."""
        ...

    def children_json(self, resource: str, key: str, navigation: str, root: str) -> bytes:
        """`children` as JSON text, each with its `@odata.id`; `root` has no slash at its end."""
        ...

    def modified_since(self, resource: str, moment: datetime) -> Iterator[str]:
        """Visible keys with a ModificationTimestamp after `moment`, ascending by key."""
        ...

    def properties(self, resource: str) -> Mapping[str, str]:
        """Field to Edm type; also of the nested types `Media`, `PropertyRooms`, `PropertyUnits`."""
        ...

    def navigations(self, resource: str) -> Mapping[str, str]:
        """Navigation to entity type, such as `Room` to `PropertyRooms`."""
        ...

    def key_field(self, resource: str) -> str:
        """The name of the key, also for the nested types."""
        ...

    def local_names(self) -> Mapping[str, str]:
        """Custom field to its readable label, such as `Flooring: Ceramic Tile`."""
        ...
