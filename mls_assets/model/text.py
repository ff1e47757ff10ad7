"""Numbers as people read them."""


def amount(number: int | None) -> str:
    """Return a number with thousands separated, or a dash where nobody knows it."""
    return "-" if number is None else f"{number:,}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, `1 key` or `2,000 keys`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
