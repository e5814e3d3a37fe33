"""A portal's roster: its shifts, what they refer to, and what happens to them.

Status of a shift (the transitions are guessed unless the pages of the service tell them):

    create, assign, publish ─→ Open (no employee) or Assigned
    isDraft=true ────────────→ Draft, until it is published; assigning leaves it a draft
    approve ─────────────────→ Approved, from any
    punch in, out, approved ─→ PunchclockStarted, PunchclockFinished, PunchclockApproved
"""

from datetime import date, datetime, time
from typing import Any

from attrs import evolve, fields_dict

from planado_async.emulator.clock import Clock
from planado_async.emulator.errors import EmulatorError
from planado_async.emulator.planday.scheduling_records import (
    ASSIGNED,
    DRAFT,
    LOCKED,
    OPEN,
    Author,
    Change,
    Deletion,
    Position,
    ScheduleDay,
    Section,
    Shift,
    ShiftType,
    instant,
    local,
)
from planado_async.emulator.planday.table import Table

# What changes by itself and tells nobody anything.
UNTOLD = ("id", "created_at", "modified_at")


# Someone at the schedule in the portal, not an app.
PLANNER = Author(1, "Schedule manager")


def placed(employee_id: int | None, *, draft: bool = False) -> str:
    """The status of a shift that was just written."""
    if draft:
        return DRAFT
    return OPEN if employee_id is None else ASSIGNED


def rewritten(shift: Shift, employee_id: int | None, draft: bool | None) -> str:
    """The status after a write; `draft` None leaves it a draft or not, as it was.

    A status that came from elsewhere, say an approval, stays while the employee does.
    """
    was_draft = shift.status == DRAFT
    if draft if draft is not None else was_draft:
        return DRAFT
    if was_draft or employee_id != shift.employee_id:
        return placed(employee_id)
    return shift.status


def differences(old: Shift, new: Shift) -> tuple[str, ...]:
    """What a change is told as in the shift's history."""
    names = [name for name in fields_dict(Shift) if name not in UNTOLD]
    return tuple(
        f"{name}: {getattr(old, name)} -> {getattr(new, name)}"
        for name in names
        if getattr(old, name) != getattr(new, name)
    )


class Roster:
    """The shifts, shift types, positions, sections and days of one portal.

    Every change moves `modified_at` and is written into the shift's history.
    """

    def __init__(self, clock: Clock, time_zone: str) -> None:
        self.clock = clock
        self.time_zone = time_zone
        self.shifts: Table[Shift] = Table[Shift](500_000)
        self.deletions: Table[Deletion] = Table[Deletion]()
        self.histories: dict[int, list[Change]] = {}
        self.shift_types: Table[ShiftType] = Table[ShiftType](3000)
        self.positions: Table[Position] = Table[Position](4000)
        self.sections: Table[Section] = Table[Section](5000)
        self.days: Table[ScheduleDay] = Table[ScheduleDay](700_000)
        self._day_ids: dict[tuple[int, date], int] = {}

    def now(self) -> datetime:
        """What the portal's wall clock says."""
        return local(self.clock.now(), self.time_zone)

    def shift(self, shift_id: int) -> Shift:
        """The shift of a number; a deleted one is unknown."""
        shift = self.shifts.get(shift_id)
        if shift is None:
            raise EmulatorError(404, "Shift with given id doesn't exist")
        return shift

    def add_shift(
        self,
        *,
        department_id: int,
        day: date,
        by: Author = PLANNER,
        at: datetime | None = None,
        **fields: Any,
    ) -> Shift:
        """Puts a shift on the roster, as if it was written `at` a moment, else now."""
        at = at or self.clock.now()
        fields.setdefault("status", placed(fields.get("employee_id")))
        fields.setdefault("time_zone", self.time_zone)
        shift = self.shifts.make(
            lambda id_: Shift(
                id=id_,
                department_id=department_id,
                day=day,
                created_at=at,
                modified_at=at,
                **fields,
            )
        )
        self.histories[shift.id] = [Change(at=at, by=by, texts=("Shift created",))]
        return shift

    def change_shift(self, shift_id: int, *, by: Author = PLANNER, **changes: Any) -> Shift:
        """Replaces some of a shift's fields; its status follows its employee unless it is given."""
        old, at = self.shift(shift_id), self.clock.now()
        employee_id = changes.get("employee_id", old.employee_id)
        changes.setdefault("status", rewritten(old, employee_id, None))
        new = evolve(old, **changes, modified_at=at)
        if texts := differences(old, new):
            self.histories[shift_id].append(Change(at=at, by=by, texts=texts))
        return self.shifts.put(new)

    def delete_shift(self, shift_id: int, *, by: Author = PLANNER) -> Deletion:
        """Takes a shift off the roster; it is remembered as deleted."""
        self.shift(shift_id)
        gone = self.shifts.remove(shift_id)
        return self.deletions.put(
            Deletion(shift=gone, deleted_at=self.clock.now(), deleted_by=by.id)
        )

    def release(self, employee_id: int, after: datetime, *, by: Author = PLANNER) -> None:
        """Opens the employee's shifts that begin after a moment."""
        for shift in self.shifts:
            starts = shift.starts_at or datetime.combine(shift.day, time())
            if shift.employee_id == employee_id and instant(starts, shift.time_zone) > after:
                self.change_shift(shift.id, by=by, employee_id=None)

    def overlapping(self, shift: Shift) -> list[Shift]:
        """Other shifts of the same employee at the same time."""
        if shift.employee_id is None:
            return []
        return [
            other
            for other in self.shifts
            if other.id != shift.id
            and other.employee_id == shift.employee_id
            and other.overlaps(shift)
        ]

    def schedule_day(self, department_id: int, day: date) -> ScheduleDay:
        """What is noted about a day of a department; a day gets its number when it is asked for."""
        noted = self.days.get(self._day_ids.get((department_id, day)))
        if noted is None:
            noted = self.days.make(
                lambda id_: ScheduleDay(id=id_, department_id=department_id, day=day)
            )
            self._day_ids[department_id, day] = noted.id
        return noted

    def change_day(self, department_id: int, day: date, **changes: Any) -> ScheduleDay:
        """Notes something else about a day."""
        return self.days.put(evolve(self.schedule_day(department_id, day), **changes))

    def lock_day(self, department_id: int, day: date, state: str = "ManagerLocked") -> ScheduleDay:
        """Locks a day, or unlocks it; the service lets only people do that."""
        return self.change_day(department_id, day, lock_state=state)

    def is_locked(self, department_id: int, day: date) -> bool:
        """Whether the shifts of a day must stay as they are."""
        noted = self.days.get(self._day_ids.get((department_id, day)))
        return noted is not None and noted.lock_state in LOCKED
