"""The emulator's clock, and the forms in which moments go over the wire.

The clock runs on the event loop's own time, so a virtual-time loop carries it along. It starts at
a given moment and runs `speed` times as fast as the loop.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta


class Clock:
    """Tells the emulated time."""

    def __init__(self, start: datetime | None, speed: float) -> None:
        self.start: datetime = (start or datetime.now(UTC)).astimezone(UTC)
        self.speed = speed
        self._loop = asyncio.get_running_loop()
        self._began_at = self._loop.time()
        self._held_at: float | None = None

    def now(self) -> datetime:
        """The emulated moment, in UTC."""
        return self.start + timedelta(seconds=self.elapsed())

    def after(self, seconds: float) -> datetime:
        """The moment that lies so many emulated seconds ahead."""
        return self.now() + timedelta(seconds=seconds)

    def elapsed(self) -> float:
        """Emulated seconds since the start."""
        if self._held_at is not None:
            return self._held_at
        return (self._loop.time() - self._began_at) * self.speed

    @contextmanager
    def held_at(self, moment: datetime) -> Iterator[None]:
        """Lets the clock stand at an earlier moment, for what is made late as if made then."""
        self._held_at = (moment - self.start).total_seconds()
        try:
            yield
        finally:
            self._held_at = None

    async def sleep(self, seconds: float) -> None:
        """Lets so many emulated seconds pass."""
        await asyncio.sleep(seconds / self.speed)


def microseconds(moment: datetime) -> str:
    """The form of `created_at` and `updated_at`: microseconds and `Z`."""
    return _iso(moment, "microseconds") + "Z"


def milliseconds(moment: datetime) -> str:
    """The form of a job's `timestamps`: milliseconds and `Z`."""
    return _iso(moment, "milliseconds") + "Z"


def seconds(moment: datetime) -> str:
    """The form of `scheduled_at`: whole seconds and `Z`."""
    return _iso(moment, "seconds") + "Z"


def event_time(moment: datetime) -> str:
    """The form of contexts and locations: milliseconds and `+00:00`."""
    return _iso(moment, "milliseconds") + "+00:00"


def log_time(moment: datetime) -> str:
    """The form of the delivery log: whole seconds and `+00:00`."""
    return _iso(moment, "seconds") + "+00:00"


def _iso(moment: datetime, timespec: str) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=timespec)
