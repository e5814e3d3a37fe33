from datetime import date, datetime, time, timedelta
from typing import Any

import pytest

from planado_async.emulator import EmulatorError
from tests.emulator.planday.rest_api import Rest

ENTRIES = "/punchclock/v1.0/punchclockshifts"
TODAY_SHIFTS = "/punchclock/v1.0/employeeshifts/today"
# The emulator starts at nine of the portal's wall clock.
TODAY = date(2026, 2, 2)
NINE = "2026-02-02T09:00:00"
NORTH, CENTRE, TECHNICIANS = 1001, 1002, 2001
ANNA, BORIS, GONE = 10001, 10002, 10040
SPAN = "from=2026-02-02T00:00&to=2026-02-03T00:00"


@pytest.fixture
def quiet_day(rest: Rest) -> Rest:
    """A portal where nobody is on the roster around today."""
    for shift in [*rest.data.roster.shifts]:
        if abs(shift.day - TODAY) <= timedelta(days=1):
            rest.data.delete_shift(shift.id)
    return rest


def punch(verb: str, employee_id: int = ANNA) -> str:
    return f"{ENTRIES}/employee/{employee_id}/{verb}"


def day_shift(rest: Rest, employee_id: int = ANNA, **fields: Any) -> int:
    times = {"start": time(8), "end": time(16)}
    return rest.data.add_shift(employee_id=employee_id, **{**times, **fields}).id


def status(rest: Rest, shift_id: int) -> str:
    return rest.data.roster.shift(shift_id).status


async def punched_in(rest: Rest, **body: Any) -> int:
    made = await rest.post(punch("punchin"), {"comment": "", **body})
    return int(made["punchClockShiftId"])


async def entries(rest: Rest, query: str = SPAN) -> list[Any]:
    return list((await rest.get(f"{ENTRIES}?{query}"))["data"])


async def errors(rest: Rest, method: str, path: str, body: object = None) -> Any:
    """The errors by field of a call that must be 400."""
    reply = await rest.send(method, path, body)
    assert reply.status == 400, reply.raw
    return reply.json["errors"]


# --- Punching -------------------------------------------------------------------------------------


async def test_in_and_out(quiet_day: Rest) -> None:
    """Who punches in is put on the only shift of the day, which follows the punches."""
    rest = quiet_day
    shift_id = day_shift(rest)
    entry_id = await punched_in(rest, comment="late bus")
    assert status(rest, shift_id) == "PunchclockStarted"
    entry = {
        "id": entry_id,
        "shiftId": shift_id,
        "departmentId": NORTH,
        "employeeId": ANNA,
        "startDateTime": NINE,
        "shiftStartDateTime": "2026-02-02T08:00:00",
        "shiftEndDateTime": "2026-02-02T16:00:00",
        "description": "late bus",
        "isApproved": False,
    }
    assert await entries(rest) == [entry]
    await rest.data.clock.sleep(60)
    await rest.done("PUT", punch("punchout"), {"comment": None})
    assert await entries(rest) == [{**entry, "endDateTime": "2026-02-02T09:01:00"}]
    assert status(rest, shift_id) == "PunchclockFinished"
    read = await rest.one(f"/scheduling/v1.0/shifts/{shift_id}")
    assert read["punchClockShiftId"] == entry_id
    assert read["dateTimeModified"] == "2026-02-02T08:01:00Z"


async def test_given_times(quiet_day: Rest) -> None:
    """Times may be given, by the wall clock or with a zone; the end is not before the start."""
    rest = quiet_day
    shift_id = day_shift(rest)
    await punched_in(rest, startDateTime="2026-02-02T07:55:30", shiftId=shift_id)
    early = {"endDateTime": "2026-02-02T07:55"}
    assert "endDateTime" in await errors(rest, "PUT", punch("punchout"), early)
    await rest.done("PUT", punch("punchout"), {"endDateTime": "2026-02-02T15:10:00Z"})
    [entry] = await entries(rest)
    assert entry["startDateTime"] == "2026-02-02T07:55:30"
    assert entry["endDateTime"] == "2026-02-02T16:10:00"


async def test_only_once(quiet_day: Rest) -> None:
    """Nobody punches in twice, nor out without being in, nor out of another shift."""
    rest = quiet_day
    first = day_shift(rest)
    second = day_shift(rest, start=time(17), end=time(20))
    assert await rest.status("PUT", punch("punchout"), {}) == 409
    await punched_in(rest, shiftId=first)
    assert await rest.status("POST", punch("punchin"), {"shiftId": second}) == 409
    assert await rest.status("PUT", punch("punchout"), {"shiftId": second}) == 409
    await rest.done("PUT", punch("punchout"), {"shiftId": first})
    assert await rest.status("PUT", punch("punchout"), {}) == 409
    assert await rest.status("POST", punch("punchin"), {"shiftId": first}) == 409


async def test_several_shifts(quiet_day: Rest) -> None:
    """Among several shifts of the day one must be named; the answer tells their numbers."""
    rest = quiet_day
    shifts = [day_shift(rest), day_shift(rest, start=time(17), end=time(20))]
    [text] = (await errors(rest, "POST", punch("punchin"), {}))["shiftId"]
    assert all(str(shift_id) in text for shift_id in shifts)
    await punched_in(rest, shiftId=shifts[1])
    assert [status(rest, shift_id) for shift_id in shifts] == ["Assigned", "PunchclockStarted"]


@pytest.mark.parametrize(
    "fields",
    [
        {"end": time(9)},
        {"day": TODAY + timedelta(days=1)},
        {"day": TODAY - timedelta(days=1)},
        {"status": "Draft"},
        {"employee_id": BORIS, "department_id": NORTH},
    ],
)
async def test_shifts_that_are_not_meant(quiet_day: Rest, fields: dict[str, Any]) -> None:
    """Over, of another day, a draft or somebody else's: nothing to punch in on unasked."""
    day_shift(quiet_day, **fields)
    told = await errors(quiet_day, "POST", punch("punchin"), {})
    assert told.keys() == {"departmentId", "employeeGroupId"}


async def test_night_shift_of_yesterday(quiet_day: Rest) -> None:
    """A shift that began yesterday and goes on is the one that is meant."""
    shift_id = day_shift(quiet_day, day=TODAY - timedelta(days=1), start=time(22), end=time(9, 30))
    await punched_in(quiet_day)
    assert status(quiet_day, shift_id) == "PunchclockStarted"


async def test_wrong_shifts(quiet_day: Rest) -> None:
    """A draft and somebody else's shift cannot be punched in on, nor one that there is not."""
    draft = day_shift(quiet_day, status="Draft")
    other = day_shift(quiet_day, BORIS)
    assert await quiet_day.status("POST", punch("punchin"), {"shiftId": draft}) == 409
    assert await quiet_day.status("POST", punch("punchin"), {"shiftId": other}) == 409
    assert await quiet_day.status("POST", punch("punchin"), {"shiftId": 999}) == 404
    assert await quiet_day.status("POST", punch("punchin", 999), {}) == 404
    told = await errors(quiet_day, "POST", punch("punchin", GONE), {})
    assert told == {"employeeId": ["is no longer active"]}


async def test_without_a_shift(quiet_day: Rest) -> None:
    """Without a shift, group and department are named; the shift is made at approval."""
    rest = quiet_day
    place = {"departmentId": CENTRE, "employeeGroupId": TECHNICIANS}
    assert await rest.status("POST", punch("punchin"), {**place, "departmentId": 999}) == 400
    entry_id = await punched_in(rest, **place)
    [entry] = await entries(rest)
    assert "shiftId" not in entry
    with pytest.raises(EmulatorError, match="still punched in"):
        rest.data.punch_clock.approve_punch(entry_id)
    with pytest.raises(EmulatorError, match="doesn't exist"):
        rest.data.punch_clock.approve_punch(999)
    rest.data.punch_out(ANNA, at=datetime(2026, 2, 2, 17))
    rest.data.punch_clock.approve_punch(entry_id)
    [entry] = await entries(rest)
    assert entry["isApproved"]
    shift = await rest.one(f"/scheduling/v1.0/shifts/{entry['shiftId']}")
    assert (shift["status"], shift["departmentId"]) == ("PunchclockApproved", CENTRE)
    assert shift["startDateTime"] == "2026-02-02T09:00"
    assert shift["endDateTime"] == "2026-02-02T17:00"
    assert shift["punchClockShiftId"] == entry_id


async def test_entries_by_shift(quiet_day: Rest) -> None:
    """An entry can be made on a shift by number, closed, and found by its shift."""
    rest = quiet_day
    shift_id, free = day_shift(rest), rest.data.add_shift(day=TODAY).id
    made = await rest.post(ENTRIES, {"shiftId": shift_id, "startDateTime": "2026-02-02T08:01"})
    path = f"{ENTRIES}/{made['punchClockShiftId']}"
    assert status(rest, shift_id) == "PunchclockStarted"
    assert await rest.status("PUT", path, {"endDateTime": "2026-02-02T08:00"}) == 400
    await rest.done("PUT", path, {})
    found = await rest.one(f"{ENTRIES}/byShift/{shift_id}")
    assert (found["startDateTime"], found["endDateTime"]) == ("2026-02-02T08:01:00", NINE)
    assert status(rest, shift_id) == "PunchclockFinished"
    assert await rest.status("POST", ENTRIES, {"shiftId": free}) == 409
    assert await rest.status("POST", ENTRIES, {"shiftId": shift_id}) == 409
    assert await rest.status("POST", ENTRIES, {"shiftId": 999}) == 404
    assert await rest.status("POST", ENTRIES, {}) == 400
    assert await rest.status("GET", f"{ENTRIES}/byShift/{free}") == 404
    assert await rest.status("PUT", f"{ENTRIES}/999", {}) == 404


async def test_deleted_shift_leaves_its_entry(quiet_day: Rest) -> None:
    """An entry outlives its shift and can still be closed."""
    shift_id = day_shift(quiet_day)
    assert quiet_day.data.punch_in(ANNA).shift_id == shift_id
    quiet_day.data.delete_shift(shift_id)
    await quiet_day.done("PUT", punch("punchout"), {})
    [entry] = await entries(quiet_day)
    assert entry["endDateTime"] == NINE
    assert "shiftStartDateTime" not in entry


# --- Breaks ---------------------------------------------------------------------------------------


async def test_breaks(quiet_day: Rest) -> None:
    """A break is begun and ended; its answer counts all and tells how long each was."""
    rest = quiet_day
    day_shift(rest)
    breaks = f"{ENTRIES}/{await punched_in(rest)}/breaks"
    first = (await rest.post(breaks, {}))["id"]
    assert await rest.get(breaks) == {
        "data": [{"id": first, "startDateTime": NINE}],
        "paging": {"total": 1},
    }
    await rest.done("PUT", f"{breaks}/{first}", {"endDateTime": "2026-02-02T09:30"})
    whole = {"startDateTime": "2026-02-02T12:00", "endDateTime": "2026-02-02T13:00:05"}
    second = (await rest.post(breaks, whole))["id"]
    told = (await rest.get(breaks))["data"]
    assert [(taken["id"], taken["duration"]) for taken in told] == [
        (first, "00:30:00"),
        (second, "01:00:05"),
    ]
    wrong = {"endDateTime": "2026-02-02T08:00"}
    assert "endDateTime" in await errors(rest, "PUT", f"{breaks}/{first}", wrong)
    assert await rest.status("PUT", f"{breaks}/999", {}) == 404
    assert await rest.status("GET", f"{ENTRIES}/999/breaks") == 404


async def test_break_ends_with_the_shift(quiet_day: Rest) -> None:
    """Who punches out in a break has ended it."""
    day_shift(quiet_day)
    entry_id = await punched_in(quiet_day)
    quiet_day.data.punch_clock.add_break(entry_id)
    await quiet_day.done("PUT", punch("punchout"), {"endDateTime": "2026-02-02T10:15"})
    [taken] = (await quiet_day.get(f"{ENTRIES}/{entry_id}/breaks"))["data"]
    assert (taken["endDateTime"], taken["duration"]) == ("2026-02-02T10:15:00", "01:15:00")


# --- Reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("to=2026-02-03T00:00", "from"),
        ("from=2026-02-02T00:00", "to"),
        ("from=2026-02-02&to=2026-02-03", "from"),
        ("from=2026-02-02T00:00&to=2026-03-05T00:01", "to"),
        (f"{SPAN}&employeeId=x", "employeeId"),
        (f"{SPAN}&limit=-1", "limit"),
    ],
)
async def test_wrong_queries(rest: Rest, query: str, field: str) -> None:
    """Both ends are needed, 31 days apart at most; the answer tells errors by field."""
    assert (await errors(rest, "GET", f"{ENTRIES}?{query}")).keys() == {field}


async def test_span(rest: Rest) -> None:
    """Entries are told by their start, ends included, up to 31 days of them."""
    month = await rest.get(f"{ENTRIES}?from=2026-01-05T00:00:00&to=2026-02-05T00:00:00")
    assert month["paging"]["total"] == len(rest.data.punch_clock.entries) > 100
    start = month["data"][0]["startDateTime"]
    same = await rest.get(f"{ENTRIES}?from={start}&to={start}")
    assert month["data"][0] in same["data"]
    assert {entry["startDateTime"] for entry in same["data"]} == {start}


async def test_filters(rest: Rest) -> None:
    """Entries can be those of an employee or of a shift."""
    span = "from=2026-01-20T00:00&to=2026-02-05T00:00"
    mine = await entries(rest, f"{span}&employeeId={ANNA}&limit=50")
    assert {entry["employeeId"] for entry in mine} == {ANNA}
    assert len(mine) < 10
    assert await entries(rest, f"{span}&shiftId={mine[1]['shiftId']}") == [mine[1]]


async def test_pages(rest: Rest) -> None:
    """A limit of nought, the default, means as many as there may be; a higher one is lowered."""
    span = "from=2026-01-20T00:00&to=2026-02-05T00:00"
    for query, told in (("", 50), ("&limit=0", 50), ("&limit=7", 7), ("&limit=500", 50)):
        page = await rest.get(f"{ENTRIES}?{span}{query}")
        assert page["paging"]["limit"] == told == len(page["data"])
    rest.caller.planday.settings(punch_clock_page=20)
    page = await rest.get(f"{ENTRIES}?{span}&offset=10")
    assert page["paging"] == {**page["paging"], "offset": 10, "limit": 20}


async def test_department_of_the_administrator(quiet_day: Rest) -> None:
    """Entries of departments the administrator does not see are not there."""
    rest = quiet_day
    shift_id = day_shift(rest, department_id=CENTRE)
    entry_id = await punched_in(rest)
    rest.caller.planday.limit_admin(rest.grant.portal_id, rest.grant.admin_id, [NORTH])
    assert await entries(rest) == []
    assert await rest.status("GET", f"{ENTRIES}/byShift/{shift_id}") == 404
    assert await rest.status("GET", f"{ENTRIES}/{entry_id}/breaks") == 404
    assert await rest.status("POST", ENTRIES, {"shiftId": shift_id}) == 404
    assert await rest.status("POST", punch("punchin"), {"shiftId": shift_id}) == 404
    assert (await rest.get(TODAY_SHIFTS))["paging"]["total"] == 0


async def test_today(quiet_day: Rest) -> None:
    """Today's shifts that somebody has, without drafts, of all or of one employee."""
    rest = quiet_day
    mine = day_shift(rest, comment="keys")
    other = day_shift(rest, BORIS)
    day_shift(rest, status="Draft")
    day_shift(rest, day=TODAY + timedelta(days=1))
    rest.data.add_shift(day=TODAY)
    answer = await rest.get(f"{TODAY_SHIFTS}?employeeId={ANNA}")
    assert answer == {
        "data": [
            {
                "id": mine,
                "departmentId": NORTH,
                "employeeId": ANNA,
                "employeeGroupId": TECHNICIANS,
                "date": "2026-02-02",
                "startDateTime": "2026-02-02T08:00:00",
                "endDateTime": "2026-02-02T16:00:00",
                "description": "keys",
            }
        ],
        "paging": {"total": 1},
    }
    assert [shift["id"] for shift in (await rest.get(TODAY_SHIFTS))["data"]] == [mine, other]


async def test_today_is_the_portals(quiet_day: Rest) -> None:
    """Half an hour before midnight in London, it is tomorrow in Copenhagen."""
    await quiet_day.data.clock.sleep(15.5 * 3600)
    shift_id = day_shift(quiet_day, day=TODAY + timedelta(days=1))
    again = await Rest.opened(quiet_day.caller, quiet_day.grant)
    told = (await again.get(TODAY_SHIFTS))["data"]
    assert shift_id in [shift["id"] for shift in told]
    assert {shift["date"] for shift in told} == {"2026-02-03"}


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", ENTRIES, "punchclockshift:read"),
        ("GET", f"{ENTRIES}/1/breaks", "punchclockshift:read"),
        ("POST", ENTRIES, "punchclockshift:create"),
        ("POST", punch("punchin"), "punchclockshift:create"),
        ("PUT", punch("punchout"), "punchclockshift:create"),
        ("GET", TODAY_SHIFTS, "shift:read"),
    ],
)
async def test_scopes(rest: Rest, method: str, path: str, scope: str) -> None:
    """Each call needs its own scope; today's shifts need that of shifts."""
    other = "shift:read" if scope.startswith("punch") else "punchclockshift:read"
    assert await (await rest.scoped(other)).status(method, path, {}) == 403
    assert await (await rest.scoped(scope)).status(method, path, {}) != 403


@pytest.mark.parametrize("hours_later", [0, 14, 20])
async def test_seeded_entries(rest: Rest, hours_later: int) -> None:
    """Shifts of the last week that are over were punched, some minutes beside the plan."""
    await rest.data.clock.sleep(hours_later * 3600)
    rest.caller.emulator.reset()
    roster, seeded = rest.data.roster, [*rest.data.punch_clock.entries]
    assert {True, False} == {entry.is_approved for entry in seeded}
    for entry in seeded:
        assert entry.shift_id is not None
        shift = roster.shift(entry.shift_id)
        assert shift.punch_clock_shift_id == entry.id
        assert shift.starts_at
        assert abs(shift.starts_at - entry.starts_at) < timedelta(minutes=10)
        assert entry.ends_at
        assert entry.ends_at < rest.data.local_now()
        [taken] = entry.breaks
        assert taken.ends_at


VALUES: list[Any] = [
    None, True, 0, -1, 2**63, 1e308, "", "x", [], {}, NINE, "2026-02-02T25:00", "9999-12-31T00:00",
    "0001-01-01T00:00+23:59", "2026-02-02T09:00:00.1234567Z",
]  # fmt: skip


async def test_nonsense(quiet_day: Rest) -> None:
    """Every field of every write takes every kind of value without breaking."""
    rest = quiet_day
    shift_id = day_shift(rest)
    entry_id = await punched_in(rest)
    taken = rest.data.punch_clock.add_break(entry_id)
    names = ("comment", "shiftId", "employeeId", "departmentId", "employeeGroupId", "deviceCode")
    for method, path in (
        ("POST", punch("punchin")),
        ("PUT", punch("punchout")),
        ("POST", ENTRIES),
        ("PUT", f"{ENTRIES}/{entry_id}"),
        ("POST", f"{ENTRIES}/{entry_id}/breaks"),
        ("PUT", f"{ENTRIES}/{entry_id}/breaks/{taken.id}"),
    ):
        for name in (*names, "startDateTime", "endDateTime"):
            for value in VALUES:
                reply = await rest.send(method, path, {"shiftId": shift_id, name: value})
                assert reply.status in (200, 204, 400, 404, 409), (path, name, value)
    for path in (f"{ENTRIES}?{SPAN}", f"{TODAY_SHIFTS}?"):
        for name in ("from", "to", "employeeId", "shiftId", "limit", "offset"):
            for text in ("", "x", "-1", "9" * 30, "0001-01-01T00:00", "9999-12-31T23:59Z", "%00"):
                told = await rest.status("GET", f"{path}&{name}={text}")
                assert told in (200, 400), (path, name, text)
