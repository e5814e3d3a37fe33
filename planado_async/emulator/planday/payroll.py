"""The Payroll API, whose answer stands in no wrapper.

https://openapi.planday.com/api/payroll
"""

from datetime import date, datetime, time

from planado_async.emulator.planday.calls import Answer, Call, Route
from planado_async.emulator.planday.query import bad_input, required
from planado_async.emulator.planday.scheduling_forms import check_known
from planado_async.emulator.planday.scheduling_records import APPROVED, PUNCH_APPROVED, Shift
from planado_async.emulator.planday.time_and_cost import (
    HOUR,
    break_of,
    cost,
    currency,
    paid_for,
    rate,
)
from planado_async.emulator.records import Json

APPROVALS = (APPROVED, PUNCH_APPROVED)


def payroll(call: Call) -> Answer:
    """What the shifts of some departments pay in a span of days."""
    departments = call.query.numbers("departmentIds")
    if departments is None:
        raise bad_input({"departmentIds": ["The departmentIds field is required."]})
    first: date = required("from", call.query.day("from"))
    last: date = required("to", call.query.day("to"))
    approved = call.query.choice("shiftStatus", "Approved", "Nonapproved")
    for department_id in departments:
        check_known(call, {"departmentId": department_id})
    shifts = [
        _item(call, shift)
        for shift in call.data.roster.shifts
        if shift.department_id in departments
        and shift.employee_id is not None
        and first <= shift.day <= last
        and approved in (None, "Approved" if shift.status in APPROVALS else "Nonapproved")
    ]
    return Answer(
        200,
        {
            "shiftsPayroll": shifts,
            "supplementsPayroll": [],
            "salariedPayroll": [],
            **currency(call.data),
        },
    )


def _item(call: Call, shift: Shift) -> Json:
    kind = call.data.roster.shift_types.get(shift.shift_type_id)
    hourly = rate(call.data, shift)
    return {
        "id": shift.id,
        "employeeId": shift.employee_id,
        "shiftTypeId": shift.shift_type_id,
        "employeeGroupId": shift.employee_group_id,
        "positionId": shift.position_id,
        "departmentId": shift.department_id,
        "date": shift.day.isoformat(),
        "salaryCode": "" if kind is None else kind.salary_code,
        "salary": cost(call.data, shift),
        "start": _second(shift.starts_at),
        "end": _second(shift.ends_at),
        "shiftDuration": round(paid_for(call.data, shift) / HOUR, 2),
        # Rows that pay nothing come without a rate.
        "wage": {"rate": hourly, "type": "HourlyRate"} if hourly else {"type": "HourlyRate"},
        "supplements": [],
        "breaks": _breaks(call, shift),
    }


def _second(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")


def _breaks(call: Call, shift: Shift) -> list[Json]:
    """The break that the default rule puts in the middle of a shift."""
    length = break_of(call.data, shift)
    if not length or shift.starts_at is None:
        return []
    starts = shift.starts_at + (shift.length - length) / 2
    return [
        {
            "id": shift.id,
            "start": _second(starts.replace(second=0)),
            "end": _second(starts.replace(second=0) + length),
            "duration": (datetime.combine(shift.day, time()) + length).time().isoformat(),
            "title": "Break",
            "amount": 0.0,
            "modification": "Default",
            "isPaid": False,
        }
    ]


ROUTES = [Route("GET", "/payroll/v1.0/payroll", "payroll:read", payroll)]
