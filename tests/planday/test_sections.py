"""Sections: the headings under which positions stand."""

import pytest

from planado_async.core.resource import ClientOptions
from planado_async.core.transport import Transport
from planado_async.emulator import Emulator
from planado_async.emulator.planday.data import PortalData
from planado_async.planday.models import Section
from planado_async.planday.resources import Sections
from tests.planday.requests import Row, check, check_scope, named, operations

ROWS: list[Row[Sections]] = [
    Row(
        name="list",
        call=lambda sections: sections.list(department_id=1, after="50").collect(limit=1),
        scope="shiftposition:read",
        sends="GET /scheduling/v1.0/sections",
        query={"departmentId": "1", "limit": "50", "offset": "50"},
        answer={"data": [{"id": 7, "name": "Field"}]},
        gives=[Section(id=7, name="Field")],
    ),
]


@pytest.fixture
def sections(transport: Transport) -> Sections:
    return Sections(transport, ClientOptions())


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_sends_exactly_this_request(row: Row[Sections]) -> None:
    """Method, path, query, headers and body are these, and the answer is read."""
    await check(row, Sections)


def test_every_operation_has_a_row() -> None:
    """A method that is added needs a row in the table."""
    assert {row.name for row in ROWS} == operations(Sections)


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_names_the_scope_it_needs(
    row: Row[Sections], emulator: Emulator
) -> None:
    """Without its scope the error names it, and with it alone the call goes through."""
    await check_scope(row, Sections, emulator)


async def test_the_sections_of_a_department_are_some_of_all(
    sections: Sections, portal: PortalData
) -> None:
    """Every section comes, or those of the department named."""
    every = await sections.list().collect()
    assert [each.id for each in every] == [each.id for each in portal.roster.sections]
    one = every[0].department_id
    assert await sections.list(department_id=one).collect() == [
        each for each in every if each.department_id == one
    ]
