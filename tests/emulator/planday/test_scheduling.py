from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import pytest

from planado_async.emulator.checks import Rules
from planado_async.emulator.planday import positions, schedule_days, scheduling_forms, shift_types
from planado_async.emulator.planday.scheduling_records import LOCK_STATES, STATUSES
from planado_async.emulator.planday.scheduling_roster import differences
from planado_async.emulator.planday.scheduling_views import duration
from tests.emulator.planday.rest_api import Rest

SHIFTS = "/scheduling/v1.0/shifts"
# Nothing is seeded in this month; in its first week nobody works.
JUNE = date(2026, 6, 1)
NORTH, CENTRE, TECHNICIANS, DRIVERS = 1001, 1002, 2001, 2003
# He works in North as a technician; the other one in Centre; the last has left.
ANNA, BORIS, GONE = 10001, 10002, 10040
BODY: dict[str, Any] = {
    "departmentId": NORTH,
    "allowConflicts": False,
    "useBreaks": True,
    "date": "2026-06-01",
    "employeeGroupId": TECHNICIANS,
}
UPDATE = {name: value for name, value in BODY.items() if name != "departmentId"}
EARLY = {"startTime": "07:00", "endTime": "15:00"}


def ids(page: dict[str, Any]) -> list[int]:
    return [item["id"] for item in page["data"]]


async def read(rest: Rest, shift_id: int) -> Any:
    return await rest.one(f"{SHIFTS}/{shift_id}")


async def status(rest: Rest, shift_id: int) -> str:
    return str((await read(rest, shift_id))["status"])


# --- Reading --------------------------------------------------------------------------------------


async def test_read_model(rest: Rest) -> None:
    """A shift is read with local minutes without a zone, and without the keys that are null."""
    shift = rest.data.add_shift(
        employee_id=ANNA, day=JUNE, start=time(7), end=time(15, 30), comment="wo-77"
    )
    assert await read(rest, shift.id) == {
        "id": shift.id,
        "departmentId": NORTH,
        "employeeId": ANNA,
        "employeeGroupId": TECHNICIANS,
        "date": "2026-06-01",
        "startDateTime": "2026-06-01T07:00",
        "endDateTime": "2026-06-01T15:30",
        "timeZone": "Europe/Copenhagen",
        "status": "Assigned",
        "comment": "wo-77",
        "dateTimeCreated": "2026-02-02T08:00:00Z",
        "dateTimeModified": "2026-02-02T08:00:00Z",
        "skillIds": [],
    }


async def test_forms_on_request(rest: Rest) -> None:
    """Date-times with a zone, and nulls, are there if so set."""
    rest.caller.planday.settings(shift_times="zulu", null_keys=True)
    shift = await read(rest, rest.data.add_shift(day=JUNE, start=time(22), end=time(6)).id)
    assert shift["startDateTime"] == "2026-06-01T20:00:00Z"
    assert shift["endDateTime"] == "2026-06-02T04:00:00Z"
    assert shift["employeeId"] is None
    assert shift["punchClockShiftId"] is None


@pytest.mark.parametrize(
    ("start", "end", "told"),
    [
        (time(22), time(6), "2026-06-02T06:00"),
        (time(7), time(7), "2026-06-02T07:00"),
        (time(7), time(7, 1), "2026-06-01T07:01"),
        (None, time(6), "2026-06-01T06:00"),
        (time(7), None, None),
    ],
)
async def test_end_of_shift(rest: Rest, start: time | None, end: time | None, told: str) -> None:
    """An end not later than the start is of the next day; the date is that of the start."""
    shift = await read(rest, rest.data.add_shift(day=JUNE, start=start, end=end).id)
    assert shift.get("endDateTime") == told
    assert shift["date"] == "2026-06-01"


async def test_unknown_shift(rest: Rest) -> None:
    """A number nothing is known by is 404 in problem form; nought is no number."""
    reply = await rest.send("GET", f"{SHIFTS}/999")
    assert reply.status == 404
    assert reply.json["detail"] == "Shift with given id doesn't exist"
    assert await rest.status("GET", f"{SHIFTS}/0") == 400
    assert await rest.status("GET", f"{SHIFTS}/none") == 400


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("departmentId=1001", {"early", "night", "draft"}),
        ("departmentId=1001,1002", {"early", "night", "draft", "open"}),
        ("departmentId[]=1002&departmentId[]=1003", {"open"}),
        ("employeeId=10001&employeeId=10002", {"early", "night"}),
        ("EmployeeID=10002", {"night"}),
        ("employeeGroupId=2003", {"open"}),
        ("positionId=4001", {"early"}),
        ("shiftTypeId=3001", {"night"}),
        ("shiftStatus=Open", {"open"}),
        ("shiftStatus=draft", {"draft"}),
        ("shiftStatus=Assigned&employeeId=10001", {"early"}),
        ("from=2026-06-02", {"night", "draft", "open"}),
        ("to=2026-06-02", {"early", "night"}),
        ("from=2026-06-02&to=2026-06-02", {"night"}),
        ("from=2026-06-03&to=2026-06-01", set[str]()),
        ("fields=id", {"early", "night", "draft", "open"}),
    ],
)
async def test_filters(rest: Rest, query: str, told: set[str]) -> None:
    """Each filter narrows the list; days are inclusive and those of the start."""
    add = rest.data.add_shift
    names = {
        add(employee_id=ANNA, day=JUNE, position_id=4001, start=time(7), end=time(15)).id: "early",
        add(
            employee_id=BORIS,
            department_id=NORTH,
            day=date(2026, 6, 2),
            start=time(22),
            end=time(6),
            shift_type_id=3001,
        ).id: "night",
        add(day=date(2026, 6, 3), status="Draft").id: "draft",
        add(
            department_id=CENTRE, employee_group_id=DRIVERS, day=date(2026, 6, 4)
        ).id: "open",
    }  # fmt: skip
    page = await rest.get(f"{SHIFTS}?{query}&limit=5000")
    assert {names[id_] for id_ in ids(page) if id_ in names} == told


async def test_days_and_drafts_as_set(rest: Rest) -> None:
    """The last day can be left out of a span, and drafts out of a list that asks for no status."""
    draft = rest.data.add_shift(day=JUNE, status="Draft").id
    asked = f"{SHIFTS}?from=2026-06-01&to=2026-06-01"
    assert ids(await rest.get(asked)) == [draft]
    rest.caller.planday.settings(to_inclusive=False)
    assert ids(await rest.get(asked)) == []
    rest.caller.planday.settings(to_inclusive=True, list_drafts=False)
    assert ids(await rest.get(asked)) == []
    assert ids(await rest.get(f"{asked}&shiftStatus=Draft")) == [draft]


async def test_windows_of_changes(rest: Rest) -> None:
    """`modifiedFrom` is strictly before, `modifiedTo` not after a change; so with creation."""
    clock = rest.data.clock
    shift = rest.data.add_shift(day=JUNE)
    created = "2026-02-02T08:00:00Z"
    await clock.sleep(600)
    rest.data.change_shift(shift.id, comment="moved")
    modified = "2026-02-02T08:10:00Z"

    async def told(**query: str) -> bool:
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        return shift.id in ids(await rest.get(f"{SHIFTS}?from=2026-06-01&{asked}"))

    assert await told(createdTo=created)
    assert not await told(createdFrom=created)
    assert await told(createdFrom="2026-02-02T07:59:59Z")
    assert not await told(modifiedTo=created)
    assert await told(modifiedFrom=created, modifiedTo="2026-02-02T08:10:01Z")
    assert not await told(modifiedFrom="2026-02-02T08:10:01Z")
    rest.caller.planday.settings(modified_from_inclusive=True)
    assert await told(createdFrom=created)
    assert modified == (await read(rest, shift.id))["dateTimeModified"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("shiftStatus=None", "shiftStatus"),
        ("from=2026-13-01", "from"),
        ("modifiedFrom=yesterday", "modifiedFrom"),
        ("employeeId=x", "employeeId"),
        ("limit=5001", "limit"),
        ("limit=-1", "limit"),
        ("offset=-1", "offset"),
    ],
)
async def test_wrong_queries(rest: Rest, query: str, field: str) -> None:
    """What a filter cannot be is 400 in problem form."""
    reply = await rest.send("GET", f"{SHIFTS}?{query}")
    assert reply.status == 400
    assert field in reply.json["detail"]


async def test_pages(rest: Rest) -> None:
    """Fifty by default, 5,000 at most, in the order of their numbers; deleted ones 1,000."""
    page = await rest.get(SHIFTS)
    total = page["paging"]["total"]
    assert page["paging"] == {"offset": 0, "limit": 50, "total": total}
    assert total > 500
    every = ids(await rest.get(f"{SHIFTS}?limit=5000"))
    assert len(every) == total
    assert every == sorted(every)
    assert ids(await rest.get(f"{SHIFTS}?limit=30&offset=50")) == every[50:80]
    assert await rest.status("GET", f"{SHIFTS}/deleted?limit=1001") == 400
    assert (await rest.get(f"{SHIFTS}/deleted?limit=1000"))["paging"]["limit"] == 1000
    rest.caller.planday.settings(clamp_limit=True, list_order="descending")
    clamped = await rest.get(f"{SHIFTS}?limit=9999")
    assert clamped["paging"]["limit"] == 5000
    assert ids(clamped) == every[::-1]


@pytest.mark.parametrize(
    "path",
    [
        "/shifttypes?",
        "/positions?",
        "/sections?",
        "/skills?departmentId=1001&",
        "/scheduleDay?departmentId=1001&from=2026-06-01&to=2026-06-02&",
        "/shifts/500001/history?",
    ],
)
async def test_short_pages(rest: Rest, path: str) -> None:
    """All other lists are of 50 at most, and refuse a longer page."""
    assert (await rest.get(f"/scheduling/v1.0{path}limit=50"))["paging"]["limit"] == 50
    assert await rest.status("GET", f"/scheduling/v1.0{path}limit=51") == 400


async def test_statuses(rest: Rest) -> None:
    """The eight statuses that can be asked for."""
    page = await rest.get(f"{SHIFTS}/shiftstatus/all")
    assert page["data"][0] == {"id": 1, "name": "Open"}
    assert page["data"][7] == {"id": 8, "name": "PendingApproval"}
    assert page["paging"]["total"] == len(STATUSES) == 8


async def test_department_of_the_administrator(rest: Rest) -> None:
    """Shifts of departments the authorising administrator does not see are not there."""
    planday, portal_id = rest.caller.planday, rest.grant.portal_id
    shift = rest.data.add_shift(department_id=CENTRE, day=JUNE)
    planday.limit_admin(portal_id, rest.grant.admin_id, [NORTH])
    page = await rest.get(f"{SHIFTS}?limit=5000")
    assert {item["departmentId"] for item in page["data"]} == {NORTH}
    assert await rest.status("GET", f"{SHIFTS}/{shift.id}") == 404
    assert await rest.status("DELETE", f"{SHIFTS}/{shift.id}") == 404
    assert await rest.status("POST", SHIFTS, {**BODY, "departmentId": CENTRE}) == 400


# --- Writing --------------------------------------------------------------------------------------


async def test_create(rest: Rest) -> None:
    """A create answers another shape than a read: no status, no zone, no date-times."""
    wage = {"amount": 180.5, "type": "PerHour"}
    body = {**BODY, **EARLY, "employeeId": ANNA, "skillIds": [401, 401], "defaultWage": wage}
    made = await rest.post(SHIFTS, {**body, "positionId": 4001, "shiftTypeId": 3001})
    assert made == {
        **EARLY,
        "defaultWage": wage,
        "skillIds": [401],
        "id": made["id"],
        "departmentId": NORTH,
        "employeeId": ANNA,
        "employeeGroupId": TECHNICIANS,
        "positionId": 4001,
        "shiftTypeId": 3001,
        "date": "2026-06-01",
        "isDraft": False,
    }
    assert (await read(rest, made["id"]))["startDateTime"] == "2026-06-01T07:00"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "Open"),
        ({"employeeId": None}, "Open"),
        ({"employeeId": ANNA}, "Assigned"),
        ({"employeeId": ANNA, "isDraft": True}, "Draft"),
        ({"isDraft": True}, "Draft"),
        ({"isDraft": None}, "Open"),
    ],
)
async def test_status_of_a_new_shift(rest: Rest, fields: dict[str, Any], told: str) -> None:
    """Without an employee a shift is open, with one assigned, and a draft if so asked."""
    made = await rest.post(SHIFTS, {**BODY, **fields})
    assert await status(rest, made["id"]) == told
    assert made["isDraft"] == (told == "Draft")


@pytest.mark.parametrize("name", BODY)
async def test_required_fields(rest: Rest, name: str) -> None:
    """Without one of its five required fields a create is 400."""
    reply = await rest.send("POST", SHIFTS, {key: BODY[key] for key in BODY if key != name})
    assert reply.status == 400
    assert reply.json["detail"] == f"{name} can't be blank"


@pytest.mark.parametrize(
    "wrong",
    [
        {"departmentId": 999},
        {"employeeGroupId": 999},
        {"positionId": 999},
        {"shiftTypeId": 999},
        {"skillIds": [401, 999]},
        {"startTime": "7:00"},
        {"endTime": "24:00"},
        {"date": "2026-02-30"},
        {"timeZone": "Mars/Phobos"},
        {"defaultWage": {"amount": 1}},
        {"allowConflicts": "no"},
    ],
)
async def test_wrong_fields(rest: Rest, wrong: dict[str, Any]) -> None:
    """What a field cannot be, or does not exist, is 400 and makes nothing."""
    count = len(rest.data.roster.shifts)
    reply = await rest.send("POST", SHIFTS, {**BODY, **wrong})
    assert reply.status == 400
    assert next(iter(wrong)) in reply.json["detail"]
    assert len(rest.data.roster.shifts) == count


@pytest.mark.parametrize("employee_id", [999, GONE])
async def test_unusable_employee(rest: Rest, employee_id: int) -> None:
    """Who is not on the staff, or no more, cannot be given a shift."""
    shift = rest.data.add_shift(day=JUNE)
    body = {"employeeId": employee_id}
    for method, path, fields in (
        ("POST", SHIFTS, BODY),
        ("PUT", f"{SHIFTS}/{shift.id}", UPDATE),
        ("POST", f"{SHIFTS}/{shift.id}/employee", {}),
    ):
        reply = await rest.send(method, path, {**fields, **body})
        assert reply.status == 409
        assert reply.json["detail"] == "You need to supply a valid employee to save"


async def test_group_and_department_are_not_checked(rest: Rest) -> None:
    """An employee of another department and group can be given the shift."""
    shift = rest.data.add_shift(department_id=NORTH, employee_group_id=DRIVERS, day=JUNE)
    await rest.done("POST", f"{SHIFTS}/{shift.id}/employee", {"employeeId": BORIS})
    assert await status(rest, shift.id) == "Assigned"


async def test_update(rest: Rest) -> None:
    """An update empties what it does not name, keeps the department, and answers as a create."""
    shift = rest.data.add_shift(
        employee_id=ANNA, day=JUNE, start=time(7), end=time(15), comment="old", skill_ids=(401,)
    )
    reply = await rest.send("PUT", f"{SHIFTS}/{shift.id}", {**UPDATE, "startTime": "08:00"})
    assert reply.status == 200
    assert reply.json["data"] == {
        "startTime": "08:00",
        "skillIds": [],
        "id": shift.id,
        "departmentId": NORTH,
        "employeeGroupId": TECHNICIANS,
        "date": "2026-06-01",
        "isDraft": False,
    }
    assert await status(rest, shift.id) == "Open"


async def test_update_that_keeps(rest: Rest) -> None:
    """If so set, an update leaves what it does not name, and still empties what is null."""
    rest.caller.planday.settings(replace_shifts=False)
    shift = rest.data.add_shift(employee_id=ANNA, day=JUNE, start=time(7), comment="old")
    body = {**UPDATE, "date": "2026-06-02", "comment": None}
    reply = await rest.send("PUT", f"{SHIFTS}/{shift.id}", body)
    changed = reply.json["data"]
    assert (changed["employeeId"], changed["startTime"]) == (ANNA, "07:00")
    assert changed["date"] == "2026-06-02"
    assert "comment" not in changed


@pytest.mark.parametrize(
    ("before", "fields", "after"),
    [
        ("Draft", {"employeeId": ANNA}, "Draft"),
        ("Draft", {"employeeId": ANNA, "isDraft": False}, "Assigned"),
        ("Draft", {"employeeId": None, "isDraft": False}, "Open"),
        ("Assigned", {"employeeId": ANNA, "isDraft": True}, "Draft"),
        ("Assigned", {"employeeId": BORIS}, "Assigned"),
        ("Assigned", {"employeeId": None}, "Open"),
        ("Approved", {"employeeId": ANNA}, "Approved"),
        ("Approved", {"employeeId": BORIS}, "Assigned"),
        ("ForSale", {"employeeId": ANNA}, "ForSale"),
    ],
)
async def test_status_after_an_update(
    rest: Rest, before: str, fields: dict[str, Any], after: str
) -> None:
    """A draft stays one unless told; any other status stays while the employee does."""
    shift = rest.data.add_shift(employee_id=ANNA, day=JUNE, status=before)
    reply = await rest.send("PUT", f"{SHIFTS}/{shift.id}", {**UPDATE, **fields})
    assert reply.status == 200
    assert await status(rest, shift.id) == after


async def test_time_zone_of_a_shift(rest: Rest) -> None:
    """A shift may have a zone of its own; without one it has the portal's."""
    made = await rest.post(SHIFTS, {**BODY, **EARLY, "timeZone": "Europe/London"})
    shift = await read(rest, made["id"])
    assert (shift["timeZone"], shift["startDateTime"]) == ("Europe/London", "2026-06-01T07:00")
    await rest.send("PUT", f"{SHIFTS}/{made['id']}", UPDATE)
    assert (await read(rest, made["id"]))["timeZone"] == "Europe/Copenhagen"


async def test_delete(rest: Rest) -> None:
    """A deleted shift is 404 by number and told among the deleted, by whom and when."""
    shift = rest.data.add_shift(employee_id=ANNA, day=JUNE)
    await rest.data.clock.sleep(60)
    path = f"{SHIFTS}/{shift.id}"
    await rest.done("DELETE", path)
    assert await rest.status("GET", path) == 404
    assert await rest.status("DELETE", path) == 404
    [gone] = (await rest.get(f"{SHIFTS}/deleted?from=2026-06-01"))["data"]
    assert gone["id"] == shift.id
    assert gone["dateTimeDeleted"] == "2026-02-02T08:01:00Z"
    assert gone["deletedBy"] == rest.grant.admin_id
    assert gone["status"] == "Assigned"
    assert not {"skillIds", "punchClockShiftId"} & gone.keys()
    assert shift.id not in ids(await rest.get(f"{SHIFTS}?from=2026-06-01"))


async def test_windows_of_deletion(rest: Rest) -> None:
    """Deleted shifts are told by when they went, in the order of their numbers."""
    second, first = (rest.data.add_shift(day=JUNE).id for _ in range(2))
    rest.data.delete_shift(first)
    await rest.data.clock.sleep(60)
    rest.data.delete_shift(second)
    deleted = f"{SHIFTS}/deleted?from=2026-06-01"
    assert ids(await rest.get(deleted)) == [second, first]
    assert ids(await rest.get(f"{deleted}&deletedFrom=2026-02-02T08:00:00Z")) == [second]
    assert ids(await rest.get(f"{deleted}&deletedTo=2026-02-02T08:00:30Z")) == [first]


# --- Transitions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["Open", "Assigned", "Draft", "PunchclockFinished"])
async def test_approve(rest: Rest, before: str) -> None:
    """A shift is approved from any status, which moves its modification."""
    shift = rest.data.add_shift(day=JUNE, status=before)
    await rest.data.clock.sleep(1)
    await rest.done("POST", f"{SHIFTS}/{shift.id}/approve")
    told = await read(rest, shift.id)
    assert (told["status"], told["dateTimeModified"]) == ("Approved", "2026-02-02T08:00:01Z")


async def test_assign(rest: Rest) -> None:
    """Null opens a shift, an employee takes it; a draft stays one."""
    shift, draft = rest.data.add_shift(day=JUNE), rest.data.add_shift(day=JUNE, status="Draft")
    path = f"{SHIFTS}/{shift.id}/employee"
    await rest.done("POST", path, {"employeeId": ANNA})
    assert (await read(rest, shift.id))["employeeId"] == ANNA
    assert await status(rest, shift.id) == "Assigned"
    await rest.done("POST", path, {"employeeId": None})
    assert "employeeId" not in await read(rest, shift.id)
    assert await status(rest, shift.id) == "Open"
    assert await rest.status("POST", path, {}) == 400
    await rest.done("POST", f"{SHIFTS}/{draft.id}/employee", {"employeeId": ANNA})
    assert await status(rest, draft.id) == "Draft"


async def test_publish(rest: Rest) -> None:
    """The drafts named are published, or all of the department; other shifts stay as they are."""
    add = rest.data.add_shift
    own = add(employee_id=ANNA, day=JUNE, status="Draft").id
    free = add(department_id=NORTH, day=JUNE, status="Draft").id
    sold = add(employee_id=ANNA, day=JUNE, status="ForSale").id
    other = add(department_id=CENTRE, day=JUNE, status="Draft").id
    publish = f"{SHIFTS}/drafts/publish"
    await rest.done("POST", publish, {"departmentId": NORTH, "shiftIds": [own, sold, other]})
    told = [await status(rest, id_) for id_ in (own, free, sold, other)]
    assert told == ["Assigned", "Draft", "ForSale", "Draft"]
    await rest.done("POST", publish, {"departmentId": NORTH, "shiftIds": None})
    assert await status(rest, free) == "Open"
    assert await status(rest, other) == "Draft"
    assert await rest.status("POST", publish, {"departmentId": NORTH, "shiftIds": [999]}) == 400
    assert await rest.status("POST", publish, {"departmentId": 999}) == 400


async def test_history(rest: Rest) -> None:
    """Each change of a shift is told with its author; what changed nothing is not."""
    shift = rest.data.add_shift(employee_id=ANNA, day=JUNE)
    path = f"{SHIFTS}/{shift.id}"
    await rest.done("POST", f"{path}/employee", {"employeeId": None})
    await rest.done("POST", f"{path}/employee", {"employeeId": None})
    page = await rest.get(f"{path}/history")
    assert page["paging"]["total"] == 2
    assert page["data"][0]["changes"] == ["Shift created"]
    assert page["data"][1] == {
        "modifiedAt": "2026-02-02T08:00:00Z",
        "modifiedBy": {"id": rest.grant.admin_id, "name": "Mette Holm"},
        "changes": ["employee_id: 10001 -> None", "status: Assigned -> Open"],
    }
    assert await rest.status("GET", f"{SHIFTS}/999/history") == 404


async def test_deactivation_opens_shifts(rest: Rest) -> None:
    """Who leaves without keeping the shifts leaves those ahead open, those behind his own."""
    past, ahead = (
        rest.data.add_shift(employee_id=ANNA, day=day, start=time(7), end=time(15))
        for day in (date(2025, 6, 1), JUNE)
    )
    body = {"keepShifts": False, "reason": "left"}
    await rest.done("PUT", f"/hr/v1.0/employees/deactivate/{ANNA}", body)
    assert await status(rest, ahead.id) == "Open"
    assert (await read(rest, past.id))["employeeId"] == ANNA


def test_release(rest: Rest) -> None:
    """Only shifts that begin after the moment are opened; one without times begins its day."""
    add = rest.data.add_shift
    at_it, after, timeless = (
        add(employee_id=ANNA, day=JUNE, start=time(7)).id,
        add(employee_id=ANNA, day=JUNE, start=time(7, 1)).id,
        add(employee_id=ANNA, day=JUNE).id,
    )
    rest.data.roster.release(ANNA, datetime(2026, 6, 1, 5, tzinfo=UTC))
    told = [rest.data.roster.shift(id_).status for id_ in (at_it, after, timeless)]
    assert told == ["Assigned", "Open", "Assigned"]


# --- Conflicts and locks --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"startTime": "06:00", "endTime": "07:01"}, 409),
        ({"startTime": "14:59", "endTime": "20:00"}, 409),
        ({"startTime": "15:00", "endTime": "20:00"}, 200),
        ({"startTime": "06:00", "endTime": "07:00"}, 200),
        ({"date": "2026-05-31", "startTime": "22:00", "endTime": "07:30"}, 409),
        ({"date": "2026-05-31", "startTime": "22:00", "endTime": "06:00"}, 200),
        ({"startTime": "06:30", "endTime": "06:45", "timeZone": "Europe/London"}, 409),
        ({**EARLY, "employeeId": BORIS}, 200),
        ({**EARLY, "employeeId": None}, 200),
        ({**EARLY, "allowConflicts": True}, 200),
        ({"startTime": "08:00"}, 200),
    ],
)
async def test_overlaps(rest: Rest, fields: dict[str, Any], told: int) -> None:
    """A second shift of one employee at one moment is a conflict, unless conflicts are allowed."""
    rest.data.add_shift(employee_id=ANNA, day=JUNE, start=time(7), end=time(15))
    assert await rest.status("POST", SHIFTS, {**BODY, "employeeId": ANNA, **fields}) == told


async def test_overlap_by_update(rest: Rest) -> None:
    """A shift may not be moved over another, but may overlap what it was itself."""
    rest.data.add_shift(employee_id=ANNA, day=JUNE, start=time(7), end=time(15))
    other = rest.data.add_shift(employee_id=ANNA, day=JUNE, start=time(16), end=time(20))
    path, body = f"{SHIFTS}/{other.id}", {**UPDATE, "employeeId": ANNA, "endTime": "20:00"}
    assert await rest.status("PUT", path, {**body, "startTime": "15:30"}) == 200
    reply = await rest.send("PUT", path, {**body, "startTime": "14:30"})
    assert reply.status == 409
    assert "another shift" in reply.json["detail"]
    assert (await read(rest, other.id))["startDateTime"] == "2026-06-01T15:30"
    rest.caller.planday.settings(refuse_overlaps=False)
    assert await rest.status("PUT", path, {**body, "startTime": "14:30"}) == 200


@pytest.mark.parametrize("state", LOCK_STATES)
async def test_locked_days(rest: Rest, state: str) -> None:
    """On a locked day nothing can be written, nor moved there or away."""
    moved, there = rest.data.add_shift(day=date(2026, 6, 2)), rest.data.add_shift(day=JUNE)
    draft = rest.data.add_shift(department_id=NORTH, day=JUNE, status="Draft")
    rest.data.roster.lock_day(NORTH, JUNE, state)
    kept = state != "Unlocked"
    path = f"{SHIFTS}/{there.id}"
    publish = {"departmentId": NORTH, "shiftIds": [draft.id]}
    assert await rest.status("POST", SHIFTS, BODY) == (409 if kept else 200)
    assert await rest.status("PUT", f"{SHIFTS}/{moved.id}", UPDATE) == (409 if kept else 200)
    away = {**UPDATE, "date": "2026-06-03"}
    for method, where, body in (
        ("POST", f"{path}/employee", {"employeeId": None}),
        ("POST", f"{path}/approve", None),
        ("POST", f"{SHIFTS}/drafts/publish", publish),
        ("PUT", path, {**UPDATE, "comment": "later"}),
        ("PUT", path, away),
    ):
        reply = await rest.send(method, where, body)
        assert (reply.status == 409) == kept, where
    assert await rest.status("DELETE", f"{SHIFTS}/{draft.id}") == (409 if kept else 204)
    assert await rest.status("POST", SHIFTS, {**BODY, "departmentId": CENTRE}) == 200
    rest.caller.planday.settings(refuse_locked_days=False)
    assert await rest.status("POST", SHIFTS, BODY) == 200


# --- Shift types, positions, sections, skills -----------------------------------------------------

TYPES, POSITIONS = "/scheduling/v1.0/shifttypes", "/scheduling/v1.0/positions"
TYPE = {"name": "Course", "color": "#21E56E", "salaryCode": "CRS"}
PLACE = {"departmentId": NORTH, "employeeGroupId": TECHNICIANS, "name": "Crane"}


async def test_shift_types(rest: Rest) -> None:
    """A create answers the bare number; what it does not name has a default."""
    reply = await rest.send("POST", TYPES, TYPE)
    kind = reply.json["id"]
    assert (reply.status, reply.json) == (200, {"id": kind})
    told = (await rest.get(TYPES))["data"][-1]
    assert told == {
        "id": kind,
        **TYPE,
        "isActive": True,
        "payPercentage": 100.0,
        "payMonetary": 0.0,
        "allowsBreaks": True,
        "allowBooking": True,
        "paymentType": "Percentage",
        "includeInSchedulePrint": True,
    }
    await rest.done("PUT", f"{TYPES}/{kind}", {**TYPE, "name": "Study", "allowsBreaks": False})
    told = (await rest.get(TYPES))["data"][-1]
    assert (told["name"], told["allowsBreaks"]) == ("Study", False)
    assert await rest.status("PUT", f"{TYPES}/999", TYPE) == 404
    assert await rest.status("POST", TYPES, {**TYPE, "color": "green"}) == 400


async def test_active_shift_types(rest: Rest) -> None:
    """The types can be told apart by whether they are in use; being sick is one of them."""
    every, active = await rest.get(TYPES), await rest.get(f"{TYPES}?isActive=True")
    idle = await rest.get(f"{TYPES}?isActive=false")
    assert "Sick" in {kind["name"] for kind in active["data"]}
    assert {kind["isActive"] for kind in active["data"]} == {True}
    assert {kind["isActive"] for kind in idle["data"]} == {False}
    assert every["paging"]["total"] == active["paging"]["total"] + idle["paging"]["total"]
    assert await rest.status("GET", f"{TYPES}?isActive=maybe") == 400


async def test_positions(rest: Rest) -> None:
    """A position is made, read, changed and deleted."""
    body = {**PLACE, "affectRevenue": True, "validFrom": "2026-01-01", "validTo": "2026-02-01"}
    made = await rest.post(POSITIONS, {**body, "sectionId": 5001, "skillIds": [401]})
    assert made == {
        **PLACE,
        "id": made["id"],
        "startDate": "2026-01-01",
        "endDate": "2026-02-01",
        "isActive": False,
        "sectionId": 5001,
        "affectRevenue": True,
        "skillIds": [401],
    }
    path = f"{POSITIONS}/{made['id']}"
    assert await rest.one(path) == made
    reply = await rest.send("PUT", path, {"name": "Lift", "affectRevenue": False})
    assert reply.json["data"]["name"] == "Lift"
    assert reply.json["data"]["isActive"]
    assert reply.json["data"]["departmentId"] == NORTH
    await rest.done("DELETE", path)
    assert await rest.status("GET", path) == 404
    assert await rest.status("POST", POSITIONS, {**body, "sectionId": 999}) == 400
    assert await rest.status("POST", POSITIONS, PLACE) == 400


async def test_active_positions(rest: Rest) -> None:
    """A position is active on the days between its first and its last."""
    body = {**PLACE, "affectRevenue": False}
    today = await rest.post(POSITIONS, {**body, "validFrom": "2026-02-02", "validTo": "2026-02-02"})
    later = await rest.post(POSITIONS, {**body, "validFrom": "2026-02-03"})
    active, idle = [ids(await rest.get(f"{POSITIONS}?isActive={it}")) for it in ("true", "false")]
    assert today["id"] in active
    assert idle == [later["id"]]


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("", 409),
        ("?deleteOption=Undecided", 409),
        ("?deleteOption=KeepPosition", 204),
        ("?deleteOption=RemovePosition", 204),
        ("?deleteOption=ReplacePosition&replacementPositionId=4002", 204),
        ("?deleteOption=ReplacePosition", 400),
        ("?deleteOption=ReplacePosition&replacementPositionId=4001", 400),
        ("?deleteOption=ReplacePosition&replacementPositionId=999", 400),
        ("?deleteOption=DeleteShifts", 204),
        ("?deleteOption=Nothing", 400),
    ],
)
async def test_delete_position(rest: Rest, option: str, told: int) -> None:
    """What becomes of the shifts of a position that goes is said by the delete."""
    shift = rest.data.add_shift(day=JUNE, position_id=4001)
    assert await rest.status("DELETE", f"{POSITIONS}/4001{option}") == told
    left = await rest.send("GET", f"{SHIFTS}/{shift.id}")
    if "DeleteShifts" in option:
        assert left.status == 404
        return
    now = 4001 if told != 204 or "Keep" in option else 4002 if "Replace" in option else None
    assert left.json["data"].get("positionId") == now
    assert await rest.status("GET", f"{POSITIONS}/4001") == (404 if told == 204 else 200)


async def test_sections_and_skills(rest: Rest) -> None:
    """Sections are told of all departments or of one, skills only of one."""
    every = (await rest.get("/scheduling/v1.0/sections"))["data"]
    assert {section["departmentId"] for section in every} > {NORTH}
    north = (await rest.get(f"/scheduling/v1.0/sections?departmentId={NORTH}"))["data"]
    assert [section["name"] for section in north] == ["Field", "Workshop"]
    assert {section["departmentId"] for section in north} == {NORTH}
    skills = (await rest.get(f"/scheduling/v1.0/skills?departmentId={NORTH}"))["data"]
    assert skills[0] == {
        "id": 401,
        "name": "Gas",
        "isRemoved": False,
        "isDeleted": False,
        "description": "Work on gas pipes",
        "employeeGroupIds": [],
        "allEmployeeGroups": True,
    }
    assert await rest.status("GET", "/scheduling/v1.0/skills") == 400
    assert await rest.status("GET", "/scheduling/v1.0/skills?departmentId=999") == 400


# --- Days, time and cost --------------------------------------------------------------------------

DAYS = "/scheduling/v1.0/scheduleDay"


async def test_schedule_days(rest: Rest) -> None:
    """Every day of a span is told, with its note, its lock and its holiday."""
    rest.data.roster.lock_day(NORTH, date(2026, 12, 25))
    note = {"title": "Stock-taking", "isVisible": False}
    await rest.done("PUT", DAYS, {"departmentId": NORTH, "date": "2026-12-24", **note})
    path = f"{DAYS}?departmentId={NORTH}&from=2026-12-24&to=2026-12-26"
    eve, first, second = (await rest.get(path))["data"]
    assert eve == {
        "date": "2026-12-24",
        **note,
        "holiday": [],
        "lockState": "Unlocked",
        "departmentId": NORTH,
        "id": eve["id"],
    }
    assert first["holiday"] == [{"title": "Christmas Day", "calendarName": "Denmark"}]
    assert first["isVisible"]
    assert (first["lockState"], second["lockState"]) == ("ManagerLocked", "Unlocked")
    assert len({eve["id"], first["id"], second["id"]}) == 3
    assert ids(await rest.get(path)) == [eve["id"], first["id"], second["id"]]
    await rest.done("PUT", DAYS, {"departmentId": NORTH, "date": "2026-12-24", "title": None})
    eve = (await rest.get(path))["data"][0]
    assert "title" not in eve
    assert eve["isVisible"] is False


async def test_span_of_days(rest: Rest) -> None:
    """Department and days are needed; a span may be as long as it likes, in pages of 50."""
    span = f"departmentId={NORTH}&from=2026-01-01&to=2026-12-31"
    page = await rest.get(f"{DAYS}?{span}&offset=350")
    assert page["paging"] == {"offset": 350, "limit": 50, "total": 365}
    assert page["data"][-1]["date"] == "2026-12-31"
    for query in span.split("&"):
        assert await rest.status("GET", f"{DAYS}?{span.replace(query, '')}") == 400
    assert await rest.status("PUT", DAYS, {"departmentId": 999, "date": "2026-12-24"}) == 400


async def test_time_and_cost(rest: Rest) -> None:
    """Open shifts are left out, breaks excluded; who is not of the group costs nothing."""
    add = rest.data.add_shift
    worked = add(employee_id=ANNA, day=JUNE, start=time(7), end=time(15), position_id=4001)
    short = add(employee_id=ANNA, day=date(2026, 6, 2), start=time(7), end=time(13))
    sick = add(
        employee_id=ANNA, day=date(2026, 6, 3), start=time(7), end=time(15), shift_type_id=3001
    )
    strange = add(employee_id=BORIS, department_id=NORTH, day=JUNE, start=time(7), end=time(15))
    driven = add(
        employee_id=ANNA, employee_group_id=DRIVERS, day=JUNE, start=time(16), end=time(20)
    )
    add(day=JUNE, department_id=NORTH, start=time(7), end=time(15))
    span = "from=2026-06-01&to=2026-06-03"
    found = await rest.one(f"/scheduling/v1.0/timeandcost/{NORTH}?{span}")
    assert found["currencySymbol"] == "kr."
    assert found["costs"][0] == {
        "shiftId": worked.id,
        "duration": "0:07:30",
        "cost": 1237.5,
        "employeeId": ANNA,
        "date": "2026-06-01",
        "positionId": 4001,
    }
    told = {item["shiftId"]: (item["duration"], item["cost"]) for item in found["costs"]}
    assert told[short.id] == ("0:06:00", 990.0)
    assert told[sick.id] == ("0:08:00", 1320.0)
    assert told[strange.id] == ("0:07:30", 0.0)
    assert told[driven.id] == ("0:04:00", 0.0)
    assert len(told) == 5
    assert await rest.status("GET", f"/scheduling/v1.0/timeandcost/{NORTH}?from=2026-06-01") == 400
    assert await rest.status("GET", f"/scheduling/v1.0/timeandcost/999?{span}") == 404


@pytest.mark.parametrize(
    ("length", "told"),
    [
        (timedelta(hours=7, minutes=30), "0:07:30"),
        (timedelta(days=1), "1:00:00"),
        (timedelta(days=12, hours=23, minutes=59, seconds=59), "12:23:59"),
        (timedelta(), "0:00:00"),
    ],
)
def test_form_of_durations(length: timedelta, told: str) -> None:
    """Days, hours, minutes."""
    assert duration(length) == told


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2026, 3, 28), 7), (date(2026, 10, 24), 9), (date(2026, 6, 1), 8)],
)
async def test_length_over_a_change_of_clocks(rest: Rest, day: date, hours: int) -> None:
    """A night in which the clocks change is an hour shorter or longer."""
    shift = rest.data.add_shift(day=day, start=time(22), end=time(6))
    assert shift.length == timedelta(hours=hours)


# --- Scopes, seed, nonsense -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/shifts", "shift:read"),
        ("POST", "/shifts", "shift:create"),
        ("PUT", "/shifts/1", "shift:update"),
        ("DELETE", "/shifts/1", "shift:delete"),
        ("POST", "/shifts/1/approve", "shift:update"),
        ("POST", "/shifts/drafts/publish", "shift:update"),
        ("GET", "/skills", "shifttype:read"),
        ("GET", "/sections", "shiftposition:read"),
        ("DELETE", "/positions/1", "shiftposition:delete"),
        ("PUT", "/scheduleDay", "shift:update"),
        ("GET", "/timeandcost/1", "timeandcost:read"),
    ],
)
async def test_scopes(rest: Rest, method: str, path: str, scope: str) -> None:
    """Each call needs its own scope, which comes before what is asked for."""
    allowed, refused = await rest.scoped(scope), await rest.scoped("employee:read")
    assert await refused.status(method, f"/scheduling/v1.0{path}") == 403
    assert await allowed.status(method, f"/scheduling/v1.0{path}", {}) != 403


def test_seeded_roster(rest: Rest) -> None:
    """Four weeks around the start hold nights, open shifts, drafts, sickness, and no overlap."""
    roster = rest.data.roster
    shifts = [*roster.shifts]
    days = {shift.day for shift in shifts}
    assert (min(days), max(days)) == (date(2026, 1, 19), date(2026, 2, 15))
    assert {"Open", "Assigned", "Draft", "Approved", "ForSale", "PunchclockFinished"} < {
        shift.status for shift in shifts
    }
    assert any(shift.start == time(22) and shift.end == time(6) for shift in shifts)
    assert any(shift.shift_type_id == 3001 for shift in shifts)
    assert any(shift.starts_at is None for shift in shifts)
    assert all(shift.modified_at < rest.data.clock.now() for shift in shifts)
    assert [shift for shift in shifts if roster.overlapping(shift)] == []
    assert [*roster.deletions]


def test_seed_is_at_rest(rest: Rest) -> None:
    """Nobody who has left or is on holiday is on the roster; whoever works rests 8 hours."""
    shifts = sorted(
        (shift for shift in rest.data.roster.shifts if shift.employee_id and shift.span),
        key=lambda shift: (shift.employee_id, shift.span),
    )
    assert GONE not in {shift.employee_id for shift in shifts}
    away = {
        (record.employee_id, part.day)
        for record in rest.data.absences.records
        if record.status == "Approved"
        for part in record.registrations
    }
    assert away
    assert not away & {(shift.employee_id, shift.day) for shift in shifts}
    for left, right in pairwise(shifts):
        if left.employee_id == right.employee_id and left.span and right.span:
            assert right.span[0] - left.span[1] >= timedelta(hours=8)


def test_numbers_repeat_between_portals(rest: Rest) -> None:
    """Numbers are those of the portal alone: another one has the same."""
    other = rest.caller.planday.add_portal("Second")
    ours, theirs = rest.data.roster, rest.caller.planday.data(other.id).roster
    assert Counter(shift.id for shift in ours.shifts) == Counter(
        shift.id for shift in theirs.shifts
    )
    ours.delete_shift(next(iter(ours.shifts)).id)
    assert len(ours.shifts) == len(theirs.shifts) - 1


def test_unknown_status(rest: Rest) -> None:
    """A status or a lock that there is not cannot be set."""
    with pytest.raises(ValueError, match="status"):
        rest.data.add_shift(day=JUNE, status="Sold")
    with pytest.raises(ValueError, match="lock_state"):
        rest.data.roster.lock_day(NORTH, JUNE, "Sealed")


def test_history_tells_differences(rest: Rest) -> None:
    """Only what differs is told, and never when it was written."""
    shift = rest.data.add_shift(day=JUNE, comment="a")
    changed = rest.data.change_shift(shift.id, comment="b", start=time(7))
    assert differences(shift, changed) == ("start: None -> 07:00:00", "comment: a -> b")


VALUES: list[Any] = [
    None, True, 0, -1, 1, 2**63, 1e308, "", "x", "\u202e", [], [[]], [None], {}, {"amount": None},
    {"amount": [], "type": {}}, "2026-06-01", "07:00", "9999-12-31", "0001-01-01", "x" * 20_000,
]  # fmt: skip


async def test_nonsense(rest: Rest) -> None:
    """Every field of every write takes every kind of value without breaking."""
    shift = rest.data.add_shift(day=JUNE)
    writes: list[tuple[str, str, dict[str, Any], Rules]] = [
        ("POST", SHIFTS, {**BODY, **EARLY}, scheduling_forms.CREATE),
        ("PUT", f"{SHIFTS}/{shift.id}", {**UPDATE, **EARLY}, scheduling_forms.UPDATE),
        ("POST", f"{SHIFTS}/{shift.id}/employee", {}, scheduling_forms.ASSIGN),
        ("POST", f"{SHIFTS}/drafts/publish", {"departmentId": NORTH}, scheduling_forms.PUBLISH),
        ("POST", TYPES, TYPE, shift_types.BODY),
        ("POST", POSITIONS, {**PLACE, "affectRevenue": True}, positions.CREATE),
        ("PUT", DAYS, {"departmentId": NORTH, "date": "2026-06-01"}, schedule_days.BODY),
    ]
    for method, path, body, rules in writes:
        for name in rules:
            for value in VALUES:
                reply = await rest.send(method, path, {**body, name: value})
                assert reply.status in (200, 204, 400, 409), (path, name, value)
    for path in (SHIFTS, f"{SHIFTS}/deleted", DAYS, TYPES, f"/scheduling/v1.0/timeandcost/{NORTH}"):
        for name in ("limit", "from", "to", "employeeId", "modifiedFrom", "deletedTo", "isActive"):
            for value in ("", "x", "-1", "9" * 30, "1,,2", "2026-06-01", "0001-01-01", "%00"):
                assert await rest.status("GET", f"{path}?{name}={value}") in (200, 400)
