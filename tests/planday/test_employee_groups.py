"""Employee groups: what people do."""

import pytest

from planado_async.core.errors import ConflictError, NotFoundError
from planado_async.core.resource import ClientOptions
from planado_async.core.transport import Transport
from planado_async.emulator import Emulator
from planado_async.emulator.planday.data import PortalData
from planado_async.planday.models import EmployeeGroup
from planado_async.planday.resources import EmployeeGroups
from tests.planday.requests import Row, check, check_scope, named, operations

ROWS: list[Row[EmployeeGroups]] = [
    Row(
        name="list",
        call=lambda groups: groups.list(after="50").collect(limit=1),
        scope="employeegroup:read",
        sends="GET /hr/v1.0/employeegroups",
        query={"limit": "50", "offset": "50"},
        answer={"data": [{"id": 7, "name": "Drivers"}]},
        gives=[EmployeeGroup(id=7, name="Drivers")],
    ),
    Row(
        name="get",
        call=lambda groups: groups.get(7),
        scope="employeegroup:read",
        sends="GET /hr/v1.0/employeegroups/7",
        answer={"data": {"id": 7}},
        gives=EmployeeGroup(id=7),
    ),
    Row(
        name="create",
        call=lambda groups: groups.create(name="Drivers"),
        scope="employeegroup:create",
        sends="POST /hr/v1.0/employeegroups",
        body={"name": "Drivers"},
        answer={"data": {"id": 7, "name": "Drivers"}},
        gives=EmployeeGroup(id=7, name="Drivers"),
    ),
    Row(
        name="update",
        call=lambda groups: groups.update(7, name="Riders"),
        scope="employeegroup:update",
        sends="PUT /hr/v1.0/employeegroups/7",
        body={"name": "Riders"},
    ),
    Row(
        name="delete",
        call=lambda groups: groups.delete(7),
        scope="employeegroup:delete",
        sends="DELETE /hr/v1.0/employeegroups/7",
    ),
    Row(
        name="employees",
        call=lambda groups: groups.employees(7),
        scope="employee:read",
        sends="GET /hr/v1.0/employeegroups/7/employees",
        answer={"data": [{"employeeId": 12}, {"employeeId": 11}]},
        gives=[12, 11],
    ),
]


@pytest.fixture
def groups(transport: Transport) -> EmployeeGroups:
    return EmployeeGroups(transport, ClientOptions())


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_sends_exactly_this_request(row: Row[EmployeeGroups]) -> None:
    """Method, path, query, headers and body are these, and the answer is read."""
    await check(row, EmployeeGroups)


def test_every_operation_has_a_row() -> None:
    """A method that is added needs a row in the table."""
    assert {row.name for row in ROWS} == operations(EmployeeGroups)


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_names_the_scope_it_needs(
    row: Row[EmployeeGroups], emulator: Emulator
) -> None:
    """Without its scope the error names it, and with it alone the call goes through."""
    await check_scope(row, EmployeeGroups, emulator)


async def test_a_group_is_made_renamed_and_removed(groups: EmployeeGroups) -> None:
    """It is read as it was written, and is gone once deleted."""
    made = await groups.create(name="Painters")
    assert made in await groups.list().collect()
    await groups.update(made.id, name="Glaziers")
    assert await groups.get(made.id) == EmployeeGroup(id=made.id, name="Glaziers")
    assert await groups.employees(made.id) == []
    await groups.delete(made.id)
    with pytest.raises(NotFoundError):
        await groups.get(made.id)


async def test_a_group_with_people_is_not_removed(
    groups: EmployeeGroups, portal: PortalData
) -> None:
    """The members are those of the portal, and keep their group."""
    first = next(iter(portal.employee_groups)).id
    members = await groups.employees(first)
    now = portal.clock.now()
    assert members
    assert set(members) == {
        each.id
        for each in portal.employees
        if first in each.employee_groups and not each.is_deactivated(now)
    }
    with pytest.raises(ConflictError, match="has employees"):
        await groups.delete(first)
