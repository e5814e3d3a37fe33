"""Time and cost: what the shifts of a department cost."""

from datetime import date, time, timedelta
from decimal import Decimal

import pytest

from planado_async.core.errors import NotFoundError, UnexpectedResponseError
from planado_async.core.resource import ClientOptions
from planado_async.core.transport import Transport
from planado_async.emulator import Emulator
from planado_async.emulator.planday.data import PortalData
from planado_async.planday.models import ShiftCost
from planado_async.planday.models import TimeAndCost as Costs
from planado_async.planday.resources import TimeAndCost
from tests.planday.requests import Row, check, check_scope, named, operations

DAY = date(2026, 7, 1)

ROWS: list[Row[TimeAndCost]] = [
    Row(
        name="get",
        call=lambda costs: costs.get(1, from_date=DAY, to_date=DAY, deadline=9.0),
        scope="timeandcost:read",
        sends="GET /scheduling/v1.0/timeandcost/1",
        query={"from": "2026-07-01", "to": "2026-07-01"},
        answer={
            "data": {
                "costs": [{"duration": "0:07:30", "cost": 1237.5, "employeeId": 3}, {}],
                "currencySymbol": "kr.",
                "currencyFormatString": "#,##0.00 'kr.'",
            }
        },
        gives=Costs(
            costs=(
                ShiftCost(duration="0:07:30", cost=Decimal("1237.5"), employee_id=3),
                ShiftCost(),
            ),
            currency_symbol="kr.",
            currency_format_string="#,##0.00 'kr.'",
        ),
    ),
]


@pytest.fixture
def costs(transport: Transport) -> TimeAndCost:
    return TimeAndCost(transport, ClientOptions())


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_sends_exactly_this_request(row: Row[TimeAndCost]) -> None:
    """Method, path, query, headers and body are these, and the answer is read."""
    await check(row, TimeAndCost)


def test_every_operation_has_a_row() -> None:
    """A method that is added needs a row in the table."""
    assert {row.name for row in ROWS} == operations(TimeAndCost)


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_names_the_scope_it_needs(
    row: Row[TimeAndCost], emulator: Emulator
) -> None:
    """Without its scope the error names it, and with it alone the call goes through."""
    await check_scope(row, TimeAndCost, emulator)


async def test_a_day_costs_what_its_shifts_cost(costs: TimeAndCost, portal: PortalData) -> None:
    """Time without the break, money as decimals; open shifts and other days are left out."""
    employee = next(iter(portal.employees))
    department = employee.departments[0]
    long = portal.add_shift(employee_id=employee.id, day=DAY, start=time(7), end=time(15))
    short = portal.add_shift(employee_id=employee.id, day=DAY, start=time(16), end=time(18, 30))
    portal.add_shift(department_id=department, day=DAY, start=time(7), end=time(15))
    portal.add_shift(
        employee_id=employee.id, day=DAY + timedelta(days=1), start=time(7), end=time(15)
    )
    told = await costs.get(department, from_date=DAY, to_date=DAY)
    assert [(each.shift_id, each.time, each.cost) for each in told.costs] == [
        (long.id, timedelta(hours=7, minutes=30), Decimal("1237.5")),
        (short.id, timedelta(hours=2, minutes=30), Decimal("412.5")),
    ]
    assert told.currency_symbol == "kr."
    assert [each.date for each in told.costs] == [DAY, DAY]
    assert [each.shift_type_id for each in told.costs] == [None, None]
    assert "shiftTypeId" not in told.costs[0].raw


async def test_a_department_that_is_none_is_refused(costs: TimeAndCost) -> None:
    """By Planday."""
    with pytest.raises(NotFoundError, match="Department"):
        await costs.get(99, from_date=DAY, to_date=DAY)


@pytest.mark.parametrize(
    ("duration", "time"),
    [
        ("0:07:30", timedelta(hours=7, minutes=30)),
        ("1:00:00", timedelta(days=1)),
        ("0:00:00", timedelta()),
        ("", None),
        (None, None),
    ],
)
def test_a_duration_is_days_hours_and_minutes(duration: str | None, time: timedelta | None) -> None:
    """Not hours, minutes and seconds; where there is none, None."""
    assert ShiftCost(duration=duration).time == time


@pytest.mark.parametrize(
    "duration", ["07:30:00", "10:00:00", "0:24:00", "0:07:60", "7:30", "½", "-1:00:00"]
)
def test_a_duration_of_another_form_is_not_guessed_at(duration: str) -> None:
    """Seven hours and a half in the form of the page are not seven days and thirty hours."""
    with pytest.raises(UnexpectedResponseError, match="expected days, hours and minutes"):
        assert ShiftCost(duration=duration).time
