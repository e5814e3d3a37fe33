"""What the bodies of writes may hold, and what in them must be known to the portal."""

import re
from collections.abc import Callable
from datetime import time
from typing import Any

from planado_async.emulator.checks import (
    InvalidError,
    Rule,
    Rules,
    boolean,
    day,
    listed,
    number,
    one_of,
    record,
    text,
    time_zone,
    whole,
)
from planado_async.emulator.planday.calls import Call, missing
from planado_async.emulator.planday.query import bad_input
from planado_async.emulator.planday.scheduling_records import Author, Shift, Wage

LARGEST_ID = 2**63 - 1
WIDEST_WAGE = 1e9
CLOCK = re.compile(r"\d\d:\d\d(:00)?", re.ASCII)

ID = whole(1, LARGEST_ID)


def clock_time(value: object) -> time:
    """A time of the day in hours and minutes."""
    if not isinstance(value, str) or not CLOCK.fullmatch(value):
        raise InvalidError("must be a time like 07:30")
    try:
        return time.fromisoformat(value)
    except ValueError:
        raise InvalidError("is no time of the day") from None


_WAGE = record(
    {
        "amount": Rule(number(0, WIDEST_WAGE), required=True),
        "type": Rule(one_of("PerHour"), required=True),
    }
)


def wage(value: object) -> Wage:
    """A wage by the hour."""
    return Wage(**_WAGE(value))


def ids(value: object) -> tuple[int, ...]:
    """Numbers of records, each once."""
    return tuple(dict.fromkeys(listed(ID)(value)))


_OPTIONAL_ID = Rule(ID, nullable=True)

UPDATE: Rules = {
    "allowConflicts": Rule(boolean, required=True),
    "useBreaks": Rule(boolean, required=True),
    "date": Rule(day, required=True),
    "employeeGroupId": Rule(ID, required=True),
    "startTime": Rule(clock_time, nullable=True),
    "endTime": Rule(clock_time, nullable=True),
    "employeeId": _OPTIONAL_ID,
    "positionId": _OPTIONAL_ID,
    "shiftTypeId": _OPTIONAL_ID,
    "defaultWage": Rule(wage, nullable=True),
    "comment": Rule(text(), nullable=True),
    "skillIds": Rule(ids, nullable=True),
    "isDraft": Rule(boolean, nullable=True),
    "timeZone": Rule(time_zone, nullable=True),
}
CREATE: Rules = {"departmentId": Rule(ID, required=True), **UPDATE}
ASSIGN: Rules = {"employeeId": Rule(ID, required=True, nullable=True)}
PUBLISH: Rules = {
    "departmentId": Rule(ID, required=True),
    "shiftIds": Rule(ids, nullable=True),
}


def check_known(call: Call, values: dict[str, Any]) -> None:
    """Refuses numbers of records that the portal does not have; employees are another matter."""
    data, roster = call.data, call.data.roster
    known: dict[str, Callable[[Any], bool]] = {
        "departmentId": lambda id_: id_ in data.departments and call.sees(id_),
        "employeeGroupId": lambda id_: id_ in data.employee_groups,
        "positionId": lambda id_: id_ in roster.positions,
        "sectionId": lambda id_: id_ in roster.sections,
        "shiftTypeId": lambda id_: id_ in roster.shift_types,
        "skillIds": lambda ids: all(id_ in data.skills for id_ in ids),
    }
    errors = {
        name: ["is not known"]
        for name in known.keys() & values.keys()
        if values[name] is not None and not known[name](values[name])
    }
    if errors:
        raise bad_input(errors)


def known_department(call: Call, department_id: int | None) -> int:
    """A department from the query, which must be given and known."""
    if department_id is None:
        raise bad_input({"departmentId": ["The departmentId field is required."]})
    check_known(call, {"departmentId": department_id})
    return department_id


def seen_shift(call: Call, shift_id: int) -> Shift:
    """The shift of a number, if the administrator sees it."""
    shift = call.data.roster.shift(shift_id)
    if not call.sees(shift.department_id):
        raise missing("Shift")
    return shift


def author(call: Call) -> Author:
    """The administrator in whose name the app writes."""
    return Author(call.admin.id, call.admin.name)
