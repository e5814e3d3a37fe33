"""People, and what they are sorted by (docs: HR).

A list, the list of those who have left, and one employee alone each tell something else. What all
three tell is in `Person`; a field that only one of them has is found there alone.

Some fields come only if they are asked for by `special=` and the app has their scopes. Planday
leaves them out without a word otherwise, so None may also mean "not for this app".
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from attrs import field, frozen

from planado_async.planday.models.model import PlandayModel

# --- Employees ------------------------------------------------------------------------------------


@frozen(kw_only=True, slots=True)
class BankAccount(PlandayModel):
    """Where wages are paid to."""

    registration_number: str | None = None
    account_number: str | None = None


@frozen(kw_only=True, slots=True)
class CustomField(PlandayModel):
    """A field that a portal has made for itself.

    `type` is `Text`, `Numeric`, `Boolean`, `Date`, `Dropdown` or `Image`, and the JSON type of
    `value` follows it. An image has no value here but a `url`; `employees.custom_field` gets it.
    """

    name: str | None = None
    type: str | None = None
    value: Any = field(default=None, hash=False)
    url: str | None = None


@frozen(kw_only=True, slots=True)
class Person(PlandayModel):
    """What every answer tells of an employee.

    `cell_phone` and `phone` stand here as they came: with the country's prefix in lists, without
    it for one employee, and in a list the prefix alone where there is no number. The properties
    `full_cell_phone` and `full_phone` are the same in all answers. `salary_identifier` is the
    number in payroll. `deactivation_date` may lie ahead.
    """

    id: int
    first_name: str | None = None
    last_name: str | None = None
    user_name: str | None = None
    email: str | None = None
    deactivation_date: date | None = None
    date_time_modified: datetime | None = None
    employee_type_id: int | None = None
    salary_identifier: str | None = None
    departments: tuple[int, ...] = ()
    employee_groups: tuple[int, ...] = ()
    cell_phone: str | None = None
    cell_phone_country_prefix: str | None = None
    cell_phone_country_code: str | None = None
    phone: str | None = None
    phone_country_prefix: str | None = None
    phone_country_code: str | None = None
    street1: str | None = None
    street2: str | None = None
    zip: str | None = None
    city: str | None = None
    bank_account: BankAccount | None = field(default=None, repr=False)
    birth_date: date | None = field(default=None, repr=False)
    ssn: str | None = field(default=None, repr=False)

    @property
    def full_cell_phone(self) -> str | None:
        """The cell phone's number with its prefix, None where there is none."""
        return _in_full(self.cell_phone, self.cell_phone_country_prefix)

    @property
    def full_phone(self) -> str | None:
        """The other phone's number with its prefix, None where there is none."""
        return _in_full(self.phone, self.phone_country_prefix)


def _in_full(number: str | None, prefix: str | None) -> str | None:
    """Return a phone number with its prefix, whether it came with it or not."""
    prefix = prefix or ""
    bare = (number or "").removeprefix(prefix)
    return f"{prefix}{bare}" if bare else None


@frozen(kw_only=True, slots=True)
class ListedPerson(Person):
    """What both lists of employees tell; `date_time_deleted` is when they were last deactivated."""

    hired_date: date | None = None
    date_time_created: date | None = None
    date_time_deleted: datetime | None = None
    cell_phone_without_country_prefix: str | None = None
    phone_without_country_prefix: str | None = None
    termination_type_id: int | None = None
    termination_type_name: str | None = None
    deactivation_reason: str | None = None
    is_public: bool | None = None


@frozen(kw_only=True, slots=True)
class EmployeeItem(ListedPerson):
    """An employee as the list of those at work tells of them: without job title and skills.

    `supervisor_id` is the number of a `Supervisor`, not of an employee. `security_groups` are
    there if they were asked for.
    """

    primary_department_id: int | None = None
    supervisor_id: int | None = None
    security_groups: tuple[int, ...] = ()


@frozen(kw_only=True, slots=True)
class DeactivatedEmployee(ListedPerson):
    """An employee who has left, as the list of those tells of them."""


@frozen(kw_only=True, slots=True)
class Employee(Person):
    """An employee in full, at work or not, as `employees.get` tells of them.

    `supervisor_id` is the number of a `Supervisor`, `supervisor_employee_id` that of the same
    person as an employee. `custom_fields` are the portal's own by their keys, `custom_<n>`.
    """

    hired_from: date | None = None
    is_deactivated: bool | None = None
    date_time_created: datetime | None = None
    primary_department_id: int | None = None
    supervisor_id: int | None = None
    supervisor_employee_id: int | None = None
    security_groups: tuple[int, ...] = ()
    gender: str | None = None
    job_title: str | None = None
    skill_ids: tuple[int, ...] = ()
    country_id: int | None = None
    work_hours: int | None = None
    contract_rules_rule_id: int | None = None
    custom_fields: Mapping[str, CustomField] = field(factory=dict[str, CustomField], hash=False)


@frozen(kw_only=True, slots=True)
class EmployeeChange(PlandayModel):
    """One change of one field of an employee; `path` names the field, `value` what it became."""

    op: str | None = None
    path: str | None = None
    value: Any = field(default=None, hash=False, repr=False)
    modification_date_time: datetime | None = None
    modified_by: str | None = None
    modified_by_user_guid: str | None = None


@frozen(kw_only=True, slots=True)
class Supervisor(PlandayModel):
    """Somebody employees answer to: its `id` is what they name as their `supervisor_id`."""

    id: int
    employee_id: int | None = None
    name: str | None = None


@frozen(kw_only=True, slots=True)
class TerminationType(PlandayModel):
    """A reason to leave."""

    id: int
    name: str | None = None


# --- What employees are sorted by -----------------------------------------------------------------


@frozen(kw_only=True, slots=True)
class Department(PlandayModel):
    """A place people work at; `number` is text, and may be empty."""

    id: int
    name: str | None = None
    number: str | None = None


@frozen(kw_only=True, slots=True)
class EmployeeGroup(PlandayModel):
    """What people do, such as driving or cooking."""

    id: int
    name: str | None = None


@frozen(kw_only=True, slots=True)
class Member(PlandayModel):
    """An employee of a department or a group."""

    employee_id: int


@frozen(kw_only=True, slots=True)
class EmployeeType(PlandayModel):
    """How people are employed."""

    id: int
    name: str | None = None
    description: str | None = None


@frozen(kw_only=True, slots=True)
class Skill(PlandayModel):
    """What somebody may know; one limited in time is not given by a write of an employee."""

    skill_id: int
    name: str | None = None
    description: str | None = None
    is_time_limited: bool | None = None
