"""The budget against the server's bucket: no refusal, hardly any of it unused, in good order."""

import asyncio
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from planado_async import Planado, RateLimit
from planado_async.core.limiter import Limiter, LocalLimiter
from planado_async.core.limiter_sqlite import SqliteLimiter
from planado_async.emulator import Emulator
from tests.reliability.slow_line import SlowLine

HOUR = 3600
RATE = RateLimit(60, per=60.0, burst=55)
SLOT = 1.0  # seconds
IN_FLIGHT = 8
ROUNDING = 1e-3

Make: TypeAlias = Callable[..., Limiter]


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.fixture(params=["local", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Make a limiter, as each start of a program does."""

    def local(rate: RateLimit = RATE, in_flight: int = IN_FLIGHT) -> Limiter:
        return LocalLimiter(rate, in_flight=in_flight)

    def sqlite(rate: RateLimit = RATE, in_flight: int = IN_FLIGHT) -> Limiter:
        return SqliteLimiter(tmp_path / "budget.db", rate, in_flight=in_flight, clock=now)

    return local if request.param == "local" else sqlite


# --- Against the server's bucket ------------------------------------------------------------------

# Seconds that calls are under way, none longer than the server's five calls to spare allow.
Jitter: TypeAlias = Callable[[random.Random], float]
JITTERS: dict[str, Jitter] = {
    "none": lambda rng: 0.0,
    "steady": lambda rng: 0.4,
    "uniform": lambda rng: rng.uniform(0, 3),
    "exponential": lambda rng: min(4.5, rng.expovariate(2.0)),
    "spikes": lambda rng: 4.5 if rng.random() < 0.1 else 0.02,
    "waves": lambda rng: -now() % 4.5,  # all calls of a while arrive together
}


@pytest.mark.parametrize("model", JITTERS)
async def test_pressure_is_never_refused_and_wastes_nothing(
    model: str, make: Make, scaled: Callable[[int], int], figures: Callable[..., None]
) -> None:
    """However calls are delayed, the server takes all, and they are what the budget allows."""
    rng = random.Random(16)
    until = now() + scaled(HOUR)
    async with (
        Emulator() as emulator,
        SlowLine(emulator.url, lambda: JITTERS[model](rng)) as line,
        Planado(emulator.api_key, base_url=line.url, limiter=make()) as planado,
    ):

        async def caller() -> None:
            while now() < until:
                await planado.request("GET", "/skills")

        await asyncio.gather(*(caller() for _ in range(2 * IN_FLIGHT)))
        counters = emulator.counters()
    seconds = line.calls[-1].began - line.calls[0].began
    utilisation = len(line.calls) / (RATE.burst + seconds / SLOT)
    figures(highest_level=round(counters["highest_level"], 2), utilisation=round(utilisation, 4))
    assert counters["refusals"] == 0
    assert 0.99 <= utilisation <= 1.0 + 1 / len(line.calls)


async def test_a_restart_on_a_full_bucket_costs_few_refusals(
    make: Make, figures: Callable[..., None]
) -> None:
    """A program that starts anew is refused no more calls than may be out, or none if it knows."""
    full = Emulator(burst=RATE.burst)
    async with full as emulator, SlowLine(emulator.url, lambda: 0.2) as line:
        for calls in (80, 40):
            limiter = make()
            async with Planado(emulator.api_key, base_url=line.url, limiter=limiter) as planado:
                report = await planado.bulk(
                    lambda _: planado.request("GET", "/skills"), range(calls), concurrency=calls
                )
            assert len(report.ok) == calls
        refusals = emulator.counters()["refusals"]
    figures(refusals=refusals)
    assert refusals <= (0 if isinstance(limiter, SqliteLimiter) else IN_FLIGHT + 1)


# --- The queue ------------------------------------------------------------------------------------


async def test_an_interactive_call_hardly_waits_behind_a_long_job(
    make: Make, scaled: Callable[[int], int], figures: Callable[..., None]
) -> None:
    """With thousands of background calls waiting, an interactive one begins within two slots."""
    count = scaled(3000)
    waits = list[float]()
    async with (
        Emulator() as emulator,
        Planado(emulator.api_key, base_url=emulator.url, limiter=make()) as planado,
    ):
        quick = planado.with_options(priority="interactive")
        slow = planado.with_options(priority="background")
        job = asyncio.create_task(
            slow.bulk(lambda _: slow.request("GET", "/skills"), range(count), concurrency=count)
        )
        rng = random.Random(3)
        await asyncio.sleep(rng.random())
        while planado.budget.queue_length:
            began = now()
            await quick.request("GET", "/skills")
            waits.append(now() - began)
            await asyncio.sleep(rng.uniform(0, 10))
        report = await job
        assert emulator.counters()["refusals"] == 0
    figures(longest_wait=round(max(waits), 3), interactive=len(waits))
    assert (len(report.ok), report.failed) == (count, [])
    assert len(waits) > count / 20
    assert max(waits) <= 2 * SLOT + ROUNDING


@pytest.fixture
def no_listening() -> Iterator[None]:
    """No socket is used, so the loop need not listen to any before it jumps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.virtual_time._LISTEN", 0.0)
        yield


@pytest.mark.usefixtures("no_listening")
async def test_ten_thousand_wait_in_line(make: Make, scaled: Callable[[int], int]) -> None:
    """All are served in the order in which they came; those who give up leave nothing behind."""
    count = scaled(10_000)
    limiter = make(RateLimit(60, per=60.0, burst=1))
    served = list[int]()

    async def call(number: int) -> None:
        turn = await limiter.acquire()
        served.append(number)
        limiter.release(turn, answered=True)

    before, began = asyncio.all_tasks(), now()
    calls = [asyncio.create_task(call(number)) for number in range(count)]
    await asyncio.sleep(count / 10 * SLOT)
    gone = random.Random(5).sample(range(len(served), count), count // 2)
    for number in gone:
        calls[number].cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert served == sorted(set(range(count)) - set(gone))
    assert math.isclose(now() - began, (len(served) - 1) * SLOT, abs_tol=2 * SLOT)
    await asyncio.sleep(SLOT)
    budget = limiter.budget()
    assert (budget.queue_length, budget.in_flight, budget.level) == (0, 0, 0)
    assert asyncio.all_tasks() == before
