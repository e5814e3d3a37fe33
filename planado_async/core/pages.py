"""Walks over answers that come in pages."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from copy import copy
from typing import Generic, TypeVar

from planado_async.core.errors import PlanadoError, UnexpectedResponseError

T = TypeVar("T")

SMALLEST_PAGE = 20
"""The smallest page the API documents. A shorter one cannot be full, so its end is not doubted;
were a listing to page by less, it would be walked as if this check did not exist."""


class LastPage(list[T]):
    """A page whose answer tells that none follows, which saves asking."""


class Pages(Generic[T]):
    """All the items of a listing, fetched page by page as they are asked for.

    `async for item in pages` walks over the items, `.pages()` over the pages, `.collect()` gathers
    them in a list. A walk ends with everything or raises: never with a shorter list. After a
    failure, or a `break`, walk again to go on behind the last item taken, or keep `.cursor` and
    pass it to the same call as `after=`. There is one walk at a time: where another one begins, the
    older raises RuntimeError at its next step, because each would get what the other leaves.
    """

    def __init__(
        self,
        fetch: Callable[[str | None], Awaitable[list[T]]],
        behind: Callable[[str | None, Sequence[T]], str],
        after: str | None = None,
        *,
        whole: bool = False,
        doubts_end: bool = False,
    ) -> None:
        self._fetch = fetch
        self._behind = behind
        self._whole = whole
        self._doubts_end = doubts_end
        self._start = after
        self._page: Sequence[T] = ()
        self._taken = 0
        self._newest: object = None  # the walk that may go on, each being an object of its own

    @property
    def cursor(self) -> str | None:
        """Where to go on: the cursor behind the last item taken, None before the first."""
        taken = self._page[: self._taken]
        return self._behind(self._start, taken) if taken else self._start

    async def __aiter__(self) -> AsyncIterator[T]:
        walk = self._begun()
        async for page in self._walk(walk):
            for item in page:
                self._taken += 1
                yield item
                self._refuse_overtaken(walk)

    async def pages(self) -> AsyncIterator[list[T]]:
        """Walk over the pages, each a list of at least one item."""
        async for page in self._walk(self._begun()):
            self._taken = len(page)
            yield page

    async def collect(self, limit: int | None = None) -> list[T]:
        """Return the items that are left, or the next `limit` of them.

        After a failure nothing counts as taken: collecting again begins where this one began.
        """
        items: list[T] = []
        if limit is not None and limit < 1:
            return items
        walk = self._begun()
        own = copy(self)  # a failure loses what was gathered, so nothing is taken before the end
        try:
            async for page in own._walk(walk):
                self._refuse_overtaken(walk)
                wanted = page if limit is None else page[: limit - len(items)]
                items += wanted
                own._taken = len(wanted)
                if len(items) == limit:
                    break
        except BaseException as failure:
            if self._newest is walk:
                at = self.cursor
                failure.add_note(f"nothing was returned; collecting again begins at after={at!r}")
            raise
        self._refuse_overtaken(walk)
        self._start, self._page, self._taken = own._start, own._page, own._taken
        return items

    def _begun(self) -> object:
        self._newest = walk = object()
        return walk

    def _refuse_overtaken(self, walk: object) -> None:
        if self._newest is not walk:
            raise RuntimeError(
                "another walk over the same Pages has begun, so this one would be incomplete; "
                "call the listing again, for each walk a Pages of its own"
            )

    async def _walk(self, walk: object) -> AsyncIterator[list[T]]:
        self._go_on_at(self.cursor)
        seen = {self._start}
        last: list[T] = []
        fullest = SMALLEST_PAGE
        while page := await self._next_page(walk, last, fullest):
            if self._whole:
                page = self._not_taken_yet(page)
            fullest = max(fullest, len(page))
            following = self._behind(self._start, page) if page else self._start
            if following in seen or page == last:
                if self._whole:
                    return
                raise UnexpectedResponseError(f"the listing goes in circles at after={following!r}")
            seen.add(following)
            self._page = last = page
            yield page
            self._refuse_overtaken(walk)
            self._go_on_at(following)
            if isinstance(page, LastPage):
                return

    def _go_on_at(self, cursor: str | None) -> None:
        self._start, self._page, self._taken = cursor, (), 0

    def _not_taken_yet(self, page: list[T]) -> list[T]:
        """Leave out what lies before the cursor, if the whole listing came regardless of it."""
        for index, item in enumerate(page):
            if self._behind(None, [item]) == self._start:
                return page[index + 1 :]
        return page

    async def _next_page(self, walk: object, last: list[T], fullest: int) -> list[T]:
        try:
            page = await self._fetch(self._start)
            if not page and self._doubts_end and len(last) >= fullest:
                # The record it was to begin behind may be gone: then the answer is empty too.
                before = self._behind(None, last[:-1])
                page = self._not_taken_yet(await self._fetch(before))
        except PlanadoError as failure:
            self._refuse_overtaken(walk)
            failure.add_note(f"the listing stopped at after={self.cursor!r}")
            raise
        self._refuse_overtaken(walk)
        return page


def by_cursor(
    fetch: Callable[[str | None], Awaitable[list[T]]],
    cursor_of: Callable[[T], str],
    after: str | None = None,
    *,
    whole: bool = False,
) -> Pages[T]:
    """Return a walk whose next page comes after the last item, named by its cursor.

    `whole` is for a listing that may not page: the same page again is then its end. Anywhere else
    a cursor that comes again raises, because what lies behind it would be missing, and an empty
    page after a full one is asked for once more, from the item before: the API answers it too
    if the record that the cursor names was deleted meanwhile.
    """
    return Pages(
        fetch, lambda _, taken: cursor_of(taken[-1]), after, whole=whole, doubts_end=not whole
    )


def by_offset(fetch: Callable[[int], Awaitable[list[T]]], after: str | None = None) -> Pages[T]:
    """Return a walk whose cursor is the number of items before the next page."""
    return Pages(
        lambda cursor: fetch(int(cursor or 0)),
        lambda start, taken: str(int(start or 0) + len(taken)),
        after,
    )
