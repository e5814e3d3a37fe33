"""How deliveries come to handlers, in virtual time."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from itertools import pairwise
from typing import Any

import attrs
import pytest

from planado_async.core.errors import ConfigurationError, StorageError
from planado_async.webhooks.dispatcher import (
    ATTEMPTS,
    ERROR_KEPT,
    LAST_WORD,
    STEPS,
    Dispatcher,
    next_step,
)
from planado_async.webhooks.events import Event, JobEvent
from planado_async.webhooks.inbox import MAX_CRASHES, Claim, Counts, Route, State
from planado_async.webhooks.sqlite import SqliteInbox
from planado_async.webhooks.webhooks import Webhooks
from tests.webhooks.making import LoopClock, delivery

Handle = Callable[[Event], Awaitable[None]]


@pytest.fixture
async def inbox() -> AsyncIterator[SqliteInbox]:
    async with SqliteInbox(":memory:", clock=LoopClock()) as opened:
        yield opened


def now() -> float:
    return asyncio.get_running_loop().time()


def dispatcher(inbox: Any, handle: Handle | None = None, **options: Any) -> Dispatcher:
    made = Dispatcher(inbox, rng=random.Random(1), **options)
    if handle:
        made.on("*", name="h")(handle)
    return made


async def settle(inbox: SqliteInbox, seconds: float = 1e6) -> Counts:
    """Wait until nothing waits any more, at most so many virtual seconds."""
    pause = 0.5
    async with asyncio.timeout(seconds):
        while (counts := await inbox.counts()).waiting:
            await asyncio.sleep(pause)
            pause = min(pause * 1.1, 600)
    return counts


async def test_an_event_reaches_its_handlers(inbox: SqliteInbox) -> None:
    """Handlers by name and by pattern get the typed event, others do not."""
    got: list[tuple[str, Event]] = []
    hooks = Dispatcher(inbox)
    for pattern in ("job_finished", "job_*", "*", "site_*", "job_started"):

        @hooks.on(pattern, name=pattern)
        async def handle(event: JobEvent, pattern: str = pattern) -> None:
            got.append((pattern, event))

    await inbox.put(delivery(event_type="job_finished", version=5))
    async with hooks:
        assert (await settle(inbox)).done == 1
    assert sorted(pattern for pattern, _ in got) == ["*", "job_*", "job_finished"]
    assert all(isinstance(event, JobEvent) and event.version == 5 for _, event in got)


async def test_a_put_is_dispatched_at_once(inbox: SqliteInbox) -> None:
    """What is put while the dispatcher rests is handled without any time passing."""
    handled = asyncio.Event()

    async def handle(event: Event) -> None:
        handled.set()

    async with dispatcher(inbox, handle):
        await asyncio.sleep(1000)
        before = now()
        await inbox.put(delivery())
        await handled.wait()
        assert now() - before < 0.001


async def test_a_put_during_a_claim_is_not_slept_over(
    inbox: SqliteInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is put after a claim has looked, and before its answer is there, is claimed at once."""
    handled = asyncio.Event()
    claim = inbox.claim

    async def slow(*args: Any, **options: Any) -> Claim:
        found = await claim(*args, **options)
        if not (await inbox.counts()).done:
            await inbox.put(delivery("middle", entity="j2"))
        return found

    async def handle(event: Event) -> None:
        handled.set()

    monkeypatch.setattr(inbox, "claim", slow)
    async with dispatcher(inbox, handle), asyncio.timeout(1):
        await handled.wait()


async def test_what_was_stored_before_is_dispatched(inbox: SqliteInbox) -> None:
    """Deliveries of an earlier life, more than are planned at once, are all handled."""
    for number in range(700):
        await inbox.put(delivery(f"e{number}", entity=f"j{number % 50}"))
    count = 0

    async def handle(event: Event) -> None:
        nonlocal count
        count += 1

    async with dispatcher(inbox, handle):
        assert (await settle(inbox)).done == 700
    assert count == 700


async def test_one_at_a_time_per_entity_in_version_order(inbox: SqliteInbox) -> None:
    """Events of one entity run one after another by version, those of others beside them."""
    running: set[str] = set()
    overlaps: list[str] = []
    order: dict[str, list[int]] = {}
    most = 0

    async def handle(event: Event) -> None:
        nonlocal most
        overlaps.extend(running & {str(event.entity_uuid)})
        running.add(str(event.entity_uuid))
        most = max(most, len(running))
        await asyncio.sleep(1)
        order.setdefault(str(event.entity_uuid), []).append(event.version or 0)
        running.discard(str(event.entity_uuid))

    events = [(f"{job}{version}", job, version) for job in "abcdef" for version in range(1, 5)]
    random.Random(2).shuffle(events)
    for name, job, version in events:
        await inbox.put(delivery(name, entity=job, version=version))
    before = now()
    async with dispatcher(inbox, handle, concurrency=4):
        await settle(inbox)
    assert order == {job: [1, 2, 3, 4] for job in "abcdef"}
    assert most == 4
    assert now() - before <= 12  # one after another it would be 24
    assert overlaps == []


async def test_handlers_of_one_event_run_beside_each_other(inbox: SqliteInbox) -> None:
    """A slow handler does not hold up another handler of the same entity."""
    fast: list[int | None] = []
    hooks = Dispatcher(inbox)

    @hooks.on("*")
    async def slow(event: Event) -> None:
        await asyncio.sleep(50)

    @hooks.on("*")
    async def quick(event: Event) -> None:
        fast.append(event.version)

    for version in range(1, 4):
        await inbox.put(delivery(f"e{version}", version=version))
    async with hooks:
        await asyncio.sleep(1)
        assert fast == [1, 2, 3]


async def test_a_failing_handler_is_retried_in_steps_then_dead(
    inbox: SqliteInbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Eight attempts with the documented steps between them, each ± 10 %, then a dead letter."""
    times: list[float] = []

    async def handle(event: Event) -> None:
        times.append(now())
        raise ValueError("the CRM is down")

    await inbox.put(delivery())
    async with dispatcher(inbox, handle):
        assert (await settle(inbox)).dead == 1
    assert len(times) == ATTEMPTS == 8
    gaps = [later - earlier for earlier, later in pairwise(times)]
    for gap, step in zip(gaps, STEPS, strict=True):
        assert 0.9 * step <= gap <= 1.1 * step + 0.1
    [run] = await inbox.runs("e1")
    assert (run.state, run.attempt) == (State.DEAD, 8)
    assert run.error is not None
    assert run.error.rstrip().endswith("ValueError: the CRM is down")
    lines = [record.getMessage() for record in caplog.records]
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 7 + [logging.ERROR]
    assert all("event e1" in line and "handler h" in line for line in lines)
    assert "attempt 1 of 8; again in" in lines[0]
    assert "dead letter" in lines[-1]


async def test_speed_scales_the_steps(inbox: SqliteInbox) -> None:
    """With speed=20 the steps between attempts are a twentieth."""
    times: list[float] = []

    async def handle(event: Event) -> None:
        times.append(now())
        raise ValueError

    await inbox.put(delivery())
    async with dispatcher(inbox, handle, speed=20):
        await settle(inbox)
    assert 0.9 * sum(STEPS) / 20 <= times[-1] - times[0] <= 1.1 * sum(STEPS) / 20 + 1


def test_the_steps_spread() -> None:
    """Jitter makes every step differ, within a tenth."""
    rng = random.Random(3)
    waits = [next_step(1, rng) or 0 for _ in range(200)]
    assert 4.5 <= min(waits) < 4.7
    assert 5.3 < max(waits) <= 5.5
    assert next_step(ATTEMPTS, rng) is None


async def test_later_events_of_the_entity_wait_for_a_retry(inbox: SqliteInbox) -> None:
    """While an event waits for its next attempt those after it wait, those of others do not."""
    order: list[str] = []

    async def handle(event: Event) -> None:
        order.append(event.event_uuid)
        if order.count("a1") < 3 and event.event_uuid == "a1":
            raise ValueError

    for name, entity, version in [("a1", "a", 1), ("a2", "a", 2), ("b1", "b", 1)]:
        await inbox.put(delivery(name, entity=entity, version=version))
    async with dispatcher(inbox, handle):
        await settle(inbox)
    assert order == ["a1", "b1", "a1", "a1", "a2"]


async def test_a_dead_event_blocks_no_longer(inbox: SqliteInbox) -> None:
    """After its last attempt an event is dead, and the next one of its entity runs."""

    async def handle(event: Event) -> None:
        if event.version == 1:
            raise ValueError

    await inbox.put(delivery("v1", version=1))
    await inbox.put(delivery("v2", version=2))
    async with dispatcher(inbox, handle):
        counts = await settle(inbox)
    assert (counts.done, counts.dead) == (1, 1)


async def test_a_handler_past_its_time_is_retried(inbox: SqliteInbox) -> None:
    """A handler that takes longer than its limit is cancelled and tried again."""
    calls = 0

    async def handle(event: Event) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            await asyncio.Event().wait()

    await inbox.put(delivery())
    before = now()
    async with dispatcher(inbox, handle):
        await asyncio.sleep(61)
        [run] = await inbox.runs("e1")
        assert run.error is not None
        assert "longer than 60.0 s" in run.error
        await settle(inbox)
    assert calls == 2
    assert 60 + 4.5 <= now() - before <= 60 + 5.5 + 2


async def test_a_handlers_own_timeout_keeps_its_message(inbox: SqliteInbox) -> None:
    """A TimeoutError of the handler's own doing is not mistaken for its limit."""

    async def handle(event: Event) -> None:
        raise TimeoutError("CRM slow")

    await inbox.put(delivery())
    async with dispatcher(inbox, handle):
        await asyncio.sleep(1)
        [run] = await inbox.runs("e1")
    assert run.error is not None
    assert "CRM slow" in run.error


async def test_a_handler_that_cancels_itself_is_retried(inbox: SqliteInbox) -> None:
    """A CancelledError that nobody asked for counts as a failure."""

    async def handle(event: Event) -> None:
        raise asyncio.CancelledError

    await inbox.put(delivery())
    async with dispatcher(inbox, handle):
        await asyncio.sleep(1)
        [run] = await inbox.runs("e1")
    assert (run.attempt, run.state) == (1, State.WAITING)
    assert run.error is not None


async def test_a_body_that_cannot_be_decoded_is_dead_at_once(inbox: SqliteInbox) -> None:
    """A stored body that is no event after all is not tried eight times."""
    calls = 0

    async def handle(event: Event) -> None:
        nonlocal calls
        calls += 1

    await inbox.put(attrs.evolve(delivery(), body=b'{"event_uuid": "e1"}'))
    async with dispatcher(inbox, handle):
        assert (await settle(inbox)).dead == 1
    assert calls == 0
    [run] = await inbox.runs("e1")
    assert run.error is not None
    assert "event_type" in run.error


async def test_a_long_error_is_kept_in_part(inbox: SqliteInbox) -> None:
    """Of a huge error its end is kept."""

    async def handle(event: Event) -> None:
        raise ValueError("x" * 100_000 + "end")

    await inbox.put(delivery())
    async with dispatcher(inbox, handle):
        await asyncio.sleep(1)
        [run] = await inbox.runs("e1")
    assert run.error is not None
    assert len(run.error) <= ERROR_KEPT
    assert run.error.rstrip().endswith("end")


async def test_no_handler_means_done_and_unhandled(inbox: SqliteInbox) -> None:
    """Without a handler an event is done and counted."""
    await inbox.put(delivery())
    async with dispatcher(inbox):
        counts = await settle(inbox)
    assert (counts.done, counts.unhandled) == (1, 1)


async def test_stop_waits_for_running_handlers(inbox: SqliteInbox) -> None:
    """A handler that ends within the drain time completes; nothing new is begun."""
    begun: list[str] = []

    async def handle(event: Event) -> None:
        begun.append(event.event_uuid)
        await asyncio.sleep(5)

    await inbox.put(delivery("v1", version=1))
    await inbox.put(delivery("v2", version=2))
    hooks = dispatcher(inbox, handle, drain=10)
    await hooks.start()
    await asyncio.sleep(1)
    await hooks.stop()
    await hooks.stop()
    assert begun == ["v1"]
    counts = await inbox.counts()
    assert (counts.done, counts.waiting, counts.claimed) == (1, 1, 0)


async def test_stop_gives_back_what_does_not_end(inbox: SqliteInbox) -> None:
    """A handler that outlasts the drain time is cancelled, and its attempt does not count."""
    cancelled: list[str] = []

    async def handle(event: Event) -> None:
        try:
            await asyncio.sleep(50)
        except asyncio.CancelledError:
            cancelled.append(event.event_uuid)
            raise

    await inbox.put(delivery())
    before = now()
    async with dispatcher(inbox, handle, drain=3):
        await asyncio.sleep(1)
    assert now() - before <= 4.1
    assert cancelled == ["e1"]
    [run] = await inbox.runs("e1")
    assert (run.state, run.attempt, run.owner) == (State.WAITING, 0, None)
    assert (await inbox.recover("next")).released == 0


async def test_stop_does_not_wait_for_the_stubborn(
    inbox: SqliteInbox, caplog: pytest.LogCaptureFixture
) -> None:
    """A handler that ignores its cancellation is left behind and named."""
    release = asyncio.Event()

    async def handle(event: Event) -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    await inbox.put(delivery())
    hooks = dispatcher(inbox, handle, drain=1)
    await hooks.start()
    await asyncio.sleep(1)
    before = now()
    await hooks.stop()
    assert now() - before <= 1 + LAST_WORD + 0.1
    assert "h on e1 does not end" in caplog.text
    release.set()
    await asyncio.sleep(1)


async def test_it_can_be_started_again(inbox: SqliteInbox) -> None:
    """After a stop it starts anew; a second start changes nothing."""

    async def handle(event: Event) -> None:
        pass

    hooks = dispatcher(inbox, handle)
    for number in range(2):
        await hooks.start()
        await hooks.start()
        await inbox.put(delivery(f"e{number}"))
        assert (await settle(inbox)).done == number + 1
        await hooks.stop()


async def test_leases_are_renewed_while_a_handler_runs(inbox: SqliteInbox) -> None:
    """A handler that runs for longer than its lease keeps its claim."""

    async def handle(event: Event) -> None:
        await asyncio.sleep(300)

    await inbox.put(delivery())
    async with dispatcher(inbox, handle, handler_timeout=400, lease=90):
        for _ in range(25):
            await asyncio.sleep(10)
            [run] = await inbox.runs("e1")
            assert run.due_at > inbox.now()
        await settle(inbox)


async def test_suspects_run_alone_after_a_crash(
    inbox: SqliteInbox, caplog: pytest.LogCaptureFixture
) -> None:
    """What an earlier process left open is run one by one, before anything else."""
    for number in range(3):
        await inbox.put(delivery(f"old{number}", entity=f"j{number}"))
    await inbox.claim({"h": Route(("*",))}, owner="dead", lease=90, limit=10)
    await inbox.put(delivery("new", entity="j9"))
    running = 0
    together: list[int] = []
    order: list[str] = []

    async def handle(event: Event) -> None:
        nonlocal running
        running += 1
        together.append(running)
        order.append(event.event_uuid)
        await asyncio.sleep(5)
        running -= 1

    async with dispatcher(inbox, handle):
        await settle(inbox)
    assert order == ["old0", "old1", "old2", "new"]
    assert together == [1, 1, 1, 1]
    assert "3 runs were open" in caplog.text


async def test_an_event_that_kills_the_process_is_set_aside(
    inbox: SqliteInbox, caplog: pytest.LogCaptureFixture
) -> None:
    """The third death in a row of a process with one run open buries that run, and is logged."""
    await inbox.put(delivery("bad"))
    for life in range(3):
        await inbox.recover(f"life{life}")
        await inbox.claim({"h": Route(("*",))}, owner=f"life{life}", lease=90, limit=10)

    async def handle(event: Event) -> None:
        raise AssertionError("it ran again")

    async with dispatcher(inbox, handle):
        assert (await settle(inbox)).dead == 1
    assert "event bad is set aside" in caplog.text


class Flaky:
    """An inbox some of whose calls fail."""

    def __init__(self, inbox: SqliteInbox, failing: dict[str, int]) -> None:
        self.inbox = inbox
        self.failing = failing

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inbox, name)
        if name not in self.failing:
            return found

        async def failing(*args: Any, **kwargs: Any) -> Any:
            if self.failing[name] > 0:
                self.failing[name] -= 1
                raise StorageError(f"no {name}")
            return await found(*args, **kwargs)

        return failing


@pytest.mark.parametrize("verb", ["recover", "claim", "complete", "retry", "renew"])
async def test_a_failing_inbox_is_tried_again(
    inbox: SqliteInbox, caplog: pytest.LogCaptureFixture, verb: str
) -> None:
    """The dispatcher outlives failures of its inbox, logs them, and runs no handler twice."""
    calls = 0

    async def handle(event: Event) -> None:
        nonlocal calls
        calls += 1
        await asyncio.sleep(40)
        if verb == "retry" and calls == 1:
            raise ValueError

    await inbox.put(delivery())
    async with dispatcher(Flaky(inbox, {verb: 4}), handle):
        assert (await settle(inbox)).done == 1
        await inbox.put(delivery("e2"))
        assert (await settle(inbox)).done == 2
    assert calls == 3 if verb == "retry" else 2
    assert f"no {verb}" in caplog.text


async def test_a_full_disk_makes_no_storm_of_lines(
    inbox: SqliteInbox, caplog: pytest.LogCaptureFixture
) -> None:
    """While many outcomes cannot be stored a line comes now and then, without tracebacks."""

    async def handle(event: Event) -> None: ...

    for number in range(30):
        await inbox.put(delivery(f"e{number}", entity=f"j{number}"))
    async with dispatcher(Flaky(inbox, {"complete": 150}), handle):
        await settle(inbox)
    lines = [record for record in caplog.records if "store an outcome" in record.getMessage()]
    assert 1 <= len(lines) <= 2
    assert "no complete" in lines[0].getMessage()
    assert [record for record in lines if record.exc_info] == []


async def test_a_fault_of_the_inbox_is_told_with_its_place(
    inbox: SqliteInbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that is not the store's own comes with its traceback."""

    async def broken(owner: str) -> None:
        raise KeyError("what")

    monkeypatch.setattr(inbox, "recover", broken)
    async with dispatcher(inbox, drain=1):
        await asyncio.sleep(0.1)
    assert [record.exc_info is not None for record in caplog.records] == [True]


async def test_a_release_that_fails_leaves_the_lease(
    inbox: SqliteInbox, caplog: pytest.LogCaptureFixture
) -> None:
    """When nothing can be given back the stop goes on, and the next start finds the run."""

    async def handle(event: Event) -> None:
        await asyncio.sleep(50)

    await inbox.put(delivery())
    hooks = dispatcher(Flaky(inbox, {"release": 9}), handle, drain=0)
    async with hooks:
        await asyncio.sleep(1)
    assert "could not be given back" in caplog.text
    async with hooks:
        assert (await settle(inbox)).done == 1


def test_it_can_live_in_one_loop_after_another() -> None:
    """An object made outside any loop works in each one it is started in."""
    handled: list[str] = []
    hooks = Webhooks(":memory:", insecure=True)
    ends: asyncio.Queue[None] = asyncio.Queue()

    @hooks.on("*")
    async def handle(event: Event) -> None:
        handled.append(event.event_uuid)
        ends.put_nowait(None)

    async def live() -> None:
        nonlocal ends
        ends = asyncio.Queue()
        async with hooks:
            await asyncio.sleep(0.01)  # it rests now
            await hooks.inbox.put(delivery())
            await asyncio.wait_for(ends.get(), 30)

    for _ in range(2):
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(live())
    assert handled == ["e1", "e1"]


async def test_stop_while_the_inbox_fails(inbox: SqliteInbox) -> None:
    """A dispatcher whose inbox never answers stops within its drain time."""
    before = now()
    async with dispatcher(Flaky(inbox, {"claim": 1000}), drain=2):
        await asyncio.sleep(30)
    assert now() - before <= 30 + 2 + 0.1


async def test_a_run_that_breaks_is_logged(
    inbox: SqliteInbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of the dispatcher's own is logged, and it goes on."""
    handled: list[str] = []

    async def handle(event: Event) -> None:
        handled.append(event.event_uuid)

    def broken(body: bytes, attempt: int) -> Event:
        monkeypatch.undo()
        raise SystemError("a fault")

    monkeypatch.setattr("planado_async.webhooks.dispatcher.event_of", broken)
    await inbox.put(delivery())
    async with dispatcher(inbox, handle):
        assert (await settle(inbox)).done == 1
    assert handled == ["e1"]
    assert "a fault" in caplog.text


async def test_the_clock_set_forward_is_noticed(inbox: SqliteInbox) -> None:
    """A clock that jumps ahead while the dispatcher rests is seen within a minute."""
    jump = 0.0
    inbox._clock = lambda: LoopClock()() + jump
    calls: list[float] = []

    async def handle(event: Event) -> None:
        calls.append(now())
        if len(calls) <= 6:
            raise ValueError

    await inbox.put(delivery())
    async with dispatcher(inbox, handle):
        await asyncio.sleep(3_000)
        jump = 100_000.0
        before = now()
        await settle(inbox)
    assert len(calls) == 7
    assert 0 <= calls[-1] - before <= 61


@pytest.mark.parametrize("restart", [False, True])
async def test_the_clock_set_back_holds_nothing_up(
    inbox: SqliteInbox, caplog: pytest.LogCaptureFixture, restart: bool
) -> None:
    """After a clock is corrected by days new events run at once, retries soon; one line tells."""
    jump = 1e6
    inbox._clock = lambda: LoopClock()() + jump
    calls: list[tuple[str, float]] = []

    async def handle(event: Event) -> None:
        calls.append((event.event_uuid, now()))
        if len(calls) == 1:
            raise ValueError

    hooks = dispatcher(inbox, handle)
    await inbox.put(delivery("old"))
    await hooks.start()
    await asyncio.sleep(1)
    if restart:
        await hooks.stop()
    jump = 0.0
    corrected_at = now()
    await inbox.put(delivery("new", entity="j2"))
    await hooks.start()
    await settle(inbox, 100)
    await asyncio.sleep(200)
    await hooks.stop()
    at = dict(calls)
    assert at["new"] - corrected_at < 0.1
    assert at["old"] - corrected_at <= (0.1 if restart else 30.1)
    assert caplog.text.count("the clock has been set back") == 1


def test_only_async_functions_are_handlers() -> None:
    """A plain function is refused when it is registered; an object with an async call is fine."""
    hooks = Dispatcher(SqliteInbox(":memory:"))

    def plain(event: Event) -> None: ...

    class Handler:
        async def __call__(self, event: Event) -> None: ...

    with pytest.raises(ConfigurationError, match=r"plain.*async def"):
        hooks.on("*")(plain)  # type: ignore[type-var]
    hooks.on("*", name="object")(Handler())
    assert list(hooks.routes) == ["object"]


def test_one_handler_may_have_several_patterns() -> None:
    """A function registered twice is one handler; two functions of one name are refused."""
    hooks = Dispatcher(SqliteInbox(":memory:"))

    async def handle(event: Event) -> None: ...

    async def other(event: Event) -> None: ...

    assert hooks.on("job_*")(hooks.on("site_*")(handle)) is handle
    assert list(hooks.routes.values()) == [Route(("site_*", "job_*"))]
    hooks.on("*", name="mine")(handle)
    with pytest.raises(ConfigurationError, match="mine"):
        hooks.on("*", name="mine")(other)


def test_a_method_may_have_several_patterns() -> None:
    """A bound method is the same handler each time it is named."""

    class Crm:
        async def handle(self, event: Event) -> None: ...

    crm, other = Crm(), Crm()
    hooks = Dispatcher(SqliteInbox(":memory:"))
    hooks.on("job_*")(crm.handle)
    hooks.on("site_*")(crm.handle)
    assert list(hooks.routes.values()) == [Route(("job_*", "site_*"))]
    with pytest.raises(ConfigurationError, match="two handlers"):
        hooks.on("*")(other.handle)


@pytest.mark.parametrize("pattern", [5, ["job_*"], None, b"job_*", test_the_steps_spread])
def test_a_pattern_is_text(pattern: Any) -> None:
    """Anything else, also `@hooks.on` without brackets, is refused with the right form."""
    with pytest.raises(ConfigurationError, match=r'@hooks\.on\("job_\*"\)'):
        Dispatcher(SqliteInbox(":memory:")).on(pattern)


def test_what_has_no_name_needs_one() -> None:
    """A partial or an object is asked for a name that lasts, since its class has many like it."""

    async def handle(number: int, event: Event) -> None: ...

    hooks = Dispatcher(SqliteInbox(":memory:"))
    with pytest.raises(ConfigurationError, match="name="):
        hooks.on("*")(partial(handle, 1))
    hooks.on("*", name="one")(partial(handle, 1))
    assert list(hooks.routes) == ["one"]


async def test_a_handler_cannot_come_late(inbox: SqliteInbox) -> None:
    """After the start, events would have been planned without it; after a stop it may come."""

    async def late(event: Event) -> None: ...

    hooks = dispatcher(inbox)
    async with hooks:
        with pytest.raises(ConfigurationError, match=r"late.*before the start"):
            hooks.on("*")(late)
        assert hooks.routes == {}
    hooks.on("*")(late)


async def test_runs_of_handlers_that_are_gone_are_told(
    inbox: SqliteInbox, caplog: pytest.LogCaptureFixture
) -> None:
    """At the start one line names the handlers that are not registered and what waits for them."""

    async def handle(event: Event) -> None: ...

    for number in range(3):
        await inbox.put(delivery(f"e{number}"))
    await inbox.claim(
        {"h": Route(("*",)), "app.bill": Route(("*",))}, owner="me", lease=90, limit=0
    )
    await inbox.put(delivery("e9"))
    await inbox.claim({"app.mail": Route(("*",))}, owner="me", lease=90, limit=0)
    async with dispatcher(inbox, handle):
        await asyncio.sleep(100)
    [told] = [record.getMessage() for record in caplog.records]
    assert "(app.bill: 3, app.mail: 1)" in told
    assert "name=" in told


@pytest.mark.parametrize("order", ["newest", None, ["every"]])
def test_other_orders_are_refused(order: Any) -> None:
    """An order that is not available is named, not ignored."""
    with pytest.raises(ConfigurationError, match='"latest" or "strict"'):
        Dispatcher(SqliteInbox(":memory:")).on("*", order=order)


def test_an_empty_pattern_is_refused() -> None:
    """A handler for nothing is a mistake."""
    with pytest.raises(ConfigurationError, match="pattern"):
        Dispatcher(SqliteInbox(":memory:")).on("")


@pytest.mark.parametrize("name", ["concurrency", "handler_timeout", "lease", "speed", "drain"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "5", None])
def test_settings_that_could_never_work_are_named(name: str, value: Any) -> None:
    """A setting is a finite number above 0; only to drain may take no time."""
    if (name, value) == ("drain", 0):
        Dispatcher(SqliteInbox(":memory:"), drain=0)
        return
    settings: dict[str, Any] = {name: value}
    with pytest.raises(ConfigurationError, match=name):
        Dispatcher(SqliteInbox(":memory:"), **settings)


@pytest.mark.parametrize("count", [1.5, True])
def test_handlers_are_counted_whole(count: Any) -> None:
    """There is no half a handler."""
    with pytest.raises(ConfigurationError, match="concurrency"):
        Dispatcher(SqliteInbox(":memory:"), concurrency=count)


async def test_a_second_dispatcher_of_an_inbox_is_refused(inbox: SqliteInbox) -> None:
    """Two on one inbox would make each other's events unhandled; the first one goes on."""
    got: list[str] = []

    async def handle(event: Event) -> None:
        got.append(event.event_uuid)

    second = dispatcher(inbox, handle)
    async with dispatcher(inbox, handle):
        await inbox.put(delivery())
        with pytest.raises(ConfigurationError, match="register all handlers with that one"):
            await second.start()
        await second.stop()
        await settle(inbox)
        await inbox.put(delivery("e2"))
        assert (await settle(inbox)).done == 2
    async with second:
        await inbox.put(delivery("e3"))
        assert (await settle(inbox)).done == 3
    assert got == ["e1", "e2", "e3"]


# --- What is claimed is run, or given back --------------------------------------------------------


class SlowClaims:
    """An inbox whose claims take their time, and are carried out although nobody waits any more."""

    def __init__(self, inbox: SqliteInbox) -> None:
        self._inbox = inbox

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inbox, name)

    async def claim(self, *arguments: Any, **options: Any) -> Claim:
        found = await self._inbox.claim(*arguments, **options)
        await asyncio.sleep(5)
        return found


async def test_a_claim_that_the_stop_overtakes_is_no_crash(inbox: SqliteInbox) -> None:
    """However often that happens, the run is not set aside for a death that was none."""
    handled: list[str] = []

    async def handle(event: Event) -> None:
        handled.append(event.event_uuid)

    await inbox.put(delivery())
    for _ in range(MAX_CRASHES + 1):
        async with dispatcher(SlowClaims(inbox), handle, drain=0):
            await asyncio.sleep(1)
    [run] = await inbox.runs("e1")
    assert (run.state, run.owner, run.crashes, run.attempt) == (State.WAITING, None, 0, 0)
    async with dispatcher(inbox, handle):
        await settle(inbox)
    assert handled == ["e1"]


@pytest.mark.parametrize(
    "error", [BaseException("odd"), BaseExceptionGroup("odd", [GeneratorExit()])]
)
async def test_whatever_a_handler_raises_is_a_failure(
    inbox: SqliteInbox, error: BaseException
) -> None:
    """Errors that are no Exception do not leave the run to itself either."""
    raised: list[int] = []

    async def handle(event: Event) -> None:
        raised.append(1)
        raise error

    await inbox.put(delivery())
    async with dispatcher(inbox, handle):
        counts = await settle(inbox)
    assert (len(raised), counts.dead) == (8, 1)


async def test_a_run_is_given_back_after_a_repair_though_the_inbox_fails_once(
    inbox: SqliteInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lane goes on as soon as the inbox does."""
    release, failed = inbox.release, list[int]()

    async def failing(run: Any) -> bool:
        if not failed:
            failed.append(1)
            raise StorageError("for a moment")
        return await release(run)

    async def repair() -> None:
        await inbox.put(delivery("e1", version=1))

    monkeypatch.setattr(inbox, "release", failing)
    handled: list[int | None] = []

    async def handle(event: Event) -> None:
        handled.append(event.version)

    made = Dispatcher(inbox, repair=repair)
    made.on("*", name="h", order="strict", gap_timeout=10.0)(handle)
    await inbox.put(delivery("e2", version=2))
    async with made:
        await settle(inbox, 600)
    assert (failed, handled) == ([1], [1, 2])


async def test_a_stop_that_is_cancelled_leaves_nothing_running(inbox: SqliteInbox) -> None:
    """Who has no patience with the handlers gets them cancelled, and the run given back."""

    async def handle(event: Event) -> None:
        await asyncio.sleep(1e6)

    await inbox.put(delivery())
    made = dispatcher(inbox, handle, handler_timeout=1e7, drain=1e5)
    await made.start()
    await asyncio.sleep(1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(made.stop(), 1)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    [run] = await inbox.runs("e1")
    assert (run.state, run.owner) == (State.WAITING, None)
