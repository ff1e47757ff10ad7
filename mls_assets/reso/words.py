"""What a source's own words mean: labels of its custom fields, values that RESO knows. Pure."""

from mls_assets.model.resources import Source
from mls_assets.reso import dictionary
from mls_assets.reso.dialects import forge, spark


def label_of(source: Source, name: str) -> str:
    """Return the readable label of a source's field, as far as its name tells it."""
    return (spark if source is Source.SPARK else forge).label(name)


def is_standard(lookup: str, value: str) -> bool:
    """Tell whether the Data Dictionary 2.0 has this value in a lookup of this name."""
    known = dictionary.all_lookups().get(lookup)
    return known is not None and known.standard(value) in known.values
