"""The days of a timeline: whose clock it is on, and where one day ends and the next begins."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import NamedTuple

from attrs import evolve

from planado_async.core.wall_clock import zone_of
from planado_async.planado import models as planado

DAY = timedelta(days=1)


class Day(NamedTuple):
    """A day of a timeline, from its begin to its end on the timeline's clock."""

    day: date
    begin: datetime
    end: datetime


def _on_one_clock(timeline: Sequence[planado.Shift], zone: str) -> list[planado.Shift]:
    """Return a timeline on the clock of its account, which nothing tells but the timeline.

    That is the portal's zone if the timeline has its offsets, or begins at midnight there and not
    at midnight as it is told; else it stays as it is told.
    """
    there = zone_of(zone)
    moments = [moment for each in timeline for moment in (each.time_from, each.time_to)]
    same = all(each.astimezone(there).utcoffset() == each.utcoffset() for each in moments)
    first = timeline[0].time_from
    if same or (first.time() != time() and first.astimezone(there).time() == time()):
        return [
            evolve(
                each,
                time_from=each.time_from.astimezone(there),
                time_to=each.time_to.astimezone(there),
            )
            for each in timeline
        ]
    return [*timeline]


def between(
    timeline: Sequence[planado.Shift], after: date, before: date, zone: str
) -> list[planado.Shift] | None:
    """Return what of a timeline lies from one midnight to another, None if not all is told."""
    inside: list[planado.Shift] = []
    for each in _on_one_clock(timeline, zone) if timeline else ():
        start = max(each.time_from, _midnight(after, each.time_from), key=_utc)
        end = min(each.time_to, _midnight(before, each.time_to), key=_utc)
        if _utc(start) < _utc(end):
            inside.append(evolve(each, time_from=start, time_to=end))
    whole = (
        inside
        and _utc(inside[0].time_from) == _utc(_midnight(after, inside[0].time_from))
        and _utc(inside[-1].time_to) == _utc(_midnight(before, inside[-1].time_to))
    )
    return inside if whole else None


def _midnight(day: date, like: datetime) -> datetime:
    """Return when a day begins, on the clock of another moment."""
    return datetime.combine(day, time(), like.tzinfo)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def days_of(timeline: Sequence[planado.Shift], zone: str) -> Iterator[Day]:
    """Return the days of a timeline that is not empty; `zone` is the portal's."""
    parts = (part for each in _on_one_clock(timeline, zone) for part in _by_midnight(each))
    for day, group in groupby(parts, key=lambda part: part[0].date()):
        spans = [*group]
        yield Day(day, spans[0][0], spans[-1][1])


def _by_midnight(piece: planado.Shift) -> Iterator[tuple[datetime, datetime]]:
    """Return the parts of a piece, each of one day."""
    start = piece.time_from
    while _utc(midnight := _midnight(start.date() + DAY, start)) < _utc(piece.time_to):
        yield start, midnight
        start = midnight
    yield start, piece.time_to
