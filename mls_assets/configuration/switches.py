"""Variables that switch something on or off. What is switched is not known here."""

import os
from collections.abc import Mapping

from mls_assets.errors import ConfigurationError

SENSORS_VARIABLE = "MLS_ASSETS_SENSORS"
_WORDS = {"on": True, "off": False}
#: Characters of a value that a message shows.
_SHOWN = 40


def sensors_on(environ: Mapping[str, str] | None = None, *, default: bool = False) -> bool:
    """Tell whether sensors run from the start; `default` where the variable is empty or not set.

    Raises ConfigurationError for anything but on and off, in any case of letters.
    """
    environ = os.environ if environ is None else environ
    said = environ.get(SENSORS_VARIABLE, "").strip()
    if not said:
        return default
    if said.lower() not in _WORDS:
        raise ConfigurationError(
            f"{SENSORS_VARIABLE} is {said[:_SHOWN]!r}, but has to be on or off. Nothing was done; "
            "set it to one of them, or unset it."
        )
    return _WORDS[said.lower()]
