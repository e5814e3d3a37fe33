"""Walks over pages."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planado_async.core.errors import ServerError, UnexpectedResponseError
from planado_async.core.pages import Pages, by_cursor, by_offset


class Listing:
    """A server's listing; `paging=False` gives everything whatever it is asked."""

    def __init__(self, items: str, size: int = 3, *, paging: bool = True) -> None:
        self.items, self.size, self.paging = items, size, paging
        self.asked: list[str | None] = []
        self.fails_at: str | None = "nowhere"

    async def fetch(self, cursor: str | None) -> list[str]:
        self.asked.append(cursor)
        if cursor == self.fails_at:
            self.fails_at = "nowhere"
            raise ServerError("503", status=503)
        if not self.paging:
            return list(self.items)
        begin = 0 if cursor is None else self.items.index(cursor) + 1
        return list(self.items[begin : begin + self.size])

    async def fetch_from(self, offset: int) -> list[str]:
        self.asked.append(str(offset))
        return list(self.items if not self.paging else self.items[offset : offset + self.size])

    def walk(self, after: str | None = None) -> Pages[str]:
        return by_cursor(self.fetch, lambda item: item, after, whole=not self.paging)


async def test_a_walk_gives_every_item_in_order() -> None:
    """Each page comes after the last item of the one before, until one is empty."""
    listing = Listing("abcdefgh")
    assert [item async for item in listing.walk()] == list("abcdefgh")
    assert listing.asked == [None, "c", "f", "h"]


async def test_an_empty_listing_costs_one_call() -> None:
    """Nothing there is found out at once."""
    listing = Listing("")
    assert await listing.walk().collect() == []
    assert listing.asked == [None]


async def test_pages_are_fetched_as_they_are_asked_for() -> None:
    """Who stops early pays for no further page."""
    listing = Listing("abcdefgh")
    async for item in listing.walk():
        if item == "b":
            break
    assert listing.asked == [None]


async def test_page_by_page() -> None:
    """The pages come as lists, none of them empty."""
    pages = Listing("abcdefgh").walk()
    assert [page async for page in pages.pages()] == [list("abc"), list("def"), list("gh")]
    assert pages.cursor == "h"


@pytest.mark.parametrize("limit", [0, -1, 1, 2, 3, 4, 8, 9, None])
async def test_collect_takes_no_more_than_its_limit(limit: int | None) -> None:
    """The items are counted, and no page is fetched in vain."""
    listing = Listing("abcdefgh")
    wanted = "abcdefgh"[: 8 if limit is None else max(0, limit)]
    assert "".join(await listing.walk().collect(limit=limit)) == wanted
    if limit is not None and limit <= 8:
        assert len(listing.asked) == -(-max(0, limit) // 3)


async def test_collecting_goes_on_where_the_last_collecting_ended() -> None:
    """A limit in the middle of a page loses and repeats nothing."""
    pages = Listing("abcdefgh").walk()
    parts = ["".join(await pages.collect(limit=limit)) for limit in (2, 3, 1, 9)]
    assert parts == ["ab", "cde", "f", "gh"]


async def test_after_a_break_the_walk_goes_on_behind_the_item_taken() -> None:
    """The cursor is that of the last item taken, not of the page."""
    pages = Listing("abcdefgh").walk()
    async for item in pages:
        if item == "b":
            break
    assert pages.cursor == "b"
    assert [item async for item in pages] == list("cdefgh")


async def test_a_failure_names_the_cursor_and_the_walk_goes_on() -> None:
    """What was got is kept, and walking again fetches the rest."""
    listing = Listing("abcdefgh")
    listing.fails_at = "f"
    pages, got = listing.walk(), list[str]()
    with pytest.raises(ServerError) as caught:  # noqa: PT012  # a walk is a block
        async for item in pages:
            got.append(item)
    assert caught.value.__notes__ == ["the listing stopped at after='f'"]
    assert [*got, *[item async for item in pages]] == list("abcdefgh")


async def test_collecting_that_fails_takes_nothing() -> None:
    """What was gathered is gone with the error, so collecting again gives the whole."""
    listing = Listing("abcdefgh")
    listing.fails_at = "d"
    pages = listing.walk()
    assert await pages.collect(limit=1) == ["a"]
    with pytest.raises(ServerError) as caught:
        await pages.collect()
    assert "collecting again begins at after='a'" in caught.value.__notes__[-1]
    assert await pages.collect() == list("bcdefgh")


async def test_another_walk_goes_on_from_a_kept_cursor() -> None:
    """A cursor kept from one walk begins another."""
    assert await Listing("abcdefgh").walk(after="e").collect() == list("fgh")


async def test_a_walk_that_is_over_stays_over() -> None:
    """Walking again after the end asks once and gives nothing."""
    pages = Listing("abcd").walk()
    assert await pages.collect() == list("abcd")
    assert await pages.collect() == []


async def test_a_listing_that_goes_in_circles_is_an_error() -> None:
    """A server that gives the beginning again does not keep us for ever."""
    answers = {None: ["a", "b"], "b": ["c", "d"], "d": ["a", "b"]}

    async def fetch(cursor: str | None) -> list[str]:
        return answers[cursor]

    with pytest.raises(UnexpectedResponseError, match="in circles at after='b'"):
        await by_cursor(fetch, lambda item: item).collect()


async def test_a_listing_that_does_not_move_is_an_error() -> None:
    """Elsewhere than in a directory the same page again would hide what lies behind it."""
    listing = Listing("abcd", paging=False)
    with pytest.raises(UnexpectedResponseError, match="in circles at after='d'"):
        await by_cursor(listing.fetch, lambda item: item).collect()


async def test_a_directory_that_does_not_page_is_given_once() -> None:
    """A server that ignores the cursor answers with the same page, which ends the walk."""
    listing = Listing("abcd", paging=False)
    assert await listing.walk().collect() == list("abcd")
    assert len(listing.asked) == 2


@pytest.mark.parametrize("taken", [1, 2, 4])
async def test_a_directory_that_does_not_page_can_be_gone_on_with(taken: int) -> None:
    """After a break, or the end, only the items not taken yet are given."""
    pages = Listing("abcd", paging=False).walk()
    assert await pages.collect(limit=taken) == list("abcd")[:taken]
    assert await pages.collect() == list("abcd")[taken:]


async def test_a_directory_that_grows_meanwhile_repeats_nothing() -> None:
    """An entry added between two calls is given, those given already are not."""
    listing = Listing("abcd", paging=False)
    got = list[str]()
    async for item in listing.walk():
        listing.items = "abcde"
        got.append(item)
    assert got == list("abcde")


@given(
    items=st.text("abcdefghijklmnop", max_size=16).map(lambda text: "".join(dict.fromkeys(text))),
    size=st.integers(1, 5),
    paging=st.booleans(),
    limits=st.lists(st.integers(1, 4), max_size=8),
)
def test_however_it_is_cut_up_everything_comes_once(
    items: str, size: int, paging: bool, limits: list[int]
) -> None:
    """Collected in any portions, a listing is complete, in order and without repeats."""
    pages = Listing(items, size, paging=paging).walk()

    async def main() -> list[str]:
        portions = [await pages.collect(limit=limit) for limit in limits]
        return [item for portion in [*portions, await pages.collect()] for item in portion]

    assert "".join(_run(main())) == items


def _run(coroutine: object) -> list[str]:
    """Run a coroutine that awaits nothing outside itself."""
    try:
        coroutine.send(None)  # type: ignore[attr-defined]
    except StopIteration as done:
        result: list[str] = done.value
        return result
    raise AssertionError("it waits for something")


# --- One walk at a time ---------------------------------------------------------------------------


class Slow(Listing):
    """A listing that takes a second for each page."""

    async def fetch(self, cursor: str | None) -> list[str]:
        await asyncio.sleep(1.0)
        return await super().fetch(cursor)


async def by_item(pages: Pages[str]) -> list[str]:
    return [item async for item in pages]


async def by_page(pages: Pages[str]) -> list[str]:
    return [item async for page in pages.pages() for item in page]


async def collected(pages: Pages[str]) -> list[str]:
    return await pages.collect()


WAYS = [by_item, by_page, collected]


@pytest.mark.parametrize("seconds", [0.5, 1.5, 3.5])
@pytest.mark.parametrize("newer", WAYS)
@pytest.mark.parametrize("older", WAYS)
async def test_a_walk_that_is_overtaken_raises(
    older: Callable[[Pages[str]], Awaitable[list[str]]],
    newer: Callable[[Pages[str]], Awaitable[list[str]]],
    seconds: float,
) -> None:
    """Whatever page it was at, the older ends after that with an error, not with a shorter list."""
    listing = Slow("abcdefgh")
    pages = listing.walk()

    async def overtake() -> list[str]:
        await asyncio.sleep(seconds)
        return await newer(pages)

    first, second = await asyncio.gather(older(pages), overtake(), return_exceptions=True)
    assert isinstance(first, RuntimeError)
    assert "call the listing again" in str(first)
    assert not hasattr(first, "__notes__")  # where to go on is the newer walk's affair
    assert isinstance(second, list)
    # What the older walk was given is its own; a collecting gives nothing until its end.
    given = 0 if older is collected else 3 * int(seconds)
    assert second == list("abcdefgh")[given:]
    assert pages.cursor == "h"
    rest = -(-max(0, 8 - given) // 3)
    assert len(listing.asked) == int(seconds) + 1 + rest + 1


@pytest.mark.parametrize("at", ["a", "c"])
async def test_a_walk_inside_a_walk_ends_the_outer(at: str) -> None:
    """Within a page or at its end, the outer one is given nothing more."""
    pages = Listing("abcdefgh").walk()
    got = list[str]()

    async def walk() -> None:
        async for item in pages:
            got.append(item)
            if item == at:
                got.extend(await pages.collect(limit=1))

    with pytest.raises(RuntimeError, match="another walk"):
        await walk()
    assert [*got, *await pages.collect()] == list("abcdefgh")


async def test_a_walk_between_two_pages_ends_the_outer() -> None:
    """What the inner one leaves is there for whoever goes on."""
    pages = Listing("abcdefgh").walk()
    got = list[str]()

    async def walk() -> None:
        async for page in pages.pages():
            got.extend([*page, *await pages.collect(limit=1)])

    with pytest.raises(RuntimeError, match="another walk"):
        await walk()
    assert "".join(got) == "abcd"
    assert await pages.collect() == list("efgh")


async def test_an_overtaken_walk_that_fails_says_so() -> None:
    """A failure of its call names no place to go on from: that is the newer walk's by now."""
    listing = Slow("abcdefgh")
    pages = listing.walk()
    walks = [asyncio.ensure_future(walk) for walk in (by_item(pages), by_item(pages))]
    listing.fails_at = None
    results: list[Any] = await asyncio.gather(*walks, return_exceptions=True)
    assert isinstance(results[0], RuntimeError)
    assert results[1] == list("abcdefgh")


# --- By offset ------------------------------------------------------------------------------------


async def test_by_offset_each_page_begins_behind_the_last() -> None:
    """The cursor is the number of items taken."""
    listing = Listing("abcdefgh")
    pages = by_offset(listing.fetch_from)
    assert await pages.collect() == list("abcdefgh")
    assert listing.asked == ["0", "3", "6", "8"]
    assert pages.cursor == "8"


async def test_by_offset_a_break_goes_on() -> None:
    """After a break the next item is the one behind the last taken."""
    pages = by_offset(Listing("abcdefgh").fetch_from)
    assert await pages.collect(limit=4) == list("abcd")
    assert await pages.collect() == list("efgh")


async def test_by_offset_a_server_that_ignores_it_is_an_error() -> None:
    """The same page again would go on for ever."""
    listing = Listing("ab", paging=False)
    with pytest.raises(UnexpectedResponseError, match="in circles at after='4'"):
        await by_offset(listing.fetch_from).collect()


# --- A cursor whose record is deleted meanwhile ---------------------------------------------------


class Shrinking:
    """A listing by number in pages of `size`, in which records go missing between the calls."""

    def __init__(self, count: int, size: int, gone: set[int]) -> None:
        self.numbers = list(range(count))
        self.size, self.gone = size, gone
        self.asked = list[str | None]()

    async def fetch(self, cursor: str | None) -> list[int]:
        self.asked.append(cursor)
        if cursor is not None and int(cursor) in self.gone:
            self.numbers = [number for number in self.numbers if number != int(cursor)]
        if cursor is None:
            return self.numbers[: self.size]
        if int(cursor) not in self.numbers:
            return []  # what the API answers for a cursor it does not know
        begin = self.numbers.index(int(cursor)) + 1
        return self.numbers[begin : begin + self.size]


@pytest.mark.parametrize("size", [20, 25, 100])
@pytest.mark.parametrize("count", [0, 1, 19, 20, 21, 40, 45, 100, 101, 250])
async def test_a_listing_survives_the_loss_of_its_cursors(count: int, size: int) -> None:
    """Whatever page's last record is deleted before the next is asked for, all others come."""
    listing = Shrinking(count, size, gone=set(range(size - 1, count, size)))
    assert await by_cursor(listing.fetch, str).collect() == list(range(count))


@pytest.mark.parametrize(
    ("count", "calls"), [(0, 1), (5, 2), (19, 2), (20, 3), (25, 3), (40, 4), (45, 4)]
)
async def test_only_the_end_behind_a_full_page_is_doubted(count: int, calls: int) -> None:
    """It costs one call, and none where the last page was not full."""
    listing = Shrinking(count, 20, gone=set())
    assert await by_cursor(listing.fetch, str).collect() == list(range(count))
    assert len(listing.asked) == calls
