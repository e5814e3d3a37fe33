"""The same call for many items."""

import asyncio
from typing import Any

import pytest

from planado_async.core.bulk import BulkItemCancelledError, Progress, bulk
from planado_async.core.errors import AuthenticationError, ConfigurationError, NotFoundError


async def double(number: int) -> int:
    await asyncio.sleep(1.0)
    return 2 * number


async def test_every_item_is_kept_with_its_value() -> None:
    """Each item stands beside what the call returned."""
    report = await bulk(double, range(5))
    assert sorted(report.ok) == [(0, 0), (1, 2), (2, 4), (3, 6), (4, 8)]
    assert (report.failed, list(report.pending)) == ([], [])
    report.raise_for_failures()


async def test_no_items_are_no_work() -> None:
    """An empty job ends at once and tells no progress."""
    told = list[Progress]()
    report = await bulk(double, list[int](), on_progress=told.append)
    assert (report.ok, report.failed, told) == ([], [], [])


@pytest.mark.parametrize(("concurrency", "seconds"), [(1, 6), (4, 2), (100, 1)])
async def test_at_most_so_many_at_a_time(concurrency: int, seconds: int) -> None:
    """Six calls of a second each take as long as the concurrency allows."""
    began = asyncio.get_running_loop().time()
    await bulk(double, range(6), concurrency=concurrency)
    assert asyncio.get_running_loop().time() - began == pytest.approx(seconds)


async def test_no_concurrency_is_refused() -> None:
    """A job that could do nothing is a ValueError."""
    with pytest.raises(ValueError, match="at least one call"):
        await bulk(double, [1], concurrency=0)


async def odd_ones_fail(number: int) -> int:
    if number % 2:
        raise NotFoundError(f"404: {number}", status=404)
    return number


async def test_failures_are_kept_beside_their_items() -> None:
    """The rest goes on, and each error has a note that names its item."""
    report = await bulk(odd_ones_fail, range(5), key=lambda number: f"row {number}", concurrency=1)
    assert [item for item, _ in report.ok] == [0, 2, 4]
    assert [(item, str(error)) for item, error in report.failed] == [(1, "404: 1"), (3, "404: 3")]
    assert [error.__notes__ for _, error in report.failed] == [["item: row 1"], ["item: row 3"]]
    assert not report.pending


async def test_failures_can_be_raised_together() -> None:
    """One group holds them all and counts them."""
    report = await bulk(odd_ones_fail, range(5))
    with pytest.raises(ExceptionGroup, match="2 calls failed, 0 were not begun") as caught:
        report.raise_for_failures()
    assert caught.group_contains(NotFoundError, match="404: 3")


@pytest.mark.parametrize(
    "error", [AuthenticationError("401", status=401), ConfigurationError("no key")]
)
async def test_what_would_fail_every_call_ends_the_job(error: Exception) -> None:
    """After a wrong key no further call is begun, and what is left is named."""

    async def fail(number: int) -> None:
        await asyncio.sleep(1.0)
        raise error

    report = await bulk(fail, range(100), concurrency=3)
    assert len(report.failed) == 3
    assert list(report.pending) == list(range(3, 100))


async def test_progress_is_told_after_each_item() -> None:
    """It counts, and the seconds left follow from the pace so far."""
    told = list[Progress]()

    async def call(number: int) -> int:
        await asyncio.sleep(2.0)
        return await odd_ones_fail(number)

    await bulk(call, range(4), concurrency=1, on_progress=told.append)
    assert [(each.done, each.failed, each.total) for each in told] == [
        (1, 0, 4),
        (2, 1, 4),
        (3, 1, 4),
        (4, 2, 4),
    ]
    assert [each.eta for each in told] == pytest.approx([6.0, 4.0, 2.0, 0.0])


async def test_cancelling_the_job_cancels_its_calls() -> None:
    """No call goes on behind the back of who gave up."""
    running = 0

    async def call(number: int) -> None:
        nonlocal running
        running += 1
        try:
            await asyncio.sleep(3600)
        finally:
            running -= 1

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await bulk(call, range(20), concurrency=4)
    assert running == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_items_may_come_from_an_iterator() -> None:
    """An iterator is taken whole before the first call."""
    report = await bulk(odd_ones_fail, iter([0, 2]))
    assert [item for item, _ in report.ok] == [0, 2]


async def test_a_call_that_ends_as_cancelled_is_a_failure() -> None:
    """An item whose call awaited something cancelled is kept like any other failure."""

    async def awaits_the_cancelled(number: int) -> int:
        if number == 3:
            gone = asyncio.ensure_future(asyncio.sleep(1))
            gone.cancel()
            await gone
        return number

    report = await bulk(awaits_the_cancelled, range(10), concurrency=2)
    assert len(report.ok) == 9
    ((item, error),) = report.failed
    assert (item, type(error)) == (3, BulkItemCancelledError)


@pytest.mark.parametrize(("key", "note"), [(None, "item: number 2"), (lambda _: 1 / 0, "number 2")])
async def test_an_item_without_a_key_is_named_by_its_number(key: Any, note: str) -> None:
    """An item may hold what no log should show, so only the caller's key names it."""
    report = await bulk(odd_ones_fail, range(3), key=key, concurrency=1)
    assert note in report.failed[0][1].__notes__[0]


async def test_a_progress_bar_that_breaks_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged once and left alone; every call is still made."""
    told = list[Progress]()

    def breaks(progress: Progress) -> None:
        told.append(progress)
        raise RuntimeError("the terminal is gone")

    report = await bulk(double, range(5), concurrency=1, on_progress=breaks)
    assert (len(report.ok), len(told)) == (5, 1)
    assert [record.message for record in caplog.records] == [
        "on_progress failed and is not called again; the calls go on"
    ]
