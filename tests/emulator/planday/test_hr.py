import asyncio
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from yarl import URL

from planado_async.emulator.planday.hr_forms import FIELDS as WRITTEN
from planado_async.emulator.planday.hr_views import FIELDS as SHOWN
from planado_async.emulator.planday.scheduling_records import Shift
from tests.emulator.planday.rest_api import Rest

STAFF = "/hr/v1.0/employees"
LEFT = f"{STAFF}/deactivated"
DEPARTMENTS = "/hr/v1.0/departments"
GROUPS = "/hr/v1.0/employeegroups"
SKILLS = "/hr/v1.0/skills"

NEW: dict[str, Any] = {
    "firstName": "Ny",
    "lastName": "Hansen",
    "userName": "ny.hansen@example.com",
    "departments": [1001],
}
PNG = "data:image/png;base64,iVBORw0KGgo="


async def ids(rest: Rest, path: str = STAFF, **query: str) -> list[int]:
    """The numbers in a list."""
    return [each["id"] for each in await rest.one(str(URL(path).with_query(query)))]


async def errors(rest: Rest, method: str, path: str, body: object) -> set[str]:
    """The fields at fault in a call that must break a rule."""
    reply = await rest.send(method, path, body)
    assert reply.status == 400, reply.raw
    return {name.removeprefix("model.") for name in reply.json["modelState"]}


# --- What is shown --------------------------------------------------------------------------------


async def test_the_staff_of_the_start(rest: Rest) -> None:
    """Some forty people in three departments, two of them gone, one without an address."""
    staff = await rest.one(STAFF)
    assert len(staff) == 38
    assert {id_ for each in staff for id_ in each["departments"]} == {1001, 1002, 1003}
    assert await ids(rest, LEFT) == [10039, 10040]
    assert "" in {each["email"] for each in staff}
    assert any(len(each["departments"]) == 2 for each in staff)


ALWAYS = {
    "id", "firstName", "lastName", "userName", "email", "deactivationDate", "dateTimeCreated",
    "dateTimeModified", "employeeTypeId", "salaryIdentifier", "departments", "employeeGroups",
    "cellPhone", "phone", "cellPhoneCountryPrefix", "phoneCountryPrefix", "cellPhoneCountryCode",
    "phoneCountryCode", "street1", "street2", "zip", "city",
}  # fmt: skip
LISTED = ALWAYS | {
    "hiredDate", "dateTimeDeleted", "cellPhoneWithoutCountryPrefix", "phoneWithoutCountryPrefix",
    "terminationTypeId", "terminationTypeName", "deactivationReason", "isPublic",
}  # fmt: skip
ALONE = ALWAYS | {
    "hiredFrom", "isDeactivated", "primaryDepartmentId", "supervisorId", "supervisorEmployeeId",
    "securityGroups", "gender", "jobTitle", "skillIds", "countryId", "workHours",
    "contractRulesRuleId",
}  # fmt: skip


async def test_which_field_stands_where(rest: Rest) -> None:
    """The list, the list of those who left and the one employee each have fields of their own."""
    rest.caller.planday.settings(null_keys=True)
    in_list, in_left = (await rest.one(STAFF))[0], (await rest.one(LEFT))[0]
    alone = await rest.one(f"{STAFF}/10005")
    assert in_list.keys() == LISTED | {"primaryDepartmentId", "supervisorId", "securityGroups"}
    assert in_left.keys() == LISTED
    assert {key for key in alone if not key.startswith("custom_")} == ALONE


async def test_nulls(rest: Rest) -> None:
    """Lists leave nulls out, the one employee has them."""
    first = (await rest.one(STAFF))[0]
    assert None not in first.values()
    assert "deactivationDate" not in first
    assert (await rest.one(f"{STAFF}/10001"))["deactivationDate"] is None


async def test_forms_of_dates(rest: Rest) -> None:
    """Made: a date in lists, a moment alone; changed: milliseconds if any; gone: seven digits."""
    staff = await rest.one(STAFF)
    assert (staff[0]["dateTimeCreated"], staff[0]["hiredDate"]) == ("2024-01-15", "2020-01-01")
    assert staff[0]["dateTimeModified"] == "2024-01-15T08:00:00Z"
    assert staff[1]["dateTimeModified"] == "2024-01-16T08:07:00.250Z"
    alone = await rest.one(f"{STAFF}/10001")
    assert (alone["dateTimeCreated"], alone["hiredFrom"]) == ("2024-01-15T07:00:00Z", "2020-01-01")
    assert (await rest.one(LEFT))[0]["dateTimeDeleted"] == "2024-03-15T07:00:00.1234560Z"


async def test_phones(rest: Rest) -> None:
    """Lists put the prefix before the number, or show it alone; the detail shows the number."""
    staff = {each["id"]: each for each in await rest.one(STAFF)}
    swede, none = staff[10012], staff[10010]
    assert (swede["cellPhone"], swede["cellPhoneCountryCode"]) == ("+4620551011", "SE")
    assert swede["cellPhoneWithoutCountryPrefix"] == "20551011"
    assert (none["cellPhone"], "cellPhoneWithoutCountryPrefix" in none) == ("+45", False)
    alone = await rest.one(f"{STAFF}/10012")
    assert (alone["cellPhone"], alone["cellPhoneCountryPrefix"]) == ("20551011", "+46")
    assert (await rest.one(f"{STAFF}/10010"))["cellPhone"] == ""


async def test_security_groups(rest: Rest) -> None:
    """Lists show them only on request, and an empty list else."""
    assert (await rest.one(STAFF))[0]["securityGroups"] == []
    told = await rest.one(f"{STAFF}?includeSecurityGroups=true")
    assert told[0]["securityGroups"] == [1]
    assert (await rest.one(f"{STAFF}/10001"))["securityGroups"] == [1]


async def test_supervisors(rest: Rest) -> None:
    """A supervisor's record has a number of its own, by which employees name it."""
    first = (await rest.one(f"{STAFF}/supervisors"))[0]
    assert first == {"id": 601, "employeeId": 10001, "name": "Anna Berg"}
    alone = await rest.one(f"{STAFF}/10004")
    assert (alone["supervisorId"], alone["supervisorEmployeeId"]) == (601, 10001)


async def test_custom_fields(rest: Rest) -> None:
    """They stand in the detail only, each with its name, its type and its value."""
    alone = await rest.one(f"{STAFF}/10001")
    assert alone["custom_11112"] == {
        "name": "Shoe size",
        "type": "Numeric",
        "value": 38,
        "url": None,
    }
    kinds = {each["type"] for key, each in alone.items() if key.startswith("custom_")}
    assert kinds == {"Text", "Numeric", "Boolean", "Date", "Dropdown", "Image"}
    assert not any(key.startswith("custom_") for key in (await rest.one(STAFF))[0])


@pytest.mark.parametrize("path", [STAFF, LEFT, f"{STAFF}/10039"])
async def test_special_fields(rest: Rest, path: str) -> None:
    """They come when asked for, as far as the app has their scopes."""

    async def special(rest: Rest, query: str) -> set[str]:
        body = await rest.one(f"{path}?special={query}")
        found = body[0] if isinstance(body, list) else body
        return {"bankAccount", "birthDate", "ssn"}.intersection(found)

    assert await special(rest, "") == set()
    assert await special(rest, "BankAccount,Ssn") == {"bankAccount", "ssn"}
    assert await special(rest, "birthDate&special=SSN") == {"birthDate", "ssn"}
    small = await rest.scoped("employee:read", "ssn:read")
    assert await special(small, "BankAccount,Ssn,BirthDate") == {"ssn"}
    rest.caller.planday.settings(special="refused")
    assert await small.status("GET", f"{path}?special=BankAccount") == 403
    assert await small.status("GET", f"{path}?special=Ssn") == 200


async def test_special_skills(rest: Rest) -> None:
    """`Skills` is no special field."""
    reply = await rest.send("GET", f"{STAFF}/10001?special=Skills")
    assert (reply.status, reply.json.keys()) == (400, {"message", "modelState"})


# --- Filters --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("anna b", [10001]),
        ("anna", [10001, 10038]),
        ("ORLOV", [10002]),
        ("chloe.martin@", [10003]),
        ("+4520551003", [10004]),
        ("S1005", [10005]),
        ("010170-1005", [10006]),
        ("nobody", []),
    ],
)
async def test_search(rest: Rest, text: str, found: list[int]) -> None:
    """Names, e-mail, phone, salary identifier and social security number are searched."""
    assert await ids(rest, searchQuery=text) == found


async def test_created(rest: Rest) -> None:
    """`createdFrom` is exclusive, `createdTo` inclusive."""
    span = {"createdFrom": "2024-01-15T07:00:00Z", "createdTo": "2024-01-17T07:14:00Z"}
    assert await ids(rest, **span) == [10002, 10003]


async def test_modified(rest: Rest) -> None:
    """`modifiedFrom` is exclusive unless set so, `modifiedTo` inclusive."""
    await asyncio.sleep(60)
    await rest.done("PUT", f"{STAFF}/10007", {"city": "Skive"})
    at = (await rest.one(f"{STAFF}/10007"))["dateTimeModified"]
    assert await ids(rest, modifiedFrom=at) == []
    assert await ids(rest, modifiedFrom="2026-02-02T08:00:00Z") == [10007]
    assert await ids(rest, modifiedFrom="2026-02-02T08:00:00Z", modifiedTo=at) == [10007]
    rest.caller.planday.settings(modified_from_inclusive=True)
    assert await ids(rest, modifiedFrom=at) == [10007]


async def test_modified_catches_creation(rest: Rest) -> None:
    """The window of changes also catches who was made in it, though changed later."""
    span = {"modifiedFrom": "2024-01-15T06:59:00Z", "modifiedTo": "2024-01-15T07:00:00Z"}
    assert await ids(rest, **span) == [10001]


async def test_deactivated_span(rest: Rest) -> None:
    """`deactivatedFrom` and `deactivatedTo` look at the last time of leaving."""
    await rest.done("PUT", f"{STAFF}/deactivate/10020")
    assert await ids(rest, LEFT, deactivatedFrom="2026-02-02T07:00:00Z") == [10020]
    assert await ids(rest, LEFT, deactivatedTo="2026-02-02T07:00:00Z") == [10039, 10040]


# --- Who sees whom --------------------------------------------------------------------------------


async def test_departments_of_the_administrator(rest: Rest) -> None:
    """The token shows what the administrator who authorised it sees at the moment."""
    planday = rest.caller.planday
    planday.limit_admin(rest.grant.portal_id, rest.grant.admin_id, [1002])
    staff = await rest.one(STAFF)
    assert staff
    assert all(1002 in each["departments"] for each in staff)
    assert await ids(rest, DEPARTMENTS) == [1002]
    assert await rest.status("GET", f"{DEPARTMENTS}/1001") == 404
    assert await rest.status("GET", f"{DEPARTMENTS}/1001/employees") == 404
    assert await rest.status("GET", f"{STAFF}/10001") == 404
    assert await rest.status("PUT", f"{STAFF}/10001", {"city": "x"}) == 404
    assert await ids(rest, LEFT) == []
    assert [each["employeeId"] for each in await rest.one(f"{STAFF}/supervisors")] == [10002]
    assert {each["employeeId"] for each in await rest.one(f"{GROUPS}/2001/employees")} <= {
        each["id"] for each in staff
    }
    assert await errors(rest, "POST", STAFF, NEW) == {"departments"}
    planday.limit_admin(rest.grant.portal_id, rest.grant.admin_id, None)
    assert len(await ids(rest)) == 38


async def test_unknown_employee(rest: Rest) -> None:
    """An unknown number is 404, or 400 if set so; one who left is shown unless set otherwise."""
    planday = rest.caller.planday
    assert (await rest.one(f"{STAFF}/10039"))["isDeactivated"] is True
    assert await rest.status("GET", f"{STAFF}/1") == 404
    planday.settings(unknown_employee_400=True)
    assert (await rest.send("GET", f"{STAFF}/1")).json == {"message": "Employee id is invalid"}
    planday.settings(show_deactivated=False)
    assert await rest.status("GET", f"{STAFF}/10039") == 400
    assert await rest.status("GET", f"{STAFF}/10001") == 200


# --- Making and changing --------------------------------------------------------------------------


async def test_create(rest: Rest) -> None:
    """A new employee is answered in full and stands in the list."""
    made = await rest.post(STAFF, {**NEW, "employeeGroups": [2001], "custom_11112": 42})
    assert made["id"] == 10041
    assert made.items() >= {**NEW, "employeeGroups": [2001], "isDeactivated": False}.items()
    assert made["custom_11112"]["value"] == 42
    assert made == await rest.one(f"{STAFF}/10041")
    assert 10041 in await ids(rest)


@pytest.mark.parametrize("name", NEW)
@pytest.mark.parametrize("value", [None, "left out"])
async def test_required(rest: Rest, name: str, value: str | None) -> None:
    """First and last name, user name and departments must be there and not be null."""
    body = {**NEW, name: value}
    if value is not None:
        del body[name]
    assert await errors(rest, "POST", STAFF, body) == {name}
    assert len(await ids(rest)) == 38


async def test_what_the_portal_requires(rest: Rest) -> None:
    """A portal may insist on more; a change may leave it out only without validation."""
    rest.data.required_fields = ("jobTitle", "custom_11111")
    assert await errors(rest, "POST", STAFF, NEW) == {"jobTitle", "custom_11111"}
    await rest.post(STAFF, {**NEW, "jobTitle": "Cook", "custom_11111": "L-99"})
    change = {"jobTitle": "", "city": "Skive"}
    assert await errors(rest, "PUT", f"{STAFF}/10001", change) == {"jobTitle"}
    await rest.done("PUT", f"{STAFF}/10001?useValidation=false", change)
    assert await errors(rest, "PUT", f"{STAFF}/10001", {"city": "x"}) == {"jobTitle"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("firstName", " "),
        ("userName", "no address"),
        ("email", "no address"),
        ("departments", [1001, 9]),
        ("departments", "1001"),
        ("primaryDepartmentId", 1002),
        ("employeeTypeId", 1),
        ("employeeGroups", [1]),
        ("supervisorId", 601),
        ("skillIds", [404]),
        ("hiredFrom", "2026-02-30"),
        ("gender", "male"),
        ("cellPhone", "+45 123"),
        ("cellPhoneCountryCode", "GB"),
        ("phoneCountryId", 99),
        ("bankAccount", {"accountNumber": 1}),
        ("isSupervisor", "yes"),
        ("custom_11112", "42"),
        ("custom_11113", 1),
        ("custom_11114", "yesterday"),
        ("custom_11115", "XXL"),
    ],
)
async def test_wrong_values(rest: Rest, name: str, value: object) -> None:
    """A value against its rule is bad input: unknown numbers, a skill of limited time, …"""
    assert await errors(rest, "POST", STAFF, {**NEW, name: value}) == {name}


async def test_supervisor_on_creation(rest: Rest) -> None:
    """A new employee has no supervisor before a change, unless it is set so."""
    made = await rest.post(STAFF, NEW)
    await rest.done("PUT", f"{STAFF}/{made['id']}", {"supervisorId": 602})
    assert (await rest.one(f"{STAFF}/{made['id']}"))["supervisorEmployeeId"] == 10002
    rest.caller.planday.settings(supervisor_on_creation=True)
    body = {**NEW, "userName": "b@example.com", "supervisorId": 602}
    assert (await rest.post(STAFF, body))["supervisorId"] == 602


@pytest.mark.parametrize("name", ["userName", "salaryIdentifier"])
async def test_clashes(rest: Rest, name: str) -> None:
    """User name and salary identifier are each one's own, of those who left too."""
    taken = (await rest.one(LEFT))[0][name]
    reply = await rest.send("POST", STAFF, {**NEW, name: taken})
    assert (reply.status, reply.json) == (409, {"message": f"{name} is already in use"})
    path = f"{STAFF}/10001"
    if name == "userName":
        path, name, taken = f"{path}/change_username", "newUsername", taken.upper()
    assert await rest.status("PUT", path, {name: taken}) == 409


async def test_update(rest: Rest) -> None:
    """A change touches what it names; null empties."""
    before = await rest.one(f"{STAFF}/10001")
    body = {
        "city": "Skive",
        "gender": None,
        "phone": "11 22 33 44",
        "phoneCountryId": 4,
        "custom_11113": True,
        "custom_11112": None,
        "bankAccount": {"registrationNumber": "1", "accountNumber": "2"},
    }
    await rest.done("PUT", f"{STAFF}/10001", body)
    after = await rest.one(f"{STAFF}/10001?special=BankAccount")
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {
        "city", "gender", "phone", "phoneCountryCode", "phoneCountryPrefix", "custom_11113",
        "custom_11112", "dateTimeModified",
    }  # fmt: skip
    assert (after["phone"], after["phoneCountryCode"]) == ("11223344", "UK")
    assert after["bankAccount"] == body["bankAccount"]
    assert (after["gender"], after["custom_11112"]["value"]) == (None, None)


async def test_update_of_nothing(rest: Rest) -> None:
    """A change whose values are all null is refused, and so is one of the user name."""
    for body in ({}, {"city": None}, {"city": None, "gender": None}):
        assert await rest.status("PUT", f"{STAFF}/10001", body) == 400
    path = f"{STAFF}/10001"
    assert await errors(rest, "PUT", path, {"userName": "x@example.com"}) == {"userName"}


async def test_special_fields_in_writes(rest: Rest) -> None:
    """Without its scope a special field is passed over, or refused if set so."""
    small = await rest.scoped("employee:read", "employee:update", "employee:create", "ssn:create")
    await small.done("PUT", f"{STAFF}/10001", {"ssn": "9", "city": "Skive"})
    shown = await rest.one(f"{STAFF}/10001?special=Ssn")
    assert (shown["ssn"], shown["city"]) == ("010170-1000", "Skive")
    made = await small.post(STAFF, {**NEW, "ssn": "9"})
    assert (await rest.one(f"{STAFF}/{made['id']}?special=Ssn"))["ssn"] == "9"
    rest.caller.planday.settings(special="refused")
    assert await small.status("PUT", f"{STAFF}/10001", {"ssn": "9"}) == 403


async def test_making_a_supervisor(rest: Rest) -> None:
    """`isSupervisor` makes the record, or takes it away from all who named it."""
    await rest.done("PUT", f"{STAFF}/10008", {"isSupervisor": True})
    await rest.done("PUT", f"{STAFF}/10008", {"isSupervisor": True})
    made = await rest.one(f"{STAFF}/supervisors")
    assert [each["employeeId"] for each in made] == [10001, 10002, 10003, 10008]
    await rest.done("PUT", f"{STAFF}/10001", {"isSupervisor": False})
    assert 601 not in await ids(rest, f"{STAFF}/supervisors")
    assert (await rest.one(f"{STAFF}/10004"))["supervisorId"] is None


async def test_change_username(rest: Rest) -> None:
    """The login name has a call of its own."""
    path = f"{STAFF}/10001/change_username"
    await rest.done("PUT", path, {"newUsername": "anna@example.com"})
    assert (await rest.one(f"{STAFF}/10001"))["userName"] == "anna@example.com"
    assert await errors(rest, "PUT", path, {"newUsername": "anna"}) == {"newUsername"}
    assert await errors(rest, "PUT", path, {}) == {"newUsername"}


async def test_field_definitions(rest: Rest) -> None:
    """They are a schema of the body of a write, with the portal's own fields."""
    post = await rest.one(f"{STAFF}/fielddefinitions?type=Post")
    assert post["$schema"] == "http://json-schema.org/draft-04/schema#"
    assert post["portalId"] == rest.grant.portal_id
    assert post["required"] == ["firstName", "lastName", "userName", "departments"]
    assert (post["readOnly"], post["unique"]) == (
        ["supervisorId"],
        ["userName", "salaryIdentifier"],
    )
    assert "UK" in post["properties"]["cellPhoneCountryCode"]["enum"]
    assert post["properties"]["custom_11115"]["enum"] == ["S", "M", "L", "XL"]
    assert post["properties"].keys() == WRITTEN.keys() | rest.data.custom_fields.keys()
    put = await rest.one(f"{STAFF}/fielddefinitions?type=put")
    assert (put["readOnly"], "required" in put) == (["userName"], False)
    rest.data.required_fields = ("jobTitle",)
    assert (await rest.one(f"{STAFF}/fielddefinitions?type=Put"))["required"] == ["jobTitle"]
    small = await rest.scoped("employee:read", "ssn:create")
    told = (await small.one(f"{STAFF}/fielddefinitions"))["properties"]
    assert ("ssn" in told, "birthDate" in told) == (True, False)
    assert await rest.status("GET", f"{STAFF}/fielddefinitions?type=Patch") == 400


async def test_history(rest: Rest) -> None:
    """Each changed field is an entry: what, when, and by which administrator."""
    path = f"{STAFF}/10001/history"
    assert (await rest.get(path))["paging"]["total"] == 0
    await asyncio.sleep(60)
    await rest.done("PUT", f"{STAFF}/10001", {"city": "Skive", "zip": "7800", "street2": ""})
    entries = await rest.one(path)
    assert [(each["op"], each["path"], each["value"]) for each in entries] == [
        ("replace", "/zip", "7800"),
        ("replace", "/city", "Skive"),
    ]
    assert entries[0]["modificationDateTime"] == "2026-02-02T08:01:00"
    assert entries[0]["modifiedBy"] == "Mette Holm"
    assert await rest.one(f"{path}?startDateTime=2026-02-02T08:02:00") == []
    assert await rest.one(f"{path}?endDateTime=2026-02-02T08:00:59") == []
    assert len(await rest.one(f"{path}?limit=1")) == 1


async def test_history_of_leaving_and_of_custom_fields(rest: Rest) -> None:
    """Leaving, and what the portal's own fields held, is told too; an emptied one is null."""
    await rest.done("PUT", f"{STAFF}/10001", {"custom_11111": None, "custom_11114": "2026-01-31"})
    await rest.done("PUT", f"{STAFF}/deactivate/10001")
    told = await rest.one(f"{STAFF}/10001/history")
    assert {each["path"]: each["value"] for each in told} == {
        "/custom_11111": None,
        "/custom_11114": "2026-01-31",
        "/deactivationDate": "2026-02-02",
    }


async def test_history_of_special_fields(rest: Rest) -> None:
    """What a special field was changed to is told only under its scope."""
    await rest.done("PUT", f"{STAFF}/10001", {"ssn": "9", "birthDate": "1980-01-01"})
    small = await rest.scoped("employee:history", "ssn:read")
    assert [each["path"] for each in await small.one(f"{STAFF}/10001/history")] == ["/ssn"]


# --- Leaving and coming back ----------------------------------------------------------------------


def roster(rest: Rest, employee_id: int, *days: int) -> list[Shift]:
    """A shift on each of some days from today on, at noon."""
    return [
        rest.data.roster.add_shift(
            department_id=1001,
            day=date(2026, 2, 2) + timedelta(days),
            start=time(12),
            end=time(14),
            employee_id=employee_id,
        )
        for days in days
    ]


def assigned(rest: Rest, shifts: list[Shift]) -> list[bool]:
    return [rest.data.roster.shift(shift.id).employee_id is not None for shift in shifts]


@pytest.mark.parametrize("day", ["2026-01-01", "2026-02-02"])
async def test_deactivate_at_once(rest: Rest, day: str) -> None:
    """Who is deactivated leaves the list; his shifts to come lose him, those of before keep him."""
    shifts = roster(rest, 10005, -1, 0, 1)
    body = {"reason": "Moved", "terminationTypeId": 502, "date": day}
    await rest.done("PUT", f"{STAFF}/deactivate/10005", body)
    assert 10005 not in await ids(rest)
    gone = (await rest.one(LEFT))[0]
    assert (
        gone.items()
        >= {
            "id": 10005,
            "deactivationDate": "2026-02-02",
            "terminationTypeId": 502,
            "terminationTypeName": "Dismissed",
            "deactivationReason": "Moved",
        }.items()
    )
    assert gone["dateTimeDeleted"].startswith("2026-02-02T08:00:0")
    assert (await rest.one(f"{STAFF}/10005"))["isDeactivated"] is True
    assert assigned(rest, shifts) == [True, False, False]
    assert await rest.status("PUT", f"{STAFF}/deactivate/10005") == 409


async def test_deactivate_later(rest: Rest) -> None:
    """Until the date comes, in the portal's zone, he stays; shifts behind it lose him now."""
    shifts = roster(rest, 10005, 1, 2, 3)
    await rest.done("PUT", f"{STAFF}/deactivate/10005", {"date": "2026-02-04"})
    assert assigned(rest, shifts) == [True, False, False]
    row = next(each for each in await rest.one(STAFF) if each["id"] == 10005)
    assert (row["deactivationDate"], "dateTimeDeleted" in row) == ("2026-02-04", False)
    midnight = datetime(2026, 2, 3, 23, tzinfo=UTC) - rest.caller.emulator.now()
    await asyncio.sleep(midnight.total_seconds() - 1)
    later = await Rest.opened(rest.caller, rest.grant)
    assert 10005 in await ids(later)
    await asyncio.sleep(1)
    assert 10005 not in await ids(later)
    assert (await later.one(LEFT))[0]["dateTimeDeleted"] == "2026-02-03T23:00:00.0000000Z"
    assert await ids(later, LEFT, modifiedFrom="2026-02-03T00:00:00Z") == [10005]


async def test_leaving_at_once_by_setting(rest: Rest) -> None:
    """It can be set so that who is to leave has left."""
    rest.caller.planday.settings(leave_at_date=False)
    await rest.done("PUT", f"{STAFF}/deactivate/10005", {"date": "2026-02-04"})
    assert 10005 not in await ids(rest)
    assert 10005 in await ids(rest, LEFT)


async def test_keep_shifts(rest: Rest) -> None:
    """With `keepShifts` the roster stays as it is."""
    shifts = roster(rest, 10005, 1, 2)
    await rest.done("PUT", f"{STAFF}/deactivate/10005", {"keepShifts": True})
    assert assigned(rest, shifts) == [True, True]


async def test_wrong_dismissals(rest: Rest) -> None:
    """A date that is none and an unknown reason to leave are bad input."""
    path = f"{STAFF}/deactivate/10005"
    assert await errors(rest, "PUT", path, {"date": "tomorrow"}) == {"date"}
    assert await errors(rest, "PUT", path, {"terminationTypeId": 9}) == {"terminationTypeId"}
    assert await rest.status("PUT", f"{STAFF}/deactivate/1") == 404
    assert 10005 in await ids(rest)


async def test_reactivate(rest: Rest) -> None:
    """Who comes back is active at once, in other departments if they are named."""
    await rest.done("PUT", f"{STAFF}/reactivate/10039", {"comment": "Back", "departments": [1002]})
    alone = await rest.one(f"{STAFF}/10039")
    assert (alone["isDeactivated"], alone["deactivationDate"]) == (False, None)
    assert (alone["departments"], alone["primaryDepartmentId"]) == ([1002], None)
    row = next(each for each in await rest.one(STAFF) if each["id"] == 10039)
    assert row["dateTimeDeleted"] == "2024-03-15T07:00:00.1234560Z"
    assert "deactivationReason" not in row
    assert await rest.status("PUT", f"{STAFF}/reactivate/10039") == 409
    assert await rest.status("PUT", f"{STAFF}/reactivate/1") == 404
    assert await errors(rest, "PUT", f"{STAFF}/reactivate/10040", {"departments": [9]}) == {
        "departments"
    }


async def test_a_dismissal_taken_back(rest: Rest) -> None:
    """Who was to leave later stays after all."""
    await rest.done("PUT", f"{STAFF}/deactivate/10005", {"date": "2026-02-04"})
    await rest.done("PUT", f"{STAFF}/reactivate/10005")
    await asyncio.sleep(3 * 86_400)
    assert 10005 in await ids(await Rest.opened(rest.caller, rest.grant))


# --- Images ---------------------------------------------------------------------------------------


async def test_images(rest: Rest) -> None:
    """An image is one JSON string in both directions; the detail tells where it is."""
    path = f"{STAFF}/10001/customfields/custom_11116/value"
    assert await rest.status("GET", path) == 404
    for method in ("POST", "PUT"):
        reply = await rest.send(method, path, PNG)
        assert (reply.status, reply.json) == (200, PNG)
    assert await rest.get(path) == PNG
    shown = (await rest.one(f"{STAFF}/10001"))["custom_11116"]
    assert (shown["value"], shown["url"]) == (None, path)
    reply = await rest.send("DELETE", path)
    assert (reply.status, reply.json) == (200, True)
    assert await rest.status("DELETE", path) == 404
    assert (await rest.one(f"{STAFF}/10001"))["custom_11116"]["url"] is None


@pytest.mark.parametrize("body", [b"", b"{", {}, "text", "data:image/png;base64,%%", 1])
async def test_no_images(rest: Rest, body: object) -> None:
    """What is no image is bad input; so is a field for something else; unknown fields are 404."""
    path = f"{STAFF}/10001/customfields"
    assert await rest.status("PUT", f"{path}/custom_11116/value", body) == 400
    assert await rest.status("PUT", f"{path}/custom_11111/value", PNG) == 400
    assert await rest.status("PUT", f"{path}/custom_1/value", PNG) == 404


# --- Departments, groups, types, skills -----------------------------------------------------------


async def test_departments(rest: Rest) -> None:
    """Departments are made, read, changed and closed; a closed one is read on request only."""
    made = await rest.post(DEPARTMENTS, {"name": "East"})
    assert made == {"id": 1004, "name": "East", "number": ""}
    path = f"{DEPARTMENTS}/1004"
    await rest.done("PUT", path, {"name": "Far East", "number": "7"})
    assert await rest.one(path) == {"id": 1004, "name": "Far East", "number": "7"}
    await rest.done("DELETE", path)
    assert await ids(rest, DEPARTMENTS) == [1001, 1002, 1003]
    assert await rest.status("GET", path) == 404
    assert (await rest.one(f"{path}?includeDeleted=true"))["name"] == "Far East"
    assert await rest.status("DELETE", path) == 404
    assert await errors(rest, "POST", DEPARTMENTS, {"number": "1"}) == {"name"}
    assert await errors(rest, "POST", STAFF, {**NEW, "departments": [1004]}) == {"departments"}


async def test_groups(rest: Rest) -> None:
    """Groups are made, read, changed and removed."""
    assert await rest.post(GROUPS, {"name": "Cooks"}) == {"id": 2005, "name": "Cooks"}
    await rest.done("PUT", f"{GROUPS}/2005", {"name": "Chefs"})
    assert (await rest.one(GROUPS))[-1] == await rest.one(f"{GROUPS}/2005")
    assert (await rest.one(f"{GROUPS}/2005"))["name"] == "Chefs"
    await rest.done("DELETE", f"{GROUPS}/2005")
    assert await rest.status("GET", f"{GROUPS}/2005") == 404
    assert await rest.status("GET", f"{GROUPS}/0") == 400


@pytest.mark.parametrize("path", [f"{DEPARTMENTS}/1001", f"{GROUPS}/2001"])
async def test_members(rest: Rest, path: str) -> None:
    """Members are told as bare numbers, those who left not among them; they hold the thing open."""
    key = "departments" if "departments" in path else "employeeGroups"
    wanted = int(path[-4:])
    body = await rest.get(f"{path}/employees")
    assert body.keys() == {"data"}
    assert body["data"] == [
        {"employeeId": each["id"]} for each in await rest.one(STAFF) if wanted in each[key]
    ]
    assert (await rest.send("DELETE", path)).json.keys() == {"message"}
    assert await rest.status("DELETE", path) == 409


async def test_who_left_holds_nothing_open(rest: Rest) -> None:
    """A department whose only member has left can be closed."""
    await rest.post(DEPARTMENTS, {"name": "East"})
    made = await rest.post(STAFF, {**NEW, "departments": [1004]})
    assert await rest.status("DELETE", f"{DEPARTMENTS}/1004") == 409
    await rest.done("PUT", f"{STAFF}/deactivate/{made['id']}")
    await rest.done("DELETE", f"{DEPARTMENTS}/1004")


async def test_types(rest: Rest) -> None:
    """Employee types come all at once, in a page."""
    body = await rest.get("/hr/v1.0/employeetypes?limit=1")
    assert body["paging"] == {"offset": 0, "limit": 50, "total": 3}
    assert body["data"][2] == {"id": 303, "name": "Hourly", "description": ""}


async def test_termination_types(rest: Rest) -> None:
    """Reasons to leave are a list."""
    assert (await rest.one("/hr/v1.0/terminationtypes"))[0] == {"id": 501, "name": "Resigned"}


async def test_skills(rest: Rest) -> None:
    """Skills are a bare array; they are named by a query in changes."""
    first = (await rest.get(SKILLS))[0]
    assert first == {
        "skillId": 401,
        "name": "Gas",
        "description": "Work on gas pipes",
        "isTimeLimited": False,
    }
    await rest.done("POST", SKILLS, {"name": "Roofs", "isTimeLimited": False})
    assert (await rest.get(SKILLS))[-1] == {"skillId": 405, "name": "Roofs", "isTimeLimited": False}
    await rest.done("PUT", f"{SKILLS}?skillId=405", {"name": "Roof", "isTimeLimited": True})
    assert (await rest.get(SKILLS))[-1]["name"] == "Roof"
    await rest.done("PUT", f"{STAFF}/10001", {"skillIds": [401, 402]})
    await rest.done("DELETE", f"{SKILLS}?skillId=401")
    assert (await rest.one(f"{STAFF}/10001"))["skillIds"] == [402]
    assert await rest.status("DELETE", f"{SKILLS}?skillId=401") == 404
    assert await errors(rest, "DELETE", SKILLS, None) == {"skillId"}
    assert await errors(rest, "POST", SKILLS, {"name": "x"}) == {"isTimeLimited"}


def test_the_tables_agree() -> None:
    """What can be written can be read, but for what the service never shows."""
    shown = {field.name for field in SHOWN}
    assert WRITTEN.keys() - shown == {"isSupervisor", "cellPhoneCountryId", "phoneCountryId"}
