"""Who is away, who wants to be, and the accounts it is taken from."""

from datetime import date, time, timedelta

from attrs import evolve, field, frozen
from attrs.validators import in_

from planado_async.emulator.errors import EmulatorError
from planado_async.emulator.planday.table import Table

PENDING, APPROVED, DECLINED, CANCELLED = "Pending", "Approved", "Declined", "Cancelled"
STATUSES = (PENDING, APPROVED, DECLINED, CANCELLED)
VACATION, FLEXTIME = "Vacation", "Flextime"
KINDS = (VACATION, FLEXTIME)
DAYS, HOURS = "Days", "Hours"
# What a day off costs, by the unit of the account it is taken from.
A_DAY = {DAYS: 1.0, HOURS: 7.4}
SUNDAY = 7


@frozen(kw_only=True)
class AccountType:
    """A kind of account, and how much of it a year brings."""

    id: int
    name: str
    unit: str
    kind: str
    accruing: float


@frozen(kw_only=True)
class Account:
    """What one employee may take off."""

    id: int
    employee_id: int
    type_id: int
    name: str
    unit: str
    start: date
    end: date | None = None
    is_active: bool = True


@frozen(kw_only=True)
class Transaction:
    """Something put on an account, or taken from it by hand."""

    id: int
    account_id: int
    external_id: str | None = None
    type: str = "Adjustment"
    day: date
    value: float
    note: str | None = None


@frozen(kw_only=True)
class Registration:
    """One day of an absence, or some hours of it, with what it costs an account."""

    day: date
    start: time | None = None
    end: time | None = None
    account_id: int
    value: float


@frozen(kw_only=True)
class Absence:
    """An absence as asked for, or as it was decided."""

    id: int
    employee_id: int
    status: str = field(validator=in_(STATUSES))
    note: str | None = None
    start: date
    end: date
    registrations: tuple[Registration, ...] = ()


class Absences:
    """The absence records, requests and accounts of one portal."""

    def __init__(self) -> None:
        self.records: Table[Absence] = Table[Absence](60_000)
        self.requests: Table[Absence] = Table[Absence](70_000)
        self.account_types: Table[AccountType] = Table[AccountType](600)
        self.accounts: Table[Account] = Table[Account](80_000)
        self.transactions: Table[Transaction] = Table[Transaction](90_000)

    def account_of(self, employee_id: int) -> Account:
        """The account an employee's absences are taken from."""
        for account in self.accounts:
            if account.employee_id == employee_id and account.is_active:
                return account
        raise EmulatorError(409, "The employee has no account to take absence from")

    def add_absence(
        self,
        employee_id: int,
        start: date,
        end: date | None = None,
        *,
        status: str = APPROVED,
        note: str | None = None,
    ) -> Absence:
        """Records that an employee is away, Sundays left out; the end is the last day."""
        return self.records.make(
            lambda id_: self._absence(id_, employee_id, start, end or start, status, note)
        )

    def add_request(
        self, employee_id: int, start: date, end: date | None = None, *, note: str | None = None
    ) -> Absence:
        """Asks for days off, as the employee would."""
        return self.requests.make(
            lambda id_: self._absence(id_, employee_id, start, end or start, PENDING, note)
        )

    def _absence(
        self, id_: int, employee_id: int, start: date, end: date, status: str, note: str | None
    ) -> Absence:
        account = self.account_of(employee_id)
        if end < start:
            raise EmulatorError(400, "An absence cannot end before it begins")
        days = [start + timedelta(days=n) for n in range((end - start).days + 1)]
        cost = A_DAY[account.unit]
        taken = tuple(
            Registration(day=day, account_id=account.id, value=cost)
            for day in days
            if day.isoweekday() != SUNDAY
        )
        return Absence(
            id=id_,
            employee_id=employee_id,
            status=status,
            note=note,
            start=start,
            end=end,
            registrations=taken,
        )

    def decide(self, request_id: int, status: str = APPROVED) -> Absence:
        """Approves or declines a pending request; that makes it a record."""
        request = self.requests.get(request_id)
        if request is None:
            raise EmulatorError(404, "Absence request with given id doesn't exist")
        if request.status != PENDING:
            raise EmulatorError(409, "The absence request is not pending")
        decided = self.requests.put(evolve(request, status=status))
        return self.records.make(lambda id_: evolve(decided, id=id_))

    def balance(self, account: Account, on: date) -> float:
        """What is left on an account at the end of a day."""
        put = sum(
            each.value
            for each in self.transactions
            if each.account_id == account.id and each.day <= on
        )
        taken = sum(
            part.value
            for record in self.records
            if record.status == APPROVED
            for part in record.registrations
            if part.account_id == account.id and part.day <= on
        )
        return round(put - taken, 2)
