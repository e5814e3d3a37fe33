"""Walks over answers that come in pages."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import reduce
from typing import Generic, TypeVar

from planado_async.core.errors import PlanadoError, UnexpectedResponseError

T = TypeVar("T")


class Pages(Generic[T]):
    """All the items of a listing, fetched page by page as they are asked for.

    `async for item in pages` walks over the items, `.pages()` over the pages, `.collect()` gathers
    them in a list. A walk ends with everything or raises: never with a shorter list. After a
    failure, or a `break`, walk again to go on behind the last item taken, or keep `.cursor` and
    pass it to the same call as `after=`.
    """

    def __init__(
        self,
        fetch: Callable[[str | None], Awaitable[list[T]]],
        step: Callable[[str | None, T], str],
        after: str | None = None,
    ) -> None:
        self._fetch = fetch
        self._step = step
        self.cursor = after
        """Where to go on: the cursor behind the last item taken, None before the first."""

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self._walk():
            for item in page:
                self.cursor = self._step(self.cursor, item)
                yield item

    async def pages(self) -> AsyncIterator[list[T]]:
        """Walk over the pages, each a list of at least one item."""
        async for page in self._walk():
            self.cursor = reduce(self._step, page, self.cursor)
            yield page

    async def collect(self, limit: int | None = None) -> list[T]:
        """Return the items that are left, or the next `limit` of them."""
        items: list[T] = []
        if limit is not None and limit < 1:
            return items
        async for item in self:
            items.append(item)
            if len(items) == limit:
                break
        return items

    async def _walk(self) -> AsyncIterator[list[T]]:
        seen: set[str | None] = {self.cursor}
        last: list[T] = []
        while page := await self._next_page():
            if page == last:
                return  # a directory that does not page gives its one page again
            following = reduce(self._step, page, self.cursor)
            if following in seen:
                raise UnexpectedResponseError(f"the listing goes in circles at after={following!r}")
            seen.add(following)
            yield page
            last, self.cursor = page, following

    async def _next_page(self) -> list[T]:
        try:
            return await self._fetch(self.cursor)
        except PlanadoError as failure:
            failure.add_note(f"the listing stopped; go on with after={self.cursor!r}")
            raise


def by_cursor(
    fetch: Callable[[str | None], Awaitable[list[T]]],
    cursor_of: Callable[[T], str],
    after: str | None = None,
) -> Pages[T]:
    """Return a walk whose next page comes after the last item, named by its cursor."""
    return Pages(fetch, lambda _, item: cursor_of(item), after)


def by_offset(fetch: Callable[[int], Awaitable[list[T]]], after: str | None = None) -> Pages[T]:
    """Return a walk whose cursor is the number of items before the next page."""
    return Pages(
        lambda cursor: fetch(int(cursor or 0)), lambda cursor, _: str(int(cursor or 0) + 1), after
    )
