"""What a portal's roster is made of: frozen records, replaced whole when they change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from attrs import field, frozen
from attrs.validators import in_

DAY = timedelta(days=1)

OPEN, ASSIGNED, APPROVED, DRAFT = "Open", "Assigned", "Approved", "Draft"
STARTED, FINISHED = "PunchclockStarted", "PunchclockFinished"
PUNCH_APPROVED = "PunchclockApproved"
# By their ids from 1. Those of the punch clock are only read, and have none.
STATUSES = (
    OPEN,
    ASSIGNED,
    APPROVED,
    "ForSale",
    DRAFT,
    "OnDuty",
    "PendingSwapAcceptance",
    "PendingApproval",
)
READ_STATUSES = (*STATUSES, STARTED, FINISHED, PUNCH_APPROVED)
LOCKED = ("ManagerLocked", "SalaryLocked")
LOCK_STATES = ("Unlocked", *LOCKED)


@frozen
class Author:
    """Who changes the roster."""

    id: int
    name: str


@frozen(kw_only=True)
class Wage:
    """What a shift pays, if it is not what its group pays."""

    amount: float
    type: str = "PerHour"


@frozen(kw_only=True)
class Shift:
    """One version of a shift. `start` and `end` are times of the wall clock in `time_zone`."""

    id: int
    department_id: int
    employee_group_id: int | None = None
    employee_id: int | None = None
    position_id: int | None = None
    shift_type_id: int | None = None
    day: date
    start: time | None = None
    end: time | None = None
    time_zone: str
    status: str = field(validator=in_(READ_STATUSES))
    comment: str | None = None
    wage: Wage | None = None
    skill_ids: tuple[int, ...] = ()
    use_breaks: bool = True
    punch_clock_shift_id: int | None = None
    created_at: datetime
    modified_at: datetime

    @property
    def starts_at(self) -> datetime | None:
        """The start by the wall clock."""
        return None if self.start is None else datetime.combine(self.day, self.start)

    @property
    def ends_at(self) -> datetime | None:
        """The end by the wall clock; one that is not later than the start is of the next day."""
        if self.end is None:
            return None
        over_night = self.start is not None and self.end <= self.start
        return datetime.combine(self.day + DAY if over_night else self.day, self.end)

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """Start and end in UTC, None for a shift without both times."""
        if self.starts_at is None or self.ends_at is None:
            return None
        return instant(self.starts_at, self.time_zone), instant(self.ends_at, self.time_zone)

    @property
    def length(self) -> timedelta:
        """How long the shift lasts, breaks included."""
        return timedelta() if self.span is None else self.span[1] - self.span[0]

    def overlaps(self, other: "Shift") -> bool:
        """Whether both are at some moment."""
        if self.span is None or other.span is None:
            return False
        return self.span[0] < other.span[1] and other.span[0] < self.span[1]


@frozen(kw_only=True)
class Deletion:
    """A shift that is gone, and by whose order."""

    shift: Shift
    deleted_at: datetime
    deleted_by: int

    @property
    def id(self) -> int:
        """The shift's id."""
        return self.shift.id


@frozen(kw_only=True)
class Change:
    """One entry of a shift's history."""

    at: datetime
    by: Author
    texts: tuple[str, ...]


@frozen(kw_only=True)
class ShiftType:
    """A kind of shift, absences among them; a normal shift has none."""

    id: int
    name: str
    color: str
    salary_code: str
    is_active: bool = True
    pay_percentage: float = 100.0
    pay_monetary: float = 0.0
    allows_breaks: bool = True
    allow_booking: bool = True
    payment_type: str = "Percentage"
    include_in_print: bool = True
    supplement_salary: bool = True


@frozen(kw_only=True)
class Position:
    """A place to fill on a schedule."""

    id: int
    name: str
    department_id: int
    employee_group_id: int
    section_id: int | None = None
    color: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    affect_revenue: bool = False
    revenue_unit_id: int | None = None
    skill_ids: tuple[int, ...] = ()

    def is_active(self, on: date) -> bool:
        """Whether it can be filled on a day."""
        began = self.valid_from is None or self.valid_from <= on
        return began and (self.valid_to is None or on <= self.valid_to)


@frozen(kw_only=True)
class Section:
    """A heading under which a department's positions stand."""

    id: int
    name: str
    department_id: int


@frozen(kw_only=True)
class ScheduleDay:
    """What is noted about one day of a department."""

    id: int
    department_id: int
    day: date
    title: str | None = None
    description: str | None = None
    is_visible: bool = True
    lock_state: str = field(default="Unlocked", validator=in_(LOCK_STATES))


@frozen(kw_only=True)
class Break:
    """A break taken by the punch clock."""

    id: int
    starts_at: datetime
    ends_at: datetime | None = None


@frozen(kw_only=True)
class Punch:
    """One entry of the punch clock; times are of the portal's wall clock.

    An entry without a shift gets one when it is approved.
    """

    id: int
    department_id: int
    employee_group_id: int | None = None
    employee_id: int
    shift_id: int | None = None
    starts_at: datetime
    ends_at: datetime | None = None
    comment: str | None = None
    is_approved: bool = False
    breaks: tuple[Break, ...] = field(default=(), repr=False)


def instant(local: datetime, time_zone: str) -> datetime:
    """The moment of a time by the wall clock.

    A time that comes twice is the first one; one that is skipped is moved ahead by the gap.
    """
    return local.replace(tzinfo=ZoneInfo(time_zone), fold=0).astimezone(UTC)


def local(moment: datetime, time_zone: str) -> datetime:
    """What the wall clock says at a moment."""
    return moment.astimezone(ZoneInfo(time_zone)).replace(tzinfo=None)
