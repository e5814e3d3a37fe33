"""One budget for everybody: the bucket, the queue, the gate. Every limiter keeps this contract."""

import asyncio
import concurrent.futures
import math
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planado_async.core.errors import BudgetWaitError, ConfigurationError
from planado_async.core.gate import LEARNED_FOR, MARGIN
from planado_async.core.limiter import LocalLimiter, Priority, QueuedLimiter, RateLimit
from planado_async.core.limiter_sqlite import SqliteLimiter
from tests.core.leaky import (
    DELAYS,
    Server,
    begin,
    call,
    highest,
    in_virtual_time,
    lost,
    now,
    refused,
    serve,
    settle,
)
from tests.virtual_time import VirtualTimeLoop

PRIORITIES: tuple[Priority, ...] = ("interactive", "normal", "background")
ROUNDING = 1e-3  # calls, or seconds where a slot is one

Make: TypeAlias = Callable[..., QueuedLimiter]
"""Makes a limiter with a budget of its own, from a `RateLimit` and `in_flight`."""


@pytest.fixture(autouse=True, scope="module")
def no_sockets() -> Iterator[None]:
    """No socket is used here, so the loop need not listen to any before it jumps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.virtual_time._LISTEN", 0.0)
        yield


@pytest.fixture(scope="module", params=["local", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Make each kind of limiter, with a new file for each that has one."""
    folder, number = tmp_path_factory.mktemp("budgets"), count()

    def sqlite(rate: RateLimit = RateLimit(), *, in_flight: int = 8) -> QueuedLimiter:  # noqa: B008
        path = folder / f"{next(number)}.db"
        return SqliteLimiter(path, rate, in_flight=in_flight, clock=now)

    return LocalLimiter if request.param == "local" else sqlite


# --- The bucket -----------------------------------------------------------------------------------


async def test_a_burst_is_free_and_then_the_rate_holds(make: Make) -> None:
    """As many calls as the bucket holds go at once, each further one after one interval."""
    limiter, log, start = make(RateLimit(60, per=60.0, burst=5)), list[float](), now()
    await begin(*(call(limiter, log) for _ in range(8)))
    assert [at - start for at in log] == pytest.approx([0, 0, 0, 0, 0, 1, 2, 3], abs=ROUNDING)


@given(
    burst=st.integers(1, 12),
    calls=st.integers(1, 120),
    per=st.floats(0.5, 90),
    in_flight=st.integers(1, 9),
    arrivals=st.lists(
        st.tuples(
            st.floats(0, 20),
            st.floats(0, 3),
            st.sampled_from(PRIORITIES),
            st.one_of(st.none(), st.sampled_from([0.0, 1.0, 5.0]), st.floats(0, 10)),
        ),
        min_size=1,
        max_size=40,
    ),
)
@settings(max_examples=80)
def test_no_window_holds_more_than_the_bucket_allows(
    make: Make,
    burst: int,
    calls: int,
    per: float,
    in_flight: int,
    arrivals: list[tuple[float, float, Priority, float | None]],
) -> None:
    """In any window of t seconds at most burst + rate x t calls begin, and few enough are out."""
    limit = RateLimit(calls, per=per, burst=burst)
    begun: list[float] = []
    out = most_out = 0

    async def one(
        limiter: QueuedLimiter, at: float, lasts: float, how: Priority, patience: float | None
    ) -> None:
        nonlocal out, most_out
        await asyncio.sleep(at)
        try:
            async with asyncio.timeout(patience):
                turn = await limiter.acquire(how)
        except TimeoutError:
            return
        begun.append(now())
        out += 1
        most_out = max(most_out, out)
        await asyncio.sleep(lasts)
        out -= 1
        limiter.release(turn, answered=True)

    async def main() -> None:
        limiter = make(limit, in_flight=in_flight)
        await begin(*(one(limiter, *each) for each in arrivals))
        assert limiter.budget().queue_length == limiter.budget().in_flight == 0

    in_virtual_time(main)
    assert len(begun) >= sum(patience is None for *_, patience in arrivals)
    assert most_out <= in_flight
    assert highest(begun, limit.interval) <= burst + ROUNDING


async def test_a_half_hour_of_pressure_uses_the_whole_rate(make: Make) -> None:
    """With callers always waiting, hardly any of the budget is left unused."""
    limiter, log, start = make(RateLimit(60, per=60.0, burst=55)), list[float](), now()

    async def caller() -> None:
        while now() - start < 1800:
            await call(limiter, log, lasts=0.2)

    await begin(*(caller() for _ in range(10)))
    assert len(log) >= 0.99 * (55 + 1800)
    assert highest(log, 1.0) <= 55 + ROUNDING


@pytest.mark.parametrize("nonsense", [{"calls": 0}, {"per": 0}, {"burst": 0.5}, {"calls": -1}])
def test_a_rate_of_nonsense_is_refused(nonsense: dict[str, float]) -> None:
    """Figures that make no sense are a ValueError."""
    with pytest.raises(ValueError, match="must be"):
        RateLimit(**nonsense)


def test_nobody_in_flight_is_refused(make: Make) -> None:
    """A limiter that could grant nothing is a ValueError."""
    with pytest.raises(ValueError, match="at least one call"):
        make(in_flight=0)


# --- The queue ------------------------------------------------------------------------------------


async def test_a_class_is_served_first_come_first_served(make: Make) -> None:
    """Callers of one class begin in the order in which they came."""
    limiter, log = make(RateLimit(60, per=60.0, burst=1)), list[int]()
    await begin(*(call(limiter, log, number) for number in range(30)))
    assert log == list(range(30))


async def test_callers_that_come_one_by_one_are_served_in_that_order(make: Make) -> None:
    """Nor does it matter when they came, or how long the calls before them last."""
    limiter, log = make(RateLimit(60, per=60.0, burst=3), in_flight=2), list[int]()

    async def later(number: int) -> None:
        await asyncio.sleep(number * 0.37)
        await call(limiter, log, number, lasts=number % 3)

    await begin(*(later(number) for number in range(30)))
    assert log == list(range(30))


async def test_a_newcomer_does_not_overtake(make: Make) -> None:
    """A call that comes in the moment in which there is room still goes behind those who wait."""
    limiter, log = make(in_flight=1), list[str]()
    turn = await limiter.acquire()
    waiting = begin(*(call(limiter, log, name) for name in ("first", "second")))
    await settle()
    limiter.release(turn, answered=True)
    await call(limiter, log, "newcomer")
    await waiting
    assert log == ["first", "second", "newcomer"]


async def test_a_newcomer_does_not_overtake_whoever_waits_for_a_slot(make: Make) -> None:
    """It comes at the very moment of the slot, before the head of the queue has woken up."""
    limiter, log = make(RateLimit(60, per=60.0, burst=1)), list[str]()
    await call(limiter, log, "at once")

    async def newcomer() -> None:
        await asyncio.sleep(1.0)
        await call(limiter, log, "newcomer")

    await begin(newcomer(), call(limiter, log, "first"), call(limiter, log, "second"))
    assert log == ["at once", "first", "second", "newcomer"]


async def waiting_done(waiting: Awaitable[Any]) -> None:
    await waiting


async def test_interactive_goes_before_normal_before_background(make: Make) -> None:
    """A better class is served first, whoever came first."""
    limiter, log = make(RateLimit(60, per=60.0, burst=1)), list[str]()
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
async def test_no_class_starves(
    make: Make, flood: tuple[Priority, ...], starving: Priority
) -> None:
    """However many calls of other classes wait, one of each class comes through before long."""
    limiter, log = make(RateLimit(60, per=60.0, burst=1)), list[str]()
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


async def test_one_grant_in_ten_goes_to_a_lower_class(make: Make) -> None:
    """No more than that, and the lower classes take turns at it."""
    limiter, log = make(RateLimit(60, per=60.0, burst=1)), list[str]()
    await begin(*(call(limiter, log, each, priority=each) for each in PRIORITIES * 100))
    for start in range(0, 100, 20):
        twenty = log[start : start + 20]
        assert [twenty.count(each) for each in PRIORITIES] == [18, 1, 1]


async def test_no_more_than_the_given_number_is_in_flight(make: Make) -> None:
    """A free bucket does not help while too many calls are out."""
    limiter, log, start = make(in_flight=2), list[float](), now()
    await begin(*(call(limiter, log, lasts=1.0) for _ in range(5)))
    assert [at - start for at in log] == pytest.approx([0, 0, 1, 1, 2])


@pytest.mark.parametrize("place", [0, 2, 4])
async def test_a_waiter_that_gives_up_costs_only_its_place(make: Make, place: int) -> None:
    """Cancelled waiters take nothing from the budget and hold nobody up."""
    limiter, log, start = make(RateLimit(60, per=60.0, burst=1)), list[float](), now()
    await call(limiter, [])
    waiters = [asyncio.create_task(call(limiter, log)) for _ in range(5)]
    await asyncio.sleep(0.5)
    waiters[place].cancel()
    await asyncio.wait(waiters)
    assert [at - start for at in log] == pytest.approx([1, 2, 3, 4], abs=ROUNDING)
    assert (limiter.budget().in_flight, limiter.budget().queue_length) == (0, 0)


@pytest.mark.parametrize("after", [0.0, 0.3, 1.2, 1.7, 2.9, 100.0])
async def test_all_waiters_that_give_up_cost_one_slot_together(make: Make, after: float) -> None:
    """Whenever the next caller comes, it waits at most a slot longer than without them."""
    limiter, log, start = make(RateLimit(60, per=60.0, burst=1)), list[float](), now()
    await call(limiter, log)
    waiters = [asyncio.create_task(call(limiter, log)) for _ in range(5)]
    await asyncio.sleep(0.5)
    for each in waiters:
        each.cancel()
    await asyncio.sleep(after)
    assert 0 <= limiter.budget().level <= 1 + ROUNDING
    await begin(*(call(limiter, log) for _ in range(3)))
    first = max(1.0, 0.5 + after)
    assert log[1] - start <= first + 1 + ROUNDING
    assert log[-1] - start <= first + 3 + ROUNDING
    assert highest(log, 1.0) <= 1 + ROUNDING


async def test_a_caller_that_comes_as_the_last_waiter_gives_up_is_served(make: Make) -> None:
    """The queue's end does not take the next caller with it."""
    limiter, log = make(RateLimit(60, per=60.0, burst=1)), list[str]()
    await call(limiter, [])
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
            st.sampled_from(["served", "served", "cut", "refused"]),
        ),
        min_size=1,
        max_size=25,
    )
)
@settings(max_examples=80)
def test_whoever_does_not_give_up_is_served(
    make: Make, steps: list[tuple[float, Priority, float | None, str]]
) -> None:
    """Whatever the others do, a patient caller gets its turn, and no place in flight is lost."""

    async def one(
        limiter: QueuedLimiter, at: float, how: Priority, patience: float | None, ends: str
    ) -> bool:
        await asyncio.sleep(at)
        try:
            async with asyncio.timeout(patience):
                turn = await limiter.acquire(how)
        except TimeoutError:
            return False
        await asyncio.sleep(0.3)
        if ends == "refused":
            await limiter.refused(turn, 0.0)
        limiter.release(turn, answered=ends == "served")
        return True

    async def main() -> None:
        limiter = make(RateLimit(60, per=60.0, burst=2), in_flight=2)
        async with asyncio.timeout(500):
            got = await asyncio.gather(*(one(limiter, *step) for step in steps))
        assert all(served for served, step in zip(got, steps, strict=True) if step[2] is None)
        budget = limiter.budget()
        assert (budget.in_flight, budget.queue_length) == (0, 0)

    in_virtual_time(main)


async def test_a_turn_that_comes_with_the_cancellation_is_given_back(make: Make) -> None:
    """A caller cancelled in the moment of its turn leaves no place in flight behind."""
    limiter, log = make(in_flight=1), list[str]()
    turn = await limiter.acquire()
    waiter = asyncio.create_task(call(limiter, log, "never"))
    await settle()
    limiter.release(turn, answered=True)
    while not limiter.budget().in_flight:  # noqa: ASYNC110  # the very moment is meant
        await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.wait([waiter])
    assert (log, limiter.budget().in_flight) == ([], 0)


@pytest.mark.parametrize("others", [0, 1, 2])
async def test_a_waiter_that_gives_up_as_its_turn_comes_is_passed_over(
    make: Make, others: int
) -> None:
    """Cancelled but not yet gone, it takes no turn from those behind it."""
    limiter, log = make(in_flight=1), list[int]()
    turn = await limiter.acquire()
    waiter = asyncio.create_task(call(limiter, log, -1))
    behind = [asyncio.create_task(call(limiter, log, number)) for number in range(others)]
    await settle()
    limiter.release(turn, answered=True)
    waiter.cancel()
    await asyncio.wait([waiter, *behind])
    assert log == list(range(others))
    assert (limiter.budget().in_flight, limiter.budget().queue_length) == (0, 0)


# --- The gate -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("retry_after", "halt"), [(None, 2.0), (0.0, 1.0), (0.3, 1.0), (-5.0, 1.0), (30.0, 30.0)]
)
async def test_a_refusal_halts_everybody(
    make: Make, retry_after: float | None, halt: float
) -> None:
    """Nobody begins before the time the server named, or two slots if it named none.

    Less than a slot counts as one, because until then every call would be refused.
    """
    limiter, log, start = make(RateLimit(60, per=60.0, burst=5)), list[float](), now()
    await refused(limiter, retry_after)
    await begin(*(call(limiter, log, priority=each) for each in PRIORITIES))
    assert log[0] - start == pytest.approx(halt, abs=ROUNDING)
    assert limiter.budget().refusals == 1


async def test_a_refusal_takes_the_bucket_as_full_by_the_servers_size(make: Make) -> None:
    """After the probe only what leaked meanwhile is free, with the margin back in place."""
    limiter, log, start = make(RateLimit(60, per=60.0, burst=5)), list[float](), now()
    await refused(limiter, 3.0)
    assert limiter.budget().level == pytest.approx(5 + MARGIN)
    await begin(*(call(limiter, log) for _ in range(6)))
    assert [at - start for at in log] == pytest.approx([3, 7, 8, 9, 10, 11], abs=ROUNDING)


async def test_a_server_that_rides_at_its_cap_is_not_hit_again(make: Make) -> None:
    """Somebody else has filled its bucket: after one probe all calls have room there."""
    limiter, server = make(RateLimit(60, per=60.0, burst=55)), Server(60, level=60)
    await serve(limiter, server, 1)
    assert len(server.refused) == 1
    await serve(limiter, server, 150)
    assert len(server.refused) == 1


async def test_the_gate_only_moves_forward(make: Make) -> None:
    """A later refusal that asks for less does not open the gate earlier."""
    limiter, log, start = make(), list[float](), now()
    turns = [await limiter.acquire() for _ in range(3)]
    await limiter.refused(turns[0], 60.0)
    await limiter.refused(turns[1], 5.0)
    await asyncio.sleep(10)
    await limiter.refused(turns[2], 0.0)
    await call(limiter, log)
    assert log[0] - start == pytest.approx(60.0)


@pytest.mark.parametrize("retry_after", [100.0, 120.0])
async def test_a_long_halt_is_kept(make: Make, retry_after: float) -> None:
    """All seconds of the longest Retry-After that is honoured are waited."""
    limiter, log, start = make(), list[float](), now()
    await refused(limiter, retry_after)
    await call(limiter, log)
    assert log[0] - start == pytest.approx(retry_after)


async def test_a_halt_of_an_hour_is_not_taken_for_none(make: Make) -> None:
    """Whoever calls the limiter with more than is honoured waits as long as is honoured."""
    limiter, log, start = make(), list[float](), now()
    await refused(limiter, 3600.0)
    await call(limiter, log)
    assert log[0] - start >= 120.0 - ROUNDING


async def test_a_refusal_halts_those_who_wait_already(make: Make) -> None:
    """Waiters for the bucket wait at the gate too."""
    limiter, log, start = make(RateLimit(60, per=60.0, burst=1)), list[float](), now()
    turn = await limiter.acquire()
    waiting = begin(*(call(limiter, log) for _ in range(2)))
    await asyncio.sleep(0.5)
    await limiter.refused(turn, 20.0)
    limiter.release(turn, answered=False)
    await waiting
    assert log[0] - start == pytest.approx(20.5, abs=ROUNDING)


async def test_a_refused_call_goes_back_to_the_front_of_its_class(make: Make) -> None:
    """It had its turn already; a better class still goes first."""
    limiter, log = make(RateLimit(60, per=60.0, burst=1)), list[str]()
    turn = await limiter.acquire()
    waiting = begin(*(call(limiter, log, name) for name in ("second", "third")))
    await settle()
    await limiter.refused(turn, None)
    limiter.release(turn, answered=False)
    await begin(
        call(limiter, log, "first again", again=True),
        call(limiter, log, "interactive", priority="interactive"),
        waiting_done(waiting),
    )
    assert log == ["interactive", "first again", "second", "third"]


async def test_several_refused_calls_keep_their_order(make: Make) -> None:
    """They go before all others of their class, in the order in which they were refused."""
    limiter, log = make(RateLimit(10, per=1.0, burst=1), in_flight=4), list[Any]()
    turn = await limiter.acquire()
    others = begin(*(call(limiter, log, f"new {number}") for number in range(3)))
    await settle()
    again = begin(*(call(limiter, log, f"again {number}", again=True) for number in range(3)))
    limiter.release(turn, answered=True)
    await asyncio.gather(others, again)
    assert log == ["again 0", "again 1", "again 2", "new 0", "new 1", "new 2"]


# --- The probe ------------------------------------------------------------------------------------


async def test_one_probe_goes_out_and_all_others_wait_for_its_answer(make: Make) -> None:
    """However long the answer takes, and however much room the bucket has by then."""
    limiter, log = make(RateLimit(60, per=60.0, burst=5)), list[float]()
    await refused(limiter)
    probe = await limiter.acquire()
    others = begin(*(call(limiter, log, priority=each) for each in PRIORITIES * 2))
    await asyncio.sleep(50)
    assert (probe.probe, log) == (True, [])
    limiter.release(probe, answered=True)
    await settle()
    assert len(log) == 5
    await others
    assert len(log) == 6


async def test_only_the_first_call_after_a_refusal_is_a_probe(make: Make) -> None:
    """Neither those before a refusal are, nor those after its probe was answered."""
    limiter = make(RateLimit(60, per=60.0, burst=5))
    turns = [await refused(limiter)]
    for _ in range(3):
        turns.append(await limiter.acquire())
        limiter.release(turns[-1], answered=True)
    assert [turn.probe for turn in turns] == [False, True, False, False]


async def test_after_a_lost_probe_the_next_call_is_one(make: Make) -> None:
    """A probe that was cut off has shown nothing."""
    limiter, log = make(RateLimit(60, per=60.0, burst=5)), list[float]()
    await refused(limiter)
    assert (await lost(limiter)).probe
    second = await limiter.acquire()
    others = begin(*(call(limiter, log) for _ in range(3)))
    await asyncio.sleep(30)
    assert (second.probe, log) == (True, [])
    limiter.release(second, answered=True)
    await others
    assert len(log) == 3


async def test_after_a_probe_cancelled_with_its_turn_the_next_call_is_one(make: Make) -> None:
    """The turn of a caller that gave up in that moment goes to the next as it was."""
    limiter = make(RateLimit(60, per=60.0, burst=5))
    await refused(limiter)
    waiter = asyncio.create_task(limiter.acquire())
    while not limiter.budget().in_flight:  # noqa: ASYNC110  # the very moment is meant
        await asyncio.sleep(0 if limiter.eta("normal") <= 0 else 0.1)
    waiter.cancel()
    await asyncio.wait([waiter])
    assert waiter.cancelled()
    assert (await asyncio.wait_for(limiter.acquire(), 10)).probe


async def test_after_a_refused_probe_there_is_another_halt_and_another_probe(make: Make) -> None:
    """So a storm costs one call per halt."""
    limiter, start = make(RateLimit(60, per=60.0, burst=5)), now()
    turns, at = list[bool](), list[float]()
    for _ in range(4):
        turns.append((await refused(limiter)).probe)
        at.append(now() - start)
    assert turns == [False, True, True, True]
    assert at == pytest.approx([0, 2, 4, 6], abs=ROUNDING)
    assert limiter.budget().refusals == 4


async def test_a_late_refusal_halts_those_who_wait_for_the_probe(make: Make) -> None:
    """It is of a call from before; nobody goes out until its halt is over."""
    limiter, log, start = make(RateLimit(60, per=60.0, burst=5)), list[float](), now()
    late = await limiter.acquire()
    await refused(limiter)
    probe = await limiter.acquire()
    others = begin(*(call(limiter, log) for _ in range(2)))
    await limiter.refused(late, 30.0)
    limiter.release(late, answered=False)
    await asyncio.sleep(1.0)
    limiter.release(probe, answered=True)
    await others
    assert log[0] - start == pytest.approx(32.0, abs=ROUNDING)


async def test_probes_that_are_lost_keep_to_the_budget(make: Make) -> None:
    """A server that is gone gets no more calls than one that answers."""
    limiter, log = make(RateLimit(60, per=60.0, burst=5)), list[float]()
    await refused(limiter)
    await begin(*(waiting_done(lost(limiter, log)) for _ in range(40)))
    assert highest(log, 1.0) <= MARGIN + ROUNDING


def test_a_probe_lost_with_its_event_loop_does_not_hold_up_the_next(make: Make) -> None:
    """What was in flight in a loop that has ended is forgotten, or given up after a minute."""
    made: list[QueuedLimiter] = []

    async def first() -> None:
        made.append(make(RateLimit(60, per=60.0, burst=5)))
        await refused(made[0])
        assert (await made[0].acquire()).probe

    async def second() -> float:
        turn = await asyncio.wait_for(made[0].acquire(), 120)
        assert turn.probe
        return made[0].budget().in_flight

    in_virtual_time(first)
    assert in_virtual_time(second) == 1


# --- What refusals teach --------------------------------------------------------------------------


@pytest.mark.parametrize("delay", DELAYS)
async def test_a_server_of_the_size_that_is_set_refuses_nothing(make: Make, delay: str) -> None:
    """However the network delivers, the default keeps its distance and uses the whole rate."""
    limiter, server = make(), Server(60, delay=delay)
    took = await serve(limiter, server, 300)
    await asyncio.sleep(300)
    await serve(limiter, server, 100)
    assert (server.refused, limiter.budget().learned_burst) == ([], None)
    assert took <= (300 - 55) + 5


@pytest.mark.parametrize("delay", DELAYS)
@pytest.mark.parametrize("size", [10, 20, 40])
async def test_a_smaller_bucket_is_learned_once(make: Make, size: int, delay: str) -> None:
    """The calls in flight and a probe are refused at most, and none later, pauses or not."""
    limiter, server = make(), Server(size, delay=delay)
    took = await serve(limiter, server, 200)
    learned = limiter.budget().learned_burst
    assert 1 <= len(server.refused) <= 8 + 1
    assert learned is not None
    assert 1 <= learned <= size - 1
    assert limiter.budget().burst == learned
    assert took <= 1.1 * (200 - size)
    known = len(server.refused)
    for pause in (0, 60, 600):
        await asyncio.sleep(pause)
        await serve(limiter, server, 60)
    assert len(server.refused) == known == limiter.budget().refusals
    assert limiter.budget().learned_burst == learned


@pytest.mark.parametrize("size", [10, 20, 40])
async def test_what_is_learned_is_the_size_less_the_margin(make: Make, size: int) -> None:
    """Without delays it is found to the call."""
    limiter, server = make(), Server(size)
    await serve(limiter, server, 100)
    assert limiter.budget().learned_burst == size - MARGIN


@pytest.mark.parametrize("delay", ["constant", "bursts"])
@pytest.mark.parametrize("size", [10, 40])
async def test_a_learned_bucket_is_used_at_the_whole_rate(
    make: Make, size: int, delay: str
) -> None:
    """A smaller burst costs nothing in the long run."""
    limiter, server = make(), Server(size, delay=delay)
    took = await serve(limiter, server, 700)
    assert took <= 1.03 * (700 - size)


async def test_a_refused_call_is_lost_never_and_served_once(make: Make) -> None:
    """All calls come through, each once."""
    limiter, server = make(), Server(10, delay="reordering")
    await serve(limiter, server, 100)
    assert len(server.served) == 100
    assert (limiter.budget().in_flight, limiter.budget().queue_length) == (0, 0)


@pytest.mark.parametrize("retry_after", [None, 7.0])
@pytest.mark.parametrize("lasts", [10.0, 60.0])
async def test_a_storm_teaches_nothing(make: Make, lasts: float, retry_after: float | None) -> None:
    """If the probe is refused as well, it was not the size of the bucket."""
    limiter, server = make(), Server(60, retry_after=retry_after, delay="constant")
    busy = asyncio.create_task(serve(limiter, server, 120))
    await asyncio.sleep(2.0)
    server.deaf_until = now() + lasts
    await asyncio.sleep(lasts)
    assert limiter.budget().learned_burst is None or len(server.refused) <= 8
    await busy
    assert len(server.refused) > 2
    assert limiter.budget().learned_burst is None
    assert limiter.budget().burst == 55


async def test_a_storm_leaves_what_was_learned_before(make: Make) -> None:
    """What it seemed to teach is taken back, and nothing else."""
    limiter, server = make(), Server(20)
    await serve(limiter, server, 60)
    await asyncio.sleep(60)
    assert limiter.budget().learned_burst == 15
    busy = asyncio.create_task(serve(limiter, server, 40))
    await asyncio.sleep(0.5)
    server.deaf_until = now() + 20
    await busy
    assert limiter.budget().learned_burst == 15


@pytest.mark.parametrize("delay", DELAYS)
@pytest.mark.parametrize("in_flight", [1, 3, 8, 20, 50])
async def test_a_restart_on_a_full_bucket_teaches_nothing(
    make: Make, in_flight: int, delay: str
) -> None:
    """It costs as many refusals as calls are in flight, and one, and then goes on at the rate."""
    limiter, server = make(in_flight=in_flight), Server(60, level=60, delay=delay)
    await serve(limiter, server, 100)
    assert len(server.refused) <= in_flight + 1
    assert limiter.budget().learned_burst is None


async def test_what_was_learned_is_forgotten_after_some_hours(make: Make) -> None:
    """Until then it holds; then the setting counts, and a small server is learned again."""
    limiter, server = make(), Server(10)
    await serve(limiter, server, 30)
    first = len(server.refused)
    await asyncio.sleep(LEARNED_FOR - 300)
    assert limiter.budget().learned_burst == 5
    await asyncio.sleep(300)
    assert (limiter.budget().learned_burst, limiter.budget().burst) == (None, 55)
    await serve(limiter, server, 30)
    assert first < len(server.refused) <= 2 * (8 + 1)
    assert limiter.budget().learned_burst == 5


# --- Saying it before waiting ---------------------------------------------------------------------


async def test_a_refused_call_counts_only_what_goes_before_it(make: Make) -> None:
    """First in line, it is not told that the queue behind it is too long for its deadline."""
    limiter, log = make(RateLimit(10, per=1.0, burst=2)), list[Any]()
    queue = begin(*(call(limiter, log) for _ in range(60)))
    await settle()
    with pytest.raises(BudgetWaitError):
        await limiter.acquire(longest=3.0)
    turn = await limiter.acquire(again=True, longest=3.0)
    limiter.release(turn, answered=True)
    await queue


async def test_a_deadline_that_cannot_be_met_is_told_at_once(make: Make) -> None:
    """The error names the seconds, and costs nothing."""
    limiter, log, start = make(RateLimit(60, per=60.0, burst=1)), list[float](), now()
    await call(limiter, [])
    waiting = begin(*(call(limiter, log) for _ in range(3)))
    await settle()
    with pytest.raises(BudgetWaitError, match=r"in 4\.0 s, its deadline is in 3\.5 s") as caught:
        await limiter.acquire(longest=3.5)
    assert caught.value.eta == pytest.approx(4.0)
    assert now() == start
    assert limiter.budget().queue_length == 3
    await waiting
    assert [at - start for at in log] == pytest.approx([1, 2, 3], abs=ROUNDING)


async def test_deadlines_that_cannot_be_met_cost_one_slot_at_most(make: Make) -> None:
    """A caller that tries again and again takes nothing from the others."""
    limiter, log, start = make(RateLimit(60, per=60.0, burst=3)), list[float](), now()
    await begin(*(call(limiter, log) for _ in range(3)))
    for _ in range(20):
        with pytest.raises(BudgetWaitError):
            await limiter.acquire(longest=0.0)
        await asyncio.sleep(0.01)
    await begin(*(call(limiter, log) for _ in range(3)))
    assert log[-1] - start <= 4 + ROUNDING
    assert highest(log, 1.0) <= 3 + ROUNDING


@pytest.mark.parametrize("halted", [False, True])
@pytest.mark.parametrize("ahead", [0, 1, 3])
async def test_a_deadline_that_can_be_met_is_met(make: Make, ahead: int, halted: bool) -> None:
    """The time told is the time it takes, in the queue and after a refusal."""
    limiter, log, start = make(RateLimit(60, per=60.0, burst=1)), list[float](), now()
    await (refused(limiter) if halted else call(limiter, []))
    waiting = begin(*(call(limiter, log) for _ in range(ahead)))
    await settle()
    eta = limiter.eta("normal")
    turn = await limiter.acquire(longest=eta + ROUNDING)
    assert now() - start == pytest.approx(eta, abs=ROUNDING)
    limiter.release(turn, answered=True)
    await waiting


@pytest.mark.parametrize(
    ("priority", "eta"), [("interactive", 2.0), ("normal", 4.0), ("background", 7.0)]
)
async def test_the_eta_counts_who_goes_first(make: Make, priority: Priority, eta: float) -> None:
    """Only callers of the same or a better class stand ahead."""
    limiter, log = make(RateLimit(60, per=60.0, burst=1)), list[float]()
    await call(limiter, [])
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


@pytest.mark.parametrize("others", [(), ("normal",)])
async def test_the_eta_of_a_lower_class_counts_its_share(
    make: Make, others: tuple[Priority, ...]
) -> None:
    """Behind a hundred better calls it is told, at most, when its own class is served again."""
    limiter, log, start = make(RateLimit(60, per=60.0, burst=1)), list[float](), now()
    flood: tuple[Priority, ...] = ("interactive", *others)
    queue = begin(*(call(limiter, log, priority=each) for each in flood for _ in range(100)))
    await settle()
    told = limiter.eta("background")
    turn = await limiter.acquire("background", longest=20.0)
    assert now() - start <= told <= 20.0
    limiter.release(turn, answered=True)
    await queue


async def test_the_budget_tells_how_things_stand(make: Make) -> None:
    """Level, queue, flight and refusals can be read at any time."""
    limiter = make(RateLimit(60, per=60.0, burst=3), in_flight=2)
    log = list[float]()
    running = begin(*(call(limiter, log, lasts=10.0) for _ in range(4)))
    await settle()
    budget = limiter.budget()
    assert (budget.burst, budget.learned_burst) == (3, None)
    assert budget.level == pytest.approx(2.0)
    assert (budget.in_flight, budget.queue_length, budget.refusals) == (2, 2, 0)
    await asyncio.sleep(1.0)
    assert limiter.budget().level == pytest.approx(1.0)
    await running


async def test_nothing_is_left_running(make: Make) -> None:
    """When nobody waits any more, no task of the limiter lives on."""
    limiter, log = make(RateLimit(60, per=60.0, burst=1)), list[float]()
    await begin(*(call(limiter, log) for _ in range(3)))
    waiter = asyncio.create_task(call(limiter, log))
    await settle()
    waiter.cancel()
    await settle()
    assert asyncio.all_tasks() == {asyncio.current_task()}


# --- Event loops ----------------------------------------------------------------------------------


def test_the_next_event_loop_goes_on_with_the_level(make: Make) -> None:
    """A client of a module is used by one asyncio.run after another."""
    limiter = make(RateLimit(60, per=60.0, burst=10), in_flight=2)
    began = list[float]()

    async def many() -> float:
        await asyncio.gather(*(call(limiter, began, lasts=0.1) for _ in range(8)))
        return limiter.budget().level

    first = in_virtual_time(many)
    assert first == pytest.approx(8, abs=0.5)
    second = in_virtual_time(many)  # the clock begins anew, the bucket does not
    assert len(began) == 16
    assert second == pytest.approx(10, abs=0.5)


async def test_two_running_event_loops_are_refused(make: Make) -> None:
    """A limiter that another running loop uses says so, and waits for nothing."""
    limiter = make()
    await limiter.acquire()

    def elsewhere() -> None:
        with asyncio.Runner() as runner:
            runner.run(limiter.acquire())

    thread = concurrent.futures.ThreadPoolExecutor(1)
    with thread, pytest.raises(ConfigurationError, match="one for each loop"):
        thread.submit(elsewhere).result()


async def test_a_pump_that_breaks_leaves_nobody_waiting(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits is told what broke, and who comes later is served again."""
    limiter = make(in_flight=1)
    turn = await limiter.acquire()
    waiting = [asyncio.ensure_future(limiter.acquire()) for _ in range(3)]
    await settle()
    with monkeypatch.context() as broken:
        broken.setattr(limiter, "_ask", None)
        limiter.release(turn, answered=True)
        ended = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
    assert [type(each) for each in ended] == [TypeError] * 3
    await asyncio.wait_for(limiter.acquire(), 5)


# --- Without a rate -------------------------------------------------------------------------------


async def test_without_a_rate_nothing_waits() -> None:
    """A limiter without a budget grants at once, as many as may be in flight."""
    limiter, log, start = LocalLimiter(None), list[float](), now()
    await begin(*(call(limiter, log) for _ in range(500)))
    assert (log[-1], limiter.budget().level, limiter.budget().burst) == (start, 0.0, None)


@pytest.mark.parametrize(("retry_after", "halt"), [(None, 2.0), (0.0, 1.0), (7.0, 7.0)])
async def test_without_a_rate_a_refusal_halts_for_seconds(
    retry_after: float | None, halt: float
) -> None:
    """A limiter without a budget keeps the gate; a slot is a second then."""
    limiter, log, start = LocalLimiter(None), list[float](), now()
    await refused(limiter, retry_after)
    assert limiter.eta("normal") == pytest.approx(halt)
    await call(limiter, log)
    assert log[0] - start == pytest.approx(halt)


async def test_without_a_rate_one_probe_goes_first() -> None:
    """Then all others follow at once, and nothing is learned."""
    limiter, server = LocalLimiter(None), Server(10, delay="constant")
    await serve(limiter, server, 10)
    assert server.refused == []
    await asyncio.gather(*(server.called(limiter) for _ in range(30)))
    assert len(server.served) == 40
    assert limiter.budget().learned_burst is None


async def test_a_loop_with_calls_in_it_is_not_left_behind() -> None:
    """While somebody waits in a loop that is only paused, another loop is told so."""
    limiter = LocalLimiter(in_flight=1)
    paused = VirtualTimeLoop()
    turn = await asyncio.to_thread(lambda: paused.run_until_complete(limiter.acquire()))
    with pytest.raises(ConfigurationError, match="one for each loop"):
        await limiter.acquire()
    limiter.release(turn, answered=True)
    limiter.release(await limiter.acquire(), answered=True)
    paused.close()


def test_a_level_of_another_clock_is_at_most_full() -> None:
    """The next loop's clock may begin lower; the bucket then counts as full, not as fuller."""
    limiter = LocalLimiter(RateLimit(60, per=60.0, burst=10))

    async def spend(begins: float) -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.advance(begins)
        limiter.release(await limiter.acquire(), answered=True)
        return limiter.budget().level

    in_virtual_time(lambda: spend(5000.0))
    assert in_virtual_time(lambda: spend(0.0)) <= 10 + MARGIN


@pytest.mark.parametrize("given", [{"calls": math.inf}, {"per": math.inf}, {"burst": math.inf}])
def test_a_rate_without_end_is_refused(given: dict[str, float]) -> None:
    """`rate=None` is how to do without a budget."""
    with pytest.raises(ValueError, match="must be"):
        RateLimit(**given)


@pytest.mark.parametrize(
    ("waiting", "priority"),
    [
        ({"interactive": 100, "background": 300}, "interactive"),
        ({"normal": 100, "background": 300}, "normal"),
        ({"interactive": 100, "normal": 100}, "background"),
        ({"interactive": 50, "normal": 20, "background": 10}, "normal"),
        ({"interactive": 30, "background": 40}, "background"),
    ],
)
async def test_the_eta_is_nearly_right(
    make: Make, waiting: dict[Priority, int], priority: Priority
) -> None:
    """The share of the lower classes is in it, for those who give it and those who get it."""
    limiter, start = make(RateLimit(60, per=60.0, burst=1)), now()
    queue = begin(
        *(call(limiter, [], priority=each) for each, count in waiting.items() for _ in range(count))
    )
    await settle()
    told = limiter.eta(priority)
    turn = await limiter.acquire(priority)
    limiter.release(turn, answered=True)
    assert now() - start == pytest.approx(told, abs=11)
    await queue
