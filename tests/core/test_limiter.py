"""One budget for everybody: the bucket, the queue, the gate."""

import asyncio
import concurrent.futures
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planado_async.core.errors import BudgetWaitError, ConfigurationError
from planado_async.core.limiter import LocalLimiter, Priority, RateLimit
from tests.virtual_time import VirtualTimeLoop

PRIORITIES: tuple[Priority, ...] = ("interactive", "normal", "background")


@pytest.fixture(autouse=True, scope="module")
def no_sockets() -> Iterator[None]:
    """No socket is used here, so the loop need not listen to any before it jumps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.virtual_time._LISTEN", 0.0)
        yield


def now() -> float:
    return asyncio.get_running_loop().time()


def in_virtual_time(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run a coroutine for hypothesis, whose examples are not async."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main())


async def call(
    limiter: LocalLimiter, log: list[Any], name: Any = None, *, lasts: float = 0.0, **how: Any
) -> None:
    """Make one call that notes when it began."""
    await limiter.acquire(**how)
    log.append(now() if name is None else name)
    if lasts:
        await asyncio.sleep(lasts)
    limiter.release()


def begin(*calls: Coroutine[Any, Any, None]) -> "asyncio.Future[list[None]]":
    return asyncio.gather(*calls)


async def settle() -> None:
    """Let everything run that can without time passing."""
    for _ in range(20):
        await asyncio.sleep(0)


# --- The bucket -----------------------------------------------------------------------------------


async def test_a_burst_is_free_and_then_the_rate_holds() -> None:
    """As many calls as the bucket holds go at once, each further one after one interval."""
    limiter, log, start = LocalLimiter(RateLimit(60, per=60.0, burst=5)), list[float](), now()
    await begin(*(call(limiter, log) for _ in range(8)))
    assert [at - start for at in log] == pytest.approx([0, 0, 0, 0, 0, 1, 2, 3], abs=1e-3)


@given(
    burst=st.integers(1, 12),
    calls=st.integers(1, 120),
    per=st.floats(0.5, 90),
    in_flight=st.integers(1, 9),
    arrivals=st.lists(
        st.tuples(st.floats(0, 20), st.floats(0, 3), st.sampled_from(PRIORITIES)),
        min_size=1,
        max_size=40,
    ),
)
@settings(max_examples=80)
def test_no_window_holds_more_than_the_bucket_allows(
    burst: int,
    calls: int,
    per: float,
    in_flight: int,
    arrivals: list[tuple[float, float, Priority]],
) -> None:
    """In any window of t seconds at most burst + rate x t calls begin, and few enough are out."""
    limit = RateLimit(calls, per=per, burst=burst)
    begun: list[float] = []
    out = most_out = 0

    async def one(limiter: LocalLimiter, at: float, lasts: float, priority: Priority) -> None:
        nonlocal out, most_out
        await asyncio.sleep(at)
        await limiter.acquire(priority)
        begun.append(now())
        out += 1
        most_out = max(most_out, out)
        await asyncio.sleep(lasts)
        out -= 1
        limiter.release()

    async def main() -> None:
        limiter = LocalLimiter(limit, in_flight=in_flight)
        await begin(*(one(limiter, *each) for each in arrivals))
        assert limiter.budget().queue_length == limiter.budget().in_flight == 0

    in_virtual_time(main)
    assert len(begun) == len(arrivals)
    assert most_out <= in_flight
    for first, earlier in enumerate(begun):
        for last in range(first, len(begun)):
            allowed = burst + (begun[last] - earlier) / limit.interval
            assert last - first + 1 <= allowed + 1e-3


async def test_an_hour_of_pressure_uses_the_whole_rate() -> None:
    """With callers always waiting, hardly any of the budget is left unused."""
    limiter, log, start = LocalLimiter(RateLimit(60, per=60.0, burst=55)), list[float](), now()

    async def caller() -> None:
        while now() - start < 3600:
            await call(limiter, log, lasts=0.2)

    await begin(*(caller() for _ in range(10)))
    assert len(log) >= 0.99 * (55 + 3600)


async def test_without_a_rate_nothing_waits() -> None:
    """A limiter without a budget grants at once, as many as may be in flight."""
    limiter, log, start = LocalLimiter(None), list[float](), now()
    await begin(*(call(limiter, log) for _ in range(500)))
    assert (log[-1], limiter.budget().level, limiter.budget().burst) == (start, 0.0, None)


@pytest.mark.parametrize("nonsense", [{"calls": 0}, {"per": 0}, {"burst": 0.5}, {"calls": -1}])
def test_a_rate_of_nonsense_is_refused(nonsense: dict[str, float]) -> None:
    """Figures that make no sense are a ValueError."""
    with pytest.raises(ValueError, match="must be"):
        RateLimit(**nonsense)


def test_nobody_in_flight_is_refused() -> None:
    """A limiter that could grant nothing is a ValueError."""
    with pytest.raises(ValueError, match="at least one call"):
        LocalLimiter(in_flight=0)


# --- The queue ------------------------------------------------------------------------------------


async def test_a_class_is_served_first_come_first_served() -> None:
    """Callers of one class begin in the order in which they came."""
    limiter, log = LocalLimiter(RateLimit(60, per=60.0, burst=1)), list[int]()
    await begin(*(call(limiter, log, number) for number in range(30)))
    assert log == list(range(30))


async def test_a_newcomer_does_not_overtake() -> None:
    """A call that comes in the moment in which there is room still goes behind those who wait."""
    limiter, log = LocalLimiter(None, in_flight=1), list[str]()
    await limiter.acquire()
    waiting = begin(*(call(limiter, log, name) for name in ("first", "second")))
    await settle()
    limiter.release()
    await call(limiter, log, "newcomer")
    await waiting
    assert log == ["first", "second", "newcomer"]


async def waiting_done(waiting: Awaitable[Any]) -> None:
    await waiting


async def test_interactive_goes_before_normal_before_background() -> None:
    """A better class is served first, whoever came first."""
    limiter, log = LocalLimiter(RateLimit(60, per=60.0, burst=1)), list[str]()
    await begin(
        call(limiter, log, "at once"),
        *(call(limiter, log, each, priority=each) for each in reversed(PRIORITIES)),
    )
    assert log == ["at once", "interactive", "normal", "background"]


@pytest.mark.parametrize(
    ("flood", "starving"),
    [
        (("interactive",), "normal"),
        (("interactive",), "background"),
        (("normal",), "background"),
        (("interactive", "background"), "normal"),
        (("interactive", "normal"), "background"),
    ],
)
async def test_no_class_starves(flood: tuple[Priority, ...], starving: Priority) -> None:
    """However many calls of other classes wait, one of each class comes through before long."""
    limiter, log = LocalLimiter(RateLimit(60, per=60.0, burst=1)), list[str]()
    tasks = [
        asyncio.create_task(call(limiter, log, each, priority=each))
        for each in flood
        for _ in range(100)
    ]
    await settle()
    await asyncio.wait_for(call(limiter, log, "starving", priority=starving), timeout=30)
    assert len(log) <= 25
    for task in tasks:
        task.cancel()


async def test_no_more_than_the_given_number_is_in_flight() -> None:
    """A free bucket does not help while too many calls are out."""
    limiter, log, start = LocalLimiter(None, in_flight=2), list[float](), now()
    await begin(*(call(limiter, log, lasts=1.0) for _ in range(5)))
    assert [at - start for at in log] == pytest.approx([0, 0, 1, 1, 2])


@pytest.mark.parametrize("place", [0, 2, 4])
async def test_a_waiter_that_gives_up_costs_only_its_place(place: int) -> None:
    """Cancelled waiters take nothing from the budget and hold nobody up."""
    limiter, log, start = LocalLimiter(RateLimit(60, per=60.0, burst=1)), list[float](), now()
    await limiter.acquire()
    limiter.release()
    waiters = [asyncio.create_task(call(limiter, log)) for _ in range(5)]
    await asyncio.sleep(0.5)
    waiters[place].cancel()
    await asyncio.wait(waiters)
    assert [at - start for at in log] == pytest.approx([1, 2, 3, 4], abs=1e-3)
    assert (limiter.budget().in_flight, limiter.budget().queue_length) == (0, 0)


async def test_a_caller_that_comes_as_the_last_waiter_gives_up_is_served() -> None:
    """The queue's end does not take the next caller with it."""
    limiter, log = LocalLimiter(RateLimit(60, per=60.0, burst=1)), list[str]()
    await limiter.acquire()
    limiter.release()
    waiter = asyncio.create_task(call(limiter, log, "gives up"))
    await settle()
    waiter.cancel()
    await asyncio.wait_for(call(limiter, log, "comes"), timeout=60)
    assert log == ["comes"]


@given(
    steps=st.lists(
        st.tuples(
            st.floats(0, 3),
            st.sampled_from(PRIORITIES),
            st.one_of(st.none(), st.sampled_from([0.0, 0.5, 1.0, 2.0]), st.floats(0, 4)),
        ),
        min_size=1,
        max_size=25,
    )
)
@settings(max_examples=80)
def test_whoever_does_not_give_up_is_served(
    steps: list[tuple[float, Priority, float | None]],
) -> None:
    """Whatever the others do, a patient caller gets its turn, and no place in flight is lost."""

    async def one(limiter: LocalLimiter, at: float, how: Priority, patience: float | None) -> bool:
        await asyncio.sleep(at)
        try:
            async with asyncio.timeout(patience):
                await limiter.acquire(how)
        except TimeoutError:
            return False
        await asyncio.sleep(0.3)
        limiter.release()
        return True

    async def main() -> None:
        limiter = LocalLimiter(RateLimit(60, per=60.0, burst=2), in_flight=2)
        async with asyncio.timeout(500):
            served = await asyncio.gather(*(one(limiter, *step) for step in steps))
        assert all(got for got, step in zip(served, steps, strict=True) if step[2] is None)
        budget = limiter.budget()
        assert (budget.in_flight, budget.queue_length) == (0, 0)

    in_virtual_time(main)


async def test_a_turn_that_comes_with_the_cancellation_is_given_back() -> None:
    """A caller cancelled in the moment of its turn leaves no place in flight behind."""
    limiter, log = LocalLimiter(None, in_flight=1), list[str]()
    await limiter.acquire()
    waiter = asyncio.create_task(call(limiter, log, "never"))
    await settle()
    limiter.release()
    while not limiter.budget().in_flight:  # noqa: ASYNC110  # the very moment is meant
        await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.wait([waiter])
    assert (log, limiter.budget().in_flight) == ([], 0)


@pytest.mark.parametrize("others", [0, 1, 2])
async def test_a_waiter_that_gives_up_as_its_turn_comes_is_passed_over(others: int) -> None:
    """Cancelled but not yet gone, it takes no turn from those behind it."""
    limiter, log = LocalLimiter(None, in_flight=1), list[int]()
    await limiter.acquire()
    waiter = asyncio.create_task(call(limiter, log, -1))
    behind = [asyncio.create_task(call(limiter, log, number)) for number in range(others)]
    await settle()
    limiter.release()
    waiter.cancel()
    await asyncio.wait([waiter, *behind])
    assert log == list(range(others))
    assert (limiter.budget().in_flight, limiter.budget().queue_length) == (0, 0)


# --- The gate -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("retry_after", "halt"), [(None, 2.0), (0.0, 0.0), (30.0, 30.0)])
async def test_a_refusal_halts_everybody(retry_after: float | None, halt: float) -> None:
    """Nobody begins before the time the server named, or two slots if it named none."""
    limiter, log, start = LocalLimiter(RateLimit(60, per=60.0, burst=5)), list[float](), now()
    await limiter.acquire()
    await limiter.refused(retry_after)
    limiter.release()
    await begin(*(call(limiter, log, priority=each) for each in PRIORITIES))
    assert log[0] - start == pytest.approx(max(halt, 1.0), abs=1e-3)
    assert limiter.budget().refusals == 1


async def test_a_refusal_takes_the_bucket_as_full() -> None:
    """After the halt only what leaked meanwhile is free."""
    limiter, log, start = LocalLimiter(RateLimit(60, per=60.0, burst=5)), list[float](), now()
    await limiter.refused(3.0)
    assert limiter.budget().level == pytest.approx(5)
    await begin(*(call(limiter, log) for _ in range(6)))
    assert [at - start for at in log] == pytest.approx([3, 3, 3, 4, 5, 6], abs=1e-3)


async def test_the_gate_only_moves_forward() -> None:
    """A later refusal that asks for less does not open the gate earlier."""
    limiter, log, start = LocalLimiter(None), list[float](), now()
    await limiter.refused(60.0)
    await limiter.refused(5.0)
    await asyncio.sleep(10)
    await limiter.refused(0.0)
    await call(limiter, log)
    assert log[0] - start == pytest.approx(60.0)


async def test_a_refusal_halts_those_who_wait_already() -> None:
    """Waiters for the bucket wait at the gate too."""
    limiter, log, start = LocalLimiter(RateLimit(60, per=60.0, burst=1)), list[float](), now()
    await limiter.acquire()
    waiting = begin(*(call(limiter, log) for _ in range(2)))
    await asyncio.sleep(0.5)
    await limiter.refused(20.0)
    limiter.release()
    await waiting
    assert log[0] - start == pytest.approx(20.5, abs=1e-3)


async def test_without_a_rate_a_refusal_halts_for_two_seconds() -> None:
    """A limiter without a budget keeps the gate."""
    limiter, log, start = LocalLimiter(None), list[float](), now()
    await limiter.refused(None)
    assert limiter.eta("normal") == pytest.approx(2.0)
    await call(limiter, log)
    assert log[0] - start == pytest.approx(2.0)


async def test_a_refused_call_goes_back_to_the_front_of_its_class() -> None:
    """It had its turn already; a better class still goes first."""
    limiter, log = LocalLimiter(RateLimit(60, per=60.0, burst=1)), list[str]()
    await limiter.acquire()
    waiting = begin(*(call(limiter, log, name) for name in ("second", "third")))
    await settle()
    await limiter.refused(None)
    limiter.release()
    await begin(
        call(limiter, log, "first again", again=True),
        call(limiter, log, "interactive", priority="interactive"),
        waiting_done(waiting),
    )
    assert log == ["interactive", "first again", "second", "third"]


# --- Saying it before waiting ---------------------------------------------------------------------


async def test_several_refused_calls_keep_their_order() -> None:
    """They go before all others of their class, in the order in which they were refused."""
    limiter, log = LocalLimiter(RateLimit(10, per=1.0, burst=1), in_flight=4), list[Any]()
    await limiter.acquire()
    others = begin(*(call(limiter, log, f"new {number}") for number in range(3)))
    await settle()
    again = begin(*(call(limiter, log, f"again {number}", again=True) for number in range(3)))
    limiter.release()
    await asyncio.gather(others, again)
    assert log == ["again 0", "again 1", "again 2", "new 0", "new 1", "new 2"]


async def test_a_refused_call_counts_only_what_goes_before_it() -> None:
    """First in line, it is not told that the queue behind it is too long for its deadline."""
    limiter, log = LocalLimiter(RateLimit(10, per=1.0, burst=2)), list[Any]()
    queue = begin(*(call(limiter, log) for _ in range(60)))
    await settle()
    with pytest.raises(BudgetWaitError):
        await limiter.acquire(longest=3.0)
    await limiter.acquire(again=True, longest=3.0)
    limiter.release()
    await queue


async def test_a_deadline_that_cannot_be_met_is_told_at_once() -> None:
    """The error names the seconds, and costs nothing."""
    limiter, log, start = LocalLimiter(RateLimit(60, per=60.0, burst=1)), list[float](), now()
    await limiter.acquire()
    limiter.release()
    waiting = begin(*(call(limiter, log) for _ in range(3)))
    await settle()
    with pytest.raises(BudgetWaitError, match=r"in 4\.0 s, its deadline is in 3\.5 s") as caught:
        await limiter.acquire(longest=3.5)
    assert caught.value.eta == pytest.approx(4.0)
    assert now() == start
    assert limiter.budget().queue_length == 3
    await waiting


async def test_a_deadline_that_can_be_met_is_met() -> None:
    """The time told is the time it takes."""
    limiter, start = LocalLimiter(RateLimit(60, per=60.0, burst=1)), now()
    await limiter.acquire()
    eta = limiter.eta("normal")
    limiter.release()
    await limiter.acquire(longest=eta)
    assert now() - start == pytest.approx(eta, abs=1e-3) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    ("priority", "eta"), [("interactive", 2.0), ("normal", 4.0), ("background", 7.0)]
)
async def test_the_eta_counts_who_goes_first(priority: Priority, eta: float) -> None:
    """Only callers of the same or a better class stand ahead."""
    limiter, log = LocalLimiter(RateLimit(60, per=60.0, burst=1)), list[float]()
    await limiter.acquire()
    limiter.release()
    waiting = begin(
        *(
            call(limiter, log, priority=each)
            for each, number in zip(PRIORITIES, (1, 2, 3), strict=True)
            for _ in range(number)
        )
    )
    await settle()
    assert limiter.eta(priority) == pytest.approx(eta)
    await waiting


async def test_the_budget_tells_how_things_stand() -> None:
    """Level, queue, flight and refusals can be read at any time."""
    limiter = LocalLimiter(RateLimit(60, per=60.0, burst=3), in_flight=2)
    log = list[float]()
    running = begin(*(call(limiter, log, lasts=10.0) for _ in range(4)))
    await settle()
    budget = limiter.budget()
    assert budget.burst == 3
    assert budget.level == pytest.approx(2.0)
    assert (budget.in_flight, budget.queue_length, budget.refusals) == (2, 2, 0)
    await asyncio.sleep(1.0)
    assert limiter.budget().level == pytest.approx(1.0)
    await running


async def test_nothing_is_left_running() -> None:
    """When nobody waits any more, no task of the limiter lives on."""
    limiter, log = LocalLimiter(RateLimit(60, per=60.0, burst=1)), list[float]()
    await begin(*(call(limiter, log) for _ in range(3)))
    waiter = asyncio.create_task(call(limiter, log))
    await settle()
    waiter.cancel()
    await settle()
    assert asyncio.all_tasks() == {asyncio.current_task()}


# --- Event loops ----------------------------------------------------------------------------------


def test_the_next_event_loop_goes_on_with_the_level() -> None:
    """A client of a module is used by one asyncio.run after another."""
    limiter = LocalLimiter(RateLimit(60, per=60.0, burst=10), in_flight=2)
    began = list[float]()

    async def many() -> float:
        await asyncio.gather(*(call(limiter, began, lasts=0.1) for _ in range(8)))
        return limiter.budget().level

    first = in_virtual_time(many)
    assert first == pytest.approx(8, abs=0.5)
    second = in_virtual_time(many)  # the clock begins anew, the bucket does not
    assert len(began) == 16
    assert second == pytest.approx(10, abs=0.5)


async def test_two_running_event_loops_are_refused() -> None:
    """A limiter that another running loop uses says so, and waits for nothing."""
    limiter = LocalLimiter()
    await limiter.acquire()

    def elsewhere() -> None:
        with asyncio.Runner() as runner:
            runner.run(limiter.acquire())

    thread = concurrent.futures.ThreadPoolExecutor(1)
    with thread, pytest.raises(ConfigurationError, match="one for each loop"):
        thread.submit(elsewhere).result()


async def test_a_pump_that_breaks_leaves_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits is told what broke."""
    limiter = LocalLimiter(None, in_flight=1)
    await limiter.acquire()
    waiting = [asyncio.ensure_future(limiter.acquire()) for _ in range(3)]
    await settle()
    monkeypatch.setattr(limiter, "_take", None)
    limiter.release()
    ended = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
    assert [type(each) for each in ended[1:]] == [TypeError, TypeError]
