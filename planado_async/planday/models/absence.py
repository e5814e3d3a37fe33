"""Who is away, who asked to be, and the accounts it is taken from (docs: Absence)."""

from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias

from attrs import field, frozen

from planado_async.planday.models.model import PlandayModel

Day: TypeAlias = date  # the name of a field hides that of its type


@frozen(kw_only=True, slots=True)
class Unit(PlandayModel):
    """What is counted; `type` is `Hours`, `Days` or the like."""

    type: str | None = None


@frozen(kw_only=True, slots=True)
class Amount(PlandayModel):
    """So much of a unit."""

    value: Decimal | None = None
    unit: Unit | None = None


@frozen(kw_only=True, slots=True)
class Period(PlandayModel):
    """From one day to another, both included; without an `end` for good."""

    start: date | None = None
    end: date | None = None


@frozen(kw_only=True, slots=True)
class Hours(PlandayModel):
    """The part of a day, in hours and minutes on the wall: `08:00`."""

    start: str | None = None
    end: str | None = None


@frozen(kw_only=True, slots=True)
class RegistrationAccount(PlandayModel):
    """The account that a day of absence is taken from, and how much of it."""

    id: int
    costs: tuple[Amount, ...] = ()


@frozen(kw_only=True, slots=True)
class Registration(PlandayModel):
    """A day of absence; `time` None is the whole day."""

    date: Day | None = None
    time: Hours | None = None
    account: RegistrationAccount | None = None


@frozen(kw_only=True, slots=True)
class RequestedAccount(PlandayModel):
    """An account that an absence is to be taken from, and how much of it."""

    id: int
    name: str | None = None
    cost: tuple[Amount, ...] = ()


@frozen(kw_only=True, slots=True)
class AbsenceRecord(PlandayModel):
    """An absence that was decided; `status` is `Approved`, `Declined` or the like."""

    id: int
    employee_id: int | None = None
    status: str | None = None
    note: str | None = None
    absence_period: Period | None = None
    registrations: tuple[Registration, ...] = ()


@frozen(kw_only=True, slots=True)
class AbsenceRequest(PlandayModel):
    """An absence that was asked for; `status` may also be `Pending` or `Cancelled`."""

    id: int
    employee_id: int | None = None
    status: str | None = None
    note: str | None = None
    absence_period: Period | None = None
    requested_accounts: tuple[RequestedAccount, ...] = ()


@frozen(kw_only=True, slots=True)
class AbsenceType(PlandayModel):
    """A kind of absence. Planday does not document this one; `raw` has all it tells."""

    id: int | None = None
    name: str | None = None


@frozen(kw_only=True, slots=True)
class AccountType(PlandayModel):
    """A kind of account; `absence_type` is `Vacation` or `Flextime`, `accruing_rate` a year's.

    `unit` is as it came, its form not being documented.
    """

    id: int
    name: str | None = None
    unit: Any = field(default=None, hash=False)
    absence_type: str | None = None
    accruing_rate: Amount | None = None


@frozen(kw_only=True, slots=True)
class AbsenceAccount(PlandayModel):
    """What one employee may take off."""

    id: int
    name: str | None = None
    type_id: int | None = None
    validity_period: Period | None = None
