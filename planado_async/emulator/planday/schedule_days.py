"""The days of a schedule, with their notes and locks.

https://openapi.planday.com/api/schedule
"""

from datetime import timedelta

from planado_async.emulator.checks import Rule, Rules, boolean, day, text
from planado_async.emulator.planday import scheduling_views
from planado_async.emulator.planday.calls import NO_CONTENT, Answer, Call, Route
from planado_async.emulator.planday.query import required
from planado_async.emulator.planday.scheduling_forms import ID, check_known, known_department

BODY: Rules = {
    "departmentId": Rule(ID, required=True),
    "date": Rule(day, required=True),
    "title": Rule(text(), nullable=True),
    "description": Rule(text(), nullable=True),
    "isVisible": Rule(boolean),
}
FIELDS = {"title": "title", "description": "description", "isVisible": "is_visible"}


def list_days(call: Call) -> Answer:
    """Every day from `from` to `to`, whether anything is noted about it or not."""
    department_id = known_department(call, call.query.number("departmentId"))
    first = required("from", call.query.day("from"))
    last = required("to", call.query.day("to"))
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    roster = call.data.roster
    return call.page(
        days,
        lambda on: scheduling_views.schedule_day(call, roster.schedule_day(department_id, on)),
        strict=True,
    )


def update(call: Call) -> Answer:
    """Notes something about a day; what the body does not name stays."""
    values = call.fields(BODY)
    check_known(call, {"departmentId": values["departmentId"]})
    changes = {FIELDS[name]: values[name] for name in FIELDS if name in values}
    call.data.roster.change_day(values["departmentId"], values["date"], **changes)
    return NO_CONTENT


ROUTES = [
    Route("GET", "/scheduling/v1.0/scheduleDay", "shift:read", list_days),
    Route("PUT", "/scheduling/v1.0/scheduleDay", "shift:update", update),
]
