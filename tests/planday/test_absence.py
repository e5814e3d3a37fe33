"""Absence: who is away, who asked to be, and the accounts it is taken from."""

import re
from collections.abc import Awaitable
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import aioresponses
import orjson
import pytest
from attrs import evolve

from planado_async.core.errors import BadRequestError, NotFoundError, UnexpectedResponseError
from planado_async.core.limiter import LocalLimiter
from planado_async.core.resource import ClientOptions
from planado_async.core.retry import RetryPolicy
from planado_async.core.transport import Transport
from planado_async.emulator import Emulator
from planado_async.emulator.planday.absence_records import Registration as Day
from planado_async.emulator.planday.data import PortalData
from planado_async.planday.models import (
    AbsenceAccount,
    AbsenceRecord,
    AbsenceRequest,
    AbsenceType,
    AccountType,
    Amount,
    Hours,
    Period,
    Registration,
    RegistrationAccount,
    RequestedAccount,
    Unit,
)
from planado_async.planday.resources import Absence
from tests.planday.conftest import START, Granted
from tests.planday.requests import BASE_URL, Row, check, check_scope, named, operations

FIRST, LAST = date(2026, 2, 1), date(2026, 2, 28)
TODAY, DAY = START.date(), timedelta(days=1)
COST = {"value": 7.4, "unit": {"type": "Hours"}}
AMOUNT = Amount(value=Decimal("7.4"), unit=Unit(type="Hours"))
PERIOD = {"start": "2026-02-03", "end": "2026-02-04"}
SPAN = Period(start=date(2026, 2, 3), end=date(2026, 2, 4))


def balance(absence: Absence) -> Awaitable[Any]:
    return absence.balance(7, balance_date=FIRST)


ROWS: list[Row[Absence]] = [
    Row(
        name="records",
        call=lambda absence: absence.records(
            employee_id=1, start_date=FIRST, end_date=LAST, statuses=["Approved"], after="50"
        ).collect(limit=1),
        scope="absence:read",
        sends="GET /absence/v1.0/absencerecords",
        query={
            "employeeId": "1",
            "startDate": "2026-02-01",
            "endDate": "2026-02-28",
            "statuses": "Approved",
            "limit": "50",
            "offset": "50",
        },
        answer={
            "data": [
                {
                    "id": 7,
                    "status": "Lapsed",
                    "absencePeriod": PERIOD,
                    "registrations": [
                        {
                            "date": "2026-02-03",
                            "time": {"start": "08:00", "end": "12:00"},
                            "account": {"id": 8, "costs": [COST]},
                        },
                        {"date": "2026-02-04"},
                    ],
                }
            ]
        },
        gives=[
            AbsenceRecord(
                id=7,
                status="Lapsed",
                absence_period=SPAN,
                registrations=(
                    Registration(
                        date=date(2026, 2, 3),
                        time=Hours(start="08:00", end="12:00"),
                        account=RegistrationAccount(id=8, costs=(AMOUNT,)),
                    ),
                    Registration(date=date(2026, 2, 4)),
                ),
            )
        ],
    ),
    Row(
        name="record",
        call=lambda absence: absence.record(7),
        scope="absence:read",
        sends="GET /absence/v1.0/absencerecords/7",
        answer={"data": {"id": 7, "note": "", "absencePeriod": {"start": "", "end": None}}},
        gives=AbsenceRecord(id=7, note="", absence_period=Period()),
    ),
    Row(
        name="requests",
        call=lambda absence: absence.requests(statuses=["Pending"]).collect(limit=1),
        scope="absence:read",
        sends="GET /absence/v1.0/absencerequests",
        query={"status": "Pending", "limit": "50", "offset": "0"},
        answer={
            "data": [
                {"id": 7, "requestedAccounts": [{"id": 8, "name": "Vacation", "cost": [COST]}]}
            ]
        },
        gives=[
            AbsenceRequest(
                id=7,
                requested_accounts=(RequestedAccount(id=8, name="Vacation", cost=(AMOUNT,)),),
            )
        ],
    ),
    Row(
        name="types",
        call=lambda absence: absence.types(after="50").collect(limit=1),
        scope="absence:read",
        sends="GET /absence/v1.0/absencetypes",
        query={"limit": "50", "offset": "50"},
        answer={"data": [{"id": 1, "name": "Vacation", "icon": "sun"}]},
        gives=[AbsenceType(id=1, name="Vacation")],
    ),
    Row(
        name="account_types",
        call=lambda absence: absence.account_types(absence_type="Flextime").collect(limit=2),
        scope="absencesettings:read",
        sends="GET /absence/v1.0/accounttypes",
        query={"absenceType": "Flextime", "limit": "50", "offset": "0"},
        answer={"data": [{"id": 7, "unit": {"type": "Hours"}}, {"id": 8, "unit": "Hours"}]},
        gives=[AccountType(id=7, unit={"type": "Hours"}), AccountType(id=8, unit="Hours")],
    ),
    Row(
        name="account_type",
        call=lambda absence: absence.account_type(7),
        scope="absencesettings:read",
        sends="GET /absence/v1.0/accounttypes/accrued/7",
        answer={"data": {"id": 7, "absenceType": "Vacation", "accruingRate": COST}},
        gives=AccountType(id=7, absence_type="Vacation", accruing_rate=AMOUNT),
    ),
    Row(
        name="accounts",
        call=lambda absence: absence.accounts(
            employee_id=1, start_date=FIRST, end_date=LAST, status="Active"
        ).collect(limit=1),
        scope="absence:read",
        sends="GET /absence/v1.0/accounts",
        query={
            "employeeId": "1",
            "startDate": "2026-02-01",
            "endDate": "2026-02-28",
            "status": "Active",
            "limit": "50",
            "offset": "0",
        },
        answer={"data": [{"id": 7, "typeId": 8, "validityPeriod": PERIOD}]},
        gives=[AbsenceAccount(id=7, type_id=8, validity_period=SPAN)],
    ),
]
BALANCE = Row[Absence](
    name="balance",
    call=balance,
    scope="absence:read",
    sends="GET /absence/v1.0/accounts/7/balance",
    query={"balanceDate": "2026-02-01"},
    answer={"data": {"balance": [COST, {}]}},
    gives=[AMOUNT, Amount()],
)
"""Its amounts lie deeper in the answer than other records do."""


@pytest.fixture
def absence(transport: Transport) -> Absence:
    return Absence(transport, ClientOptions())


@pytest.mark.parametrize("row", named(ROWS))
async def test_an_operation_sends_exactly_this_request(row: Row[Absence]) -> None:
    """Method, path, query, headers and body are these, and the answer is read."""
    await check(row, Absence)


async def sent(call: Any, answer: Any) -> tuple[Any, str, list[tuple[str, str]]]:
    """What a call made of an answer, and the path and query it asked for."""
    with aioresponses.aioresponses() as server:
        server.add(re.compile(""), "GET", body=orjson.dumps(answer))
        transport = Transport(
            base_url=BASE_URL,
            auth=Granted("app-1", "token-1"),
            limiter=LocalLimiter(None),
            retries=RetryPolicy(),
        )
        await transport.open()
        given = await call(Absence(transport, ClientOptions()))
        await transport.close()
    ((_, url),) = server.requests
    return given, url.raw_path, [*url.query.items()]


async def test_a_balance_is_asked_for_by_exactly_this_request() -> None:
    """Path and query are these, and each amount keeps what it was read from."""
    given, path, query = await sent(BALANCE.call, BALANCE.answer)
    assert (given, f"GET {path}", dict(query)) == (BALANCE.gives, BALANCE.sends, BALANCE.query)
    assert [each.raw for each in given] == BALANCE.answer["data"]["balance"]


async def test_statuses_are_sent_one_by_one() -> None:
    """Not joined by commas as lists are elsewhere."""
    _, _, query = await sent(
        lambda absence: absence.records(statuses=["Approved", "Declined"]).collect(),
        {"data": []},
    )
    assert [value for name, value in query if name == "statuses"] == ["Approved", "Declined"]


def test_every_operation_has_a_row() -> None:
    """A method that is added needs a row in the table."""
    assert {row.name for row in (*ROWS, BALANCE)} == operations(Absence)


@pytest.mark.parametrize("row", named([*ROWS, BALANCE]))
async def test_an_operation_names_the_scope_it_needs(row: Row[Absence], emulator: Emulator) -> None:
    """Without its scope the error names it, and with it alone the call goes through."""
    await check_scope(row, Absence, emulator)


async def test_absences_are_chosen_by_employee_status_and_days(
    absence: Absence, portal: PortalData
) -> None:
    """All of them, those of a status, and those that have a day in common with a span."""
    every = await absence.records().collect()
    assert [each.id for each in every] == [each.id for each in portal.absences.records]
    declined = await absence.records(statuses=["Declined"]).collect()
    assert [each.status for each in declined] == ["Declined"]
    both = await absence.records(statuses=["Declined", "Approved"]).collect()
    assert both == every
    now = await absence.records(start_date=TODAY, end_date=TODAY).collect()
    assert [each.absence_period for each in now] == [Period(start=TODAY - DAY, end=TODAY + 3 * DAY)]
    assert await absence.records(employee_id=now[0].employee_id).collect() == now
    assert await absence.record(now[0].id) == now[0]
    with pytest.raises(NotFoundError):
        await absence.record(1)


async def test_an_absence_tells_its_days_and_what_they_cost(
    absence: Absence, portal: PortalData
) -> None:
    """A whole day of an account in days, and some hours of another day."""
    record = next(iter(portal.absences.records))
    account = portal.absences.account_of(record.employee_id).id
    hours = Day(day=record.start, start=time(8), end=time(12), account_id=account, value=0.5)
    portal.absences.records.put(evolve(record, registrations=(*record.registrations[:1], hours)))
    told = await absence.record(record.id)
    cost = Amount(value=Decimal("1.0"), unit=Unit(type="Days"))
    half = Amount(value=Decimal("0.5"), unit=Unit(type="Days"))
    assert told.registrations == (
        Registration(date=record.start, account=RegistrationAccount(id=account, costs=(cost,))),
        Registration(
            date=record.start,
            time=Hours(start="08:00", end="12:00"),
            account=RegistrationAccount(id=account, costs=(half,)),
        ),
    )


async def test_requests_wait_to_be_decided(absence: Absence, portal: PortalData) -> None:
    """Until then they are pending, and none is when all are decided."""
    pending = await absence.requests(statuses=["Pending"]).collect()
    assert [each.note for each in pending] == ["Family", "Family"]
    assert pending[0].requested_accounts[0].name == "Vacation 2026"
    assert pending[0].requested_accounts[0].cost[0].unit == Unit(type="Days")
    for each in pending:
        portal.absences.decide(each.id, "Approved")
    assert await absence.requests(statuses=["Pending"]).collect() == []


async def test_an_account_has_what_is_left_of_it(absence: Absence, portal: PortalData) -> None:
    """Before an absence, after it, and today where no day is given."""
    record = next(each for each in portal.absences.records if each.start > TODAY)
    (account,) = [
        each
        for each in await absence.accounts(employee_id=record.employee_id).collect()
        if each.name == "Vacation 2026"
    ]
    days = len(record.registrations)
    assert days > 3
    (before,) = await absence.balance(account.id)
    (after,) = await absence.balance(account.id, balance_date=record.end)
    assert before.value == Decimal(25)
    assert after.value == Decimal(25 - days)
    assert before.unit == Unit(type="Days")
    with pytest.raises(NotFoundError):
        await absence.balance(1)


async def test_accounts_have_types_and_these_belong_to_kinds(absence: Absence) -> None:
    """The types of one kind are some of all; each account names one of them."""
    types = {each.id: each for each in await absence.account_types().collect()}
    (flextime,) = await absence.account_types(absence_type="Flextime").collect()
    assert types[flextime.id] == flextime == await absence.account_type(flextime.id)
    assert [each.name for each in await absence.types().collect()] == ["Vacation", "Flextime"]
    accounts = await absence.accounts().collect()
    assert {each.type_id for each in accounts} == set(types)
    for each in accounts:
        assert each.validity_period is not None
        assert each.validity_period.start == date(2026, 1, 1)


async def test_what_makes_no_sense_costs_no_call(absence: Absence, emulator: Emulator) -> None:
    """An empty list of statuses would be read as all of them."""
    for listing in (absence.records, absence.requests):
        with pytest.raises(ValueError, match="statuses is empty; leave it out to mean all"):
            listing(statuses=[])
    kind: Any = "Sabbatical"
    with pytest.raises(ValueError, match="the API takes 'Vacation', 'Flextime'"):
        absence.account_types(absence_type=kind)
    assert emulator.planday.counters()["calls"] == 0


async def test_a_status_that_is_none_is_refused_by_planday(absence: Absence) -> None:
    """Which statuses there are is not all documented, so it is for Planday to say."""
    with pytest.raises(BadRequestError, match="Lapsed is no status"):
        await absence.records(statuses=["Lapsed"]).collect()


async def test_a_page_that_is_no_listing_is_an_error(absence: Absence, emulator: Emulator) -> None:
    """Rather than nobody being away."""
    emulator.planday.fault("not_json", path="/absence/*", body='{"data": {}}')
    with pytest.raises(UnexpectedResponseError, match="'data' that is list"):
        await absence.records().collect()


async def test_a_balance_of_another_form_is_an_error_that_says_where(
    absence: Absence, emulator: Emulator
) -> None:
    """By the path of the value, without the value."""
    emulator.planday.fault(
        "not_json", path="/absence/*", body='{"data":{"balance":[{"value":[]}]}}'
    )
    with pytest.raises(UnexpectedResponseError, match=r"a decimal.*\$\.data\.balance\[0\]\.value"):
        await absence.balance(1)
