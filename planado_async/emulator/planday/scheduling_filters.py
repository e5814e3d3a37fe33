"""Which records a list of the Scheduling API is asked for."""

from collections.abc import Callable
from datetime import date, datetime

from planado_async.emulator.planday.calls import Call
from planado_async.emulator.planday.scheduling_records import DRAFT, STATUSES, Shift

# Lists of numbers in the query, and what they are of.
NAMED = {
    "departmentId": "department_id",
    "employeeGroupId": "employee_group_id",
    "shiftTypeId": "shift_type_id",
    "positionId": "position_id",
    "employeeId": "employee_id",
}

Keep = Callable[[Shift], bool]


def wanted(call: Call) -> Keep:
    """Whether a shift is one that is asked for, and that the administrator may see."""
    keeps = (_named(call), _of_status(call), _of_days(call), _of_windows(call))
    return lambda shift: call.sees(shift.department_id) and all(keep(shift) for keep in keeps)


def _named(call: Call) -> Keep:
    asked = {attribute: call.query.numbers(name) for name, attribute in NAMED.items()}
    given = {attribute: ids for attribute, ids in asked.items() if ids is not None}
    return lambda shift: all(getattr(shift, name) in ids for name, ids in given.items())


def _of_status(call: Call) -> Keep:
    status = call.query.choice("shiftStatus", *STATUSES)
    if status is not None:
        return lambda shift: shift.status == status
    return lambda shift: call.settings.list_drafts or shift.status != DRAFT


def _of_days(call: Call) -> Keep:
    inside = days(call)
    return lambda shift: inside(shift.day)


def _of_windows(call: Call) -> Keep:
    created, modified = window(call, "created"), window(call, "modified")
    return lambda shift: created(shift.created_at) and modified(shift.modified_at)


def days(call: Call) -> Callable[[date], bool]:
    """Whether a day lies between `from` and `to`."""
    first, last = call.query.day("from"), call.query.day("to")

    def inside(on: date) -> bool:
        if last is not None and (on > last or (on == last and not call.settings.to_inclusive)):
            return False
        return first is None or on >= first

    return inside


def window(call: Call, name: str) -> Callable[[datetime], bool]:
    """Whether a moment lies in the window that the query's `…From` and `…To` open."""
    after, until = call.query.moment(f"{name}From"), call.query.moment(f"{name}To")

    def inside(at: datetime) -> bool:
        if after is not None and (
            at < after or (at == after and not call.settings.modified_from_inclusive)
        ):
            return False
        return until is None or at <= until

    return inside
