from datetime import date
from typing import Any

import pytest

from planado_async.emulator import EmulatorError
from planado_async.emulator.planday.absence_records import Account
from tests.emulator.planday.rest_api import Rest

BASE = "/absence/v1.0"
RECORDS, REQUESTS, ACCOUNTS = (
    f"{BASE}/absencerecords",
    f"{BASE}/absencerequests",
    f"{BASE}/accounts",
)
MONDAY, FRIDAY = date(2026, 6, 1), date(2026, 6, 5)
ANNA, BORIS, GONE = 10001, 10002, 10040
PERIOD = {"start": "2026-06-01", "end": "2026-06-02"}


def account_of(rest: Rest, employee_id: int = ANNA) -> Account:
    return rest.data.absences.account_of(employee_id)


def registration(account: Account, on: str = "2026-06-01", **more: Any) -> dict[str, Any]:
    return {"date": on, "account": {"id": account.id}, **more}


def ids(page: dict[str, Any]) -> list[int]:
    return [item["id"] for item in page["data"]]


async def balance(rest: Rest, account: Account, on: str = "2026-12-31") -> float:
    [left] = (await rest.one(f"{ACCOUNTS}/{account.id}/balance?balanceDate={on}"))["balance"]
    return float(left["value"])


async def test_record(rest: Rest) -> None:
    """A record tells each of its days, with the account that is charged for it."""
    record = rest.data.add_absence(ANNA, MONDAY, date(2026, 6, 2), note="Away")
    cost = {"value": 1.0, "unit": {"type": "Days"}}
    account = {"id": account_of(rest).id, "costs": [cost]}
    assert await rest.one(f"{RECORDS}/{record.id}") == {
        "id": record.id,
        "employeeId": ANNA,
        "status": "Approved",
        "note": "Away",
        "absencePeriod": PERIOD,
        "registrations": [
            {"date": "2026-06-01", "account": account},
            {"date": "2026-06-02", "account": account},
        ],
    }
    assert await rest.status("GET", f"{RECORDS}/999") == 404


async def test_sundays_are_free(rest: Rest) -> None:
    """A day nobody works is not charged for; an absence ends no sooner than it begins."""
    week = rest.data.add_absence(ANNA, MONDAY, date(2026, 6, 8))
    days = [part.day for part in week.registrations]
    assert date(2026, 6, 7) not in days
    assert len(days) == 7
    with pytest.raises(EmulatorError, match="before it begins"):
        rest.data.add_absence(ANNA, FRIDAY, MONDAY)
    with pytest.raises(EmulatorError, match="no account"):
        rest.data.add_absence(GONE, MONDAY)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", {"week", "refused", "other"}),
        (f"employeeId={ANNA}", {"week", "refused"}),
        ("statuses=Declined", {"refused"}),
        ("statuses=Approved&statuses=Declined", {"week", "refused", "other"}),
        ("startDate=2026-06-05", {"week", "other"}),
        ("startDate=2026-06-06", {"other"}),
        ("endDate=2026-06-01", {"week"}),
        ("endDate=2026-05-31", set[str]()),
        ("startDate=2026-06-03&endDate=2026-06-03", {"week", "refused"}),
    ],
)
async def test_filters(rest: Rest, query: str, told: set[str]) -> None:
    """A record is told if a day of it lies in the span asked for."""
    add = rest.data.add_absence
    names = {
        add(ANNA, MONDAY, FRIDAY).id: "week",
        add(ANNA, date(2026, 6, 3), status="Declined").id: "refused",
        add(BORIS, date(2026, 6, 8)).id: "other",
    }
    page = await rest.get(f"{RECORDS}?{query}")
    assert {names[id_] for id_ in ids(page) if id_ in names} == told


@pytest.mark.parametrize(
    "query", ["statuses=Lost", "employeeId=x", "startDate=June", "limit=-1", "offset=-1"]
)
async def test_wrong_queries(rest: Rest, query: str) -> None:
    """What a filter cannot be is 400."""
    assert await rest.status("GET", f"{RECORDS}?{query}") == 400


async def test_pages(rest: Rest) -> None:
    """Pages are asked for by `Limit` and `Offset`, of 50 at most."""
    every = await rest.get(f"{RECORDS}?Limit=500")
    assert every["paging"]["limit"] == 50
    second = await rest.get(f"{RECORDS}?Limit=1&Offset=1")
    assert second["data"] == every["data"][1:2]


async def test_request(rest: Rest) -> None:
    """Who asks for an absence is told by the account; a decision makes it a record."""
    account = account_of(rest)
    body: dict[str, Any] = {
        "absencePeriod": PERIOD,
        "absenceType": "Vacation",
        "note": "Wedding",
        "registrations": [
            registration(account, time=None),
            registration(account, "2026-06-02", time={"start": "08:00", "end": "12:00"}),
        ],
    }
    body["registrations"][0]["account"]["costs"] = None
    body["registrations"][1]["account"]["costs"] = [{"value": 0.5}]
    made = await rest.post(REQUESTS, body)
    assert made == {"id": made["id"], "status": "Pending"}
    asked = (await rest.get(f"{REQUESTS}?employeeId={ANNA}&status=Pending"))["data"]
    assert asked == [
        {
            "id": made["id"],
            "employeeId": ANNA,
            "status": "Pending",
            "note": "Wedding",
            "absencePeriod": PERIOD,
            "requestedAccounts": [
                {
                    "id": account.id,
                    "name": account.name,
                    "cost": [{"value": 1.5, "unit": {"type": "Days"}}],
                }
            ],
        }
    ]
    record = rest.data.absences.decide(made["id"])
    told = await rest.one(f"{RECORDS}/{record.id}")
    assert told["registrations"][1]["time"] == {"start": "08:00", "end": "12:00"}
    assert ids(await rest.get(f"{REQUESTS}?employeeId={ANNA}&status=Pending")) == []
    other = rest.data.absences.add_request(ANNA, MONDAY)
    assert rest.data.absences.decide(other.id, "Declined").status == "Declined"
    with pytest.raises(EmulatorError, match="not pending"):
        rest.data.absences.decide(made["id"])
    with pytest.raises(EmulatorError, match="doesn't exist"):
        rest.data.absences.decide(999)


async def test_wrong_requests(rest: Rest) -> None:
    """A request names days of its period and accounts of one employee, or makes nothing."""
    count = len(rest.data.absences.requests)
    mine, other = account_of(rest), account_of(rest, BORIS)
    right = {"absencePeriod": PERIOD, "registrations": [registration(mine)]}
    wrongs: list[dict[str, Any]] = [
        {"absencePeriod": {"start": "2026-06-02", "end": "2026-06-01"}},
        {"absencePeriod": None},
        {"absenceType": "Sickness"},
        {"registrations": []},
        {"registrations": [registration(mine, "2026-06-03")]},
        {"registrations": [{"date": "2026-06-01", "account": {"id": 999}}]},
        {"registrations": [{"date": "2026-06-01"}]},
        {"registrations": [{"account": {"id": mine.id}}]},
        {"registrations": [{"date": "2026-06-01", "account": {"id": mine.id, "costs": [{}]}}]},
        {"registrations": [registration(mine, time={"start": "08:00"})]},
    ]
    for wrong in wrongs:
        assert await rest.status("POST", REQUESTS, {**right, **wrong}) == 400, wrong
    both = [registration(mine), registration(other)]
    assert await rest.status("POST", REQUESTS, {**right, "registrations": both}) == 409
    assert len(rest.data.absences.requests) == count


async def test_types(rest: Rest) -> None:
    """There are two kinds of absence, and accounts of each."""
    assert [kind["name"] for kind in (await rest.get(f"{BASE}/absencetypes"))["data"]] == [
        "Vacation",
        "Flextime",
    ]
    types = f"{BASE}/accounttypes"
    [flextime] = (await rest.get(f"{types}?absenceType=Flextime"))["data"]
    assert flextime["unit"] == {"type": "Hours"}
    [vacation] = (await rest.get(f"{types}?absenceType=vacation"))["data"]
    assert vacation == {
        "id": vacation["id"],
        "name": "Vacation",
        "unit": {"type": "Days"},
        "absenceType": "Vacation",
        "accruingRate": {"value": 25.0, "unit": {"type": "Days"}},
    }
    assert await rest.one(f"{types}/accrued/{vacation['id']}") == vacation
    assert await rest.status("GET", f"{types}/accrued/999") == 404
    assert await rest.status("GET", f"{types}?absenceType=Sickness") == 400


async def test_accounts(rest: Rest) -> None:
    """Accounts are told of an employee, and of a span in which they are valid."""
    account = account_of(rest)
    first, second = (await rest.get(f"{ACCOUNTS}?employeeId={ANNA}"))["data"]
    assert first == {
        "id": account.id,
        "name": "Vacation 2026",
        "typeId": account.type_id,
        "validityPeriod": {"start": "2026-01-01", "end": "2026-12-31"},
    }
    assert second["validityPeriod"] == {"start": "2026-01-01"}
    mine = f"{ACCOUNTS}?employeeId={ANNA}"
    assert ids(await rest.get(f"{mine}&startDate=2027-01-01")) == [second["id"]]
    assert ids(await rest.get(f"{mine}&endDate=2025-12-31")) == []
    assert ids(await rest.get(f"{mine}&status=Inactive")) == []
    assert len(ids(await rest.get(f"{mine}&status=Active"))) == 2


async def test_balance(rest: Rest) -> None:
    """What is left falls with approved absences and moves with transactions, by their days."""
    account = account_of(rest)
    assert await balance(rest, account) == 25.0
    rest.data.add_absence(ANNA, MONDAY, FRIDAY)
    rest.data.add_absence(ANNA, MONDAY, FRIDAY, status="Declined")
    assert await balance(rest, account) == 20.0
    assert await balance(rest, account, "2026-06-02") == 23.0
    assert await balance(rest, account, "2025-12-31") == 0.0
    adjustment = {"effectiveDate": "2026-07-01", "value": -1.5, "comment": "Error"}
    await rest.post(f"{ACCOUNTS}/{account.id}/adjustments", adjustment)
    assert await balance(rest, account, "2026-06-30") == 20.0
    assert await balance(rest, account, "2026-07-01") == 18.5
    assert await rest.status("GET", f"{ACCOUNTS}/999/balance") == 404


async def test_balance_of_today(rest: Rest) -> None:
    """Without a day, the balance is that of today."""
    account = account_of(rest)
    for day in (date(2026, 2, 2), date(2026, 2, 3)):
        rest.data.add_absence(ANNA, day)
    [left] = (await rest.one(f"{ACCOUNTS}/{account.id}/balance"))["balance"]
    assert left == {"value": 24.0, "unit": {"type": "Days"}}


async def test_transactions(rest: Rest) -> None:
    """A transaction is found by its day and by the caller's own number."""
    account = account_of(rest)
    path = f"{ACCOUNTS}/{account.id}/transactions"
    amounts = [{"value": 1, "unit": {"type": "Days"}}, {"value": 0.5, "unit": {"type": "Days"}}]
    body = {"externalId": "tx-1", "type": "Adjustment", "date": "2026-03-01", "amounts": amounts}
    made = await rest.post(path, body)
    assert (await rest.get(f"{path}?externalId=tx-1"))["data"] == [
        {
            "id": made["id"],
            "externalId": "tx-1",
            "type": "Adjustment",
            "date": "2026-03-01",
            "amounts": [{"value": 1.5, "unit": {"type": "Days"}}],
        }
    ]
    assert ids(await rest.get(f"{path}?date=2026-03-01")) == [made["id"]]
    assert (await rest.get(path))["paging"]["total"] == 2
    assert await balance(rest, account) == 26.5
    assert await rest.status("POST", path, {**body, "type": "Gift"}) == 400
    assert await rest.status("POST", path, {**body, "amounts": [{}]}) == 400
    assert await rest.status("GET", f"{ACCOUNTS}/999/transactions") == 404


async def test_department_of_the_administrator(rest: Rest) -> None:
    """Absences and accounts of people the administrator does not see are not there."""
    hidden = rest.data.add_absence(BORIS, MONDAY)
    account = account_of(rest, BORIS)
    rest.caller.planday.limit_admin(rest.grant.portal_id, rest.grant.admin_id, [1001])
    assert ids(await rest.get(f"{RECORDS}?employeeId={BORIS}")) == []
    assert ids(await rest.get(f"{ACCOUNTS}?employeeId={BORIS}")) == []
    assert await rest.status("GET", f"{RECORDS}/{hidden.id}") == 404
    assert await rest.status("GET", f"{ACCOUNTS}/{account.id}/balance") == 404
    body = {"absencePeriod": PERIOD, "registrations": [registration(account)]}
    assert await rest.status("POST", REQUESTS, body) == 400


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/absencerecords", "absence:read"),
        ("GET", "/accounts", "absence:read"),
        ("POST", "/absencerequests", "absence:create"),
        ("GET", "/accounttypes", "absencesettings:read"),
    ],
)
async def test_scopes(rest: Rest, method: str, path: str, scope: str) -> None:
    """Each call needs its own scope; the kinds of accounts are settings."""
    assert await (await rest.scoped("shift:read")).status(method, BASE + path, {}) == 403
    assert await (await rest.scoped(scope)).status(method, BASE + path, {}) != 403


def test_seeded_absences(rest: Rest) -> None:
    """Somebody is away today, one was refused, two have asked."""
    absences, today = rest.data.absences, rest.data.today()
    assert any(
        record.start <= today <= record.end and record.status == "Approved"
        for record in absences.records
    )
    assert [record.status for record in absences.records].count("Declined") == 1
    assert [request.status for request in absences.requests] == ["Pending", "Pending"]


VALUES: list[Any] = [
    None, True, 0, -1, 2**63, 1e308, "", "x", [], [None], [[]], {}, {"id": None}, {"start": {}},
    [{"value": "1"}], [{"date": "2026-06-01", "account": []}], "2026-06-01",
]  # fmt: skip


async def test_nonsense(rest: Rest) -> None:
    """Every field of every write takes every kind of value without breaking."""
    account = account_of(rest)
    right = {"absencePeriod": PERIOD, "registrations": [registration(account)]}
    amounts = {"type": "Adjustment", "date": "2026-06-01", "amounts": [{"value": 1}]}
    for path, body in (
        (REQUESTS, right),
        (f"{ACCOUNTS}/{account.id}/adjustments", {"effectiveDate": "2026-06-01", "value": 1}),
        (f"{ACCOUNTS}/{account.id}/transactions", amounts),
    ):
        for name in (*body, "note", "absenceType", "externalId", "comment"):
            for value in VALUES:
                told = await rest.status("POST", path, {**body, name: value})
                assert told in (200, 400), (path, name, value)
    for path in (RECORDS, REQUESTS, ACCOUNTS, f"{ACCOUNTS}/{account.id}/balance"):
        for name in ("employeeId", "startDate", "endDate", "statuses", "limit", "balanceDate"):
            for text in ("", "x", "-1", "9" * 30, "0001-01-01", "9999-12-31", "%00"):
                told = await rest.status("GET", f"{path}?{name}={text}")
                assert told in (200, 400), (path, name, text)
