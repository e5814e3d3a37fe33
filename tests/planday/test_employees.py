"""Employees: who they are, how they come and go, what was changed of them."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from attrs import evolve, fields

from planado_async.core.errors import (
    BadRequestError,
    ConflictError,
    NotFoundError,
    OutcomeUnknownError,
    UnexpectedResponseError,
)
from planado_async.core.model import camel
from planado_async.core.resource import ClientOptions
from planado_async.core.transport import Transport
from planado_async.emulator import Emulator
from planado_async.emulator.planday.data import PortalData
from planado_async.planday.models import (
    BankAccount,
    CustomField,
    DeactivatedEmployee,
    Employee,
    EmployeeChange,
    EmployeeItem,
    Person,
    Supervisor,
    TerminationType,
)
from planado_async.planday.resources import Employees
from planado_async.planday.writes import Special
from tests.planday.conftest import START, limited, opened
from tests.planday.requests import Row, check, check_scope, named, operations

NOON = datetime(2026, 2, 3, 12, 0, tzinfo=timezone(timedelta(hours=1)))
LATER = NOON + timedelta(hours=1)
NOON_UTC, LATER_UTC = "2026-02-03T11:00:00Z", "2026-02-03T12:00:00Z"
TOMORROW = START.date() + timedelta(days=1)
PICTURE = "data:image/png;base64,iVBORw0KGgo="
TEXT, NUMBER, IMAGE = "custom_11111", "custom_11112", "custom_11116"

PERSON = {"id": 7, "firstName": "Anna", "departments": [1, 2], "cellPhone": "+45", "ssn": ""}

ROWS: list[Row[Employees]] = [
    Row(
        name="list",
        call=lambda employees: employees.list(
            created_from=NOON,
            created_to=LATER,
            modified_from=NOON,
            modified_to=LATER,
            search_query="a&b",
            special=["BankAccount", "Ssn"],
            include_security_groups=True,
            after="50",
        ).collect(limit=1),
        scope="employee:read",
        sends="GET /hr/v1.0/employees",
        query={
            "createdFrom": NOON_UTC,
            "createdTo": LATER_UTC,
            "modifiedFrom": NOON_UTC,
            "modifiedTo": LATER_UTC,
            "searchQuery": "a&b",
            "special": "BankAccount,Ssn",
            "includeSecurityGroups": "true",
            "limit": "50",
            "offset": "50",
        },
        answer={
            "data": [
                {
                    **PERSON,
                    "hiredDate": "2020-01-01",
                    "dateTimeCreated": "2016-01-02",
                    "dateTimeModified": "2016-01-02T16:55:00.250Z",
                    "dateTimeDeleted": "2016-01-02T16:55:00.1234567Z",
                    "securityGroups": [3],
                    "supervisorId": 4,
                    "bankAccount": {"registrationNumber": "1", "accountNumber": "2"},
                    "birthDate": "",
                }
            ]
        },
        gives=[
            EmployeeItem(
                id=7,
                first_name="Anna",
                departments=(1, 2),
                cell_phone="+45",
                ssn="",
                hired_date=date(2020, 1, 1),
                date_time_created=date(2016, 1, 2),
                date_time_modified=datetime(2016, 1, 2, 16, 55, 0, 250_000, UTC),
                date_time_deleted=datetime(2016, 1, 2, 16, 55, 0, 123_456, UTC),
                security_groups=(3,),
                supervisor_id=4,
                bank_account=BankAccount(registration_number="1", account_number="2"),
            )
        ],
    ),
    Row(
        name="list",
        call=lambda employees: employees.list(modified_from=None).collect(limit=1),
        scope="employee:read",
        sends="GET /hr/v1.0/employees",
        query={"limit": "50", "offset": "0"},
        answer={"paging": {"offset": 0, "limit": 50, "total": 0}, "data": []},
        gives=[],
    ),
    Row(
        name="deactivated",
        call=lambda employees: employees.deactivated(
            deactivated_from=NOON, deactivated_to=LATER, special=["BirthDate"]
        ).collect(limit=1),
        scope="employee:read",
        sends="GET /hr/v1.0/employees/deactivated",
        query={
            "deactivatedFrom": NOON_UTC,
            "deactivatedTo": LATER_UTC,
            "special": "BirthDate",
            "limit": "50",
            "offset": "0",
        },
        answer={
            "data": [
                {
                    "id": 7,
                    "deactivationDate": "2016-01-02",
                    "terminationTypeId": 5,
                    "terminationTypeName": "Retired",
                    "deactivationReason": "Age",
                    "isPublic": None,
                    "birthDate": "1950-01-02",
                }
            ]
        },
        gives=[
            DeactivatedEmployee(
                id=7,
                deactivation_date=date(2016, 1, 2),
                termination_type_id=5,
                termination_type_name="Retired",
                deactivation_reason="Age",
                birth_date=date(1950, 1, 2),
            )
        ],
    ),
    Row(
        name="get",
        call=lambda employees: employees.get(
            7, special=["Ssn", "BirthDate"], priority="background"
        ),
        scope="employee:read",
        sends="GET /hr/v1.0/employees/7",
        query={"special": "Ssn,BirthDate"},
        answer={
            "data": {
                **PERSON,
                "hiredFrom": "2020-01-01",
                "isDeactivated": False,
                "dateTimeCreated": "2016-01-02T16:55:00Z",
                "gender": "BrandNew",
                "skillIds": [5],
                "custom_11111": {"name": "Locker", "type": "BrandNew", "value": [1], "url": None},
            }
        },
        gives=Employee(
            id=7,
            first_name="Anna",
            departments=(1, 2),
            cell_phone="+45",
            ssn="",
            hired_from=date(2020, 1, 1),
            is_deactivated=False,
            date_time_created=datetime(2016, 1, 2, 16, 55, tzinfo=UTC),
            gender="BrandNew",
            skill_ids=(5,),
            custom_fields={TEXT: CustomField(name="Locker", type="BrandNew", value=[1])},
        ),
    ),
    Row(
        name="get",
        call=lambda employees: employees.get(7),
        scope="employee:read",
        sends="GET /hr/v1.0/employees/7",
        answer={"data": {"id": 7}},
        gives=Employee(id=7),
    ),
    Row(
        name="create",
        call=lambda employees: employees.create(
            first_name="Anna",
            last_name="Berg",
            user_name="anna@example.com",
            departments=[1, 2],
            hired_from=date(2026, 2, 1),
            cell_phone="20551000",
            cell_phone_country_code="UK",
            gender="Female",
            bank_account={"registration_number": "1", "account_number": "2"},
            birth_date=None,
            street1="Kiln Rd 1",
            custom_fields={TEXT: "L-1", NUMBER: 41.5, "custom_3": date(2026, 2, 1)},
        ),
        scope="employee:create",
        sends="POST /hr/v1.0/employees",
        body={
            "firstName": "Anna",
            "lastName": "Berg",
            "userName": "anna@example.com",
            "departments": [1, 2],
            "hiredFrom": "2026-02-01",
            "cellPhone": "20551000",
            "cellPhoneCountryCode": "UK",
            "gender": "Female",
            "bankAccount": {"registrationNumber": "1", "accountNumber": "2"},
            "birthDate": None,
            "street1": "Kiln Rd 1",
            TEXT: "L-1",
            NUMBER: 41.5,
            "custom_3": "2026-02-01",
        },
        answer={"data": {"id": 7, NUMBER: {"type": "Numeric", "value": 41.5}}},
        gives=Employee(id=7, custom_fields={NUMBER: CustomField(type="Numeric", value=41.5)}),
    ),
    Row(
        name="update",
        call=lambda employees: employees.update(
            7, job_title="", supervisor_id=None, use_validation=False, custom_fields={TEXT: None}
        ),
        scope="employee:update",
        sends="PUT /hr/v1.0/employees/7",
        query={"useValidation": "false"},
        body={"jobTitle": "", "supervisorId": None, TEXT: None},
    ),
    Row(
        name="update",
        call=lambda employees: employees.update(7, custom_fields={NUMBER: 0}),
        scope="employee:update",
        sends="PUT /hr/v1.0/employees/7",
        body={NUMBER: 0},
    ),
    Row(
        name="change_username",
        call=lambda employees: employees.change_username(7, "berg@example.com"),
        scope="employee:update",
        sends="PUT /hr/v1.0/employees/7/change_username",
        body={"newUsername": "berg@example.com"},
    ),
    Row(
        name="deactivate",
        call=lambda employees: employees.deactivate(
            7, date=date(2026, 3, 1), reason="Moves", termination_type_id=5, keep_shifts=True
        ),
        scope="employee:update",
        sends="PUT /hr/v1.0/employees/deactivate/7",
        body={
            "date": "2026-03-01",
            "reason": "Moves",
            "terminationTypeId": 5,
            "keepShifts": True,
        },
    ),
    Row(
        name="deactivate",
        call=lambda employees: employees.deactivate(7),
        scope="employee:update",
        sends="PUT /hr/v1.0/employees/deactivate/7",
        body={},
    ),
    Row(
        name="reactivate",
        call=lambda employees: employees.reactivate(7, comment="Is back", departments=[1]),
        scope="employee:update",
        sends="PUT /hr/v1.0/employees/reactivate/7",
        body={"comment": "Is back", "departments": [1]},
    ),
    Row(
        name="supervisors",
        call=lambda employees: employees.supervisors().collect(limit=1),
        scope="employee:read",
        sends="GET /hr/v1.0/employees/supervisors",
        query={"limit": "50", "offset": "0"},
        answer={"data": [{"id": 3, "employeeId": 7, "name": "Anna Berg"}]},
        gives=[Supervisor(id=3, employee_id=7, name="Anna Berg")],
    ),
    Row(
        name="field_definitions",
        call=lambda employees: employees.field_definitions("Put"),
        scope="employee:read",
        sends="GET /hr/v1.0/employees/fielddefinitions",
        query={"type": "Put"},
        answer={"data": {"type": "object", "properties": {}}},
        gives={"type": "object", "properties": {}},
    ),
    Row(
        name="history",
        call=lambda employees: employees.history(7).collect(limit=1),
        scope="employee:history",
        sends="GET /hr/v1.0/employees/7/history",
        query={"limit": "50", "offset": "0"},
        answer={
            "data": [
                {
                    "op": "replace",
                    "path": "/departments",
                    "value": [1],
                    "modificationDateTime": "2026-02-03T11:00:00",
                    "modifiedBy": "Mette Holm",
                }
            ]
        },
        gives=[
            EmployeeChange(
                op="replace",
                path="/departments",
                value=[1],
                modification_date_time=NOON,
                modified_by="Mette Holm",
            )
        ],
    ),
    Row(
        name="history",
        call=lambda employees: employees.history(
            7, start_date_time=NOON, end_date_time=LATER
        ).collect(limit=1),
        scope="employee:history",
        sends="GET /hr/v1.0/employees/7/history",
        query={
            "startDateTime": NOON_UTC,
            "endDateTime": LATER_UTC,
            "limit": "50",
            "offset": "0",
        },
        answer={"data": []},
        gives=[],
    ),
    Row(
        name="custom_field",
        call=lambda employees: employees.custom_field(7, "custom_1"),
        scope="employee:read",
        sends="GET /hr/v1.0/employees/7/customfields/custom_1/value",
        answer=PICTURE,
        gives=PICTURE,
    ),
    Row(
        name="add_custom_field",
        call=lambda employees: employees.add_custom_field(7, "custom_1", PICTURE),
        scope="employee:create",
        sends="POST /hr/v1.0/employees/7/customfields/custom_1/value",
        body=PICTURE,
        answer=PICTURE,
    ),
    Row(
        name="set_custom_field",
        call=lambda employees: employees.set_custom_field(7, "custom_1", PICTURE),
        scope="employee:update",
        sends="PUT /hr/v1.0/employees/7/customfields/custom_1/value",
        body=PICTURE,
        answer=PICTURE,
    ),
    Row(
        name="delete_custom_field",
        call=lambda employees: employees.delete_custom_field(7, "custom_1"),
        scope="employee:update",
        sends="DELETE /hr/v1.0/employees/7/customfields/custom_1/value",
        answer=True,
    ),
    Row(
        name="termination_types",
        call=lambda employees: employees.termination_types(),
        scope="employee:read",
        sends="GET /hr/v1.0/terminationtypes",
        answer={"data": [{"id": 5, "name": "Retired"}]},
        gives=[TerminationType(id=5, name="Retired")],
    ),
    Row(
        name="termination_types",
        call=lambda employees: employees.termination_types(),
        scope="employee:read",
        sends="GET /hr/v1.0/terminationtypes",
        answer=[{"id": 5, "name": "Retired"}],
        gives=[TerminationType(id=5, name="Retired")],
    ),
]


@pytest.fixture
def employees(transport: Transport) -> Employees:
    return Employees(transport, ClientOptions())


@pytest.fixture
def somebody(portal: PortalData) -> int:
    """The number of one who is at work."""
    return next(iter(portal.employees)).id


def multiply(portal: PortalData, count: int) -> None:
    """Let so many be at work."""
    now = portal.clock.now()
    working = [each for each in portal.employees if not each.is_deactivated(now)]
    for _ in range(count - len(working)):
        portal.employees.make(lambda id_: evolve(working[0], id=id_, user_name=f"{id_}@x.dk"))


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_sends_exactly_this_request(row: Row[Employees]) -> None:
    """Method, path, query, headers and body are these, and the answer is read."""
    await check(row, Employees)


def test_every_operation_has_a_row() -> None:
    """A method that is added needs a row in the table."""
    assert {row.name for row in ROWS} == operations(Employees)


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_names_the_scope_it_needs(
    row: Row[Employees], emulator: Emulator
) -> None:
    """Without its scope the error names it, and with it alone the call goes through."""
    await check_scope(row, Employees, emulator)


# --- Lists ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [None, "no_paging", "no_total", "wrong_total"])
async def test_everybody_at_work_is_listed_whatever_the_paging_says(
    employees: Employees, portal: PortalData, emulator: Emulator, fault: str | None
) -> None:
    """A hundred and twenty come once each, though the total be null, missing or nought."""
    multiply(portal, 120)
    if fault:
        emulator.planday.fault(fault, count=None)
    listed = [each.id async for each in employees.list()]
    now = portal.clock.now()
    assert listed == [each.id for each in portal.employees if not each.is_deactivated(now)]
    assert len(listed) == 120
    # Where nothing is told of the pages, only an empty one is the last.
    calls = 4 if fault == "no_paging" else 3
    assert emulator.planday.counters()["routes"]["GET /hr/v1.0/employees"] == calls


async def test_a_total_that_promises_more_raises(employees: Employees, emulator: Emulator) -> None:
    """A list shorter than its total is never taken for the whole."""
    emulator.planday.fault("wrong_total", count=None, total=1000)
    with pytest.raises(UnexpectedResponseError, match="there are 1000 records"):
        await employees.list().collect()


async def test_who_is_taken_on_during_the_walk_is_met_too(
    employees: Employees, portal: PortalData
) -> None:
    """The pages grow while they are read, and the walk goes on to their end."""
    multiply(portal, 100)
    met = []
    async for each in employees.list():
        met.append(each.id)
        if len(met) == 60:
            multiply(portal, 101)
    assert len(met) == len(set(met)) == 101


async def test_a_list_goes_on_behind_a_cursor(employees: Employees, portal: PortalData) -> None:
    """What was taken before is not fetched again."""
    multiply(portal, 70)
    pages = employees.list()
    first = await pages.collect(limit=60)
    rest = await employees.list(after=pages.cursor).collect()
    assert (len(first), len(rest)) == (60, 10)
    assert not {each.id for each in first} & {each.id for each in rest}


@pytest.mark.parametrize("null_keys", [True, False])
async def test_keys_left_out_read_as_null_does(
    employees: Employees, emulator: Emulator, somebody: int, null_keys: bool
) -> None:
    """Live lists leave out what is null and the documentation shows it; both mean None."""
    emulator.planday.settings(null_keys=null_keys)
    item = (await employees.list().collect(limit=1))[0]
    assert item.id == somebody
    assert ("terminationTypeId" in item.raw) is null_keys
    assert (item.termination_type_id, item.deactivation_date, item.is_public) == (None,) * 3


async def test_those_changed_in_a_window_are_listed(
    employees: Employees, portal: PortalData, somebody: int
) -> None:
    """The window begins and ends with moments of any zone, and catches who has left in it."""
    since = (START - timedelta(minutes=1)).astimezone(timezone(timedelta(hours=5)))
    await employees.update(somebody, job_title="Foreman")
    other = (await employees.list().collect(limit=2))[1].id
    await employees.deactivate(other)
    touched = await employees.list(modified_from=since).collect()
    left = await employees.deactivated(deactivated_from=since).collect()
    assert [each.id for each in touched] == [somebody]
    assert [each.id for each in left] == [other]
    assert len(await employees.deactivated(deactivated_to=since).collect()) == 2


async def test_a_naive_moment_costs_no_call(employees: Employees, emulator: Emulator) -> None:
    """It could mean any zone, so it is refused, and named."""
    with pytest.raises(ValueError, match=r"modified_from is .* without a time zone"):
        await employees.list(modified_from=datetime(2026, 2, 3)).collect()
    with pytest.raises(ValueError, match="special"):
        await employees.get(7, special=["Skills"])  # type: ignore[list-item]
    assert emulator.planday.counters()["calls"] == 0


async def test_a_search_looks_into_names_and_addresses(employees: Employees) -> None:
    """Its words go out as they are, letters beyond ASCII among them."""
    (found,) = await employees.list(search_query="Søren").collect()
    assert (found.first_name, found.last_name) == ("Søren", "Juhl")


async def test_security_groups_are_told_if_asked_for(employees: Employees) -> None:
    """The list leaves them out otherwise."""
    plain = await employees.list().collect(limit=1)
    asked = await employees.list(include_security_groups=True).collect(limit=1)
    assert (plain[0].security_groups, asked[0].security_groups) == ((), (1,))


# --- Fields ---------------------------------------------------------------------------------------


async def test_a_list_and_one_employee_agree(employees: Employees, portal: PortalData) -> None:
    """What both tell of a person is the same, phones with their prefix included."""
    shared = {each.name for each in fields(Person)} - {"raw", "cell_phone", "phone"}
    listed = await employees.list().collect()
    for item in listed[:12]:
        one = await employees.get(item.id)
        assert {name: getattr(item, name) for name in shared} == {
            name: getattr(one, name) for name in shared
        }
        assert item.full_cell_phone == one.full_cell_phone
        assert item.hired_date == one.hired_from
        assert one.date_time_created is not None
        assert item.date_time_created == one.date_time_created.date()
    without = next(each for each in portal.employees if not each.cell_phone).id
    (item,) = [each for each in listed if each.id == without]
    assert (item.cell_phone, item.full_cell_phone) == ("+45", None)
    assert (await employees.get(without)).full_cell_phone is None


async def test_each_answer_has_a_field_for_each_key(
    employees: Employees, emulator: Emulator
) -> None:
    """Where every key is written out, each model has those of its answer, and no more."""
    emulator.planday.settings(null_keys=True)
    special: list[Special] = ["BankAccount", "BirthDate", "Ssn"]
    item = (await employees.list(special=special).collect(limit=1))[0]
    left = (await employees.deactivated(special=special).collect(limit=1))[0]
    one = await employees.get(item.id, special=special)
    for person, beside in ((item, set()), (left, set()), (one, {"custom_fields"})):
        known = {camel(each.name) for each in fields(type(person)) if each.name not in beside}
        told = {key for key in person.raw if not key.startswith("custom_")}
        assert told == known - {"raw"}


@pytest.mark.parametrize(
    ("number", "prefix", "whole"),
    [
        ("+4520551000", "+45", "+4520551000"),
        ("20551000", "+45", "+4520551000"),
        ("+45", "+45", None),
        ("", "+45", None),
        (None, "+45", None),
        (None, None, None),
        ("20551000", None, "20551000"),
        ("4520551000", "+45", "+454520551000"),
    ],
)
def test_a_phone_is_told_with_its_prefix(
    number: str | None, prefix: str | None, whole: str | None
) -> None:
    """With it or without it, the number is the same, and a prefix alone is none."""
    item = EmployeeItem(id=7, cell_phone=number, cell_phone_country_prefix=prefix)
    one = Employee(id=7, phone=number, phone_country_prefix=prefix)
    assert (item.full_cell_phone, one.full_phone) == (whole, whole)
    assert (item.full_phone, one.full_cell_phone) == (None, None)


async def test_special_fields_come_with_their_scopes_alone(
    employees: Employees, emulator: Emulator, somebody: int
) -> None:
    """They are told to whom asks and may; who may not is told nothing, and no error."""
    asked = await employees.get(somebody, special=["BankAccount", "BirthDate", "Ssn"])
    assert asked.bank_account == BankAccount(registration_number="1234", account_number="5550001")
    assert asked.birth_date == date(1970, 1, 1)
    assert asked.ssn == "010170-1000"
    plain = await employees.get(somebody)
    assert (plain.bank_account, plain.birth_date, plain.ssn) == (None, None, None)
    async with opened(emulator, limited(emulator, "employee:read", "ssn:read")) as transport:
        narrow = Employees(transport, ClientOptions())
        (item,) = await narrow.list(special=["BirthDate", "Ssn"]).collect(limit=1)
    assert (item.birth_date, item.ssn) == (None, "010170-1000")


def test_a_representation_shows_nothing_special() -> None:
    """Bank accounts, birthdays and social security numbers stay out of what is printed."""
    employee = Employee(
        id=7,
        ssn="010170-1000",
        birth_date=date(1970, 1, 1),
        bank_account=BankAccount(account_number="5550001"),
    )
    assert not any(word in repr(employee) for word in ("010170", "1970", "5550001"))


async def test_the_portals_own_fields_are_read_by_their_keys(
    employees: Employees, somebody: int
) -> None:
    """Each has a name and a type; what is not set has no value, an image no URL."""
    own = (await employees.get(somebody)).custom_fields
    assert own[TEXT] == CustomField(name="Locker", type="Text", value="L-1")
    assert own[NUMBER] == CustomField(name="Shoe size", type="Numeric", value=38)
    assert own[IMAGE] == CustomField(name="Photo", type="Image")
    assert len(own) == 6


async def test_an_image_is_put_replaced_and_taken_out(employees: Employees, somebody: int) -> None:
    """It comes back as it was written, letter by letter; without one there is nothing to read."""
    with pytest.raises(NotFoundError):
        await employees.custom_field(somebody, IMAGE)
    await employees.add_custom_field(somebody, IMAGE, PICTURE)
    assert await employees.custom_field(somebody, IMAGE) == PICTURE
    assert (await employees.get(somebody)).custom_fields[IMAGE].url is not None
    await employees.set_custom_field(somebody, IMAGE, other := PICTURE.replace("iV", "aV"))
    assert await employees.custom_field(somebody, IMAGE) == other
    await employees.delete_custom_field(somebody, IMAGE)
    with pytest.raises(NotFoundError):
        await employees.custom_field(somebody, IMAGE)


@pytest.mark.parametrize("answer", [True, {"data": PICTURE}, [PICTURE], 7, None])
async def test_an_image_in_another_shape_is_refused(answer: Any) -> None:
    """An answer that is no text is none that could be an image."""
    row: Row[Employees] = Row(
        name="custom_field",
        call=lambda employees: employees.custom_field(7, IMAGE),
        sends=f"GET /hr/v1.0/employees/7/customfields/{IMAGE}/value",
        answer=answer,
    )
    with pytest.raises(UnexpectedResponseError):
        await check(row, Employees)


async def test_an_image_is_refused_before_it_is_sent(
    employees: Employees, emulator: Emulator, somebody: int
) -> None:
    """Bytes are no data URI, and a field goes by its key."""
    with pytest.raises(TypeError, match="image takes text, not bytes"):
        await employees.set_custom_field(somebody, IMAGE, b"png")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="knows no 'Photo'"):
        await employees.custom_field(somebody, "Photo")
    assert emulator.planday.counters()["calls"] == 0


async def test_an_own_field_in_another_shape_is_named() -> None:
    """The error says which one it is, and shows no value."""
    row: Row[Employees] = Row(
        name="get",
        call=lambda employees: employees.get(7),
        sends="GET /hr/v1.0/employees/7",
        answer={"data": {"id": 7, TEXT: "secret"}},
    )
    with pytest.raises(UnexpectedResponseError, match=r"\$\.data\.custom_11111") as caught:
        await check(row, Employees)
    assert "secret" not in str(caught.value)


# --- Coming, changing and leaving -----------------------------------------------------------------


def new(**fields: Any) -> dict[str, Any]:
    """The fields of somebody new."""
    told = {"first_name": "Zoë", "last_name": "Ng", "user_name": "zoe@example.com"}
    return {**told, "departments": [1001], **fields}


async def test_an_employee_is_taken_on_and_read_as_written(employees: Employees) -> None:
    """Every kind of field comes back, the portal's own among them."""
    made = await employees.create(
        **new(
            email="zoe@home.example",
            hired_from=date(2026, 2, 1),
            salary_identifier="S-77",
            employee_groups=[2001],
            cell_phone="20 55 12 34",
            cell_phone_country_code="SE",
            gender=None,
            custom_fields={TEXT: "L-99", "custom_11113": False, "custom_11114": date(2026, 1, 9)},
            ssn="010190-1234",
        )
    )
    found = await employees.get(made.id)
    assert found == made
    assert (found.first_name, found.user_name) == ("Zoë", "zoe@example.com")
    assert (found.departments, found.employee_groups) == ((1001,), (2001,))
    assert (found.hired_from, found.full_cell_phone) == (date(2026, 2, 1), "+4620551234")
    assert found.custom_fields[TEXT].value == "L-99"
    assert found.custom_fields["custom_11113"].value is False
    assert found.custom_fields["custom_11114"].value == "2026-01-09"
    assert found.date_time_created == START
    assert found.ssn is None
    assert (await employees.get(made.id, special=["Ssn"])).ssn == "010190-1234"


async def test_a_user_name_is_taken_once(employees: Employees) -> None:
    """The second who wants it is refused, with the reason."""
    await employees.create(**new())
    with pytest.raises(ConflictError, match="userName is already in use"):
        await employees.create(**new())


async def test_what_the_portal_requires_is_named(employees: Employees, portal: PortalData) -> None:
    """Its own field, missing, is told by the error and by the definitions."""
    portal.required_fields = (TEXT,)
    with pytest.raises(BadRequestError, match=f"{TEXT}.*required"):
        await employees.create(**new())
    definitions = await employees.field_definitions("Post")
    assert TEXT in definitions["required"]
    assert definitions["properties"][TEXT]["description"] == "Locker"
    assert "userName" in (await employees.field_definitions("Put"))["readOnly"]


async def test_an_employee_whose_answer_is_lost_is_not_made_twice(
    employees: Employees, portal: PortalData, emulator: Emulator
) -> None:
    """The outcome is unknown to the caller, and there is one more, not two."""
    before = len(portal.employees)
    emulator.planday.fault("cut_after", method="POST")
    with pytest.raises(OutcomeUnknownError):
        await employees.create(**new())
    assert len(portal.employees) == before + 1


async def test_a_change_touches_what_it_names(
    employees: Employees, emulator: Emulator, somebody: int
) -> None:
    """The rest stays, and a change whose answer is lost is made again."""
    before = await employees.get(somebody)
    emulator.planday.fault("cut_after", method="PUT")
    await employees.update(
        somebody,
        job_title="Foreman",
        primary_department_id=None,
        skill_ids=[],
        custom_fields={TEXT: None, NUMBER: 44},
    )
    after = await employees.get(somebody)
    assert (after.job_title, after.primary_department_id, after.skill_ids) == ("Foreman", None, ())
    assert (after.custom_fields[TEXT].value, after.custom_fields[NUMBER].value) == (None, 44)
    assert (
        evolve(
            after,
            job_title=before.job_title,
            primary_department_id=before.primary_department_id,
            skill_ids=before.skill_ids,
            custom_fields=before.custom_fields,
            date_time_modified=before.date_time_modified,
        )
        == before
    )
    routes = emulator.planday.counters()["routes"]
    assert routes["PUT /hr/v1.0/employees/{employeeId}"] == 2


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"supervisor_id": None, "gender": None},
        {"custom_fields": {}},
        {"custom_fields": {TEXT: None}, "use_validation": False, "deadline": 5.0},
    ],
)
async def test_a_change_of_nothing_but_nulls_costs_no_call(
    employees: Employees, emulator: Emulator, somebody: int, fields: Any
) -> None:
    """Planday refuses it, so it is refused here, with what to do."""
    with pytest.raises(ValueError, match="give one more field"):
        await employees.update(somebody, **fields)
    assert emulator.planday.counters()["calls"] == 0


@pytest.mark.parametrize("key", ["Locker", "custom_", "custom_1x", "customFields", "custom_1\n"])
async def test_an_own_field_goes_by_its_key(
    employees: Employees, emulator: Emulator, somebody: int, key: str
) -> None:
    """A name, or half a key, is refused before anything is sent, with where the keys are told."""
    with pytest.raises(ValueError, match="field_definitions"):
        await employees.update(somebody, custom_fields={key: "L-1"})
    assert emulator.planday.counters()["calls"] == 0


async def test_a_field_that_is_still_empty_may_pass(
    employees: Employees, portal: PortalData, somebody: int
) -> None:
    """The portal insists on it unless validation is left out."""
    portal.required_fields = ("custom_11115",)
    with pytest.raises(BadRequestError, match="custom_11115"):
        await employees.update(somebody, job_title="Foreman")
    await employees.update(somebody, job_title="Foreman", use_validation=False)
    assert (await employees.get(somebody)).job_title == "Foreman"


async def test_a_user_name_is_changed_by_its_own_call(employees: Employees, somebody: int) -> None:
    """A plain change does not take it."""
    with pytest.raises(TypeError, match="EmployeeUpdate takes no 'user_name'"):
        await employees.update(somebody, user_name="new@example.com")  # type: ignore[call-arg]
    await employees.change_username(somebody, "new@example.com")
    assert (await employees.get(somebody)).user_name == "new@example.com"


async def test_somebody_leaves_and_comes_back(employees: Employees, somebody: int) -> None:
    """From one list to the other and back, with the reason; by id they are always found."""
    reason = (await employees.termination_types())[1]
    await employees.deactivate(somebody, reason="Moves", termination_type_id=reason.id)
    assert (await employees.get(somebody)).is_deactivated is True
    assert somebody not in [each.id async for each in employees.list()]
    (left,) = [each for each in await employees.deactivated().collect() if each.id == somebody]
    assert (left.deactivation_reason, left.termination_type_name) == ("Moves", "Dismissed")
    assert (left.date_time_deleted, left.deactivation_date) == (START, START.date())
    with pytest.raises(ConflictError, match="already deactivated"):
        await employees.deactivate(somebody)
    await employees.reactivate(somebody, comment="Is back", departments=[1003])
    back = await employees.get(somebody)
    assert (back.is_deactivated, back.deactivation_date) == (False, None)
    assert back.departments == (1003,)
    (item,) = [each for each in await employees.list().collect() if each.id == somebody]
    assert item.date_time_deleted == START


async def test_who_will_leave_is_still_at_work(employees: Employees, somebody: int) -> None:
    """The list tells the day ahead, and it can be taken back."""
    await employees.deactivate(somebody, date=TOMORROW)
    (item,) = [each for each in await employees.list().collect() if each.id == somebody]
    assert item.deactivation_date == TOMORROW
    assert (await employees.get(somebody)).is_deactivated is False
    await employees.reactivate(somebody)
    assert (await employees.get(somebody)).deactivation_date is None


@pytest.mark.parametrize("verb", ["deactivate", "reactivate"])
async def test_leaving_and_coming_back_are_asked_for_once(
    employees: Employees, emulator: Emulator, somebody: int, verb: str
) -> None:
    """A second time would be a conflict, which says nothing of the first, so it is in doubt."""
    if verb == "reactivate":
        await employees.deactivate(somebody)
    emulator.planday.fault("cut_after", method="PUT")
    with pytest.raises(OutcomeUnknownError):
        await getattr(employees, verb)(somebody)
    routes = emulator.planday.counters()["routes"]
    assert routes[f"PUT /hr/v1.0/employees/{verb}/{{employeeId}}"] == 1
    assert (await employees.get(somebody)).is_deactivated is (verb == "deactivate")


async def test_nobody_is_found_by_an_id_nobody_has(employees: Employees) -> None:
    """Reading and changing say so alike."""
    with pytest.raises(NotFoundError, match="doesn't exist"):
        await employees.get(99)
    with pytest.raises(NotFoundError):
        await employees.update(99, job_title="Foreman")


# --- Supervisors and history ----------------------------------------------------------------------


async def test_a_supervisor_is_named_by_a_number_of_its_own(
    employees: Employees, somebody: int
) -> None:
    """An employee names the record, and beside it the person is told."""
    supervisor = (await employees.supervisors().collect())[-1]
    assert supervisor.id != supervisor.employee_id
    await employees.update(somebody, supervisor_id=supervisor.id)
    one = await employees.get(somebody)
    assert (one.supervisor_id, one.supervisor_employee_id) == (
        supervisor.id,
        supervisor.employee_id,
    )


async def test_a_history_tells_each_change(employees: Employees, somebody: int) -> None:
    """Field by field with its new value; a moment without a zone is taken as UTC."""
    await employees.update(somebody, job_title="Foreman", employee_groups=[2003])
    changes = await employees.history(somebody).collect()
    told = {each.path: each.value for each in changes}
    assert (told["/jobTitle"], told["/employeeGroups"]) == ("Foreman", [2003])
    assert {each.op for each in changes} == {"replace"}
    assert {each.modification_date_time for each in changes} == {START}
    assert {each.modified_by for each in changes} == {"Mette Holm"}


async def test_a_history_is_cut_to_a_span(
    employees: Employees, emulator: Emulator, somebody: int
) -> None:
    """Both ends are moments of any zone."""
    await employees.update(somebody, job_title="Foreman")
    hour = timedelta(hours=1)
    there = START.astimezone(timezone(timedelta(hours=5)))
    inside = employees.history(somebody, start_date_time=there - hour, end_date_time=there + hour)
    before = employees.history(somebody, end_date_time=there - hour)
    assert [each.value for each in await inside.collect()] == ["Foreman"]
    assert await before.collect() == []
    with pytest.raises(ValueError, match=r"start_date_time is .* without a time zone"):
        employees.history(somebody, start_date_time=datetime(2026, 2, 3))


async def test_a_listing_that_shrinks_under_it_says_so(
    employees: Employees, portal: PortalData
) -> None:
    """Whoever leaves in the middle of a walk moves others onto pages that were read already."""
    multiply(portal, 120)
    walk = employees.list().pages()
    first = await anext(walk)
    await employees.deactivate(first[0].id, date=date(2026, 1, 1), keep_shifts=True)
    with pytest.raises(UnexpectedResponseError, match="1 of 120 records were removed"):
        await anext(walk)
    assert len(await employees.list().collect()) == 119
