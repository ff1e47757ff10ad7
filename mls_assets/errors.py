"""What can go wrong in words a user can act on, with the exit code each kind means.

Every error says what happened (with numbers), what was not done, and the next step. None ever
carries a token, a payload or a listing's content.
"""


class MlsAssetsError(Exception):
    """Base of every failure this project raises on purpose. `transient` ones may be retried."""

    exit_code = 1
    transient = False


class ConfigurationError(MlsAssetsError):
    """Wrong usage or configuration: unknown feed, missing token, bad feeds file."""

    exit_code = 2


class TokenRefused(ConfigurationError):
    """The source refused the token (401, or a 403 that speaks of the key)."""


class NotDownloaded(ConfigurationError):
    """There is nothing to purge yet: the resource was never downloaded completely."""


class SourceError(MlsAssetsError):
    """The source did not answer properly."""


class SourceUnreachable(SourceError):
    """No proper answer within the patience given: refused, timed out, 429 or 5xx throughout.

    `answers` says that the source was there and did not limit us, so that another question may
    well be answered.
    """

    transient = True

    def __init__(self, message: str, *, answers: bool = False) -> None:
        super().__init__(message)
        self.answers = answers


class SourceRefused(SourceError):
    """The source answered with an error that asking again cannot mend (400, 404, redirect...)."""


class AnswerBroken(SourceError):
    """The answer was no proper answer: not JSON, truncated, too large, no list of records."""


class LinkExpired(SourceError):
    """A continuation link is not valid any more; the walk has to begin again."""


class PagingLoop(SourceError):
    """A walk does not get on: a link came twice, or pages brought nothing new."""


class SelectionNarrowed(SourceError):
    """The source offers fewer fields than it was asked for until now."""


class AccessLost(SourceError):
    """Forge answered `mls: null`: the MLS is unknown, or access to it has ended.

    `unlisted` says that its list of MLSs, asked for at once, is proper and lacks it too.
    """

    def __init__(self, message: str, *, unlisted: bool = False) -> None:
        super().__init__(message)
        self.unlisted = unlisted


class CursorWentBack(SourceError):
    """Forge's `latest_event` is lower than the one sent: its event log was reset."""


class DownloadIncomplete(SourceError):
    """The chain of pages ended, but fewer keys came than the source counts."""


class CollectionCut(SourceError):
    """A collection of a listing came cut, and the rest could not be had; all else landed."""


class FeedBusy(MlsAssetsError):
    """Another process works on this feed."""

    transient = True


class WarehouseBusy(MlsAssetsError):
    """Another process holds the warehouse file and did not let go in time."""

    transient = True


class WarehouseRefused(MlsAssetsError):
    """The database file is corrupt, from a newer version, or not ours; it was left untouched.

    `remedy` is the next step, where it is another than to restore a backup.
    """

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class SweepVoid(MlsAssetsError):
    """A key sweep could not prove that it was complete, so it removed nothing."""


class SweepBlocked(MlsAssetsError):
    """A guard held a purge back: too much would have been removed."""

    exit_code = 3
