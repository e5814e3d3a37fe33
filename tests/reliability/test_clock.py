"""The wall clock jumps while calls wait: nobody waits longer for it, and nobody goes early."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import cycle, pairwise
from typing import Any

import pytest
import time_machine

from planado_async import (
    BudgetWaitError,
    DeadlineExceededError,
    LocalLimiter,
    RateLimit,
    TryTimeoutError,
)
from planado_async.core.retry import Retry, RetryPolicy
from planado_async.core.transport import Call, Options
from tests.core.leaky import highest
from tests.core.wire import FAILED, Answer, Wire, opened

HOUR, YEAR = 3600.0, 365 * 86_400.0
PAUSE = 0.7  # seconds of the loop from one jump to the next; the budget's slot is one
SLACK = 0.05  # seconds that sockets take
CALLS = 1_000
RATE = RateLimit(60, per=60.0, burst=10)

pytestmark = pytest.mark.parametrize("jump", [HOUR, -HOUR, 10 * YEAR, -10 * YEAR])


@asynccontextmanager
async def jumping_clock(jump: float) -> AsyncIterator[list[datetime]]:
    """Let the wall clock, and no other, jump there and back; gives the moments it showed."""
    shown: list[datetime] = []
    with time_machine.travel(datetime(2026, 2, 2, 8, tzinfo=UTC), tick=False) as clock:

        async def keep_jumping() -> None:
            for sign in cycle((1, -1)):
                await asyncio.sleep(PAUSE)
                clock.shift(sign * jump)
                shown.append(datetime.now(UTC))

        jumper = asyncio.create_task(keep_jumping())
        yield shown
        jumper.cancel()
    assert max(shown) - min(shown) >= timedelta(seconds=abs(jump))


def call(**options: Any) -> Call:
    return Call(
        method="GET", route="/jobs", path="/jobs", effect="read", options=Options(**options)
    )


def now() -> float:
    return asyncio.get_running_loop().time()


def gaps(wire: Wire) -> list[float]:
    """Return the seconds between the requests on the wire."""
    return [later.at - first.at for first, later in pairwise(wire.asked)]


async def test_the_budget_is_kept(
    jump: float, scaled: Callable[[int], int], figures: Callable[..., None]
) -> None:
    """Each call goes out when its slot comes: none before, none at twice the wait."""
    count = scaled(CALLS)
    async with (
        Wire() as wire,
        opened(wire.url, limiter=LocalLimiter(RATE)) as transport,
        jumping_clock(jump) as shown,
    ):
        began = now()
        await asyncio.gather(*(transport.send(call()) for _ in range(count)))
    waits = [asked.at - began for asked in wire.asked]
    due = [max(0.0, (number + 1 - RATE.burst) * RATE.interval) for number in range(count)]
    late = max(wait - slot for wait, slot in zip(waits, due, strict=True))
    level = highest(waits, RATE.interval)
    figures(calls=count, jumps=len(shown), highest_level=round(level, 3), latest_s=round(late, 3))
    assert all(wait <= 2 * slot + SLACK for wait, slot in zip(waits, due, strict=True))
    assert level <= RATE.burst + SLACK


async def test_tries_keep_their_distance(jump: float) -> None:
    """What is waited between two tries is what `on_retry` was told."""
    told: list[Retry] = []
    policy = RetryPolicy(attempts=6, first_wait=1.0)
    async with (
        Wire(*[FAILED] * 5, Answer()) as wire,
        opened(wire.url, retries=policy, on_retry=told.append) as transport,
        jumping_clock(jump),
    ):
        await transport.send(call())
    assert gaps(wire) == pytest.approx([each.seconds for each in told], abs=SLACK)


@pytest.mark.parametrize(("headers", "halt"), [({"Retry-After": "30"}, 30.0), ({}, 2.0)])
async def test_a_refusal_is_waited_out(jump: float, headers: dict[str, str], halt: float) -> None:
    """The gate opens when the server said, or after two slots."""
    refusal = Answer(status=429, headers=headers)
    async with (
        Wire(refusal, Answer()) as wire,
        opened(wire.url, limiter=LocalLimiter(RATE)) as transport,
        jumping_clock(jump),
    ):
        await transport.send(call())
    assert gaps(wire) == pytest.approx([halt], abs=SLACK)


async def test_time_limits_hold(jump: float) -> None:
    """A try ends at its timeout and a call at its deadline."""
    async with (
        Wire(Answer(after=100.0)) as wire,
        opened(wire.url, retries=RetryPolicy(attempts=1)) as transport,
        jumping_clock(jump),
    ):
        began = now()
        with pytest.raises(TryTimeoutError):
            await transport.send(call(timeout=5.0))
        assert now() - began == pytest.approx(5.0, abs=SLACK)
        with pytest.raises(DeadlineExceededError):
            await transport.send(call(deadline=8.0))
        assert now() - began == pytest.approx(13.0, abs=SLACK)


async def test_the_wait_that_is_told_is_the_wait(jump: float) -> None:
    """A deadline the budget cannot meet is told at once, with the seconds it really takes."""
    limiter = LocalLimiter(RateLimit(60, per=60.0, burst=1))
    async with Wire() as wire, opened(wire.url, limiter=limiter) as transport, jumping_clock(jump):
        await transport.send(call())
        waiting = [asyncio.create_task(transport.send(call())) for _ in range(5)]
        await asyncio.sleep(2.2)
        with pytest.raises(BudgetWaitError) as caught:
            await transport.send(call(deadline=1.0))
        began = now()
        await transport.send(call())
        assert now() - began == pytest.approx(caught.value.eta, abs=SLACK)
        await asyncio.gather(*waiting)
