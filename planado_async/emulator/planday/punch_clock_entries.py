"""The entries of a portal's punch clock, and what punching does to shifts."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from attrs import evolve

from planado_async.emulator.errors import EmulatorError
from planado_async.emulator.planday.query import bad_input
from planado_async.emulator.planday.scheduling_records import (
    DRAFT,
    FINISHED,
    PUNCH_APPROVED,
    STARTED,
    Break,
    Punch,
    Shift,
)
from planado_async.emulator.planday.scheduling_roster import Roster
from planado_async.emulator.planday.table import Table

NOT_THEIRS = "The shift is not assigned to the employee"
DAY = timedelta(days=1)


class PunchClock:
    """Lets employees of one portal punch in and out. Times are of the portal's wall clock."""

    def __init__(self, roster: Roster) -> None:
        self.roster = roster
        self.entries: Table[Punch] = Table[Punch](800_000)
        self._break_ids = count(900_001)

    def of_shift(self, shift_id: int) -> Punch | None:
        """The entry made on a shift."""
        return next((entry for entry in self.entries if entry.shift_id == shift_id), None)

    def punch_in(
        self,
        employee_id: int,
        *,
        shift_id: int | None = None,
        at: datetime | None = None,
        comment: str | None = None,
        department_id: int | None = None,
        employee_group_id: int | None = None,
    ) -> Punch:
        """Opens an entry on the shift, or on the only one of the day, or on none."""
        if any(entry.ends_at is None for entry in self._of(employee_id)):
            raise EmulatorError(409, "The employee is already punched in")
        at = at or self.roster.now().replace(microsecond=0)
        shift = self._chosen(employee_id, shift_id, at)
        if shift is not None:
            department_id, employee_group_id = shift.department_id, shift.employee_group_id
        elif department_id is None or employee_group_id is None:
            text = "must be given where there is no shift to punch in on"
            raise bad_input({"departmentId": [text], "employeeGroupId": [text]})
        return self.add_entry(
            employee_id=employee_id,
            shift_id=None if shift is None else shift.id,
            department_id=department_id,
            employee_group_id=employee_group_id,
            starts_at=at,
            comment=comment,
        )

    def add_entry(self, **fields: Any) -> Punch:
        """Adds an entry of the fields of `Punch`, and tells its shift."""
        entry = self.entries.make(lambda id_: Punch(id=id_, **fields))
        self._tell(entry)
        return entry

    def punch_out(
        self,
        employee_id: int,
        *,
        shift_id: int | None = None,
        at: datetime | None = None,
        comment: str | None = None,
    ) -> Punch:
        """Closes the employee's open entry, and a break that is still open in it."""
        entry = next((each for each in self._of(employee_id) if each.ends_at is None), None)
        if entry is None or shift_id not in (None, entry.shift_id):
            raise EmulatorError(409, "The employee is not punched in")
        at = at or self.roster.now().replace(microsecond=0)
        breaks = tuple(evolve(each, ends_at=each.ends_at or at) for each in entry.breaks)
        comment = entry.comment if comment is None else comment
        return self.change_entry(entry.id, ends_at=at, comment=comment, breaks=breaks)

    def change_entry(self, entry_id: int, **changes: Any) -> Punch:
        """Replaces some of an entry's fields and tells its shift."""
        entry = evolve(self.entry(entry_id), **changes)
        if entry.ends_at is not None and entry.ends_at < entry.starts_at:
            raise bad_input({"endDateTime": ["must not be before startDateTime"]})
        self.entries.put(entry)
        self._tell(entry)
        return entry

    def approve_punch(self, entry_id: int) -> Punch:
        """Approves a closed entry; one without a shift gets it now."""
        entry = self.entry(entry_id)
        if entry.ends_at is None:
            raise EmulatorError(409, "The employee is still punched in")
        shift_id = entry.shift_id or self._made_of(entry, entry.ends_at).id
        return self.change_entry(entry_id, shift_id=shift_id, is_approved=True)

    def entry(self, entry_id: int) -> Punch:
        """The entry of a number."""
        entry = self.entries.get(entry_id)
        if entry is None:
            raise EmulatorError(404, "Punch clock shift with given id doesn't exist")
        return entry

    def add_break(
        self, entry_id: int, starts_at: datetime | None = None, ends_at: datetime | None = None
    ) -> Break:
        """Begins a break, or notes one that is over."""
        entry = self.entry(entry_id)
        starts_at = starts_at or self.roster.now().replace(microsecond=0)
        taken = self.new_break(starts_at, ends_at)
        return self._put_breaks(entry, [*entry.breaks, taken], taken)

    def new_break(self, starts_at: datetime, ends_at: datetime | None) -> Break:
        """A break that is yet to be put into an entry."""
        return Break(id=next(self._break_ids), starts_at=starts_at, ends_at=ends_at)

    def change_break(self, entry_id: int, break_id: int, **changes: Any) -> Break:
        """Replaces some of a break's fields."""
        entry = self.entry(entry_id)
        old = next((each for each in entry.breaks if each.id == break_id), None)
        if old is None:
            raise EmulatorError(404, "Break with given id doesn't exist")
        new = evolve(old, **changes)
        return self._put_breaks(entry, [new if each is old else each for each in entry.breaks], new)

    def _put_breaks(self, entry: Punch, breaks: Iterable[Break], put: Break) -> Break:
        if put.ends_at is not None and put.ends_at < put.starts_at:
            raise bad_input({"endDateTime": ["must not be before startDateTime"]})
        self.entries.put(evolve(entry, breaks=tuple(breaks)))
        return put

    def _of(self, employee_id: int) -> list[Punch]:
        return [entry for entry in self.entries if entry.employee_id == employee_id]

    def _chosen(self, employee_id: int, shift_id: int | None, at: datetime) -> Shift | None:
        """The shift that was named, or the only one that can be meant, None if there is none."""
        if shift_id is not None:
            shift = self.roster.shift(shift_id)
            self.check_punchable(employee_id, shift)
            return shift
        meant = [
            shift
            for shift in self.roster.shifts
            if shift.employee_id == employee_id and self._awaits(shift, at)
        ]
        if len(meant) > 1:
            ids = ", ".join(str(shift.id) for shift in meant)
            raise bad_input({"shiftId": [f"The employee has several shifts: {ids}"]})
        return meant[0] if meant else None

    def check_punchable(self, employee_id: int, shift: Shift) -> None:
        """Refuses a shift that the employee may not punch in on."""
        if shift.employee_id != employee_id:
            raise EmulatorError(409, NOT_THEIRS)
        if shift.status == DRAFT:
            raise EmulatorError(409, "A draft shift cannot be punched in on")
        if shift.punch_clock_shift_id is not None:
            raise EmulatorError(409, "The shift has been punched in on")

    def _awaits(self, shift: Shift, at: datetime) -> bool:
        """Whether nobody has punched in on a shift that goes on or is still to come today."""
        if shift.status == DRAFT or shift.punch_clock_shift_id is not None:
            return False
        ends = shift.ends_at or datetime.combine(shift.day + DAY, datetime.min.time())
        return shift.day in (at.date(), at.date() - DAY) and ends > at

    def _made_of(self, entry: Punch, ends_at: datetime) -> Shift:
        return self.roster.add_shift(
            department_id=entry.department_id,
            employee_group_id=entry.employee_group_id,
            employee_id=entry.employee_id,
            day=entry.starts_at.date(),
            start=entry.starts_at.time(),
            end=ends_at.time(),
        )

    def _tell(self, entry: Punch) -> None:
        """Gives the entry's shift its number and its status."""
        if entry.shift_id is not None and entry.shift_id in self.roster.shifts:
            status = PUNCH_APPROVED if entry.is_approved else FINISHED if entry.ends_at else STARTED
            self.roster.change_shift(entry.shift_id, status=status, punch_clock_shift_id=entry.id)
