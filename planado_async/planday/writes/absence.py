"""What the Absence API takes (docs: Absence)."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal, TypeAlias

from planado_async.planday.writes.options import CallOptions, Listing, NotEmpty

AbsenceKind: TypeAlias = Literal["Vacation", "Flextime"]


class AbsenceSpan(Listing, total=False):
    """A listing of what lies between two days, of one employee or all."""

    employee_id: int | None
    start_date: date | None
    end_date: date | None


class AbsenceListing(AbsenceSpan, total=False):
    """A listing of absences; `statuses` are `Approved`, `Declined` and the like."""

    statuses: Annotated[Sequence[str], NotEmpty()] | None


class AccountTypeListing(Listing, total=False):
    """A listing of kinds of accounts."""

    absence_type: AbsenceKind | None


class AccountListing(AbsenceSpan, total=False):
    """A listing of accounts; `status` is `Active`, or not given."""

    status: str | None


class BalanceRead(CallOptions, total=False):
    """The day on which a balance is asked for; today if it is not given."""

    balance_date: date | None
