"""A lock that the system lets go of when the process ends, however it ends."""

import os
import sys

from planado_async.core.errors import ConfigurationError

if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _take(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class FileLock:
    """Holds `<guarded>.lock`, which is made if it is not there and never removed.

    Removing it would let two processes hold two files of one name. Symbolic links are followed
    first, so that every path to a file has the same lock.
    """

    def __init__(self, guarded: str) -> None:
        path = f"{os.path.realpath(guarded)}.lock"
        self._descriptor: int | None = _open(path, guarded)
        try:
            _take(self._descriptor)
        except OSError as error:
            self.release()
            raise ConfigurationError(
                f"the inbox {guarded!r} is in use: another Webhooks or SqliteInbox writes it and "
                f"holds {path!r}. One process at a time may; others can open it with readonly=True "
                "to look and to export. Replay and drop go through the one that runs."
            ) from error

    def release(self) -> None:
        """Let the lock go; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _open(path: str, guarded: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
    except OSError as error:
        raise ConfigurationError(f"the inbox {guarded!r} cannot be opened: {error}") from error
