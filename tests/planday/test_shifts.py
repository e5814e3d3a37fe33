"""Shifts: who is to work where and when, and what becomes of them."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import orjson
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from planado_async.core.errors import (
    ConflictError,
    NotFoundError,
    OutcomeUnknownError,
    UnexpectedResponseError,
)
from planado_async.core.resource import ClientOptions
from planado_async.core.transport import Call, Transport
from planado_async.emulator import Emulator
from planado_async.emulator.planday.data import PortalData
from planado_async.emulator.planday.scheduling_records import Shift as Planned
from planado_async.planday.models import (
    Author,
    CreatedShift,
    DeletedShift,
    Shift,
    ShiftChange,
    ShiftChanges,
    ShiftCursor,
    ShiftStatus,
    Wage,
)
from planado_async.planday.resources import Shifts, shifts
from planado_async.planday.resources.shifts import OVERLAP, compared, stamp_of, version_of
from tests.planday.conftest import START
from tests.planday.requests import Row, check, check_scope, named, operations

NOON = datetime(2026, 2, 3, 12, 0, tzinfo=timezone(timedelta(hours=1)))
LATER = NOON + timedelta(hours=1)
NOON_UTC, LATER_UTC = "2026-02-03T11:00:00Z", "2026-02-03T12:00:00Z"
TODAY = START.date()
CALM = timedelta(minutes=1)

FILTERS: dict[str, Any] = {
    "from_date": date(2026, 2, 1),
    "to_date": date(2026, 2, 28),
    "department_ids": [1, 2],
    "employee_group_ids": (3,),
    "shift_type_ids": [4],
    "position_ids": [5, 6],
    "employee_ids": [7, 8],
    "status": "ForSale",
    "created_from": NOON,
    "created_to": LATER,
    "modified_from": NOON,
    "modified_to": LATER,
}
FILTERED = {
    "from": "2026-02-01",
    "to": "2026-02-28",
    "departmentId": "1,2",
    "employeeGroupId": "3",
    "shiftTypeId": "4",
    "positionId": "5,6",
    "employeeId": "7,8",
    "shiftStatus": "ForSale",
    "createdFrom": NOON_UTC,
    "createdTo": LATER_UTC,
    "modifiedFrom": NOON_UTC,
    "modifiedTo": LATER_UTC,
}
SENT = {
    "id": 7,
    "departmentId": 1,
    "date": "2026-02-03",
    "startDateTime": "2026-02-03T22:00",
    "endDateTime": "2026-02-04T06:00",
    "timeZone": "Europe/Copenhagen",
    "status": "Teleported",
    "comment": "",
    "dateTimeModified": "2026-02-01T10:00:00Z",
    "dateTimeCreated": "",
}
READ: dict[str, Any] = {
    "id": 7,
    "department_id": 1,
    "date": date(2026, 2, 3),
    "start_date_time": datetime(2026, 2, 3, 21, tzinfo=UTC),
    "end_date_time": datetime(2026, 2, 4, 5, tzinfo=UTC),
    "time_zone": "Europe/Copenhagen",
    "status": "Teleported",
    "comment": "",
    "date_time_modified": datetime(2026, 2, 1, 10, tzinfo=UTC),
}

ROWS: list[Row[Shifts]] = [
    Row(
        name="list",
        call=lambda shifts: shifts.list(**FILTERS, after="5000").collect(limit=1),
        scope="shift:read",
        sends="GET /scheduling/v1.0/shifts",
        query={**FILTERED, "limit": "5000", "offset": "5000"},
        answer={"data": [{**SENT, "punchClockShiftId": 0, "skillIds": [1], "new": {}}]},
        gives=[Shift(**READ, punch_clock_shift_id=0, skill_ids=(1,))],
    ),
    Row(
        name="list",
        call=lambda shifts: shifts.list(from_date=None).collect(limit=1),
        scope="shift:read",
        sends="GET /scheduling/v1.0/shifts",
        query={"limit": "5000", "offset": "0"},
        answer={"data": [], "paging": None},
        gives=[],
    ),
    Row(
        name="deleted",
        call=lambda shifts: shifts.deleted(**FILTERS, deleted_from=NOON, deleted_to=LATER).collect(
            limit=1
        ),
        scope="shift:read",
        sends="GET /scheduling/v1.0/shifts/deleted",
        query={
            **FILTERED,
            "deletedFrom": NOON_UTC,
            "deletedTo": LATER_UTC,
            "limit": "1000",
            "offset": "0",
        },
        answer={"data": [{**SENT, "dateTimeDeleted": "2026-02-02T10:00:00.7Z", "deletedBy": 3}]},
        gives=[
            DeletedShift(
                **READ,
                date_time_deleted=datetime(2026, 2, 2, 10, 0, 0, 700_000, UTC),
                deleted_by=3,
            )
        ],
    ),
    Row(
        name="statuses",
        call=lambda shifts: shifts.statuses(),
        scope="shift:read",
        sends="GET /scheduling/v1.0/shifts/shiftstatus/all",
        answer={"data": [{"id": 1, "name": "Open"}]},
        gives=[ShiftStatus(id=1, name="Open")],
    ),
    Row(
        name="get",
        call=lambda shifts: shifts.get(7),
        scope="shift:read",
        sends="GET /scheduling/v1.0/shifts/7",
        answer={"data": {"id": 7, "startDateTime": "", "timeZone": "Europe/Copenhagen"}},
        gives=Shift(id=7, time_zone="Europe/Copenhagen"),
    ),
    Row(
        name="create",
        call=lambda shifts: shifts.create(
            department_id=1,
            allow_conflicts=False,
            use_breaks=True,
            date=date(2026, 2, 3),
            employee_group_id=2,
            start_time=time(22),
            end_time="06:30",
            employee_id=None,
            position_id=3,
            shift_type_id=4,
            default_wage={"amount": 165.5, "type": "PerHour"},
            comment="Bring keys",
            skill_ids=[5],
            is_draft=True,
            time_zone=None,
            deadline=20.0,
        ),
        scope="shift:create",
        sends="POST /scheduling/v1.0/shifts",
        body={
            "departmentId": 1,
            "allowConflicts": False,
            "useBreaks": True,
            "date": "2026-02-03",
            "employeeGroupId": 2,
            "startTime": "22:00",
            "endTime": "06:30",
            "employeeId": None,
            "positionId": 3,
            "shiftTypeId": 4,
            "defaultWage": {"amount": 165.5, "type": "PerHour"},
            "comment": "Bring keys",
            "skillIds": [5],
            "isDraft": True,
            "timeZone": None,
        },
        answer={
            "data": {
                "id": 7,
                "startTime": "22:00",
                "endTime": "06:30",
                "date": "2026-02-03",
                "defaultWage": {"amount": 165.5, "type": "PerHour"},
                "skillIds": None,
                "isDraft": True,
            }
        },
        gives=CreatedShift(
            id=7,
            start_time="22:00",
            end_time="06:30",
            date=date(2026, 2, 3),
            default_wage=Wage(amount=Decimal("165.5"), type="PerHour"),
            is_draft=True,
        ),
    ),
    Row(
        name="update",
        call=lambda shifts: shifts.update(
            7,
            allow_conflicts=True,
            use_breaks=False,
            date=date(2026, 2, 3),
            employee_group_id=2,
            start_time=None,
        ),
        scope="shift:update",
        sends="PUT /scheduling/v1.0/shifts/7",
        body={
            "allowConflicts": True,
            "useBreaks": False,
            "date": "2026-02-03",
            "employeeGroupId": 2,
            "startTime": None,
        },
        answer={"data": {"id": 7}},
        gives=CreatedShift(id=7),
    ),
    Row(
        name="delete",
        call=lambda shifts: shifts.delete(7),
        scope="shift:delete",
        sends="DELETE /scheduling/v1.0/shifts/7",
    ),
    Row(
        name="approve",
        call=lambda shifts: shifts.approve(7),
        scope="shift:update",
        sends="POST /scheduling/v1.0/shifts/7/approve",
    ),
    Row(
        name="assign",
        call=lambda shifts: shifts.assign(7, 12, priority="interactive"),
        scope="shift:update",
        sends="POST /scheduling/v1.0/shifts/7/employee",
        body={"employeeId": 12},
    ),
    Row(
        name="assign",
        call=lambda shifts: shifts.assign(7, None),
        scope="shift:update",
        sends="POST /scheduling/v1.0/shifts/7/employee",
        body={"employeeId": None},
    ),
    Row(
        name="publish",
        call=lambda shifts: shifts.publish(1),
        scope="shift:update",
        sends="POST /scheduling/v1.0/shifts/drafts/publish",
        body={"departmentId": 1},
    ),
    Row(
        name="publish",
        call=lambda shifts: shifts.publish(1, [7, 8]),
        scope="shift:update",
        sends="POST /scheduling/v1.0/shifts/drafts/publish",
        body={"departmentId": 1, "shiftIds": [7, 8]},
    ),
    Row(
        name="history",
        call=lambda shifts: shifts.history(7, after="50").collect(limit=1),
        scope="shift:read",
        sends="GET /scheduling/v1.0/shifts/7/history",
        query={"limit": "50", "offset": "50"},
        answer={
            "data": [
                {
                    "modifiedAt": "2026-02-03T11:00:00Z",
                    "modifiedBy": {"id": 1, "name": "Mette Holm"},
                    "changes": ["a", "b"],
                }
            ]
        },
        gives=[
            ShiftChange(
                modified_at=NOON, modified_by=Author(id=1, name="Mette Holm"), changes=("a", "b")
            )
        ],
    ),
]


@pytest.fixture
def roster(transport: Transport) -> Shifts:
    return Shifts(transport, ClientOptions())


@pytest.fixture
def night(portal: PortalData) -> Planned:
    """A shift of tomorrow's night, of somebody who has no other."""
    employee = next(iter(portal.employees))
    day = TODAY + timedelta(days=40)
    return portal.add_shift(employee_id=employee.id, day=day, start=time(22), end=time(6))


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_sends_exactly_this_request(row: Row[Shifts]) -> None:
    """Method, path, query, headers and body are these, and the answer is read."""
    await check(row, Shifts)


def test_every_operation_has_a_row() -> None:
    """A method that is added needs a row; `changes` is made of two that have one."""
    assert {row.name for row in ROWS} == operations(Shifts) - {"changes"}


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_names_the_scope_it_needs(row: Row[Shifts], emulator: Emulator) -> None:
    """Without its scope the error names it, and with it alone the call goes through."""
    await check_scope(row, Shifts, emulator)


# --- Reading --------------------------------------------------------------------------------------


async def test_the_roster_is_read_whole(roster: Shifts, portal: PortalData) -> None:
    """Every shift of the portal comes, in one call, with its moments in its zone."""
    listed = await roster.list().collect()
    assert [each.id for each in listed] == [each.id for each in portal.roster.shifts]
    for shift, planned in zip(listed, portal.roster.shifts, strict=True):
        assert shift.status == planned.status
        assert shift.employee_id == planned.employee_id
        span = (shift.start_date_time, shift.end_date_time)
        assert span == (planned.span or (None, None))


async def test_filters_choose(roster: Shifts, portal: PortalData) -> None:
    """Only open shifts of two departments and of some days come, both ends included."""
    chosen = [each.id for each in portal.departments][:2]
    first, last = TODAY + timedelta(days=3), TODAY + timedelta(days=6)
    listed = await roster.list(
        department_ids=chosen, status="Open", from_date=first, to_date=last
    ).collect()
    assert {each.id for each in listed} == {
        each.id
        for each in portal.roster.shifts
        if each.department_id in chosen and each.status == "Open" and first <= each.day <= last
    }
    assert {each.date for each in listed} == {first, last}


async def test_what_is_missing_null_or_empty_is_read_alike(
    roster: Shifts, portal: PortalData, emulator: Emulator
) -> None:
    """A shift without employee, times and comment is the same whether its keys are there or not."""
    bare = portal.add_shift(day=TODAY)
    without = await roster.get(bare.id)
    emulator.planday.settings(null_keys=True)
    with_nulls = await roster.get(bare.id)
    assert without == with_nulls
    assert "employeeId" not in without.raw
    assert with_nulls.raw["employeeId"] is None
    assert (without.start_date_time, without.duration, without.skill_ids) == (None, None, ())


@pytest.mark.parametrize("form", ["local", "zulu"])
async def test_both_forms_of_a_time_are_one_moment(
    roster: Shifts, night: Planned, emulator: Emulator, form: str
) -> None:
    """Told on the wall or with Z, ten in the evening in Copenhagen is nine by UTC."""
    emulator.planday.settings(shift_times=form)
    shift = await roster.get(night.id)
    assert shift.start_date_time == datetime(2026, 3, 14, 21, tzinfo=UTC)
    assert str(shift.start_date_time) == "2026-03-14 22:00:00+01:00"
    assert shift.date == date(2026, 3, 14)


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2026, 3, 27), 8), (date(2026, 3, 28), 7), (date(2026, 10, 24), 9)],
)
async def test_a_night_lasts_as_long_as_it_does(
    roster: Shifts, portal: PortalData, day: date, hours: int
) -> None:
    """From ten to six are seven hours when the clocks go forward and nine when they go back."""
    planned = portal.add_shift(day=day, start=time(22), end=time(6))
    shift = await roster.get(planned.id)
    assert shift.duration == timedelta(hours=hours)
    assert shift.duration == planned.length


async def test_a_time_that_does_not_come_is_moved_forward(
    roster: Shifts, portal: PortalData
) -> None:
    """Half past two in the night of the change is half past three; the shift lasts half an hour."""
    planned = portal.add_shift(day=date(2026, 3, 29), start=time(2, 30), end=time(4))
    shift = await roster.get(planned.id)
    assert str(shift.start_date_time) == "2026-03-29 03:30:00+02:00"
    assert shift.duration == timedelta(minutes=30)


@pytest.mark.parametrize("fault", [("no_total", {}), ("no_paging", {}), ("wrong_total", {})])
async def test_a_listing_is_whole_whatever_its_paging_says(
    roster: Shifts,
    portal: PortalData,
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    fault: tuple[str, dict[str, Any]],
) -> None:
    """Without a total, without paging, with a total of nought: every shift comes once."""
    monkeypatch.setattr(shifts, "PAGE", 100)
    kind, details = fault
    emulator.planday.fault(kind, count=None, **details)
    listed = await roster.list().collect()
    assert [each.id for each in listed] == [each.id for each in portal.roster.shifts]
    assert len(listed) > 300


async def test_a_total_that_promises_more_than_there_is_ends_in_an_error(
    roster: Shifts, emulator: Emulator
) -> None:
    """Rather than a list that may be short."""
    emulator.planday.fault("wrong_total", count=None, total=10**6)
    with pytest.raises(UnexpectedResponseError, match="1000000 records"):
        await roster.list().collect()


async def test_deleted_shifts_are_listed_apart(
    roster: Shifts, portal: PortalData, night: Planned
) -> None:
    """A shift that was deleted is no longer found, and is among the deleted, by whom and when."""
    await roster.delete(night.id)
    with pytest.raises(NotFoundError):
        await roster.get(night.id)
    gone = await roster.deleted(deleted_from=START - CALM).collect()
    assert [(each.id, each.status, each.employee_id) for each in gone] == [
        (night.id, "Assigned", night.employee_id)
    ]
    assert gone[0].date_time_deleted is not None
    assert START <= gone[0].date_time_deleted <= portal.clock.now()
    assert gone[0].deleted_by is not None


async def test_the_statuses_are_those_one_can_ask_for(roster: Shifts) -> None:
    """Eight, and the first is open."""
    statuses = await roster.statuses()
    assert [each.id for each in statuses] == [*range(1, 9)]
    assert statuses[0].name == "Open"


@pytest.mark.parametrize(
    ("filters", "error", "says"),
    [
        ({"employee_ids": []}, ValueError, "employee_ids is empty; leave it out to mean all"),
        ({"status": "PunchclockStarted"}, ValueError, "the API takes 'Open'"),
        ({"modified_from": datetime(2026, 2, 3)}, ValueError, "without a time zone"),
        ({"from_date": NOON}, TypeError, "from_date takes a date"),
        ({"employee_id": 1}, TypeError, "did you mean 'employee_ids'"),
    ],
)
async def test_a_filter_that_makes_no_sense_costs_no_call(
    roster: Shifts, emulator: Emulator, filters: Any, error: type[Exception], says: str
) -> None:
    """It is refused by its name, before anything is sent."""
    for listing in (roster.list, roster.deleted):
        with pytest.raises(error, match=says):
            listing(**filters)
    assert emulator.planday.counters()["calls"] == 0


# --- Writing --------------------------------------------------------------------------------------


async def test_a_shift_comes_back_as_it_was_made(roster: Shifts, portal: PortalData) -> None:
    """Every field that was written is read again; the answer to the write has another shape."""
    place = next(iter(portal.roster.positions))
    kind, skill = next(iter(portal.roster.shift_types)), next(iter(portal.skills))
    made = await roster.create(
        department_id=place.department_id,
        allow_conflicts=False,
        use_breaks=True,
        date=date(2026, 7, 1),
        employee_group_id=place.employee_group_id,
        start_time="22:00",
        end_time=time(6, 15),
        position_id=place.id,
        shift_type_id=kind.id,
        default_wage={"amount": 200, "type": "PerHour"},
        comment="Ring twice",
        skill_ids=[skill.id],
    )
    assert (made.start_time, made.end_time, made.is_draft) == ("22:00", "06:15", False)
    assert made.default_wage == Wage(amount=Decimal(200), type="PerHour")
    shift = await roster.get(made.id)
    assert (shift.department_id, shift.employee_group_id) == (
        place.department_id,
        place.employee_group_id,
    )
    assert (shift.position_id, shift.shift_type_id) == (place.id, kind.id)
    assert (shift.comment, shift.skill_ids, shift.status) == ("Ring twice", (skill.id,), "Open")
    assert shift.start_date_time == datetime(2026, 7, 1, 20, tzinfo=UTC)
    assert shift.end_date_time == datetime(2026, 7, 2, 4, 15, tzinfo=UTC)


async def test_what_an_update_does_not_name_is_emptied(
    roster: Shifts, portal: PortalData, night: Planned
) -> None:
    """A write is whole: without times and employee the shift is open and has none."""
    group = next(iter(portal.employee_groups)).id
    written = await roster.update(
        night.id, allow_conflicts=True, use_breaks=True, date=night.day, employee_group_id=group
    )
    assert written == CreatedShift(
        id=night.id,
        department_id=night.department_id,
        employee_group_id=group,
        date=night.day,
        is_draft=False,
    )
    assert (await roster.get(night.id)).status == "Open"


async def test_a_conflict_says_why(roster: Shifts, night: Planned) -> None:
    """A second shift of the employee at that time is refused unless conflicts are allowed."""
    fields: dict[str, Any] = {
        "department_id": night.department_id,
        "use_breaks": True,
        "date": night.day,
        "employee_group_id": night.employee_group_id,
        "employee_id": night.employee_id,
        "start_time": "23:00",
        "end_time": "01:00",
    }
    with pytest.raises(ConflictError, match="another shift"):
        await roster.create(**fields, allow_conflicts=False)
    assert (await roster.create(**fields, allow_conflicts=True)).id > night.id


async def test_a_shift_is_assigned_opened_and_approved(roster: Shifts, night: Planned) -> None:
    """Its status follows, and its history tells of each."""
    await roster.assign(night.id, None)
    assert (await roster.get(night.id)).status == "Open"
    await roster.assign(night.id, night.employee_id)
    assert (await roster.get(night.id)).employee_id == night.employee_id
    await roster.approve(night.id)
    assert (await roster.get(night.id)).status == "Approved"
    told = await roster.history(night.id).collect()
    assert told[0].changes == ("Shift created",)
    assert told[-1].changes == ("status: Assigned -> Approved",)
    assert told[-1].modified_by is not None
    assert told[-1].modified_by.name == "Mette Holm"
    assert len(told) == 4


async def test_drafts_are_published_by_name_or_all(roster: Shifts, portal: PortalData) -> None:
    """One that is named alone, then every other of the department."""
    department = [*portal.departments][-1].id
    drafts = [each.id for each in await roster.list(status="Draft").collect()]
    assert len(drafts) > 2
    await roster.publish(department, drafts[:1])
    assert [each.id for each in await roster.list(status="Draft").collect()] == drafts[1:]
    await roster.publish(department)
    assert await roster.list(status="Draft").collect() == []


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ({"start_time": time(7, 0, 30)}, ValueError, "start_time is '07:00:30'; Planday takes"),
        ({"start_time": time(7, tzinfo=UTC)}, ValueError, "takes hours and minutes"),
        ({"end_time": "24:00"}, ValueError, "end_time is '24:00'"),
        ({"end_time": "7:00"}, ValueError, "like 07:30"),
        ({"start_time": 7}, TypeError, "start_time takes text"),
        ({"date": NOON}, TypeError, "date takes a date"),
        ({"default_wage": {"amount": -1, "type": "PerHour"}}, ValueError, "at least 0"),
        ({"default_wage": {"amount": 1, "type": "PerDay"}}, ValueError, "'PerHour'"),
        ({"use_breaks": None}, TypeError, "use_breaks cannot be null"),
        ({"departement_id": 1}, TypeError, "did you mean 'department_id'"),
    ],
)
async def test_a_write_that_makes_no_sense_costs_no_call(
    roster: Shifts, emulator: Emulator, wrong: Any, error: type[Exception], says: str
) -> None:
    """It is refused by the name of its field, before anything is sent."""
    right: dict[str, Any] = {
        "department_id": 1,
        "allow_conflicts": False,
        "use_breaks": True,
        "date": TODAY,
        "employee_group_id": 2,
    }
    with pytest.raises(error, match=says):
        await roster.create(**{**right, **wrong})
    with pytest.raises(TypeError, match="needs allow_conflicts, use_breaks"):
        await roster.update(7, date=TODAY, employee_group_id=2)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="shift_ids is empty"):
        await roster.publish(1, [])
    assert emulator.planday.counters()["calls"] == 0


async def test_a_shift_whose_answer_is_lost_is_not_made_twice(
    roster: Shifts, portal: PortalData, emulator: Emulator
) -> None:
    """The outcome is unknown to the caller, and there is one shift more, not two."""
    group, before = next(iter(portal.employee_groups)).id, len(portal.roster.shifts)
    emulator.planday.fault("cut_after", method="POST")
    with pytest.raises(OutcomeUnknownError):
        await roster.create(
            department_id=next(iter(portal.departments)).id,
            allow_conflicts=False,
            use_breaks=True,
            date=TODAY,
            employee_group_id=group,
        )
    assert len(portal.roster.shifts) == before + 1


@pytest.mark.parametrize(
    "write",
    [
        lambda roster, shift, _: roster.approve(shift),
        lambda roster, shift, _: roster.assign(shift, None),
        lambda roster, shift, _: roster.delete(shift),
        lambda roster, shift, department: roster.publish(department, [shift]),
    ],
)
async def test_what_may_be_done_twice_is_sent_again(
    roster: Shifts, night: Planned, emulator: Emulator, write: Callable[..., Any]
) -> None:
    """An answer that is lost is asked for once more, and the call succeeds."""
    emulator.planday.fault("cut_after")
    await write(roster, night.id, night.department_id)
    assert emulator.planday.counters()["calls"] == 2


async def test_all_drafts_are_not_published_twice(
    roster: Shifts, night: Planned, emulator: Emulator
) -> None:
    """What was begun meanwhile is no draft that was meant, so the caller decides."""
    emulator.planday.fault("cut_after")
    with pytest.raises(OutcomeUnknownError):
        await roster.publish(night.department_id)
    assert emulator.planday.counters()["calls"] == 1


# --- Changes --------------------------------------------------------------------------------------


def ids(changes: ShiftChanges) -> tuple[list[int], list[int]]:
    return [each.id for each in changes.changed], [each.id for each in changes.deleted]


async def test_what_was_created_changed_and_deleted_is_told_once(
    roster: Shifts, portal: PortalData, emulator: Emulator
) -> None:
    """Two calls tell of everything since the last time, and the next two of nothing."""
    before = await roster.changes(START)
    assert ids(before) == ([], [])
    old = [each for each in portal.roster.shifts if each.status == "Assigned"]
    await asyncio.sleep(30)
    made = portal.add_shift(day=TODAY)
    await asyncio.sleep(30)
    portal.change_shift(old[0].id, comment="Ring twice")
    portal.delete_shift(old[1].id)
    calls = emulator.planday.counters()["calls"]
    told = await roster.changes(before.next)
    assert emulator.planday.counters()["calls"] == calls + 2
    assert ids(told) == ([made.id, old[0].id], [old[1].id])
    assert told.changed[1].comment == "Ring twice"
    again = await roster.changes(told.next)
    assert ids(again) == ([], [])
    assert again.next == told.next


async def test_what_lies_long_before_the_last_change_is_listed_no_more(
    roster: Shifts, portal: PortalData, night: Planned
) -> None:
    """The cursor moves on with what it has seen, and keeps only what will be listed again."""
    first = await roster.changes(START)
    assert ids(first) == ([night.id], [])
    await asyncio.sleep(1800)
    made = portal.add_shift(day=TODAY)
    second = await roster.changes(first.next)
    assert ids(second) == ([made.id], [])
    assert len(second.next.seen) == 1
    assert second.next.since - first.next.since > timedelta(minutes=20)


async def test_a_shift_that_was_changed_and_deleted_is_told_as_deleted(
    roster: Shifts, portal: PortalData, night: Planned
) -> None:
    """Also one that was never told before."""
    before = await roster.changes(START - CALM)
    portal.change_shift(night.id, comment="Never mind")
    portal.delete_shift(night.id)
    brief = portal.add_shift(day=TODAY)
    portal.delete_shift(brief.id)
    told = await roster.changes(before.next)
    assert told.changed == ()
    assert {each.id for each in told.deleted} == {night.id, brief.id}


async def test_two_changes_in_one_second_are_both_told(
    roster: Shifts, portal: PortalData, night: Planned
) -> None:
    """Their stamps are the same; their contents are not."""
    first = portal.change_shift(night.id, comment="First")
    before = await roster.changes(START - CALM)
    second = portal.change_shift(night.id, comment="Second")
    portal.roster.shifts.put(evolve(second, modified_at=first.modified_at))
    told = await roster.changes(before.next)
    assert [each.comment for each in before.changed] == ["First"]
    assert [each.comment for each in told.changed] == ["Second"]
    assert before.changed[0].date_time_modified == told.changed[0].date_time_modified


async def test_a_cursor_goes_through_json(roster: Shifts, night: Planned) -> None:
    """A service that stores it as text and comes back with it is told nothing twice."""
    told = await roster.changes(START)
    assert ids(told) == ([night.id], [])
    stored = orjson.loads(orjson.dumps(told.next.as_json()))
    assert ShiftCursor.from_json(stored) == told.next
    assert ids(await roster.changes(ShiftCursor.from_json(stored))) == ([], [])


@pytest.mark.parametrize(
    "junk",
    [{}, {"since": "2026-02-03T12:00:00", "seen": []}, {"since": "soon", "seen": []}, [], "x",
     {"since": None, "seen": []}, {"since": "2026-02-03T12:00:00Z", "seen": 1}],
)  # fmt: skip
def test_what_is_no_cursor_is_refused(junk: Any) -> None:
    """With what to do instead."""
    with pytest.raises(ValueError, match="begin again at a moment"):
        ShiftCursor.from_json(junk)


async def test_what_changes_while_the_listings_are_read_is_told_the_next_time(
    roster: Shifts, portal: PortalData, emulator: Emulator, night: Planned
) -> None:
    """Even if they take ten minutes, and show something that is younger."""
    victim = portal.add_shift(day=TODAY)
    before = await roster.changes(START)
    emulator.planday.fault("delay", path="*/shifts/deleted", seconds=600)

    async def meddle() -> None:
        await asyncio.sleep(100)
        portal.change_shift(night.id, comment="Changed after the first listing")
        await asyncio.sleep(450)
        portal.delete_shift(victim.id)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(meddle())
        during = await roster.changes(before.next, timeout=3600.0)
    assert ids(during) == ([], [victim.id])
    assert ids(await roster.changes(during.next)) == ([night.id], [])


class Meddling(Transport):
    """Lets something happen right after a call."""

    def __init__(self, transport: Transport) -> None:
        self.__dict__.update(transport.__dict__)
        self.after: dict[int, Callable[[], object]] = {}
        self.calls = 0

    async def send(self, call: Call) -> Any:
        answer = await super().send(call)
        self.calls += 1
        if happens := self.after.get(self.calls):
            happens()
        return answer


async def test_a_deletion_between_two_pages_hides_nothing(
    transport: Transport, portal: PortalData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shift that slips over the edge of a page is found, and told once."""
    monkeypatch.setattr(shifts, "PAGE", 20)
    made = [portal.add_shift(day=TODAY).id for _ in range(30)]
    meddling = Meddling(transport)
    meddling.after[1] = lambda: portal.delete_shift(made[0])
    told = await Shifts(meddling, ClientOptions()).changes(START)
    changed, deleted = ids(told)
    assert (sorted(changed), deleted) == (made[1:], [made[0]])


async def test_a_listing_that_fails_moves_no_cursor(
    roster: Shifts, emulator: Emulator, night: Planned
) -> None:
    """The error reaches the caller, who asks again from where it was."""
    emulator.planday.fault("not_json", path="*/shifts/deleted")
    before = ShiftCursor(since=START - CALM)
    with pytest.raises(UnexpectedResponseError):
        await roster.changes(before)
    assert ids(await roster.changes(before)) == ([night.id], [])


async def test_changes_need_a_moment_and_an_overlap(roster: Shifts, emulator: Emulator) -> None:
    """Neither is guessed, and nothing is sent."""
    with pytest.raises(ValueError, match=r"since is .*, without a time zone"):
        await roster.changes(datetime(2026, 2, 3))
    with pytest.raises(ValueError, match="it takes one or more"):
        await roster.changes(START, overlap=timedelta(0))
    assert emulator.planday.counters()["calls"] == 0


def shift_at(stamp: datetime | None, id: int = 1, **fields: Any) -> Shift:
    raw = {"id": id, "dateTimeModified": None if stamp is None else stamp.isoformat(), **fields}
    return Shift(id=id, date_time_modified=stamp, raw=raw)


def since_of(*listed: Shift, took: float = 0.0, now: datetime = LATER) -> datetime:
    cursor = ShiftCursor(since=START)
    return compared(
        cursor, listed, [], took=timedelta(seconds=took), now=now, overlap=OVERLAP
    ).next.since


def test_a_stamp_that_lies_ahead_does_not_move_the_cursor_there() -> None:
    """Else nothing would be told until that day."""
    ahead = datetime(2099, 1, 1, tzinfo=UTC)
    assert since_of(shift_at(ahead)) == LATER - OVERLAP


def test_a_clock_of_ours_that_is_slow_moves_nothing_back() -> None:
    """The cursor stays, what is listed again is known, and a fast clock changes nothing."""
    slow, fast = START - timedelta(days=365), LATER + timedelta(hours=1)
    assert since_of(shift_at(NOON), now=slow) == START
    assert since_of(shift_at(NOON), now=fast) == NOON - OVERLAP


def test_the_time_the_listings_took_is_taken_off() -> None:
    """To the second, downwards, because filters are in seconds."""
    assert since_of(shift_at(NOON), took=90.5) == NOON - OVERLAP - timedelta(seconds=91)


def test_of_two_versions_in_one_listing_the_later_is_told() -> None:
    """In the place where it belongs among the others, oldest first."""
    old, between, new = shift_at(NOON), shift_at(NOON + CALM, id=2), shift_at(LATER)
    cursor = ShiftCursor(since=START)
    for listed in ([old, between, new], [new, between, old]):
        told = compared(cursor, listed, [], took=CALM, now=LATER, overlap=OVERLAP)
        assert told.changed == (between, new)


def test_shifts_without_a_stamp_are_told_once() -> None:
    """They move no cursor and are known as long as they are listed."""
    cursor = ShiftCursor(since=START)
    bare = shift_at(None)
    first = compared(cursor, [bare], [], took=CALM, now=LATER, overlap=OVERLAP)
    assert (first.changed, first.next.since) == ((bare,), START)
    again = compared(first.next, [bare], [], took=CALM, now=LATER, overlap=OVERLAP)
    assert again.changed == ()


def test_a_shift_that_was_only_created_is_as_old_as_that() -> None:
    """Planday need not tell when it was modified."""
    assert stamp_of(Shift(id=1, date_time_created=NOON)) == NOON


def test_a_version_is_the_same_in_whatever_order_its_keys_come() -> None:
    """A server that shuffles them has changed nothing."""
    one, other = (Shift(id=1, raw=raw) for raw in ({"a": 1, "b": 2}, {"b": 2, "a": 1}))
    assert version_of(one) == version_of(other)
    assert version_of(one) != version_of(Shift(id=1, raw={"a": 1, "b": 3}))


HAPPENINGS = st.lists(
    st.tuples(
        st.floats(0, 900),  # seconds since the one before
        st.sampled_from(["write", "write", "delete", "poll"]),
        st.integers(1, 4),  # of which shift
        st.floats(0, OVERLAP.total_seconds() - 2),  # until others see it
    ),
    max_size=40,
)


class Planday:
    """Just enough of it: versions with stamps in seconds, seen by others some time later."""

    def __init__(self) -> None:
        self.now = START
        self.written: list[tuple[datetime, datetime, int, str]] = []

    def write(self, kind: str, id: int, delay: float) -> None:
        if not any(entry[2:] == (id, "delete") for entry in self.written):
            self.written.append((self.now, self.now + timedelta(seconds=delay), id, kind))

    def listed(self, since: datetime) -> tuple[list[Shift], list[DeletedShift]]:
        last = {}
        for number, (stamp, visible, shift, kind) in enumerate(self.written):
            if visible <= self.now:
                last[shift] = (stamp, kind, number)
        changed, deleted = [], []
        for shift, (stamp, kind, number) in last.items():
            told = stamp.replace(microsecond=0)
            raw = {"id": shift, "number": number}
            if stamp > since and kind == "delete":
                deleted.append(DeletedShift(id=shift, date_time_deleted=told, raw=raw))
            elif stamp > since:
                changed.append(Shift(id=shift, date_time_modified=told, raw=raw))
        return changed, deleted


@given(HAPPENINGS)
def test_a_copy_kept_by_changes_is_true_and_told_nothing_twice(
    happenings: Sequence[tuple[float, str, int, float]],
) -> None:
    """However writes, late sights of them and polls follow each other."""
    planday, cursor = Planday(), ShiftCursor(since=START - OVERLAP)
    copy: dict[int, int | None] = {}
    told: list[Any] = []

    def poll() -> None:
        nonlocal cursor
        changed, deleted = planday.listed(cursor.since)
        changes = compared(
            cursor, changed, deleted, took=timedelta(0), now=planday.now, overlap=OVERLAP
        )
        cursor = changes.next
        told.extend(version_of(each) for each in (*changes.changed, *changes.deleted))
        copy.update({each.id: each.raw["number"] for each in changes.changed})
        copy.update({each.id: None for each in changes.deleted})

    for gap, kind, shift, delay in happenings:
        planday.now += timedelta(seconds=gap)
        if kind == "poll":
            poll()
        else:
            planday.write(kind, shift, delay)
    planday.now += OVERLAP
    poll()
    assert copy == {
        shift: None if kind == "delete" else number
        for number, (_, _, shift, kind) in enumerate(planday.written)
    }
    assert len(told) == len(set(told))
