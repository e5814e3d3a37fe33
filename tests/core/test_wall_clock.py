"""From the time on a wall to a moment, in the nights the clocks change too."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from planado_async.core.wall_clock import moment_of, on_the_wall, zone_of

# Halves and quarters of an hour, changes by half an hour, at midnight, and by a whole day.
ZONES = st.sampled_from(
    [
        "UTC",
        "Europe/Copenhagen",
        "Europe/London",
        "Europe/Dublin",
        "America/New_York",
        "America/Sao_Paulo",
        "Asia/Beirut",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Africa/Casablanca",
    ]
)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2037, 12, 31)).map(
    lambda told: told.replace(fold=0)  # text, which is what is told, has none
)
"""Of the years in which zones have rules."""
NIGHTS = st.builds(
    datetime.combine,
    st.sampled_from(
        [
            date(2026, 3, 29),
            date(2026, 10, 25),
            date(2026, 3, 8),
            date(2026, 11, 1),
            date(2026, 4, 5),
            date(2026, 10, 4),
            date(2018, 11, 4),
            date(2022, 3, 27),
            date(2011, 12, 30),
        ]
    ),
    st.times().map(lambda told: told.replace(fold=0)),
)
"""Of the days on which the clocks of one zone or another change."""


GAPS = st.sampled_from(
    [
        ("Europe/Copenhagen", datetime(2026, 3, 29, 2), timedelta(hours=1)),
        ("Europe/London", datetime(2026, 3, 29, 1), timedelta(hours=1)),
        ("America/New_York", datetime(2026, 3, 8, 2), timedelta(hours=1)),
        ("Australia/Lord_Howe", datetime(2026, 10, 4, 2), timedelta(minutes=30)),
        ("America/Sao_Paulo", datetime(2018, 11, 4), timedelta(hours=1)),
        ("Asia/Beirut", datetime(2022, 3, 27), timedelta(hours=1)),
        ("Pacific/Apia", datetime(2011, 12, 30), timedelta(days=1)),
    ]
)
"""What the clocks of a zone leave out: from when on, and how much."""


def shown(moment: datetime) -> datetime:
    """What a clock on the wall shows."""
    return moment.replace(tzinfo=None, fold=0)


def exists(told: datetime, zone: str) -> bool:
    there = told.replace(tzinfo=zone_of(zone))
    return shown(there.astimezone(UTC).astimezone(there.tzinfo)) == told


@given(TIMES | NIGHTS, ZONES)
def test_a_moment_that_is_told_comes_back(told: datetime, zone: str) -> None:
    """Unless its hour comes twice, and it is the second; then it is the first that comes back."""
    moment = told.replace(tzinfo=UTC)
    there = moment.astimezone(zone_of(zone))
    back = on_the_wall(shown(there), zone)
    twice = there.replace(fold=0).utcoffset() != there.replace(fold=1).utcoffset()
    if twice and there.fold:
        first, second = (there.replace(fold=fold).utcoffset() for fold in (0, 1))
        assert first is not None
        assert second is not None
        assert moment - back.astimezone(UTC) == first - second
    else:
        assert back.astimezone(UTC) == moment


@given(TIMES | NIGHTS, ZONES)
def test_a_time_that_comes_is_what_the_clock_shows(told: datetime, zone: str) -> None:
    """It is not moved, and the moment is told in its zone."""
    assume(exists(told, zone))
    moment = on_the_wall(told, zone)
    assert shown(moment) == told
    assert moment.fold == 0
    assert moment.tzinfo is zone_of(zone)


@given(GAPS, st.floats(0, 1, exclude_max=True))
def test_a_time_that_does_not_come_is_moved_on_by_the_gap(
    gap: tuple[str, datetime, timedelta], into: float
) -> None:
    """By as much as the clocks are, so that what a clock shows then does come."""
    zone, begins, length = gap
    told = begins + min(into * length, length - timedelta(microseconds=1))
    assert not exists(told, zone)
    assert shown(on_the_wall(told, zone)) == told + length
    assert exists(told + length, zone)


@given(TIMES | NIGHTS, ZONES)
def test_two_times_of_a_day_stay_in_their_order(told: datetime, zone: str) -> None:
    """One that is a day later on the wall is later, between a moment and two days."""
    passed = on_the_wall(told + timedelta(days=1), zone).astimezone(UTC) - on_the_wall(
        told, zone
    ).astimezone(UTC)
    assert timedelta() <= passed <= timedelta(days=2)


@pytest.mark.parametrize(
    ("told", "zone", "moment"),
    [
        # Winter, summer, midnight.
        ("2026-01-15T07:00", "Europe/Copenhagen", "2026-01-15 07:00:00+01:00"),
        ("2026-07-15T07:00", "Europe/Copenhagen", "2026-07-15 07:00:00+02:00"),
        ("2026-07-15T00:00", "Europe/Copenhagen", "2026-07-15 00:00:00+02:00"),
        ("2026-07-15", "Europe/Copenhagen", "2026-07-15 00:00:00+02:00"),
        ("2026-12-31T23:59:59.999999", "Asia/Kathmandu", "2026-12-31 23:59:59.999999+05:45"),
        # An hour that does not come.
        ("2026-03-29T01:59", "Europe/Copenhagen", "2026-03-29 01:59:00+01:00"),
        ("2026-03-29T02:00", "Europe/Copenhagen", "2026-03-29 03:00:00+02:00"),
        ("2026-03-29T02:59", "Europe/Copenhagen", "2026-03-29 03:59:00+02:00"),
        ("2026-03-29T03:00", "Europe/Copenhagen", "2026-03-29 03:00:00+02:00"),
        # An hour that comes twice.
        ("2026-10-25T02:00", "Europe/Copenhagen", "2026-10-25 02:00:00+02:00"),
        ("2026-10-25T02:59", "Europe/Copenhagen", "2026-10-25 02:59:00+02:00"),
        ("2026-10-25T03:00", "Europe/Copenhagen", "2026-10-25 03:00:00+01:00"),
        # Half an hour, a midnight and a whole day that do not come.
        ("2026-10-04T02:15", "Australia/Lord_Howe", "2026-10-04 02:45:00+11:00"),
        ("2018-11-04T00:00", "America/Sao_Paulo", "2018-11-04 01:00:00-02:00"),
        ("2011-12-30T12:00", "Pacific/Apia", "2011-12-31 12:00:00+14:00"),
    ],
)
def test_a_wall_shows_a_moment(told: str, zone: str, moment: str) -> None:
    """In winter and summer, at midnight, and in the nights between."""
    assert str(moment_of(told, zone)) == moment


@given(TIMES | NIGHTS, ZONES, st.integers(-14 * 60, 14 * 60))
def test_a_time_with_an_offset_is_that_moment(told: datetime, zone: str, minutes: int) -> None:
    """Told in the zone, whose own offset does not matter."""
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    moment = moment_of(f"{told.isoformat()}{sign}{hours:02}:{rest:02}", zone)
    assert moment.astimezone(UTC) == told.replace(tzinfo=UTC) - timedelta(minutes=minutes)
    assert moment.tzinfo is zone_of(zone)


def test_the_second_of_two_hours_can_be_told_by_its_offset() -> None:
    """As Z, or as the offset itself."""
    for text in ("2026-10-25T01:30Z", "2026-10-25T02:30+01:00"):
        assert str(moment_of(text, "Europe/Copenhagen")) == "2026-10-25 02:30:00+01:00"


@given(st.dates(date(2000, 1, 1), date(2037, 12, 31)), ZONES)
def test_a_day_begins_on_its_day(day: date, zone: str) -> None:
    """Midnight, or the first moment after it; a day that does not come begins on the next."""
    begins = on_the_wall(datetime.combine(day, time()), zone)
    skipped = zone == "Pacific/Apia" and day == date(2011, 12, 30)
    assert begins.date() == (day + timedelta(days=1) if skipped else day)


@pytest.mark.parametrize("text", ["", "soon", "25:00", "2026-02-30T07:00", "2026-02-03T24:30"])
def test_what_is_no_time_is_refused(text: str) -> None:
    """And not guessed at."""
    with pytest.raises(ValueError, match=r".+"):
        moment_of(text, "Europe/Copenhagen")


@pytest.mark.parametrize(
    "name", ["", "Europe", "Europe/Nowhere", "Romance Standard Time", "../UTC", "/etc/passwd", "\0"]
)
def test_a_zone_that_is_not_known_is_named(name: str) -> None:
    """Together with what is missing on a system that knows none."""
    with pytest.raises(ValueError, match=r"is no time zone known here.*pip install tzdata"):
        moment_of("2026-02-03T07:00", name)


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("0001-01-01T00:00:00", "Europe/Copenhagen"),
        ("9999-12-31T23:59:59", "America/New_York"),
        ("0001-01-01T00:00:00Z", "America/New_York"),
        ("9999-12-31T23:59:59Z", "Europe/Copenhagen"),
    ],
)
def test_a_time_at_the_edge_of_time_is_refused(text: str, zone: str) -> None:
    """What some servers write for "never" may lie outside of what can be told elsewhere."""
    with pytest.raises(ValueError, match="at the edge of time"):
        moment_of(text, zone)
