"""The records of the HR API."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from attrs import field, frozen


@frozen(kw_only=True)
class Department:
    """A place people work at. `number` is text, and may be empty."""

    id: int
    name: str
    number: str = ""
    is_deleted: bool = False


@frozen(kw_only=True)
class EmployeeGroup:
    """What people do, such as driving or cooking."""

    id: int
    name: str


@frozen(kw_only=True)
class EmployeeType:
    """How people are employed."""

    id: int
    name: str
    description: str = ""


@frozen(kw_only=True)
class Skill:
    """What somebody may know; one that is limited in time cannot be given by a plain write."""

    id: int
    name: str
    description: str | None = None
    is_time_limited: bool = False


@frozen(kw_only=True)
class CustomField:
    """A field the portal has made for itself; `key` is `custom_<n>`.

    `kind` is Text, Numeric, Boolean, Date, Dropdown or Image; a drop-down has `options`.
    """

    key: str
    name: str
    kind: str
    options: tuple[str, ...] = ()


@frozen(kw_only=True)
class TerminationType:
    """A reason why people leave."""

    id: int
    name: str


@frozen(kw_only=True)
class Supervisor:
    """The record by whose number employees name their supervisor."""

    id: int
    employee_id: int


@frozen(kw_only=True)
class HistoryEntry:
    """One change of one field of an employee."""

    op: str
    field: str
    value: Any
    at: datetime
    by: str
    by_guid: str


@frozen(kw_only=True)
class Employee:
    """Somebody on the staff.

    `deactivated_from` is the moment at which `deactivation_date` begins; it may lie ahead.
    `was_deactivated_at` outlives a return. Phone numbers are without the prefix of their country,
    whose code stands beside. `custom` holds values by key, an image as its data URI.
    """

    id: int
    first_name: str
    last_name: str
    user_name: str
    email: str = ""
    hired_from: date | None = None
    created_at: datetime
    modified_at: datetime
    deactivation_date: date | None = None
    deactivated_from: datetime | None = None
    was_deactivated_at: datetime | None = None
    deactivation_reason: str | None = None
    termination_type_id: int | None = None
    employee_type_id: int | None = None
    salary_identifier: str = ""
    departments: tuple[int, ...] = ()
    primary_department_id: int | None = None
    employee_groups: tuple[int, ...] = ()
    supervisor_id: int | None = None
    security_groups: tuple[int, ...] = ()
    cell_phone: str = ""
    cell_phone_country_code: str = "DK"
    phone: str = ""
    phone_country_code: str = "DK"
    street1: str = ""
    street2: str = ""
    zip: str = ""
    city: str = ""
    gender: str | None = None
    job_title: str = ""
    skill_ids: tuple[int, ...] = ()
    work_hours: int | None = None
    is_public: bool | None = None
    bank_account: Mapping[str, str] | None = None
    birth_date: date | None = None
    ssn: str = ""
    custom: Mapping[str, Any] = field(factory=dict[str, Any])

    def is_deactivated(self, now: datetime) -> bool:
        """Whether he has left by a moment."""
        return self.deactivated_from is not None and self.deactivated_from <= now

    def left_at(self, now: datetime) -> datetime | None:
        """When he was deactivated last, as known at a moment."""
        return self.deactivated_from if self.is_deactivated(now) else self.was_deactivated_at
