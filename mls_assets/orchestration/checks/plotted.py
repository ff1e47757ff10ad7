"""Numbers of each feed as metadata of a check, so that they plot; as long as there are few."""

from collections.abc import Mapping

#: So many lines of a kind can still be told apart. Each run stores them again, for every feed: with
#: hundreds of feeds that alone would be gigabytes a day.
MAX_PLOTTED_FEEDS = 50


def of_each(**kinds: Mapping[str, float]) -> dict[str, float]:
    """Return `{"kind feed resource": number}`; nothing where there are too many to plot."""
    if any(len(numbers) > MAX_PLOTTED_FEEDS for numbers in kinds.values()):
        return {}
    return {
        f"{kind} {whose}": number
        for kind, numbers in kinds.items()
        for whose, number in sorted(numbers.items())
    }
