"""Positions: the places to fill on a schedule."""

from datetime import date, timedelta
from typing import Any

import pytest
from attrs import evolve

from planado_async.core.errors import ConflictError, NotFoundError, OutcomeUnknownError
from planado_async.core.resource import ClientOptions
from planado_async.core.transport import Transport
from planado_async.emulator import Emulator
from planado_async.emulator.planday.data import PortalData
from planado_async.planday.models import Position
from planado_async.planday.resources import Positions
from tests.planday.conftest import START
from tests.planday.requests import Row, check, check_scope, named, operations

ROWS: list[Row[Positions]] = [
    Row(
        name="list",
        call=lambda positions: positions.list(is_active=False).collect(limit=1),
        scope="shiftposition:read",
        sends="GET /scheduling/v1.0/positions",
        query={"isActive": "false", "limit": "50", "offset": "0"},
        answer={"data": [{"id": 7, "startDate": "2026-02-01", "endDate": "", "skillIds": [1]}]},
        gives=[Position(id=7, start_date=date(2026, 2, 1), skill_ids=(1,))],
    ),
    Row(
        name="get",
        call=lambda positions: positions.get(7),
        scope="shiftposition:read",
        sends="GET /scheduling/v1.0/positions/7",
        answer={"data": {"id": 7, "name": "Van 1", "color": "#21E56E"}},
        gives=Position(id=7, name="Van 1", color="#21E56E"),
    ),
    Row(
        name="create",
        call=lambda positions: positions.create(
            department_id=1,
            employee_group_id=2,
            name="Van 1",
            affect_revenue=False,
            section_id=3,
            color="#21E56E",
            valid_from=date(2026, 2, 1),
            valid_to=None,
            skill_ids=[4],
            revenue_unit_id=5,
        ),
        scope="shiftposition:create",
        sends="POST /scheduling/v1.0/positions",
        body={
            "departmentId": 1,
            "employeeGroupId": 2,
            "name": "Van 1",
            "affectRevenue": False,
            "sectionId": 3,
            "color": "#21E56E",
            "validFrom": "2026-02-01",
            "validTo": None,
            "skillIds": [4],
            "revenueUnitId": 5,
        },
        answer={"data": {"id": 7}},
        gives=Position(id=7),
    ),
    Row(
        name="update",
        call=lambda positions: positions.update(
            7, department_id=1, employee_group_id=2, name="Van 2", affect_revenue=True
        ),
        scope="shiftposition:update",
        sends="PUT /scheduling/v1.0/positions/7",
        body={"departmentId": 1, "employeeGroupId": 2, "name": "Van 2", "affectRevenue": True},
        answer={"data": {"id": 7, "name": "Van 2"}},
        gives=Position(id=7, name="Van 2"),
    ),
    Row(
        name="delete",
        call=lambda positions: positions.delete(7, deadline=9.0),
        scope="shiftposition:delete",
        sends="DELETE /scheduling/v1.0/positions/7",
    ),
    Row(
        name="delete",
        call=lambda positions: positions.delete(
            7, delete_option="ReplacePosition", replacement_position_id=8
        ),
        scope="shiftposition:delete",
        sends="DELETE /scheduling/v1.0/positions/7",
        query={"deleteOption": "ReplacePosition", "replacementPositionId": "8"},
    ),
]


@pytest.fixture
def positions(transport: Transport) -> Positions:
    return Positions(transport, ClientOptions())


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_sends_exactly_this_request(row: Row[Positions]) -> None:
    """Method, path, query, headers and body are these, and the answer is read."""
    await check(row, Positions)


def test_every_operation_has_a_row() -> None:
    """A method that is added needs a row in the table."""
    assert {row.name for row in ROWS} == operations(Positions)


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_names_the_scope_it_needs(
    row: Row[Positions], emulator: Emulator
) -> None:
    """Without its scope the error names it, and with it alone the call goes through."""
    await check_scope(row, Positions, emulator)


async def test_a_position_is_made_changed_and_ended(
    positions: Positions, portal: PortalData
) -> None:
    """It is read as it was written, and from the day it ended on it is not active."""
    section = next(iter(portal.roster.sections))
    group = next(iter(portal.employee_groups)).id
    fields: Any = {"department_id": section.department_id, "employee_group_id": group}
    made = await positions.create(
        **fields,
        name="Van 9",
        affect_revenue=False,
        section_id=section.id,
        valid_from=date(2026, 1, 1),
        skill_ids=[next(iter(portal.skills)).id],
    )
    assert await positions.get(made.id) == made
    assert (made.section_id, made.start_date, made.is_active) == (
        section.id,
        date(2026, 1, 1),
        True,
    )
    yesterday = START.date() - timedelta(days=1)
    ended = await positions.update(
        made.id, **fields, name="Van 10", affect_revenue=True, valid_to=yesterday
    )
    assert (ended.name, ended.end_date, ended.section_id, ended.skill_ids) == (
        "Van 10",
        yesterday,
        None,
        (),
    )
    assert ended in await positions.list(is_active=False).collect()
    assert ended not in await positions.list(is_active=True).collect()


async def test_shifts_say_what_becomes_of_a_position(
    positions: Positions, portal: PortalData
) -> None:
    """With shifts it is not deleted until it is said what becomes of them."""
    one, other = [*portal.roster.positions][:2]
    shift = portal.add_shift(position_id=one.id)
    with pytest.raises(ConflictError, match="deleteOption"):
        await positions.delete(one.id)
    await positions.delete(
        one.id, delete_option="ReplacePosition", replacement_position_id=other.id
    )
    assert portal.roster.shift(shift.id).position_id == other.id
    with pytest.raises(NotFoundError):
        await positions.get(one.id)
    await positions.delete(other.id, delete_option="DeleteShifts")
    assert shift.id not in portal.roster.shifts


async def test_all_positions_are_listed_over_several_pages(
    positions: Positions, portal: PortalData, emulator: Emulator
) -> None:
    """A hundred and thirty positions take three calls, and come once each."""
    one = next(iter(portal.roster.positions))
    for _ in range(130 - len(portal.roster.positions)):
        portal.roster.positions.make(lambda id_: evolve(one, id=id_))
    listed = await positions.list().collect()
    assert [each.id for each in listed] == [each.id for each in portal.roster.positions]
    assert emulator.planday.counters()["calls"] == 3


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({"delete_option": "ReplacePosition"}, "give both or neither"),
        ({"replacement_position_id": 8}, "give both or neither"),
        ({"delete_option": "KeepPosition", "replacement_position_id": 8}, "go together"),
        ({"delete_option": "Shred"}, "the API takes 'Undecided'"),
    ],
)
async def test_a_deletion_that_makes_no_sense_costs_no_call(
    positions: Positions, emulator: Emulator, chosen: Any, says: str
) -> None:
    """A replacement goes with its option, and an option is one of five."""
    with pytest.raises(ValueError, match=says):
        await positions.delete(7, **chosen)
    assert emulator.planday.counters()["calls"] == 0


async def test_a_position_whose_answer_is_lost_is_not_made_twice(
    positions: Positions, portal: PortalData, emulator: Emulator
) -> None:
    """The outcome is unknown to the caller, and there is one position more, not two."""
    before, one = len(portal.roster.positions), next(iter(portal.roster.positions))
    emulator.planday.fault("cut_after", method="POST")
    with pytest.raises(OutcomeUnknownError):
        await positions.create(
            department_id=one.department_id,
            employee_group_id=one.employee_group_id,
            name="Van 9",
            affect_revenue=False,
        )
    assert len(portal.roster.positions) == before + 1
