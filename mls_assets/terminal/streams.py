"""Standard input, output and error as a program gets them: none of them ever ends the work.

What cannot be shown is dropped: to a reader that went away (`| head -1`), to a full disk, to a
closed descriptor or a terminal that is gone, in an encoding that lacks a letter. Whoever's work it
is to show something asks `lost` whether it arrived.
"""

import errno
import io
import os
import select
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from mls_assets.errors import MlsAssetsError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

#: Seconds that a reader with a full pipe that must not block may take for the next bytes.
_READER_SECONDS = 10.0


class _Dropping(io.FileIO):
    """A descriptor that takes whatever is written; `lost` is the error that dropped something."""

    lost: OSError | None = None

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write what can be written, and call it all written."""
        rest = memoryview(data).cast("B")
        size = rest.nbytes
        try:
            while rest:
                taken = super().write(rest)
                if taken is None:  # somebody made the descriptor non-blocking, and it is full
                    taken = self._wait()
                rest = rest[taken:]
        except OSError as error:
            self.lost = self.lost or error
        return size

    def _wait(self) -> int:
        if not select.select([], [self], [], _READER_SECONDS)[1]:
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return 0


def keep_going() -> None:
    """Make the process's own streams such ones; streams that somebody else put there stay."""
    _take_the_first_three()
    if sys.stdout is sys.__stdout__:
        sys.stdout = _stream(sys.stdout, 1, errors="replace")
    if sys.stderr is sys.__stderr__:
        sys.stderr = _stream(sys.stderr, 2, errors="backslashreplace")


def lost() -> OSError | None:
    """Return why something that was written to standard output did not arrive, None if all did."""
    with suppress(ValueError):
        sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw.lost if isinstance(raw, _Dropping) else None


def reader_left(error: OSError) -> bool:
    """Tell whether the reader simply had enough, as `head` has."""
    return error.errno == errno.EPIPE


def deliver(*, whole: bool = False) -> None:
    """Raise MlsAssetsError if what a verb was asked to show could not be shown.

    A reader that had enough (`| head -1`) is no failure, unless half an answer is none (`whole`).
    """
    error = lost()
    if error is not None and (whole or not reader_left(error)):
        raise MlsAssetsError(
            f"Standard output did not take the whole answer ({error.strerror}), so what arrived is "
            "cut off. Nothing was changed; ask again, into a file or a pipe that takes all of it."
        )


def _take_the_first_three() -> None:
    """Point descriptors that came closed to nothing: else the next file opened becomes "stdout"."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY if number == 0 else os.O_WRONLY)


def _stream(given: TextIO | None, number: int, *, errors: str) -> TextIO:
    if given is None:  # it came closed, so whatever has its number now is not ours to write to
        raw = _Dropping(os.open(os.devnull, os.O_WRONLY), "w")
        raw.lost = OSError(errno.EBADF, os.strerror(errno.EBADF))
        return io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", errors)
    with suppress(OSError, ValueError):
        given.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Dropping(number, "w", closefd=False)),
        given.encoding,
        errors,
        line_buffering=getattr(given, "line_buffering", False),
        write_through=getattr(given, "write_through", False),
    )
