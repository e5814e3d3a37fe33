"""Shifts: who is to work where and when (docs: Schedule).

Planday sends no word of a change, so `changes` asks for them. What it goes by:

    ├── overlap ──┤
    since ────────┴── newest stamp seen, less the time the listings took ── next.since + overlap

A shift that is written while the listings are read, or whose stamp is older than the moment others
get to see it, is found the next time. Stamps are of Planday's own clock; this machine's only keeps
a stamp that lies ahead from moving the cursor there. What comes again is known by its content, not
its stamp, which tells no two changes of a second apart.
"""

import asyncio
from builtins import list as List  # noqa: N812  # `list` is the method below
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, TypeVar, Unpack

import orjson

from planado_async.core.encode import encode
from planado_async.core.pages import Pages
from planado_async.core.resource import ignored, one, split
from planado_async.planday.models.scheduling import (
    CreatedShift,
    DeletedShift,
    PlannedShift,
    Shift,
    ShiftChange,
    ShiftChanges,
    ShiftCursor,
    ShiftStatus,
)
from planado_async.planday.resources.resource import (
    RemovedMeanwhileError,
    Resource,
    id_of,
    in_camel_case,
)
from planado_async.planday.writes.options import CallOptions, Listing
from planado_async.planday.writes.scheduling import (
    Assignment,
    DeletedShiftListing,
    Publication,
    ShiftCreate,
    ShiftListing,
    ShiftUpdate,
)

PAGE, DELETED_PAGE = 5000, 1000
"""Shifts on a page, the most that Planday grants."""

OVERLAP = timedelta(minutes=5)
"""How far `changes` looks back behind what it has seen."""

_ALL = "/scheduling/v1.0/shifts"
_ONE = f"{_ALL}/{{id}}"
_NAMES: Mapping[str, str] = {
    "from_date": "from",
    "to_date": "to",
    "department_ids": "departmentId",
    "employee_group_ids": "employeeGroupId",
    "shift_type_ids": "shiftTypeId",
    "position_ids": "positionId",
    "employee_ids": "employeeId",
    "status": "shiftStatus",
}

PlannedT = TypeVar("PlannedT", bound=PlannedShift)


class Shifts(Resource):
    """The calls under `/scheduling/v1.0/shifts`."""

    def list(self, **options: Unpack[ShiftListing]) -> Pages[Shift]:
        """Walk over the shifts of the departments that the app's administrator sees.

        Raises:
            TypeError: a date-time in place of a day.
            ValueError: a moment without a zone, or a list that names nothing.
        """
        return self._list(
            _ALL,
            model=Shift,
            given=options,
            shape=ShiftListing,
            names=_NAMES,
            page_size=PAGE,
            scope="shift:read",
        )

    def deleted(self, **options: Unpack[DeletedShiftListing]) -> Pages[DeletedShift]:
        """Walk over shifts that are gone; raises as `list` does."""
        return self._list(
            f"{_ALL}/deleted",
            model=DeletedShift,
            given=options,
            shape=DeletedShiftListing,
            names=_NAMES,
            page_size=DELETED_PAGE,
            scope="shift:read",
        )

    async def statuses(self, **options: Unpack[CallOptions]) -> List[ShiftStatus]:
        """Return the statuses that shifts can be asked for by."""
        return await self._all(
            f"{_ALL}/shiftstatus/all",
            model=ShiftStatus,
            given=encode(options, CallOptions),
            scope="shift:read",
        )

    async def get(self, id: int, **options: Unpack[CallOptions]) -> Shift:
        """Return one shift.

        Raises:
            NotFoundError: there is none of this id, or it was deleted.
        """
        return await self._get(_ONE, id, model=Shift, given=options, scope="shift:read")

    async def create(self, **fields: Unpack[ShiftCreate]) -> CreatedShift:
        """Put a shift on the roster and return it, without status and zone (docs: Shifts, Create).

        Nothing checks that the employee belongs to the department and the group; if not, the shift
        costs nothing.

        Raises:
            ConflictError: another shift of the employee overlaps, the day is locked, or the
                employee is no longer active.
            OutcomeUnknownError: the answer was lost; the shift may exist.
        """
        made: CreatedShift = await self._create(
            _ALL,
            fields=fields,
            shape=ShiftCreate,
            read=one("data", CreatedShift),
            scope="shift:create",
        )
        return made

    async def update(self, id: int, **fields: Unpack[ShiftUpdate]) -> CreatedShift:
        """Write a shift anew and return it (docs: Shifts, Update).

        What is not given is emptied, but for `is_draft`, so give everything that is to stay. The
        wage is not among what can be read. Raises as `create` does, and NotFoundError.
        """
        written: CreatedShift = await self._put(
            _ONE,
            id,
            fields=fields,
            shape=ShiftUpdate,
            read=one("data", CreatedShift),
            scope="shift:update",
        )
        return written

    async def delete(self, id: int, **options: Unpack[CallOptions]) -> None:
        """Take a shift off the roster; `deleted` lists it from then on."""
        await self._delete(_ONE, id, given=options, scope="shift:delete")

    async def approve(self, id: int, **options: Unpack[CallOptions]) -> None:
        """Approve a shift for payroll, whatever the punch clock says."""
        await self._do("approve", id, given=encode(options, CallOptions))

    async def assign(
        self, id: int, employee_id: int | None, **options: Unpack[CallOptions]
    ) -> None:
        """Give a shift to an employee, or open it with None.

        Raises:
            ConflictError: the employee is not active, or the day is locked.
        """
        told = encode({"employee_id": employee_id, **options}, Assignment)
        body, given = split(told)
        await self._do("employee", id, body=body, given=given)

    async def publish(
        self,
        department_id: int,
        shift_ids: Sequence[int] | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Show drafts of a department to its employees: those named, or all.

        Raises:
            OutcomeUnknownError: the answer was lost, and all drafts were meant; sent again it could
                publish one that was begun since.
            ValueError: an empty list of shifts.
        """
        named = {} if shift_ids is None else {"shift_ids": shift_ids}
        told = encode({"department_id": department_id, **named, **options}, Publication)
        body, given = split(told)
        await self._send(
            "POST",
            f"{_ALL}/drafts/publish",
            effect="once" if shift_ids is None else "repeatable",
            given=given,
            read=ignored,
            body=in_camel_case(body),
            scope="shift:update",
        )

    def history(self, id: int, **options: Unpack[Listing]) -> Pages[ShiftChange]:
        """Walk over what has happened to a shift."""
        return self._list(
            f"{_ONE}/history", id, model=ShiftChange, given=options, scope="shift:read"
        )

    async def changes(
        self,
        since: datetime | ShiftCursor,
        *,
        overlap: timedelta = OVERLAP,
        **options: Unpack[CallOptions],
    ) -> ShiftChanges:
        """Return the shifts that were created, changed or deleted since a moment.

        Call it with a moment once, then each time with the `next` of the answer before, stored when
        the changes are dealt with: so nothing is lost, and nothing told twice that was dealt with.
        The first time also tells of the `overlap` before the moment. It costs two calls, unless
        there are thousands of changes.

        `overlap` covers what Planday does not say: whether the edge of a window belongs to it, and
        how long a change takes to be seen. If its filters ran on another clock than its stamps,
        give more hours than that is apart.

        Raises:
            ValueError: a moment without a zone, or an overlap below one second.
        """
        cursor = since if isinstance(since, ShiftCursor) else _first(since, overlap)
        if overlap < timedelta(seconds=1):
            raise ValueError(
                f"overlap is {overlap}; stamps are in seconds, so it takes one or more"
            )
        began, now = _clock(), datetime.now(UTC)
        changed = await _walked(lambda: self.list(modified_from=cursor.since, **options))
        deleted = await _walked(lambda: self.deleted(deleted_from=cursor.since, **options))
        took = timedelta(seconds=_clock() - began)
        return compared(cursor, changed, deleted, took=took, now=now, overlap=overlap)

    async def _do(
        self,
        action: str,
        id: int,
        *,
        given: Mapping[str, Any],
        body: Mapping[str, Any] | None = None,
    ) -> None:
        """POST what may be done to a shift twice."""
        await self._send(
            "POST",
            f"{_ONE}/{action}",
            id_of(id),
            effect="repeatable",
            given=given,
            read=ignored,
            body=in_camel_case(body),
            scope="shift:update",
        )


# --- Changes --------------------------------------------------------------------------------------


def compared(
    cursor: ShiftCursor,
    changed: Sequence[Shift],
    deleted: Sequence[DeletedShift],
    *,
    took: timedelta,
    now: datetime,
    overlap: timedelta,
) -> ShiftChanges:
    """Return what is new in two listings from a cursor on, which took so long from `now` on."""
    listed = [*changed, *deleted]
    stamps = [stamp for each in listed if (stamp := stamp_of(each))]
    newest = min(max(stamps) - took, now) if stamps else cursor.since
    since = max(cursor.since, (newest - overlap).replace(microsecond=0))
    gone = {each.id for each in deleted}
    return ShiftChanges(
        changed=_new([each for each in changed if each.id not in gone], cursor.seen),
        deleted=_new(deleted, cursor.seen),
        next=ShiftCursor(
            since=since,
            seen=frozenset(
                version_of(each) for each in listed if (stamp_of(each) or since) >= since
            ),
        ),
    )


def stamp_of(shift: PlannedShift) -> datetime | None:
    """Return when the version of a shift was made, None if Planday does not say."""
    if isinstance(shift, DeletedShift):
        return shift.date_time_deleted
    return shift.date_time_modified or shift.date_time_created


def version_of(shift: PlannedShift) -> str:
    """Return what stands for all that is told of a shift."""
    told = orjson.dumps(shift.raw, option=orjson.OPT_SORT_KEYS)
    return blake2b(told, digest_size=10).hexdigest()


def _first(since: datetime, overlap: timedelta) -> ShiftCursor:
    if since.tzinfo is None:
        raise ValueError(f"since is {since}, without a time zone; say which moment it is")
    return ShiftCursor(since=(since - overlap).replace(microsecond=0))


def _new(shifts: Iterable[PlannedT], seen: frozenset[str]) -> tuple[PlannedT, ...]:
    """Return the versions that were not seen, oldest first, of each shift the last."""
    fresh = [each for each in shifts if version_of(each) not in seen]
    last = {each.id: each for each in sorted(fresh, key=_age)}
    return tuple(sorted(last.values(), key=_age))


def _age(shift: PlannedShift) -> datetime:
    return stamp_of(shift) or datetime.max.replace(tzinfo=UTC)


async def _walked(listing: Callable[[], Pages[PlannedT]]) -> list[PlannedT]:
    """Gather a listing, twice if it has several pages.

    A shift that is deleted in mid-walk moves those behind it forward, over the edge of a page that
    was read already. Such a one is on an earlier page the second time.
    """
    pages: List[List[PlannedT]] = []
    whole = False
    with suppress(RemovedMeanwhileError):
        async for page in listing().pages():
            pages.append(page)  # noqa: PERF401  # kept, whatever comes after
        whole = len(pages) <= 1
    if not whole:
        pages += [page async for page in listing().pages()]
    return [each for page in pages for each in page]


def _clock() -> float:
    return asyncio.get_running_loop().time()
