"""The shifts of the Scheduling API.

https://openapi.planday.com/api/schedule
"""

from collections.abc import Iterable
from typing import Any

from attrs import evolve

from planado_async.emulator.planday import (
    positions,
    schedule_days,
    scheduling_views,
    shift_types,
    time_and_cost,
)
from planado_async.emulator.planday.calls import (
    NO_CONTENT,
    Answer,
    Call,
    Route,
    conflict,
    data,
)
from planado_async.emulator.planday.query import bad_input
from planado_async.emulator.planday.scheduling_filters import wanted, window
from planado_async.emulator.planday.scheduling_forms import (
    ASSIGN,
    CREATE,
    PUBLISH,
    UPDATE,
    author,
    check_known,
    seen_shift,
)
from planado_async.emulator.planday.scheduling_records import (
    APPROVED,
    DRAFT,
    STATUSES,
    Shift,
)
from planado_async.emulator.planday.scheduling_roster import placed, rewritten

SHIFTS_PAGE = 5000
DELETED_PAGE = 1000
NO_SUCH_EMPLOYEE = "You need to supply a valid employee to save"

# The fields of a write, and what they are called in a record.
FIELDS = {
    "date": "day",
    "startTime": "start",
    "endTime": "end",
    "employeeGroupId": "employee_group_id",
    "employeeId": "employee_id",
    "positionId": "position_id",
    "shiftTypeId": "shift_type_id",
    "comment": "comment",
    "useBreaks": "use_breaks",
    "defaultWage": "wage",
    "skillIds": "skill_ids",
    "timeZone": "time_zone",
}


def list_shifts(call: Call) -> Answer:
    """The shifts asked for."""
    shifts = filter(wanted(call), call.data.roster.shifts)
    return call.page(
        shifts,
        lambda shift: scheduling_views.shift(call, shift),
        most=SHIFTS_PAGE,
        strict=True,
    )


def list_deleted(call: Call) -> Answer:
    """The deleted shifts asked for."""
    keep, deleted = wanted(call), window(call, "deleted")
    gone = sorted(call.data.roster.deletions, key=lambda deletion: deletion.id)
    return call.page(
        (each for each in gone if keep(each.shift) and deleted(each.deleted_at)),
        lambda deletion: scheduling_views.deletion(call, deletion),
        most=DELETED_PAGE,
        strict=True,
    )


def list_statuses(call: Call) -> Answer:
    """The statuses one can ask for."""
    return call.page(enumerate(STATUSES, 1), lambda one: {"id": one[0], "name": one[1]})


def get(call: Call) -> Answer:
    """One shift."""
    return data(scheduling_views.shift(call, _shift(call)))


def create(call: Call) -> Answer:
    """Makes a shift."""
    values = call.fields(CREATE)
    check_known(call, values)
    fields = _fields(call, values, FIELDS)
    fields["department_id"] = values["departmentId"]
    fields["status"] = placed(fields["employee_id"], draft=values.get("isDraft") is True)
    now = call.clock.now()
    planned = Shift(id=0, created_at=now, modified_at=now, **fields)
    _check_rules(call, planned, allow_conflicts=values["allowConflicts"])
    shift = call.data.roster.add_shift(by=author(call), **fields)
    return data(scheduling_views.written(call, shift))


def update(call: Call) -> Answer:
    """Writes a shift anew; its department and, unless it is named, its draft state stay."""
    values = call.fields(UPDATE)
    check_known(call, values)
    old = _shift(call)
    _check_unlocked(call, old)
    replaced = call.settings.replace_shifts
    fields = _fields(call, values, FIELDS if replaced else FIELDS.keys() & values.keys())
    employee_id = fields.get("employee_id", old.employee_id)
    fields["status"] = rewritten(old, employee_id, values.get("isDraft"))
    _check_rules(call, evolve(old, **fields), allow_conflicts=values["allowConflicts"])
    shift = call.data.roster.change_shift(old.id, by=author(call), **fields)
    return data(scheduling_views.written(call, shift))


def delete(call: Call) -> Answer:
    """Deletes a shift."""
    shift = _shift(call)
    _check_unlocked(call, shift)
    call.data.roster.delete_shift(shift.id, by=author(call))
    return NO_CONTENT


def approve(call: Call) -> Answer:
    """Approves a shift for payroll, whatever the punch clock says."""
    return _changed(call, status=APPROVED)


def assign(call: Call) -> Answer:
    """Gives a shift to an employee, or opens it."""
    employee_id = call.fields(ASSIGN)["employeeId"]
    _shift(call)
    _check_employee(call, employee_id)
    return _changed(call, employee_id=employee_id)


def publish(call: Call) -> Answer:
    """Publishes drafts of a department: those named, or all."""
    values = call.fields(PUBLISH)
    check_known(call, {"departmentId": values["departmentId"]})
    roster = call.data.roster
    named = values.get("shiftIds")
    if named is not None and not all(id_ in roster.shifts for id_ in named):
        raise bad_input({"shiftIds": ["is not known"]})
    drafts = [
        shift
        for shift in roster.shifts
        if shift.status == DRAFT
        and shift.department_id == values["departmentId"]
        and (named is None or shift.id in named)
    ]
    for draft in drafts:
        _check_unlocked(call, draft)
    for draft in drafts:
        roster.change_shift(draft.id, by=author(call), status=placed(draft.employee_id))
    return NO_CONTENT


def history(call: Call) -> Answer:
    """What has happened to a shift."""
    entries = call.data.roster.histories[_shift(call).id]
    return call.page(entries, scheduling_views.change, strict=True)


def _shift(call: Call) -> Shift:
    shift_id = call.ids["shiftId"]
    if shift_id < 1:
        raise bad_input({"shiftId": ["must be at least 1"]})
    return seen_shift(call, shift_id)


def _changed(call: Call, **changes: Any) -> Answer:
    shift = _shift(call)
    _check_unlocked(call, shift)
    call.data.roster.change_shift(shift.id, by=author(call), **changes)
    return NO_CONTENT


def _fields(call: Call, values: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The record's fields out of a body's; one that is null or not named is empty."""
    empty = {"skillIds": (), "timeZone": call.data.roster.time_zone}
    return {
        FIELDS[name]: empty.get(name) if values.get(name) is None else values[name]
        for name in names
    }


def _check_rules(call: Call, planned: Shift, *, allow_conflicts: bool) -> None:
    _check_employee(call, planned.employee_id)
    _check_unlocked(call, planned)
    if allow_conflicts or not call.settings.refuse_overlaps:
        return
    if others := call.data.roster.overlapping(planned):
        raise conflict(f"The employee has another shift at that time: {others[0].id}")


def _check_employee(call: Call, employee_id: int | None) -> None:
    """Refuses whom the portal does not have, or no more; group and department are not looked at."""
    if employee_id is not None and not call.data.active_on(employee_id):
        raise conflict(NO_SUCH_EMPLOYEE)


def _check_unlocked(call: Call, shift: Shift) -> None:
    locked = call.data.roster.is_locked(shift.department_id, shift.day)
    if locked and call.settings.refuse_locked_days:
        raise conflict(f"The schedule of {shift.day.isoformat()} is locked")


_SHIFT = "/scheduling/v1.0/shifts/{shiftId}"

ROUTES = [
    Route("GET", "/scheduling/v1.0/shifts", "shift:read", list_shifts),
    Route("POST", "/scheduling/v1.0/shifts", "shift:create", create),
    Route("GET", "/scheduling/v1.0/shifts/deleted", "shift:read", list_deleted),
    Route("GET", "/scheduling/v1.0/shifts/shiftstatus/all", "shift:read", list_statuses),
    Route("POST", "/scheduling/v1.0/shifts/drafts/publish", "shift:update", publish),
    Route("GET", _SHIFT, "shift:read", get),
    Route("PUT", _SHIFT, "shift:update", update),
    Route("DELETE", _SHIFT, "shift:delete", delete),
    Route("POST", f"{_SHIFT}/approve", "shift:update", approve),
    Route("POST", f"{_SHIFT}/employee", "shift:update", assign),
    Route("GET", f"{_SHIFT}/history", "shift:read", history),
    *shift_types.ROUTES,
    *positions.ROUTES,
    *schedule_days.ROUTES,
    *time_and_cost.ROUTES,
]
