"""What a running service tells of itself in figures."""

import asyncio

import attrs
import pytest

from planado_async.webhooks.events import Event
from planado_async.webhooks.inbox import HandlerStats, Route, Routes, State, Stats
from planado_async.webhooks.sqlite import SqliteInbox
from planado_async.webhooks.webhooks import Webhooks
from tests.webhooks.making import Clock, delivery
from tests.webhooks.test_inbox import claim

TWO: Routes = {"a": Route(("job_*",), "latest"), "b": Route(("*",))}


async def test_an_empty_inbox_has_no_figures(inbox: SqliteInbox) -> None:
    """Where nothing was put all figures are zero, and no age is told."""
    assert await inbox.stats() == Stats()


async def test_each_figure(inbox: SqliteInbox, clock: Clock) -> None:
    """Deliveries by state, runs by handler, age and rate are told as they are."""
    for number, version in enumerate([5, 3]):  # the second one stale for a
        await inbox.put(delivery(f"e{number}", entity="j1", version=version))
        for run in await claim(inbox, TWO):
            await inbox.complete(run)
    await inbox.put(delivery("dead", "site_x"))
    [run] = await claim(inbox, TWO)
    await inbox.bury(run, "no")
    await inbox.put(delivery("none", "client_x"))
    await claim(inbox, {"a": TWO["a"]})
    await inbox.put(delivery("gone", "site_x", entity="s2"))
    [run] = await claim(inbox, TWO)
    await inbox.bury(run, "no")
    await inbox.drop(event_uuid="gone")
    clock.now += 10
    await inbox.put(delivery("w1", entity="j2", version=1, received_at=clock.now))
    await inbox.put(delivery("w2", entity="j2", version=2, received_at=clock.now))
    await claim(inbox, {"a": TWO["a"], "b": TWO["b"]}, limit=1)
    clock.now += 7
    assert await inbox.stats() == Stats(
        waiting=2,
        claimed=1,
        done=4,
        dead=1,
        unhandled=1,
        dropped=1,
        stale=1,
        oldest_waiting_at=clock.now - 7,
        oldest_waiting_for=7.0,
        handled_per_minute=4 / 5,
        handlers={
            "a": HandlerStats(waiting=2, claimed=1, stale=1),
            "b": HandlerStats(waiting=2, dead=1),
        },
    )


async def test_the_rate_is_of_the_last_minutes(inbox: SqliteInbox, clock: Clock) -> None:
    """What was handled more than five minutes ago is in the counts and not in the rate."""
    for number in range(30):
        await inbox.put(delivery(f"e{number}", entity=f"j{number}"))
    runs = await claim(inbox)
    for run in runs[:10]:
        await inbox.complete(run)
    clock.now += 299
    for run in runs[10:]:
        await inbox.complete(run)
    assert (await inbox.stats()).handled_per_minute == 6.0
    clock.now += 2
    found = await inbox.stats()
    assert (found.handled_per_minute, found.done) == (4.0, 30)


async def test_a_clock_set_back_makes_no_negative_age(inbox: SqliteInbox, clock: Clock) -> None:
    """What was received later than now is of age zero."""
    await inbox.put(delivery(received_at=clock.now + 100))
    assert (await inbox.stats()).oldest_waiting_for == 0.0


async def test_the_running_service_tells_its_figures() -> None:
    """`hooks.stats()` is frozen and tells of the service's own inbox."""
    hooks = Webhooks(":memory:", secret="s3cret")

    @hooks.on("job_*", name="bill")
    async def bill(event: Event) -> None:
        await asyncio.sleep(10)

    async with hooks:
        await hooks.inbox.put(delivery("e1"))
        await hooks.inbox.put(attrs.evolve(delivery("bad"), state=State.DEAD, error="no event"))
        await asyncio.sleep(1)
        found = await hooks.stats()
        assert (found.waiting, found.claimed, found.dead) == (1, 1, 1)
        assert found.handlers == {"bill": HandlerStats(waiting=1, claimed=1)}
        await asyncio.sleep(10)
        assert (await hooks.stats()).done == 1
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        found.waiting = 0  # type: ignore[misc]
