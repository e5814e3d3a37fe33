"""Positions, sections and skills of schedules.

https://openapi.planday.com/api/schedule
"""

from typing import Any

from attrs import evolve

from planado_async.emulator.checks import Rule, Rules, boolean, day, text
from planado_async.emulator.planday import scheduling_views
from planado_async.emulator.planday.calls import (
    NO_CONTENT,
    Answer,
    Call,
    Route,
    conflict,
    data,
    missing,
)
from planado_async.emulator.planday.query import bad_input, required
from planado_async.emulator.planday.scheduling_forms import (
    ID,
    author,
    check_known,
    ids,
    known_department,
)
from planado_async.emulator.planday.scheduling_records import Position
from planado_async.emulator.planday.shift_types import color

UPDATE: Rules = {
    "name": Rule(text(blank=False), required=True),
    "affectRevenue": Rule(boolean, required=True),
    "sectionId": Rule(ID, nullable=True),
    "color": Rule(color, nullable=True),
    "validFrom": Rule(day, nullable=True),
    "validTo": Rule(day, nullable=True),
    "skillIds": Rule(ids, nullable=True),
    "revenueUnitId": Rule(ID, nullable=True),
}
CREATE: Rules = {
    "departmentId": Rule(ID, required=True),
    "employeeGroupId": Rule(ID, required=True),
    **UPDATE,
}
# What to do with the shifts of a position that goes. Undecided: there must be none.
UNDECIDED, KEEP, REMOVE = "Undecided", "KeepPosition", "RemovePosition"
REPLACE, DELETE_SHIFTS = "ReplacePosition", "DeleteShifts"


def list_positions(call: Call) -> Answer:
    """The positions, the active ones or the others if so asked."""
    active, today = call.query.choice("isActive", "true", "false"), call.data.today()
    kept = (
        position
        for position in call.data.roster.positions
        if call.sees(position.department_id)
        and (active is None or position.is_active(today) == (active == "true"))
    )
    return call.page(
        kept,
        lambda position: scheduling_views.position(call, position),
        strict=True,
    )


def get(call: Call) -> Answer:
    """One position."""
    return data(scheduling_views.position(call, _position(call)))


def create(call: Call) -> Answer:
    """Makes a position."""
    values = call.fields(CREATE)
    check_known(call, values)
    fields = _fields(values)
    position = call.data.roster.positions.make(
        lambda id_: Position(
            id=id_,
            department_id=values["departmentId"],
            employee_group_id=values["employeeGroupId"],
            **fields,
        )
    )
    return data(scheduling_views.position(call, position))


def update(call: Call) -> Answer:
    """Writes a position anew; its department and group stay."""
    values = call.fields(UPDATE)
    check_known(call, values)
    position = evolve(_position(call), **_fields(values))
    call.data.roster.positions.put(position)
    return data(scheduling_views.position(call, position))


def delete(call: Call) -> Answer:
    """Deletes a position and does to its shifts what is asked."""
    option = call.query.choice("deleteOption", UNDECIDED, KEEP, REMOVE, REPLACE, DELETE_SHIFTS)
    replacement = _replacement(call) if option == REPLACE else None
    position = _position(call)
    roster, by = call.data.roster, author(call)
    shifts = [shift for shift in roster.shifts if shift.position_id == position.id]
    if shifts and option in (None, UNDECIDED):
        raise conflict("The position has shifts: say by deleteOption what becomes of them")
    for shift in shifts:
        if option == DELETE_SHIFTS:
            roster.delete_shift(shift.id, by=by)
        elif option != KEEP:
            roster.change_shift(shift.id, by=by, position_id=replacement)
    roster.positions.remove(position.id)
    return NO_CONTENT


def _replacement(call: Call) -> int:
    position_id: int = required("replacementPositionId", call.query.number("replacementPositionId"))
    if position_id == call.ids["positionId"]:
        raise bad_input({"replacementPositionId": ["must be another position"]})
    check_known(call, {"positionId": position_id})
    return position_id


def _position(call: Call) -> Position:
    position = call.data.roster.positions.get(call.ids["positionId"])
    if position is None or not call.sees(position.department_id):
        raise missing("Position")
    return position


def _fields(values: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": values["name"],
        "affect_revenue": values["affectRevenue"],
        "section_id": values.get("sectionId"),
        "color": values.get("color"),
        "valid_from": values.get("validFrom"),
        "valid_to": values.get("validTo"),
        "skill_ids": values.get("skillIds") or (),
        "revenue_unit_id": values.get("revenueUnitId"),
    }


def list_sections(call: Call) -> Answer:
    """The sections, of one department if so asked."""
    department_id = call.query.number("departmentId")
    kept = (
        section
        for section in call.data.roster.sections
        if call.sees(section.department_id) and department_id in (None, section.department_id)
    )
    return call.page(kept, scheduling_views.section, strict=True)


def list_skills(call: Call) -> Answer:
    """The skills of a department; all are of all employee groups."""
    known_department(call, call.query.number("departmentId"))
    check_known(call, {"employeeGroupId": call.query.number("employeeGroupId")})
    return call.page(call.data.skills, scheduling_views.skill, strict=True)


_POSITION = "/scheduling/v1.0/positions/{positionId}"

ROUTES = [
    Route("GET", "/scheduling/v1.0/positions", "shiftposition:read", list_positions),
    Route("POST", "/scheduling/v1.0/positions", "shiftposition:create", create),
    Route("GET", _POSITION, "shiftposition:read", get),
    Route("PUT", _POSITION, "shiftposition:update", update),
    Route("DELETE", _POSITION, "shiftposition:delete", delete),
    Route("GET", "/scheduling/v1.0/sections", "shiftposition:read", list_sections),
    Route("GET", "/scheduling/v1.0/skills", "shifttype:read", list_skills),
]
