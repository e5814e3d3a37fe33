"""Listed jobs in full, without those that are known already."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from typing import Any

import pytest

from planado_async import NotFoundError, Planado, Progress, ServerError
from planado_async.core.retry import RetryPolicy
from planado_async.emulator import Emulator
from planado_async.planado.models import JobItem
from tests.planado.conftest import START


async def jobs(planado: Planado, count: int) -> list[str]:
    """Create jobs and return their uuids."""
    return [await planado.jobs.create(description=f"job {n}") for n in range(count)]


def calls(emulator: Emulator) -> int:
    return int(emulator.counters()["calls"])


async def test_every_listed_job_comes_in_full(planado: Planado) -> None:
    """A listing of several pages goes straight in, and each job has what the list leaves out."""
    made = await jobs(planado, 45)
    listing = planado.jobs.list(updated_after=START - timedelta(hours=1))
    report = await planado.jobs.details(listing)
    assert (report.failed, report.skipped, list(report.pending)) == ([], [], [])
    assert {job.uuid: job.description for _, job in report.ok} == {
        uuid: f"job {number}" for number, uuid in enumerate(made)
    }
    assert all(item.uuid == job.uuid for item, job in report.ok)


async def test_a_known_version_costs_no_call(planado: Planado, emulator: Emulator) -> None:
    """Only what is new or has changed is asked for; the rest is skipped and counts as done."""
    same, changed, new = await jobs(planado, 3)
    await planado.jobs.update(changed, description="changed")
    items = await planado.jobs.list().collect()
    before, told = calls(emulator), list[Progress]()
    report = await planado.jobs.details(
        items, known={same: 1, changed: 1, "gone": 7}, concurrency=1, on_progress=told.append
    )
    assert calls(emulator) - before == 2
    assert [(job.uuid, job.version) for _, job in report.ok] == [(new, 1), (changed, 2)]
    assert [(item.uuid, value) for item, value in report.skipped] == [(same, None)]
    assert [(each.done, each.skipped, each.total) for each in told] == [(2, 1, 3), (3, 1, 3)]


async def test_nothing_new_is_no_call(planado: Planado, emulator: Emulator) -> None:
    """When every version is known, the listing is all that is paid for."""
    known = dict.fromkeys(await jobs(planado, 3), 1)
    before = calls(emulator)
    report = await planado.jobs.details(planado.jobs.list(), known=known)
    assert calls(emulator) - before == 2  # a page and the end behind it
    assert {item.uuid for item, _ in report.skipped} == set(known)


async def test_an_item_without_a_version_is_always_got(planado: Planado) -> None:
    """What cannot be compared is not taken for known, listed in `known` or not."""
    listed, other = await jobs(planado, 2)
    items = [JobItem(uuid=listed), JobItem(uuid=other)]
    report = await planado.jobs.details(items, known={listed: 1})
    assert {job.uuid for _, job in report.ok} == {listed, other}


@pytest.mark.parametrize(("concurrency", "seconds"), [(1, 6), (3, 2)])
async def test_at_most_so_many_are_got_at_a_time(
    planado: Planado, emulator: Emulator, concurrency: int, seconds: int
) -> None:
    """Six jobs of a second each take as long as the concurrency allows."""
    await jobs(planado, 6)
    items = await planado.jobs.list().collect()
    emulator.fault("delay", method="GET", seconds=1, count=None)
    began = asyncio.get_running_loop().time()
    await planado.jobs.details(items, concurrency=concurrency)
    assert asyncio.get_running_loop().time() - began == pytest.approx(seconds, abs=0.5)


async def test_a_job_deleted_meanwhile_is_a_failure(planado: Planado) -> None:
    """It stands with its error and is named in it; the others are there."""
    kept, gone = await jobs(planado, 2)
    items = await planado.jobs.list().collect()
    await planado.jobs.delete(gone)
    report = await planado.jobs.details(items)
    assert [job.uuid for _, job in report.ok] == [kept]
    ((item, error),) = report.failed
    assert (item.uuid, type(error)) == (gone, NotFoundError)
    assert f"item: {gone}" in error.__notes__


async def test_a_listing_that_breaks_off_spends_no_details(emulator: Emulator) -> None:
    """The error names the cursor, no job is got, and the same listing then gives everything."""
    once = RetryPolicy(attempts=1)
    async with Planado(emulator.api_key, base_url=emulator.url, rate=None, retries=once) as planado:
        made = await jobs(planado, 45)
        listing = planado.jobs.list()
        async for _ in listing:
            break
        emulator.fault("delay", method="GET", seconds=1, count=1)
        before = calls(emulator)
        asyncio.get_running_loop().call_later(
            0.5, lambda: emulator.fault("status", status=503, method="GET", count=1)
        )
        with pytest.raises(ServerError) as caught:
            await planado.jobs.details(listing)
        assert calls(emulator) - before == 1  # the first page; a failed call is not counted
        assert f"the listing stopped at after={made[24]!r}" in caught.value.__notes__
        report = await planado.jobs.details(listing)
    assert {item.uuid for item, _ in report.ok} == set(made[:-1])


async def ignore(progress: Progress) -> None:
    """Run never, because nobody awaits it."""


@pytest.mark.parametrize(
    ("options", "error"), [({"concurrency": 0}, ValueError), ({"on_progress": ignore}, TypeError)]
)
async def test_what_cannot_be_done_costs_no_call(
    planado: Planado, emulator: Emulator, options: Any, error: type[Exception]
) -> None:
    """It is refused before the listing is walked."""
    with pytest.raises(error):
        await planado.jobs.details(planado.jobs.list(), **options)
    assert calls(emulator) == 0


@pytest.mark.parametrize("is_async", [False, True])
async def test_items_may_come_from_anywhere(planado: Planado, is_async: bool) -> None:
    """Any iterable or async iterable of listed jobs will do."""
    made = await jobs(planado, 3)
    items = await planado.jobs.list().collect()

    async def later() -> AsyncIterator[JobItem]:
        for item in items:
            yield item

    source: Iterable[JobItem] | AsyncIterator[JobItem] = later() if is_async else iter(items)
    report = await planado.jobs.details(source)
    assert {job.uuid for _, job in report.ok} == set(made)
