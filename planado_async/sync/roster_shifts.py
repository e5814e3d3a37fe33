"""The shifts of some days, and what is to be known of those that cannot be read.

One shift that is not as documented makes the page it is on unreadable, and everybody's hours would
wait for it. So such a listing is walked once more, and each shift is read by itself.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date
from typing import Any, NamedTuple

from attrs import frozen

from planado_async.core.convert import decode
from planado_async.core.errors import UnexpectedResponseError
from planado_async.core.pages import by_offset
from planado_async.planday.client import Planday
from planado_async.planday.models import Shift
from planado_async.planday.models.model import PlandayModel
from planado_async.planday.resources.resource import RemovedMeanwhileError, a_page, total_of
from planado_async.planday.resources.shifts import PAGE
from planado_async.sync.roster_plan import Problem

_PATH = "/scheduling/v1.0/shifts"


@frozen(kw_only=True, slots=True)
class _AsTold(PlandayModel):
    """A shift of which no more is read yet than tells one page from another."""

    id: Any = None


class ToldShifts(NamedTuple):
    """Shifts as Planday tells them."""

    shifts: list[Shift]
    unreadable: Mapping[int, str] = {}
    """Why shifts among them could not be read, by id: these have no times, and a day if told."""
    problems: tuple[Problem, ...] = ()
    """One for each of which not even that can be read."""


async def shifts_between(planday: Planday, first: date, last: date) -> ToldShifts:
    """Return the shifts of these days, each once.

    Raises:
        PlanadoError: the listing itself cannot be read, or changes again and again while it is.
    """
    try:
        shifts = await planday.shifts.list(from_date=first, to_date=last).collect()
    except UnexpectedResponseError:
        return read_apart(await _as_told(planday, first, last))
    return ToldShifts([*{each.id: each for each in shifts}.values()])


async def _as_told(planday: Planday, first: date, last: date) -> list[Mapping[str, Any]]:
    """Return the shifts of these days as they came."""
    totals: list[int] = []

    async def fetch(offset: int) -> list[_AsTold]:
        window = {"from": str(first), "to": str(last), "limit": str(PAGE), "offset": str(offset)}
        answer = await planday.request("GET", _PATH, route=_PATH, query=window)
        if (total := total_of(answer)) is not None:
            totals.append(total)
        if totals and totals[-1] < totals[0]:
            raise RemovedMeanwhileError("shifts were removed while they were listed; plan again")
        return a_page(answer, _AsTold, PAGE, offset)

    return [each.raw for each in await by_offset(fetch).collect()]


def read_apart(items: Iterable[Mapping[str, Any]]) -> ToldShifts:
    """Read each of the shifts by itself."""
    shifts: dict[int, Shift] = {}
    unreadable: dict[int, str] = {}
    problems: list[Problem] = []
    for item in items:
        try:
            shift = decode(item, Shift)
        except UnexpectedResponseError as error:
            whose = _whose(item)
            if whose is None:
                problems.append(_of_nobody(item, error))
                continue
            shift = whose
            unreadable[shift.id] = str(error)
        shifts[shift.id] = shift
    return ToldShifts([*shifts.values()], unreadable, tuple(problems))


def _whose(item: Mapping[str, Any]) -> Shift | None:
    """Return a shift without times, on its day if that can be read; None if whose it is cannot."""
    whose = {key: item.get(key) for key in ("id", "employeeId", "status")}
    if type(department := item.get("departmentId")) is int:
        whose["departmentId"] = department
    days = filter(None, map(item.get, ("date", "startDateTime", "endDateTime")))
    for day in (*days, None):
        with suppress(UnexpectedResponseError):
            return decode({**whose, "date": day}, Shift)
    return None


def _of_nobody(item: Mapping[str, Any], error: Exception) -> Problem:
    return Problem(
        kind="unreadable",
        text=f"shift {item.get('id')!r} cannot be read, nor whose it is: {error}. Nothing is kept "
        "for it; mend it in Planday",
    )
