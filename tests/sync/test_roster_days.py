"""The days of a timeline: whose clock it is on, and what of it was asked for."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from attrs import evolve

from planado_async.planado import models as planado
from planado_async.sync.roster_days import between, days_of
from tests.sync.roster_making import COPENHAGEN, DAY, Line

ZONES = (COPENHAGEN, "UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
WEEKS = (date(2026, 3, 2), date(2026, 3, 23), date(2026, 10, 19), date(2026, 3, 30))


def hours(first: date, days: int, zone: str) -> list[planado.Shift]:
    return Line(str(first), days, zone).pieces()


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("first", WEEKS)
def test_what_was_asked_is_what_is_kept(first: date, zone: str) -> None:
    """Days more at either end are cut off; days that lack are told; in whatever zone they are."""
    asked = (first, first + 7 * DAY, COPENHAGEN)
    told = between(hours(first - DAY, 9, zone), *asked)
    week = hours(first, 7, zone)
    assert told
    assert (told[0].time_from, told[-1].time_to) == (week[0].time_from, week[-1].time_to)
    assert between(week, *asked) is not None
    for less in ([], week[1:], week[:-1], hours(first + 7 * DAY, 7, zone)):
        assert between(less, *asked) is None


def test_an_account_on_utc_keeps_its_clock() -> None:
    """Where the portal's clocks change in that week and the account's do not, no hour is lost."""
    week = hours(WEEKS[1], 7, "UTC")
    told = between(week, WEEKS[1], WEEKS[1] + 7 * DAY, "Europe/London")
    assert told
    assert (told[0].time_from, told[-1].time_to) == (week[0].time_from, week[-1].time_to)


def test_pieces_over_the_edge_are_cut() -> None:
    """A piece may reach over midnight; what of it lies outside is not touched."""
    first = WEEKS[0]
    (piece, *_) = hours(first, 1, COPENHAGEN)
    wide = evolve(piece, time_from=piece.time_from - DAY, time_to=piece.time_to + DAY)
    told = between([wide], first, first + DAY, COPENHAGEN)
    assert told
    assert [(each.time_from, each.time_to) for each in told] == [(piece.time_from, piece.time_to)]


@pytest.mark.parametrize(
    ("change", "begins"),
    [
        (lambda at: at, 0),
        (lambda at: at.astimezone(UTC), 0),
        (lambda at: at.astimezone(UTC) + timedelta(hours=1), 1),  # an account on UTC
    ],
)
def test_a_day_begins_at_midnight(change: Callable[[datetime], datetime], begins: int) -> None:
    """On the portal's clock if the timeline begins at midnight there, else as it is told."""
    first = WEEKS[1]
    pieces = [
        evolve(each, time_from=change(each.time_from), time_to=change(each.time_to))
        for each in hours(first, 7, COPENHAGEN)[:5]
    ]
    days = [*days_of(pieces, COPENHAGEN)]
    assert [each.day for each in days] == [first + n * DAY for n in range(5)]
    assert days[0].begin == datetime(2026, 3, 22, 23, tzinfo=UTC) + begins * timedelta(hours=1)
    assert all(each.begin.hour == 0 for each in days)
