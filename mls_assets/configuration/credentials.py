"""Tokens, and the addresses that they may travel to. Nothing else belongs here.

A token is held by the name of its variable and looked up at the last moment, so that no object
that could be printed has one.
"""

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from mls_assets.errors import ConfigurationError
from mls_assets.model.addresses import is_loopback

#: What the name of a token's variable looks like.
VARIABLE_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*\Z"
_QUOTES = "\"'`\u201c\u201d\u2018\u2019"


def token_of(token_env: str, environ: Mapping[str, str] | None = None) -> str:
    """Return the token that the variable `token_env` holds.

    Raises ConfigurationError when it is not set, or holds what no header may hold.
    """
    token = (os.environ if environ is None else environ).get(token_env, "").strip()
    variable = _shown(token_env)
    if not token:
        raise ConfigurationError(
            f"The variable {variable} holds no token. Nothing was asked; set it, and export it."
        )
    problem = _problem(token)
    if problem:
        raise ConfigurationError(
            f"The variable {variable} holds {problem}. Nothing was asked; set it to the token "
            "alone."
        )
    return token


def _problem(token: str) -> str:
    """Say what a token has that none may have, without showing it; empty if nothing."""
    if "\ufeff" in token:
        return "a byte order mark (U+FEFF) beside the token, as some editors write it"
    if token[0] in _QUOTES or token[-1] in _QUOTES:
        return "quotation marks around the token"
    if token.lower().startswith("authorization:"):
        return "a whole Authorization header"
    if token.split()[0].lower() == "bearer":
        return "the word Bearer before the token; it is added to each request"
    if not token.isascii() or not token.isprintable() or " " in token:
        return "characters that no token has (blanks, line breaks or letters outside ASCII)"
    return ""


def _shown(variable: str) -> str:
    """Return the name of a variable, but not what looks like a token in its place."""
    return variable if variable.isupper() or len(variable) < 16 else f"{variable[:3]}... (cut)"


def checked_url(url: str, where: str) -> str:
    """Return the URL if it may carry a token: https, or http to a loopback address.

    Raises ConfigurationError otherwise (`docs/contract.md`, Configuration).
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ConfigurationError(f"{where}: the URL cannot be read.") from None
    host = parts.hostname or ""
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError(
            f"{where}: the URL has to be scheme, host and path alone; tokens come by variable."
        )
    if parts.scheme == "https" and host:
        return url
    if parts.scheme == "http" and is_loopback(host):
        return url
    raise ConfigurationError(
        f"{where}: {parts.scheme or 'no scheme'}://{host} is refused: a token travels by https "
        "only (plain http to loopback addresses alone). Nothing was asked."
    )
