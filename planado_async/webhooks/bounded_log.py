"""Log lines about what may happen a thousand times a second."""

import logging
import time
from collections.abc import Callable

log: logging.Logger = logging.getLogger("planado_async.webhooks")

LOG_EVERY = 10.0
"""Seconds between two log lines of one kind."""


class BoundedLog:
    """Logs what is of one kind at most every `LOG_EVERY` seconds, and how many were left out."""

    def __init__(
        self, to: logging.Logger = log, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._to = to
        self._clock = clock
        self._next: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def warning(self, kind: str, reason: object, error: BaseException | None = None) -> None:
        """Log a line, with the traceback of `error`; count it if its kind was logged just now."""
        now = self._clock()
        if now < self._next.get(kind, now):
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return
        self._next[kind] = now + LOG_EVERY
        others = _others(self._left_out.pop(kind, 0))
        self._to.warning("%s: %s%s", kind, reason, others, exc_info=error)


def _others(count: int) -> str:
    return f" (and {count} more since the last such line)" if count else ""
