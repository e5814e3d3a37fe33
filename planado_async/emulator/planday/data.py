"""What one portal holds: a table for every kind of record. `seed` fills it."""

from datetime import date, datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from planado_async.emulator.clock import Clock
from planado_async.emulator.planday.absence_records import Absence, Absences
from planado_async.emulator.planday.people import (
    CustomField,
    Department,
    Employee,
    EmployeeGroup,
    EmployeeType,
    HistoryEntry,
    Skill,
    Supervisor,
    TerminationType,
)
from planado_async.emulator.planday.punch_clock_entries import PunchClock
from planado_async.emulator.planday.records import Portal
from planado_async.emulator.planday.scheduling_records import Deletion, Punch, Shift
from planado_async.emulator.planday.scheduling_roster import Roster
from planado_async.emulator.planday.table import Table


class PortalData:
    """The records of one portal. Numbers begin alike in every portal, so they repeat."""

    def __init__(self, portal: Portal, clock: Clock, random: Random) -> None:
        self.portal = portal
        self.clock = clock
        self.random = random
        self.departments: Table[Department] = Table[Department](1000)
        self.employee_groups: Table[EmployeeGroup] = Table[EmployeeGroup](2000)
        self.employee_types: Table[EmployeeType] = Table[EmployeeType](300)
        self.skills: Table[Skill] = Table[Skill](400)
        self.termination_types: Table[TerminationType] = Table[TerminationType](500)
        self.supervisors: Table[Supervisor] = Table[Supervisor](600)
        self.employees: Table[Employee] = Table[Employee](10_000)
        self.custom_fields: dict[str, CustomField] = {}
        # Names of fields without which this portal keeps no employee, beside the usual ones.
        self.required_fields: tuple[str, ...] = ()
        self.histories: dict[int, list[HistoryEntry]] = {}
        self.roster: Roster = Roster(clock, portal.time_zone)
        self.punch_clock: PunchClock = PunchClock(self.roster)
        self.absences: Absences = Absences()

    @property
    def zone(self) -> ZoneInfo:
        """The portal's time zone."""
        return ZoneInfo(self.portal.time_zone)

    def local_now(self) -> datetime:
        """The time on the portal's walls, without a zone."""
        return self.clock.now().astimezone(self.zone).replace(tzinfo=None)

    def today(self) -> date:
        """The portal's own date."""
        return self.local_now().date()

    def active_on(self, employee_id: int | None) -> bool:
        """Whether an employee exists and is not deactivated."""
        employee = self.employees.get(employee_id)
        return employee is not None and not employee.is_deactivated(self.clock.now())

    def add_shift(
        self,
        *,
        employee_id: int | None = None,
        department_id: int | None = None,
        day: date | None = None,
        **fields: Any,
    ) -> Shift:
        """Puts a shift on the roster, today unless it says when.

        Department and group are the employee's first ones, or for an open shift the portal's,
        unless they are named. `fields` are those of `Shift`; `start` and `end` are times.
        """
        employee = self.employees.get(employee_id)
        groups = [group.id for group in self.employee_groups]
        fields.setdefault(
            "employee_group_id", (employee.employee_groups if employee else groups)[0]
        )
        departments = employee.departments if employee else [each.id for each in self.departments]
        return self.roster.add_shift(
            department_id=departments[0] if department_id is None else department_id,
            employee_id=employee_id,
            day=day or self.today(),
            **fields,
        )

    def change_shift(self, shift_id: int, **changes: Any) -> Shift:
        """Changes a shift as somebody at the schedule would."""
        return self.roster.change_shift(shift_id, **changes)

    def delete_shift(self, shift_id: int) -> Deletion:
        """Deletes a shift as somebody at the schedule would."""
        return self.roster.delete_shift(shift_id)

    def punch_in(self, employee_id: int, **fields: Any) -> Punch:
        """Punches an employee in, as on a device at work; see `PunchClock.punch_in`."""
        return self.punch_clock.punch_in(employee_id, **fields)

    def punch_out(self, employee_id: int, **fields: Any) -> Punch:
        """Punches an employee out; see `PunchClock.punch_out`."""
        return self.punch_clock.punch_out(employee_id, **fields)

    def add_absence(
        self, employee_id: int, start: date, end: date | None = None, **fields: Any
    ) -> Absence:
        """Records that an employee is away; see `Absences.add_absence`."""
        return self.absences.add_absence(employee_id, start, end, **fields)
