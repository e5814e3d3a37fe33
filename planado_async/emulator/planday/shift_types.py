"""Shift types, the kinds of shifts.

https://openapi.planday.com/api/schedule
"""

import re
from typing import Any

from attrs import evolve

from planado_async.emulator.checks import InvalidError, Rule, Rules, boolean, text
from planado_async.emulator.planday import scheduling_views
from planado_async.emulator.planday.calls import NO_CONTENT, Answer, Call, Route, found
from planado_async.emulator.planday.scheduling_records import ShiftType

COLOR = re.compile(r"#[0-9A-Fa-f]{6}", re.ASCII)


def color(value: object) -> str:
    """A colour like #21E56E."""
    if not isinstance(value, str) or not COLOR.fullmatch(value):
        raise InvalidError("must be a color like #21E56E")
    return value


BODY: Rules = {
    "name": Rule(text(blank=False), required=True),
    "color": Rule(color, required=True),
    "salaryCode": Rule(text(), required=True),
    "allowsBreaks": Rule(boolean),
    "includeSupplementSalary": Rule(boolean),
}
FIELDS = {
    "name": "name",
    "color": "color",
    "salaryCode": "salary_code",
    "allowsBreaks": "allows_breaks",
    "includeSupplementSalary": "supplement_salary",
}


def list_shift_types(call: Call) -> Answer:
    """The shift types, the active ones or the others if so asked."""
    active = call.query.choice("isActive", "true", "false")
    kept = (
        kind
        for kind in call.data.roster.shift_types
        if active is None or kind.is_active == (active == "true")
    )
    return call.page(kept, scheduling_views.shift_type, strict=True)


def create(call: Call) -> Answer:
    """Makes a shift type; its number comes without a wrapper."""
    fields = _fields(call)
    kind = call.data.roster.shift_types.make(lambda id_: ShiftType(id=id_, **fields))
    return Answer(200, {"id": kind.id})


def update(call: Call) -> Answer:
    """Changes a shift type."""
    fields = _fields(call)
    kinds = call.data.roster.shift_types
    kinds.put(evolve(found(kinds.get(call.ids["id"]), "Shift type"), **fields))
    return NO_CONTENT


def _fields(call: Call) -> dict[str, Any]:
    return {FIELDS[name]: value for name, value in call.fields(BODY).items()}


ROUTES = [
    Route("GET", "/scheduling/v1.0/shifttypes", "shifttype:read", list_shift_types),
    Route("POST", "/scheduling/v1.0/shifttypes", "shifttype:create", create),
    Route("PUT", "/scheduling/v1.0/shifttypes/{id}", "shifttype:update", update),
]
