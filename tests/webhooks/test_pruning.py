"""What is settled long enough makes room, a step at a time; its key stays known."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from planado_async.core.errors import ConfigurationError, StorageError
from planado_async.webhooks.dispatcher import SWEEP_EVERY, Dispatcher
from planado_async.webhooks.events import Event
from planado_async.webhooks.inbox import KNOWN_FOR, WEEK, Pruned, Retention, Route, Run, State
from planado_async.webhooks.sqlite import SqliteInbox
from planado_async.webhooks.webhooks import Webhooks
from tests.webhooks.making import Clock, LoopClock, delivery
from tests.webhooks.test_inbox import ROUTES, claim

DAY = 86_400.0
KEY_TAKES = 700  # bytes of a delivery that was emptied, with its indexes
KEPT = Retention(done_for=WEEK)
LATEST = {"h": Route(("*",), "latest")}


async def put_and_end(inbox: SqliteInbox, count: int, first: int = 0, **more: Any) -> None:
    """Put events and have them handled."""
    for number in range(first, first + count):
        made = delivery(f"e{number}", entity=f"j{number}", received_at=inbox.now())
        await inbox.put(attrs.evolve(made, **more))
    for run in await claim(inbox, limit=count):
        await inbox.complete(run)


async def prune(inbox: SqliteInbox, retention: Retention = KEPT, limit: int = 100) -> Pruned:
    """Prune until there is no more; return the sums."""
    total = Pruned(more=True)
    while total.more:
        step = await inbox.prune(retention, limit=limit)
        assert max(step.emptied, step.dropped, step.forgotten) <= limit
        total = Pruned(
            emptied=total.emptied + step.emptied,
            dropped=total.dropped + step.dropped,
            forgotten=total.forgotten + step.forgotten,
            more=step.more,
        )
    return total


async def test_what_is_done_long_enough_is_emptied(inbox: SqliteInbox, clock: Clock) -> None:
    """After its time a done delivery has neither body nor runs; before, it has both."""
    await put_and_end(inbox, 2)
    clock.now += WEEK
    await put_and_end(inbox, 1, first=2)
    assert await prune(inbox) == Pruned()
    clock.now += 1
    assert await prune(inbox) == Pruned(emptied=2)
    found = await inbox.deliveries()
    assert [(one.pruned, one.body == b"") for one in found] == [(True, True)] * 2 + [(False, False)]
    assert [len(await inbox.runs(one.event_uuid)) for one in found] == [0, 0, 1]
    counts = await inbox.counts()
    assert (counts.done, counts.waiting) == (3, 0)


async def test_a_repeat_is_known_for_thirty_days(
    inbox: SqliteInbox, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A repeat of what was pruned is dropped until thirty days after it was received."""
    began = clock.now
    await put_and_end(inbox, 1)
    clock.now = began + 8 * DAY
    await prune(inbox)
    for days in (8, 29.9):
        clock.now = began + days * DAY
        await prune(inbox)
        assert await inbox.put(delivery("e0", entity="j0")) is False
    assert "another body" not in caplog.text
    one = await inbox.delivery("e0")
    assert one is not None
    assert one.repeats == 2
    await put_and_end(inbox, 1, first=1)
    clock.now = began + KNOWN_FOR + 1
    assert await prune(inbox) == Pruned(forgotten=1)
    assert await inbox.delivery("e0") is None
    assert await inbox.put(delivery("e0", entity="j0")) is True


async def test_what_has_arrived_is_counted_on_after_a_quiet_month(
    inbox: SqliteInbox, clock: Clock
) -> None:
    """However much is forgotten, what comes next is above every `seq` there was."""
    await put_and_end(inbox, 3)
    last = (await inbox.deliveries())[-1].seq
    for month in range(3):
        clock.now += KNOWN_FOR + 1
        await prune(inbox)
        assert len(await inbox.deliveries()) == 1
        await put_and_end(inbox, 1, first=3 + month)
        [new] = await inbox.deliveries(after=last)
        assert (new.event_uuid, new.seq) == (f"e{3 + month}", last + 1)
        last = new.seq


async def test_nothing_but_the_body_is_emptied(inbox: SqliteInbox, clock: Clock) -> None:
    """What else is known of a delivery is known after pruning, too."""
    await put_and_end(inbox, 1)
    late = delivery("late", entity="j9", version=7, received_at=clock.now)
    await inbox.put(attrs.evolve(late, attempt=3))
    await inbox.put(late)
    await inbox.put(attrs.evolve(late, event_uuid="bad", state=State.DEAD, error="no event"))
    await inbox.drop(event_uuid="bad")
    await claim(inbox, {"s": Route(("site_*",))})
    before = await rows(inbox)
    clock.now += WEEK + 1
    assert await prune(inbox) == Pruned(emptied=3)
    assert [row["event_uuid"] for row in before] == ["e0", "late", "bad"]
    assert await rows(inbox) == [row | {"body": b"", "pruned": 1} for row in before]


async def rows(inbox: SqliteInbox) -> list[dict[str, Any]]:
    """Return all there is in the table of deliveries."""

    def read(connection: sqlite3.Connection) -> list[dict[str, Any]]:
        cursor = connection.execute("SELECT * FROM deliveries ORDER BY seq")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    return await inbox._write(read)


async def test_what_is_not_settled_is_kept(inbox: SqliteInbox, clock: Clock) -> None:
    """What waits, is claimed or is dead stays as it is, however old."""
    for name in ("dead", "claimed", "waiting"):
        await inbox.put(delivery(name, entity=name))
    await inbox.put(attrs.evolve(delivery("bad"), state=State.DEAD, error="no event"))
    dead, *_ = await claim(inbox)
    await inbox.bury(dead, "no")
    before = await inbox.deliveries()
    clock.now += 1000 * DAY
    assert await prune(inbox) == Pruned()
    assert await inbox.deliveries() == before
    assert await inbox.replay(ROUTES) == 2


async def test_the_lanes_of_the_pruned_remain(inbox: SqliteInbox, clock: Clock) -> None:
    """A late event of an entity whose events are all forgotten is still stale under `latest`."""
    await inbox.put(delivery("new", version=5))
    [run] = await claim(inbox, LATEST)
    await inbox.complete(run)
    await put_and_end(inbox, 1)
    clock.now += 40 * DAY
    assert await prune(inbox) == Pruned(emptied=2, forgotten=1)
    await inbox.put(delivery("late", version=4))
    assert await claim(inbox, LATEST) == []
    [found] = await inbox.runs("late")
    assert found.stale


async def test_dead_letters_go_if_asked(inbox: SqliteInbox, clock: Clock) -> None:
    """With a time for dead letters they are dropped after it, counted, later emptied."""
    await inbox.put(delivery())
    await inbox.put(attrs.evolve(delivery("bad"), state=State.DEAD, received_at=clock.now))
    [run] = await claim(inbox)
    await inbox.bury(run, "no")
    retention = Retention(done_for=WEEK, dead_for=90 * DAY)
    clock.now += 90 * DAY
    assert await prune(inbox, retention) == Pruned()
    clock.now += 1
    assert (await prune(inbox, retention)).dropped == 2
    counts = await inbox.counts()
    assert (counts.dead, counts.done, counts.dropped) == (0, 2, 2)
    clock.now += WEEK + 1
    assert await prune(inbox, retention) == Pruned(emptied=2, forgotten=1)


async def test_nothing_is_emptied_if_all_is_to_be_kept(inbox: SqliteInbox, clock: Clock) -> None:
    """None keeps what is done for ever."""
    await put_and_end(inbox, 1)
    clock.now += 1000 * DAY
    assert await prune(inbox, Retention(done_for=None)) == Pruned()


async def test_what_was_pruned_cannot_be_replayed(inbox: SqliteInbox, clock: Clock) -> None:
    """A replay of what has no body any more changes nothing and counts nothing."""
    await put_and_end(inbox, 1)
    clock.now += WEEK + 1
    await prune(inbox)
    assert await inbox.replay(ROUTES, done=True, event_uuid="e0") == 0
    assert await inbox.drop(event_uuid="e0") == 0
    assert (await inbox.counts()).done == 1


async def test_a_step_is_small(inbox: SqliteInbox, clock: Clock) -> None:
    """However much there is, one step touches as many as it may, and says that there is more."""
    await put_and_end(inbox, 25)
    clock.now += WEEK + 1
    steps = [await inbox.prune(KEPT, limit=10) for _ in range(4)]
    assert [(step.emptied, step.more) for step in steps] == [
        (10, True),
        (10, True),
        (5, False),
        (0, False),
    ]


# --- By the dispatcher ----------------------------------------------------------------------------


async def test_the_dispatcher_sweeps(caplog: pytest.LogCaptureFixture) -> None:
    """A running service prunes by itself, in a minute's steps, and tells of dropped letters."""
    async with SqliteInbox(":memory:", clock=LoopClock()) as inbox:
        hooks = Dispatcher(inbox, keep_done=3600.0, keep_dead=7200.0)

        @hooks.on("*", name="h")
        async def handle(event: Event) -> None: ...

        bad = delivery("bad", received_at=inbox.now())
        await inbox.put(attrs.evolve(bad, state=State.DEAD, error="no event"))
        for number in range(250):
            await inbox.put(delivery(f"e{number}", entity=f"j{number}", received_at=inbox.now()))
        async with hooks:
            await asyncio.sleep(3600 - 1)
            assert sum(one.pruned for one in await inbox.deliveries(limit=300)) == 0
            await asyncio.sleep(SWEEP_EVERY + 2)
            assert sum(one.pruned for one in await inbox.deliveries(limit=300)) == 250
            await asyncio.sleep(3600)
    assert "1 dead letters were kept long enough and dropped" in caplog.text


async def test_a_sweep_that_fails_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An inbox that cannot prune now is asked again, and events are handled meanwhile."""
    async with SqliteInbox(":memory:", clock=LoopClock()) as inbox:
        handled = asyncio.Event()
        hooks = Dispatcher(inbox)

        @hooks.on("*", name="h")
        async def handle(event: Event) -> None:
            handled.set()

        fails = 3
        right = inbox.prune

        async def broken(*given: Any, **options: Any) -> Pruned:
            nonlocal fails
            fails -= 1
            if fails >= 0:
                raise StorageError("disk")
            return await right(*given, **options)

        monkeypatch.setattr(inbox, "prune", broken)
        await inbox.put(delivery())
        async with hooks:
            await asyncio.wait_for(handled.wait(), 1)
            await asyncio.sleep(100)
    assert fails < 0
    assert "could not prune" in caplog.text


@pytest.mark.parametrize("name", ["keep_done", "keep_dead"])
@pytest.mark.parametrize("value", [0, -1.0, "7d", float("inf")])
def test_a_time_that_cannot_be_meant_is_refused(name: str, value: Any) -> None:
    """Retention is a number of seconds above zero, or None."""
    with pytest.raises(ConfigurationError, match=name):
        Webhooks(":memory:", secret="s", **{name: value})
    Webhooks(":memory:", secret="s", keep_done=None, keep_dead=None)


# --- On disk --------------------------------------------------------------------------------------


@pytest.mark.real_time
@pytest.mark.parametrize("size", [1_500, 6_000])
async def test_the_file_stays_as_large_as_its_largest_week(
    tmp_path: Path, clock: Clock, scaled: Callable[[int], int], size: int
) -> None:
    """Week after week of one load, the file takes a week of bodies and a month of keys."""
    path = tmp_path / "inbox.db"
    sizes: list[int] = []
    per_week = scaled(2_000)
    async with SqliteInbox(path, clock=clock) as inbox:
        for week in range(12):
            await week_of(inbox, week * per_week, per_week, size)
            clock.now += WEEK + 1
            await prune(inbox)
            sizes.append(await pages(inbox))
    assert max(sizes[6:]) <= sizes[5] * 1.02
    assert sizes[-1] <= sizes[0] + 5 * per_week * KEY_TAKES / 4096
    assert path.stat().st_size <= sizes[-1] * 4096


async def week_of(inbox: SqliteInbox, first: int, count: int, size: int) -> None:
    made = [
        delivery(
            f"{number:032}", entity=f"j{number % 97}", version=number + 1, received_at=inbox.now()
        )
        for number in range(first, first + count)
    ]
    large = [attrs.evolve(one, body=one.body + b" " * size) for one in made]
    await asyncio.gather(*(inbox.put(one) for one in large))
    runs: list[Run] = []
    while runs := list(await claim(inbox)):
        await asyncio.gather(*(inbox.complete(run) for run in runs))


async def pages(inbox: SqliteInbox) -> int:
    [count] = await inbox._write(lambda c: c.execute("PRAGMA page_count").fetchone())
    return int(count)
