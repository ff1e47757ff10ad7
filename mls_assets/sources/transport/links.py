"""Where a request may go: the configured origin, and how links are read, compared and shown.

Pure text rules on URLs. No request is made here, and nothing here knows OData or GraphQL.
"""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from mls_assets.errors import ConfigurationError, SourceRefused
from mls_assets.model.addresses import DEFAULT_PORTS, is_loopback

# Characters that URL readers disagree about: whitespace, controls, and the backslash that
# browsers take for a slash. Nothing that is sent holds one.
_AMBIGUOUS = re.compile(r"[\x00-\x20\x7f\\\ud800-\udfff]")
_UP_TO_HOST = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]*")
# What RFC 3986 lets stand neither in a path nor in a query, a "%" without its two digits
# included, and "#", which would end them. Controls are left for `permit` to refuse.
_INVALID = re.compile(
    r"%(?![0-9A-Fa-f]{2})|[^%\x00-\x1f\x7f\ud800-\udfffA-Za-z0-9\-._~!$&'()*+,;=:@/?]"
)
_QUERY_IN_TEXT = re.compile(r"(https?://[^\s?\"'<>]*)\?[^\s\"'<>]*")


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: the only place that ever gets the token.

    It is made once from the configuration and never derived again from anything that a server
    sent.
    """

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, address: str) -> "Origin":
        """Read a configured address. Raises ConfigurationError; its text shows no secret."""
        parts = _split(address.strip())
        if isinstance(parts, str):
            raise ConfigurationError(f"The configured address of the source {parts}; correct it.")
        origin = cls(parts.scheme, parts.hostname or "", _port(parts))
        if parts.query or parts.fragment:
            raise ConfigurationError(
                f"The configured address of {origin.host} has a query or a fragment; "
                "give the plain root address."
            )
        if parts.scheme == "http" and not is_loopback(origin.host):
            raise ConfigurationError(
                f"Plain http is for loopback addresses only, and {origin.host} is not one; "
                "use https."
            )
        return origin

    def permit(self, url: str) -> str:
        """Return `url` unchanged if it leads to this origin, else raise SourceRefused.

        To be called before a byte is sent: links come from answers, and an answer can lie.
        """
        parts = _split(url)
        if isinstance(parts, str):
            raise self._refused(parts)
        found = Origin(parts.scheme, parts.hostname or "", _port(parts))
        if found != self:
            raise SourceRefused(
                f"A link of {self} leads to {shown_text(str(found))}; it was not followed, and "
                "nothing was sent there. If the source has moved, configure its new address."
            )
        return url

    def resolve(self, link: str, asked: str) -> str:
        """The absolute form of a relative link in the answer to `asked`, permitted or refused."""
        if problem := _ambiguity(link):  # `urljoin` would drop line ends and tabs unseen
            raise self._refused(problem)
        return self.permit(urljoin(asked, link))

    def _refused(self, problem: str) -> SourceRefused:
        text = f"A link of {self} {problem}; it was not followed, and nothing was sent."
        return SourceRefused(text)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        standard = self.port == DEFAULT_PORTS.get(self.scheme)
        return f"{self.scheme}://{host}" + ("" if standard else f":{self.port}")


def _split(url: str) -> SplitResult | str:
    """Take a URL apart, or say in words why it can't be trusted to mean one thing."""
    if problem := _ambiguity(url):
        return problem
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, _port(parts)
    except ValueError:
        return "is no readable URL"
    if parts.scheme not in DEFAULT_PORTS:
        return "is neither https nor http"
    if "@" in parts.netloc:
        return "carries a user name or password"
    if not host or not parts.netloc.isascii():
        return "names no plain ASCII host"
    if host.endswith("."):
        return "names a host with a dot at its end"
    if not 0 < port < 65536:
        return "has no usable port"
    return parts


def _ambiguity(text: str) -> str:
    found = _AMBIGUOUS.search(text)
    if not found:
        return ""
    what = {" ": "a space", "\\": "a backslash"}.get(found[0], "a control character")
    return f"holds {what} where none may be"


def _port(parts: SplitResult) -> int:
    return parts.port if parts.port is not None else DEFAULT_PORTS.get(parts.scheme, 0)


def resolve_link(link: str, asked: str, origin: Origin) -> str:
    """The absolute form of a link found in the answer to `asked`, permitted or refused.

    An absolute link stays verbatim but for what cannot be sent, see `sendable`. A relative one is
    resolved against the request's URL; for a collection that is the same as against the service
    root.
    """
    absolute = "://" in link.split("?", 1)[0]
    link = sendable(link)
    return origin.permit(link) if absolute else origin.resolve(link, asked)


def sendable(url: str) -> str:
    """A URL or relative link with nothing in it that no request can carry.

    What is valid stays byte for byte, existing escapes and their case included; each byte that
    is not (a space, `é`, `|`, a "%" that begins no escape) becomes its own escape. So does a "#":
    no fragment is ever sent, so in a link it can only be a value's own. A backslash before the
    query stays, for `permit` to refuse: some take it for a slash. What comes out goes in again
    unchanged.
    """
    host = _UP_TO_HOST.match(url)
    begin = host.end() if host else 0
    path, mark, query = url[begin:].partition("?")
    if host and path and not path.startswith("/"):
        path = f"/{path}"
    if "\\" not in path:
        path = _INVALID.sub(_escaped, path)
    return url[:begin] + path + mark + _INVALID.sub(_escaped, query)


def _escaped(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode())


def target_of(url: str) -> str:
    """What a request line has of an absolute URL: all behind the host."""
    host = _UP_TO_HOST.match(url)
    target = url[host.end() :] if host else url
    return target if target.startswith("/") else f"/{target}"


def shown_address(url: str) -> str:
    """A URL as messages may show it: host and path, never the query."""
    parts = urlsplit(url)
    return shown_text(f"{parts.netloc.rpartition('@')[2]}{parts.path}")


def shown_text(text: str, limit: int = 200) -> str:
    """Foreign text for a message: one line, printable, without query strings, cut at `limit`."""
    text = _QUERY_IN_TEXT.sub(r"\1?...", " ".join(text.split()))
    safe = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[:limit])
    return safe + ("..." if len(text) > limit else "")
