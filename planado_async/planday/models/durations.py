"""How long things last: between two moments, and in the forms that Planday writes."""

import re
from datetime import UTC, datetime, timedelta

from planado_async.core.errors import UnexpectedResponseError

_DAYS_HOURS_MINUTES = re.compile(r"(\d):([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_HOURS_MINUTES_SECONDS = re.compile(r"(\d\d):([0-5]\d):([0-5]\d)", re.ASCII)


def passed(start: datetime | None, end: datetime | None) -> timedelta | None:
    """Return the time that really passes between two moments, None without both."""
    if start is None or end is None:
        return None
    # Of two moments in one zone Python would subtract what the clocks show.
    return end.astimezone(UTC) - start.astimezone(UTC)


def days_hours_minutes(text: str) -> timedelta:
    """Read a duration of Time and Cost: `0:07:30` is seven and a half hours.

    Planday's page calls this form HH:MM:SS, which its answers are not. Were one to be, it would
    have two digits in front, and is refused: no shift lasts ten days.

    Raises:
        UnexpectedResponseError: it has another form.
    """
    days, hours, minutes = _parts(text, _DAYS_HOURS_MINUTES, "days, hours and minutes, 0:07:30")
    return timedelta(days=days, hours=hours, minutes=minutes)


def hours_minutes_seconds(text: str) -> timedelta:
    """Read a duration of the punch clock: `00:30:00` is half an hour.

    Raises:
        UnexpectedResponseError: it has another form.
    """
    hours, minutes, seconds = _parts(
        text, _HOURS_MINUTES_SECONDS, "hours, minutes and seconds, 00:30:00"
    )
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _parts(text: str, form: re.Pattern[str], wanted: str) -> tuple[int, int, int]:
    parts = form.fullmatch(text)
    if parts is None:
        raise UnexpectedResponseError(f"a duration is {text!r}; expected {wanted}")
    first, second, third = map(int, parts.groups())
    return first, second, third
