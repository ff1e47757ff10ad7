"""What a sweep, or a replay, can come to. The only place where these words stand."""

from enum import StrEnum


class Verdict(StrEnum):
    """The `verdict` of a row in `sweeps`."""

    RUNNING = "running"
    PLANNED = "planned"
    RECONCILED = "reconciled"
    UNEQUAL = "unequal"
    BLOCKED = "blocked"
    VOID = "void"
