"""How the Scheduling API shows its records. A shift has two shapes: as read, and as written."""

from datetime import date, datetime, time, timedelta

from planado_async.emulator.clock import seconds
from planado_async.emulator.planday.calls import Call
from planado_async.emulator.planday.people import Skill
from planado_async.emulator.planday.scheduling_records import (
    DRAFT,
    Change,
    Deletion,
    Position,
    ScheduleDay,
    Section,
    Shift,
    ShiftType,
    instant,
)
from planado_async.emulator.records import Json

# Days off everywhere in the portal, by month and day.
HOLIDAYS = {(1, 1): "New Year's Day", (12, 25): "Christmas Day", (12, 26): "Boxing Day"}


def shift(call: Call, found: Shift) -> Json:
    """A shift as the lists and the single read show it."""
    return call.slim(
        {
            "id": found.id,
            **_planned(call, found),
            "punchClockShiftId": found.punch_clock_shift_id,
            "skillIds": [*found.skill_ids],
        }
    )


def deletion(call: Call, found: Deletion) -> Json:
    """A deleted shift."""
    return call.slim(
        {
            "id": found.id,
            **_planned(call, found.shift),
            "dateTimeDeleted": seconds(found.deleted_at),
            "deletedBy": found.deleted_by,
        }
    )


def _planned(call: Call, found: Shift) -> Json:
    return {
        "departmentId": found.department_id,
        "employeeId": found.employee_id,
        "employeeGroupId": found.employee_group_id,
        "positionId": found.position_id,
        "shiftTypeId": found.shift_type_id,
        "date": found.day.isoformat(),
        "startDateTime": _shift_time(call, found.starts_at, found.time_zone),
        "endDateTime": _shift_time(call, found.ends_at, found.time_zone),
        "timeZone": found.time_zone,
        "status": found.status,
        "comment": found.comment,
        "dateTimeCreated": seconds(found.created_at),
        "dateTimeModified": seconds(found.modified_at),
    }


def _shift_time(call: Call, at: datetime | None, time_zone: str) -> str | None:
    if at is None:
        return None
    if call.settings.shift_times == "zulu":
        return seconds(instant(at, time_zone))
    return at.isoformat(timespec="minutes")


def written(call: Call, found: Shift) -> Json:
    """A shift as a create or an update answers it: no status, no zone, no date-times."""
    wage = found.wage
    return call.slim(
        {
            "startTime": _clock(found.start),
            "endTime": _clock(found.end),
            "defaultWage": wage and {"amount": wage.amount, "type": wage.type},
            "skillIds": [*found.skill_ids],
            "id": found.id,
            "departmentId": found.department_id,
            "employeeId": found.employee_id,
            "employeeGroupId": found.employee_group_id,
            "positionId": found.position_id,
            "shiftTypeId": found.shift_type_id,
            "date": found.day.isoformat(),
            "comment": found.comment,
            "isDraft": found.status == DRAFT,
        }
    )


def _clock(at: time | None) -> str | None:
    return None if at is None else at.isoformat(timespec="minutes")


def change(found: Change) -> Json:
    """An entry of a shift's history."""
    return {
        "modifiedAt": seconds(found.at),
        "modifiedBy": {"id": found.by.id, "name": found.by.name},
        "changes": [*found.texts],
    }


def shift_type(found: ShiftType) -> Json:
    """A shift type."""
    return {
        "id": found.id,
        "name": found.name,
        "color": found.color,
        "salaryCode": found.salary_code,
        "isActive": found.is_active,
        "payPercentage": found.pay_percentage,
        "payMonetary": found.pay_monetary,
        "allowsBreaks": found.allows_breaks,
        "allowBooking": found.allow_booking,
        "paymentType": found.payment_type,
        "includeInSchedulePrint": found.include_in_print,
    }


def position(call: Call, found: Position) -> Json:
    """A position."""
    return call.slim(
        {
            "id": found.id,
            "name": found.name,
            "startDate": _day(found.valid_from),
            "endDate": _day(found.valid_to),
            "isActive": found.is_active(call.data.today()),
            "departmentId": found.department_id,
            "sectionId": found.section_id,
            "employeeGroupId": found.employee_group_id,
            "affectRevenue": found.affect_revenue,
            "revenueUnitId": found.revenue_unit_id,
            "skillIds": [*found.skill_ids],
            "color": found.color,
        }
    )


def _day(on: date | None) -> str | None:
    return None if on is None else on.isoformat()


def section(found: Section) -> Json:
    """A section."""
    return {"id": found.id, "name": found.name, "departmentId": found.department_id}


def skill(found: Skill) -> Json:
    """A skill as this API shows it; here it belongs to all employee groups."""
    return {
        "id": found.id,
        "name": found.name,
        "isRemoved": False,
        "isDeleted": False,
        "description": found.description,
        "employeeGroupIds": [],
        "allEmployeeGroups": True,
    }


def schedule_day(call: Call, found: ScheduleDay) -> Json:
    """A day of a department."""
    holiday = HOLIDAYS.get((found.day.month, found.day.day))
    calendar = call.data.portal.country
    return call.slim(
        {
            "date": found.day.isoformat(),
            "title": found.title,
            "description": found.description,
            "isVisible": found.is_visible,
            "holiday": [{"title": holiday, "calendarName": calendar}] if holiday else [],
            "lockState": found.lock_state,
            "departmentId": found.department_id,
            "id": found.id,
        }
    )


def duration(length: timedelta) -> str:
    """The form of Time and Cost: days, hours, minutes, `0:07:30`."""
    minutes = length // timedelta(minutes=1)
    return f"{minutes // 1440}:{minutes // 60 % 24:02}:{minutes % 60:02}"
