"""Departments: the places people work at."""

import pytest
from attrs import evolve

from planado_async.core.errors import ConflictError, NotFoundError, OutcomeUnknownError
from planado_async.core.resource import ClientOptions
from planado_async.core.transport import Transport
from planado_async.emulator import Emulator
from planado_async.emulator.planday.data import PortalData
from planado_async.planday.models import Department
from planado_async.planday.resources import Departments
from tests.planday.requests import Row, check, check_scope, named, operations

ROWS: list[Row[Departments]] = [
    Row(
        name="list",
        call=lambda departments: departments.list(after="50").collect(limit=1),
        scope="department:read",
        sends="GET /hr/v1.0/departments",
        query={"limit": "50", "offset": "50"},
        answer={"paging": None, "data": [{"id": 7, "name": "North", "number": ""}]},
        gives=[Department(id=7, name="North", number="")],
    ),
    Row(
        name="get",
        call=lambda departments: departments.get(7),
        scope="department:read",
        sends="GET /hr/v1.0/departments/7",
        answer={"data": {"id": 7}},
        gives=Department(id=7),
    ),
    Row(
        name="get",
        call=lambda departments: departments.get(7, include_deleted=True, deadline=5.0),
        scope="department:read",
        sends="GET /hr/v1.0/departments/7",
        query={"includeDeleted": "true"},
        answer={"data": {"id": 7, "number": None}},
        gives=Department(id=7),
    ),
    Row(
        name="create",
        call=lambda departments: departments.create(name="North", number="N-1"),
        scope="department:create",
        sends="POST /hr/v1.0/departments",
        body={"name": "North", "number": "N-1"},
        answer={"data": {"id": 7, "name": "North", "number": "N-1"}},
        gives=Department(id=7, name="North", number="N-1"),
    ),
    Row(
        name="update",
        call=lambda departments: departments.update(7, name="North"),
        scope="department:update",
        sends="PUT /hr/v1.0/departments/7",
        body={"name": "North"},
    ),
    Row(
        name="delete",
        call=lambda departments: departments.delete(7),
        scope="department:delete",
        sends="DELETE /hr/v1.0/departments/7",
    ),
    Row(
        name="employees",
        call=lambda departments: departments.employees(7),
        scope="employee:read",
        sends="GET /hr/v1.0/departments/7/employees",
        answer={"data": [{"employeeId": 12}, {"employeeId": 11}]},
        gives=[12, 11],
    ),
]


@pytest.fixture
def departments(transport: Transport) -> Departments:
    return Departments(transport, ClientOptions())


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_sends_exactly_this_request(row: Row[Departments]) -> None:
    """Method, path, query, headers and body are these, and the answer is read."""
    await check(row, Departments)


def test_every_operation_has_a_row() -> None:
    """A method that is added needs a row in the table."""
    assert {row.name for row in ROWS} == operations(Departments)


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_names_the_scope_it_needs(
    row: Row[Departments], emulator: Emulator
) -> None:
    """Without its scope the error names it, and with it alone the call goes through."""
    await check_scope(row, Departments, emulator)


async def test_a_department_is_opened_changed_and_closed(departments: Departments) -> None:
    """It is read as it was written, stays out of sight once deleted, and is found if asked for."""
    made = await departments.create(name="East", number="E-400")
    assert (
        await departments.get(made.id)
        == made
        == Department(id=made.id, name="East", number="E-400")
    )
    await departments.update(made.id, name="Far East", number="E-401")
    changed = await departments.get(made.id)
    assert (changed.name, changed.number) == ("Far East", "E-401")
    await departments.delete(made.id)
    assert changed not in await departments.list().collect()
    with pytest.raises(NotFoundError):
        await departments.get(made.id)
    assert await departments.get(made.id, include_deleted=True) == changed


async def test_a_department_with_people_is_not_closed(
    departments: Departments, portal: PortalData
) -> None:
    """The members are those of the portal, and keep their department open."""
    first = next(iter(portal.departments)).id
    members = await departments.employees(first)
    now = portal.clock.now()
    assert members
    assert set(members) == {
        each.id
        for each in portal.employees
        if first in each.departments and not each.is_deactivated(now)
    }
    with pytest.raises(ConflictError, match="has employees"):
        await departments.delete(first)


async def test_all_departments_are_listed_over_several_pages(
    departments: Departments, portal: PortalData, emulator: Emulator
) -> None:
    """A hundred and thirty departments take three calls, and come once each."""
    one = next(iter(portal.departments))
    for _ in range(130 - len(portal.departments)):
        portal.departments.make(lambda id_: evolve(one, id=id_))
    listed = await departments.list().collect()
    assert [each.id for each in listed] == [each.id for each in portal.departments]
    assert emulator.planday.counters()["routes"]["GET /hr/v1.0/departments"] == 3


async def test_a_department_whose_answer_is_lost_is_not_made_twice(
    departments: Departments, portal: PortalData, emulator: Emulator
) -> None:
    """The outcome is unknown to the caller, and there is one department more, not two."""
    before = len(portal.departments)
    emulator.planday.fault("cut_after", method="POST")
    with pytest.raises(OutcomeUnknownError):
        await departments.create(name="East")
    assert len(portal.departments) == before + 1


async def test_an_id_that_cannot_be_one_costs_no_call(
    departments: Departments, emulator: Emulator
) -> None:
    """Text, True and nought are refused before anything is sent."""
    for wrong in ("7", True):
        with pytest.raises(TypeError):
            await departments.get(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="0 is no id"):
        await departments.employees(0)
    assert emulator.planday.counters()["calls"] == 0
