"""The HR API's departments, groups, types, skills: https://openapi.planday.com/api/hr."""

from collections.abc import Callable
from typing import Any

from attrs import evolve

from planado_async.emulator.checks import Rule, Rules, boolean, text
from planado_async.emulator.planday.calls import (
    NO_CONTENT,
    PAGE,
    Answer,
    Call,
    Route,
    conflict,
    data,
    found,
    missing,
)
from planado_async.emulator.planday.hr_employees import gone, members
from planado_async.emulator.planday.people import (
    Department,
    Employee,
    EmployeeGroup,
    EmployeeType,
    Skill,
    TerminationType,
)
from planado_async.emulator.planday.query import bad_input, required
from planado_async.emulator.records import Json

NAME = Rule(text(200, blank=False), required=True)
NUMBER = Rule(text(50), nullable=True)

# --- Departments ----------------------------------------------------------------------------------

DEPARTMENT: Rules = {"name": NAME, "number": NUMBER}


def _department_view(department: Department) -> Json:
    return {"id": department.id, "name": department.name, "number": department.number}


def departments(call: Call) -> Answer:
    """The departments the administrator sees."""
    every = (each for each in call.data.departments if call.sees(each.id))
    return call.page((each for each in every if not each.is_deleted), _department_view)


def _department(call: Call, *, deleted: bool = False) -> Department:
    department = call.data.departments.get(call.ids["id"])
    if department is None or not call.sees(department.id) or (department.is_deleted > deleted):
        raise missing("Department")
    return department


def department(call: Call) -> Answer:
    """One department, a deleted one if it is asked for."""
    deleted = call.query.flag("includeDeleted", False)
    return data(_department_view(_department(call, deleted=deleted)))


def add_department(call: Call) -> Answer:
    """Opens a department."""
    given = _department_fields(call)
    made = call.data.departments.make(lambda id_: Department(id=id_, **given))
    return data(_department_view(made))


def change_department(call: Call) -> Answer:
    """Gives a department another name and number."""
    given = _department_fields(call)
    call.data.departments.put(evolve(_department(call), **given))
    return NO_CONTENT


def _department_fields(call: Call) -> dict[str, Any]:
    given = call.fields(DEPARTMENT)
    return {"name": given["name"], "number": given.get("number") or ""}


def remove_department(call: Call) -> Answer:
    """Closes a department that nobody is in."""
    department = _department(call)
    if _anybody(call, lambda each: department.id in each.departments):
        raise conflict("Department has employees")
    call.data.departments.put(evolve(department, is_deleted=True))
    return NO_CONTENT


def _anybody(call: Call, test: Callable[[Employee], bool]) -> bool:
    """Whether a test holds for someone who has not left, seen by the administrator or not."""
    return any(test(each) for each in call.data.employees if not gone(call, each))


def department_employees(call: Call) -> Answer:
    """Who works in a department."""
    id_ = _department(call).id
    return _numbers(call, lambda each: id_ in each.departments)


def _numbers(call: Call, test: Callable[[Employee], bool]) -> Answer:
    return data([{"employeeId": each.id} for each in members(call) if test(each)])


# --- Employee groups ------------------------------------------------------------------------------

GROUP: Rules = {"name": NAME}


def _group_view(group: EmployeeGroup) -> Json:
    return {"id": group.id, "name": group.name}


def groups(call: Call) -> Answer:
    """All groups."""
    return call.page(call.data.employee_groups, _group_view)


def _group(call: Call) -> EmployeeGroup:
    if call.ids["id"] < 1:
        raise bad_input({"id": ["must be at least 1"]})
    return found(call.data.employee_groups.get(call.ids["id"]), "Employee group")


def group(call: Call) -> Answer:
    """One group."""
    return data(_group_view(_group(call)))


def add_group(call: Call) -> Answer:
    """Makes a group."""
    name = call.fields(GROUP)["name"]
    made = call.data.employee_groups.make(lambda id_: EmployeeGroup(id=id_, name=name))
    return data(_group_view(made))


def change_group(call: Call) -> Answer:
    """Gives a group another name."""
    name = call.fields(GROUP)["name"]
    call.data.employee_groups.put(evolve(_group(call), name=name))
    return NO_CONTENT


def remove_group(call: Call) -> Answer:
    """Removes a group that nobody is in."""
    group = _group(call)
    if _anybody(call, lambda each: group.id in each.employee_groups):
        raise conflict("Employee group has employees")
    call.data.employee_groups.remove(group.id)
    return NO_CONTENT


def group_employees(call: Call) -> Answer:
    """Who is in a group."""
    id_ = _group(call).id
    return _numbers(call, lambda each: id_ in each.employee_groups)


# --- Types, and reasons to leave ------------------------------------------------------------------


def types(call: Call) -> Answer:
    """All employee types; they come at once, though in a page."""
    return _whole(call.data.employee_types, _type_view)


def _type_view(each: EmployeeType) -> Json:
    return {"id": each.id, "name": each.name, "description": each.description}


def termination_types(call: Call) -> Answer:
    """All reasons to leave."""
    return _whole(call.data.termination_types, _termination_view)


def _termination_view(each: TerminationType) -> Json:
    return {"id": each.id, "name": each.name}


def _whole(records: Any, view: Callable[[Any], Json]) -> Answer:
    every = [view(each) for each in records]
    paging = {"offset": 0, "limit": PAGE, "total": len(every)}
    return Answer(200, {"paging": paging, "data": every})


# --- Skills ---------------------------------------------------------------------------------------

SKILL: Rules = {
    "name": NAME,
    "description": Rule(text(1000), nullable=True),
    "isTimeLimited": Rule(boolean, required=True),
}


def skills(call: Call) -> Answer:
    """All skills, in a bare array."""
    return Answer(200, [call.slim(_skill_view(each)) for each in call.data.skills])


def _skill_view(skill: Skill) -> Json:
    return {
        "skillId": skill.id,
        "name": skill.name,
        "description": skill.description,
        "isTimeLimited": skill.is_time_limited,
    }


def _skill_fields(call: Call) -> dict[str, Any]:
    given = call.fields(SKILL)
    limited = given["isTimeLimited"]
    told = {"name": given["name"], "description": given.get("description")}
    return {**told, "is_time_limited": limited}


def _skill(call: Call) -> Skill:
    number = required("skillId", call.query.number("skillId"))
    return found(call.data.skills.get(number), "Skill")


def add_skill(call: Call) -> Answer:
    """Makes a skill."""
    given = _skill_fields(call)
    call.data.skills.make(lambda id_: Skill(id=id_, **given))
    return NO_CONTENT


def change_skill(call: Call) -> Answer:
    """Describes a skill anew."""
    given = _skill_fields(call)
    call.data.skills.put(evolve(_skill(call), **given))
    return NO_CONTENT


def remove_skill(call: Call) -> Answer:
    """Removes a skill, which everybody loses."""
    id_ = _skill(call).id
    call.data.skills.remove(id_)
    for each in call.data.employees:
        if id_ in each.skill_ids:
            kept = tuple(skill for skill in each.skill_ids if skill != id_)
            call.data.employees.put(evolve(each, skill_ids=kept))
    return NO_CONTENT


DEPARTMENTS = "/hr/v1.0/departments"
ONE_DEPARTMENT = f"{DEPARTMENTS}/{{id}}"
GROUPS = "/hr/v1.0/employeegroups"
ONE_GROUP = f"{GROUPS}/{{id}}"
SKILLS = "/hr/v1.0/skills"
ROUTES = [
    Route("GET", DEPARTMENTS, "department:read", departments),
    Route("POST", DEPARTMENTS, "department:create", add_department),
    Route("GET", ONE_DEPARTMENT, "department:read", department),
    Route("PUT", ONE_DEPARTMENT, "department:update", change_department),
    Route("DELETE", ONE_DEPARTMENT, "department:delete", remove_department),
    Route("GET", f"{ONE_DEPARTMENT}/employees", "employee:read", department_employees),
    Route("GET", GROUPS, "employeegroup:read", groups),
    Route("POST", GROUPS, "employeegroup:create", add_group),
    Route("GET", ONE_GROUP, "employeegroup:read", group),
    Route("PUT", ONE_GROUP, "employeegroup:update", change_group),
    Route("DELETE", ONE_GROUP, "employeegroup:delete", remove_group),
    Route("GET", f"{ONE_GROUP}/employees", "employee:read", group_employees),
    Route("GET", "/hr/v1.0/employeetypes", "employeetype:read", types),
    Route("GET", "/hr/v1.0/terminationtypes", "employee:read", termination_types),
    Route("GET", SKILLS, "employee:read skill:read", skills),
    Route("POST", SKILLS, "skill:create", add_skill),
    Route("PUT", SKILLS, "skill:update", change_skill),
    Route("DELETE", SKILLS, "skill:delete", remove_skill),
]
