"""Whether a key sweep proves that it saw the source's whole key set. Pure; no I/O.

The rule (why: an incomplete answer that looks complete is what deletes living listings):
every answer was proper, the keys ascend from page to page, and their number lies between the
counts that the source gave before and after, widened upwards by keys that are new to us.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import lt

from mls_assets.model.records import KeyOrder, KeyPage
from mls_assets.model.text import counted

#: Share of keys that came twice above which a walk is no proof, although each page was proper.
DUPLICATE_SHARE = 0.01


@dataclass(slots=True)
class SweepProof:
    """Collects the evidence page by page; `reasons` says why the sweep is void, if it is.

    Holds the last two keys and counters only, so its size does not depend on the MLS. `end_untold`
    says that the last page was full and without a link, and that the source did not tell what lies
    behind it: then both counts have to be just what came.
    """

    pages: int = 0
    keys: int = 0
    keyless: int = 0
    duplicates: int = 0
    ended: bool = False
    paged_by_skip: bool = False
    end_untold: bool = False
    count_before: int | None = None
    breaches: list[str] = field(default_factory=list)
    keyless_breaches: list[str] = field(default_factory=list)
    _last: str | None = None
    _before_last: str | None = None
    _bytewise: bool = True
    _numeric: bool = True

    def take(self, page: KeyPage) -> None:
        """Add one answer to the evidence."""
        self.pages += 1
        if self.pages == 1:
            self.count_before = page.count
        self.keyless += page.keyless
        if page.keyless:
            self._note(
                self.keyless_breaches,
                f"page {self.pages} holds {page.keyless} record(s) without a usable key",
            )
        for breach in page.breaches:
            self._note(self.breaches, f"page {self.pages}: {breach}")
        self.paged_by_skip = self.paged_by_skip or page.paged_by_skip
        self._follow_all(page.keys)
        self.ended = page.next is None

    @property
    def order(self) -> KeyOrder:
        """How the keys came so far."""
        return KeyOrder(self._last, self._before_last, self._bytewise, self._numeric)

    def reasons(
        self,
        *,
        distinct: int,
        count_after: int | None,
        unknown_locally: int,
        keyless_approved: bool = False,
    ) -> tuple[str, ...]:
        """Why this sweep is void, in words; empty when it is a proof.

        `distinct` is the number of different keys staged, `unknown_locally` how many of them
        were not known here, `count_after` the source's own count once the walk had ended.
        `keyless_approved` releases a sweep that is void for keyless records alone.
        """
        found = list(self.breaches)
        if not keyless_approved:
            found += self.keyless_breaches
        if not self.ended:
            found.append(f"the walk broke off after {self.pages} page(s)")
        # one answer that is the whole set needs no order: nothing could shift from page to page
        whole = self.count_before == count_after == distinct + self.keyless
        if not (self._bytewise or self._numeric or (self.pages == 1 and whole)):
            found.append("the keys do not ascend, so the walk had no stable order")
        if self.end_untold and not whole:
            found.append("the last page was full and had no link, so more may lie behind it")
        if self.duplicates > DUPLICATE_SHARE * max(self.keys, 1):
            found.append(f"{self.duplicates:,} of {self.keys:,} keys came twice")
        found += self._count_reasons(
            seen=distinct + self.keyless,
            count_after=count_after,
            unknown_locally=unknown_locally,
        )
        return tuple(found)

    def _count_reasons(
        self, *, seen: int, count_after: int | None, unknown_locally: int
    ) -> Iterable[str]:
        if self.count_before is None or count_after is None:
            when = "before" if self.count_before is None else "after"
            return [f"the source gave no usable count {when} the walk"]
        least = min(self.count_before, count_after)
        most = max(self.count_before, count_after) + unknown_locally
        if least <= seen <= most:
            return []
        return [
            f"{counted(seen, 'key')} came, but the source counts {self.count_before:,} before and "
            f"{count_after:,} after the walk"
        ]

    def _follow_all(self, keys: Sequence[str]) -> None:
        """Follow a page's keys; in one go if they are digits of one length, as Spark's are.

        Such numbers ascend as texts if they ascend as numbers.
        """
        known = keys if self._last is None else (self._last, *keys)
        alike = len(set(map(len, known))) == 1
        text = "".join(known)
        if alike and text.isascii() and text.isdigit() and all(map(lt, known, known[1:])):
            self.keys += len(keys)
            self._last = known[-1]
            self._before_last = known[-2] if len(known) > 1 else self._before_last
            return
        for key in keys:
            self._follow(key)

    def _follow(self, key: str) -> None:
        self.keys += 1
        last, self._last = self._last, key
        # keys of digits alone may ascend as numbers: '9' before '10'
        self._numeric = self._numeric and key.isascii() and key.isdigit()
        if last is None:
            return
        if key == last:
            self.duplicates += 1
            return
        self._before_last = last
        if self._bytewise and not last.encode() < key.encode():
            self._bytewise = False
        if self._numeric and not int(last) < int(key):
            self._numeric = False

    @staticmethod
    def _note(reasons: list[str], text: str) -> None:
        # enough to understand; a thousand broken pages must not make a thousand lines
        if len(reasons) < 5:
            reasons.append(text)
