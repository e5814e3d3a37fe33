"""What the HR API takes (docs: HR)."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Literal, Required, TypeAlias, TypedDict

from planado_async.planday.writes.options import CallOptions, Day, Listing, Moment

Special: TypeAlias = Literal["BankAccount", "BirthDate", "Ssn"]
"""Fields that are told if they are asked for; each has a scope of its own."""

# --- Filters --------------------------------------------------------------------------------------


class EmployeeRead(CallOptions, total=False):
    """How one employee is read."""

    special: Sequence[Special]


class StaffListing(Listing, total=False):
    """A listing of employees. All ends of windows are moments.

    Planday calls `modified_from` exclusive, and that window also catches who was created or has
    left in it. `search_query` looks into names, addresses, phones and numbers.
    """

    created_from: Moment | None
    created_to: Moment | None
    modified_from: Moment | None
    modified_to: Moment | None
    search_query: str | None
    special: Sequence[Special]


class EmployeeListing(StaffListing, total=False):
    """A listing of the employees at work."""

    include_security_groups: bool


class DeactivatedListing(StaffListing, total=False):
    """A listing of those who have left; its own window is about when that was."""

    deactivated_from: Moment | None
    deactivated_to: Moment | None


class HistoryListing(Listing, total=False):
    """A listing of changes, by when they were made."""

    start_date_time: Moment | None
    end_date_time: Moment | None


class DepartmentRead(CallOptions, total=False):
    """How one department is read."""

    include_deleted: bool


# --- Employees ------------------------------------------------------------------------------------


class CustomKeys:
    """Keys of a portal's own fields: `custom_<n>`."""

    def check(self, value: Mapping[str, Any], at: str) -> None:
        """Raise ValueError if a key is no such key."""
        for key in value:
            checked_key(key, at)


def checked_key(key: str, at: str) -> str:
    """Return the key of a portal's own field, or raise ValueError."""
    if re.fullmatch(r"custom_\d+", key, re.ASCII):
        return key
    raise ValueError(
        f"{at} knows no {key!r}: a portal's own fields are called custom_<n>; "
        "employees.field_definitions(type='Put') tells which it has"
    )


CustomValue: TypeAlias = str | float | bool | date | None
"""What a portal's own field may hold, bare: not the `CustomField` that is read."""
CustomValues: TypeAlias = Annotated[Mapping[str, CustomValue], CustomKeys()]


class BankAccountFields(TypedDict, total=False):
    """Where wages are paid to."""

    registration_number: str
    account_number: str


class EmployeeFields(CallOptions, total=False):
    """What can be said of an employee, now or later.

    Phone numbers go without a prefix, which follows from the country code beside them; Planday
    writes UK where ISO 3166 says GB. `supervisor_id` is that of a `Supervisor`. Skills that are
    limited in time cannot be given here. `custom_fields` are bare values by their keys.
    """

    email: str
    hired_from: date | None
    employee_type_id: int | None
    salary_identifier: str
    primary_department_id: int | None
    employee_groups: Sequence[int]
    supervisor_id: int | None
    is_supervisor: bool
    cell_phone: str
    cell_phone_country_code: str
    cell_phone_country_id: int
    phone: str
    phone_country_code: str
    phone_country_id: int
    street1: str
    street2: str
    zip: str
    city: str
    gender: Literal["Male", "Female"] | None
    job_title: str
    skill_ids: Sequence[int]
    bank_account: BankAccountFields
    birth_date: date | None
    ssn: str
    custom_fields: CustomValues


class EmployeeCreate(EmployeeFields, total=False):
    """A new employee; a portal may require more fields than these four.

    Planday is known to refuse `supervisor_id` here, and to take it from an update.
    """

    first_name: Required[str]
    last_name: Required[str]
    user_name: Required[str]
    """What they log in by; has the form of an e-mail address."""
    departments: Required[Sequence[int]]


class EmployeeUpdate(EmployeeFields, total=False):
    """A change of an employee; what is not given stays.

    `use_validation=False` lets it pass where the portal requires a field that is still empty.
    """

    first_name: str
    last_name: str
    departments: Sequence[int]
    use_validation: bool


class CustomImage(CallOptions, total=False):
    """An image for a portal's own field, as a data URI: `data:image/png;base64,…`."""

    image: Required[str]


class UsernameChange(CallOptions, total=False):
    """Another name to log in by; has the form of an e-mail address."""

    new_username: Required[str]


class Deactivation(CallOptions, total=False):
    """How somebody leaves: at once unless `date` lies ahead.

    Their shifts from then on lose them unless `keep_shifts` is true.
    """

    date: Day
    reason: str
    termination_type_id: int
    keep_shifts: bool


class Reactivation(CallOptions, total=False):
    """How somebody comes back, which is at once."""

    comment: str
    departments: Sequence[int]


# --- What employees are sorted by -----------------------------------------------------------------


class DepartmentFields(CallOptions, total=False):
    """A department, whole: a number that is not given may be taken for an empty one."""

    name: Required[str]
    number: str


class EmployeeGroupFields(CallOptions, total=False):
    """A group."""

    name: Required[str]


class SkillFields(CallOptions, total=False):
    """A skill, whole: a description that is not given may be taken for an empty one."""

    name: Required[str]
    description: str
    is_time_limited: Required[bool]
