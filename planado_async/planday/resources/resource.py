"""What all groups of Planday's calls share: scopes, pages, filters and the shape of answers."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

from planado_async.core.convert import decode_all
from planado_async.core.encode import encode
from planado_async.core.errors import UnexpectedResponseError
from planado_async.core.model import camel
from planado_async.core.pages import LastPage, Pages, by_offset
from planado_async.core.resource import ClientOptions, Group, ignored, one, split
from planado_async.core.transport import expect, path_of
from planado_async.planday.models.hr import Member
from planado_async.planday.models.model import PlandayModel
from planado_async.planday.writes.options import CallOptions, Listing

ModelT = TypeVar("ModelT", bound=PlandayModel)

InZone: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[tuple[str, Mapping[str, Any]]]]
"""Takes the options of a call; returns the zone it is read in, and the options that are left."""

PAGE = 50
"""Records on a page where no more are granted."""

OPTIONS = CallOptions.__optional_keys__ | {"after"}
"""What a listing takes beside its filters."""

MOMENTS = frozenset(
    f"{what}_{end}"
    for what in ("created", "modified", "deleted", "deactivated")
    for end in ("from", "to")
) | {"start_date_time", "end_date_time"}
"""The filters that take a moment; all others of a date take a day."""


class RemovedMeanwhileError(UnexpectedResponseError):
    """Records went while a listing was walked over, so others may have been passed by."""


class Resource(Group[ClientOptions]):
    """A group of calls; its methods are thin over those that begin with an underscore."""

    async def _get(
        self,
        route: str,
        *ids: int,
        model: type[ModelT],
        given: Mapping[str, Any],
        scope: str | None,
        query: Sequence[tuple[str, str]] = (),
    ) -> ModelT:
        """GET the one record that an answer wraps in `data`."""
        found: ModelT = await self._send(
            "GET",
            route,
            *map(id_of, ids),
            effect="read",
            given=encode(given, CallOptions),
            read=one("data", model),
            query=query,
            scope=scope,
        )
        return found

    async def _all(
        self,
        route: str,
        *ids: int,
        model: type[ModelT],
        given: Mapping[str, Any],
        scope: str | None,
        read: Callable[[Any], Any] | None = None,
        query: Sequence[tuple[str, str]] = (),
    ) -> list[ModelT]:
        """GET a list that comes whole, under `data` unless `read` says otherwise."""
        found: list[ModelT] = await self._send(
            "GET",
            route,
            *map(id_of, ids),
            effect="read",
            given=given,
            read=read or (lambda answer: a_page(answer, model, None)),
            query=query,
            scope=scope,
        )
        return found

    async def _members(self, route: str, id: int, given: Mapping[str, Any]) -> list[int]:
        """GET the ids of the employees that a list names."""
        members = await self._all(
            route, id, model=Member, given=encode(given, CallOptions), scope="employee:read"
        )
        return [each.employee_id for each in members]

    def _list(
        self,
        route: str,
        *ids: int,
        model: type[ModelT],
        given: Mapping[str, Any],
        scope: str | None,
        shape: Any = Listing,
        names: Mapping[str, str] | None = None,
        page_size: int = PAGE,
    ) -> Pages[ModelT]:
        """Walk over a listing; `names` are the filters whose names are not just camel case."""
        encoded = encode(given, shape)
        filters, options = split(encoded, OPTIONS)
        after = options.pop("after", None)
        query = query_of(filters, names or {})
        path_of(route, *map(id_of, ids))  # a bad id is refused here, not at the first page

        return self._walk(
            route,
            *ids,
            model=model,
            given=options,
            query=query,
            after=after,
            scope=scope,
            page_size=page_size,
        )

    def _walk(
        self,
        route: str,
        *ids: int,
        model: type[ModelT],
        given: Mapping[str, Any],
        query: Sequence[tuple[str, str]],
        after: str | None,
        scope: str | None,
        page_size: int = PAGE,
        in_zone: InZone | None = None,
    ) -> Pages[ModelT]:
        """Walk over a listing whose filters and options are written out already."""
        total: int | None = None  # what the page before said

        async def fetch(offset: int) -> list[ModelT]:
            zone, options = await in_zone(given) if in_zone else (None, given)

            def read(answer: Any) -> list[ModelT]:
                nonlocal total
                before, total = total if offset else None, total_of(answer)
                _refuse_gap(before, total, offset)
                return a_page(answer, model, page_size, offset, zone=zone)

            page: list[ModelT] = await self._send(
                "GET",
                route,
                *map(id_of, ids),
                effect="read",
                given=options,
                read=read,
                query=[*query, ("limit", str(page_size)), ("offset", str(offset))],
                scope=scope,
            )
            return page

        return by_offset(fetch, after)

    async def _create(
        self,
        route: str,
        *ids: int,
        fields: Mapping[str, Any],
        shape: Any,
        scope: str,
        read: Callable[[Any], Any],
        query: Sequence[tuple[str, str]] = (),
    ) -> Any:
        """POST a record. It is never sent twice: Planday knows no keys that would make it safe."""
        body, options = split(encode(fields, shape))
        return await self._send(
            "POST",
            route,
            *map(id_of, ids),
            effect="once",
            given=options,
            read=read,
            body=in_camel_case(body),
            query=query,
            scope=scope,
        )

    async def _put(
        self,
        route: str,
        *ids: int,
        fields: Mapping[str, Any],
        shape: Any,
        scope: str,
        read: Callable[[Any], Any] = ignored,
        query: Sequence[tuple[str, str]] = (),
    ) -> Any:
        """PUT what is given, which may be done twice."""
        body, options = split(encode(fields, shape))
        return await self._send(
            "PUT",
            route,
            *map(id_of, ids),
            effect="repeatable",
            given=options,
            read=read,
            body=in_camel_case(body),
            query=query,
            scope=scope,
        )

    async def _delete(
        self,
        route: str,
        *ids: int,
        given: Mapping[str, Any],
        scope: str,
        query: Sequence[tuple[str, str]] = (),
    ) -> None:
        await self._send(
            "DELETE",
            route,
            *map(id_of, ids),
            effect="repeatable",
            given=encode(given, CallOptions),
            read=ignored,
            query=query,
            scope=scope,
        )


def id_of(id: int) -> str:
    """Return an id as it stands in a path.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is below 1.
    """
    if type(id) is not int:  # callers err, and to Python True is one too
        raise TypeError(f"an id of Planday's is a whole number, not {type(id).__name__}")
    if id < 1:
        raise ValueError(f"{id} is no id; Planday's begin at 1")
    return str(id)


def a_page(
    answer: Any,
    model: type[ModelT],
    page_size: int | None,
    offset: int = 0,
    *,
    zone: str | None = None,
) -> list[ModelT]:
    """Return the records of a page, as a `LastPage` if it says that it is the last one.

    What it says of the total alone does not end a listing: it may be missing, or wrong.

    Raises:
        UnexpectedResponseError: it is empty and says that there are more.
    """
    items = decode_all(expect(answer, "data", list), model, at="$.data", zone=zone)
    paging = _paging(answer)
    more = paging.get("total", 0) > offset + len(items)
    if page_size is None:
        return items
    if not items and more:
        raise UnexpectedResponseError(
            f"Planday says that there are {paging['total']} records, and shows none behind "
            f"{offset}; they may be changing: list them again, from there or from the beginning"
        )
    # Without a word on its pages, a server may have granted fewer records than it was asked for.
    full = not paging or len(items) >= min(page_size, paging.get("limit") or page_size)
    return items if full or more else LastPage(items)


def total_of(answer: Any) -> int | None:
    """Return how many records a page says there are, None if it does not."""
    return _paging(answer).get("total")


def _paging(answer: Any) -> dict[str, int]:
    """Return what a page says of all pages, as far as these are numbers; it may be missing."""
    told = answer.get("paging") if isinstance(answer, dict) else None
    told = told if isinstance(told, dict) else {}
    return {key: value for key, value in told.items() if type(value) is int}


def _refuse_gap(before: int | None, total: int | None, offset: int) -> None:
    """Raise RemovedMeanwhileError if records were removed in the middle of a walk.

    Those behind them have moved up, some of them onto pages that were read already.
    """
    if before is not None and total is not None and total < before:
        raise RemovedMeanwhileError(
            f"{before - total} of {before} records were removed while they were listed, so others "
            f"may be missing among those from {offset} on; list them again from the beginning"
        )


def query_of(filters: Mapping[str, Any], names: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return filters as a query: in camel case, lists joined by commas; None is not sent."""
    return [
        (names.get(name) or camel(name), utc(value) if name in MOMENTS else _written(value))
        for name, value in filters.items()
        if value is not None
    ]


def _written(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list():
            return ",".join(map(_written, value))  # pyright: ignore[reportUnknownArgumentType]
        case _:
            return str(value)


def utc(moment: str) -> str:
    """Return a moment as filters take it: `2026-11-02T07:00:00Z`."""
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def in_camel_case(body: Any) -> Any:
    """Return JSON with its names in camel case, but those of custom fields as they are."""
    match body:
        case dict():
            return {
                name if name.startswith("custom_") else camel(name): in_camel_case(value)
                for name, value in body.items()
            }
        case list():
            return [in_camel_case(each) for each in body]
        case _:
            return body


def the_number(*keys: str) -> Callable[[Any], int]:
    """Return what reads the number that these keys lead to, one inside the other."""

    def read(answer: Any) -> int:
        *outer, last = keys
        for key in outer:
            answer = expect(answer, key, dict)
        return int(expect(answer, last, int))

    return read
