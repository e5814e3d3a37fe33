"""What the Scheduling API takes (docs: Schedule)."""

import re
from collections.abc import Sequence
from datetime import time
from typing import Annotated, Literal, Required, TypeAlias, TypedDict

from planado_async.core.encode import AtLeast
from planado_async.planday.writes.options import CallOptions, Day, Listing, Moment, NotEmpty

ShiftStatusName: TypeAlias = Literal[
    "Open",
    "Assigned",
    "Approved",
    "ForSale",
    "Draft",
    "OnDuty",
    "PendingSwapAcceptance",
    "PendingApproval",
]
"""What shifts can be asked for by; those of the punch clock are only read."""

DeleteOption: TypeAlias = Literal[
    "Undecided", "KeepPosition", "RemovePosition", "ReplacePosition", "DeleteShifts"
]
"""What becomes of the shifts of a position that is deleted."""


class HoursAndMinutes:
    """A time of the day as Planday writes it."""

    def check(self, value: str, at: str) -> None:
        """Raise ValueError if the text is no such time."""
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value, re.ASCII):
            raise ValueError(
                f"{at} is {value!r}; Planday takes hours and minutes like 07:30, and the zone, "
                "if it is not the department's, as time_zone"
            )


TimeOfDay: TypeAlias = Annotated[time | str, HoursAndMinutes()]
"""Hours and minutes on a wall: `time(7, 30)` or `"07:30"`."""
Ids: TypeAlias = Annotated[Sequence[int], NotEmpty()]

# --- Filters --------------------------------------------------------------------------------------


class ShiftListing(Listing, total=False):
    """A listing of shifts. Days are those of the shifts' starts, both included.

    `created_…` and `modified_…` are moments; `modified_from` itself lies outside. Without `status`
    drafts are listed too.
    """

    from_date: Day | None
    to_date: Day | None
    department_ids: Ids | None
    employee_group_ids: Ids | None
    shift_type_ids: Ids | None
    position_ids: Ids | None
    employee_ids: Ids | None
    status: ShiftStatusName | None
    created_from: Moment | None
    created_to: Moment | None
    modified_from: Moment | None
    modified_to: Moment | None


class DeletedShiftListing(ShiftListing, total=False):
    """A listing of shifts that are gone; its own window is about when they went."""

    deleted_from: Moment | None
    deleted_to: Moment | None


class ActiveListing(Listing, total=False):
    """A listing of the active records, or of the others; of all if it does not say."""

    is_active: bool | None


class SectionListing(Listing, total=False):
    """A listing of sections."""

    department_id: int | None


class ScheduleDayListing(Listing, total=False):
    """A listing of the days of a department, both ends included."""

    department_id: Required[int]
    from_date: Required[Day]
    to_date: Required[Day]


class CostRead(CallOptions, total=False):
    """Days whose cost is asked for, both ends included."""

    from_date: Required[Day]
    to_date: Required[Day]


# --- Shifts ---------------------------------------------------------------------------------------


class WageFields(TypedDict):
    """What a shift pays an hour, if it is not what its group pays; in the portal's currency."""

    amount: Annotated[float, AtLeast(0)]
    type: Literal["PerHour"]


class ShiftFields(CallOptions, total=False):
    """What can be said of a shift beside its times."""

    allow_conflicts: Required[bool]
    """False: refuse a shift that overlaps another one of the employee, or breaks a rule."""
    use_breaks: Required[bool]
    """True: apply the portal's rules for breaks."""
    date: Required[Day]
    """The local day of the start."""
    employee_group_id: Required[int]
    employee_id: int | None
    """None: an open shift."""
    position_id: int | None
    shift_type_id: int | None
    default_wage: WageFields | None
    comment: str | None
    skill_ids: Sequence[int]
    is_draft: bool
    """True: hidden from employees until it is published."""
    time_zone: str | None
    """IANA name; None: the department's."""


class ShiftUpdate(ShiftFields, total=False):
    """A shift, written whole. An end not later than the start is of the next day."""

    start_time: TimeOfDay | None
    end_time: TimeOfDay | None


class ShiftCreate(ShiftUpdate, total=False):
    """A new shift; it stays in its department."""

    department_id: Required[int]


class Assignment(CallOptions, total=False):
    """Who works a shift."""

    employee_id: Required[int | None]


class Publication(CallOptions, total=False):
    """Which drafts of a department are published; all if none are named."""

    department_id: Required[int]
    shift_ids: Ids


# --- What shifts are sorted by --------------------------------------------------------------------


class ShiftTypeFields(CallOptions, total=False):
    """A shift type, written whole; `color` is like `#21E56E`."""

    name: Required[str]
    color: Required[str]
    salary_code: Required[str]
    allows_breaks: bool
    include_supplement_salary: bool


class PositionFields(CallOptions, total=False):
    """A position, written whole; `valid_from` and `valid_to` are its first and last day."""

    department_id: Required[int]
    employee_group_id: Required[int]
    name: Required[str]
    affect_revenue: Required[bool]
    section_id: int | None
    color: str | None
    valid_from: Day | None
    valid_to: Day | None
    skill_ids: Sequence[int]
    revenue_unit_id: int | None


class PositionDelete(CallOptions, total=False):
    """What becomes of the shifts of a position; a replacement goes with `ReplacePosition`."""

    delete_option: DeleteOption
    replacement_position_id: int


class ScheduleDayFields(CallOptions, total=False):
    """What is noted about a day; False for `is_visible` hides even published shifts."""

    department_id: Required[int]
    date: Required[Day]
    title: str
    description: str
    is_visible: bool
