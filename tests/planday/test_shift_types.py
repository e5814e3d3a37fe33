"""Shift types: the kinds of shifts."""

from decimal import Decimal

import pytest

from planado_async.core.errors import BadRequestError, NotFoundError, OutcomeUnknownError
from planado_async.core.resource import ClientOptions
from planado_async.core.transport import Transport
from planado_async.emulator import Emulator
from planado_async.emulator.planday.data import PortalData
from planado_async.planday.models import ShiftType
from planado_async.planday.resources import ShiftTypes
from tests.planday.requests import Row, check, check_scope, named, operations

ROWS: list[Row[ShiftTypes]] = [
    Row(
        name="list",
        call=lambda shift_types: shift_types.list(is_active=True).collect(limit=1),
        scope="shifttype:read",
        sends="GET /scheduling/v1.0/shifttypes",
        query={"isActive": "true", "limit": "50", "offset": "0"},
        answer={
            "data": [
                {
                    "id": 7,
                    "name": "Sick",
                    "color": "#21E56E",
                    "payPercentage": 80.5,
                    "payMonetary": None,
                    "paymentType": "Bananas",
                    "includeInSchedulePrint": False,
                }
            ]
        },
        gives=[
            ShiftType(
                id=7,
                name="Sick",
                color="#21E56E",
                pay_percentage=Decimal("80.5"),
                payment_type="Bananas",
                include_in_schedule_print=False,
            )
        ],
    ),
    Row(
        name="list",
        call=lambda shift_types: shift_types.list(is_active=None, after="50").collect(limit=1),
        scope="shifttype:read",
        sends="GET /scheduling/v1.0/shifttypes",
        query={"limit": "50", "offset": "50"},
        answer={"data": []},
        gives=[],
    ),
    Row(
        name="create",
        call=lambda shift_types: shift_types.create(
            name="Sick",
            color="#21E56E",
            salary_code="S",
            allows_breaks=False,
            include_supplement_salary=True,
        ),
        scope="shifttype:create",
        sends="POST /scheduling/v1.0/shifttypes",
        body={
            "name": "Sick",
            "color": "#21E56E",
            "salaryCode": "S",
            "allowsBreaks": False,
            "includeSupplementSalary": True,
        },
        answer={"id": 7, "data": None},  # the id stands beside `data`, of which there is none
        gives=7,
    ),
    Row(
        name="update",
        call=lambda shift_types: shift_types.update(
            7, name="Sick", color="#21E56E", salary_code="S"
        ),
        scope="shifttype:update",
        sends="PUT /scheduling/v1.0/shifttypes/7",
        body={"name": "Sick", "color": "#21E56E", "salaryCode": "S"},
    ),
]


@pytest.fixture
def shift_types(transport: Transport) -> ShiftTypes:
    return ShiftTypes(transport, ClientOptions())


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_sends_exactly_this_request(row: Row[ShiftTypes]) -> None:
    """Method, path, query, headers and body are these, and the answer is read."""
    await check(row, ShiftTypes)


def test_every_operation_has_a_row() -> None:
    """A method that is added needs a row in the table."""
    assert {row.name for row in ROWS} == operations(ShiftTypes)


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_names_the_scope_it_needs(
    row: Row[ShiftTypes], emulator: Emulator
) -> None:
    """Without its scope the error names it, and with it alone the call goes through."""
    await check_scope(row, ShiftTypes, emulator)


async def test_a_shift_type_is_made_and_changed(
    shift_types: ShiftTypes, portal: PortalData
) -> None:
    """Its id comes without a wrapper, and it is listed as it was written."""
    made = await shift_types.create(
        name="Standby", color="#00FF00", salary_code="", allows_breaks=False
    )
    await shift_types.update(made, name="Standby", color="#00FF01", salary_code="STB")
    (kind,) = [each for each in await shift_types.list().collect() if each.id == made]
    assert (kind.name, kind.color, kind.salary_code) == ("Standby", "#00FF01", "STB")
    assert (kind.allows_breaks, kind.is_active) == (False, True)
    assert kind.pay_percentage == Decimal(100)
    with pytest.raises(NotFoundError):
        await shift_types.update(made + 1, name="x", color="#00FF00", salary_code="")
    with pytest.raises(BadRequestError, match="color"):
        await shift_types.create(name="x", color="green", salary_code="")


async def test_the_active_ones_and_the_others_are_all(
    shift_types: ShiftTypes, portal: PortalData
) -> None:
    """Nothing is in both, and nothing in neither."""
    active, other, every = [
        {each.id for each in await shift_types.list(is_active=wanted).collect()}
        for wanted in (True, False, None)
    ]
    assert active
    assert other
    assert (active | other, active & other) == (every, set())
    assert every == {each.id for each in portal.roster.shift_types}


async def test_an_answer_without_an_id_leaves_the_outcome_unknown(
    shift_types: ShiftTypes, emulator: Emulator
) -> None:
    """No id is made up, and the shift type is not made again."""
    emulator.planday.fault("not_json", method="POST", body='{"data": {"id": 7}}')
    with pytest.raises(OutcomeUnknownError, match="'id'"):
        await shift_types.create(name="x", color="#00FF00", salary_code="")
