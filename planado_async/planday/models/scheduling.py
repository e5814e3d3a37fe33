"""Shifts, and what they are sorted by (docs: Schedule).

A shift has two shapes. As it is read it has moments, a zone and a status; as a write answers it, it
has the times of a day that were written, and none of these. Read it again where they are needed.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Self, TypeAlias

from attrs import field, frozen

from planado_async.planday.models.durations import days_hours_minutes, passed
from planado_async.planday.models.model import PlandayModel

Day: TypeAlias = date  # the name of a field hides that of its type

_ZONED: Mapping[str, Any] = {"zone": "timeZone"}
"""Of a field that tells the time on the wall of the zone named beside it."""

# --- Shifts ---------------------------------------------------------------------------------------


@frozen(kw_only=True, slots=True)
class PlannedShift(PlandayModel):
    """What a shift that is and one that was have in common.

    `employee_id` None is an open shift, `shift_type_id` None a normal one. `date` is the local day
    of the start, for a night's shift too. `status` is `Open`, `Assigned`, `Approved` (for payroll),
    `ForSale`, `Draft` (unpublished), `OnDuty`, `PendingSwapAcceptance`, `PendingApproval`,
    `PunchclockStarted`, `PunchclockFinished` or `PunchclockApproved`.
    """

    id: int
    department_id: int | None = None
    employee_id: int | None = None
    employee_group_id: int | None = None
    position_id: int | None = None
    shift_type_id: int | None = None
    date: Day | None = None
    start_date_time: datetime | None = field(default=None, metadata=_ZONED)
    end_date_time: datetime | None = field(default=None, metadata=_ZONED)
    time_zone: str | None = None
    status: str | None = None
    comment: str | None = None
    date_time_created: datetime | None = None
    date_time_modified: datetime | None = None

    @property
    def duration(self) -> timedelta | None:
        """The time that really passes, an hour more or less in the nights the clocks change.

        None for a shift without both times. Breaks count.
        """
        return passed(self.start_date_time, self.end_date_time)


@frozen(kw_only=True, slots=True)
class Shift(PlannedShift):
    """A shift as it is read."""

    punch_clock_shift_id: int | None = None
    skill_ids: tuple[int, ...] = ()


@frozen(kw_only=True, slots=True)
class DeletedShift(PlannedShift):
    """A shift that is gone; `deleted_by` is the id of a user of Planday's."""

    date_time_deleted: datetime | None = None
    deleted_by: int | None = None


@frozen(kw_only=True, slots=True)
class Wage(PlandayModel):
    """What a shift pays, in the portal's currency; `type` is `PerHour`."""

    amount: Decimal | None = None
    type: str | None = None


@frozen(kw_only=True, slots=True)
class CreatedShift(PlandayModel):
    """A shift as a create or an update answers it.

    `start_time` and `end_time` are hours and minutes, `07:30`, on the wall of the shift's zone; an
    end not later than the start is of the next day.
    """

    id: int
    department_id: int | None = None
    employee_id: int | None = None
    employee_group_id: int | None = None
    position_id: int | None = None
    shift_type_id: int | None = None
    date: Day | None = None
    start_time: str | None = None
    end_time: str | None = None
    default_wage: Wage | None = None
    comment: str | None = None
    skill_ids: tuple[int, ...] = ()
    is_draft: bool | None = None


@frozen(kw_only=True, slots=True)
class ShiftStatus(PlandayModel):
    """A status that shifts can be asked for by."""

    id: int
    name: str | None = None


@frozen(kw_only=True, slots=True)
class Author(PlandayModel):
    """Who changed a shift."""

    id: int | None = None
    name: str | None = None


@frozen(kw_only=True, slots=True)
class ShiftChange(PlandayModel):
    """An entry of a shift's history; `changes` are sentences in Planday's words."""

    modified_at: datetime | None = None
    modified_by: Author | None = None
    changes: tuple[str, ...] = ()


@frozen(kw_only=True)
class ShiftCursor:
    """Where to look for changes next; keep it as JSON, `as_json()`, and bring it back.

    `since` is a moment on Planday's clock, the overlap taken off already; `seen` are the versions
    of shifts that were told and will be listed again.
    """

    since: datetime
    seen: frozenset[str] = frozenset()

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` makes a cursor of again."""
        return {"since": self.since.isoformat(), "seen": sorted(self.seen)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the cursor that `as_json` has told.

        Raises:
            ValueError: it is something else.
        """
        try:
            since, seen = datetime.fromisoformat(data["since"]), frozenset(map(str, data["seen"]))
        except (KeyError, TypeError, ValueError):
            since, seen = None, frozenset[str]()
        if since is None or since.tzinfo is None:
            raise ValueError("this is no cursor of shifts; begin again at a moment, with changes()")
        return cls(since=since, seen=seen)


@frozen(kw_only=True)
class ShiftChanges:
    """What has become of shifts; a shift that was changed and then deleted is among the deleted.

    Both are oldest first. `next` is what to call `changes` with the next time.
    """

    changed: tuple[Shift, ...]
    deleted: tuple[DeletedShift, ...]
    next: ShiftCursor


# --- What shifts are sorted by --------------------------------------------------------------------


@frozen(kw_only=True, slots=True)
class ShiftType(PlandayModel):
    """A kind of shift; absence is often one. `payment_type` is `Percentage` or `Monetary`."""

    id: int
    name: str | None = None
    color: str | None = None
    salary_code: str | None = None
    is_active: bool | None = None
    pay_percentage: Decimal | None = None
    pay_monetary: Decimal | None = None
    allows_breaks: bool | None = None
    allow_booking: bool | None = None
    payment_type: str | None = None
    include_in_schedule_print: bool | None = None


@frozen(kw_only=True, slots=True)
class Position(PlandayModel):
    """A place to fill on a schedule, from one day to another if it says so."""

    id: int
    name: str | None = None
    start_date: date | None = None
    end_date: date | None = None
    is_active: bool | None = None
    department_id: int | None = None
    section_id: int | None = None
    employee_group_id: int | None = None
    affect_revenue: bool | None = None
    revenue_unit_id: int | None = None
    skill_ids: tuple[int, ...] = ()
    color: str | None = None


@frozen(kw_only=True, slots=True)
class Section(PlandayModel):
    """A heading under which positions of a department stand."""

    id: int
    name: str | None = None
    department_id: int | None = None


@frozen(kw_only=True, slots=True)
class Holiday(PlandayModel):
    """A public holiday, and the calendar it stands in."""

    title: str | None = None
    calendar_name: str | None = None


@frozen(kw_only=True, slots=True)
class ScheduleDay(PlandayModel):
    """What is noted about a day of a department.

    `lock_state` is `Unlocked`, `ManagerLocked` or `SalaryLocked`; shifts of a locked day stay as
    they are.
    """

    id: int | None = None
    department_id: int | None = None
    date: Day | None = None
    title: str | None = None
    description: str | None = None
    is_visible: bool | None = None
    lock_state: str | None = None
    holiday: tuple[Holiday, ...] = ()


# --- Time and cost --------------------------------------------------------------------------------


@frozen(kw_only=True, slots=True)
class ShiftCost(PlandayModel):
    """What one shift costs, in the currency of its `TimeAndCost`; nothing here need be told.

    `duration` stands here as it came, in days, hours and minutes: `0:07:30`.
    """

    shift_id: int | None = None
    employee_id: int | None = None
    date: Day | None = None
    duration: str | None = None
    cost: Decimal | None = None
    shift_type_id: int | None = None
    position_id: int | None = None

    @property
    def time(self) -> timedelta | None:
        """The time that is paid, without breaks.

        Raises:
            UnexpectedResponseError: `duration` has another form than days, hours and minutes.
        """
        return days_hours_minutes(self.duration) if self.duration else None


@frozen(kw_only=True, slots=True)
class TimeAndCost(PlandayModel):
    """What the shifts of a department cost; open shifts are left out.

    `currency_format_string` is a format of .NET's: `#,##0.00 'kr.'`.
    """

    costs: tuple[ShiftCost, ...] = ()
    currency_symbol: str | None = None
    currency_format_string: str | None = None
