"""The Absence API.

https://openapi.planday.com/api/absence
"""

from collections.abc import Callable
from datetime import date, time
from typing import Any

from planado_async.emulator.checks import Rule, Rules, day, listed, number, one_of, record, text
from planado_async.emulator.planday.absence_records import (
    A_DAY,
    KINDS,
    PENDING,
    STATUSES,
    Absence,
    Absences,
    Account,
    AccountType,
    Registration,
    Transaction,
)
from planado_async.emulator.planday.calls import Answer, Call, Route, conflict, data, found, missing
from planado_async.emulator.planday.query import bad_input
from planado_async.emulator.planday.scheduling_forms import ID, clock_time
from planado_async.emulator.records import Json

MOST = 1e6

_PERIOD = record({"start": Rule(day, required=True), "end": Rule(day, required=True)})
_HOURS = record({"start": Rule(clock_time, required=True), "end": Rule(clock_time, required=True)})
_COST = record({"value": Rule(number(0, MOST), required=True)})
_ACCOUNT = record({"id": Rule(ID, required=True), "costs": Rule(listed(_COST), nullable=True)})
_REGISTRATION = record(
    {
        "date": Rule(day, required=True),
        "time": Rule(_HOURS, nullable=True),
        "account": Rule(_ACCOUNT, required=True),
    }
)
REQUEST: Rules = {
    "absencePeriod": Rule(_PERIOD, required=True),
    "absenceType": Rule(one_of(*KINDS), nullable=True),
    "note": Rule(text(), nullable=True),
    "registrations": Rule(listed(_REGISTRATION), required=True),
}
_AMOUNT = record({"value": Rule(number(-MOST, MOST), required=True)})
ADJUSTMENT: Rules = {
    "effectiveDate": Rule(day, required=True),
    "value": Rule(number(-MOST, MOST), required=True),
    "comment": Rule(text(), nullable=True),
}
TRANSACTION: Rules = {
    "externalId": Rule(text(), nullable=True),
    "type": Rule(one_of("Adjustment"), required=True),
    "date": Rule(day, required=True),
    "amounts": Rule(listed(_AMOUNT), required=True),
    "note": Rule(text(), nullable=True),
}


def list_records(call: Call) -> Answer:
    """The absence records asked for."""
    records = filter(_wanted(call, "statuses"), _absences(call).records)
    return call.page(records, lambda each: _record_view(call, each))


def get_record(call: Call) -> Answer:
    """One absence record."""
    absence = found(_absences(call).records.get(call.ids["id"]), "Absence record")
    if not _sees(call, absence.employee_id):
        raise missing("Absence record")
    return data(_record_view(call, absence))


def list_requests(call: Call) -> Answer:
    """The absence requests asked for."""
    requests = filter(_wanted(call, "status"), _absences(call).requests)
    return call.page(requests, lambda each: _request_view(call, each))


def create_request(call: Call) -> Answer:
    """Asks for an absence, for the employee of the accounts it is to be taken from."""
    values = call.fields(REQUEST)
    parts = tuple(_registration(call, each) for each in values["registrations"])
    start, end = values["absencePeriod"]["start"], values["absencePeriod"]["end"]
    if end < start or not parts or not all(start <= part.day <= end for part in parts):
        raise bad_input({"registrations": ["must name days of absencePeriod"]})
    employees = {_account(call, part.account_id).employee_id for part in parts}
    if len(employees) > 1:
        raise conflict("The accounts belong to several employees")
    request = _absences(call).requests.make(
        lambda id_: Absence(
            id=id_,
            employee_id=employees.pop(),
            status=PENDING,
            note=values.get("note"),
            start=start,
            end=end,
            registrations=parts,
        )
    )
    return data({"id": request.id, "status": request.status})


def _registration(call: Call, given: Json) -> Registration:
    account = _account(call, given["account"]["id"])
    costs = given["account"].get("costs")
    hours = given.get("time") or {}
    return Registration(
        day=given["date"],
        start=hours.get("start"),
        end=hours.get("end"),
        account_id=account.id,
        value=sum(cost["value"] for cost in costs) if costs else A_DAY[account.unit],
    )


def list_types(call: Call) -> Answer:
    """The kinds of absence."""
    return call.page(enumerate(KINDS, 1), lambda one: {"id": one[0], "name": one[1]})


def list_account_types(call: Call) -> Answer:
    """The kinds of accounts, of one kind of absence if so asked."""
    kind = call.query.choice("absenceType", *KINDS)
    kept = (each for each in _absences(call).account_types if kind in (None, each.kind))
    return call.page(kept, _type_view)


def get_account_type(call: Call) -> Answer:
    """One kind of account."""
    return data(
        _type_view(found(_absences(call).account_types.get(call.ids["id"]), "Account type"))
    )


def list_accounts(call: Call) -> Answer:
    """The accounts asked for; those of a span are the ones valid on a day of it."""
    employee_id = call.query.number("employeeId")
    active = call.query.choice("status", "Active", "Inactive")
    inside = _span(call)
    kept = (
        each
        for each in _absences(call).accounts
        if employee_id in (None, each.employee_id)
        and active in (None, "Active" if each.is_active else "Inactive")
        and inside(each.start, each.end or date.max)
        and _sees(call, each.employee_id)
    )
    return call.page(kept, lambda each: _account_view(call, each))


def get_balance(call: Call) -> Answer:
    """What is left on an account on a day, today unless it is given."""
    account = _path_account(call)
    on = call.query.day("balanceDate") or call.data.today()
    left = _absences(call).balance(account, on)
    return data({"balance": [{"value": left, "unit": {"type": account.unit}}]})


def adjust(call: Call) -> Answer:
    """Puts something on an account, or takes it."""
    account, values = _path_account(call), call.fields(ADJUSTMENT)
    entry = _add_transaction(
        call, account, values["effectiveDate"], values["value"], note=values.get("comment")
    )
    return data({"id": entry.id})


def list_transactions(call: Call) -> Answer:
    """What was put on an account and taken from it, of one day or foreign number if so asked."""
    account = _path_account(call)
    on, external_id = call.query.day("date"), call.query.text("externalId")
    kept = (
        each
        for each in _absences(call).transactions
        if each.account_id == account.id
        and on in (None, each.day)
        and external_id in (None, each.external_id)
    )
    return call.page(kept, lambda each: _transaction_view(call, account, each))


def create_transaction(call: Call) -> Answer:
    """Puts amounts on an account, under a number of the caller's own."""
    account, values = _path_account(call), call.fields(TRANSACTION)
    amount = sum(each["value"] for each in values["amounts"])
    entry = _add_transaction(
        call,
        account,
        values["date"],
        amount,
        note=values.get("note"),
        external_id=values.get("externalId"),
    )
    return data({"id": entry.id})


def _add_transaction(
    call: Call,
    account: Account,
    on: date,
    value: float,
    *,
    note: str | None,
    external_id: str | None = None,
) -> Transaction:
    return _absences(call).transactions.make(
        lambda id_: Transaction(
            id=id_,
            account_id=account.id,
            external_id=external_id,
            day=on,
            value=value,
            note=note,
        )
    )


def _absences(call: Call) -> Absences:
    return call.data.absences


def _sees(call: Call, employee_id: int) -> bool:
    employee = call.data.employees.get(employee_id)
    return employee is None or call.sees_any(employee.departments)


def _account(call: Call, account_id: int) -> Account:
    account = _absences(call).accounts.get(account_id)
    if account is None or not _sees(call, account.employee_id):
        raise bad_input({"registrations": ["names an account that is not known"]})
    return account


def _path_account(call: Call) -> Account:
    account = found(_absences(call).accounts.get(call.ids["id"]), "Account")
    if not _sees(call, account.employee_id):
        raise missing("Account")
    return account


def _wanted(call: Call, name: str) -> Callable[[Absence], bool]:
    """Whether an absence is of the employee, the status and the span asked for."""
    employee_id, inside = call.query.number("employeeId"), _span(call)
    statuses = call.query.texts(name)
    if unknown := set(statuses) - set(STATUSES):
        raise bad_input({name: [f"{each} is no status" for each in sorted(unknown)]})
    return lambda absence: (
        employee_id in (None, absence.employee_id)
        and (not statuses or absence.status in statuses)
        and inside(absence.start, absence.end)
        and _sees(call, absence.employee_id)
    )


def _span(call: Call) -> Callable[[date, date], bool]:
    """Whether a span of days has one in common with that of the query."""
    first, last = call.query.day("startDate"), call.query.day("endDate")
    return lambda start, end: (first is None or end >= first) and (last is None or start <= last)


def _record_view(call: Call, absence: Absence) -> Json:
    return call.slim(
        {**_head(absence), "registrations": [_part(call, each) for each in absence.registrations]}
    )


def _request_view(call: Call, absence: Absence) -> Json:
    ids = dict.fromkeys(part.account_id for part in absence.registrations)
    accounts = [found(_absences(call).accounts.get(id_), "Account") for id_ in ids]
    asked = [
        {"id": account.id, "name": account.name, "cost": [_sum(absence, account)]}
        for account in accounts
    ]
    return call.slim({**_head(absence), "requestedAccounts": asked})


def _head(absence: Absence) -> Json:
    return {
        "id": absence.id,
        "employeeId": absence.employee_id,
        "status": absence.status,
        "note": absence.note,
        "absencePeriod": {"start": absence.start.isoformat(), "end": absence.end.isoformat()},
    }


def _part(call: Call, part: Registration) -> Json:
    account = found(_absences(call).accounts.get(part.account_id), "Account")
    cost = {"value": part.value, "unit": {"type": account.unit}}
    times = {"start": _hour(part.start), "end": _hour(part.end)} if part.start else None
    return call.slim(
        {
            "date": part.day.isoformat(),
            "time": times,
            "account": {"id": account.id, "costs": [cost]},
        }
    )


def _hour(at: time | None) -> str | None:
    return None if at is None else at.isoformat(timespec="minutes")


def _sum(absence: Absence, account: Account) -> Json:
    parts = (part.value for part in absence.registrations if part.account_id == account.id)
    return {"value": round(sum(parts), 2), "unit": {"type": account.unit}}


def _type_view(found_type: AccountType) -> Json:
    unit = {"type": found_type.unit}
    return {
        "id": found_type.id,
        "name": found_type.name,
        "unit": unit,
        "absenceType": found_type.kind,
        "accruingRate": {"value": found_type.accruing, "unit": unit},
    }


def _account_view(call: Call, account: Account) -> Json:
    period = {"start": account.start.isoformat(), "end": account.end and account.end.isoformat()}
    return {
        "id": account.id,
        "name": account.name,
        "typeId": account.type_id,
        "validityPeriod": call.slim(period),
    }


def _transaction_view(call: Call, account: Account, entry: Transaction) -> Json:
    amounts: list[dict[str, Any]] = [{"value": entry.value, "unit": {"type": account.unit}}]
    return call.slim(
        {
            "id": entry.id,
            "externalId": entry.external_id,
            "type": entry.type,
            "date": entry.day.isoformat(),
            "amounts": amounts,
            "note": entry.note,
        }
    )


_ABSENCE = "/absence/v1.0"
_ACCOUNTS = f"{_ABSENCE}/accounts"

ROUTES = [
    Route("GET", f"{_ABSENCE}/absencerecords", "absence:read", list_records),
    Route("GET", f"{_ABSENCE}/absencerecords/{{id}}", "absence:read", get_record),
    Route("GET", f"{_ABSENCE}/absencerequests", "absence:read", list_requests),
    Route("POST", f"{_ABSENCE}/absencerequests", "absence:create", create_request),
    Route("GET", f"{_ABSENCE}/absencetypes", "absence:read", list_types),
    Route("GET", f"{_ABSENCE}/accounttypes", "absencesettings:read", list_account_types),
    Route(
        "GET", f"{_ABSENCE}/accounttypes/accrued/{{id}}", "absencesettings:read", get_account_type
    ),
    Route("GET", _ACCOUNTS, "absence:read", list_accounts),
    Route("GET", f"{_ACCOUNTS}/{{id}}/balance", "absence:read", get_balance),
    Route("POST", f"{_ACCOUNTS}/{{id}}/adjustments", "absence:create", adjust),
    Route("GET", f"{_ACCOUNTS}/{{id}}/transactions", "absence:read", list_transactions),
    Route("POST", f"{_ACCOUNTS}/{{id}}/transactions", "absence:create", create_transaction),
]
