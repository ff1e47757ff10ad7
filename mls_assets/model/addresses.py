"""What all readers of URLs agree about: which host is this machine, and which port is implied."""

import ipaddress

#: Schemes that a source may have, each with its port where an address names none.
DEFAULT_PORTS = {"https": 443, "http": 80}


def is_loopback(host: str) -> bool:
    """Tell whether a host's name or address means this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
