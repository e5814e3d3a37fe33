"""Absence: who is away, who asked to be, and the accounts it is taken from (docs: Absence)."""

from builtins import list as List  # noqa: N812  # as in the modules beside this one
from collections.abc import Mapping
from typing import Any, TypeVar, Unpack

from planado_async.core.convert import decode_all
from planado_async.core.encode import encode
from planado_async.core.pages import Pages
from planado_async.core.resource import split
from planado_async.core.transport import expect
from planado_async.planday.models.absence import (
    AbsenceAccount,
    AbsenceRecord,
    AbsenceRequest,
    AbsenceType,
    AccountType,
    Amount,
)
from planado_async.planday.models.model import PlandayModel
from planado_async.planday.resources.resource import (
    OPTIONS,
    Resource,
    id_of,
    query_of,
)
from planado_async.planday.writes.absence import (
    AbsenceListing,
    AccountListing,
    AccountTypeListing,
    BalanceRead,
)
from planado_async.planday.writes.options import CallOptions, Listing

_RECORDS = "/absence/v1.0/absencerecords"
_ACCOUNTS = "/absence/v1.0/accounts"
_ACCOUNT_TYPES = "/absence/v1.0/accounttypes"

AbsenceT = TypeVar("AbsenceT", bound=PlandayModel)


class Absence(Resource):
    """The calls under `/absence/v1.0`. Absence may also be kept as shifts of certain types."""

    def records(self, **options: Unpack[AbsenceListing]) -> Pages[AbsenceRecord]:
        """Walk over absences that were decided, approved or not, between two days."""
        return self._absences(_RECORDS, AbsenceRecord, options, "statuses")

    async def record(self, id: int, **options: Unpack[CallOptions]) -> AbsenceRecord:
        """Return one absence that was decided."""
        return await self._get(
            f"{_RECORDS}/{{id}}", id, model=AbsenceRecord, given=options, scope="absence:read"
        )

    def requests(self, **options: Unpack[AbsenceListing]) -> Pages[AbsenceRequest]:
        """Walk over absences that were asked for, decided or not, between two days."""
        return self._absences("/absence/v1.0/absencerequests", AbsenceRequest, options, "status")

    def types(self, **options: Unpack[Listing]) -> Pages[AbsenceType]:
        """Walk over the kinds of absence."""
        return self._list(
            "/absence/v1.0/absencetypes", model=AbsenceType, given=options, scope="absence:read"
        )

    def account_types(self, **options: Unpack[AccountTypeListing]) -> Pages[AccountType]:
        """Walk over the kinds of accounts, of one kind of absence if it is named."""
        return self._list(
            _ACCOUNT_TYPES,
            model=AccountType,
            given=options,
            shape=AccountTypeListing,
            scope="absencesettings:read",
        )

    async def account_type(self, id: int, **options: Unpack[CallOptions]) -> AccountType:
        """Return one kind of account that accrues."""
        return await self._get(
            f"{_ACCOUNT_TYPES}/accrued/{{id}}",
            id,
            model=AccountType,
            given=options,
            scope="absencesettings:read",
        )

    def accounts(self, **options: Unpack[AccountListing]) -> Pages[AbsenceAccount]:
        """Walk over the accounts, of one employee if named, that are valid between two days."""
        return self._list(
            _ACCOUNTS,
            model=AbsenceAccount,
            given=options,
            shape=AccountListing,
            scope="absence:read",
        )

    async def balance(self, account_id: int, **options: Unpack[BalanceRead]) -> List[Amount]:
        """Return what is left on an account at the end of a day, in each of its units."""
        wanted, given = split(encode(options, BalanceRead))
        left: List[Amount] = await self._send(
            "GET",
            f"{_ACCOUNTS}/{{id}}/balance",
            id_of(account_id),
            effect="read",
            given=given,
            read=_left,
            query=query_of(wanted, {}),
            scope="absence:read",
        )
        return left

    def _absences(
        self, route: str, model: type[AbsenceT], options: Mapping[str, Any], status: str
    ) -> Pages[AbsenceT]:
        """Walk over absences; this API takes statuses one by one, under a name that differs."""
        filters, given = split(encode(options, AbsenceListing), OPTIONS)
        after, statuses = given.pop("after", None), filters.pop("statuses", None)
        query = [*query_of(filters, {}), *((status, each) for each in statuses or ())]

        return self._walk(
            route, model=model, given=given, query=query, after=after, scope="absence:read"
        )


def _left(answer: Any) -> List[Amount]:
    balance = expect(expect(answer, "data", dict), "balance", list)
    return decode_all(balance, Amount, at="$.data.balance")
