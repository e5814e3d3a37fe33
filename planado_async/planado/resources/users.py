"""Users: people, their working hours and where they are (docs: Users)."""

from builtins import list as List  # noqa: N812  # `list` is the method below
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Unpack

from planado_async.core.encode import encode
from planado_async.core.pages import Pages, by_offset
from planado_async.core.resource import ignored, many
from planado_async.planado.models import NearbyUser, Shift, User
from planado_async.planado.resources.resource import Resource, split
from planado_async.planado.writes import (
    CallOptions,
    Listing,
    NearbySearch,
    ShiftFields,
    ShiftsRead,
    ShiftsWrite,
    UserCreate,
    UserUpdate,
)

_WEEK = timedelta(days=7)


class Users(Resource):
    """The calls under `/users`."""

    def list(self, **options: Unpack[Listing]) -> Pages[User]:
        """Walk over the users of the account."""
        return self._list("/users", key="users", model=User, given=options, whole=True)

    async def create(self, **fields: Unpack[UserCreate]) -> str:
        """Create a user and return their uuid (docs: Users, Create).

        Raises:
            PermissionDeniedError: Planado's support has not opened this call for the account.
            OutcomeUnknownError: the answer was lost; the user may exist.
        """
        return await self._create("/users", fields=fields, shape=UserCreate, answers="user_uuid")

    async def update(self, uuid: str, **fields: Unpack[UserUpdate]) -> str:
        """Change a user's permissions and return their uuid."""
        return await self._update(
            "/users/{id}", uuid, fields=fields, shape=UserUpdate, answers="user_uuid"
        )

    async def shifts(
        self, uuid: str, *, after: date, before: date, **options: Unpack[CallOptions]
    ) -> List[Shift]:
        """Return a user's timeline between two days at most a week apart (docs: Shifts, Get).

        Its pieces follow each other without gaps, working or not.

        Raises:
            TypeError: a date-time in place of a date.
            ValueError: more than a week, or the days in the wrong order.
        """
        days, given = split(encode({"after": after, "before": before, **options}, ShiftsRead))
        _check_week(before - after)
        timeline: List[Shift] = await self._send(
            "GET",
            "/users/{id}/shifts",
            uuid,
            effect="read",
            given=given,
            read=many("timeline", Shift),
            query=[*days.items()],
        )
        return timeline

    async def set_shifts(
        self, uuid: str, shifts: Sequence[ShiftFields], **options: Unpack[CallOptions]
    ) -> None:
        """Write pieces of a user's timeline, a week at most (docs: Shifts, Update).

        Raises:
            ValueError: no piece, an end before its begin, an end off the quarter hours, or pieces
                that span more than a week.
        """
        body, given = split(encode({"shifts": shifts, **options}, ShiftsWrite))
        _check_shifts(body["shifts"])
        await self._send(
            "PATCH",
            "/users/{id}/shifts",
            uuid,
            effect="repeatable",
            given=given,
            read=ignored,
            body=body,
        )

    def search_nearby(self, **search: Unpack[NearbySearch]) -> Pages[NearbyUser]:
        """Walk over the users last seen inside a circle (docs: Users, Geo search).

        `latitude` and `longitude` are degrees, `radius_m` metres; `seen_within` is how old a
        position may be (a week if not given), `page_size` how many users one call fetches.
        """
        wanted, given = split(encode(search, NearbySearch))
        page_size = wanted.pop("page_size", 100)
        body = _circle(wanted)

        async def fetch(offset: int) -> List[NearbyUser]:
            found: List[NearbyUser] = await self._send(
                "POST",
                "/users/geo/search",
                effect="read",
                given=given,
                read=many("users", NearbyUser),
                body={**body, "limit": page_size, "offset": offset},
            )
            return found

        return by_offset(fetch)


def _circle(wanted: dict[str, Any]) -> dict[str, Any]:
    """Return a search in the words of the API."""
    radius_m = wanted.pop("radius_m")
    center = {key: wanted.pop(key) for key in ("latitude", "longitude")}
    if seen_within := wanted.pop("seen_within", None):
        wanted["recency_cut_off_min"] = seen_within["minutes"]
    return {"geometry": {"type": "circle", "center": center, "radius_m": radius_m}, **wanted}


def _check_shifts(shifts: Sequence[Any]) -> None:
    if not shifts:
        raise ValueError("shifts is empty; give at least one piece of the timeline")
    pieces = [
        tuple(datetime.fromisoformat(shift[end]) for end in ("time_from", "time_to"))
        for shift in shifts
    ]
    for index, (begin, end) in enumerate(pieces):
        if begin >= end:
            raise ValueError(f"shifts[{index}] ends before it begins, or at once")
        for moment in (begin, end):
            if moment.minute % 15 or moment.second or moment.microsecond:
                raise ValueError(f"shifts[{index}] is not on quarter hours: {moment.isoformat()}")
    begin, end = min(begin for begin, _ in pieces), max(end for _, end in pieces)
    # A week by the clock on the wall has 167 or 169 hours when the clocks change.
    _check_week(min(end - begin, end.replace(tzinfo=None) - begin.replace(tzinfo=None)))


def _check_week(span: timedelta) -> None:
    if not timedelta() <= span <= _WEEK:
        raise ValueError(f"the days span {span}; the API takes a week at most, first day first")
