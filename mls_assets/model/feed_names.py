"""The identity of a feed: its name, the source it belongs to, and the MLS of its records."""


class FeedName(str):
    """A feed's name, `<source>/<own name>`, such as `spark/default` or `forge/armls`.

    It is a text, so it goes wherever a name goes. `mls` is the MLS of a record that names none:
    the own name where the feeds of a source are MLSs (Forge), else the whole name.
    """

    __slots__ = ("mls", "source")
    source: str
    mls: str

    def __new__(cls, text: str, *, is_mls: bool = False) -> "FeedName":
        """Take a feed's whole name apart."""
        name = super().__new__(cls, text)
        name.source, _, own = text.partition("/")
        name.mls = own if is_mls and own else str(text)
        return name

    @classmethod
    def of(cls, feed: str) -> "FeedName":
        """Return the identity that a name has already, else that of a plain text."""
        return feed if isinstance(feed, cls) else cls(feed)

    @property
    def own(self) -> str:
        """The name within its source."""
        return self.partition("/")[2]

    @property
    def id_part(self) -> str:
        """The name as it stands in ids, where a slash would be in the way."""
        return self.replace("/", "-")
