"""From the time on a wall to a moment, for an API that tells a local time and names its zone.

Twice a year that is not enough: an hour comes twice, and an hour does not come at all. Both are
decided here. Of an hour that comes twice, the first is meant. A time that does not come is moved
on by as much as the clocks are: 02:30 is 03:30 then, which is what a clock on the wall shows that
was not stopped. A time that carries its own offset is that moment, told in the zone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def moment_of(text: str, zone: str) -> datetime:
    """Return the moment of an ISO 8601 date-time on the wall of a zone (IANA name).

    Raises:
        ValueError: it is no date-time, or the zone is not known here.
    """
    told = datetime.fromisoformat(text)
    if told.tzinfo is None:
        return on_the_wall(told, zone)
    with _in_range():
        return told.astimezone(zone_of(zone))


def on_the_wall(told: datetime, zone: str) -> datetime:
    """Return the moment when a naive time is on the wall of a zone (IANA name).

    Raises:
        ValueError: the zone is not known here.
    """
    there = zone_of(zone)
    moment = told.replace(tzinfo=there, fold=0)
    with _in_range():
        # Back from UTC, a time that does not come is one that does.
        return moment.astimezone(UTC).astimezone(there)


@contextmanager
def _in_range() -> Iterator[None]:
    """Tell as a ValueError that a moment lies before the first or after the last one there is."""
    try:
        yield
    except OverflowError:
        raise ValueError("a date-time at the edge of time, which is no moment everywhere") from None


@lru_cache(maxsize=256)
def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name.

    Raises:
        ValueError: it is not known here.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        raise ValueError(
            f"{name!r} is no time zone known here; on a system without zones: pip install tzdata"
        ) from None
