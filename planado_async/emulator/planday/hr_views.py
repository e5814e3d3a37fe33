"""Employees as the HR API shows them: which field stands in which answer, and in which form."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from attrs import frozen

from planado_async.emulator.clock import milliseconds, seconds
from planado_async.emulator.errors import EmulatorError
from planado_async.emulator.planday.calls import Call
from planado_async.emulator.planday.data import PortalData
from planado_async.emulator.planday.people import Employee
from planado_async.emulator.planday.query import bad_input
from planado_async.emulator.records import Json

# By their codes; the service says UK where ISO says GB. The number is the country's in writes.
COUNTRIES = {
    "DK": (1, "+45"), "SE": (2, "+46"), "NO": (3, "+47"), "UK": (4, "+44"), "DE": (5, "+49"),
    "PL": (6, "+48"), "FR": (7, "+33"), "ES": (8, "+34"), "AU": (9, "+61"), "US": (10, "+1"),
}  # fmt: skip
# The word in `special`, the resource of its scopes, the field.
SPECIAL = {
    "BankAccount": ("bankaccount", "bankAccount"),
    "BirthDate": ("birthdate", "birthDate"),
    "Ssn": ("ssn", "ssn"),
}

# The answers a field stands in: the list, the list of the deactivated, the one employee.
LIST, LEFT, ONE = "T", "D", "O"


@frozen
class Shown:
    """One field of an employee: its name, the answers it stands in, how it is read."""

    name: str
    answers: str
    read: Callable[[Employee, PortalData], Any]


def _moment(at: datetime) -> str:
    """A moment, with milliseconds if it has any."""
    return milliseconds(at) if at.microsecond else seconds(at)


def _left_at(employee: Employee, data: PortalData) -> str | None:
    at = employee.left_at(data.clock.now())
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06}0Z"


def _supervisor_employee_id(employee: Employee, data: PortalData) -> int | None:
    supervisor = data.supervisors.get(employee.supervisor_id)
    return None if supervisor is None else supervisor.employee_id


def _termination_name(employee: Employee, data: PortalData) -> str | None:
    termination = data.termination_types.get(employee.termination_type_id)
    return None if termination is None else termination.name


def prefix(code: str) -> str:
    """The prefix of a country's phone numbers."""
    return COUNTRIES[code][1]


def _phone(name: str, attribute: str) -> list[Shown]:
    """The fields of one phone number: lists show it with the prefix, the detail without."""

    def number(employee: Employee) -> str:
        return str(getattr(employee, attribute))

    def code(employee: Employee) -> str:
        return str(getattr(employee, f"{attribute}_country_code"))

    return [
        Shown(name, "TD", lambda each, _: prefix(code(each)) + number(each)),
        Shown(name, "O", lambda each, _: number(each)),
        Shown(f"{name}WithoutCountryPrefix", "TD", lambda each, _: number(each) or None),
        Shown(f"{name}CountryPrefix", "TDO", lambda each, _: prefix(code(each))),
        Shown(f"{name}CountryCode", "TDO", lambda each, _: code(each)),
    ]


FIELDS = (
    Shown("id", "TDO", lambda each, _: each.id),
    Shown("firstName", "TDO", lambda each, _: each.first_name),
    Shown("lastName", "TDO", lambda each, _: each.last_name),
    Shown("userName", "TDO", lambda each, _: each.user_name),
    Shown("email", "TDO", lambda each, _: each.email),
    Shown("hiredDate", "TD", lambda each, _: each.hired_from),
    Shown("hiredFrom", "O", lambda each, _: each.hired_from),
    Shown("deactivationDate", "TDO", lambda each, _: each.deactivation_date),
    Shown("isDeactivated", "O", lambda each, data: each.is_deactivated(data.clock.now())),
    Shown("dateTimeCreated", "TD", lambda each, _: each.created_at.date()),
    Shown("dateTimeCreated", "O", lambda each, _: seconds(each.created_at)),
    Shown("dateTimeModified", "TDO", lambda each, _: _moment(each.modified_at)),
    Shown("dateTimeDeleted", "TD", _left_at),
    Shown("employeeTypeId", "TDO", lambda each, _: each.employee_type_id),
    Shown("salaryIdentifier", "TDO", lambda each, _: each.salary_identifier),
    Shown("departments", "TDO", lambda each, _: each.departments),
    Shown("primaryDepartmentId", "TO", lambda each, _: each.primary_department_id),
    Shown("employeeGroups", "TDO", lambda each, _: each.employee_groups),
    Shown("supervisorId", "TO", lambda each, _: each.supervisor_id),
    Shown("supervisorEmployeeId", "O", _supervisor_employee_id),
    Shown("securityGroups", "TO", lambda each, _: each.security_groups),
    *_phone("cellPhone", "cell_phone"),
    *_phone("phone", "phone"),
    Shown("street1", "TDO", lambda each, _: each.street1),
    Shown("street2", "TDO", lambda each, _: each.street2),
    Shown("zip", "TDO", lambda each, _: each.zip),
    Shown("city", "TDO", lambda each, _: each.city),
    Shown("gender", "O", lambda each, _: each.gender),
    Shown("jobTitle", "O", lambda each, _: each.job_title),
    Shown("skillIds", "O", lambda each, _: each.skill_ids),
    Shown("countryId", "O", lambda each, _: None),
    Shown("workHours", "O", lambda each, _: each.work_hours),
    Shown("contractRulesRuleId", "O", lambda each, _: None),
    Shown("terminationTypeId", "TD", lambda each, _: each.termination_type_id),
    Shown("terminationTypeName", "TD", _termination_name),
    Shown("deactivationReason", "TD", lambda each, _: each.deactivation_reason),
    Shown("isPublic", "TD", lambda each, _: each.is_public),
    Shown("bankAccount", "TDO", lambda each, _: each.bank_account),
    Shown("birthDate", "TDO", lambda each, _: each.birth_date),
    Shown("ssn", "TDO", lambda each, _: each.ssn),
)
WITHHELD = {field: word for word, (_, field) in SPECIAL.items()}


def special(call: Call) -> frozenset[str]:
    """The special words that are asked for and allowed.

    A word that is none is answered 400; one without its scope is left out, or if so set 403.
    """
    known = {word.lower(): word for word in SPECIAL}
    asked = call.query.texts("special")
    if wrong := [word for word in asked if word.lower() not in known]:
        raise bad_input({"special": [f"The value '{word}' is not valid." for word in wrong]})
    words = frozenset(known[word.lower()] for word in asked)
    allowed = frozenset(word for word in words if call.allows(f"{SPECIAL[word][0]}:read"))
    if call.settings.special == "refused" and allowed != words:
        raise EmulatorError(403, "App is not assigned to the scope")
    return allowed


def shown(call: Call, employee: Employee, answer: str, words: frozenset[str]) -> Json:
    """An employee as he stands in one kind of answer."""
    return {
        field.name: field.read(employee, call.data)
        for field in FIELDS
        if answer in field.answers and WITHHELD.get(field.name) in (None, *words)
    }


def row(call: Call, answer: str) -> Callable[[Employee], Json]:
    """How an employee stands in a list."""
    words = special(call)
    with_groups = answer == LIST and call.query.flag("includeSecurityGroups", False)

    def view(employee: Employee) -> Json:
        item = shown(call, employee, answer, words)
        if "securityGroups" in item and not with_groups:
            item["securityGroups"] = []
        return call.slim(item)

    return view


def detail(call: Call, employee: Employee) -> Json:
    """An employee alone, with the portal's own fields."""
    return {
        **shown(call, employee, ONE, special(call)),
        **{key: _custom(employee, call.data, key) for key in call.data.custom_fields},
    }


def _custom(employee: Employee, data: PortalData, key: str) -> Json:
    custom, value = data.custom_fields[key], employee.custom.get(key)
    if custom.kind != "Image":
        return {"name": custom.name, "type": custom.kind, "value": value, "url": None}
    url = None if value is None else f"/hr/v1.0/employees/{employee.id}/customfields/{key}/value"
    return {"name": custom.name, "type": custom.kind, "value": None, "url": url}
