"""When people really came and went (docs: Punch clock).

The punch clock tells local times and names no zone, so they are read in the portal's.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, TypeAlias

from attrs import field, frozen

from planado_async.planday.models.durations import hours_minutes_seconds, passed
from planado_async.planday.models.model import PlandayModel

Day: TypeAlias = date  # the name of a field hides that of its type

_LOCAL: Mapping[str, Any] = {"zone": "timeZone"}
"""Of a field that tells the time on a wall. The zone is never beside it; the reader knows it."""


@frozen(kw_only=True, slots=True)
class PunchClockShift(PlandayModel):
    """An entry of the punch clock: when somebody came and went, beside what was planned.

    `end_date_time` None: still at work. `shift_id` None: there was no shift, and there will be one
    when the entry is approved. Approval may round the times.
    """

    id: int
    shift_id: int | None = None
    department_id: int | None = None
    employee_id: int | None = None
    start_date_time: datetime | None = field(default=None, metadata=_LOCAL)
    end_date_time: datetime | None = field(default=None, metadata=_LOCAL)
    shift_start_date_time: datetime | None = field(default=None, metadata=_LOCAL)
    shift_end_date_time: datetime | None = field(default=None, metadata=_LOCAL)
    description: str | None = None
    is_approved: bool | None = None

    @property
    def duration(self) -> timedelta | None:
        """The time that really passed, breaks included; None for who is still at work."""
        return passed(self.start_date_time, self.end_date_time)


@frozen(kw_only=True, slots=True)
class Break(PlandayModel):
    """A break that was taken; `duration` stands here as it came: `00:30:00`."""

    id: int
    punch_clock_shift_id: int | None = field(
        default=None,
        metadata={"also": ("punchClocksShiftId",)},  # as Planday spells it
    )
    start_date_time: datetime | None = field(default=None, metadata=_LOCAL)
    end_date_time: datetime | None = field(default=None, metadata=_LOCAL)
    duration: str | None = None

    @property
    def time(self) -> timedelta | None:
        """How long it was, by Planday's word.

        Raises:
            UnexpectedResponseError: `duration` has another form than hours, minutes and seconds.
        """
        return hours_minutes_seconds(self.duration) if self.duration else None


@frozen(kw_only=True, slots=True)
class EmployeeShift(PlandayModel):
    """A shift of today that can be punched in on; `id` is that of the shift."""

    id: int
    department_id: int | None = None
    employee_id: int | None = None
    employee_group_id: int | None = None
    date: Day | None = None
    start_date_time: datetime | None = field(default=None, metadata=_LOCAL)
    end_date_time: datetime | None = field(default=None, metadata=_LOCAL)
    position_id: int | None = None
    shift_type_id: int | None = None
    description: str | None = None
