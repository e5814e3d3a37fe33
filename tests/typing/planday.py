"""How Planday's client is written; only type-checked, never run."""

# An expected error that vanished is itself an error, to both checkers.
# pyright: reportUnnecessaryTypeIgnoreComment=true

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, assert_type

from planado_async import (
    Budget,
    BulkReport,
    Pages,
    RateLimit,
    ReauthorisationRequiredError,
    ScopeError,
    Secret,
)
from planado_async.planday import (
    PORTAL_RATE,
    ROSTER_SCOPES,
    AbsenceRecord,
    Amount,
    Check,
    CreatedShift,
    CustomField,
    DeactivatedEmployee,
    DeletedShift,
    Department,
    Employee,
    EmployeeItem,
    EnvironmentTokenStore,
    FileTokenStore,
    Grant,
    MemoryTokenStore,
    Planday,
    PlandayPortals,
    Portal,
    Position,
    PunchClockShift,
    ScheduleDay,
    Shift,
    ShiftChange,
    ShiftChanges,
    ShiftCursor,
    Skill,
    TimeAndCost,
    TokenStore,
    in_window,
)

DAY = date(2026, 2, 3)
NOON = datetime(2026, 2, 3, 12, tzinfo=UTC)


# --- Set up ---------------------------------------------------------------------------------------


def set_up(store: TokenStore) -> None:
    Planday()
    Planday("app", "token", base_url="http://127.0.0.1:1", identity_url="http://127.0.0.1:1")
    Planday("app", store=store, portal="acme", reauthorisation_wait=None, priority="background")
    Planday(rate=(in_window(20, 1.0), in_window(750, 60.0)))
    Planday(rate=RateLimit(5, per=1.0, burst=1), deadline=30.0, in_flight=4)
    Planday(rate=None)
    assert_type(in_window(20, 1.0), RateLimit)
    assert_type(PORTAL_RATE, tuple[RateLimit, ...])

    Planday("app", Secret("token"))  # type: ignore[arg-type]
    Planday("app", "token", "https://openapi.planday.com")  # type: ignore[call-arg]
    Planday(rate=20)  # type: ignore[arg-type]
    Planday(reauthorisation_wait="a day")  # type: ignore[arg-type]
    Planday(store="tokens")  # type: ignore[arg-type]
    Planday(api_key="key")  # type: ignore[call-arg]


def stores() -> list[TokenStore]:
    grant = Grant(portal="acme", app_id="app", refresh_token=Secret("token"))
    assert_type(grant.scopes, tuple[str, ...])
    Grant(portal="acme", app_id="app", refresh_token="token")  # type: ignore[arg-type]
    Grant(portal="acme", refresh_token=Secret("token"))  # type: ignore[call-arg]
    grant.refresh_token = Secret("other")  # type: ignore[misc]
    return [MemoryTokenStore(grant), FileTokenStore("tokens"), EnvironmentTokenStore()]


class InTheVault:
    """A store of one's own."""

    async def load(self, portal: str, app_id: str) -> Grant | None:
        return None

    async def save(self, grant: Grant) -> None: ...

    async def portals(self, app_id: str) -> list[str]:
        return []


class HalfAStore:
    """One that would lose what it is given."""

    async def load(self, portal: str, app_id: str) -> Grant | None:
        return None


Planday("app", store=InTheVault())
Planday("app", store=HalfAStore())  # type: ignore[arg-type]


# --- Reading --------------------------------------------------------------------------------------


async def shifts(planday: Planday) -> None:
    pages = planday.shifts.list(from_date=DAY, to_date=DAY, department_ids=[1], status="Assigned")
    assert_type(pages, Pages[Shift])
    assert_type(pages.cursor, str | None)
    async for shift in pages:
        assert_type(shift.id, int)
        assert_type(shift.employee_id, int | None)
        assert_type(shift.start_date_time, datetime | None)
        assert_type(shift.date, date | None)
        assert_type(shift.duration, timedelta | None)
        assert_type(shift.skill_ids, tuple[int, ...])
        assert_type(shift.raw, Mapping[str, Any])
    assert_type(await planday.shifts.get(7, deadline=3.0, priority="interactive"), Shift)
    assert_type(planday.shifts.deleted(deleted_from=NOON), Pages[DeletedShift])
    assert_type(planday.shifts.history(7), Pages[ShiftChange])

    planday.shifts.list(from_date="2026-02-03")  # type: ignore[arg-type]
    planday.shifts.list(from_day=DAY)  # type: ignore[call-arg]
    planday.shifts.list(modified_from=DAY)  # type: ignore[arg-type]
    planday.shifts.list(employee_ids=7)  # type: ignore[arg-type]
    planday.shifts.list(status="Published")  # type: ignore[arg-type]
    planday.shifts.list(limit=50)  # type: ignore[call-arg]
    await planday.shifts.get("7")  # type: ignore[arg-type]


async def changes(planday: Planday) -> None:
    told = await planday.shifts.changes(NOON, overlap=timedelta(minutes=10))
    assert_type(told, ShiftChanges)
    assert_type(told.changed, tuple[Shift, ...])
    assert_type(told.deleted, tuple[DeletedShift, ...])
    cursor = ShiftCursor.from_json(told.next.as_json())
    assert_type(await planday.shifts.changes(cursor), ShiftChanges)
    await planday.shifts.changes("2026-02-03")  # type: ignore[arg-type]
    await planday.shifts.changes()  # type: ignore[call-arg]


async def people(planday: Planday) -> None:
    assert_type(planday.employees.list(modified_from=NOON, special=["Ssn"]), Pages[EmployeeItem])
    assert_type(planday.employees.deactivated(), Pages[DeactivatedEmployee])
    employee = await planday.employees.get(7)
    assert_type(employee, Employee)
    assert_type(employee.full_cell_phone, str | None)
    assert_type(employee.custom_fields, Mapping[str, CustomField])
    assert_type(planday.departments.list(), Pages[Department])
    assert_type(await planday.departments.employees(1), list[int])
    assert_type(await planday.skills.list(), list[Skill])

    planday.employees.list(department_ids=[1])  # type: ignore[call-arg]
    planday.employees.list(special=["Wage"])  # type: ignore[list-item]
    employee.job  # type: ignore[attr-defined]  # noqa: B018


async def others(planday: Planday) -> None:
    portal = await planday.portal.info()
    assert_type(portal, Portal)
    assert_type(portal.time_zone, str | None)
    assert_type(planday.punch_clock.list(from_date=DAY, to_date=DAY), Pages[PunchClockShift])
    assert_type(planday.absence.records(), Pages[AbsenceRecord])
    assert_type(await planday.absence.balance(7, balance_date=DAY), list[Amount])
    days = planday.schedule_days.list(department_id=1, from_date=DAY, to_date=DAY)
    assert_type(days, Pages[ScheduleDay])
    costs = await planday.time_and_cost.get(1, from_date=DAY, to_date=DAY)
    assert_type(costs, TimeAndCost)
    assert_type(costs.costs[0].cost, Decimal | None)
    assert_type(await planday.request("GET", "/pay/v1.0/salaries/types"), Any)

    planday.punch_clock.list(from_date=DAY)  # type: ignore[call-arg]
    planday.schedule_days.list(department_id=1)  # type: ignore[call-arg]


# --- Writing --------------------------------------------------------------------------------------


async def writes(planday: Planday) -> None:
    made = await planday.shifts.create(
        department_id=1,
        employee_group_id=2,
        employee_id=None,
        date=DAY,
        start_time=time(7, 30),
        end_time="15:30",
        allow_conflicts=False,
        use_breaks=True,
        is_draft=True,
        default_wage={"amount": 170.0, "type": "PerHour"},
        comment=None,
        deadline=3.0,
    )
    assert_type(made, CreatedShift)
    assert_type(await planday.shifts.assign(made.id, None), None)
    await planday.shifts.publish(1, [made.id])
    assert_type(await planday.shifts.delete(made.id), None)
    await planday.employees.update(7, job_title="Fitter", cell_phone="20123456")
    await planday.employees.deactivate(7, date=DAY, keep_shifts=False)
    position = await planday.positions.create(
        department_id=1, employee_group_id=2, name="Van 3", affect_revenue=False
    )
    assert_type(position, Position)
    entry = await planday.punch_clock.punch_in(7, comment="", start_date_time=NOON)
    assert_type(entry, int)


async def refused_writes(planday: Planday) -> None:
    await planday.shifts.create(department_id=1, date=DAY)  # type: ignore[call-arg]
    await planday.shifts.update(
        7,
        department_id=1,  # type: ignore[call-arg]
        employee_group_id=2,
        date=DAY,
        allow_conflicts=False,
        use_breaks=False,
    )
    await planday.shifts.update(
        7,
        employee_group_id=2,
        date=DAY,
        start_time=NOON,  # type: ignore[arg-type]
        allow_conflicts=False,
        use_breaks="no",  # type: ignore[arg-type]
    )
    await planday.shifts.assign(7)  # type: ignore[call-arg]
    await planday.employees.update(7, user_name="x")  # type: ignore[call-arg]
    await planday.departments.create()  # type: ignore[call-arg]
    await planday.positions.delete(7, delete_option="Keep")  # type: ignore[arg-type]


# --- Grants, options, portals ---------------------------------------------------------------------


async def grants(planday: Planday) -> None:
    try:
        await planday.portal.info()
    except ReauthorisationRequiredError as error:
        assert_type(error.portal, str)
        assert_type(error.app_id, str)
        assert_type(error.scopes, tuple[str, ...])
    except ScopeError as error:
        assert_type(error.scope, str)
        assert_type(error.status, int)
    await planday.reauthorise("token", scopes=["shift:read"])
    check = await planday.check(needs=[*ROSTER_SCOPES, "shift:update"])
    assert_type(check, Check)
    assert_type(check.ok, bool)
    assert_type(check.clock_skew, float | None)
    assert_type(check.problems, tuple[str, ...])

    await planday.reauthorise()  # type: ignore[call-arg]
    check.ok = True  # type: ignore[misc]


async def options(planday: Planday) -> None:
    quick = planday.with_options(deadline=3.0, timeout=1, priority="interactive")
    assert_type(quick, Planday)
    async with quick as opened:
        assert_type(opened, Planday)
    assert_type(planday.budget, Budget)
    assert_type(await planday.bulk(planday.shifts.get, [7]), BulkReport[int, Shift])
    planday.with_options(notify_assignees=False)  # type: ignore[call-arg]
    planday.with_options(portal="acme")  # type: ignore[call-arg]


async def portals(store: TokenStore) -> None:
    async with PlandayPortals("app", store, reauthorisation_wait=3600.0) as opened:
        assert_type(opened, PlandayPortals)
        assert_type(await opened.names(), list[str])
        assert_type(await opened.portal(1742), Planday)
        assert_type(await opened.check(), list[Check])
        await opened.portal()  # type: ignore[call-arg]
    PlandayPortals("app", "token")  # type: ignore[arg-type]
    PlandayPortals(app_rate=2000)  # type: ignore[arg-type]
