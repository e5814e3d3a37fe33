"""/users/{uuid}/shifts: a user's working hours.

Shifts lie over a time line that is otherwise off duty. A read cuts it into the pieces of each day,
in the account's time zone, without gaps; a write lays new spans over whatever was there.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from attrs import evolve

from planado_async.emulator import users, views
from planado_async.emulator.calls import Answer, Call, Route
from planado_async.emulator.checks import (
    Check,
    InvalidError,
    Rule,
    boolean,
    day,
    listed,
    moment,
    record,
    reference,
)
from planado_async.emulator.errors import invalid
from planado_async.emulator.forms import Form, one
from planado_async.emulator.records import Json, Shift
from planado_async.emulator.state import State

WEEK = timedelta(days=7)
QUARTER_MIN = 15
BY_NAME = reference("uuid", "name")


def quarter(value: object) -> datetime:
    """A moment on a quarter of an hour."""
    at: datetime = moment(value)
    if at.minute % QUARTER_MIN or at.second or at.microsecond:
        raise InvalidError("must be on a quarter of an hour")
    return at


_READ: Check = record(
    {
        "time_from": Rule(quarter, required=True),
        "time_to": Rule(quarter, required=True),
        "working": Rule(boolean),
        "job_type": Rule(reference("code", "uuid"), nullable=True),
        "territory": Rule(BY_NAME, nullable=True),
    }
)


def spans(value: object) -> list[dict[str, Any]]:
    """Shifts of one write: each with a length, none over another, a week at most in all."""
    given: list[dict[str, Any]] = sorted(listed(_READ)(value), key=lambda one: one["time_from"])
    if any(each["time_to"] <= each["time_from"] for each in given):
        raise InvalidError("time_to must be after time_from")
    if any(left["time_to"] > right["time_from"] for left, right in pairwise(given)):
        raise InvalidError("must not overlap")
    if given and given[-1]["time_to"] - given[0]["time_from"] > WEEK:
        raise InvalidError("must not span more than a week")
    return given


def find_shifts(state: State, given: list[dict[str, Any]]) -> list[Shift]:
    """Turns checked spans into shifts."""
    return [_shift(state, each) for each in given]


def _shift(state: State, given: dict[str, Any]) -> Shift:
    job_type, territory = given.get("job_type"), given.get("territory")
    return Shift(
        time_from=given["time_from"],
        time_to=given["time_to"],
        working=given.get("working", True),
        type_uuid=job_type and one("job_types")(state, job_type),
        territory_uuid=territory and one("territories")(state, territory),
    )


FORM = Form({"shifts": Rule(spans, required=True)}, {"shifts": find_shifts})


def update(call: Call) -> Answer:
    """Lays shifts over the user's time line."""
    state = call.state
    user = users.find(state, call.id)
    new: list[Shift] = FORM.read(state, call.body, creating=True)["shifts"]
    state.shifts[user.uuid] = laid_over(state.shifts.get(user.uuid, []), new)
    return Answer(204)


def laid_over(old: Iterable[Shift], new: Iterable[Shift]) -> list[Shift]:
    """Shifts in order of time, the new ones hiding what they cover of the old."""
    kept, new = list(old), list(new)
    for span in new:
        kept = [rest for each in kept for rest in _outside(each, span.time_from, span.time_to)]
    return sorted([*kept, *new], key=lambda one: one.time_from)


def _outside(shift: Shift, time_from: datetime, time_to: datetime) -> Iterable[Shift]:
    """What is left of a shift before and after a span."""
    if shift.time_from < time_from:
        yield evolve(shift, time_to=min(shift.time_to, time_from))
    if shift.time_to > time_to:
        yield evolve(shift, time_from=max(shift.time_from, time_to))


def get(call: Call) -> Answer:
    """The time line from the start of the day `after` up to the start of the day `before`."""
    state = call.state
    user = users.find(state, call.id)
    after, before = _days(call)
    known = state.shifts.get(user.uuid, [])
    zone = _zone(state.settings.time_zone)
    days = [after + timedelta(days=n) for n in range((before - after).days)]
    pieces = [piece for each in days for piece in _pieces(known, each, zone)]
    return Answer(200, {"timeline": [_view(state, piece, zone) for piece in pieces]})


def _days(call: Call) -> tuple[date, date]:
    found: dict[str, date] = {}
    errors: dict[str, list[str]] = {}
    for name in ("after", "before"):
        try:
            found[name] = Rule(day).read(call.query.get(name))
        except InvalidError as refused:
            errors[name] = refused.messages
    if not errors and not timedelta() <= found["before"] - found["after"] <= WEEK:
        errors["before"] = ["must be at most a week behind after"]
    if errors:
        raise invalid(errors)
    return found["after"], found["before"]


def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)


def _pieces(shifts: Iterable[Shift], on: date, zone: tzinfo) -> list[Shift]:
    """One day, cut where anything changes."""
    first = datetime.combine(on, time(), zone).astimezone(UTC)
    last = datetime.combine(on + timedelta(days=1), time(), zone).astimezone(UTC)
    off = Shift(time_from=first, time_to=last, working=False)
    inside = [
        evolve(each, time_from=max(each.time_from, first), time_to=min(each.time_to, last))
        for each in shifts
        if each.time_from < last and each.time_to > first
    ]
    return laid_over([off], inside)


def _view(state: State, shift: Shift, zone: tzinfo) -> Json:
    kind = state.job_types.get(shift.type_uuid)
    return {
        "time_from": shift.time_from.astimezone(zone).isoformat(timespec="seconds"),
        "time_to": shift.time_to.astimezone(zone).isoformat(timespec="seconds"),
        "working": shift.working,
        "territory": views.named(state.territories.get(shift.territory_uuid)),
        "job_type": kind and views.picked(kind, ("uuid", "code")),
    }


ROUTES = [
    Route("GET", "/users/{id}/shifts", get),
    Route("PATCH", "/users/{id}/shifts", update),
]
