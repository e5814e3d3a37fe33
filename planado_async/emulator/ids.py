"""UUIDs that look like the service's own: version 6, ordered by time, lower case."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

# Version 6 counts tenths of a microsecond from the first day of the Gregorian calendar.
GREGORIAN = datetime(1582, 10, 15, tzinfo=UTC)
SHAPE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Ids:
    """Hands out UUIDs, each later in order than the one before."""

    def __init__(self, random: Random, now: Callable[[], datetime]) -> None:
        self._random = random
        self._now = now
        self._last = 0

    def new(self) -> str:
        """The next UUID."""
        ticks = (self._now() - GREGORIAN) // timedelta(microseconds=1) * 10
        self._last = max(ticks, self._last + 1)
        return version_6(self._last, self._random.getrandbits(62))


def version_6(ticks: int, tail: int) -> str:
    """Lays out a version 6 UUID from 60 bits of time and 62 bits of anything."""
    digits = f"{ticks >> 12:012x}6{ticks & 0xFFF:03x}{1 << 63 | tail:016x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def looks_like_uuid(text: str) -> bool:
    """Whether a path's id has the form of a UUID, so that it cannot be meant as an external id."""
    return SHAPE.fullmatch(text) is not None
