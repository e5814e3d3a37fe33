"""The Punch clock API.

Its date-times are of the portal's wall clock, without a zone; one that comes with a zone is
brought there. Answers of writes are guessed: the number of what was made, else no body.

https://openapi.planday.com/api/punchclock
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from planado_async.emulator.checks import Check, InvalidError, Rule, Rules, moment, text
from planado_async.emulator.planday.calls import NO_CONTENT, Answer, Call, Route, data, missing
from planado_async.emulator.planday.punch_clock_entries import PunchClock
from planado_async.emulator.planday.query import bad_input, required
from planado_async.emulator.planday.scheduling_forms import ID, check_known, seen_shift
from planado_async.emulator.planday.scheduling_records import DRAFT, Break, Punch, Shift, local
from planado_async.emulator.records import Json

LONGEST_SPAN = timedelta(days=31)
TOO_LONG = f"must be at most {LONGEST_SPAN.days} days after from"


def wall_time(value: object) -> datetime:
    """A date and time, with a zone only if it came with one."""
    moment(value)
    return datetime.fromisoformat(str(value))


_ID, _TEXT, _TIME = (Rule(check, nullable=True) for check in (ID, text(), wall_time))
PUNCH_IN: Rules = {
    "comment": _TEXT,
    "shiftId": _ID,
    "startDateTime": _TIME,
    "deviceCode": _TEXT,
    "departmentId": _ID,
    "employeeGroupId": _ID,
}
PUNCH_OUT: Rules = {
    "comment": _TEXT,
    "shiftId": _ID,
    "endDateTime": _TIME,
    "deviceCode": _TEXT,
}
CREATE: Rules = {
    "shiftId": Rule(ID, required=True),
    "employeeId": _ID,
    "startDateTime": _TIME,
    "endDateTime": _TIME,
    "comment": _TEXT,
}
UPDATE: Rules = {"startDateTime": _TIME, "endDateTime": _TIME, "comment": _TEXT}
BREAK: Rules = {"startDateTime": _TIME, "endDateTime": _TIME}


def list_entries(call: Call) -> Answer:
    """The entries that began in a span of at most 31 days."""
    first, last = (required(name, _asked_time(call, name)) for name in ("from", "to"))
    if last - first > LONGEST_SPAN:
        raise bad_input({"to": [TOO_LONG]})
    employee_id, shift_id = call.query.number("employeeId"), call.query.number("shiftId")
    entries = (
        entry
        for entry in _clock(call).entries
        if first <= entry.starts_at <= last
        and call.sees(entry.department_id)
        and employee_id in (None, entry.employee_id)
        and shift_id in (None, entry.shift_id)
    )
    most = call.settings.punch_clock_page
    return call.page(entries, lambda entry: _view(call, entry), most=most)


def get_by_shift(call: Call) -> Answer:
    """The entry made on a shift."""
    entry = _clock(call).of_shift(call.ids["shiftId"])
    return data(_view(call, _seen(call, entry)))


def list_breaks(call: Call) -> Answer:
    """The breaks taken in an entry."""
    return _all(call, _entry(call).breaks, _break_view)


def list_today(call: Call) -> Answer:
    """Today's shifts, of one employee if so asked; drafts are not among them."""
    employee_id, today = call.query.number("employeeId"), call.data.today()
    shifts = [
        shift
        for shift in call.data.roster.shifts
        if shift.day == today
        and shift.status != DRAFT
        and shift.employee_id is not None
        and employee_id in (None, shift.employee_id)
        and call.sees(shift.department_id)
    ]
    return _all(call, shifts, _today_view)


def create(call: Call) -> Answer:
    """Makes an entry on a shift, from now on unless it says from when."""
    values = _values(call, CREATE)
    shift = seen_shift(call, values["shiftId"])
    employee_id = values.get("employeeId") or shift.employee_id or 0
    _clock(call).check_punchable(employee_id, shift)
    entry = _clock(call).add_entry(
        employee_id=employee_id,
        shift_id=shift.id,
        department_id=shift.department_id,
        employee_group_id=shift.employee_group_id,
        starts_at=values.get("startDateTime") or call.data.local_now().replace(microsecond=0),
        ends_at=values.get("endDateTime"),
        comment=values.get("comment"),
    )
    return data({"punchClockShiftId": entry.id})


def update(call: Call) -> Answer:
    """Closes an entry, now unless it says when; or sets its start."""
    values = _values(call, UPDATE)
    entry = _entry(call)
    _clock(call).change_entry(
        entry.id,
        starts_at=values.get("startDateTime") or entry.starts_at,
        ends_at=values.get("endDateTime") or call.data.local_now().replace(microsecond=0),
        comment=values.get("comment") or entry.comment,
    )
    return NO_CONTENT


def punch_in(call: Call) -> Answer:
    """Punches an employee in."""
    values = _values(call, PUNCH_IN)
    check_known(call, values)
    if values.get("shiftId") is not None:
        seen_shift(call, values["shiftId"])
    entry = _clock(call).punch_in(
        _employee(call),
        shift_id=values.get("shiftId"),
        at=values.get("startDateTime"),
        comment=values.get("comment"),
        department_id=values.get("departmentId"),
        employee_group_id=values.get("employeeGroupId"),
    )
    return data({"punchClockShiftId": entry.id})


def punch_out(call: Call) -> Answer:
    """Punches an employee out."""
    values = _values(call, PUNCH_OUT)
    _clock(call).punch_out(
        _employee(call),
        shift_id=values.get("shiftId"),
        at=values.get("endDateTime"),
        comment=values.get("comment"),
    )
    return NO_CONTENT


def create_break(call: Call) -> Answer:
    """Begins a break, now unless it says when."""
    values = _values(call, BREAK)
    taken = _clock(call).add_break(
        _entry(call).id, values.get("startDateTime"), values.get("endDateTime")
    )
    return data({"id": taken.id})


def update_break(call: Call) -> Answer:
    """Ends a break, now unless it says when."""
    values = _values(call, BREAK)
    ends_at = values.get("endDateTime") or call.data.local_now().replace(microsecond=0)
    changes = {"starts_at": values["startDateTime"]} if values.get("startDateTime") else {}
    _clock(call).change_break(_entry(call).id, call.ids["breakId"], ends_at=ends_at, **changes)
    return NO_CONTENT


def _clock(call: Call) -> PunchClock:
    return call.data.punch_clock


def _values(call: Call, rules: Rules) -> dict[str, Any]:
    """The values of the body, its times by the portal's wall clock."""
    return {
        name: _on_the_wall(call, value) if isinstance(value, datetime) else value
        for name, value in call.fields(rules).items()
    }


def _on_the_wall(call: Call, at: datetime) -> datetime:
    return at if at.tzinfo is None else local(at, call.data.portal.time_zone)


def _asked_time(call: Call, name: str) -> datetime | None:
    given = call.query.text(name)
    if given is None:
        return None
    check: Check = wall_time
    try:
        return _on_the_wall(call, check(given))
    except InvalidError as refused:
        raise bad_input({name: refused.messages}) from None


def _employee(call: Call) -> int:
    employee_id = call.ids["employeeId"]
    if employee_id not in call.data.employees:
        raise missing("Employee")
    if not call.data.active_on(employee_id):
        raise bad_input({"employeeId": ["is no longer active"]})
    return employee_id


def _entry(call: Call) -> Punch:
    return _seen(call, _clock(call).entries.get(call.ids["id"]))


def _seen(call: Call, entry: Punch | None) -> Punch:
    if entry is None or not call.sees(entry.department_id):
        raise missing("Punch clock shift")
    return entry


def _all(call: Call, found: Iterable[Any], view: Any) -> Answer:
    shown = [call.slim(view(each)) for each in found]
    return Answer(200, {"data": shown, "paging": {"total": len(shown)}})


def _view(call: Call, entry: Punch) -> Json:
    shift = call.data.roster.shifts.get(entry.shift_id)
    return call.slim(
        {
            "id": entry.id,
            "shiftId": entry.shift_id,
            "departmentId": entry.department_id,
            "employeeId": entry.employee_id,
            "startDateTime": _told(entry.starts_at),
            "endDateTime": _told(entry.ends_at),
            "shiftStartDateTime": shift and _told(shift.starts_at),
            "shiftEndDateTime": shift and _told(shift.ends_at),
            "description": entry.comment,
            "isApproved": entry.is_approved,
        }
    )


def _break_view(taken: Break) -> Json:
    ends_at = taken.ends_at
    return {
        "id": taken.id,
        "startDateTime": _told(taken.starts_at),
        "endDateTime": _told(ends_at),
        "duration": ends_at and _clock_form(ends_at - taken.starts_at),
    }


def _today_view(shift: Shift) -> Json:
    return {
        "id": shift.id,
        "departmentId": shift.department_id,
        "employeeId": shift.employee_id,
        "employeeGroupId": shift.employee_group_id,
        "date": shift.day.isoformat(),
        "startDateTime": _told(shift.starts_at),
        "endDateTime": _told(shift.ends_at),
        "positionId": shift.position_id,
        "shiftTypeId": shift.shift_type_id,
        "description": shift.comment,
    }


def _told(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")


def _clock_form(length: timedelta) -> str:
    """Hours, minutes, seconds."""
    seconds = length // timedelta(seconds=1)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


_ENTRIES = "/punchclock/v1.0/punchclockshifts"
_ENTRY, _EMPLOYEE = f"{_ENTRIES}/{{id}}", f"{_ENTRIES}/employee/{{employeeId}}"
_CREATE = "punchclockshift:create"
_READ = "punchclockshift:read"

ROUTES = [
    Route("GET", _ENTRIES, _READ, list_entries),
    Route("POST", _ENTRIES, _CREATE, create),
    Route("GET", f"{_ENTRIES}/byShift/{{shiftId}}", _READ, get_by_shift),
    Route("PUT", _ENTRY, _CREATE, update),
    Route("GET", f"{_ENTRY}/breaks", _READ, list_breaks),
    Route("POST", f"{_ENTRY}/breaks", _CREATE, create_break),
    Route("PUT", f"{_ENTRY}/breaks/{{breakId}}", _CREATE, update_break),
    Route("POST", f"{_EMPLOYEE}/punchin", _CREATE, punch_in),
    Route("PUT", f"{_EMPLOYEE}/punchout", _CREATE, punch_out),
    Route("GET", "/punchclock/v1.0/employeeshifts/today", "shift:read", list_today),
]
