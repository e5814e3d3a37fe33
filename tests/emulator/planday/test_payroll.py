from datetime import date, time
from typing import Any

import pytest

from planado_async.emulator.planday.scheduling_records import Wage
from tests.emulator.planday.rest_api import Rest

PAYROLL = "/payroll/v1.0/payroll"
JUNE = date(2026, 6, 1)
NORTH, CENTRE, TECHNICIANS = 1001, 1002, 2001
ANNA, BORIS = 10001, 10002
SPAN = "from=2026-06-01&to=2026-06-02"


async def shifts(rest: Rest, query: str = f"departmentIds={NORTH}&{SPAN}") -> list[Any]:
    return list((await rest.get(f"{PAYROLL}?{query}"))["shiftsPayroll"])


async def test_not_wrapped(rest: Rest) -> None:
    """The answer stands in no wrapper and has no pages."""
    shift = rest.data.add_shift(
        employee_id=ANNA, day=JUNE, start=time(7), end=time(15), position_id=4001
    )
    pause = {
        "id": shift.id,
        "start": "2026-06-01T10:45:00",
        "end": "2026-06-01T11:15:00",
        "duration": "00:30:00",
        "title": "Break",
        "amount": 0.0,
        "modification": "Default",
        "isPaid": False,
    }
    assert await rest.get(f"{PAYROLL}?departmentIds={NORTH}&{SPAN}") == {
        "shiftsPayroll": [
            {
                "id": shift.id,
                "employeeId": ANNA,
                "shiftTypeId": None,
                "employeeGroupId": TECHNICIANS,
                "positionId": 4001,
                "departmentId": NORTH,
                "date": "2026-06-01",
                "salaryCode": "",
                "salary": 1237.5,
                "start": "2026-06-01T07:00:00",
                "end": "2026-06-01T15:00:00",
                "shiftDuration": 7.5,
                "wage": {"rate": 165.0, "type": "HourlyRate"},
                "supplements": [],
                "breaks": [pause],
            }
        ],
        "supplementsPayroll": [],
        "salariedPayroll": [],
        "currencySymbol": "kr.",
        "currencyFormatString": "#,##0.00 'kr.'",
    }


async def test_pay(rest: Rest) -> None:
    """A shift pays its own wage or its type's share; one that pays nothing has no rate."""
    add = rest.data.add_shift
    hours: dict[str, Any] = {"start": time(7), "end": time(12)}
    add(employee_id=ANNA, day=JUNE, **hours, wage=Wage(amount=200.0))
    add(employee_id=ANNA, day=JUNE, **hours, shift_type_id=3004)
    add(employee_id=BORIS, department_id=NORTH, day=JUNE, **hours)
    add(employee_id=ANNA, day=JUNE)
    own, on_call, strange, timeless = await shifts(rest)
    assert (own["salary"], own["wage"]["rate"], own["breaks"]) == (1000.0, 200.0, [])
    assert (on_call["salary"], on_call["salaryCode"]) == (206.25, "CALL")
    assert (strange["salary"], strange["wage"]) == (0.0, {"type": "HourlyRate"})
    assert (timeless["start"], timeless["salary"]) == (None, 0.0)


async def test_breaks_as_asked(rest: Rest) -> None:
    """A shift written without breaks has none, and pays for all its hours."""
    rest.data.add_shift(employee_id=ANNA, day=JUNE, start=time(7), end=time(15), use_breaks=False)
    [shift] = await shifts(rest)
    assert (shift["breaks"], shift["shiftDuration"]) == ([], 8.0)


async def test_which_shifts(rest: Rest) -> None:
    """Shifts of the departments and days asked for, approved or not, open ones left out."""
    add = rest.data.add_shift
    approved = add(employee_id=ANNA, day=JUNE, status="Approved").id
    punched = add(employee_id=ANNA, day=date(2026, 6, 2), status="PunchclockApproved").id
    planned = add(employee_id=ANNA, day=JUNE).id
    other = add(employee_id=BORIS, day=JUNE).id
    add(department_id=NORTH, day=JUNE)
    add(employee_id=ANNA, day=date(2026, 6, 3))

    async def told(query: str) -> list[int]:
        return [shift["id"] for shift in await shifts(rest, f"{SPAN}&{query}")]

    assert await told(f"departmentIds={NORTH}") == [approved, punched, planned]
    assert await told(f"departmentIds={NORTH},{CENTRE}") == [approved, punched, planned, other]
    assert await told(f"departmentIds={NORTH}&shiftStatus=Approved") == [approved, punched]
    assert await told(f"departmentIds={NORTH}&shiftStatus=Nonapproved") == [planned]


@pytest.mark.parametrize(
    "query",
    [
        SPAN,
        f"departmentIds={NORTH}&from=2026-06-01",
        f"departmentIds={NORTH}&to=2026-06-01",
        f"departmentIds=999&{SPAN}",
        f"departmentIds=x&{SPAN}",
        f"departmentIds={NORTH}&{SPAN}&shiftStatus=Open",
    ],
)
async def test_wrong_queries(rest: Rest, query: str) -> None:
    """Departments and both days are needed."""
    assert await rest.status("GET", f"{PAYROLL}?{query}") == 400


async def test_scope(rest: Rest) -> None:
    """Pay is for those who hold its scope."""
    path = f"{PAYROLL}?departmentIds={NORTH}&{SPAN}"
    assert await (await rest.scoped("shift:read")).status("GET", path) == 403
    assert await (await rest.scoped("payroll:read")).status("GET", path) == 200


async def test_currency(rest: Rest) -> None:
    """Money is that of the portal's country, euro where nothing else is known."""
    planday = rest.caller.planday
    for country, symbol in (("Norway", "kr"), ("Finland", "€")):
        portal = planday.add_portal("Abroad", country=country)
        admin = planday.add_admin(portal.id, "Eva Ek")
        planday.connect_app(portal.id, rest.grant.app_id)
        grant = planday.authorise(portal.id, rest.grant.app_id, admin.id)
        there = await Rest.opened(rest.caller, grant)
        answer = await there.get(f"{PAYROLL}?departmentIds={NORTH}&{SPAN}")
        assert answer["currencySymbol"] == symbol
