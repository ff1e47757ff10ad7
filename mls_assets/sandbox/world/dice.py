"""Deterministic chance: the same draws on every machine and Python version, from integers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from struct import pack
from typing import TypeVar

T = TypeVar("T")
_MASK = (1 << 64) - 1
_LEAST = 1 << 64


def salt(seed: int, name: str) -> int:
    """64 bits that stand for one purpose of one seed."""
    return int.from_bytes(blake2b(f"{seed}/{name}".encode(), digest_size=8).digest(), "big")


def mix(salt: int, index: int) -> int:
    """64 well-mixed bits of an index: the finaliser of splitmix64, for when one draw is enough."""
    x = (salt + (index + 1) * 0x9E3779B97F4A7C15) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


class Dice:
    """A stream of draws that belongs to (salt, index)."""

    __slots__ = ("_bits", "_index", "_round", "_salt")

    def __init__(self, salt: int, index: int) -> None:
        self._salt = salt
        self._index = index
        self._round = 0
        self._bits = 0
        self._refill()

    def _refill(self) -> int:
        draw = blake2b(pack("<QqQ", self._salt, self._index, self._round), digest_size=32)
        self._bits = int.from_bytes(draw.digest(), "big")
        self._round += 1
        return self._bits

    def below(self, limit: int) -> int:
        """An integer in 0..limit-1."""
        bits = self._bits
        if bits < _LEAST:
            bits = self._refill()
        self._bits, drawn = divmod(bits, limit)
        return drawn

    def between(self, low: int, high: int) -> int:
        """An integer in low..high."""
        return low + self.below(high - low + 1)

    def chance(self, percent: float) -> bool:
        """True in so many percent of the cases (to a tenth)."""
        return self.below(1000) < percent * 10

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, each as often."""
        return options[self.below(len(options))]

    def weighted(self, options: Mapping[T, int]) -> T:
        """One of the options, as often as its weight says."""
        drawn = self.below(sum(options.values()))
        for option, weight in options.items():
            drawn -= weight
            if drawn < 0:
                return option
        raise ValueError("The weights are empty.")
