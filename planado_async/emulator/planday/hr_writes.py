"""The HR API's employees, as they are written: https://openapi.planday.com/api/hr."""

from datetime import UTC, date, datetime, time
from typing import Any

from attrs import evolve

from planado_async.emulator.checks import (
    Rule,
    Rules,
    boolean,
    day,
    listed,
    text,
    whole,
)
from planado_async.emulator.planday.calls import (
    NO_CONTENT,
    Answer,
    Call,
    Route,
    conflict,
    data,
)
from planado_async.emulator.planday.hr_employees import employee
from planado_async.emulator.planday.hr_forms import (
    FIELDS,
    LONGEST,
    REQUIRED,
    address,
    standing,
    written,
)
from planado_async.emulator.planday.hr_history import save
from planado_async.emulator.planday.hr_views import detail
from planado_async.emulator.planday.people import Employee, Supervisor
from planado_async.emulator.planday.query import bad_input

# --- Making and changing --------------------------------------------------------------------------


def create(call: Call) -> Answer:
    """Takes somebody on."""
    given = written(call, creating=True)
    is_supervisor = given.values.pop("is_supervisor", None)
    now = call.clock.now()
    values = {"first_name": "", "last_name": "", "user_name": "", **given.values}
    draft = Employee(id=0, created_at=now, modified_at=now, custom=given.custom, **values)
    _check(call, draft, complete=True)
    made = call.data.employees.make(lambda id_: evolve(draft, id=id_))
    _appoint(call, made, is_supervisor)
    return data(detail(call, made))


def update(call: Call) -> Answer:
    """Changes what the body names; without validation, also if the portal then lacks something."""
    old = employee(call)
    given = written(call, creating=False)
    complete = call.query.flag("useValidation", True)
    is_supervisor = given.values.pop("is_supervisor", None)
    new = evolve(old, **given.values, custom={**old.custom, **given.custom})
    _check(call, new, complete=complete)
    save(call, old, new)
    _appoint(call, new, is_supervisor)
    return NO_CONTENT


def _check(call: Call, new: Employee, *, complete: bool) -> None:
    """Refuses what lacks a field the portal insists on, or clashes with somebody else."""
    if complete:
        _check_complete(call, new)
    if new.primary_department_id not in (None, *new.departments):
        raise bad_input({"primaryDepartmentId": ["must be one of the departments"]})
    _check_unique(call, new)


def _check_complete(call: Call, new: Employee) -> None:
    wanted = dict.fromkeys((*REQUIRED, *call.data.required_fields))
    lacking = [name for name in wanted if _value(new, name) in (None, "", ())]
    if lacking:
        raise bad_input({name: [f"The {name} field is required."] for name in lacking})


def _value(of: Employee, name: str) -> Any:
    return getattr(of, FIELDS[name].attribute) if name in FIELDS else of.custom.get(name)


def _check_unique(call: Call, new: Employee) -> None:
    others = [each for each in call.data.employees if each.id != new.id]
    if any(each.user_name.lower() == new.user_name.lower() for each in others):
        raise conflict("userName is already in use")
    if new.salary_identifier and any(
        each.salary_identifier == new.salary_identifier for each in others
    ):
        raise conflict("salaryIdentifier is already in use")


def _appoint(call: Call, who: Employee, is_supervisor: bool | None) -> None:
    """Makes somebody a supervisor, or no more one; None leaves it as it is."""
    table = call.data.supervisors
    record = next((each for each in table if each.employee_id == who.id), None)
    if is_supervisor and record is None:
        table.make(lambda id_: Supervisor(id=id_, employee_id=who.id))
    if is_supervisor is False and record is not None:
        table.remove(record.id)
        for each in call.data.employees:
            if each.supervisor_id == record.id:
                save(call, each, evolve(each, supervisor_id=None))


USER_NAME: Rules = {"newUsername": Rule(address, required=True)}


def change_username(call: Call) -> Answer:
    """Changes the name somebody logs in by."""
    old = employee(call)
    new = evolve(old, user_name=call.fields(USER_NAME)["newUsername"])
    _check_unique(call, new)
    save(call, old, new)
    return NO_CONTENT


# --- Leaving and coming back ----------------------------------------------------------------------

DISMISSAL: Rules = {
    "date": Rule(day, nullable=True),
    "reason": Rule(text(LONGEST), nullable=True),
    "terminationTypeId": Rule(whole(1), nullable=True),
    "keepShifts": Rule(boolean, nullable=True),
}


def deactivate(call: Call) -> Answer:
    """Dismisses somebody, at once or from a later day on; his shifts of then lose him."""
    given = call.fields(DISMISSAL) if call.raw else {}
    termination_id = given.get("terminationTypeId")
    if termination_id is not None and termination_id not in call.data.termination_types:
        raise bad_input({"terminationTypeId": [f"{termination_id} is unknown"]})
    old = employee(call)
    if old.is_deactivated(call.clock.now()):
        raise conflict("Employee is already deactivated")
    on, at = _leaving(call, given.get("date"))
    new = evolve(
        old,
        deactivation_date=on,
        deactivated_from=at,
        deactivation_reason=given.get("reason"),
        termination_type_id=termination_id,
    )
    save(call, old, new)
    if not given.get("keepShifts"):
        call.data.roster.release(old.id, at)
    return NO_CONTENT


def _leaving(call: Call, asked: date | None) -> tuple[date, datetime]:
    """The day and the moment of leaving; none, or one that is past, means now."""
    today = call.data.today()
    if asked is None or asked <= today:
        return today, call.clock.now()
    return asked, datetime.combine(asked, time(), call.data.zone).astimezone(UTC)


RETURN: Rules = {
    "comment": Rule(text(LONGEST), nullable=True),
    "departments": Rule(listed(whole(1), most=500), nullable=True),
}


def reactivate(call: Call) -> Answer:
    """Takes somebody back at once, or takes back a dismissal for later."""
    given = call.fields(RETURN) if call.raw else {}
    departments = tuple(dict.fromkeys(given.get("departments") or ()))
    if unknown := [id_ for id_ in departments if id_ not in standing(call)]:
        raise bad_input({"departments": [f"{id_} is unknown" for id_ in unknown]})
    old = employee(call)
    if old.deactivated_from is None:
        raise conflict("Employee is not deactivated")
    departments = departments or old.departments
    primary = old.primary_department_id if old.primary_department_id in departments else None
    new = evolve(
        old,
        departments=departments,
        primary_department_id=primary,
        was_deactivated_at=old.left_at(call.clock.now()),
        deactivation_date=None,
        deactivated_from=None,
        deactivation_reason=None,
        termination_type_id=None,
    )
    save(call, old, new)
    return NO_CONTENT


PATH = "/hr/v1.0/employees"
UPDATE = "employee:update"
ROUTES = [
    Route("POST", PATH, "employee:create", create),
    Route("PUT", f"{PATH}/{{employeeId}}", UPDATE, update),
    Route("PUT", f"{PATH}/{{employeeId}}/change_username", UPDATE, change_username),
    Route("PUT", f"{PATH}/deactivate/{{employeeId}}", f"{UPDATE}|employee:deactivate", deactivate),
    Route("PUT", f"{PATH}/reactivate/{{employeeId}}", UPDATE, reactivate),
]
