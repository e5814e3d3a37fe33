"""The roster a portal has at the start: four weeks of shifts, half of them past.

Two weeks ago all is approved; last week was punched; what is more than a week ahead is a draft in
one department. One employee in five works at night. Some shifts are open, offered or gone.
"""

from datetime import UTC, date, datetime, time, timedelta
from itertools import count, cycle

from attrs import evolve

from planado_async.emulator.planday.absence_records import (
    DAYS,
    DECLINED,
    FLEXTIME,
    HOURS,
    VACATION,
    Account,
    AccountType,
    Transaction,
)
from planado_async.emulator.planday.data import PortalData
from planado_async.emulator.planday.people import Employee
from planado_async.emulator.planday.scheduling_records import (
    APPROVED,
    ASSIGNED,
    DRAFT,
    FINISHED,
    PUNCH_APPROVED,
    Deletion,
    Position,
    Punch,
    Section,
    Shift,
    ShiftType,
)
from planado_async.emulator.planday.scheduling_roster import PLANNER

FORTNIGHT, WEEK, DAY = timedelta(days=14), timedelta(days=7), timedelta(days=1)
EARLY, LATE, NIGHT = (time(7), time(15)), (time(15), time(23)), (time(22), time(6))
# name, colour, salary code, share of the wage in per cent, whether in use
SHIFT_TYPES = (
    ("Sick", "#E53935", "SICK", 100.0, True),
    ("Holiday", "#43A047", "HOL", 100.0, True),
    ("Training", "#1E88E5", "TRAIN", 100.0, True),
    ("On call", "#8E24AA", "CALL", 25.0, True),
    ("Standby (old)", "#9E9E9E", "STBY", 10.0, False),
)
# Under each heading, the places of a department.
PLACES: dict[str, tuple[str, ...]] = {
    "Field": ("Van 1", "Van 2", "Van 3"),
    "Workshop": ("Workshop",),
}
# Every so many shifts something is the matter with one of them.
SICK_EVERY, TRAINING_EVERY, COMMENT_EVERY = 41, 53, 11
VACATION_DAYS, FLEXTIME_HOURS = 25.0, 12.5
# By how many minutes punches miss the plan, going round.
MISSES = (-4, 0, 3, 1, -2, 7)
LATEST = timedelta(minutes=10)


def plant(data: PortalData) -> None:
    """Puts the roster and the absences into a portal that has staff."""
    _plant_set_up(data)
    _plant_accounts(data)
    _plant_absences(data)
    _plant_shifts(data)
    _plant_open_shifts(data)
    _plant_oddities(data)


def hours_of(n: int, day: date) -> tuple[time, time] | None:
    """When the n-th employee works on a day: five days of seven, early and late by turns."""
    if (day.toordinal() + n) % 7 >= 5:
        return None
    if n % 5 == 4:
        return NIGHT
    return EARLY if (day.isocalendar().week + n) % 2 else LATE


def _staff(data: PortalData) -> list[Employee]:
    """Those who can be given shifts."""
    return [
        employee
        for employee in data.employees
        if data.active_on(employee.id) and employee.departments and employee.employee_groups
    ]


def _days(data: PortalData) -> list[date]:
    first = data.today() - FORTNIGHT
    return [first + n * DAY for n in range(28)]


def _plant_set_up(data: PortalData) -> None:
    roster = data.roster
    for name, color, code, share, active in SHIFT_TYPES:
        roster.shift_types.put(
            ShiftType(
                id=roster.shift_types.new_id(),
                name=name,
                color=color,
                salary_code=code,
                pay_percentage=share,
                is_active=active,
                allows_breaks=code == "TRAIN",
            )
        )
    groups = cycle(group.id for group in data.employee_groups)
    for department in data.departments:
        for heading, places in PLACES.items():
            section = roster.sections.put(
                Section(id=roster.sections.new_id(), name=heading, department_id=department.id)
            )
            for place in places:
                roster.positions.put(
                    Position(
                        id=roster.positions.new_id(),
                        name=place,
                        department_id=department.id,
                        employee_group_id=next(groups),
                        section_id=section.id,
                        valid_from=date(2024, 1, 1),
                    )
                )


def _plant_accounts(data: PortalData) -> None:
    absences, year = data.absences, data.today().year
    kinds = absences.account_types
    vacation = kinds.put(
        AccountType(
            id=kinds.new_id(),
            name="Vacation",
            unit=DAYS,
            kind=VACATION,
            accruing=VACATION_DAYS,
        )
    )
    flextime = kinds.put(
        AccountType(id=kinds.new_id(), name="Flextime", unit=HOURS, kind=FLEXTIME, accruing=0)
    )
    for n, employee in enumerate(_staff(data)):
        _plant_account(data, employee, vacation, date(year, 1, 1), VACATION_DAYS)
        if n % 4 == 0:
            _plant_account(data, employee, flextime, date(year, 1, 1), FLEXTIME_HOURS)


def _plant_account(
    data: PortalData, employee: Employee, kind: AccountType, start: date, value: float
) -> None:
    account = data.absences.accounts.put(
        Account(
            id=data.absences.accounts.new_id(),
            employee_id=employee.id,
            type_id=kind.id,
            name=f"{kind.name} {start.year}",
            unit=kind.unit,
            start=start,
            end=date(start.year, 12, 31) if kind.kind == VACATION else None,
        )
    )
    data.absences.transactions.put(
        Transaction(
            id=data.absences.transactions.new_id(),
            account_id=account.id,
            day=start,
            value=value,
            note="Opening balance",
        )
    )


def _plant_absences(data: PortalData) -> None:
    """Somebody was away, somebody is, somebody will be; one was refused, and two have asked."""
    absences, today, staff = data.absences, data.today(), _staff(data)
    for n, (starts, ends) in enumerate(((-10, -6), (-1, 3), (5, 11))):
        absences.add_absence(staff[2 * n + 1].id, today + starts * DAY, today + ends * DAY)
    absences.add_absence(staff[7].id, today + WEEK, status=DECLINED, note="Too few people")
    for n in (8, 9):
        absences.add_request(staff[n].id, today + WEEK, today + 9 * DAY, note="Family")


def _plant_shifts(data: PortalData) -> None:
    counted, misses = count(1), cycle(MISSES)
    for n, employee in enumerate(_staff(data)):
        away = _days_away(data, employee)
        for day in _days(data):
            hours = hours_of(n, day)
            if hours is None or day in away:
                continue
            shift = _plant_shift(data, employee, day, hours, next(counted))
            if shift.status in (FINISHED, PUNCH_APPROVED) and shift.starts_at and shift.ends_at:
                off = timedelta(minutes=next(misses))
                _plant_punch(data, employee, shift, shift.starts_at + off, shift.ends_at - off)


def _days_away(data: PortalData, employee: Employee) -> set[date]:
    return {
        part.day
        for record in data.absences.records
        if record.employee_id == employee.id and record.status == APPROVED
        for part in record.registrations
    }


def _plant_shift(
    data: PortalData, employee: Employee, day: date, hours: tuple[time, time], number: int
) -> Shift:
    """The number-th shift of the plan; who falls ill is not punched."""
    department = employee.departments[0]
    sick = number % SICK_EVERY == 0
    kinds = {kind.name: kind.id for kind in data.roster.shift_types}
    kind = kinds["Sick"] if sick else kinds["Training"] if number % TRAINING_EVERY == 0 else None
    places = [each.id for each in data.roster.positions if each.department_id == department]
    return data.roster.add_shift(
        department_id=department,
        employee_group_id=employee.employee_groups[0],
        employee_id=employee.id,
        position_id=places[number % len(places)] if number % 2 else None,
        shift_type_id=kind,
        day=day,
        start=hours[0],
        end=hours[1],
        status=_status(data, department, day, hours, sick=sick, number=number),
        comment="Bring the spare keys" if number % COMMENT_EVERY == 0 else None,
        at=_planned_at(day),
    )


def _planned_at(day: date) -> datetime:
    """A morning four weeks before, which is before today for all days of the plan."""
    return datetime.combine(day - 4 * WEEK, time(9), UTC)


def _status(
    data: PortalData,
    department_id: int,
    day: date,
    hours: tuple[time, time],
    *,
    sick: bool,
    number: int,
) -> str:
    """What has become of a shift by now; a punch may be some minutes late."""
    ahead, (start, end) = (day - data.today()).days, hours
    if ahead < -7:
        return APPROVED
    ends_at = datetime.combine(day if end > start else day + DAY, end)
    if ends_at + LATEST < data.local_now() and not sick:
        return PUNCH_APPROVED if number % 3 == 0 else FINISHED
    last = [department.id for department in data.departments][-1]
    return DRAFT if ahead > 7 and department_id == last else ASSIGNED


def _plant_punch(
    data: PortalData, employee: Employee, shift: Shift, starts_at: datetime, ends_at: datetime
) -> None:
    """The entry of a shift that was worked, with a break."""
    clock = data.punch_clock
    pause = starts_at + timedelta(hours=4)
    entry = clock.entries.put(
        Punch(
            id=clock.entries.new_id(),
            department_id=shift.department_id,
            employee_group_id=shift.employee_group_id,
            employee_id=employee.id,
            shift_id=shift.id,
            starts_at=starts_at,
            ends_at=ends_at,
            is_approved=shift.status == PUNCH_APPROVED,
            breaks=(clock.new_break(pause, pause + timedelta(minutes=30)),),
        )
    )
    data.roster.shifts.put(evolve(shift, punch_clock_shift_id=entry.id))


def _plant_open_shifts(data: PortalData) -> None:
    """Every third day of the coming fortnight, each department looks for somebody."""
    groups = cycle(group.id for group in data.employee_groups)
    for department in data.departments:
        for day in _days(data)[14::3]:
            data.roster.add_shift(
                department_id=department.id,
                employee_group_id=next(groups),
                day=day,
                start=EARLY[0],
                end=EARLY[1],
                at=_planned_at(day),
            )


def _plant_oddities(data: PortalData) -> None:
    """A shift that is offered, one that is to be swapped, one without times, and two that went."""
    roster, today = data.roster, data.today()
    ahead = [shift for shift in roster.shifts if shift.day > today and shift.status == ASSIGNED]
    roster.shifts.put(evolve(ahead[3], status="ForSale"))
    roster.shifts.put(evolve(ahead[30], status="PendingSwapAcceptance"))
    roster.shifts.put(evolve(ahead[60], start=None, end=None, comment="Times to be agreed"))
    for shift in (ahead[90], ahead[120]):
        gone = roster.shifts.remove(shift.id)
        roster.deletions.put(
            Deletion(shift=gone, deleted_at=data.clock.now() - 2 * DAY, deleted_by=PLANNER.id)
        )
