"""Employee types: how people are employed."""

import pytest

from planado_async.core.resource import ClientOptions
from planado_async.core.transport import Transport
from planado_async.emulator import Emulator
from planado_async.emulator.planday.data import PortalData
from planado_async.planday.models import EmployeeType
from planado_async.planday.resources import EmployeeTypes
from tests.planday.requests import Row, check, check_scope, named, operations

ROWS: list[Row[EmployeeTypes]] = [
    Row(
        name="list",
        call=lambda types: types.list(),
        scope="employeetype:read",
        sends="GET /hr/v1.0/employeetypes",
        answer={
            "paging": {"offset": 0, "limit": 50, "total": 2},
            "data": [{"id": 7, "name": "Hourly", "description": ""}, {"id": 8}],
        },
        gives=[EmployeeType(id=7, name="Hourly", description=""), EmployeeType(id=8)],
    ),
]


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_sends_exactly_this_request(row: Row[EmployeeTypes]) -> None:
    """Method, path, query, headers and body are these, and the answer is read."""
    await check(row, EmployeeTypes)


def test_every_operation_has_a_row() -> None:
    """A method that is added needs a row in the table."""
    assert {row.name for row in ROWS} == operations(EmployeeTypes)


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_names_the_scope_it_needs(
    row: Row[EmployeeTypes], emulator: Emulator
) -> None:
    """Without its scope the error names it, and with it alone the call goes through."""
    await check_scope(row, EmployeeTypes, emulator)


@pytest.mark.parametrize("fault", ["no_paging", "no_total"])
async def test_all_types_are_told_whatever_the_paging_says(
    transport: Transport, portal: PortalData, emulator: Emulator, fault: str
) -> None:
    """They come at once, so paging that is null or lacks its total changes nothing."""
    emulator.planday.fault(fault)
    types = await EmployeeTypes(transport, ClientOptions()).list()
    assert [(each.id, each.name, each.description) for each in types] == [
        (each.id, each.name, each.description) for each in portal.employee_types
    ]
