"""The punch clock: when people really came and went (docs: Punch clock).

Its times are local and name no zone. They are taken to be in the zone of the portal, which is asked
for once, before the first call that needs it, and kept.
"""

import asyncio
from builtins import list as List  # noqa: N812  # `list` is the method below
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Unpack

from attrs import define

from planado_async.core.convert import decode
from planado_async.core.encode import encode
from planado_async.core.errors import UnexpectedResponseError
from planado_async.core.pages import Pages
from planado_async.core.resource import ClientOptions, ignored, one, split
from planado_async.core.transport import Transport, expect
from planado_async.core.wall_clock import zone_of
from planado_async.planday.models.portal import Portal
from planado_async.planday.models.punch_clock import Break, EmployeeShift, PunchClockShift
from planado_async.planday.resources.resource import (
    OPTIONS,
    Resource,
    a_page,
    id_of,
    in_camel_case,
    query_of,
)
from planado_async.planday.writes.options import CallOptions
from planado_async.planday.writes.punch_clock import PunchIn, PunchListing, PunchOut, TodayRead

LONGEST_SPAN = timedelta(days=31)
"""Days that one listing may cover."""

_ALL = "/punchclock/v1.0/punchclockshifts"
_EMPLOYEE = f"{_ALL}/employee/{{id}}"


@define
class _Kept:
    """The portal's zone, once it is known; shared by clients with other options."""

    zone: str | None = None


class PunchClock(Resource):
    """The calls under `/punchclock/v1.0`."""

    def __init__(self, transport: Transport, options: ClientOptions) -> None:
        super().__init__(transport, options)
        self._kept = _Kept()

    def list(self, **options: Unpack[PunchListing]) -> Pages[PunchClockShift]:
        """Walk over the entries of some days, 31 at most, both ends included.

        Raises:
            ValueError: more days than that, or the days in the wrong order.
        """
        filters, given = split(encode(options, PunchListing), OPTIONS)
        after = given.pop("after", None)
        query = query_of(_whole_days(filters), {"from_date": "from", "to_date": "to"})

        # Without a limit, or with nought, Planday shows nothing; a walk always has one.
        return self._walk(
            _ALL,
            model=PunchClockShift,
            given=given,
            query=query,
            after=after,
            scope="punchclockshift:read",
            in_zone=self._in_zone,
        )

    async def by_shift(self, shift_id: int, **options: Unpack[CallOptions]) -> PunchClockShift:
        """Return the entry made on a shift.

        Raises:
            NotFoundError: nobody has punched in on it.
        """
        zone, given = await self._in_zone(encode(options, CallOptions))
        entry: PunchClockShift = await self._send(
            "GET",
            f"{_ALL}/byShift/{{id}}",
            id_of(shift_id),
            effect="read",
            given=given,
            read=lambda answer: decode(
                expect(answer, "data", dict), PunchClockShift, at="$.data", zone=zone
            ),
            scope="punchclockshift:read",
        )
        return entry

    async def breaks(self, id: int, **options: Unpack[CallOptions]) -> List[Break]:
        """Return the breaks taken in an entry."""
        zone, given = await self._in_zone(encode(options, CallOptions))
        return await self._all(
            f"{_ALL}/{{id}}/breaks",
            id,
            model=Break,
            given=given,
            read=lambda answer: a_page(answer, Break, None, zone=zone),
            scope="punchclockshift:read",
        )

    async def today(self, **options: Unpack[TodayRead]) -> List[EmployeeShift]:
        """Return the shifts of today, of one employee if named; drafts are not among them."""
        wanted, chosen = split(encode(options, TodayRead))
        zone, given = await self._in_zone(chosen)
        return await self._all(
            "/punchclock/v1.0/employeeshifts/today",
            model=EmployeeShift,
            given=given,
            read=lambda answer: a_page(answer, EmployeeShift, None, zone=zone),
            query=query_of(wanted, {}),
            scope="shift:read",
        )

    async def punch_in(self, employee_id: int, **fields: Unpack[PunchIn]) -> int:
        """Let an employee come to work; return the id of the entry (docs: Punch clock, Punch in).

        A moment is sent as the portal's clock shows it, so of an hour that comes twice Planday
        cannot tell which is meant.

        Raises:
            ValidationError: there are several shifts that day, which it lists, and none was named.
            OutcomeUnknownError: the answer was lost; the employee may be punched in.
        """
        body, given = await self._on_the_wall(encode(fields, PunchIn))
        entry: int = await self._send(
            "POST",
            f"{_EMPLOYEE}/punchin",
            id_of(employee_id),
            effect="once",
            given=given,
            read=_entry_id,
            body=in_camel_case(body),
            scope="punchclockshift:create",
        )
        return entry

    async def punch_out(self, employee_id: int, **fields: Unpack[PunchOut]) -> None:
        """Let an employee leave work.

        Raises:
            ConflictError: the employee is not punched in.
            OutcomeUnknownError: the answer was lost; the employee may be punched out.
        """
        body, given = await self._on_the_wall(encode(fields, PunchOut))
        await self._send(
            "PUT",
            f"{_EMPLOYEE}/punchout",
            id_of(employee_id),
            effect="once",  # a second time there is nobody left to punch out
            given=given,
            read=ignored,
            body=in_camel_case(body),
            scope="punchclockshift:create",
        )

    async def _on_the_wall(
        self, encoded: Mapping[str, Any]
    ) -> tuple[dict[str, Any], Mapping[str, Any]]:
        """Return body and options of a write, its moment as the portal's clock shows it."""
        body, given = split(encoded)
        moments = {"start_date_time", "end_date_time"} & body.keys()
        if not moments:
            return body, given
        zone, left = await self._in_zone(given)
        for name in moments:
            there = datetime.fromisoformat(body[name]).astimezone(zone_of(zone))
            body[name] = there.strftime("%Y-%m-%dT%H:%M:%S")
        return body, left

    async def _in_zone(self, given: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        """Return the portal's zone, and the options of a call with what is left of its time."""
        if self._kept.zone is not None:
            return self._kept.zone, given
        began = _clock()
        self._kept.zone = zone = await self._told_zone(given)
        deadline = self._options.of_call(given, write=False).deadline
        if deadline is None:
            return zone, given
        return zone, {**given, "deadline": deadline - (_clock() - began)}

    async def _told_zone(self, given: Mapping[str, Any]) -> str:
        portal: Portal = await self._send(
            "GET", "/portal/v1.0/info", effect="read", given=given, read=one("data", Portal)
        )
        try:
            zone_of(portal.time_zone or "")
        except ValueError as unknown:
            told = f"the punch clock's times are in the portal's zone, but {unknown}"
            raise UnexpectedResponseError(told) from None
        return portal.time_zone or ""


def _whole_days(filters: Mapping[str, Any]) -> dict[str, Any]:
    """Return filters that begin and end with their days, or raise ValueError."""
    first, last = (date.fromisoformat(filters[name]) for name in ("from_date", "to_date"))
    if not timedelta() <= last - first < LONGEST_SPAN:
        raise ValueError(
            f"{first} to {last} spans {(last - first).days + 1} days; the punch clock tells of "
            f"1 to {LONGEST_SPAN.days} at a time, so ask once for each month or less"
        )
    return {**filters, "from_date": f"{first}T00:00:00", "to_date": f"{last}T23:59:59"}


def _entry_id(answer: Any) -> int:
    """Read the id of an entry that was made, which may or may not be wrapped in `data`."""
    inside = answer.get("data") if isinstance(answer, dict) else None
    return int(expect(inside if isinstance(inside, dict) else answer, "punchClockShiftId", int))


def _clock() -> float:
    return asyncio.get_running_loop().time()
