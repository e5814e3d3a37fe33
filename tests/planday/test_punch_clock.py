"""The punch clock: when people really came and went."""

import asyncio
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

import pytest
from attrs import evolve

from planado_async.core.errors import (
    BadRequestError,
    ConflictError,
    DeadlineExceededError,
    NotFoundError,
    OutcomeUnknownError,
    UnexpectedResponseError,
)
from planado_async.core.resource import ClientOptions
from planado_async.core.transport import Transport
from planado_async.emulator import Emulator
from planado_async.emulator.planday.data import PortalData
from planado_async.emulator.planday.scheduling_records import Shift
from planado_async.planday.models import Break, EmployeeShift, PunchClockShift
from planado_async.planday.resources import PunchClock
from tests.planday.conftest import START
from tests.planday.requests import Row, check, check_scope, named, operations

NOON = datetime(2026, 2, 3, 12, 0, 0, 999_999, timezone(timedelta(hours=3)))
DAY = date(2026, 2, 3)
INFO, ENTRIES = "GET /portal/v1.0/info", "GET /punchclock/v1.0/punchclockshifts"


class InCopenhagen(PunchClock):
    """Knows the portal's zone already."""

    def __init__(self, transport: Transport, options: ClientOptions) -> None:
        super().__init__(transport, options)
        self._kept.zone = "Europe/Copenhagen"


ROWS: list[Row[PunchClock]] = [
    Row(
        name="list",
        call=lambda clock: clock.list(
            from_date=DAY, to_date=date(2026, 3, 5), employee_id=1, shift_id=2, after="50"
        ).collect(limit=1),
        scope="punchclockshift:read",
        sends="GET /punchclock/v1.0/punchclockshifts",
        query={
            "from": "2026-02-03T00:00:00",
            "to": "2026-03-05T23:59:59",
            "employeeId": "1",
            "shiftId": "2",
            "limit": "50",
            "offset": "50",
        },
        answer={
            "data": [
                {
                    "id": 7,
                    "startDateTime": "2026-02-03T07:02:11",
                    "endDateTime": "",
                    "shiftStartDateTime": "2026-02-03T07:00:00Z",
                }
            ],
            "paging": {"offset": 50, "limit": 50, "total": 51},
        },
        gives=[
            PunchClockShift(
                id=7,
                start_date_time=datetime(2026, 2, 3, 6, 2, 11, tzinfo=UTC),
                shift_start_date_time=datetime(2026, 2, 3, 7, tzinfo=UTC),
            )
        ],
    ),
    Row(
        name="by_shift",
        call=lambda clock: clock.by_shift(2),
        scope="punchclockshift:read",
        sends="GET /punchclock/v1.0/punchclockshifts/byShift/2",
        answer={"data": {"id": 7, "shiftId": 2, "isApproved": True}},
        gives=PunchClockShift(id=7, shift_id=2, is_approved=True),
    ),
    Row(
        name="breaks",
        call=lambda clock: clock.breaks(7),
        scope="punchclockshift:read",
        sends="GET /punchclock/v1.0/punchclockshifts/7/breaks",
        answer={
            "data": [
                {
                    "id": 8,
                    "punchClocksShiftId": 7,
                    "startDateTime": "2026-07-01T12:00",
                    "duration": "00:30:00",
                }
            ],
            "paging": {"total": 1},
        },
        gives=[
            Break(
                id=8,
                punch_clock_shift_id=7,
                start_date_time=datetime(2026, 7, 1, 10, tzinfo=UTC),
                duration="00:30:00",
            )
        ],
    ),
    Row(
        name="today",
        call=lambda clock: clock.today(employee_id=1),
        scope="shift:read",
        sends="GET /punchclock/v1.0/employeeshifts/today",
        query={"employeeId": "1"},
        answer={"data": [{"id": 7, "date": "2026-02-03", "endDateTime": "2026-02-03T15:00"}]},
        gives=[EmployeeShift(id=7, date=DAY, end_date_time=datetime(2026, 2, 3, 14, tzinfo=UTC))],
    ),
    Row(
        name="punch_in",
        call=lambda clock: clock.punch_in(
            1,
            comment="",
            shift_id=2,
            start_date_time=NOON,
            device_code="d",
            department_id=3,
            employee_group_id=4,
        ),
        scope="punchclockshift:create",
        sends="POST /punchclock/v1.0/punchclockshifts/employee/1/punchin",
        body={
            "comment": "",
            "shiftId": 2,
            "startDateTime": "2026-02-03T10:00:00",
            "deviceCode": "d",
            "departmentId": 3,
            "employeeGroupId": 4,
        },
        answer={"data": {"punchClockShiftId": 7}},
        gives=7,
    ),
    Row(
        name="punch_in",
        call=lambda clock: clock.punch_in(1, comment="Late"),
        scope="punchclockshift:create",
        sends="POST /punchclock/v1.0/punchclockshifts/employee/1/punchin",
        body={"comment": "Late"},
        answer={"punchClockShiftId": 7, "data": None},  # wrapped or not, nobody says
        gives=7,
    ),
    Row(
        name="punch_out",
        call=lambda clock: clock.punch_out(1, comment="", end_date_time=NOON, shift_id=2),
        scope="punchclockshift:create",
        sends="PUT /punchclock/v1.0/punchclockshifts/employee/1/punchout",
        body={"comment": "", "endDateTime": "2026-02-03T10:00:00", "shiftId": 2},
    ),
]


@pytest.fixture
def clock(transport: Transport) -> PunchClock:
    return PunchClock(transport, ClientOptions())


@pytest.fixture
def shift(portal: PortalData) -> Shift:
    """A shift of today, of somebody who has no other."""
    employee = next(iter(portal.employees))
    for planned in portal.roster.shifts:
        if planned.employee_id == employee.id and planned.day >= START.date() - timedelta(days=1):
            portal.roster.shifts.remove(planned.id)
    return portal.add_shift(employee_id=employee.id, start=time(7), end=time(15))


def routes(emulator: Emulator) -> dict[str, int]:
    counted: dict[str, int] = emulator.planday.counters()["routes"]
    return counted


async def days(clock: PunchClock, first: date, last: date) -> list[PunchClockShift]:
    return await clock.list(from_date=first, to_date=last).collect()


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_sends_exactly_this_request(row: Row[PunchClock]) -> None:
    """Method, path, query, headers and body are these, and the answer is read."""
    await check(row, InCopenhagen)


def test_every_operation_has_a_row() -> None:
    """A method that is added needs a row in the table."""
    assert {row.name for row in ROWS} == operations(PunchClock)


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_names_the_scope_it_needs(
    row: Row[PunchClock], emulator: Emulator
) -> None:
    """Without its scope the error names it, and with it alone the call goes through."""
    await check_scope(row, PunchClock, emulator)


# --- Reading --------------------------------------------------------------------------------------


async def test_the_entries_of_a_month_are_read_whole(
    clock: PunchClock, portal: PortalData, emulator: Emulator
) -> None:
    """Every entry comes once, page by page, however short the pages are, beside its plan."""
    emulator.planday.settings(punch_clock_page=40)
    last = START.date()
    listed = await days(clock, last - timedelta(days=30), last)
    assert [each.id for each in listed] == [each.id for each in portal.punch_clock.entries]
    assert len(listed) > 80
    for entry, punch in zip(listed, portal.punch_clock.entries, strict=True):
        assert entry.start_date_time is not None
        assert entry.start_date_time.replace(tzinfo=None) == punch.starts_at
        assert entry.start_date_time.utcoffset() == timedelta(hours=1)
        assert punch.ends_at is not None
        assert entry.duration == punch.ends_at - punch.starts_at
        assert entry.shift_start_date_time is not None


async def test_the_portals_zone_is_asked_for_once(clock: PunchClock, emulator: Emulator) -> None:
    """By whichever call comes first, and for clients with other options too."""
    assert emulator.planday.counters()["calls"] == 0
    other = clock._with(ClientOptions(timeout=5.0))
    for each in (clock, other, clock):
        await days(each, DAY, DAY)
        await each.today()
    assert routes(emulator)[INFO] == 1


async def test_a_zone_that_nobody_knows_is_named(
    clock: PunchClock, emulator: Emulator, portal: PortalData
) -> None:
    """Times in it cannot be read, and none is guessed."""
    portal.portal = evolve(portal.portal, time_zone="Romance Standard Time")
    with pytest.raises(UnexpectedResponseError, match="'Romance Standard Time' is no time zone"):
        await days(clock, DAY, DAY)
    portal.portal = evolve(portal.portal, time_zone="Europe/Copenhagen")
    await days(clock, DAY, DAY)
    assert routes(emulator)[INFO] == 2


async def test_asking_for_the_zone_counts_for_the_deadline(
    clock: PunchClock, emulator: Emulator, shift: Shift
) -> None:
    """A call that is given ten seconds takes ten, the question for the zone included."""
    loop = asyncio.get_running_loop()
    emulator.planday.fault("delay", path="/portal/*", seconds=7)
    emulator.planday.fault("delay", path="/punchclock/*", seconds=7)
    began = loop.time()
    with pytest.raises(DeadlineExceededError):
        await clock.by_shift(shift.id, deadline=10.0)
    assert loop.time() - began == pytest.approx(10, abs=0.5)


async def test_the_days_are_the_portals_and_both_are_included(
    clock: PunchClock, portal: PortalData, shift: Shift
) -> None:
    """From the first second of the one to the last of the other, on the portal's clock."""
    punches = [
        portal.punch_clock.add_entry(
            employee_id=shift.employee_id or 0,
            department_id=shift.department_id,
            starts_at=at,
            ends_at=at,
        ).id
        for at in (
            datetime(2026, 5, 31, 23, 59, 59),
            datetime(2026, 6, 1),
            datetime(2026, 7, 1, 23, 59, 59),
            datetime(2026, 7, 2),
        )
    ]
    listed = await days(clock, date(2026, 6, 1), date(2026, 7, 1))
    assert [each.id for each in listed] == punches[1:3]


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        (date(2026, 1, 1), date(2026, 2, 1), "spans 32 days.*ask once for each month"),
        (date(2026, 1, 2), date(2026, 1, 1), "spans 0 days"),
    ],
)
async def test_a_span_that_is_too_long_costs_no_call(
    clock: PunchClock, emulator: Emulator, first: date, last: date, says: str
) -> None:
    """The error says what to do; 31 days are not too long."""
    with pytest.raises(ValueError, match=says):
        clock.list(from_date=first, to_date=last)
    assert emulator.planday.counters()["calls"] == 0
    await days(clock, date(2026, 1, 1), date(2026, 1, 31))


@pytest.mark.parametrize(
    ("day", "start", "end", "hours"),
    [
        (date(2026, 3, 28), time(22), time(6), 7),
        (date(2026, 10, 24), time(22), time(6), 9),
        (date(2026, 10, 25), time(1), time(2, 30), 1.5),
    ],
)
async def test_a_night_lasts_as_long_as_it_does(
    clock: PunchClock,
    portal: PortalData,
    shift: Shift,
    day: date,
    start: time,
    end: time,
    hours: float,
) -> None:
    """An hour less in spring, an hour more in autumn; of an hour that comes twice, the first."""
    begins, ends = datetime.combine(day, start), datetime.combine(day, end)
    portal.punch_clock.add_entry(
        employee_id=shift.employee_id or 0,
        department_id=shift.department_id,
        starts_at=begins,
        ends_at=ends if ends > begins else ends + timedelta(days=1),
    )
    (entry,) = await days(clock, day, day)
    assert entry.duration == timedelta(hours=hours)


async def test_breaks_come_with_their_length(clock: PunchClock, portal: PortalData) -> None:
    """In Planday's own form, and as a duration."""
    entry = next(each for each in portal.punch_clock.entries if each.breaks)
    (taken,) = await clock.breaks(entry.id)
    assert (taken.duration, taken.time) == ("00:30:00", timedelta(minutes=30))
    assert taken.start_date_time is not None
    assert taken.start_date_time.utcoffset() == timedelta(hours=1)
    assert Break(id=1).time is None


@pytest.mark.parametrize("duration", ["30:00", "0.00:30:00", "00:60:00", "00:00:60"])
def test_a_break_of_another_form_is_not_guessed_at(duration: str) -> None:
    """It stands there as it came."""
    with pytest.raises(UnexpectedResponseError, match="hours, minutes and seconds"):
        assert Break(id=1, duration=duration).time


async def test_todays_shifts_are_told(clock: PunchClock, shift: Shift) -> None:
    """Of one employee, or of everybody."""
    (mine,) = await clock.today(employee_id=shift.employee_id)
    assert (mine.id, mine.date) == (shift.id, START.date())
    assert mine.start_date_time == datetime(2026, 2, 2, 6, tzinfo=UTC)
    everybodys = await clock.today()
    assert mine in everybodys
    assert len(everybodys) > 5


# --- Punching -------------------------------------------------------------------------------------


async def test_who_is_punched_in_and_out_was_there(
    clock: PunchClock, portal: PortalData, shift: Shift
) -> None:
    """The entry stands on the shift, open until the employee leaves."""
    with pytest.raises(NotFoundError):
        await clock.by_shift(shift.id)
    employee = shift.employee_id or 0
    made = await clock.punch_in(
        employee, comment="Bus", start_date_time=datetime(2026, 2, 2, 6, 5, tzinfo=UTC)
    )
    entry = await clock.by_shift(shift.id)
    assert (entry.id, entry.shift_id, entry.description) == (made, shift.id, "Bus")
    assert str(entry.start_date_time) == "2026-02-02 07:05:00+01:00"
    assert (entry.end_date_time, entry.duration, entry.is_approved) == (None, None, False)
    with pytest.raises(ConflictError):
        await clock.punch_in(employee, comment="")
    await clock.punch_out(
        employee, comment="", end_date_time=datetime(2026, 2, 2, 14, 0, tzinfo=UTC)
    )
    assert (await clock.by_shift(shift.id)).duration == timedelta(hours=7, minutes=55)
    with pytest.raises(ConflictError):
        await clock.punch_out(employee, comment="")


async def test_without_a_moment_it_is_now(
    clock: PunchClock, portal: PortalData, shift: Shift, emulator: Emulator
) -> None:
    """And the zone, which is not needed, is not asked for."""
    made = await clock.punch_in(shift.employee_id or 0, comment="")
    assert portal.punch_clock.entry(made).starts_at == datetime(2026, 2, 2, 9)
    assert INFO not in routes(emulator)


async def test_of_several_shifts_one_must_be_named(
    clock: PunchClock, portal: PortalData, shift: Shift
) -> None:
    """The error lists them."""
    employee = shift.employee_id or 0
    other = portal.add_shift(employee_id=employee, start=time(16), end=time(20))
    with pytest.raises(BadRequestError, match=f"{shift.id}, {other.id}"):
        await clock.punch_in(employee, comment="")
    await clock.punch_in(employee, comment="", shift_id=other.id)
    assert (await clock.by_shift(other.id)).shift_id == other.id


@pytest.mark.parametrize("punch", ["punch_in", "punch_out"])
async def test_nobody_is_punched_twice(
    clock: PunchClock, portal: PortalData, shift: Shift, emulator: Emulator, punch: str
) -> None:
    """A lost answer leaves the outcome to the caller; a second try would meet a conflict."""
    if punch == "punch_out":
        portal.punch_in(shift.employee_id or 0)
    emulator.planday.fault("cut_after")
    with pytest.raises(OutcomeUnknownError):
        await getattr(clock, punch)(shift.employee_id, comment="")
    assert emulator.planday.counters()["calls"] == 1


async def test_a_punch_that_makes_no_sense_costs_no_call(
    clock: PunchClock, emulator: Emulator
) -> None:
    """A moment has a zone, and a comment is always sent."""
    naive: Any = datetime(2026, 2, 2, 7)
    with pytest.raises(ValueError, match="without a time zone"):
        await clock.punch_in(1, comment="", start_date_time=naive)
    with pytest.raises(TypeError, match="needs comment"):
        await clock.punch_out(1)  # type: ignore[call-arg]
    assert emulator.planday.counters()["calls"] == 0
