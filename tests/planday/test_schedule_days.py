"""Schedule days: what is noted about a day of a department."""

from datetime import date
from typing import Any

import pytest

from planado_async.core.errors import BadRequestError
from planado_async.core.resource import ClientOptions
from planado_async.core.transport import Transport
from planado_async.emulator import Emulator
from planado_async.emulator.planday.data import PortalData
from planado_async.planday.models import Holiday, ScheduleDay
from planado_async.planday.resources import ScheduleDays
from tests.planday.requests import Row, check, check_scope, named, operations

FIRST, LAST = date(2026, 12, 24), date(2026, 12, 27)

ROWS: list[Row[ScheduleDays]] = [
    Row(
        name="list",
        call=lambda days: days.list(
            department_id=1, from_date=FIRST, to_date=LAST, after="50"
        ).collect(limit=1),
        scope="shift:read",
        sends="GET /scheduling/v1.0/scheduleDay",
        query={
            "departmentId": "1",
            "from": "2026-12-24",
            "to": "2026-12-27",
            "limit": "50",
            "offset": "50",
        },
        answer={
            "data": [
                {
                    "id": 7,
                    "date": "2026-12-25",
                    "isVisible": False,
                    "lockState": "Welded",
                    "holiday": [{"title": "Christmas Day", "calendarName": None}],
                }
            ]
        },
        gives=[
            ScheduleDay(
                id=7,
                date=date(2026, 12, 25),
                is_visible=False,
                lock_state="Welded",
                holiday=(Holiday(title="Christmas Day"),),
            )
        ],
    ),
    Row(
        name="set",
        call=lambda days: days.set(
            department_id=1, date=FIRST, title="", description="Closed", is_visible=False
        ),
        scope="shift:update",
        sends="PUT /scheduling/v1.0/scheduleDay",
        body={
            "departmentId": 1,
            "date": "2026-12-24",
            "title": "",
            "description": "Closed",
            "isVisible": False,
        },
    ),
]


@pytest.fixture
def days(transport: Transport) -> ScheduleDays:
    return ScheduleDays(transport, ClientOptions())


@pytest.fixture
def department(portal: PortalData) -> int:
    return next(iter(portal.departments)).id


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_sends_exactly_this_request(row: Row[ScheduleDays]) -> None:
    """Method, path, query, headers and body are these, and the answer is read."""
    await check(row, ScheduleDays)


def test_every_operation_has_a_row() -> None:
    """A method that is added needs a row in the table."""
    assert {row.name for row in ROWS} == operations(ScheduleDays)


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_names_the_scope_it_needs(
    row: Row[ScheduleDays], emulator: Emulator
) -> None:
    """Without its scope the error names it, and with it alone the call goes through."""
    await check_scope(row, ScheduleDays, emulator)


async def test_a_note_stands_on_its_day_alone(
    days: ScheduleDays, portal: PortalData, department: int
) -> None:
    """Four days come with both ends; one has a note, two are holidays, one is locked."""
    await days.set(department_id=department, date=FIRST, title="Short day", is_visible=False)
    portal.roster.lock_day(department, LAST)
    listed = await days.list(department_id=department, from_date=FIRST, to_date=LAST).collect()
    assert [each.date and each.date.day for each in listed] == [24, 25, 26, 27]
    assert [each.title for each in listed] == ["Short day", None, None, None]
    assert [each.is_visible for each in listed] == [False, True, True, True]
    assert [len(each.holiday) for each in listed] == [0, 1, 1, 0]
    assert [each.lock_state for each in listed] == [*["Unlocked"] * 3, "ManagerLocked"]


async def test_what_is_not_given_stays(days: ScheduleDays, department: int) -> None:
    """A description is added to a title."""
    await days.set(department_id=department, date=FIRST, title="Short day")
    await days.set(department_id=department, date=FIRST, description="Until noon")
    (day,) = await days.list(department_id=department, from_date=FIRST, to_date=FIRST).collect()
    assert (day.title, day.description) == ("Short day", "Until noon")


async def test_a_year_takes_several_pages(
    days: ScheduleDays, department: int, emulator: Emulator
) -> None:
    """Fifty days a call."""
    year: Any = {"from_date": date(2026, 1, 1), "to_date": date(2026, 12, 31)}
    listed = await days.list(department_id=department, **year).collect()
    assert len({each.date for each in listed}) == len(listed) == 365
    assert emulator.planday.counters()["calls"] == 8


async def test_department_and_days_must_be_given(days: ScheduleDays, emulator: Emulator) -> None:
    """What is missing is named before a call; a department that is none by Planday."""
    with pytest.raises(TypeError, match="needs from_date, to_date"):
        days.list(department_id=1)  # type: ignore[call-arg]
    assert emulator.planday.counters()["calls"] == 0
    with pytest.raises(BadRequestError, match="departmentId"):
        await days.list(department_id=99, from_date=FIRST, to_date=LAST).collect()
