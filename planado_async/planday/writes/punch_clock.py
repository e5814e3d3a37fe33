"""What the Punch clock API takes (docs: Punch clock)."""

from datetime import date
from typing import Required

from planado_async.planday.writes.options import CallOptions, Listing, Moment


class PunchListing(Listing, total=False):
    """A listing of entries of some days, both included, 31 at most; days are the portal's own."""

    from_date: Required[date]
    to_date: Required[date]
    employee_id: int | None
    shift_id: int | None


class TodayRead(CallOptions, total=False):
    """Whose shifts of today are asked for; everybody's if it does not say."""

    employee_id: int | None


class PunchIn(CallOptions, total=False):
    """How somebody comes to work; without a shift also into which department and group.

    Without `start_date_time`, now.
    """

    comment: Required[str]
    shift_id: int
    start_date_time: Moment
    device_code: str
    department_id: int
    employee_group_id: int


class PunchOut(CallOptions, total=False):
    """How somebody leaves work. Without `end_date_time`, now."""

    comment: Required[str]
    shift_id: int
    end_date_time: Moment
    device_code: str
