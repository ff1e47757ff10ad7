"""What is really there: count, digest and keys of a resource, to compare a copy with."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from itertools import islice
from typing import Any

from mls_assets.sandbox.control.verbs import ControlError, Target

_PAGE = 1_000


def tell(target: Target, asked: Mapping[str, str]) -> dict[str, Any]:
    """Count and SHA-256 of the ascending keys, each followed by a newline (`sort | sha256sum`).

    With `keys=true` also a page of the keys: those after `after`, `limit` at most; `next` is the
    `after` of the next page, null at the end.
    """
    digest = sha256()
    count = 0
    for key in target.keys(None):
        digest.update(key.encode() + b"\n")
        count += 1
    answer: dict[str, Any] = {"count": count, "digest": digest.hexdigest()}
    if asked.get("keys") in ("true", "1"):
        limit = _whole(asked.get("limit", str(_PAGE)))
        page = list(islice(target.keys(asked.get("after")), limit + 1))
        answer["keys"] = page[:limit]
        answer["next"] = page[limit - 1] if len(page) > limit else None
    return answer


def _whole(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ControlError('"limit" has to be a whole number from 1.')
    return int(text)
